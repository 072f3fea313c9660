"""The judge of the flaky studio sees what it must see, and knows a slow machine."""

from __future__ import annotations

import pytest
from journeys import flaky
from journeys.flaky import Report, Trouble
from journeys.metronome import Metronome
from journeys.truth import Frame, Verdict

from hub.wire.values import Measurement

STRAP = "Strap"


def frames(count: int) -> list[Frame]:
    """Two a second, each of another heart rate."""
    return [
        Frame(STRAP, "2a37", 10_000 + 500 * n, Measurement(heart_rate_bpm=60 + n), n)
        for n in range(count)
    ]


def judged(missing: list[int], troubles: list[Trouble], slowness: float = 1.0) -> Report:
    log = frames(60)
    report = Report(1, troubles)
    report.verdict = Verdict(missing=[log[n] for n in missing])
    flaky.judge(report, log, (10_000, 40_000), lambda from_ms, to_ms: slowness)
    return report


def mute(*touched: str) -> Trouble:
    return Trouble("mute", STRAP, 0.0, 3.0, 12_000, frozenset(touched))


def test_a_second_is_lost_when_nothing_of_it_is_stored() -> None:
    (stream,) = judged([2, 3, 4], [mute(STRAP)]).streams
    assert (stream.on_air_s, stream.lost, stream.faults) == (30, [11], 1)


def test_more_than_five_seconds_a_fault_are_too_much() -> None:
    flaky.check(judged(list(range(10)), [mute(STRAP)]))
    with pytest.raises(AssertionError, match=STRAP):
        flaky.check(judged(list(range(12)), [mute(STRAP)]))
    flaky.check(judged(list(range(12)), [mute(STRAP), mute(STRAP)]))
    flaky.check(judged(list(range(12)), [mute(STRAP)], slowness=1.2))


def test_what_no_fault_touched_may_lose_nothing() -> None:
    with pytest.raises(AssertionError, match=STRAP):
        flaky.check(judged([0, 1], [mute("another")]))


def test_one_stored_twice_is_found() -> None:
    report = judged([], [mute(STRAP)])
    report.verdict.doubled.append(frames(1)[0])
    with pytest.raises(AssertionError):
        flaky.check(report)


def test_the_day_is_the_same_each_time_and_ends_in_time() -> None:
    day = flaky.troubles(1, 120)
    assert day == flaky.troubles(1, 120) != flaky.troubles(2, 120)
    assert {"kill", "unplug", "drop", "mute", "delay", "corrupt", "walk_away"} == {
        trouble.kind for trouble in day
    }
    assert max(trouble.at_s + trouble.for_s for trouble in day) <= 120


def test_a_metronome_tells_how_slow_it_went() -> None:
    metronome = Metronome()
    metronome._beats = [(1_000, 1.0), (2_000, 3.0), (3_000, 2.0), (9_000, 40.0)]
    assert metronome.slowness(1_000, 3_500) == 2.0
    assert metronome.slowness(10_000, 10_500) == 40.0  # it was stopped then
    assert metronome.slowness(20_000, 30_000) == 1.0
