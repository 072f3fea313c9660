"""Taking a bike, joining by its code, answering questions, naming the room's bikes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.stage_answers import BIKE_CODE
from browser.staged_ride import Lane, now_ms, threshold_steps
from browser.staged_room import demo_class, home_sensors, sensor, studio, workouts
from playwright.sync_api import Locator, Page, expect

from hub.wire import live_from_client, live_views

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


def bike(page: Page, name: str) -> Locator:
    row = page.get_by_test_id("bike")
    return row.filter(has=page.get_by_text(name, exact=True))


def calls(hub: FakeHub, method: str, path: str) -> list[object]:
    return [body for how, where, body in hub.stage.calls if (how, where) == (method, path)]


def test_the_page_waits_for_pedals_and_takes_a_bike_from_the_list(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page("#/seat")
    expect(page.get_by_test_id("claim")).to_contain_text("Start pedalling")
    expect(page.get_by_test_id("waiting")).to_have_text("Waiting for a bike that starts to turn")
    expect(bike(page, "Bike 6")).to_contain_text("somebody pedals")
    expect(bike(page, "Bike 8")).to_contain_text("trainer asleep")
    bike(page, "Bike 4").get_by_test_id("sit").click()
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 4")
    expect(page.get_by_test_id("to-class")).to_have_attribute("href", "#/ride/demo")
    (said,) = calls(hub, "PUT", "/api/bikes/b4/rider")
    assert isinstance(said, dict) and len(said["key"]) > 8
    page.get_by_test_id("leave").click()
    expect(page.get_by_test_id("claim")).to_be_visible()
    page.get_by_test_id("back").click()
    expect(page.get_by_test_id("start")).to_be_visible()
    assert calls(hub, "DELETE", "/api/bikes/asking")


def test_the_bike_that_the_hub_gives_shows_by_itself(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio()
    page = open_page("#/seat")
    expect(page.get_by_test_id("claim")).to_be_visible()
    hub.stage.seats = studio(mine="b6")
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 6")


def test_a_taken_bike_is_swapped_or_asked_for(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio()
    hub.stage.me["role"] = "athlete"
    page = open_page("#/seat")
    row = bike(page, "Bike 5")
    expect(row).not_to_contain_text("Sofia")
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("taken")).to_contain_text("This bike is taken.")
    row.get_by_test_id("choose-another").click()
    expect(row.get_by_test_id("taken")).to_be_hidden()
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("swap")).to_have_text("Ask to swap")
    row.get_by_test_id("swap").click()
    expect(page.get_by_test_id("waiting")).to_contain_text("Waiting for the answer")
    hub.stage.seats = studio()  # the answer was no
    expect(page.get_by_test_id("problem")).to_contain_text("They stay on that bike")
    hub.stage.me["role"] = "owner"
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("swap")).to_have_text("Swap")
    row.get_by_test_id("swap").click()
    expect(page.get_by_test_id("seated")).to_contain_text("Bike 5")


QUESTIONS = (
    live_views.AskView("q1", live_views.AskKind.WHICH_BIKE, bikes=("b4", "b6")),
    live_views.AskView("q2", live_views.AskKind.STRAP, name="HRM 4F2"),
    live_views.AskView("q3", live_views.AskKind.SAME_STRAP, name="FR 265", other="FR 265"),
    live_views.AskView("q4", live_views.AskKind.GIVE_UP, bikes=("b4",)),
    live_views.AskView("q5", live_views.AskKind.SWAPPED, athletes=("",)),
)


def test_each_question_has_its_words_and_its_answers(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio(asks=QUESTIONS)
    page = open_page("#/seat")
    asks = page.get_by_test_id("ask")
    expect(asks).to_have_count(5)
    for i, words in enumerate(
        (
            "Which bike are you on?",
            "Is HRM 4F2 yours?",
            "Is FR 265 the one you wore before?",
            "Somebody else says they sit on Bike 4",
            "You and another rider may wear each other's strap",
        )
    ):
        expect(asks.nth(i)).to_contain_text(words)
    asks.nth(0).get_by_role("button", name="Bike 6").click()
    expect(asks).to_have_count(4)
    asks.nth(0).get_by_test_id("ask-yes").click()
    expect(asks).to_have_count(3)
    asks.nth(0).get_by_test_id("ask-no").click()
    expect(asks).to_have_count(2)
    assert calls(hub, "POST", "/api/asks/q1") == [{"yes": True, "bike": "b6"}]
    assert calls(hub, "POST", "/api/asks/q2") == [{"yes": True, "bike": ""}]
    assert calls(hub, "POST", "/api/asks/q3") == [{"yes": False, "bike": ""}]


def test_who_scans_a_bike_joins_with_a_name_and_sits_there(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page(f"#bike={BIKE_CODE}", signed_in=False)
    expect(page.get_by_test_id("join")).to_be_visible()
    assert BIKE_CODE not in page.url
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("problem")).to_contain_text("Enter a name")
    page.get_by_label("Name").fill("Zoe")
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")
    assert calls(hub, "POST", "/api/join") == [{"bike": BIKE_CODE, "name": "Zoe", "ftp_w": None}]


def test_who_is_signed_in_and_scans_a_bike_sits_there_at_once(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page(f"#bike={BIKE_CODE}")
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")
    page.evaluate("code => { location.hash = `bike=${code}` }", BIKE_CODE)  # scanned again
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")


def test_a_wrong_code_says_so(open_page: OpenPage) -> None:
    page = open_page("#bike=guessed", signed_in=False)
    page.get_by_label("Name").fill("Zoe")
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("problem")).to_contain_text("no bike's here")


def test_the_owner_names_bikes_and_opens_a_class(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = [
        *home_sensors(),
        *(sensor(f"Tacx {i}", "trainer", {}, battery=None) for i in range(2)),
    ]
    hub.stage.workouts = workouts()
    page = open_page()
    page.get_by_test_id("bikes-link").click()
    page.get_by_test_id("name-all").click()
    expect(page.get_by_test_id("bike")).to_have_count(3)
    expect(bike(page, "Bike 2")).to_contain_text("Tacx 0")
    page.get_by_test_id("add-bike").click()
    form = page.get_by_test_id("bike-form")
    expect(form.get_by_label("Name")).to_have_value("Bike 4")
    form.get_by_label("Cadence 77").check()
    page.get_by_test_id("save-bike").click()
    expect(bike(page, "Bike 4")).to_contain_text("Cadence 77")
    assert calls(hub, "POST", "/api/bikes")[-1] == {"name": "Bike 4", "sensors": ["s-cadence-77"]}
    page.get_by_label("Title").fill("Tuesday class")
    page.get_by_label("Workout").select_option("tempo")
    page.get_by_test_id("auto_start").wait_for(state="hidden")  # in a group nobody's legs start
    page.get_by_test_id("open-class").click()
    body = {"workout": "tempo", "title": "Tuesday class", "open": True, "pace": "group"}
    expect(page.get_by_test_id("open-class")).to_be_enabled()
    by_hand = {"auto_start": False, "auto_pause": False}
    assert calls(hub, "POST", "/api/sessions")[-1] == body | by_hand
    page.get_by_test_id("pace-self").check()
    page.get_by_test_id("auto_start").check()
    page.get_by_test_id("open-class").click()
    expect(page.get_by_test_id("open-class")).to_be_enabled()
    by_legs = {"pace": "self", "auto_start": True, "auto_pause": False}
    assert calls(hub, "POST", "/api/sessions")[-1] == body | by_legs
    hub.stage.sessions["demo"] = demo_class()
    hub.stage.seats = studio()
    expect(page.get_by_test_id("rider")).to_have_count(6)
    expect(page.get_by_test_id("class-next")).to_have_text("Pause")
    page.get_by_test_id("edit").first.click()
    page.get_by_test_id("remove-bike").click()
    expect(page.get_by_test_id("bike")).to_have_count(7)


def asked_of(hub: FakeHub) -> list[tuple[Any, ...]]:
    """Each control: action, for whom, and what it says besides."""
    return [
        (said.action.value, said.athlete, *(one for one in said_besides(said) if one))
        for said in hub.stage.controls
    ]


def said_besides(said: live_from_client.Control) -> tuple[Any, ...]:
    return said.trim_pct, said.kind, said.to, said.by_s, said.text


def test_a_coach_leads_a_class_and_one_rider_of_it(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sessions["demo"] = demo_class()
    hub.stage.seats = studio()
    page = open_page("#/bikes")
    now = page.get_by_test_id("class-now")
    expect(now).to_contain_text("Threshold")
    page.get_by_test_id("class-extend--30").click()
    expect(page.get_by_test_id("undo-toast")).to_contain_text(re.compile(r"Undo \d+ s"))
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("undo-toast")).to_be_hidden()
    page.get_by_test_id("class-jump").click()
    expect(page.locator("[aria-current=step]")).to_be_focused()
    page.get_by_test_id("jump-to").filter(has_text="Threshold 4 of 4").click()
    expect(now).to_contain_text("Next: Recovery")
    expect(page.get_by_test_id("undo-toast")).to_contain_text("Another interval")

    page.get_by_test_id("intensity-up").click()
    expect(page.get_by_test_id("intensity")).to_have_text("105")
    page.get_by_test_id("kind-work").click()
    page.get_by_test_id("intensity-down").click()
    expect(page.get_by_test_id("kind-work")).to_contain_text("100 %")
    page.get_by_label("Message to everybody").fill("Last one!")
    page.get_by_test_id("class-say").click()
    expect(page.get_by_label("Message to everybody")).to_have_value("")

    page.get_by_test_id("class-whom").select_option(label="Jonas W.")
    expect(page.get_by_test_id("class-skip")).to_be_hidden()  # the interval is everybody's
    page.get_by_test_id("kind-all").click()
    page.get_by_test_id("intensity-down").click()
    expect(page.get_by_test_id("intensity")).to_have_text("100")
    page.get_by_label("Message to Jonas W.").fill("Easy")
    page.get_by_test_id("class-say").click()
    page.get_by_test_id("class-whom").select_option(label="Everybody")
    expect(page.get_by_test_id("intensity")).to_have_text("100–105")
    page.get_by_test_id("class-end").click()
    page.get_by_test_id("class-end-confirm").click()
    expect(page.get_by_test_id("class")).to_have_attribute("data-status", "finished")
    assert asked_of(hub) == [
        ("extend", "", -30),
        ("undo", ""),
        ("jump", "", 12),
        ("trim", "*", 105),
        ("trim", "*", 100, "work"),
        ("message", "*", "Last one!"),
        ("trim", "d1", 100),
        ("message", "d1", "Easy"),
        ("stop", ""),
    ]


def test_in_a_class_of_own_paces_one_riders_interval_is_moved(
    hub: FakeHub, open_page: OpenPage
) -> None:
    session = demo_class()
    session.pace = "self"
    for i, athlete in enumerate(session.riders):
        status = "running" if i else "ready"
        session.lanes[athlete] = Lane(threshold_steps(), status, as_of_ms=now_ms())
    hub.stage.sessions["demo"] = session
    hub.stage.seats = studio()
    page = open_page("#/bikes")
    expect(page.get_by_test_id("class-now")).to_contain_text("5 riding · 1 not started")
    page.get_by_test_id("class-whom").select_option(label="Jonas W.")
    expect(page.get_by_test_id("class-now")).to_contain_text("Warm-up")
    page.get_by_test_id("class-skip").click()
    page.get_by_test_id("class-next").click()  # the class, whoever is chosen
    expect(page.get_by_test_id("class-next")).to_be_enabled()
    assert asked_of(hub) == [("skip", "d1"), ("pause", "")]


def test_in_a_class_the_coach_leads_and_riders_have_their_intensity(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride(at_s=None).open = True
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("main-action")).to_have_text("Start")  # the owner's own page
    hub.stage.me["role"] = "athlete"
    page.reload()
    expect(page.get_by_test_id("led")).to_have_text("The coach starts the class")
    expect(page.get_by_test_id("main-action")).to_be_hidden()
    expect(page.get_by_test_id("finish")).to_be_hidden()
    page.keyboard.press("Space")
    page.get_by_test_id("trim-up").click()
    expect(page.get_by_test_id("trim")).to_contain_text("101 %")
    assert [call for call in hub.stage.calls if call[1] == "start"] == []


def test_the_start_page_leads_to_the_bike(hub: FakeHub, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_test_id("link")).to_have_text("Live")
    expect(page.get_by_test_id("seat-banner")).to_be_hidden()
    hub.stage.seats = studio()
    expect(page.get_by_test_id("seat-banner")).to_contain_text("Tuesday class is open.")
    page.get_by_test_id("take-seat").click()
    expect(page.get_by_test_id("seats")).to_be_visible()


def test_a_coach_who_does_not_ride_begins_at_the_classes(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.me |= {"role": "coach", "athlete": None}
    page = open_page("")
    expect(page.get_by_role("heading", name="Bikes", exact=True)).to_be_visible()
    expect(page.get_by_test_id("profile-form")).to_have_count(0)
