"""How well adapters hear a sensor, and when "not heard" means "taken by somebody else"."""

from __future__ import annotations

import pytest

from gateway.hearing import (
    FAILURES_MS,
    FRESH_MS,
    OTHERS_MS,
    REGULAR_MS,
    SETTLE_MS,
    TAKEN_ALONE_MS,
    TAKEN_MS,
    VERDICT_MS,
    Chorus,
    Ear,
    Hearing,
)
from gateway.radio_planner import UNKNOWN_DBM, EarView
from hub.wire.uplink import SensorKind

X, Y = "x", "y"
STRAP = (SensorKind.HEART_RATE,)
T = 1_000_000


def test_the_signal_is_smoothed_and_begins_anew_after_a_silence() -> None:
    ear = Ear()
    ear.hear(-60, T)
    ear.hear(-70, T + 1_000)
    assert ear.view(T + 1_000) == EarView(pytest.approx(-63))
    ear.hear(-80, T + 1_000 + FRESH_MS)
    assert ear.rssi_dbm == -80


def test_failures_are_forgiven_with_time_and_by_success() -> None:
    ear = Ear()
    assert ear.view(T) == EarView(UNKNOWN_DBM, 0)
    ear.fail(T)
    ear.fail(T + 1)
    assert ear.failures(T + FAILURES_MS) == 2 and ear.failures(T + 1 + FAILURES_MS) == 0
    ear.fail(T + 2)
    ear.work()
    assert ear.failures(T + 2) == 0


def test_only_what_was_heard_lately_is_offered_and_the_best_is_named() -> None:
    hearing = Hearing()
    assert hearing.best(T) is None
    hearing.hear(X, -50, T)
    hearing.hear(Y, -70, T + FRESH_MS - 1)
    assert hearing.fresh(T + FRESH_MS - 1).keys() == {X, Y}
    assert hearing.best(T + FRESH_MS - 1) == X
    assert hearing.fresh(T + FRESH_MS).keys() == {Y}
    assert hearing.best(T + FRESH_MS) == Y


def test_every_adapter_has_its_time_to_hear_a_newcomer() -> None:
    hearing = Hearing()
    hearing.hear(X, -90, T)
    assert hearing.is_settled([X], T) and not hearing.is_settled([X, Y], T)
    assert hearing.is_settled([X, Y], T + SETTLE_MS)
    hearing.hear(Y, -50, T + 1)
    assert hearing.is_settled([X, Y], T + 1)


def test_what_the_system_holds_at_one_adapter_is_nobody_elses() -> None:
    hearing = Hearing()
    hearing.hear(Y, -40, T)
    hearing.found_connected(X, T + 1)
    assert hearing.fresh(T + 1) == {X: EarView()} and hearing.is_settled([X, Y], T + 1)


def advertised(
    hearing: Hearing, for_ms: int = 2 * REGULAR_MS, every_ms: int = 1_000, dbm: int = -60
) -> int:
    """Until the returned time, ms."""
    for at_ms in range(T, T + for_ms + 1, every_ms):
        hearing.hear(X, dbm, at_ms)
    return at_ms


def is_taken(hearing: Hearing, now_ms: int, kinds: tuple[SensorKind, ...] = STRAP) -> bool:
    """While others are heard advertising."""
    return hearing.is_taken(kinds, {X: now_ms - OTHERS_MS + 1}, {}, now_ms)


def test_heard_regularly_then_not_at_all_while_others_are_it_is_taken() -> None:
    hearing = Hearing()
    last_ms = advertised(hearing)
    assert not is_taken(hearing, last_ms + TAKEN_MS - 1)
    assert is_taken(hearing, last_ms + TAKEN_MS)


@pytest.mark.parametrize(
    ("why", "for_ms", "every_ms", "dbm", "kinds"),
    [
        ("heard for too short a time", REGULAR_MS - 1_000, 1_000, -60, STRAP),
        ("heard now and then", 60_000, 6_000, -60, STRAP),
        ("at the edge of reach", 2 * REGULAR_MS, 1_000, -86, STRAP),
        ("a pod sleeps at rest", 2 * REGULAR_MS, 1_000, -60, (SensorKind.CADENCE,)),
    ],
)
def test_what_is_no_evidence(
    why: str, for_ms: int, every_ms: int, dbm: int, kinds: tuple[SensorKind, ...]
) -> None:
    hearing = Hearing()
    last_ms = advertised(hearing, for_ms, every_ms, dbm)
    assert not is_taken(hearing, last_ms + TAKEN_MS, kinds), why


def test_a_scan_that_hears_nobody_proves_nothing() -> None:
    hearing = Hearing()
    last_ms = advertised(hearing)
    now_ms = last_ms + TAKEN_MS
    assert not hearing.is_taken(STRAP, {}, {}, now_ms)
    assert not hearing.is_taken(STRAP, {X: now_ms - OTHERS_MS}, {}, now_ms)
    assert not hearing.is_taken(STRAP, {Y: now_ms}, {}, now_ms), "never heard by this adapter"


def test_where_all_others_are_connected_it_takes_longer() -> None:
    hearing = Hearing()
    last_ms = advertised(hearing)
    early_ms, late_ms = last_ms + TAKEN_ALONE_MS - 1, last_ms + TAKEN_ALONE_MS
    assert not hearing.is_taken(STRAP, {}, {X: early_ms}, early_ms)
    assert hearing.is_taken(STRAP, {}, {X: late_ms}, late_ms)


def test_the_verdict_holds_when_the_room_falls_silent_and_ends_when_it_is_heard() -> None:
    hearing = Hearing()
    last_ms = advertised(hearing)
    assert is_taken(hearing, last_ms + TAKEN_MS)
    later_ms = last_ms + 10 * TAKEN_MS
    assert hearing.is_taken(STRAP, {}, {}, later_ms)
    assert not hearing.is_taken(STRAP, {}, {}, last_ms + VERDICT_MS)
    hearing.hear(X, -60, later_ms)
    assert not is_taken(hearing, later_ms + TAKEN_MS), "one advertisement is no habit"


def test_what_we_connected_ourselves_is_not_elsewhere() -> None:
    hearing = Hearing()
    last_ms = advertised(hearing)
    hearing.hold()
    assert not is_taken(hearing, last_ms + TAKEN_MS)


def test_others_are_all_but_the_sensor_itself() -> None:
    hearings = {name: Hearing() for name in "abc"}
    for at_ms, name in enumerate("abc"):
        hearings[name].hear(X, -60, T + at_ms)
    hearings["c"].hear(Y, -60, T + 9)
    chorus = Chorus(hearings)
    assert chorus.without("c") == {X: T + 1} and chorus.without("a") == {X: T + 2, Y: T + 9}
