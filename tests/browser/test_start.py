"""Before the ride: signing in, sensors, the first-run form, the demo class."""

from __future__ import annotations

import re

import pytest
from browser.fake_hub import TOKEN, FakeHub
from browser.kinds import OpenPage, StageRide
from browser.staged_ride import now_ms
from browser.staged_room import demo_class, home_sensors, workouts
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from hub.wire import live, live_views
from hub.wire.uplink import AdapterState, LinkStatus

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


def sensor_row(page: Page, name: str):
    return page.locator(f'[data-testid=sensor][data-name="{name}"]')


def test_the_link_signs_in_once_and_leaves_the_address(hub: FakeHub, open_page: OpenPage) -> None:
    page = open_page(f"#token={TOKEN}", signed_in=False)
    expect(page.get_by_test_id("start")).to_be_visible()
    assert TOKEN not in page.url
    page.reload()
    expect(page.get_by_test_id("start")).to_be_visible()


def test_a_used_link_is_no_hindrance_to_who_is_signed_in(open_page: OpenPage) -> None:
    page = open_page("#token=used")
    expect(page.get_by_test_id("start")).to_be_visible()
    assert "used" not in page.url


def test_a_used_link_alone_opens_nothing(open_page: OpenPage) -> None:
    page = open_page("#token=used", signed_in=False)
    expect(page.get_by_test_id("no-link")).to_be_visible()


def test_the_link_waits_for_a_hub_that_comes_late(hub: FakeHub, open_page: OpenPage) -> None:
    page = open_page("web/icon.svg", signed_in=False, alone=True)
    page.clock.install()
    page.route("**/api/login", lambda route: route.abort())
    page.goto(f"{hub.url}/#token={TOKEN}")
    expect(page.get_by_test_id("unreachable")).to_contain_text("The hub does not answer")
    page.unroute("**/api/login")
    page.clock.fast_forward(3_000)
    expect(page.get_by_test_id("start")).to_be_visible()


def test_after_a_revoked_sign_in_a_new_link_opens_the_page_again(
    hub: FakeHub, open_page: OpenPage
) -> None:
    page = open_page()
    link = page.get_by_test_id("link")
    expect(link).to_have_text("Live")
    hub.drop(live.CloseCode.EXPIRED)
    expect(page.get_by_test_id("no-link")).to_be_visible()
    page.evaluate("token => { location.hash = `token=${token}` }", TOKEN)
    expect(link).to_have_text("Live")


def test_a_sign_in_that_ends_in_some_days_is_renewed_and_nobody_notices(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.expires_at_ms = now_ms() + 3 * 24 * 3_600_000
    page = open_page()
    expect(page.get_by_test_id("link")).to_have_text("Live")
    page.evaluate(
        """async () => {
          const { wire } = document.querySelector("derny-app").hub;
          while (wire.expires_at_ms < 2e12) await new Promise((go) => setTimeout(go, 50));
        }"""
    )
    assert [call[1] for call in hub.stage.calls].count("/api/renew") == 1
    expect(page.get_by_test_id("link")).to_have_text("Live")


def test_without_the_link_the_page_says_what_it_needs(open_page: OpenPage) -> None:
    page = open_page(signed_in=False)
    expect(page.get_by_test_id("no-link")).to_contain_text(
        "This page needs the link that derny up printed"
    )


def test_sensors_show_name_battery_value_and_signal(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = home_sensors()
    page = open_page()
    row = sensor_row(page, "Cadence 77")
    expect(row).to_contain_text("Cadence sensor · battery 18 %")
    expect(row.get_by_test_id("sensor-last")).to_have_text("88 rpm")
    expect(row.get_by_role("img", name="weak signal")).to_be_visible()


def test_a_tap_takes_a_sensor_and_another_gives_it_back(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = home_sensors()
    page = open_page()
    use = sensor_row(page, "KICKR 4F2A").get_by_test_id("use")
    use.click()
    expect(use).to_have_attribute("aria-pressed", "true")
    assert ("PUT", "/api/assignments/s-kickr-4f2a", {"athlete": "me"}) in hub.stage.calls
    expect(page.get_by_test_id("gear")).to_have_text("KICKR 4F2A")
    use.click()
    expect(use).to_have_attribute("aria-pressed", "false")


def test_a_taken_sensor_is_swapped_only_when_said_so(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = home_sensors()
    page = open_page()
    row = sensor_row(page, "TICKR 09")
    row.get_by_test_id("use").click()
    expect(row.get_by_test_id("taken")).to_contain_text("This bike is taken. Sofia R. uses it.")
    row.get_by_test_id("choose-another").click()
    expect(row.get_by_test_id("taken")).to_be_hidden()
    assert not [call for call in hub.stage.calls if call[0] == "PUT"]
    row.get_by_test_id("use").click()
    row.get_by_test_id("swap").click()
    expect(row.get_by_test_id("use")).to_have_attribute("aria-pressed", "true")
    assert hub.stage.calls[-1][2] == {"athlete": "me", "swap": True}


def test_the_radios_say_how_many_more_sensors_fit(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = home_sensors()
    hub.stage.sensors[0] = replace(hub.stage.sensors[0], gateway="hall", adapter="hci1")
    two = (
        AdapterState("hci0", False, "powered_off"),
        AdapterState("hci1", True, slots=8, used=1, free_slots=7),
    )
    hub.stage.more_gateways = [
        live_views.GatewayView("hall", True, 0, two),
        live_views.GatewayView("yard", False, 0, (), "silence"),
    ]
    hub.stage.free_slots = 7
    page = open_page()
    radios = page.get_by_test_id("radios")
    radios.get_by_text("This room can hold 7 more sensors").click()
    expect(radios.get_by_test_id("gateway")).to_have_count(3)
    hall = radios.get_by_test_id("gateway").filter(has_text="hall")
    expect(hall).to_contain_text("hci0 · switched off")
    expect(hall).to_contain_text("hci1 · 1 of 8 places taken")
    expect(radios).to_contain_text("away")
    row = sensor_row(page, hub.stage.sensors[0].name)
    expect(row).to_contain_text("through hall, hci1")


def test_a_sensor_that_is_not_connected_says_why(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = home_sensors()
    strap, other = hub.stage.sensors[1:3]
    seen_at_ms = now_ms() - 125_000
    hub.stage.sensors[1] = replace(
        strap, link=LinkStatus.ABSENT, problem="held_elsewhere", seen_at_ms=seen_at_ms
    )
    hub.stage.sensors[2] = replace(other, link=LinkStatus.SEEN, problem="no_free_slot")
    page = open_page()
    taken = sensor_row(page, strap.name).get_by_test_id("why-not")
    expect(taken).to_have_text(
        re.compile("^Seen [0-9]+ min ago, not advertising: probably connected to another app")
    )
    expect(sensor_row(page, other.name).get_by_test_id("why-not")).to_have_text(
        "Every place at the radio is taken"
    )


def test_without_a_radio_there_is_the_demo_or_help(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.adapter_problem = "no_adapter"
    page = open_page()
    radio = page.get_by_test_id("radio-banner")
    expect(radio).to_contain_text("No Bluetooth adapter found.")
    page.get_by_test_id("how-to-fix").click()
    expect(page.get_by_role("dialog")).to_contain_text("Plug a Bluetooth 4.0 or newer adapter")
    page.keyboard.press("Escape")
    page.get_by_test_id("try-demo").click()
    expect(radio).to_be_hidden()
    expect(page.get_by_test_id("demo-badge")).to_be_visible()


def test_the_first_form_can_be_skipped_and_ftp_left_open(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.me["athlete"] = None
    page = open_page()
    page.get_by_test_id("skip-form").click()
    expect(page.get_by_test_id("ftp-banner")).to_contain_text("No FTP yet:")
    page.get_by_test_id("ride-by-feel").click()
    expect(page.get_by_test_id("ftp-banner")).to_be_hidden()
    assert not [call for call in hub.stage.calls if call[0] == "PUT"]


def test_the_form_sends_what_was_filled_in_and_nothing_else(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.me["athlete"] = None
    page = open_page()
    page.get_by_test_id("skip-form").click()
    page.get_by_test_id("enter-ftp").click()
    page.get_by_label("FTP, W").fill("265")
    page.get_by_label("Name").fill("Ada")
    page.get_by_test_id("save-profile").click()
    expect(page.get_by_test_id("profile-form")).to_be_hidden()
    expect(page.get_by_test_id("profile")).to_have_text("Ada")
    sent = {"name": "Ada", "ftp_w": 265, "max_hr_bpm": None, "weight_kg": None}
    assert ("PUT", "/api/me", sent) in hub.stage.calls


def test_the_demo_class_is_live_and_can_be_watched(hub: FakeHub, open_page: OpenPage) -> None:
    room = demo_class()
    hub.stage.sessions["demo"] = room
    page = open_page()
    rider = page.get_by_test_id("rider").first
    expect(rider).to_contain_text("Sofia R.")
    expect(rider).to_contain_text("Z4")
    expect(rider.get_by_test_id("rider-power")).to_have_text("243")
    next(iter(room.riders.values())).numbers |= dict.fromkeys(("power_w",), 301)
    expect(rider.get_by_test_id("rider-power")).to_have_text("301")
    rider.click()
    expect(page.get_by_test_id("ride")).to_have_attribute("data-status", "running")
    expect(page.get_by_test_id("main-action")).to_be_hidden()


def test_a_workout_is_chosen_and_a_session_made(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.workouts = workouts()
    page = open_page()
    page.get_by_test_id("workout").filter(has_text="Tempo blocks").click()
    expect(page.get_by_role("radio", name="Tempo blocks")).to_be_checked()
    page.get_by_test_id("ride-now").click()
    expect(page.get_by_test_id("ride")).to_have_attribute("data-status", "ready")
    assert ("POST", "/api/sessions", {"workout": "tempo"}) in hub.stage.calls


def test_whether_legs_start_and_pause_a_ride_is_chosen_once(
    hub: FakeHub, open_page: OpenPage
) -> None:
    page = open_page()
    page.get_by_test_id("auto_start").click()
    expect(page.get_by_test_id("auto_start")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("auto_pause")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.get_by_test_id("auto_start")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("ride-now").click()
    expect(page.get_by_test_id("ride")).to_be_visible()
    (said,) = [call[2] for call in hub.stage.calls if call[:2] == ("POST", "/api/sessions")]
    assert said["auto_start"] is True
    assert "auto_pause" not in said


def test_the_workout_of_the_last_ride_is_chosen_next_time(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.workouts = workouts()
    page = open_page()
    expect(page.get_by_role("radio", name="Six sprints")).to_be_checked()  # the shortest
    first = {"workout": "first-ride", "title": "First ride", "duration_ms": 3_600_000}
    hub.stage.workouts.append(hub.stage.workouts[0] | first)
    page.reload()
    expect(page.get_by_role("radio", name="First ride")).to_be_checked()
    page.get_by_test_id("workout").filter(has_text="Free ride").click()
    page.get_by_test_id("ride-now").click()
    page.get_by_test_id("back").click()
    expect(page.get_by_role("radio", name="Free ride")).to_be_checked()
    page.get_by_test_id("workout").filter(has_text="Tempo blocks").click()
    page.get_by_test_id("ride-now").click()
    page.get_by_test_id("back").click()
    expect(page.get_by_role("radio", name="Tempo blocks")).to_be_checked()
    hub.stage.workouts = [one for one in hub.stage.workouts if one["workout"] != "tempo"]
    page.reload()
    expect(page.get_by_role("radio", name="First ride")).to_be_checked()


def test_a_ride_under_way_is_one_tap_away(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    hub.stage.me["open_session"] = "r1"
    page = open_page()
    page.get_by_test_id("back-to-ride").click()
    expect(page.get_by_test_id("ride")).to_have_attribute("data-status", "running")
    session.activity = "a1"  # done at the own pace, while others go on
    hub.stage.workouts = workouts()
    page.goto(f"{hub.url}/")
    expect(page.get_by_test_id("workout")).to_have_count(6)  # asked for with the sessions
    expect(page.get_by_test_id("back-to-ride")).to_be_hidden()


def test_the_theme_is_remembered(open_page: OpenPage) -> None:
    page = open_page()
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(html).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()
    expect(html).to_have_attribute("data-theme", "light")
