"""One athlete's part of a session, read off its log."""

from __future__ import annotations

from msgspec.structs import replace
from rides import ANN, T0, log_of, session_of

from hub.activity.ride import Choice, Ride, Span, ride_of
from hub.core.workout import StepKind
from hub.live.inputs import (
    Back,
    Choose,
    CoolDown,
    Create,
    Entry,
    Extend,
    Idle,
    Input,
    Join,
    Lap,
    Leave,
    Pace,
    Pause,
    Reopen,
    Repeat,
    Resume,
    Rider,
    Skip,
    Slept,
    Start,
    Stop,
    Trim,
    Undo,
)
from hub.wire.values import Metric

BOB = Rider(athlete="bob", name="Bob")


def ride(
    *said: tuple[float, Input], athlete: str = "ann", riders: tuple[Rider, ...] = (ANN,)
) -> Ride:
    log = log_of(*said, riders=riders)
    found = ride_of(session_of(log), log, athlete)
    assert found is not None
    return found


def seconds(found: Ride) -> list[tuple[str, float, float, int | None]]:
    return [
        (p.name, (p.begins_at_ms - T0) / 1000, (p.ends_at_ms - T0) / 1000, p.target_w)
        for p in found.phases
    ]


def test_a_workout_ridden_to_its_end() -> None:
    found = ride()
    assert (found.started_at_ms, found.ended_at_ms) == (T0, T0 + 210_000)
    assert found.end_cause == "workout"
    assert seconds(found) == [
        ("Warm-up", 0, 60, 125),
        ("Threshold 1 of 2", 60, 120, 250),
        ("Easy", 120, 150, 125),
        ("Threshold 2 of 2", 150, 210, 250),
    ]
    assert not any(phase.by_hand for phase in found.phases)


def test_a_skip_a_pause_and_a_stop() -> None:
    found = ride((20, Skip(0)), (40, Pause()), (55, Resume()), (70, Stop()))
    assert seconds(found) == [("Warm-up", 0, 20, 125), ("Threshold 1 of 2", 20, 70, 250)]
    assert [phase.by_hand for phase in found.phases] == [True, True]
    assert found.pauses == (Span(T0 + 40_000, T0 + 55_000),)
    assert found.end_cause == "stop"


def test_a_stop_in_a_pause_ends_the_pause_with_the_ride() -> None:
    found = ride((40, Pause()), (50, Stop()))
    assert found.pauses == (Span(T0 + 40_000, T0 + 50_000),)
    assert found.ended_at_ms == T0 + 50_000


def test_trim_holds_for_the_phases_behind_it() -> None:
    found = ride((70, Trim("ann", 110)))
    assert [phase.target_w for phase in found.phases] == [125, 250, 138, 275]


def test_phases_are_as_ridden_however_they_came() -> None:
    found = ride(
        (10, Extend("", 30_000)),
        (20, Repeat()),
        (100, Back()),
        (110, Skip(None)),
        (112, Undo()),
        (130, CoolDown()),
        (200, Stop()),
    )
    assert seconds(found) == [
        ("Warm-up", 0, 90, 125),
        ("Warm-up", 90, 100, 125),
        ("Warm-up", 100, 130, 125),
        ("Cool-down", 130, 200, 112),
    ]
    assert [(phase.step, phase.by_hand) for phase in found.phases] == [
        (0, True), (0, True), (0, True), (4, True),
    ]  # fmt: skip


def test_an_intensity_of_one_kind_of_step_holds_for_those() -> None:
    found = ride((1, Trim("ann", 90)), (2, Trim("", 110, StepKind.WORK)))
    assert [phase.target_w for phase in found.phases] == [125, 275, 112, 275]


def test_at_their_own_pace_each_has_a_ride_of_their_own() -> None:
    log = log_of(riders=(ANN, BOB))
    made = log[0].input
    assert isinstance(made, Create)
    log[0] = replace(log[0], input=replace(made, pace=Pace.SELF))
    start = next(i for i, entry in enumerate(log) if isinstance(entry.input, Start))
    log[start:] = [
        Entry(T0, Start("ann")),
        Entry(T0 + 30_000, Start("bob")),
        Entry(T0 + 40_000, Skip(0, "bob")),
        Entry(T0 + 50_000, Pause("bob")),
        Entry(T0 + 60_000, Stop("bob")),
        Entry(T0 + 90_000, Stop("ann")),
    ]
    session = session_of(log, 90)
    ann, bob = ride_of(session, log, "ann"), ride_of(session, log, "bob")
    assert ann is not None and bob is not None
    assert (ann.started_at_ms, ann.ended_at_ms, ann.pauses) == (T0, T0 + 90_000, ())
    assert (bob.started_at_ms, bob.ended_at_ms) == (T0 + 30_000, T0 + 60_000)
    assert bob.pauses == (Span(T0 + 50_000, T0 + 60_000),)
    assert [name for name, *_ in seconds(bob)] == ["Warm-up", "Threshold 1 of 2"]


def test_who_comes_late_and_leaves_early_has_a_shorter_ride() -> None:
    said = ((30.0, Join(BOB)), (100.0, Leave("bob")))
    found = ride(*said, athlete="bob")
    assert (found.started_at_ms, found.ended_at_ms) == (T0 + 30_000, T0 + 100_000)
    assert seconds(found) == [("Warm-up", 30, 60, None), ("Threshold 1 of 2", 60, 100, None)]
    assert ride(*said).ended_at_ms == T0 + 210_000


def test_who_left_and_came_back_rode_to_the_end() -> None:
    found = ride((30, Leave("bob")), (90, Join(BOB)), athlete="bob", riders=(ANN, BOB))
    assert (found.started_at_ms, found.ended_at_ms) == (T0, T0 + 210_000)


def test_who_was_not_there_has_no_ride() -> None:
    log = log_of((5, Stop()))
    assert ride_of(session_of(log), log, "nobody") is None
    before_it_ended = log_of()
    assert ride_of(session_of(before_it_ended, 10), before_it_ended, "ann") is None
    left_before = log_of((5, Stop()), riders=(ANN, BOB))
    left_before.insert(3, Entry(T0 - 1, Leave("bob")))
    assert ride_of(session_of(left_before), left_before, "bob") is None


def test_choices_sleep_and_marks_are_kept() -> None:
    found = ride(
        (10, Choose("ann", Metric.POWER_W, "bike")),
        (15, Choose("bob", Metric.POWER_W, "other")),
        (20, Choose("ann", Metric.POWER_W, "")),
        (30, Lap("ann")),
        (32, Lap("bob")),
        (34, Lap("")),
        (100, Slept(T0 + 50_000 - 142_000)),
        riders=(ANN, BOB),
    )
    assert found.choices == (
        Choice(T0 + 10_000, Metric.POWER_W, "bike"),
        Choice(T0 + 20_000, Metric.POWER_W, None),
    )
    assert found.marks == (T0 + 30_000, T0 + 34_000)
    assert found.absences == (Span(T0, T0 + 100_000, "computer slept 3:12"),)


def test_an_idle_end_is_where_the_pedalling_stopped_and_a_reopened_ride_pauses_there() -> None:
    idle = ride((140, Idle(T0 + 90_000)))
    assert (idle.ended_at_ms, idle.end_cause, idle.pauses) == (T0 + 90_000, "idle", ())
    again = ride((140, Idle(T0 + 90_000)), (200, Reopen()), (220, Resume()))
    assert again.pauses == (Span(T0 + 90_000, T0 + 220_000),)
    assert again.ended_at_ms == T0 + 220_000 + 120_000
    assert again.end_cause == "workout"


def test_a_simulated_rider_makes_a_demo_ride() -> None:
    assert not ride().demo
    assert ride(riders=(replace(ANN, demo=True),)).demo
