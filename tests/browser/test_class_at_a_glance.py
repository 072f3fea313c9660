"""A class at a glance: who shares what, who needs the coach, how well the newest cue was kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage
from browser.page_modules import call
from browser.staged_ride import CADENCE, HEART, POWER, Session, now_ms
from browser.staged_room import demo_class, studio
from playwright.sync_api import Page, expect

from hub.live.spread import CueSpread
from hub.wire.live_to_client import Presence
from hub.wire.live_views import CoachView
from hub.wire.values import Metric

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

NOW_MS = 1_700_000_000_000
SPEED = Metric.SPEED_KMH
# What follows from a metric that is not shared is empty: hub/live/row_mask.py.
FOLLOWS: dict[Metric, dict[str, Any]] = {
    POWER: {"power_3s_w": None, "power_zone": None, "target_w": None},
    HEART: {"heart_rate_zone": None},
}
FIGURES: dict[Metric, dict[str, Any]] = {
    POWER: {"ftp_w": None, "power_zones": None},
    HEART: {"max_hr_bpm": None, "heart_zones": None},
}


def keep(session: Session, athlete: str, *metrics: Metric) -> None:
    """The athlete shares these with nobody."""
    rider = session.riders[athlete]
    rider.denied = set(metrics)
    for metric in metrics:
        rider.derived |= FOLLOWS.get(metric, {})
        rider.view = msgspec.structs.replace(rider.view, **FIGURES.get(metric, {}))


@pytest.fixture
def room(hub: FakeHub) -> Session:
    """Sofia shares all, Jonas nothing, Aiko power alone, Liam all but power."""
    session = demo_class()
    keep(session, "d1", *Metric)
    keep(session, "d2", HEART, CADENCE, SPEED)
    keep(session, "d3", POWER)
    hub.stage.sessions["demo"] = session
    hub.stage.seats = studio()
    return session


def test_what_is_not_shared_is_no_dead_sensor(
    hub: FakeHub, open_page: OpenPage, room: Session
) -> None:
    page = open_page("#/bikes")
    expect(page.get_by_test_id("class-riders")).to_have_text("6 riders · 1 shares no numbers")
    sofia, jonas, aiko, liam = (page.get_by_test_id("rider").nth(i) for i in range(4))
    expect(sofia.get_by_test_id("unshared")).to_have_count(0)
    expect(jonas.get_by_test_id("unshared")).to_have_text("Numbers not shared")
    expect(jonas).to_have_attribute("data-z", "0")
    expect(aiko.get_by_test_id("rider-power")).to_have_text("201")
    expect(aiko.locator(".vh")).to_have_text(["Heart rate not shared", "Cadence not shared"])
    expect(liam.locator(".vh").first).to_have_text("Power not shared")
    expect(liam).to_contain_text("159")
    for one in (jonas, aiko, liam):
        expect(one).not_to_contain_text("–")
        expect(one.get_by_test_id("need")).to_have_count(0)

    jonas.click()
    expect(page.get_by_test_id("power-note")).to_have_text("not shared")
    expect(page.get_by_test_id("heart-note")).to_have_text("not shared")
    expect(page.get_by_test_id("target")).to_have_text("100")  # % FTP: whose FTP is not known
    expect(page.get_by_test_id("on-target")).to_have_count(0)
    expect(page.get_by_test_id("interval-average")).to_have_count(0)
    page.get_by_role("link", name="Aiko T.").click()
    expect(page.get_by_test_id("power-value")).to_have_text("201")
    expect(page.get_by_test_id("heart-note")).to_have_text("not shared")
    expect(page.get_by_test_id("heart")).to_have_attribute("data-quality", "denied")
    page.set_viewport_size({"width": 192, "height": 192})
    expect(page.get_by_test_id("heart").locator(".vh")).to_have_text("Heart rate not shared")

    keep(room, "d1")  # from the next frame on
    page.goto(f"{hub.url}/#/ride/demo/d1")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_test_id("heart-value")).to_have_text("171")


def test_a_coach_sees_who_needs_them_and_how_well_cues_are_kept(
    hub: FakeHub, open_page: OpenPage, room: Session
) -> None:
    hub.stage.cues = [
        CueSpread("group", 3, 14, -1.5, 16.2, 18.0),
        CueSpread("group", 4, 1, 0, 0, 1),
    ]
    room.riders["d0"].numbers[HEART] = 191
    room.riders["d2"].numbers[HEART] = 210  # which Aiko does not share
    room.riders["d4"].age_ms[POWER] = 48_000
    page = open_page("#/bikes")
    attention = page.get_by_test_id("attention")
    expect(attention.locator("a b")).to_have_text(["Sofia R.", "Zeynep K."])
    expect(attention).to_contain_text("HR 191, over max 188")
    expect(page.get_by_test_id("rider").nth(4).get_by_test_id("need")).to_contain_text("No power")
    expect(page.get_by_test_id("spread")).to_have_text("Last cue: 14 devices within 18 ms")

    gone = CoachView("Eva", away_since_ms=now_ms() - 130_000)
    hub.show(Presence(room.channel, now_ms(), gone))
    expect(page.get_by_test_id("leader")).to_contain_text("Eva has been away for 2 min")
    page.get_by_test_id("take-over").click()
    expect(page.get_by_test_id("take-over")).to_be_enabled()  # the hub has answered
    hub.show(Presence(room.channel, now_ms(), CoachView("", you=True)))
    expect(page.get_by_test_id("leader")).to_be_hidden()
    assert [said.action.value for said in hub.stage.controls] == ["take_over"]

    room.riders["d0"].numbers[HEART] = 150
    room.riders["d4"].age_ms = {}
    expect(attention).to_contain_text("Nobody of those who share their numbers")


def looked(page: Page, rows: list[dict[str, Any]], *, status: str = "running") -> list[Any]:
    """[need, ms since] of each look, one a second, at a rider with these rows."""
    code = """(m, [rows, lane, now]) => {
      const attention = new m.Attention();
      const rider = { athlete: "a", name: "Ada", max_hr_bpm: 188 };
      return rows.map((given, i) => {
        const at = now + i * 1000;
        const row = { "power_w.at_ms": at, "heart_rate_bpm.at_ms": at, ...given };
        const view = { athletes: [rider], lanes: [lane] };
        const [one] = attention.look(view, new Map([["a", row]]), at);
        return one ? [one.need, at - one.since_ms] : null;
      });
    }"""
    return call(page, "attention", code, [rows, {"lane": "all", "status": status}, NOW_MS])


def row(
    power_w: int, bpm: int = 150, low: int = 190, high: int = 210, **more: Any
) -> dict[str, Any]:
    known = {"power_w": power_w, "power_3s_w": power_w, "power_w.q": "live"}
    known |= {"heart_rate_bpm": bpm, "heart_rate_bpm.q": "live"}
    return known | {"target_dimension": "power_w", "target_low": low, "target_high": high} | more


def test_below_target_counts_after_thirty_seconds_and_starts_again(blank: Page) -> None:
    below = looked(blank, [row(185)] * 33)
    assert below[:30] == [None] * 30
    assert below[30:] == [["below", 30_000], ["below", 31_000], ["below", 32_000]]
    again = looked(blank, [row(185)] * 20 + [row(191)] + [row(185)] * 20)
    assert again == [None] * 41
    assert looked(blank, [row(192, low=200, high=200)] * 33) == [None] * 33  # within 5 %


def test_over_the_maximum_is_told_at_once_and_first(blank: Page) -> None:
    assert looked(blank, [row(100, 188)] * 2) == [None, None]
    assert looked(blank, [row(100, 189)] * 33)[-1] == ["heart", 32_000]


@pytest.mark.parametrize("metric", ["power_w", "heart_rate_bpm"])
def test_what_was_heard_and_is_heard_no_more(blank: Page, metric: str) -> None:
    silent = {f"{metric}.q": "gone", f"{metric}.at_ms": NOW_MS - 48_000}
    assert looked(blank, [row(200, **silent)]) == [["silent", 48_000]]
    for quality in ("denied", "none", "aged"):
        assert looked(blank, [row(200, **{f"{metric}.q": quality})]) == [None]


def test_what_is_not_shared_or_not_ridden_needs_nobody(blank: Page) -> None:
    denied = row(100, 200, **{"power_w.q": "denied", "heart_rate_bpm.q": "denied"})
    assert looked(blank, [denied] * 33) == [None] * 33
    assert looked(blank, [row(100, 200)], status="paused") == [None]


@pytest.mark.parametrize(
    ("away_ms", "words"),
    [
        (5_000, "The coach is away. The class goes on."),
        (130_000, "The coach has been away for 2 min. The class goes on."),
    ],
)
def test_how_long_the_coach_has_been_away(blank: Page, away_ms: int, words: str) -> None:
    code = "(m, [coach, now]) => m.coachAway(coach, now)"
    coach = {"name": "", "away_since_ms": NOW_MS - away_ms}
    assert call(blank, "words_presence", code, [coach, NOW_MS]) == words
    assert call(blank, "words_presence", code, [coach | {"you": True}, NOW_MS]) == ""


@pytest.mark.parametrize(
    ("cues", "words"),
    [
        ([], ""),
        ([(1, -1.5, -1.5)], ""),
        ([(2, -1.5, 12.0), (1, 3.0, 3.0)], "Last cue: 2 devices within 14 ms"),
        ([(2, 0.0, 90.0), (3, 4.0, 4.0)], "Last cue: 3 devices within 1 ms"),
    ],
)
def test_the_spread_in_words(blank: Page, cues: list[tuple[int, float, float]], words: str) -> None:
    told = [{"devices": n, "first_ms": first, "last_ms": last} for n, first, last in cues]
    assert call(blank, "words_presence", "(m, cues) => m.spreadWords(cues)", told) == words
