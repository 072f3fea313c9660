"""The interval engine, on numbers for time."""

import os
from itertools import pairwise
from time import perf_counter

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.core.errors import Conflict, IllegalInput, UserError
from hub.core.interval import (
    COOL_DOWN,
    PHASES_MAX,
    TABLE,
    UNDO_MS,
    advance,
    can_undo,
    deadline,
    fold,
    phase_ridden_ms,
    ridden_ms,
    step_at,
)
from hub.core.lanes import (
    Back,
    CoolDown,
    Extend,
    Extended,
    Finished,
    Input,
    Jump,
    Lane,
    Lap,
    Lapped,
    Met,
    Output,
    Pause,
    Paused,
    PhaseBegan,
    Repeat,
    Repeated,
    Resume,
    Resumed,
    Skip,
    Span,
    Start,
    Status,
    Stop,
    Tick,
    TimelinePhase,
    Undo,
    Undone,
)
from hub.core.target import FreeRide, MaxEffort, Unit, aim
from hub.core.timeline import timeline
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    UntilHeartRate,
    UntilLap,
    Workout,
)

UNDOABLE = (
    Pause(),
    Resume(),
    Lap(),
    Skip(),
    Skip(leaves=1),
    Back(),
    Jump(0),
    Extend(25),
    Extend(-40),
    Repeat(),
    CoolDown(),
)
many = settings(max_examples=10_000 if os.environ.get("FUZZ") else 200)
CONTROLS = (*UNDOABLE, Met(), Met(leaves=1), Undo(), Stop())


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


def ahead(
    index: int, begins: int, ends: int, ridden: int, *, fixed: bool = True, paused: int = 0
) -> TimelinePhase:
    """A phase with an end, in which the lane stood still for `paused` ms."""
    return TimelinePhase(index, begins, ends, ridden, fixed, length_ms=ends - begins - paused)


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
        ahead(0, 5, 65, 0, fixed=False),
        ahead(1, 65, 95, 60, fixed=False),
        ahead(2, 95, 155, 90, fixed=False),
    )
    lane, _ = fold(THREE, [(100, Start()), (110, Pause()), (150, Resume())])
    running = (
        ahead(0, 100, 200, 0, paused=40),
        ahead(1, 200, 230, 60),
        ahead(2, 230, 290, 90),
    )
    assert timeline(THREE, lane, 170) == running
    # Read late, without a tick in between: settled all the same.
    assert timeline(THREE, lane, 10_000) == running

    lane, _ = advance(THREE, lane, 205, Pause())
    assert timeline(THREE, lane, 300) == (
        ahead(0, 100, 200, 0, paused=40),
        ahead(1, 200, 325, 60, paused=95),
        ahead(2, 325, 385, 90, fixed=False),
    )
    lane, _ = advance(THREE, lane, 305, Stop())
    assert timeline(THREE, lane, 999) == (
        ahead(0, 100, 200, 0, paused=40),
        ahead(1, 200, 305, 60, paused=100),
    )


def test_behind_an_open_end_times_are_only_projected():
    lane, _ = fold(MIXED, [(0, Start())])
    assert timeline(MIXED, lane, 10)[:4] == (
        ahead(0, 0, 60, 0),
        TimelinePhase(1, 60, None, 60),
        ahead(2, 60, 61, 60, fixed=False),
        ahead(3, 61, 92, 61, fixed=False),
    )
    assert timeline(MIXED, lane, 100)[:3] == (
        ahead(0, 0, 60, 0),
        TimelinePhase(1, 60, None, 60),
        ahead(2, 100, 101, 100, fixed=False),
    )


def test_a_lane_survives_its_json():
    lane, _ = fold(MIXED, [(0, Start()), (10, Lap()), (70, Lap()), (80, Pause())])
    assert msgspec.json.decode(msgspec.json.encode(lane), type=Lane) == lane
    for event in (Start(), Skip(leaves=3), Tick()):
        assert msgspec.json.decode(msgspec.json.encode(event), type=Input) == event


def kinds(*kinds: StepKind) -> Workout:
    return Workout("w", tuple(Step("", kind, ForDuration(60), FreeRide()) for kind in kinds))


OPEN = Workout(
    "w",
    (
        Step("", StepKind.WORK, ForDistance(1000), FreeRide(), at_most_ms=600),
        Step("", StepKind.WORK, ForWork(20.5), FreeRide()),
        Step("", StepKind.WORK, UntilHeartRate(aim(Unit.BPM, 120), above=False), FreeRide()),
        Step("", StepKind.WORK, UntilLap(), FreeRide(), at_most_ms=500),
        Step("", StepKind.WORK, ForDuration(60), FreeRide()),
    ),
)


def test_a_step_ends_when_its_condition_is_met_or_at_its_cap():
    assert outputs(
        OPEN, (0, Start()), (100, Met(0)), (150, Met(1)), (160, Met(2)), (999, Tick())
    ) == [
        PhaseBegan(0, 0),
        PhaseBegan(100, 1),
        PhaseBegan(150, 2),
        PhaseBegan(160, 3),
        PhaseBegan(660, 4),
        Finished(720, True),
    ]
    assert outputs(OPEN, (0, Start()), (700, Tick())) == [PhaseBegan(0, 0), PhaseBegan(600, 1)]


def test_a_lap_ends_any_step_that_does_not_end_by_time():
    laps: Script = [(at, Lap()) for at in (10, 20, 30, 40, 50)]
    assert [type(o) for o in outputs(OPEN, (0, Start()), *laps)] == [*[PhaseBegan] * 5, Lapped]


def test_a_condition_met_too_late_or_where_there_is_none_does_nothing():
    lane, _ = fold(OPEN, [(0, Start()), (600, Tick())])  # the cap was first
    assert advance(OPEN, lane, 601, Met(0))[0].index == 1
    lane, _ = fold(OPEN, [(0, Start()), *[(i, Met()) for i in (1, 2, 3)], (5, Met()), (6, Met(3))])
    assert lane.index == 3  # a step until lap has no condition
    assert fold(THREE, [(0, Start()), (1, Met(0))])[0].index == 0


def test_the_timeline_says_by_when_an_open_step_ends():
    lane, _ = fold(OPEN, [(0, Start())])
    first, second, *_ = timeline(OPEN, lane, 100)
    assert (first.ends_at_ms, first.ends_by_ms, second.fixed) == (None, 600, False)
    lane, _ = advance(OPEN, lane, 200, Pause())
    assert timeline(OPEN, lane, 300)[0].ends_by_ms == 700
    lane, _ = advance(OPEN, lane, 300, Extend(-150))
    assert timeline(OPEN, lane, 300)[0].ends_by_ms == 550


def test_back_goes_to_the_step_before_and_on_the_first_to_its_beginning():
    assert outputs(THREE, (0, Start()), (70, Back()), (80, Back()), (140, Tick())) == [
        PhaseBegan(0, 0),
        PhaseBegan(60, 1),
        PhaseBegan(70, 0),
        PhaseBegan(80, 0),
        PhaseBegan(140, 1),
    ]


def test_jump_goes_anywhere_and_begins_the_step_anew():
    lane, out = fold(THREE, [(0, Start()), (20, Jump(2)), (50, Jump(2))])
    assert out[1:] == (PhaseBegan(20, 2), PhaseBegan(50, 2))
    assert deadline(THREE, lane) == 110
    assert (lane.number, [phase.index for phase in lane.past]) == (2, [0, 2])
    for nowhere in (-1, 3):
        with pytest.raises(UserError, match="steps 1 to 3"):
            advance(THREE, lane, 60, Jump(nowhere))


def test_extend_and_shorten_move_what_is_ahead():
    lane, out = fold(THREE, [(0, Start()), (20, Extend(25)), (70, Extend(-5))])
    assert out[1:] == (Extended(20, 25), Extended(70, -5))
    assert [p.begins_at_ms for p in timeline(THREE, lane, 75)] == [0, 80, 110]
    assert timeline(THREE, lane, 75)[0].length_ms == 80
    lane, out = advance(THREE, lane, 75, Extend(-20))  # to less than was ridden
    assert out == (PhaseBegan(75, 1),)
    assert deadline(THREE, lane) == 105  # the next one is as long as planned


def test_nobody_extends_an_open_end_and_no_step_beyond_a_day():
    lane, _ = fold(MIXED, [(0, Start()), (60, Tick())])
    assert advance(MIXED, lane, 61, Extend(1000)) == (lane, ())
    lane, out = fold(THREE, [(0, Start()), (1, Extend(10**12))])
    assert deadline(THREE, lane) == 24 * 3_600_000


def test_an_extension_that_changes_nothing_is_not_remembered():
    lane, _ = fold(THREE, [(0, Start()), (1, Extend(10**12)), (2, Extend(1)), (3, Extend(0))])
    assert lane.said_at_ms == 1
    assert deadline(THREE, advance(THREE, lane, 4, Undo())[0]) == 60


def test_a_lane_goes_back_only_so_often():
    workout = plan(600_000)
    lane, _ = fold(workout, [(0, Start()), *((at, Back()) for at in range(PHASES_MAX))])
    for control in (Back(), Jump(0), Repeat()):
        with pytest.raises(Conflict, match="2000 intervals"):
            advance(workout, lane, PHASES_MAX, control)
    assert advance(workout, lane, PHASES_MAX, Skip())[1] == (Finished(PHASES_MAX, True),)


def test_repeat_gives_the_step_once_more():
    lane, out = fold(THREE, [(0, Start()), (10, Repeat()), (20, Repeat())])
    assert out[1:] == (Repeated(10), Repeated(20))
    assert [p.index for p in timeline(THREE, lane, 30)] == [0, 0, 0, 1, 2]
    _, out = advance(THREE, lane, 180, Tick())
    assert out == (PhaseBegan(60, 0), PhaseBegan(120, 0), PhaseBegan(180, 1))
    lane, _ = advance(THREE, lane, 61, Back())
    assert [p.index for p in timeline(THREE, lane, 61)[2:]] == [0, 1, 2]  # who leaves, leaves them


def test_cool_down_is_the_one_that_ends_the_workout():
    work, easy, cool = StepKind.WORK, StepKind.RECOVERY, StepKind.COOLDOWN
    workout = kinds(work, cool, work, easy, cool, cool)
    lane, out = fold(workout, [(0, Start()), (10, CoolDown()), (15, CoolDown()), (80, CoolDown())])
    assert out[1:] == (PhaseBegan(10, 4), PhaseBegan(70, 5))


def test_a_workout_without_a_cool_down_gets_one():
    lane, out = fold(THREE, [(0, Start()), (10, CoolDown()), (15, CoolDown())])
    assert out[1:] == (PhaseBegan(10, 3),)
    assert step_at(THREE, 3) is COOL_DOWN
    assert [p.index for p in timeline(THREE, lane, 20)] == [0, 3]
    assert advance(THREE, lane, 10 + 600_000, Tick())[1] == (Finished(10 + 600_000, True),)
    assert advance(THREE, lane, 20, Skip())[1] == (Finished(20, True),)
    assert advance(THREE, lane, 20, Back())[1] == (PhaseBegan(20, 2),)


def test_what_meant_a_phase_that_is_over_does_nothing_even_in_another_pass_of_its_step():
    lane, _ = fold(THREE, [(0, Start()), (10, Repeat()), (60, Tick())])
    assert (lane.index, lane.number) == (0, 1)
    for late in (Skip(0), Back(0), Jump(2, 0), Extend(9, 0), Repeat(0), CoolDown(0)):
        assert advance(THREE, lane, 61, late) == (lane, ())


def test_undo_is_as_if_it_had_not_been_said():
    story: Script = [(0, Start()), (50, Extend(5))]
    lane, out = fold(THREE, [*story, (60, Skip()), (75, Undo())])
    assert out[-1] == Undone(75, 1)
    assert lane.phase_began_at_ms == 65  # the step ended meanwhile, at its own time
    assert timeline(THREE, lane, 80) == timeline(THREE, fold(THREE, story)[0], 80)
    assert advance(THREE, lane, 80, Undo()) == (lane, ())  # one control is remembered


def test_undo_of_a_pause_rode_on_and_of_a_resume_stayed():
    lane, _ = fold(THREE, [(0, Start()), (10, Pause()), (30, Undo())])
    assert (lane.status, lane.pauses, ridden_ms(lane, 30)) == (Status.RUNNING, (), 30)
    lane, _ = fold(THREE, [(0, Start()), (10, Pause()), (30, Resume()), (40, Undo())])
    assert (lane.status, lane.paused_at_ms, ridden_ms(lane, 40)) == (Status.PAUSED, 10, 10)
    lane, _ = advance(THREE, lane, 45, Resume())
    assert lane.pauses == (Span(10, 45),)


def test_undo_has_ten_seconds():
    workout = plan(60_000, 60_000)
    lane, _ = fold(workout, [(0, Start()), (1_000, Skip())])
    assert can_undo(lane, 1_000 + UNDO_MS)
    assert advance(workout, lane, 1_000 + UNDO_MS, Undo())[0].index == 0
    assert advance(workout, lane, 1_001 + UNDO_MS, Undo()) == (lane, ())
    assert not can_undo(lane, 1_001 + UNDO_MS)


def test_undo_may_find_that_the_workout_had_ended():
    lane, out = fold(THREE, [(0, Start()), (140, Extend(60)), (180, Undo())])
    assert out[-2:] == (Undone(180, 2), Finished(150, True))
    assert lane.at_ms == 150


# Properties. A script is any story that could have happened: illegal inputs are left out.

Script = list[tuple[int, Input]]


STEPS = st.one_of(
    st.builds(ForDuration, st.integers(1, 300)),
    st.just(UntilLap()),
    st.just(ForDistance(400)),
    st.just(ForWork(12.5)),
    st.just(UntilHeartRate(aim(Unit.LTHR, 0.7), above=False)),
)


@st.composite
def workouts(draw: st.DrawFn) -> Workout:
    steps = draw(
        st.lists(
            st.builds(
                Step,
                st.just(""),
                st.sampled_from(StepKind),
                STEPS,
                st.just(FreeRide()),
                at_most_ms=st.none() | st.integers(1, 400),
            ),
            min_size=1,
            max_size=6,
        )
    )
    return Workout("w", tuple(steps))


@st.composite
def stories(draw: st.DrawFn) -> tuple[Workout, Script]:
    workout = draw(workouts())
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


END = 100_000_000  # later than any story ends


@many
@given(stories(), st.lists(st.integers(1000, 4000), max_size=30))
def test_how_often_we_look_changes_nothing(story: tuple[Workout, Script], ticks: list[int]):
    workout, script = story
    last: Script = [(END, Tick())]
    assert fold(workout, script + last) == fold(workout, with_ticks(script, ticks) + last)


@many
@given(stories())
def test_the_deadline_is_never_in_the_past(story: tuple[Workout, Script]):
    workout, script = story
    lane = Lane()
    for now, event in script:
        lane, _ = advance(workout, lane, now, event)
        due = deadline(workout, lane)
        assert due is None or due > now


@many
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


@many
@given(stories())
def test_time_is_conserved(story: tuple[Workout, Script]):
    """Whatever is skipped, extended, repeated or taken back: time is ridden or paused, once."""
    workout, script = story
    lane, out = fold(workout, [*script, (END, Stop())])
    began, ended = script[0][0], lane.at_ms
    paused = sum(pause.ends_at_ms - pause.begins_at_ms for pause in lane.pauses)
    if lane.paused_at_ms is not None:
        paused += ended - lane.paused_at_ms
    assert ridden_ms(lane, END) == ended - began - paused
    phases = timeline(workout, lane, END)
    assert (phases[0].begins_at_ms, phases[-1].ends_at_ms) == (began, ended)
    for phase, after in pairwise(phases):
        assert phase.ends_at_ms == after.begins_at_ms
        assert phase.length_ms == after.ridden_ms - phase.ridden_ms
        assert after.ridden_ms >= phase.ridden_ms
    assert sum(phase.length_ms or 0 for phase in phases) == ridden_ms(lane, END)


@many
@given(stories(), st.integers(0, 200), st.sampled_from(UNDOABLE), st.integers(0, 400))
def test_an_undone_control_was_never_said(
    story: tuple[Workout, Script], wait: int, control: Input, later: int
):
    workout, script = story
    said_at = script[-1][0] + wait
    lane, _ = fold(workout, script)
    try:
        said, out = advance(workout, lane, said_at, control)
    except IllegalInput:
        return
    # One that found nothing to do is not remembered: undo would take back the one before it.
    assume(said != advance(workout, lane, said_at, Tick())[0])
    assume(can_undo(advance(workout, said, said_at + later, Tick())[0], said_at + later))
    undone, _ = advance(workout, said, said_at + later, Undo())
    never, _ = advance(workout, lane, said_at + later, Tick())
    for now in (said_at + later, said_at + later + 77, END):
        assert timeline(workout, undone, now) == timeline(workout, never, now)
        assert ridden_ms(undone, now) == ridden_ms(never, now)
    assert undone.pauses == never.pauses


@many
@given(stories())
def test_what_the_timeline_announced_is_what_happens(story: tuple[Workout, Script]):
    workout, script = story
    lane, _ = fold(workout, script)
    promised = [
        PhaseBegan(p.begins_at_ms, p.index)
        for p in timeline(workout, lane, lane.at_ms)[lane.number + 1 :]
        if p.fixed
    ]
    _, out = advance(workout, lane, END, Tick())
    assert [o for o in out if isinstance(o, PhaseBegan)][: len(promised)] == promised


@many
@given(stories())
def test_outputs_come_in_the_order_of_their_time(story: tuple[Workout, Script]):
    _, out = fold(*story)
    times = [
        o.at_ms
        for before, o in zip([None, *out], out, strict=False)
        if not isinstance(before, Undone)  # an end that undo finds lay before it
    ]
    assert times == sorted(times)


def ride(
    workout: Workout, script: Script, look_ms: int, until_ms: int
) -> tuple[Lane, list[Output]]:
    """As a hub runs it: looked at each `look_ms`, said to in between."""
    lane, out = Lane(), []
    said = iter([*script, (until_ms, Tick())])
    at_ms, event = next(said)
    for now in range(0, until_ms + look_ms, look_ms):
        while at_ms <= now:
            lane, caused = advance(workout, lane, at_ms, event)
            out += caused
            at_ms, event = next(said, (until_ms * 2, Tick()))
        lane, caused = advance(workout, lane, now, Tick())
        out += caused
    return lane, out


def ten_hours() -> tuple[Workout, Script]:
    """Every kind of step, and each control again and again, over ten hours."""
    untils = (
        ForDuration(300_000),
        ForDistance(2_000),
        ForWork(90.0),
        UntilLap(),
        UntilHeartRate(aim(Unit.MAX_HR, 0.7), above=True),
        ForDuration(97_013),
    )
    targets = (aim(Unit.FTP, 0.5, 0.9), FreeRide(), aim(Unit.RPE, 4), MaxEffort())
    cycle = tuple(StepKind)
    steps = tuple(
        Step(str(i), cycle[i % 5], untils[i % 6], targets[i % 4], at_most_ms=240_000)
        for i in range(300)
    )
    controls = (
        Met(),
        Extend(60_000),
        Pause(),
        Resume(),
        Lap(),
        Repeat(),
        Back(),
        Skip(),
        Jump(40),
        Extend(-30_000),
    )
    script: Script = [(0, Start())]
    script += [(i * 41_077, controls[i % len(controls)]) for i in range(1, 860)]
    script += [(at_ms + 4_000, Undo()) for at_ms, _ in script[5::30]]
    script.sort(key=lambda said: said[0])
    return Workout("ten hours", steps), [*script, (35_900_000, CoolDown())]


def test_ten_hours_are_the_same_to_the_millisecond_however_they_are_looked_at(capsys):
    workout, script = ten_hours()
    began_s = perf_counter()
    lane, out = ride(workout, script, 1_000, 36_000_000)
    took_s = perf_counter() - began_s
    with capsys.disabled():
        print(f" [10 h of riding in {took_s:.2f} s]", end="")
    other, again = ride(workout, script, 250, 36_000_000)
    assert again == out
    assert timeline(workout, other, 36_000_000) == timeline(workout, lane, 36_000_000)
    folded, outputs_of_fold = fold(workout, [*script, (36_000_000, Tick())])
    assert (folded, list(outputs_of_fold)) == (lane, out)
    assert {type(o) for o in out} == {
        PhaseBegan, Extended, Paused, Resumed, Repeated, Lapped, Undone,
    }  # fmt: skip
    assert len(lane.past) > 100
