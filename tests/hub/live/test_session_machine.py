"""Hours of everything that can be said to a session, in any order: what always holds."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from live_fakes import NOON_MS

from gateway.plan import HeldPlan
from hub.core import interval
from hub.core.errors import DernyError
from hub.core.lanes import Lane, Status
from hub.core.target import FreeRide, MaxEffort, Unit, aim
from hub.core.timeline import timeline
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    StepText,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.live import inputs, views
from hub.live import session as log
from hub.live import session_state as state
from hub.live.asking import asked_now
from hub.live.inputs import Entry, Pace, Rider
from hub.live.room import Room
from hub.live.session_lanes import effect_at_ms
from hub.live.session_state import Session
from hub.live.steering import course, target_w
from hub.wire.uplink import Plan
from hub.wire.values import FreeTarget, PowerTarget

RIDERS = (
    Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190),
    Rider(athlete="bob", name="Bob"),
    Rider(athlete="cyd", name="Cyd", ftp_w=150, ftp_assumed=True, max_hr_bpm=180, weight_kg=60),
)
NAMES = tuple(rider.athlete for rider in RIDERS)
UNTILS = st.one_of(
    st.builds(ForDuration, st.sampled_from([1, 700, 20_000, 300_000])),
    st.sampled_from(
        [
            UntilLap(),
            ForDistance(400),
            ForWork(12.5),
            UntilHeartRate(aim(Unit.LTHR, 0.7), above=False),
        ]
    ),
)
TARGETS = st.sampled_from(
    [
        aim(Unit.FTP, 0.5, 0.9),
        aim(Unit.WATT, 180),
        aim(Unit.MAX_HR, 0.7),
        aim(Unit.LTHR, 0.8),
        aim(Unit.GRADE_PCT, 2, 6),
        aim(Unit.RESISTANCE_PCT, 40),
        aim(Unit.RPM, 90),
        aim(Unit.RPE, 4),
        FreeRide(),
        MaxEffort(),
    ]
)
STEPS = st.builds(
    Step,
    st.just("step"),
    st.sampled_from(StepKind),
    UNTILS,
    TARGETS,
    texts=st.sampled_from([(), (StepText(0, "Go"), StepText(5_000, "On"))]),
    at_most_ms=st.sampled_from([None, None, 600, 60_000]),
)
WHO = st.sampled_from(["", *NAMES])
LEAVES = st.none() | st.integers(0, 5)
MOVES = st.one_of(
    st.builds(inputs.Skip, LEAVES, WHO),
    st.builds(inputs.Met, WHO, LEAVES),
    st.builds(inputs.Back, WHO, LEAVES),
    st.builds(inputs.Jump, WHO, st.integers(0, 5), LEAVES),
    st.builds(inputs.Extend, WHO, st.sampled_from([-400_000, -5_000, 0, 400, 30_000]), LEAVES),
    st.builds(inputs.Repeat, WHO, LEAVES),
    st.builds(inputs.CoolDown, WHO, LEAVES),
    st.builds(inputs.Lap, WHO),
    st.builds(inputs.Undo, WHO),
)
STATUSES = st.one_of(
    st.builds(inputs.Start, WHO),
    st.builds(inputs.Pause, WHO),
    st.builds(inputs.Resume, WHO),
    st.builds(inputs.AutoStart, st.sampled_from(NAMES)),
    st.builds(inputs.AutoPause, st.sampled_from(NAMES)),
    st.builds(inputs.AutoResume, st.sampled_from(NAMES)),
)
PAUSES = st.one_of(st.builds(inputs.Pause, WHO), st.builds(inputs.Resume, WHO))
TEN_SECONDS = st.sampled_from([0, 100, 600, 9_000])
PEOPLE = st.one_of(
    st.builds(inputs.Join, st.sampled_from(RIDERS)),
    st.builds(inputs.Leave, st.sampled_from(NAMES)),
    st.builds(inputs.Trim, WHO, st.integers(50, 150), st.none() | st.sampled_from([StepKind.WORK])),
    st.builds(inputs.Steer, st.sampled_from(NAMES), st.booleans()),
    st.builds(
        inputs.Dial, st.sampled_from(NAMES), st.sampled_from([FreeTarget(), PowerTarget(120)])
    ),
    st.builds(inputs.Say, st.just("Go"), WHO),
)
MOVED_BY_ONE = (
    inputs.Start,
    inputs.Pause,
    inputs.Resume,
    inputs.AutoStart,
    inputs.AutoPause,
    inputs.AutoResume,
    inputs.Lap,
    inputs.Skip,
    inputs.Met,
    inputs.Back,
    inputs.Jump,
    inputs.Extend,
    inputs.Repeat,
    inputs.CoolDown,
    inputs.Undo,
    inputs.Stop,
)


class Sessions(RuleBasedStateMachine):
    """One log, followed twice: by a hub that looks often, and by one that only folds."""

    session: Session
    room: Room

    @initialize(
        steps=st.lists(STEPS, min_size=1, max_size=5),
        free=st.integers(0, 9),
        pace=st.sampled_from(Pace),
        open=st.booleans(),
        riders=st.lists(st.sampled_from(RIDERS), min_size=1, max_size=4),
    )
    def created(
        self, steps: list[Step], free: int, pace: Pace, open: bool, riders: list[Rider]
    ) -> None:
        workout = Workout("w", tuple(steps)) if free else None
        self.now = NOON_MS
        made = inputs.Create("s", "t", "e", "w", workout, open=open, pace=pace)
        first: list[inputs.Input] = [made, *map(inputs.Join, riders)]
        self.entries = [Entry(self.now, said) for said in first]
        session = log.fold(self.entries)
        assert session is not None
        self.session = session
        self.room = Room(session, len(self.entries), self.now)
        self.say(inputs.Start())

    def say(self, said: inputs.Input) -> None:
        before = self.session
        try:
            entry = Entry(effect_at_ms(before, said, self.now), said)
            assert entry.at_ms >= self.now
            after = log.apply(before, entry)
        except DernyError:
            return
        self.entries.append(entry)
        self.session = after
        views.events_of(before, after, entry, lambda _: ())
        assert all(
            views.revision(after, name) > views.revision(before, name) for name in before.lanes
        )
        whose = getattr(said, "athlete", "")
        if before.pace is Pace.SELF and whose and isinstance(said, MOVED_BY_ONE):
            lanes, moved = (state.at(one, entry.at_ms).lanes for one in (before, after))
            assert all(moved[name] == lane for name, lane in lanes.items() if name != whose)
        if isinstance(said, inputs.Stop) and not whose:
            assert after.status is Status.FINISHED
        self.room.base = after
        self.room.announce(before, entry.at_ms)
        self.room.settle(self.now)

    @rule(said=MOVES, after_ms=st.sampled_from([0, 100, 499, 700, 12_000]))
    def moved(self, said: inputs.Input, after_ms: int) -> None:
        self.passed(after_ms)
        self.say(said)

    @rule(said=st.one_of(MOVES, PAUSES), before_ms=st.integers(0, 30_000), for_ms=TEN_SECONDS)
    def taken_back(self, said: inputs.Input, before_ms: int, for_ms: int) -> None:
        """As if it had not been said, in each lane that it moved."""
        self.passed(before_ms)
        before = self.session
        self.say(said)
        self.passed(for_ms)
        moved = [
            name
            for name, lane in state.at(self.session, self.now).lanes.items()
            if interval.can_undo(lane, self.now)
            and lane.said_at_ms != before.lanes[name].said_at_ms
        ]
        self.say(inputs.Undo(getattr(said, "athlete", "")))
        for name in moved:
            for later_ms in (500, 20_000, 3_600_000):
                at_ms = self.now + later_ms
                undone, never = (state.at(one, at_ms).lanes[name] for one in (self.session, before))
                assert timeline(before.workout, undone, at_ms) == timeline(
                    before.workout, never, at_ms
                )
                assert interval.ridden_ms(undone, at_ms) == interval.ridden_ms(never, at_ms)
                assert undone.pauses == never.pauses

    @rule(said=STATUSES, after_ms=st.sampled_from([0, 300, 4_000]))
    def started_or_stood(self, said: inputs.Input, after_ms: int) -> None:
        self.passed(after_ms)
        self.say(said)

    @rule(said=PEOPLE)
    def rode_along(self, said: inputs.Input) -> None:
        self.say(said)

    @rule(whose=WHO, sure=st.integers(0, 4))
    def stopped(self, whose: str, sure: int) -> None:
        if not sure:
            self.say(inputs.Stop(whose))

    @rule(since_ms=st.integers(0, 30_000), back=st.booleans())
    def idled(self, since_ms: int, back: bool) -> None:
        self.passed(30_000)
        self.say(inputs.Idle(max(self.now - since_ms, self.session.moved_at_ms)))
        if back:
            self.say(inputs.Reopen())

    @rule(after_ms=st.sampled_from([1, 250, 1_000, 20_000, 900_000]))
    def passed(self, after_ms: int) -> None:
        self.now += after_ms
        self.room.settle(self.now)

    @invariant()
    def the_log_alone_says_it(self) -> None:
        folded = log.fold(inputs.decode(inputs.encode(entry)) for entry in self.entries)
        assert folded is not None
        assert state.at(folded, self.now) == state.at(self.session, self.now)
        later = self.now + 1_000
        assert (
            state.at(state.at(folded, self.now), later).lanes == state.at(self.session, later).lanes
        )
        assert self.room.base.lanes.keys() == self.room.now.lanes.keys()

    @invariant()
    def time_is_ridden_or_paused_and_never_both(self) -> None:
        for lane in state.at(self.session, self.now).lanes.values():
            if lane.started_at_ms is None:
                continue
            now = max(lane.at_ms, self.now)
            if lane.status is Status.FINISHED:
                now = lane.at_ms
            paused = sum(pause.ends_at_ms - pause.begins_at_ms for pause in lane.pauses)
            if lane.paused_at_ms is not None:
                paused += now - lane.paused_at_ms
            assert interval.ridden_ms(lane, now) + paused == now - lane.started_at_ms

    @invariant()
    def what_lies_ahead_is_in_order(self) -> None:
        workout = self.session.workout
        for name, lane in state.at(self.session, self.now).lanes.items():
            due = interval.deadline(workout, lane)
            assert due is None or due > self.now
            phases = timeline(workout, lane, self.now)
            for phase, after in pairwise(phases):
                ends_at_ms = phase.ends_at_ms
                assert after.begins_at_ms >= phase.begins_at_ms
                assert ends_at_ms is None or ends_at_ms == after.begins_at_ms
            self.has_caps(lane, name)
            view = views.lane_view(self.session, name, self.now)
            at = [cue.at_ms for cue in view.cues]
            assert at == sorted(at) and len({cue.i for cue in view.cues}) == len(at)
            assert not (name in self.session.auto_paused and view.status == "running")

    def has_caps(self, lane: Lane, name: str) -> None:
        """A countdown to the cap is there exactly where a step that is not by time has one."""
        view = views.lane_view(self.session, name, self.now)
        for number, phase in enumerate(view.phases):
            step = interval.step_at(self.session.workout, phase.i)
            capped = phase.until != "time" and step.at_most_ms is not None
            if number < lane.number or lane.status is Status.FINISHED:
                assert phase.ends_by_at_ms is None
            else:
                assert (phase.ends_by_at_ms is not None) == capped
            if number == lane.number and capped and lane.status is Status.RUNNING:
                assert phase.ends_by_at_ms == interval.deadline(self.session.workout, lane)

    @invariant()
    def plans_can_be_carried_out(self) -> None:
        settled = state.at(self.session, self.now)
        for rider in self.session.riders.values():
            ahead = course(self.session, rider, self.now, heart_w=110)
            until_ms, cap_w = ahead.until_at_ms, ahead.cap_w
            plan = Plan("trainer", 1, 1, until_ms, cap_w, ahead.steps, ahead.reason)
            assert HeldPlan().take(plan) is None  # the gateway refuses none
            target_w(settled, rider, self.now)
            asked_now(settled, rider, self.now, has_power=False)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=10_000 if os.environ.get("FUZZ") else 200,
    stateful_step_count=25,
)
