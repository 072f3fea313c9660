"""What is shown of a session, and what a trainer is told, at any instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_fakes import INTERVALS, NOON_MS

from hub.core.errors import UserError
from hub.core.target import FreeRide, Unit, aim
from hub.core.workout import ForDistance, ForDuration, Step, StepKind, StepText, UntilLap, Workout
from hub.live import inputs, views
from hub.live import session as log
from hub.live import session_state as state
from hub.live.asking import asked_now
from hub.live.inputs import Entry, Rider
from hub.live.session_state import GROUP, Session
from hub.live.steering import CAP_W_MAX, HORIZON_MS, Course, course, is_held, target_w
from hub.live.views import PHASES_PER_REVISION, revision
from hub.wire.live_views import CUES_MAX, LaneView, TargetView
from hub.wire.values import (
    CueKind,
    FreeTarget,
    GradeTarget,
    PlanStep,
    PowerTarget,
    ResistanceTarget,
    Target,
)

T = NOON_MS


def lane_view(session: Session, now: int) -> LaneView:
    return views.lane_view(session, GROUP, now)


ANN = Rider(athlete="ann", name="Ann", ftp_w=200)


def going(workout: Workout, *said: tuple[float, inputs.Input], rider: Rider = ANN) -> Session:
    entries = [
        Entry(T, inputs.Create("s", "Class", "epoch", "w", workout)),
        Entry(T, inputs.Join(rider)),
        *(Entry(T + round(after_s * 1000), event) for after_s, event in said),
    ]
    session = log.fold(entries)
    assert session is not None
    return session


def at(after_s: float) -> int:
    return T + round(after_s * 1000)


STARTED = (0.0, inputs.Start())


def test_before_the_start_times_are_as_if_it_went_on_now_and_nothing_fires() -> None:
    lane = lane_view(going(INTERVALS), at(5))
    assert (lane.status, lane.phase, lane.started_at_ms) == ("ready", -1, None)
    assert lane.phases[1].begins_at_ms == at(65)
    assert lane.cues == ()


def test_a_lane_shows_where_it_is_and_all_that_comes() -> None:
    lane = lane_view(going(INTERVALS, STARTED), at(70))
    assert (lane.status, lane.phase, lane.ridden_ms) == ("running", 1, 70_000)
    hard = lane.phases[1]
    assert (hard.name, hard.kind, hard.set_index, hard.set_count) == ("Hard", "work", 1, 2)
    assert (hard.begins_at_ms, hard.ends_at_ms) == (at(60), at(120))
    assert hard.target == TargetView("ftp", 1.2, 1.2, effort=(1.2, 1.2))
    easy = lane.phases[2]
    assert (easy.ends_at_ms, easy.duration_ms) == (None, None)


def test_cues_count_down_to_what_is_settled() -> None:
    lane = lane_view(going(INTERVALS, STARTED), at(58.5))
    assert [(cue.kind, cue.name, cue.at_ms - T) for cue in lane.cues] == [
        (CueKind.COUNTDOWN, "1", 59_000),
        (CueKind.PHASE, "Hard", 60_000),
        (CueKind.COUNTDOWN, "3", 117_000),
        (CueKind.COUNTDOWN, "2", 118_000),
        (CueKind.COUNTDOWN, "1", 119_000),
        (CueKind.PHASE, "Easy", 120_000),
    ]  # behind the open end nothing has a time yet
    assert [cue.i for cue in lane.cues] == [130, 131, 256, 257, 258, 259]


def test_the_last_phase_ends_with_a_finish() -> None:
    session = going(INTERVALS, STARTED, (130, inputs.Lap()))
    assert lane_view(session, at(200)).cues[-1].kind is CueKind.FINISH
    assert lane_view(session, at(200)).cues[-1].at_ms == at(250)


def test_a_pause_takes_the_cues_away_and_resume_brings_them_later() -> None:
    paused = going(INTERVALS, STARTED, (10, inputs.Pause()))
    lane = lane_view(paused, at(30))
    assert (lane.status, lane.ridden_ms, lane.paused_at_ms) == ("paused", 10_000, at(10))
    assert lane.cues == ()
    lane = lane_view(log.apply(paused, Entry(at(40.5), inputs.Resume())), at(40))
    assert (lane.ridden_ms, lane.as_of_ms) == (10_000, at(40.5))
    assert lane.cues[3].at_ms == at(90.5)


def test_a_cap_can_be_counted_down_through_pause_resume_extend_and_undo() -> None:
    far = Step("Far", StepKind.WORK, ForDistance(5_000), FreeRide(), at_most_ms=60_000)
    open_end = Step("Open", StepKind.WORK, UntilLap(), FreeRide())
    workout = Workout("w", (far, open_end, far))

    def left_s(*said: tuple[float, inputs.Input], now_s: float) -> float | None:
        lane = lane_view(going(workout, STARTED, *said), at(now_s))
        ends_by_at_ms = lane.phases[lane.phase].ends_by_at_ms
        # In a pause it is as if the lane went on now: what is left stands still.
        return (
            None
            if ends_by_at_ms is None
            else (ends_by_at_ms - max(at(now_s), lane.as_of_ms)) / 1000
        )

    paused, resumed = (20.0, inputs.Pause()), (50.5, inputs.Resume())
    longer, undone = (55.5, inputs.Extend("", 30_000, 0)), (57.0, inputs.Undo())
    assert left_s(now_s=20) == 40
    assert [left_s(paused, now_s=s) for s in (20, 35, 50)] == [40, 40, 40]
    assert [left_s(paused, resumed, now_s=s) for s in (50, 50.5, 55.5)] == [40, 40, 35]
    assert left_s(paused, resumed, longer, now_s=56) == 64.5
    assert left_s(paused, resumed, longer, undone, now_s=57) == 33.5
    assert left_s(paused, longer, now_s=56) == 70  # also in the pause
    assert left_s((10.0, inputs.Lap()), now_s=11) is None  # an open end without a cap
    before = lane_view(going(workout, STARTED, (10.5, inputs.Skip(0))), at(10))
    assert (before.phase, before.phases[0].ends_at_ms) == (0, at(10.5))
    assert before.phases[0].ends_by_at_ms is None  # the skip ends it


def test_cues_are_bounded_and_short_phases_have_shorter_countdowns() -> None:
    step = Step("x", StepKind.WORK, ForDuration(2_000), aim(Unit.FTP, 1.0))
    session = going(Workout("many", (step,) * 100), STARTED)
    cues = lane_view(session, T).cues
    assert len(cues) == CUES_MAX
    assert [cue.name for cue in cues[:5]] == ["1", "x", "1", "x", "1"]


def test_a_revision_grows_with_entries_and_phases() -> None:
    session = going(INTERVALS, STARTED)
    by_time = [revision(state.at(session, at(s)), GROUP) for s in (0, 61, 121)]
    assert by_time == [by_time[0], by_time[0] + 1, by_time[0] + 2]
    assert revision(log.apply(session, Entry(at(1), inputs.Pause())), GROUP) > by_time[2]
    assert PHASES_PER_REVISION > 1000


def test_every_line_of_the_author_is_a_cue_at_its_time() -> None:
    lines = (StepText(0, "Easy"), StepText(20_000, "Now!", say=True), StepText(90_000, "Never"))
    talking = Step("Talk", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 0.6), texts=lines)
    session = going(Workout("w", (talking, talking)), STARTED, (10, inputs.Pause()))
    session = log.apply(session, Entry(at(40), inputs.Resume()))
    lane = lane_view(session, at(41))
    told = [
        (cue.name, cue.at_ms - T, cue.phase, cue.say) for cue in lane.cues if cue.kind == "text"
    ]
    # The pause of 30 s moved what was still to come; behind the end of a phase nothing is said.
    assert told == [
        ("Now!", 50_000, 0, True),
        ("Easy", 90_000, 1, False),
        ("Now!", 110_000, 1, True),
    ]
    assert [cue.at_ms for cue in lane.cues] == sorted(cue.at_ms for cue in lane.cues)
    assert len({cue.i for cue in lane.cues}) == len(lane.cues)
    assert [line.text for line in lane.phases[0].texts] == ["Easy", "Now!", "Never"]


def test_a_phase_that_was_extended_holds_the_end_of_its_ramp() -> None:
    session = going(INTERVALS, STARTED, (10, inputs.Extend("", 60_000)))
    assert steps(course(session, ANN, at(10)))[:3] == [
        (0, PowerTarget(100), PowerTarget(150)),
        (60, PowerTarget(150), None),
        (120, PowerTarget(240), None),
    ]
    assert steps(course(session, ANN, at(70)))[1] == (60, PowerTarget(150), None)
    assert target_w(state.at(session, at(30)), ANN, at(30)) == 125
    assert target_w(state.at(session, at(90)), ANN, at(90)) == 150


def steps(ahead: Course) -> list[tuple[float, Target, Target | None]]:
    return [((step.at_ms - T) / 1000, step.target, step.ramp_to) for step in ahead.steps]


def test_a_course_is_resolved_to_watts_for_one_rider() -> None:
    session = going(INTERVALS, STARTED, (0, inputs.Trim("ann", 90)))
    ahead = course(session, session.riders["ann"], at(1))
    assert steps(ahead) == [
        (0, PowerTarget(90), PowerTarget(135)),
        (60, PowerTarget(216), None),
        (120, PowerTarget(90), None),
    ]
    assert ahead.until_at_ms == at(1) + HORIZON_MS
    assert ahead.cap_w == 500


def test_a_course_ends_with_a_release() -> None:
    session = going(INTERVALS, STARTED, (130, inputs.Lap()))
    ahead = course(session, ANN, at(140))
    assert steps(ahead) == [
        (130, PowerTarget(240), None),
        (190, FreeTarget(), None),
        (250, FreeTarget(), None),
    ]
    assert ahead.until_at_ms == at(250)


def test_a_ramp_goes_on_after_a_pause_from_where_it_was() -> None:
    session = going(INTERVALS, STARTED, (30, inputs.Pause()), (90.5, inputs.Resume()))
    ahead = course(session, ANN, at(90))
    assert steps(ahead)[:3] == [
        (90, FreeTarget(), None),
        (90.5, PowerTarget(125), PowerTarget(150)),
        (120.5, PowerTarget(240), None),
    ]


def test_until_an_announced_skip_the_phase_goes_on() -> None:
    session = going(INTERVALS, STARTED, (30.5, inputs.Skip(0)))
    assert steps(course(session, ANN, at(30)))[:2] == [
        (0, PowerTarget(100), PowerTarget(125)),
        (30.5, PowerTarget(240), None),
    ]


def test_a_ramp_beyond_the_horizon_is_cut_without_bending_it() -> None:
    hour = Step("x", StepKind.WARMUP, ForDuration(3_600_000), aim(Unit.FTP, 0.5, 1.5))
    ahead = course(going(Workout("ramp", (hour,)), STARTED), ANN, T)
    assert steps(ahead) == [
        (0, PowerTarget(100), PowerTarget(150)),
        (900, PowerTarget(150), None),
    ]
    assert ahead.until_at_ms == at(900)


def test_when_a_trainer_is_released_at_once() -> None:
    ready = going(INTERVALS)
    paused = going(INTERVALS, STARTED, (10, inputs.Pause()))
    stopped = going(INTERVALS, STARTED, (10, inputs.Stop()))
    free = going(INTERVALS, STARTED, (10, inputs.Steer("ann", False)))
    reasons = [course(s, s.riders["ann"], at(20)) for s in (ready, paused, stopped, free)]
    assert [ahead.reason for ahead in reasons] == ["free", "paused", "stopped", "free"]
    assert all(ahead.steps == () for ahead in reasons)


def test_no_ftp_and_an_assumed_one_never_steer_but_the_latter_guides() -> None:
    for rider, guide in (
        (Rider(athlete="ann", name="Ann"), None),
        (Rider(athlete="ann", name="Ann", ftp_w=150, ftp_assumed=True), 180),
    ):
        session = going(INTERVALS, STARTED, rider=rider)
        ahead = course(session, rider, at(1))
        assert (ahead.steps, ahead.reason) == ((), "no_ftp")
        assert target_w(state.at(session, at(70)), rider, at(70)) == guide


def test_a_workouts_grade_and_resistance_are_the_trainers() -> None:
    def part(unit: Unit, begin: float, end: float | None = None) -> Step:
        return Step("x", StepKind.WORK, ForDuration(60_000), aim(unit, begin, end))

    workout = Workout(
        "Road",
        (
            part(Unit.GRADE_PCT, 2, 6),
            part(Unit.RESISTANCE_PCT, 90),
            part(Unit.GRADE_PCT, -15),
            part(Unit.WATT, 180),
            part(Unit.FTP, 1.0),
        ),
    )
    trimmed = (0.0, inputs.Trim("ann", 120))
    for rider in (Rider(athlete="ann", name="Ann"), ANN):  # a road needs no FTP
        session = going(workout, STARTED, trimmed, rider=rider)
        ahead = course(session, session.riders["ann"], at(0))
        assert steps(ahead)[:4] == [
            (0, GradeTarget(grade_pct=2.4), GradeTarget(grade_pct=7.2)),
            (60, ResistanceTarget(100), None),
            (120, GradeTarget(grade_pct=-10), None),  # as steep as a rider may set it
            (180, PowerTarget(216), None),
        ]
        assert steps(ahead)[4] == (240, PowerTarget(240) if rider.ftp_w else FreeTarget(), None)
        assert target_w(session, session.riders["ann"], at(30)) is None


def test_an_interval_that_nobody_will_ride_is_not_in_the_plan() -> None:
    """A gateway refuses a plan with two steps at one instant."""
    at_the_end = going(INTERVALS, STARTED, (60.0, inputs.Skip(None)))  # said at 59.5
    ahead = course(at_the_end, ANN, at(59.5))
    assert steps(ahead) == [
        (0, PowerTarget(100), PowerTarget(150)),
        (60, PowerTarget(100), None),
    ]
    paused = going(
        INTERVALS, STARTED, (10, inputs.Pause()), (20.5, inputs.Skip(0)), (20.8, inputs.Resume())
    )
    assert steps(course(paused, ANN, at(20.3)))[:2] == [
        (20.3, FreeTarget(), None),
        (20.8, PowerTarget(240), None),
    ]


def test_an_assumed_threshold_heart_rate_steers_nobody() -> None:
    hold = Step("Hold", StepKind.WORK, ForDuration(600_000), aim(Unit.LTHR, 0.9))
    ann = Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190)
    held = Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190, lthr_bpm=171)
    for rider, steered in ((ann, False), (held, True)):
        session = going(Workout("w", (hold,)), STARTED, rider=rider)
        assert is_held(session, rider, at(1)) is steered
        target = course(session, rider, at(1), heart_w=130).steps[0].target
        assert target == (PowerTarget(130) if steered else FreeTarget())
        _, shown, _ = asked_now(session, rider, at(1), has_power=True)
        assert shown is not None and (shown.low, shown.high) == (154, 154)


def test_the_cap_is_for_legs_not_for_typing_errors() -> None:
    strong = Rider(athlete="ann", name="Ann", ftp_w=1_000)
    assert course(going(INTERVALS, STARTED, rider=strong), strong, T).cap_w == CAP_W_MAX


def held(plan: tuple[PlanStep, ...], until_at_ms: int, now: int) -> float | None:
    """What a gateway asks for at `now`, by the rules of PlanStep."""
    current = None
    for i, step in enumerate(plan):
        if step.at_ms <= now:
            end = plan[i + 1].at_ms if i + 1 < len(plan) else until_at_ms
            current = (step, end)
    if current is None or isinstance(current[0].target, FreeTarget):
        return None
    step, end = current
    assert isinstance(step.target, PowerTarget)
    if step.ramp_to is None:
        return step.target.power_w
    assert isinstance(step.ramp_to, PowerTarget)
    share = (now - step.at_ms) / (end - step.at_ms)
    return step.target.power_w + share * (step.ramp_to.power_w - step.target.power_w)


@given(st.integers(0, 300_000), st.integers(0, 60_000), st.integers(0, 600_000))
def test_trainer_and_screen_say_the_same(pause_ms: int, break_ms: int, look_ms: int) -> None:
    session = going(INTERVALS, STARTED)
    session = log.apply(session, Entry(T + pause_ms, inputs.Pause()))
    session = log.apply(session, Entry(T + pause_ms + break_ms, inputs.Resume()))
    now = T + pause_ms + break_ms
    ahead = course(session, ANN, now)
    look = min(now + look_ms, ahead.until_at_ms - 1)
    shown = target_w(state.at(session, look), ANN, look)
    asked = held(ahead.steps, ahead.until_at_ms, look)
    assert (shown is None) == (asked is None)
    if shown is not None and asked is not None:
        assert abs(shown - asked) <= 1  # both ends of a ramp are whole watts


# By hand

FREE = Workout("Free ride", (Step("Free ride", StepKind.FREE, UntilLap(), FreeRide()),))


@pytest.mark.parametrize(
    "target", [PowerTarget(180), GradeTarget(grade_pct=4), ResistanceTarget(35)]
)
def test_a_target_by_hand_is_held_in_a_free_ride_to_the_horizon(target: Target) -> None:
    session = going(FREE, STARTED, (10.0, inputs.Dial("ann", target)))
    ahead = course(session, session.riders["ann"], at(20))
    assert [step.target for step in ahead.steps] == [target]
    assert ahead.until_at_ms == at(20) + HORIZON_MS and ahead.reason == ""
    shown_w = target_w(session, session.riders["ann"], at(20))
    assert shown_w == (180 if isinstance(target, PowerTarget) else None)


def test_by_hand_needs_no_ftp_and_is_taken_back() -> None:
    nobody = Rider(athlete="ann", name="Ann")
    dialled = going(FREE, STARTED, (1.0, inputs.Dial("ann", PowerTarget(120))), rider=nobody)
    assert course(dialled, dialled.riders["ann"], at(2)).steps[0].target == PowerTarget(120)
    back = log.apply(dialled, Entry(at(3), inputs.Dial("ann", FreeTarget())))
    assert course(back, back.riders["ann"], at(4)).reason == "no_ftp"


def test_a_workouts_own_target_comes_first_and_free_phases_follow_the_hand() -> None:
    steps = (
        Step("Hard", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.0)),
        Step("Easy", StepKind.FREE, UntilLap(), FreeRide()),
    )
    session = going(Workout("Mixed", steps), (0.0, inputs.Dial("ann", PowerTarget(90))), STARTED)
    targets = [step.target for step in course(session, session.riders["ann"], at(1)).steps]
    assert targets == [FreeTarget(), PowerTarget(200), PowerTarget(90)][-len(targets) :]


def test_setting_by_hand_takes_a_freed_trainer_up_again() -> None:
    session = going(FREE, STARTED, (1.0, inputs.Steer("ann", False)))
    session = log.apply(session, Entry(at(2), inputs.Dial("ann", PowerTarget(150))))
    assert session.riders["ann"].steered
    rejoined = log.apply(session, Entry(at(3), inputs.Join(ANN)))
    assert rejoined.riders["ann"].by_hand == PowerTarget(150)


@pytest.mark.parametrize(
    "target",
    [
        PowerTarget(19),
        PowerTarget(1501),
        GradeTarget(grade_pct=20.1),
        GradeTarget(grade_pct=float("nan")),
        GradeTarget(grade_pct=2, wind_mps=99),
        ResistanceTarget(-1),
    ],
)
def test_what_cannot_be_set_by_hand_is_refused(target: Target) -> None:
    with pytest.raises(UserError):
        going(FREE, STARTED, (1.0, inputs.Dial("ann", target)))
