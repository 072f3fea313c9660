"""A rider's own zones on each live screen, why the watts move, when an interval surely ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.page_modules import call, position, running
from browser.staged_ride import Step
from browser.staged_room import athlete_view, demo_class
from msgspec import to_builtins
from playwright.sync_api import Page, expect

from hub.core.zone_schemes import Scheme, ZoneChoice
from hub.wire import live_events, live_views

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

BOUNDS = (50.0, 70.0, 85.0, 100.0, 115.0, 140.0)
HIGH_BOUNDS = (50.0, 70.0, 100.0, 110.0, 120.0, 140.0)
FRIEL = {
    "zones": ZoneChoice(heart=Scheme.FRIEL, power_bounds_pct=BOUNDS),
    "lthr_bpm": 160,
    "max_hr_bpm": None,
}
SEILER = {"zones": ZoneChoice(heart=Scheme.SEILER)}
WRIST = (192, 192)
HELD = {
    "held_w": 212,
    "held_why": "−8 W: heart rate 4 above and rising",
    "held_brief": "−8 W: HR +4 ↑",
}
BY_DISTANCE = Step(
    "Tempo",
    "work",
    None,
    None,
    target=live_views.TargetView("heart_zone", 3, 3, effort=(0.8, 0.85)),
    until="distance",
    until_amount=4_000,
    cap_s=3_000,
)


def expect_zone(page: Page, card: str, says: str, colour: str) -> None:
    """What a card's first zone says, and which of the seven colours it has."""
    pill = page.locator(f"{card} :is(.pill, .chip)").first
    expect(pill).to_have_text(says)
    expect(pill).to_have_attribute("data-z", colour)


def test_number_colour_and_bounds_are_of_the_riders_scheme_and_change_at_once(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    """164 bpm is Friel's 5a of seven for a threshold of 160, and the second of Seiler's three."""
    session = ride(**FRIEL)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("heart-note")).to_contain_text("160–165")
    expect_zone(page, "[data-testid=heart]", "Z5", "5")
    expect_zone(page, ".hero", "Z5VO2max265–305", "5")
    expect(page.get_by_test_id("interval")).to_have_attribute("data-z", "5")  # at 100 % of FTP

    changed = athlete_view(hub.stage.me["athlete"], **SEILER)
    session.riders["me"].view = changed
    hub.tell(session, live_events.Membership((changed,)))
    expect(page.get_by_test_id("heart-note")).to_contain_text("147–166")
    expect_zone(page, "[data-testid=heart]", "Z2", "5")
    expect_zone(page, ".hero", "Z4Threshold239–278", "4")
    expect(page.get_by_test_id("interval")).to_have_attribute("data-z", "4")


def test_without_figures_there_is_no_zone_of_the_heart(
    open_page: OpenPage, ride: StageRide
) -> None:
    ride(max_hr_bpm=None)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("heart-value")).to_have_text("164")
    assert page.locator("[data-testid=heart] .pill").count() == 0


def test_what_the_hub_asked_in_this_interval_stands_while_it_is_away(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(1, [BY_DISTANCE])
    asked = {"target_dimension": "heart_rate_bpm", "target_low": 129, "target_high": 147}
    session.riders["me"].derived |= {"phase": 0} | asked
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("target")).to_have_text("129–147")
    hub.stage.closed = True
    hub.drop(1012)
    expect(page.get_by_test_id("link")).not_to_have_text("Live")
    expect(page.get_by_test_id("target")).to_have_text("129–147")


def test_the_wrist_says_the_hearts_zone_why_the_watts_move_and_the_latest_end(
    open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(1, [BY_DISTANCE], **FRIEL)
    session.riders["me"].derived |= HELD
    page = open_page("#/watch/r1", size=WRIST)
    expect(page.get_by_test_id("held")).to_have_text("−8 W: HR +4 ↑")
    expect(page.get_by_test_id("whereabouts")).to_have_text(re.compile(r"^≤ 4\d:\d\d$"))
    expect_zone(page, "[data-testid=heart]", "Z5", "5")


def test_the_coachs_tiles_have_each_riders_zones_and_say_why_the_watts_move(
    hub: FakeHub, open_page: OpenPage
) -> None:
    room = demo_class()
    held, other = room.riders["d0"], room.riders["d1"]
    held.derived |= HELD
    me = {"athlete": "d1", "name": "Jonas W.", "ftp_w": 250, "ftp_assumed": False}
    other.view = athlete_view(me | {"max_hr_bpm": None}, **FRIEL)
    hub.stage.sessions["demo"] = room
    page = open_page()
    tiles = page.get_by_test_id("rider")
    expect(tiles).to_have_count(6)
    expect(tiles.nth(0).get_by_test_id("held")).to_have_text("−8 W: HR +4 ↑")
    assert page.get_by_test_id("held").count() == 1
    page.set_viewport_size({"width": 820, "height": 1180})
    page.wait_for_function("innerWidth === 820")
    wide = "(all) => all.map((e) => e.scrollWidth - e.clientWidth)"
    assert tiles.evaluate_all(wide) == [0] * 6  # nothing sticks out of the smallest tile
    expect(tiles.nth(0).locator(".hr .pill")).to_have_text("Z4")  # 152 of 188 bpm
    expect(tiles.nth(1).locator(".hr .pill")).to_have_text("Z7")  # 171 at a threshold of 160
    expect(tiles.nth(1)).to_have_attribute("data-z", "5")  # 287 W: from 115 % on it is Z6


@pytest.mark.parametrize(
    ("size", "says"),
    [((1280, 800), "at the latest in"), ((820, 1180), "at the latest in"), ((390, 844), "≤")],
)
def test_an_interval_without_a_length_says_when_it_ends_at_the_latest(
    open_page: OpenPage, ride: StageRide, size: tuple[int, int], says: str
) -> None:
    ride(1, [BY_DISTANCE])
    page = open_page("#/ride/r1", size=size)
    shown = page.locator("[data-testid=cap] [aria-hidden]").filter(visible=True)
    expect(shown).to_have_count(1)
    expect(shown).to_have_text(re.compile(rf"^{says} 4\d:\d\d$"))
    expect(page.get_by_test_id("cap").locator(".vh")).to_contain_text("at the latest in 4")


def test_the_latest_end_comes_nearer_and_stands_still_in_a_pause(blank: Page) -> None:
    going = position(blank, running([BY_DISTANCE], 10_000), later_ms=60_000)
    assert 2_900_000 < going["cap_ms"] <= 2_930_000  # a machine that stalls between two looks
    assert position(blank, running([BY_DISTANCE], 10_000), later_ms=3_600_000)["cap_ms"] == 0
    paused = position(blank, running([BY_DISTANCE], 10_000, "paused"), later_ms=60_000)
    assert paused["cap_ms"] == 2_990_000
    assert position(blank, running([Step("Easy", "work", 60, 0.5)], 1_000))["cap_ms"] is None


@pytest.mark.parametrize("count", range(3, 9))
def test_neighbouring_zones_have_colours_of_their_own(blank: Page, count: int) -> None:
    code = "(m, of) => Array.from({ length: of }, (_, i) => m.colourOf(i + 1, of))"
    colours = call(blank, "zones", code, count)
    assert colours == sorted(colours)
    assert set(colours) <= set(range(1, 8))
    assert len(set(colours)) == min(count, 7)
    assert call(blank, "zones", "(m, of) => [m.colourOf(0, of), m.colourOf(9, of)]", count) == [
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("low", "above", "words"),
    [(0, 145.6, "< 146"), (238.5, 278.3, "239–278"), (397.5, None, "398+")],
)
def test_bounds_in_words(blank: Page, low: float, above: float | None, words: str) -> None:
    code = "(m, [low, above]) => m.boundsWords(low, above)"
    assert call(blank, "zones", code, [low, above]) == words


def test_an_interval_is_drawn_in_the_riders_own_power_zones(blank: Page) -> None:
    """86 % of FTP: Tempo by Coggan; with a bound of 85 % it is Threshold. A ramp is cut there."""

    def drawn(**figures: Any) -> Any:
        me = {"athlete": "me", "name": "", "ftp_w": 200, "ftp_assumed": False}
        rider = to_builtins(athlete_view(me | {"max_hr_bpm": None}, **figures))
        phase = {"target": {"unit": "ftp", "effort": [0.86, 0.86]}}
        code = "(m, [phase, rider]) => m.riderZone(phase, rider)"
        zone = call(blank, "timeline", code, [phase, rider])
        shares = call(blank, "zones", "(m, rider) => m.powerShares(rider)", rider)
        by_number = {
            "target": {"unit": "power_zone", "low": 4, "high": 4, "effort": [0.975, 0.975]}
        }
        assert call(blank, "timeline", code, [by_number, rider]) == 4
        ramp = {"target": {"unit": "ftp", "effort": [0.6, 1.0]}}
        cuts = call(blank, "timeline", "(m, [p, lows]) => m.slices(p, 200, lows)", [ramp, shares])
        return zone, [round(end, 3) for _, end in cuts]

    assert drawn() == (3, [0.375, 0.75, 1])
    assert drawn(zones=ZoneChoice(power_bounds_pct=BOUNDS)) == (4, [0.25, 0.625, 1])
    assert drawn(zones=ZoneChoice(power_bounds_pct=HIGH_BOUNDS)) == (3, [0.25, 1])
