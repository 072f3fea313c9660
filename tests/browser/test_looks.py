"""What holds on every screen: no accessibility fault, nothing cut off, nothing too small to hit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser.fake_hub import FakeHub
from browser.fake_library import over_unders
from browser.kinds import OpenPage, StageRide
from browser.stage_answers import BIKE_CODE
from browser.staged_activity import activity_json, ftp_json
from browser.staged_ride import HEART, POWER
from browser.staged_room import demo_class, home_sensors, studio, trainer, workouts
from playwright.sync_api import Page, expect

from hub.live.spread import CueSpread
from hub.wire import live_views
from hub.wire.uplink import TrainerStatus
from hub.wire.values import Metric

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {
    "desktop": (1280, 800),
    "tablet": (1024, 768),
    "phone": (390, 844),
    "narrow phone": (360, 740),
}
SCREENS = {
    "start": ("", "start"),
    "first run": ("", "profile-form"),
    "ride": ("#/ride/r1", "ride"),
    "watch": ("#/watch/r1", "watch"),
    "taken trainer": ("#/ride/r1", "trainer-banner"),
    "end": ("#/end/a1", "end"),
    "seats": ("#/seat", "share-offer"),
    "bikes": ("#/bikes", "class"),
    "join": (f"#bike={BIKE_CODE}", "join"),
    "library": ("#/library", "library"),
    "workout": ("#/library/w", "steps"),
    "figures": ("#/profile", "power-zones"),
}
OPENED = {  # what taps on a screen open: its screen, what to tap, what is seen then
    "paused ride": ("ride", "main-action", "[data-status=paused]"),
    "interval dialog": ("ride", "more kind-work", "dialog[open] [aria-pressed=true]"),
    "finish dialog": ("ride", "finish", "dialog[open]"),
    "source dialog": ("ride", "source", "dialog[open]"),
    "discard dialog": ("end", "discard", "dialog[open]"),
    "fix dialog": ("first run", "how-to-fix", "dialog[open]"),
    "swap": ("start", "use", "[data-testid=taken]"),
    "bike form": ("bikes", "add-bike", "[data-testid=bike-form]"),
    "jump dialog": ("bikes", "class-jump", "dialog[open]"),
    "workout form": ("workout", "edit step-open add-line", "[data-testid=line]"),
    "own bounds": ("figures", "own-power_bounds_pct", "[name=power_bounds_pct]"),
    "delete dialog": ("workout", "delete", "dialog[open]"),
}
WRIST = (192, 192)
ON_A_WRIST = ("start", "first run", "end", "seats", "bikes", "join")
SOURCES = {
    POWER: (
        live_views.SourceView("s-assioma", "ASSIOMA 1234", True, False),
        live_views.SourceView("s-kickr", "KICKR 4F2A", False, False),
    )
}
TARGETS = """() => [...document.querySelectorAll(
    'button, a, summary, input:not(.vh), label.workout, .rpe label')]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().width)
  .map((e) => [e.textContent.trim() || e.ariaLabel || e.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 47.5 || box.height < 47.5)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
CUT_OFF = """() => [...document.querySelectorAll('.num, .chip, .pill, button, .btn')]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().width && !e.closest('.scroll'))
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.left < -1 || box.right > innerWidth + 1)
  .map(([e]) => `${e.className}: ${e.textContent.trim()}`)"""

CLIPPED = """() => [...document.querySelectorAll('h1, h2, b, p, label, li, button, a, span')]
  .filter((e) => e.checkVisibility() && !e.closest('.vh, .scroll, .bars'))
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1
    || (e.clientWidth && e.scrollWidth > e.clientWidth + 1))
  .map((e) => `${e.className}: ${e.textContent.trim()}`)"""

SQUEEZED = """() => [...document.querySelectorAll('.metric .meta')]
  .filter((e) => e.checkVisibility())
  .filter((e) => e.scrollHeight > e.clientHeight + 1
    || e.getBoundingClientRect().bottom > e.closest('.card').getBoundingClientRect().bottom - 4)
  .map((e) => `${e.textContent.trim()}: ${e.scrollHeight} in ${e.clientHeight}`)"""

Show = Callable[..., Page]


@pytest.fixture
def show(hub: FakeHub, open_page: OpenPage, ride: StageRide) -> Show:
    def open_screen(screen: str) -> Page:
        stage = hub.stage
        stage.sensors, stage.workouts = home_sensors(), workouts()
        stage.library.kept["w"] = [over_unders()]
        room = stage.sessions["demo"] = demo_class()
        stage.activities["a1"] = activity_json("a1", workout={"test": "ramp"})
        stage.ftp = ftp_json(confidence="medium", doubts=["power was missing for 0:12"])
        if screen == "first run":
            stage.me["athlete"] = None
            stage.adapter_problem = "no_adapter"
        else:
            status = TrainerStatus.ELSEWHERE if screen == "taken trainer" else TrainerStatus.FREE
            ride(trainer=trainer(status), sources=SOURCES)
        if screen in ("seats", "bikes"):
            strap = live_views.AskView("q", live_views.AskKind.STRAP, name="HRM 4F2")
            stage.seats = studio(mine="b4", asks=(strap,))
        if screen == "seats":
            stage.me["role"] = "athlete"
            room.coach = live_views.CoachView("Eva", role="coach")
        if screen == "bikes":  # one keeps all, one some, and two need the coach
            room.riders["d0"].numbers[HEART] = 191
            room.riders["d1"].denied = set(Metric)
            room.riders["d2"].denied = {HEART}
            room.riders["d4"].age_ms[POWER] = 48_000
            stage.cues = [CueSpread("group", 3, 14, -1.5, 16.2, 18.0)]
        at, landmark = SCREENS[screen]
        size = WRIST if screen == "watch" else SIZES["desktop"]
        page = open_page(at, size=size, trace_s=1758, signed_in=screen != "join")
        expect(page.get_by_test_id(landmark)).to_be_visible()
        if screen == "start":
            expect(page.get_by_test_id("rider")).to_have_count(6)
        if screen == "bikes":
            expect(page.get_by_test_id("need")).to_have_count(2)
        page.evaluate("document.fonts.ready")
        return page

    return open_screen


def axe_finds_nothing(page: Page) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for theme, rules in (("dark", RULES), ("light", ["color-contrast"])):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
        faults = [
            (fault["id"], [node["html"][:160] for node in fault["nodes"]])
            for fault in found["violations"]
        ]
        assert not faults, theme


def everything_is_on_the_screen_and_big_enough_to_hit(page: Page, screen: str) -> None:
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function("width => innerWidth === width", arg=width)
        # A chart follows its box one frame later.
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        assert page.evaluate(CUT_OFF) == [], size
        assert page.evaluate(TARGETS) == [], size
        if screen == "ride" and size != "narrow phone":
            assert page.evaluate("document.documentElement.scrollHeight") <= height, size


def every_word_can_be_read_on_a_wrist(page: Page) -> None:
    page.set_viewport_size({"width": WRIST[0], "height": WRIST[1]})
    page.wait_for_function("width => innerWidth === width", arg=WRIST[0])
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=WRIST[0])
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(TARGETS) == []


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_accessible_whole_and_big_enough_to_hit(show: Show, screen: str) -> None:
    """In one visit: to open a page costs more than to look at it."""
    page = show(screen)
    axe_finds_nothing(page)
    if screen != "watch":
        everything_is_on_the_screen_and_big_enough_to_hit(page, screen)
    if screen in ON_A_WRIST:
        every_word_can_be_read_on_a_wrist(page)


@pytest.mark.parametrize("opened", OPENED)
def test_axe_finds_nothing_in_what_a_tap_opens(show: Show, opened: str) -> None:
    screen, tap, seen = OPENED[opened]
    page = show(screen)
    for one in tap.split():
        target = page.get_by_test_id(one)
        target = target.filter(has_text="Sofia R.") if opened == "swap" else target.first
        target.click()
    expect(page.locator(seen).first).to_be_visible()
    axe_finds_nothing(page)


def test_a_question_takes_its_room_from_the_picture_and_not_from_the_numbers(
    show: Show, hub: FakeHub
) -> None:
    long_name = "Maximiliane von Hohenstein-Oberndorf"
    ask = live_views.AskView("q", live_views.AskKind.SWAPPED, athletes=(long_name,))
    hub.stage.seats = studio(mine="b4", asks=(ask,))
    page = show("ride")
    expect(page.get_by_test_id("ask")).to_be_visible()
    for width, height in ((1280, 800), (1180, 820), (1024, 768), (1024, 700), (768, 1024)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function("width => innerWidth === width", arg=width)
        assert page.evaluate(SQUEEZED) == [], (width, height)


def test_nothing_moves_for_those_who_asked(show: Show) -> None:
    page = show("ride")
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter((e) => {
          const style = getComputedStyle(e);
          return style.animationName !== 'none' || style.transitionDuration !== '0s';
        }).map((e) => e.className)"""
    )
    assert moving == []


def test_numbers_are_never_read_aloud(show: Show) -> None:
    page = show("ride")
    assert page.locator("[aria-live] .num, [role=status] .num, [role=alert] .num").count() == 0


def test_the_planted_fault_is_found(show: Show) -> None:
    page = show("start")
    page.evaluate("document.querySelector('[data-testid=rescan]').textContent = ''")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a']})")
    assert [fault["id"] for fault in found["violations"]] == ["button-name"]
