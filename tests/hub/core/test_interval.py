"""The interval engine, on numbers for time."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import IllegalInput
from hub.core.interval import (
    TABLE,
    Finished,
    Input,
    Lane,
    Lap,
    Lapped,
    Output,
    Pause,
    Paused,
    PhaseBegan,
    Resume,
    Resumed,
    Skip,
    Start,
    Status,
    Stop,
    Tick,
    TimelinePhase,
    advance,
    deadline,
    fold,
    phase_ridden_ms,
    ridden_ms,
    timeline,
)
from hub.core.target import FreeRide
from hub.core.workout import ForDuration, Step, StepKind, UntilLap, Workout

CONTROLS = (Pause(), Resume(), Lap(), Skip(), Skip(leaves=1), Stop())


def plan(*lengths: int | None) -> Workout:
    """A workout of these step lengths in ms; None is open-ended."""
    return Workout(
        "w",
        tuple(
            Step(str(i), StepKind.WORK, UntilLap() if n is None else ForDuration(n), FreeRide())
            for i, n in enumerate(lengths)
        ),
    )


THREE = plan(60, 30, 60)
MIXED = plan(60, None, 1, 31, None, 600)


def outputs(workout: Workout, *script: tuple[int, Input]) -> list[Output]:
    return list(fold(workout, script)[1])


def test_one_late_tick_crosses_every_boundary_at_its_due_time():
    assert outputs(THREE, (10, Start()), (1000, Tick())) == [
        PhaseBegan(10, 0),
        PhaseBegan(70, 1),
        PhaseBegan(100, 2),
        Finished(160, True),
    ]


def test_pauses_do_not_count():
    assert outputs(THREE, (0, Start()), (30, Pause()), (500, Resume()), (530, Tick())) == [
        PhaseBegan(0, 0),
        Paused(30),
        Resumed(500),
        PhaseBegan(530, 1),
    ]


def test_lap_ends_an_open_ended_step_and_otherwise_marks():
    assert outputs(plan(50, None, 5), (0, Start()), (20, Lap()), (70, Lap()), (73, Lap())) == [
        PhaseBegan(0, 0),
        Lapped(20, 1),
        PhaseBegan(50, 1),
        PhaseBegan(70, 2),
        Lapped(73, 2),
    ]


def test_skip_while_paused_moves_on_and_stays_paused():
    lane, out = fold(THREE, [(0, Start()), (10, Pause()), (20, Skip())])
    assert out[-1] == PhaseBegan(20, 1)
    assert lane.status is Status.PAUSED
    lane, out = fold(THREE, [(100, Resume()), (130, Tick())], lane)
    assert out == (Resumed(100), PhaseBegan(130, 2))


def test_skipping_the_last_step_completes_the_workout():
    assert outputs(plan(60), (0, Start()), (5, Skip()))[-1] == Finished(5, True)


def test_a_skip_that_comes_late_does_not_throw_away_the_next_step():
    lane, out = fold(THREE, [(0, Start()), (60, Skip(leaves=0))])
    assert out == (PhaseBegan(0, 0), PhaseBegan(60, 1))
    assert lane.index == 1
    assert outputs(THREE, (0, Start()), (59, Skip(leaves=0)))[-1] == PhaseBegan(59, 1)


def test_stop_says_that_it_was_not_completed():
    assert outputs(THREE, (0, Start()), (61, Stop()))[-1] == Finished(61, False)
    assert outputs(THREE, (7, Stop())) == [Finished(7, False)]


def test_a_finished_lane_takes_what_was_on_its_way():
    lane, _ = fold(THREE, [(0, Start()), (150, Tick())])
    for late in (*CONTROLS, Tick()):
        assert advance(THREE, lane, 151, late) == (lane, ())
    with pytest.raises(IllegalInput):
        advance(THREE, lane, 151, Start())


REACH: dict[Status, list[tuple[int, Input]]] = {
    Status.READY: [],
    Status.RUNNING: [(0, Start())],
    Status.PAUSED: [(0, Start()), (1, Pause())],
    Status.FINISHED: [(0, Start()), (1, Stop())],
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", [Start(), *CONTROLS, Tick()], ids=repr)
def test_an_absent_row_is_an_error_and_a_present_one_is_not(status: Status, event: Input):
    lane, _ = fold(THREE, REACH[status])
    assert lane.status is status
    if (status, type(event)) in TABLE:
        advance(THREE, lane, 2, event)
    else:
        with pytest.raises(IllegalInput, match=f"{type(event).__name__} .* {status.value}"):
            advance(THREE, lane, 2, event)


def test_an_input_applied_early_is_not_disturbed_by_the_ticks_before_it():
    lane, _ = fold(THREE, [(0, Start())])
    lane, out = advance(THREE, lane, 50, Skip())  # decided at 40, effective at 50
    assert out == (PhaseBegan(50, 1),)
    for now in (41, 45, 49):
        assert advance(THREE, lane, now, Tick()) == (lane, ())
        assert timeline(THREE, lane, now) == timeline(THREE, lane, 50)
        assert phase_ridden_ms(lane, now) == 0
    assert deadline(THREE, lane) == 80
    # Another input before that instant counts as of it: time in a lane never runs backwards.
    paused, out = advance(THREE, lane, 45, Pause())
    assert out == (Paused(50),)
    assert ridden_ms(paused, 50) == 50


def test_riding_time_does_not_shrink_before_a_resume_that_lies_ahead():
    lane, _ = fold(THREE, [(0, Start()), (10, Pause()), (500, Resume())])  # resumed early
    assert [ridden_ms(lane, now) for now in (300, 500, 501)] == [10, 10, 11]


def test_the_timeline_before_during_and_after():
    assert timeline(THREE, Lane(), 5) == (
        TimelinePhase(0, 5, 65, 0, fixed=False),
        TimelinePhase(1, 65, 95, 60, fixed=False),
        TimelinePhase(2, 95, 155, 90, fixed=False),
    )
    lane, _ = fold(THREE, [(100, Start()), (110, Pause()), (150, Resume())])
    running = (
        TimelinePhase(0, 100, 200, 0),
        TimelinePhase(1, 200, 230, 60),
        TimelinePhase(2, 230, 290, 90),
    )
    assert timeline(THREE, lane, 170) == running
    # Read late, without a tick in between: settled all the same.
    assert timeline(THREE, lane, 10_000) == running

    lane, _ = advance(THREE, lane, 205, Pause())
    assert timeline(THREE, lane, 300) == (
        TimelinePhase(0, 100, 200, 0),
        TimelinePhase(1, 200, 325, 60),
        TimelinePhase(2, 325, 385, 90, fixed=False),
    )
    lane, _ = advance(THREE, lane, 305, Stop())
    assert timeline(THREE, lane, 999) == (
        TimelinePhase(0, 100, 200, 0),
        TimelinePhase(1, 200, 305, 60),
    )


def test_behind_an_open_end_times_are_only_projected():
    lane, _ = fold(MIXED, [(0, Start())])
    assert timeline(MIXED, lane, 10)[:4] == (
        TimelinePhase(0, 0, 60, 0),
        TimelinePhase(1, 60, None, 60),
        TimelinePhase(2, 60, 61, 60, fixed=False),
        TimelinePhase(3, 61, 92, 61, fixed=False),
    )
    assert timeline(MIXED, lane, 100)[:3] == (
        TimelinePhase(0, 0, 60, 0),
        TimelinePhase(1, 60, None, 60),
        TimelinePhase(2, 100, 101, 100, fixed=False),
    )


def test_a_lane_survives_its_json():
    lane, _ = fold(MIXED, [(0, Start()), (10, Lap()), (70, Lap()), (80, Pause())])
    assert msgspec.json.decode(msgspec.json.encode(lane), type=Lane) == lane
    for event in (Start(), Skip(leaves=3), Tick()):
        assert msgspec.json.decode(msgspec.json.encode(event), type=Input) == event


# Properties. A script is any story that could have happened: illegal inputs are left out.

Script = list[tuple[int, Input]]


@st.composite
def stories(draw: st.DrawFn) -> tuple[Workout, Script]:
    lengths = draw(st.lists(st.none() | st.integers(1, 300), min_size=1, max_size=6))
    workout = plan(*lengths)
    raw = draw(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(CONTROLS)), max_size=14))
    now, lane, script = 1000, Lane(), []
    for wait, event in [(0, Start()), *raw]:
        now += wait
        try:
            lane, _ = advance(workout, lane, now, event)
        except IllegalInput:
            continue
        script.append((now, event))
    return workout, script


def with_ticks(script: Script, ticks: list[int]) -> Script:
    return sorted(script + [(at, Tick()) for at in ticks], key=lambda pair: pair[0])


END = 10_000


@given(stories(), st.lists(st.integers(1000, 4000), max_size=30))
def test_how_often_we_look_changes_nothing(story: tuple[Workout, Script], ticks: list[int]):
    workout, script = story
    last: Script = [(END, Tick())]
    assert fold(workout, script + last) == fold(workout, with_ticks(script, ticks) + last)


@given(stories())
def test_the_deadline_is_never_in_the_past(story: tuple[Workout, Script]):
    workout, script = story
    lane = Lane()
    for now, event in script:
        lane, _ = advance(workout, lane, now, event)
        due = deadline(workout, lane)
        assert due is None or due > now


@given(stories(), st.data())
def test_fold_then_continue_is_the_same_as_never_stopping(
    story: tuple[Workout, Script], data: st.DataObject
):
    workout, script = story
    cut = data.draw(st.integers(0, len(script)))
    lane, before = fold(workout, script[:cut])
    restored = msgspec.json.decode(msgspec.json.encode(lane), type=Lane)
    lane, after = fold(workout, script[cut:], restored)
    assert (lane, before + after) == fold(workout, script)


@given(stories())
def test_time_is_conserved(story: tuple[Workout, Script]):
    workout, script = story
    lane, out = fold(workout, [*script, (END, Stop())])
    began, ended = script[0][0], out[-1].at_ms
    stops = [o.at_ms for o in out if isinstance(o, Paused | Resumed)]
    if len(stops) % 2:
        stops.append(ended)
    paused = sum(b - a for a, b in zip(stops[::2], stops[1::2], strict=True))
    assert ridden_ms(lane, END) == ended - began - paused
    phases = timeline(workout, lane, END)
    for phase, after in pairwise(phases):
        assert phase.ends_at_ms == after.begins_at_ms
        assert phase.ridden_ms <= after.ridden_ms


@given(stories())
def test_what_the_timeline_announced_is_what_happens(story: tuple[Workout, Script]):
    workout, script = story
    lane, _ = fold(workout, script)
    promised = [
        PhaseBegan(p.begins_at_ms, p.index)
        for p in timeline(workout, lane, lane.at_ms)[lane.index + 1 :]
        if p.fixed
    ]
    _, out = advance(workout, lane, END, Tick())
    assert [o for o in out if isinstance(o, PhaseBegan)] == promised


@given(stories())
def test_outputs_come_in_the_order_of_their_time(story: tuple[Workout, Script]):
    _, out = fold(*story)
    times = [o.at_ms for o in out]
    assert times == sorted(times)
