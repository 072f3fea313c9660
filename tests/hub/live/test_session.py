"""The session on virtual time: folding its log anywhere is being there all along."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import INTERVALS, NOON_MS

from hub.core.errors import Conflict, DernyError, IllegalInput, NotFound, UserError
from hub.core.lanes import Span, Status
from hub.live import inputs
from hub.live import session as log
from hub.live import session_state as state
from hub.live.inputs import Entry, Rider
from hub.live.session_state import Session
from hub.wire.values import Metric

T = NOON_MS
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


INPUTS = st.one_of(
    st.builds(inputs.Start),
    st.builds(inputs.Pause),
    st.builds(inputs.Resume),
    st.builds(inputs.Stop),
    st.builds(inputs.Lap, st.sampled_from(["", "ann", "bob"])),
    st.builds(inputs.Skip, st.integers(-1, 4)),
    st.builds(inputs.Trim, st.sampled_from(["ann", "zoe"]), st.integers(50, 150)),
    st.builds(inputs.Idle, st.integers(T, T + 400_000)),
    st.builds(inputs.Reopen),
    st.builds(inputs.Close, st.just({"ann": "a"})),
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 90_000), INPUTS), max_size=14),
    st.integers(0, 14),
    st.lists(st.integers(0, 600_000), max_size=5),
)
def test_folding_any_prefix_and_going_on_is_an_uninterrupted_session(
    steps: list[tuple[int, inputs.Input]], cut: int, looks: list[int]
) -> None:
    entries, now = [CREATE, ANN], T
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
