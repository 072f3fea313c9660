"""The session on virtual time: folding its log anywhere is being there all along."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import INTERVALS, NOON_MS

from hub.core.errors import Conflict, DernyError, IllegalInput, NotFound, UserError
from hub.core.lanes import Span, Status
from hub.core.workout import StepKind
from hub.live import inputs, views
from hub.live import session as log
from hub.live import session_state as state
from hub.live.inputs import Entry, Rider
from hub.live.room import Room
from hub.live.session_lanes import effect_at_ms
from hub.live.session_state import Session
from hub.wire.live_events import Timeline
from hub.wire.values import Metric

T = NOON_MS
WORK = StepKind.WORK
CREATE = Entry(T, inputs.Create("s", "Class", "epoch", "w", INTERVALS))
ANN = Entry(T, inputs.Join(Rider(athlete="ann", name="Ann", ftp_w=200)))
BOB = Entry(T, inputs.Join(Rider(athlete="bob", name="Bob")))


def folded(*entries: Entry) -> Session:
    session = log.fold((CREATE, ANN, *entries))
    assert session is not None
    return session


def said(after_s: float, said: inputs.Input) -> Entry:
    return Entry(T + round(after_s * 1000), said)


def test_a_log_begins_with_create() -> None:
    with pytest.raises(ValueError, match="begins with create"):
        log.fold([ANN])
    assert log.fold([]) is None


def test_create_cannot_be_said_twice() -> None:
    with pytest.raises(Conflict):
        folded(CREATE)


def test_entries_survive_the_disk() -> None:
    for entry in (
        CREATE,
        ANN,
        said(1, inputs.Skip(0)),
        said(1, inputs.Choose("ann", Metric.POWER_W, "p")),
        Entry(T, inputs.Close({"ann": "a"}), "login", "key"),
    ):
        assert inputs.decode(inputs.encode(entry)) == entry


def test_nobody_starts_an_empty_session() -> None:
    with pytest.raises(Conflict, match="nobody"):
        log.fold([CREATE, said(0, inputs.Start())])


def test_it_runs_through_its_phases_by_itself_and_ends() -> None:
    session = folded(said(0, inputs.Start()))
    assert state.phase_number(session, T - 1) == -1
    assert [state.phase_number(session, T + s * 1000) for s in (0, 59, 60, 119, 120, 999)] == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
    session = log.apply(session, said(180, inputs.Lap()))
    assert state.phase_number(session, T + 180_000) == 3
    over = state.at(session, T + 301_000)
    assert over.status is Status.FINISHED
    assert over.ended_at_ms == T + 300_000
    assert over.end_cause == "workout"
    assert session.end_cause == ""  # time is not stored


def test_a_skip_that_comes_late_does_not_throw_the_next_phase_away() -> None:
    session = folded(said(0, inputs.Start()), said(60.2, inputs.Skip(0)))
    assert state.phase_number(session, T + 60_200) == 1


def test_an_announced_skip_has_not_happened_yet() -> None:
    session = folded(said(0, inputs.Start()), said(10.5, inputs.Skip(0)))
    assert state.phase_number(session, T + 10_000) == 0
    assert state.phase_number(session, T + 10_500) == 1


def test_pressing_skip_twice_skips_once() -> None:
    session = folded(said(0, inputs.Start()), said(10.5, inputs.Skip(0)))
    again = inputs.Skip(state.phase_number(session, T + 10_200))
    session = log.apply(session, said(10.7, again))
    assert state.phase_number(session, T + 11_000) == 1


def test_a_rider_alone_ends_an_open_phase_by_the_lap_button() -> None:
    session = folded(said(0, inputs.Start()), said(130, inputs.Lap("ann")))
    assert state.phase_number(session, T + 130_000) == 3


def test_in_a_group_a_riders_lap_only_marks() -> None:
    session = folded(BOB, said(0, inputs.Start()), said(130, inputs.Lap("ann")))
    assert state.phase_number(session, T + 130_000) == 2
    assert session.marks == (state.Mark(T + 130_000, "ann", 1),)
    assert session.riders["ann"].laps == 1
    assert session.riders["bob"].laps == 0


def test_a_lap_on_a_free_ride_marks_and_never_ends_it() -> None:
    free = Entry(T, inputs.Create("s", "Ride", "epoch"))
    session = log.fold(
        [free, ANN, said(0, inputs.Start()), said(9, inputs.Lap()), said(10, inputs.Lap())]
    )
    assert session is not None
    assert [mark.number for mark in session.marks] == [1, 2]
    assert state.lane_of(session).status is Status.RUNNING
    with pytest.raises(Conflict, match="lap button"):
        log.apply(session, said(11, inputs.Skip(0)))


def test_a_lap_belongs_to_a_running_session() -> None:
    with pytest.raises(IllegalInput):
        folded(said(0, inputs.Lap()))
    over = folded(said(0, inputs.Start()), said(1, inputs.Stop()))
    assert log.apply(over, said(2, inputs.Lap())).marks == ()


def test_pauses_are_kept_for_the_recording() -> None:
    session = folded(said(0, inputs.Start()), said(10, inputs.Pause()), said(25.5, inputs.Resume()))
    assert state.lane_of(session).pauses == (Span(T + 10_000, T + 25_500),)
    assert state.lane_of(session).paused_at_ms is None
    assert state.deadline(session) == T + 75_500


def test_trim_is_each_riders_own_and_bounded() -> None:
    session = folded(BOB, said(0, inputs.Trim("ann", 90)))
    assert (session.riders["ann"].trim_pct, session.riders["bob"].trim_pct) == (90, 100)
    with pytest.raises(UserError):
        log.apply(session, said(0, inputs.Trim("ann", 151)))
    with pytest.raises(NotFound):
        log.apply(session, said(0, inputs.Trim("zoe", 100)))


def test_a_changed_profile_keeps_trim_and_laps() -> None:
    session = folded(
        BOB,
        said(0, inputs.Start()),
        said(1, inputs.Trim("ann", 80)),
        said(2, inputs.Lap("ann")),
        said(3, inputs.Join(Rider(athlete="ann", name="Anna", ftp_w=250))),
    )
    ann = session.riders["ann"]
    assert (ann.name, ann.ftp_w, ann.trim_pct, ann.laps) == ("Anna", 250, 80, 1)


def test_who_leaves_is_gone() -> None:
    session = folded(BOB, said(1, inputs.Leave("bob")))
    assert list(session.riders) == ["ann"]
    with pytest.raises(NotFound):
        log.apply(session, said(2, inputs.Leave("bob")))


def test_an_idle_end_lies_where_pedalling_stopped() -> None:
    session = folded(said(0, inputs.Start()), said(700, inputs.Idle(T + 100_000)))
    assert session.end_cause == "idle"
    assert session.ended_at_ms == T + 100_000
    assert state.phase_number(session, T + 100_000) == 1


def test_an_idle_end_is_taken_back_to_a_pause_within_half_an_hour() -> None:
    ended = folded(
        said(0, inputs.Start()),
        said(700, inputs.Idle(T + 100_000)),
        said(701, inputs.Close({"ann": "a"})),
    )
    session = log.apply(ended, said(900, inputs.Reopen()))
    assert state.lane_of(session).status is Status.PAUSED
    assert (session.closed, session.end_cause) == (False, "")
    assert state.lane_of(session).paused_at_ms == T + 100_000
    session = log.apply(session, said(901, inputs.Resume()))
    assert state.deadline(session) == T + 921_000  # 20 s of the second phase were left
    with pytest.raises(Conflict, match="30 minutes"):
        log.apply(ended, said(700 + 1801, inputs.Reopen()))


def test_a_stopped_session_cannot_be_reopened() -> None:
    with pytest.raises(Conflict, match="nobody pedalled"):
        folded(said(0, inputs.Start()), said(1, inputs.Stop()), said(2, inputs.Reopen()))


def test_what_is_idle_when_the_workout_had_ended_changes_nothing() -> None:
    session = folded(
        said(0, inputs.Start()), said(121, inputs.Lap()), said(900, inputs.Idle(T + 400_000))
    )
    assert session.end_cause == "workout"


def test_only_what_is_over_is_closed() -> None:
    with pytest.raises(IllegalInput):
        folded(said(0, inputs.Start()), said(1, inputs.Close({})))


def test_the_computers_sleep_and_the_choice_of_a_source_are_kept() -> None:
    session = folded(
        said(5, inputs.Slept(T + 1000)), said(6, inputs.Choose("ann", Metric.POWER_W, "p"))
    )
    assert session.sleeps == (Span(T + 1000, T + 5000),)
    assert session.choices == (state.Choice(T + 6000, "ann", Metric.POWER_W, "p"),)


def test_a_gateways_absence_lasts_until_it_is_back() -> None:
    away = folded(
        said(1, inputs.Away("pi")), said(2, inputs.Away("pi")), said(3, inputs.Away("other"))
    )
    assert away.absences == (state.Absence("pi", T + 1000), state.Absence("other", T + 3000))
    back = log.apply(away, said(9, inputs.Away("pi", on=False)))
    assert back.absences == (
        state.Absence("pi", T + 1000, T + 9000),
        state.Absence("other", T + 3000),
    )


SELF = Entry(T, inputs.Create("s", "Class", "epoch", "w", INTERVALS, pace=inputs.Pace.SELF))


def own_pace(*entries: Entry) -> Session:
    session = log.fold((SELF, ANN, BOB, *entries))
    assert session is not None
    return session


def test_a_rider_at_their_own_pace_moves_no_other_lane() -> None:
    session = own_pace(
        said(0, inputs.Start("ann")),
        said(30, inputs.Start("bob")),
        said(40, inputs.Skip(0, "ann")),
        said(50, inputs.Pause("bob")),
    )
    ann, bob = (state.lane_of(session, name) for name in ("ann", "bob"))
    assert (ann.number, ann.status, ann.started_at_ms) == (1, Status.RUNNING, T)
    assert (bob.number, bob.status, bob.started_at_ms) == (0, Status.PAUSED, T + 30_000)
    assert (session.status, session.started_at_ms) == (Status.RUNNING, T)
    session = log.apply(session, said(60, inputs.Lap("ann")))
    assert [(mark.athlete, mark.number) for mark in session.marks] == [("ann", 1)]
    with pytest.raises(IllegalInput):
        log.apply(session, said(60, inputs.Lap("bob")))
    with pytest.raises(NotFound):
        log.apply(session, said(60, inputs.Skip(0, "zoe")))


def test_what_names_nobody_moves_each_lane_that_can_take_it() -> None:
    session = own_pace(said(0, inputs.Start("ann")), said(10, inputs.Start()))
    assert {lane.started_at_ms for lane in session.lanes.values()} == {T, T + 10_000}
    session = log.apply(session, said(20, inputs.Skip(None)))
    assert [lane.number for lane in session.lanes.values()] == [1, 1]
    with pytest.raises(IllegalInput):
        log.apply(session, said(30, inputs.Resume()))


def test_a_session_of_own_paces_is_over_when_every_lane_is() -> None:
    session = own_pace(said(0, inputs.Start()), said(10, inputs.Stop("ann")))
    assert (session.status, session.ended_at_ms) == (Status.RUNNING, None)
    session = log.apply(session, said(90, inputs.Stop("bob")))
    assert (session.status, session.ended_at_ms) == (Status.FINISHED, T + 90_000)
    assert session.end_cause == "stop"


def test_a_class_of_own_paces_waits_for_who_comes_late() -> None:
    opened = Entry(
        T, inputs.Create("s", "C", "e", "w", INTERVALS, open=True, pace=inputs.Pace.SELF)
    )
    session = log.fold([opened, ANN, said(0, inputs.Start("ann")), said(10, inputs.Stop("ann"))])
    assert session is not None
    assert session.status is Status.READY
    session = log.apply(session, said(20, BOB.input))
    session = log.apply(session, said(21, inputs.Start("bob")))
    assert session.status is Status.RUNNING
    assert log.apply(session, said(30, inputs.Stop())).status is Status.FINISHED


def test_who_leaves_at_their_own_pace_goes_on_where_they_left() -> None:
    session = own_pace(said(0, inputs.Start()), said(30, inputs.Leave("bob")))
    assert state.lane_of(session, "bob").status is Status.PAUSED
    session = log.apply(session, said(100, BOB.input))
    session = log.apply(session, said(110, inputs.Resume("bob")))
    assert state.lane_of(session, "bob").ridden_ms == 30_000
    over = log.apply(
        log.apply(session, said(120, inputs.Leave("bob"))), said(130, inputs.Stop("ann"))
    )
    assert over.status is Status.FINISHED  # who is not here keeps nobody waiting


def test_an_idle_end_at_own_paces_is_taken_back_whole() -> None:
    session = own_pace(
        said(0, inputs.Start("ann")),
        said(10, inputs.Start("bob")),
        said(20, inputs.Stop("bob")),
        said(700, inputs.Idle(T + 100_000)),
    )
    assert (session.status, session.end_cause) == (Status.FINISHED, "idle")
    session = log.apply(session, said(800, inputs.Reopen()))
    assert [lane.status for lane in session.lanes.values()] == [Status.PAUSED, Status.FINISHED]


def test_trim_of_a_kind_of_step_stands_apart_from_the_rest() -> None:
    session = folded(BOB, said(0, inputs.Trim("", 90)), said(1, inputs.Trim("ann", 105, WORK)))
    ann, bob = session.riders["ann"], session.riders["bob"]
    assert (ann.trim_of(WORK), ann.trim_of(StepKind.RECOVERY)) == (105, 90)
    assert (bob.trim_of(WORK), bob.trim_of(StepKind.RECOVERY)) == (90, 90)
    session = log.apply(session, said(2, ANN.input))  # a changed profile
    assert session.riders["ann"].trims == {WORK: 105}


def test_a_pause_by_itself_is_one_by_hand_once_somebody_touched_it() -> None:
    session = folded(said(0, inputs.Start()), said(10, inputs.AutoPause("ann")))
    assert state.is_auto_paused(session, state.GROUP)
    gone_on = log.apply(session, said(20, inputs.AutoResume("ann")))
    assert state.lane_of(gone_on).status is Status.RUNNING
    by_hand = log.apply(gone_on, said(30, inputs.Pause()))
    with pytest.raises(Conflict, match="by hand"):
        log.apply(by_hand, said(31, inputs.AutoResume("ann")))


def test_a_pause_by_hand_holds_who_paused_by_standing() -> None:
    standing = own_pace(
        said(0, inputs.Start()),
        said(10, inputs.AutoPause("ann")),
        said(11, inputs.AutoPause("bob")),
    )
    for pause in (inputs.Pause(), inputs.Pause("ann")):
        entry = said(12, pause)
        held = log.apply(standing, entry)
        with pytest.raises(Conflict, match="by hand"):
            log.apply(held, said(13, inputs.AutoResume("ann")))
        told = views.events_of(standing, held, entry, lambda _: ())
        assert {event.lane.lane for event in told if isinstance(event, Timeline)} == (
            {pause.athlete} if pause.athlete else {"ann", "bob"}
        )
    with pytest.raises(IllegalInput):
        log.apply(log.apply(standing, said(12, inputs.Pause())), said(13, inputs.Pause()))


def test_a_lane_that_went_on_by_undo_pauses_by_hand_when_its_rider_leaves() -> None:
    session = own_pace(
        said(0, inputs.Start()),
        said(10, inputs.AutoPause("ann")),
        said(11, inputs.Undo("ann")),
        said(12, inputs.Leave("ann")),
        said(13, ANN.input),
    )
    assert state.lane_of(session, "ann").status is Status.PAUSED
    assert not state.is_auto_paused(session, "ann")


def test_stop_ends_the_lanes_of_who_left_too() -> None:
    session = own_pace(
        said(0, inputs.Start()), said(10, inputs.Leave("ann")), said(11, inputs.Leave("bob"))
    )
    assert session.status is Status.PAUSED
    assert log.apply(session, said(12, inputs.Stop())).status is Status.FINISHED


def test_who_comes_into_a_session_of_own_paces_that_was_stopped_does_not_open_it_again() -> None:
    late = inputs.Join(Rider(athlete="cyd", name="Cyd"))
    session = own_pace(said(0, inputs.Start()), said(10, inputs.Stop()), said(11, late))
    assert session.status is Status.FINISHED


def test_who_left_keeps_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "RIDERS_MAX", 2)
    cyd = said(2, inputs.Join(Rider(athlete="cyd", name="Cyd")))
    session = own_pace(said(1, inputs.Leave("bob")))
    with pytest.raises(Conflict, match="holds 2"):
        log.apply(session, cyd)
    assert log.apply(session, said(2, BOB.input)).riders.keys() == {"ann", "bob"}
    assert "cyd" in log.apply(folded(BOB, said(1, inputs.Leave("bob"))), cyd).riders


def test_a_coachs_lap_belongs_to_a_session_of_own_paces_that_runs() -> None:
    with pytest.raises(IllegalInput):
        own_pace(said(0, inputs.Lap()))
    session = own_pace(said(0, inputs.Start("bob")), said(1, inputs.Lap()))
    assert session.marks == (state.Mark(T + 1_000, "", 1),)
    over = log.apply(session, said(2, inputs.Stop()))
    assert log.apply(over, said(3, inputs.Lap())).marks == session.marks


def test_what_is_taken_back_from_everybody_is_what_was_said_to_everybody() -> None:
    session = own_pace(
        said(0, inputs.Start()), said(10, inputs.Skip(None)), said(12, inputs.Pause("ann"))
    )
    undone = log.apply(session, said(14, inputs.Undo()))
    ann, bob = (state.lane_of(undone, name) for name in ("ann", "bob"))
    assert (ann.status, ann.index) == (Status.PAUSED, 1)  # off the bike: it stays as it is
    assert (bob.status, bob.index) == (Status.RUNNING, 0)
    with pytest.raises(Conflict, match="10 seconds"):
        log.apply(undone, said(15, inputs.Undo()))
    assert state.lane_of(log.apply(undone, said(15, inputs.Undo("ann"))), "ann").index == 1


def test_undo_within_ten_seconds_and_not_later() -> None:
    session = folded(said(0, inputs.Start()), said(10, inputs.Skip(0)))
    undone = log.apply(session, said(20, inputs.Undo()))
    assert state.phase_number(undone, T + 20_000) == 0
    assert state.deadline(undone) == T + 60_000
    with pytest.raises(Conflict, match="10 seconds"):
        log.apply(session, said(20.001, inputs.Undo()))
    with pytest.raises(Conflict):
        log.apply(undone, said(21, inputs.Undo()))


@pytest.mark.parametrize(
    ("control", "index", "due_s"),
    [
        (inputs.Extend("", 30_000, 0), 0, 90),
        (inputs.Repeat("", 0), 0, 60),
        (inputs.Back("", 0), 0, 119.999),
        (inputs.Jump("", 4, 0), 4, 119.999),
        (inputs.CoolDown("", 0), 4, 119.999),
    ],
)
def test_what_is_said_at_the_very_end_of_an_interval_counts(
    control: inputs.Input, index: int, due_s: float
) -> None:
    session = folded(said(0, inputs.Start()))
    at_ms = effect_at_ms(session, control, T + 59_800)
    assert at_ms == T + 59_999
    session = log.apply(session, Entry(at_ms, control))
    assert (state.lane_of(session).index, state.deadline(session)) == (index, T + due_s * 1000)
    assert effect_at_ms(session, control, T + 10_000) == T + 10_500
    assert effect_at_ms(session, inputs.Pause(), T + 10_000) == T + 10_000


def test_what_is_said_to_many_lanes_is_announced_whatever_ends_meanwhile() -> None:
    session = own_pace(said(0, inputs.Start("ann")), said(3, inputs.Start("bob")))
    extend = inputs.Extend("", 30_000)
    assert effect_at_ms(session, extend, T + 59_800) == T + 60_300
    assert effect_at_ms(session, inputs.Extend("ann", 30_000), T + 59_800) == T + 59_999
    session = log.apply(session, Entry(T + 60_300, extend))
    assert [state.lane_of(session, name).index for name in ("ann", "bob")] == [1, 0]


def test_a_skip_at_the_very_end_of_an_interval_throws_no_second_away() -> None:
    session = folded(said(0, inputs.Start()))
    skip = inputs.Skip(0)
    at_ms = effect_at_ms(session, skip, T + 59_800)
    assert at_ms == T + 60_300
    assert state.lane_of(log.apply(session, Entry(at_ms, skip))).phase_began_at_ms == T + 60_000


def test_until_an_announced_change_time_passes_as_it_would_have() -> None:
    session = folded(said(0, inputs.Start()))
    room = Room(session, 3, T + 59_000)
    room.base = log.apply(session, said(60.3, inputs.Skip(None)))  # said at 59.8
    room.announce(session, T + 60_300)
    shown = []
    for now in (59_900, 60_000, 60_299, 60_300):
        moved = room.settle(T + now)
        shown.append((state.lane_of(room.now).index, moved != ()))
    assert shown == [(0, False), (1, True), (1, False), (2, True)]


def test_an_announced_skip_is_undone_before_it_happens() -> None:
    session = folded(said(0, inputs.Start()), said(10.5, inputs.Skip(0)), said(10.2, inputs.Undo()))
    assert [state.phase_number(session, T + ms) for ms in (10_200, 10_600, 59_000)] == [0, 0, 0]


def test_nobody_changes_the_length_of_an_open_end() -> None:
    session = folded(said(0, inputs.Start()), said(130, inputs.Trim("ann", 100)))
    with pytest.raises(Conflict, match="no length"):
        log.apply(session, said(131, inputs.Extend("", 30_000)))


def test_the_logs_of_before_mean_the_same() -> None:
    """As written by versions that knew neither lanes of riders nor these controls."""
    session = log.fold(
        inputs.decode(line)
        for line in (
            inputs.encode(CREATE),
            inputs.encode(ANN),
            b'{"at_ms":%d,"input":{"t":"start"}}' % T,
            b'{"at_ms":%d,"input":{"t":"skip","leaves":0}}' % (T + 10_000),
            b'{"at_ms":%d,"input":{"t":"pause"}}' % (T + 20_000),
            b'{"at_ms":%d,"input":{"t":"trim","athlete":"ann","trim_pct":90}}' % (T + 20_000),
            b'{"at_ms":%d,"input":{"t":"stop"}}' % (T + 30_000),
        )
    )
    assert session is not None
    assert (session.end_cause, state.lane_of(session).number) == ("stop", 2)


LANES = st.sampled_from(["", "ann", "bob"])
LEAVES = st.none() | st.integers(-1, 6)
INPUTS = st.one_of(
    st.builds(inputs.Start),
    st.builds(inputs.Pause),
    st.builds(inputs.Resume),
    st.builds(inputs.Stop),
    st.builds(inputs.Lap, st.sampled_from(["", "ann", "bob"])),
    st.builds(inputs.Start, LANES),
    st.builds(inputs.Pause, LANES),
    st.builds(inputs.Resume, LANES),
    st.builds(inputs.AutoStart, LANES),
    st.builds(inputs.AutoPause, LANES),
    st.builds(inputs.AutoResume, LANES),
    st.builds(inputs.Skip, LEAVES, LANES),
    st.builds(inputs.Met, LANES, LEAVES),
    st.builds(inputs.Back, LANES, LEAVES),
    st.builds(inputs.Jump, LANES, st.integers(0, 5), LEAVES),
    st.builds(inputs.Extend, LANES, st.integers(-60_000, 60_000), LEAVES),
    st.builds(inputs.Repeat, LANES, LEAVES),
    st.builds(inputs.CoolDown, LANES, LEAVES),
    st.builds(inputs.Undo, LANES),
    st.builds(inputs.Stop, st.sampled_from(["ann", "bob"])),
    st.builds(inputs.Join, st.just(Rider(athlete="bob", name="Bob"))),
    st.builds(inputs.Leave, st.just("bob")),
    st.builds(inputs.Say, st.just("Go"), LANES),
    st.builds(inputs.Trim, st.sampled_from(["ann", "zoe"]), st.integers(50, 150)),
    st.builds(inputs.Idle, st.integers(T, T + 400_000)),
    st.builds(inputs.Reopen),
    st.builds(inputs.Close, st.just({"ann": "a"})),
)


@settings(max_examples=10_000 if os.environ.get("FUZZ") else 300)
@given(
    st.sampled_from([CREATE, SELF]),
    st.lists(st.tuples(st.integers(0, 90_000), INPUTS), max_size=14),
    st.integers(0, 14),
    st.lists(st.integers(0, 600_000), max_size=5),
)
def test_folding_any_prefix_and_going_on_is_an_uninterrupted_session(
    create: Entry, steps: list[tuple[int, inputs.Input]], cut: int, looks: list[int]
) -> None:
    entries, now = [create, ANN], T
    session = log.fold(entries)
    assert session is not None
    session = log.apply(session, Entry(T, inputs.Start()))
    entries.append(Entry(T, inputs.Start()))
    for after_ms, event in steps:
        now += after_ms
        entry = Entry(now + inputs.LEAD_MS.get(type(event), 0), event)
        for look in looks:  # looking at it, as ticks do, leaves no trace
            state.at(session, min(T + look, now))
        try:
            session = log.apply(session, entry)
        except DernyError:
            continue
        entries.append(entry)
    stored = [inputs.encode(entry) for entry in entries]
    before_kill = log.fold(inputs.decode(body) for body in stored[: 1 + cut])
    after_kill = log.fold((inputs.decode(body) for body in stored[1 + cut :]), before_kill)
    assert after_kill == session
    for look in looks:
        assert state.at(session, now + look) == state.at(
            state.at(session, now + look // 2), now + look
        )
        due = state.deadline(state.at(session, now + look))
        assert due is None or due > now + look
