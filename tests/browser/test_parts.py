"""The client's pure modules, called in the browser that runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser.page_modules import call, position, running
from browser.staged_ride import Lane, Step, now_ms, threshold_steps
from msgspec import to_builtins
from playwright.sync_api import Page

from hub.wire.live import FINAL_CODES, CloseCode
from hub.wire.live_to_client import Bye, Welcome
from hub.wire.staleness import STALENESS
from hub.wire.values import Metric

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


CLOCK_CASES = json.loads(
    (Path(__file__).parents[1] / "golden" / "clock" / "exchanges.json").read_text("utf-8")
)


def test_a_running_lane_goes_on_by_the_clock_alone(blank: Page) -> None:
    at = position(blank, running(threshold_steps(), 598_000), later_ms=5_000)
    assert at["phase"]["name"] == "Easy"
    assert at["index"] == 1
    assert 56_900 <= at["remaining_ms"] <= 57_100
    assert at["total_ms"] == 4_200_000


def test_a_paused_lane_stands_still(blank: Page) -> None:
    at = position(blank, running(threshold_steps(), 598_000, "paused"), later_ms=60_000)
    assert (at["phase"]["name"], at["remaining_ms"]) == ("Warm-up", 2_000)


def test_an_open_end_has_no_countdown_and_ends_nothing(blank: Page) -> None:
    steps = [Step("Free", "free", None, None), Step("Easy", "work", 60, 0.5)]
    at = position(blank, running(steps, 10_000), later_ms=3_600_000)
    assert (at["phase"]["name"], at["remaining_ms"], at["next"]["name"]) == ("Free", None, "Easy")
    assert at["phase_ms"] >= 3_610_000


def test_zones_include_their_lower_bound(blank: Page) -> None:
    shares = [0, 0.549, 0.55, 0.75, 0.9, 1.049, 1.05, 1.2, 1.5, None]
    code = "(m, shares) => shares.map((one) => m.zoneOf(one))"
    assert call(blank, "timeline", code, shares) == [1, 1, 2, 3, 4, 4, 5, 6, 7, 0]


def tones(page: Page, view: dict[str, Any], ahead_ms: int) -> list[tuple[int, bool]]:
    """Seconds from the lane's own instant, and whether the tone is long."""
    code = """(m, [lane, ahead]) => m.tonesAhead(lane, lane.as_of_ms, ahead)
      .map(({ at_ms, long }) => [at_ms - lane.as_of_ms, long])"""
    return [(ms // 1000, long) for ms, long in call(page, "timeline", code, [view, ahead_ms])]


def lane_at(steps: list[Step], ridden_ms: int) -> dict[str, Any]:
    lane = Lane(steps, "running", ridden_ms, now_ms())
    return to_builtins(lane.view()) | {"ridden_ms": ridden_ms, "as_of_ms": lane.as_of_ms}


def test_beeps_are_the_hubs_cues(blank: Page) -> None:
    view = lane_at(threshold_steps(), 596_000)
    assert tones(blank, view, 4_000) == [(1, False), (2, False), (3, False), (4, True)]
    message = {"i": 0, "kind": "message", "at_ms": view["as_of_ms"] + 500}
    odd = {"i": 1, "kind": "countdown", "at_ms": view["as_of_ms"] + 1_500}
    finish = {"i": 2, "kind": "finish", "at_ms": view["as_of_ms"] + 60_000}
    told = view | {"cues": [message, odd, finish]}
    assert tones(blank, told, 4_000) == [(1, False)]
    assert tones(blank, view | {"status": "paused"}, 4_000) == []


def test_behind_the_last_cue_beeps_stand_where_phases_surely_end(blank: Page) -> None:
    steps = [Step("A", "work", 10, 0.5), Step("B", "work", 2, 0.9), Step("C", "work", 20, 0.5)]
    open_end = [Step("D", "free", None, None), Step("E", "work", 5, 0.5)]
    view = lane_at([*steps, *open_end], 4_000)
    whole = [(s, s in (6, 8, 28)) for s in (3, 4, 5, 6, 7, 8, 25, 26, 27, 28)]
    assert tones(blank, view | {"cues": []}, 60_000) == whole
    until_first_change = [cue for cue in view["cues"] if cue["at_ms"] <= view["as_of_ms"] + 6_000]
    assert tones(blank, view | {"cues": until_first_change}, 60_000) == whole


@pytest.mark.parametrize("metric", Metric)
def test_a_number_ages_by_the_hubs_limits_when_the_hub_is_silent(
    blank: Page, metric: Metric
) -> None:
    limits = STALENESS[metric]
    row = {metric.value: 150, f"{metric}.at_ms": 0, f"{metric}.q": "live"}
    code = "(m, [row, metric, ages]) => ages.map((age) => m.reading(row, metric, age).quality)"
    ages = [limits.fresh_ms, limits.fresh_ms + 1_000, limits.keep_ms, limits.keep_ms + 1]
    shown = call(blank, "reading", code, [row, metric.value, ages])
    assert shown == ["live", "aged", "aged", "gone"]


def test_the_hubs_worse_word_wins_over_a_young_age(blank: Page) -> None:
    code = """(m, words) => words.map((q) => {
      const one = m.reading({ power_w: 9, "power_w.at_ms": 0, "power_w.q": q }, "power_w", 0);
      return [one.quality, one.value];
    })"""
    shown = call(blank, "reading", code, ["live", "aged", "suspect", "gone", "denied", "none"])
    assert shown == [
        ["live", 9],
        ["aged", 9],
        ["suspect", 9],
        ["gone", None],
        ["denied", None],
        ["none", None],
    ]


def test_the_clock_trusts_the_shortest_round_trip(blank: Page) -> None:
    code = """(m) => {
      let local = 0;
      const clock = new m.HubClock(() => local, () => local);
      const exchange = (up, down) => {
        const sent_ms = local;
        const received_ms = sent_ms + up + 1000;
        local += up + down + 2;
        clock.learn({ t: "clock", sent_ms, received_ms, answered_ms: received_ms + 2 });
      };
      exchange(80, 10);
      exchange(2, 2);
      exchange(5, 60);
      return [clock.now() - local, clock.error_ms];
    }"""
    offset_ms, error_ms = call(blank, "clock", code)
    assert offset_ms == pytest.approx(1000)
    assert error_ms == pytest.approx(2, abs=0.1)


def test_the_clock_starts_again_after_a_sleep(blank: Page) -> None:
    code = """(m) => {
      let local = 0;
      let wall = 0;
      const clock = new m.HubClock(() => local, () => wall);
      const reply = (offset) => clock.learn(
        { t: "clock", sent_ms: local, received_ms: local + offset, answered_ms: local + offset });
      reply(1000);
      wall += 60000;
      reply(61000);
      return clock.now() - local;
    }"""
    assert call(blank, "clock", code) == 61_000


def test_an_older_timeline_does_not_replace_a_newer(blank: Page) -> None:
    lane = to_builtins(running(threshold_steps(), 0).view())
    view = {"lanes": [lane | {"rev": 5}], "athletes": [], "status": "running"}
    code = """(m, [view, lane]) => [4, 6].map((rev) =>
      m.applied(view, { e: "timeline", lane: { ...lane, rev, status: "paused" } }).status)"""
    assert call(blank, "store", code, [view, lane]) == ["running", "paused"]


def test_spans_read_as_riders_say_them(blank: Page) -> None:
    code = """(m) => [m.minutes(222_999), m.minutes(4_140_000), m.countdown(221_001),
      m.countdown(1), m.roughly(4_200_000), m.roughly(3_600_000), m.whole(null), m.whole(263.5)]"""
    assert call(blank, "format", code) == [
        "3:42",
        "1:09:00",
        "3:42",
        "0:01",
        "1 h 10",
        "1 h",
        "–",
        "264",
    ]


def test_the_page_comes_back_after_the_same_ends_as_the_hub_says(blank: Page) -> None:
    codes = [*CloseCode, 1001, 1006, 4000, 4499, 4500, 4999, 5000]
    back = call(blank, "wire", "(m, codes) => codes.map(m.comesBack)", codes)
    assert back == [code not in FINAL_CODES for code in codes]


# A wire on a socket that is none, with its timers noted and not run.
ON_A_FAKE_SOCKET = """(m, [messages, code]) => {
  const keep = [window.WebSocket, window.setTimeout, window.setInterval, Math.random];
  const waits = [], sent = [], sockets = [];
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 1;
    constructor() { sockets.push(this); }
    send(text) { sent.push(JSON.parse(text)); }
    close() {}
  };
  window.setTimeout = (_, ms) => waits.push(ms);
  window.setInterval = () => 0;
  Math.random = () => 0.25;
  try {
    const clock = { local: () => 0, forget() {}, guess() {}, learn() {}, samples: [] };
    const wire = new m.Wire("", clock, () => {}, () => {});
    wire.subscribe("sensors");
    wire.start();
    sockets[0].onopen();
    for (const one of messages) sockets[0].onmessage({ data: JSON.stringify(one) });
    waits.length = 0;
    if (code) sockets[0].onclose({ code, reason: "" });
    return { waits, status: wire.status, said: sent.map((one) => one.t) };
  } finally {
    [window.WebSocket, window.setTimeout, window.setInterval, Math.random] = keep;
  }
}"""
WELCOME = Welcome(2, 0, "test", "owner", "me", 1)


@pytest.mark.parametrize(
    ("messages", "code", "waits", "status"),
    [
        ([WELCOME, Bye("the hub restarts", 1234)], CloseCode.RESTART, [1234], "away"),
        ([WELCOME], 1006, [400 * 0.75], "away"),
        ([WELCOME, Bye("signed out", None)], CloseCode.EXPIRED, [], "refused"),
        ([Bye("full", 30_500)], CloseCode.TOO_MANY, [30_500], "away"),
    ],
)
def test_the_page_stays_away_for_as_long_as_the_hub_says(
    blank: Page, messages: list[Any], code: int, waits: list[float], status: str
) -> None:
    done = call(blank, "wire", ON_A_FAKE_SOCKET, [to_builtins(messages), code])
    assert (done["waits"], done["status"]) == (waits, status)


def test_a_second_welcome_asks_for_nothing_again(blank: Page) -> None:
    """The hub answers every channel anew by itself."""
    said = call(blank, "wire", ON_A_FAKE_SOCKET, [to_builtins([WELCOME, WELCOME]), 0])["said"]
    assert said.count("subscribe") == 1


@pytest.mark.parametrize("case", CLOCK_CASES, ids=lambda case: case["name"])
def test_the_clock_gives_what_the_golden_file_says(blank: Page, case: dict[str, Any]) -> None:
    """`hub/client/clock.py` is held to the same file."""
    now_ms, error_ms = call(
        blank,
        "clock",
        """({ HubClock }, { exchanges, at_ms }) => {
          let local = 0, wall = 0;
          const clock = new HubClock(() => local, () => wall);
          for (const [sent_ms, received_ms, answered_ms, back_ms, wall_ms] of exchanges) {
            [local, wall] = [back_ms, wall_ms];
            clock.learn({ t: "clock", sent_ms, received_ms, answered_ms });
          }
          local = at_ms;
          return [clock.now(), clock.error_ms];
        }""",
        case,
    )
    assert now_ms == pytest.approx(case["now_ms"], abs=0.002)
    assert error_ms == pytest.approx(case["error_ms"], abs=0.001)
