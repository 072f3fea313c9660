"""What a rider does with the interval under way, takes back, and is asked for in other measures."""

from __future__ import annotations

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.staged_ride import HEART, Step, now_ms
from playwright.sync_api import Page, expect

from hub.wire import live_events, live_views

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

RANGE = live_views.TargetView("ftp", 0.88, 0.94, effort=(0.91, 0.91))
HEART_AIM = live_views.TargetView("lthr", 0.84, 0.94, effort=(0.825, 0.825))


def said(hub: FakeHub) -> list[tuple[str, int | None]]:
    return [(call[1], call[2]) for call in hub.stage.calls if call[0] == "CONTROL"]


def panel(page: Page) -> None:
    page.get_by_test_id("more").click()
    expect(page.locator("dialog.interval")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "action", "amount"),
    [
        ("interval-back", "back", None),
        ("repeat", "repeat", None),
        ("extend-30", "extend", 30),
        ("extend-60", "extend", 60),
        ("extend--30", "extend", -30),
        ("cool-down", "cool_down", None),
    ],
)
def test_each_button_of_the_panel_is_one_command_and_closes_it(
    hub: FakeHub,
    open_page: OpenPage,
    ride: StageRide,
    button: str,
    action: str,
    amount: int | None,
) -> None:
    ride()
    page = open_page("#/ride/r1")
    panel(page)
    page.get_by_test_id(button).click()
    expect(page.locator("dialog.interval")).to_be_hidden()
    expect(page.get_by_test_id("undo-toast")).to_be_visible()
    assert said(hub) == [(action, amount)]


def test_a_rider_goes_to_an_interval_and_sets_one_kind_of_steps_apart(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page("#/ride/r1")
    panel(page)
    page.get_by_test_id("kind-work").click()
    page.get_by_test_id("intensity-up").click()
    expect(page.get_by_test_id("kind-work")).to_contain_text("105 %")
    expect(page.get_by_test_id("trim")).to_contain_text("105 %")  # this is such a step
    page.get_by_test_id("interval-jump").click()
    expect(page.locator("[aria-current=step]")).to_be_focused()
    page.get_by_test_id("jump-to").filter(has_text="Recovery").first.click()
    expect(page.get_by_test_id("phase")).to_have_text("Recovery")
    expect(page.get_by_test_id("undo-toast")).to_contain_text("Another interval")
    expect(page.get_by_test_id("trim")).to_contain_text("100 %")
    page.get_by_test_id("trim-up").click()
    expect(page.get_by_test_id("trim")).to_contain_text("101 %")
    trims = [(one.trim_pct, one.kind) for one in hub.stage.controls if one.trim_pct]
    assert trims == [(105, "work"), (101, "")]

    session.open = True  # a class: the interval is its coach's, the intensity the rider's
    hub.stage.me["role"] = "athlete"
    page.reload()
    panel(page)
    expect(page.get_by_test_id("intensity")).to_have_text("101")
    expect(page.get_by_test_id("interval-jump")).to_have_count(0)


def test_what_was_done_is_taken_back_by_one_tap(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride()
    page = open_page("#/ride/r1", size=(390, 844))
    page.get_by_test_id("skip").click()
    expect(page.get_by_test_id("undo-toast")).to_contain_text("Skipped")
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("undo-toast")).to_be_hidden()
    assert [action for action, _ in said(hub)] == ["skip", "undo"]


def test_undo_goes_away_when_its_time_is_over(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page("#/ride/r1")
    page.get_by_test_id("skip").click()
    expect(page.get_by_test_id("undo-toast")).to_be_visible()
    session.lane.undo_until_ms = now_ms() + 500
    hub.tell(session, live_events.Timeline(session.lane.view(), "skip"))
    expect(page.get_by_test_id("undo-toast")).to_be_hidden()


def test_keys_go_back_and_undo(hub: FakeHub, open_page: OpenPage, ride: StageRide) -> None:
    ride()
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("main-action")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("undo-toast")).to_contain_text("back")
    page.keyboard.press("u")
    expect(page.get_by_test_id("undo-toast")).to_be_hidden()
    assert [action for action, _ in said(hub)] == ["back", "undo"]


def test_a_range_is_a_band_and_not_its_middle(open_page: OpenPage, ride: StageRide) -> None:
    ride(60, [Step("Sweet spot", "work", 600, None, target=RANGE)], ftp_w=250)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("target")).to_have_text("220–235")
    width = page.locator(".gauge .okay").evaluate("one => one.getBoundingClientRect().width")
    track = page.locator(".gauge .track").evaluate("one => one.getBoundingClientRect().width")
    assert 0.1 < width / track < 0.2  # 15 of 114 W


def test_a_rider_is_asked_in_heart_rate_as_the_hub_says(
    open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(60, [Step("Tempo", "work", 600, None, target=HEART_AIM)])
    rider = session.riders["me"]
    rider.numbers[HEART] = 150
    asked = {
        "phase": 0,
        "target_dimension": "heart_rate_bpm",
        "target_low": 143,
        "target_high": 160,
    }
    rider.derived |= asked
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("target")).to_have_text("143–160")
    expect(page.locator(".gauge [role=meter]")).to_have_attribute("aria-valuenow", "150")
    expect(page.locator(".gauge [role=meter]")).to_have_attribute(
        "aria-label", "Heart rate against target"
    )


def test_what_holds_a_heart_rate_is_told_with_its_reason(
    open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(60, [Step("Tempo", "work", 600, None, target=HEART_AIM)])
    rider = session.riders["me"]
    rider.numbers[HEART] = 164
    rider.derived |= {
        "phase": 0,
        "target_dimension": "heart_rate_bpm",
        "target_low": 143,
        "target_high": 160,
        "held_w": 182,
        "held_why": "−8 W: heart rate 4 above and rising",
    }
    page = open_page("#/ride/r1")
    held = page.get_by_test_id("held")
    expect(held).to_have_text("182 W · −8 W: heart rate 4 above and rising")
    rider.derived |= {"held_why": None}  # a viewer without a grant for the heart rate
    expect(held).to_have_text("Trainer 182 W")
    rider.derived |= {"held_w": None}
    expect(held).to_have_count(0)


def test_without_the_hubs_word_a_target_is_told_as_its_author_wrote_it(
    open_page: OpenPage, ride: StageRide
) -> None:
    steps = [
        Step("Tempo", "work", 600, None, target=HEART_AIM),
        Step(
            "Hard", "work", 60, None, target=live_views.TargetView("rpe", 8, 9, effort=(1.35, 1.35))
        ),
    ]
    ride(60, steps)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("target")).to_have_text("84–94")
    expect(page.get_by_test_id("next")).to_contain_text("8–9")
    expect(page.get_by_test_id("next")).to_contain_text("RPE")


def test_the_authors_lines_come_at_their_time(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride(60, [Step("Steady", "work", 600, 0.7, text="Breathe out slowly")])
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("line")).to_have_text("Breathe out slowly")
