"""A recorded ride of an FTP test -> what it says of the athlete's FTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from msgspec.structs import replace

from hub.activity.build import PAUSED
from hub.activity.record import Activity, Lap, Recorded, Streams
from hub.activity.track import Array, Mask
from hub.core.ftp_test import RULES, Effort, Pause, Proposal, propose
from hub.core.ramp_end import RampEnd, in_ramp, ramp_end
from hub.core.workout import StepKind, Workout, duration_ms

TESTED = (StepKind.WORK, StepKind.FREE)


def proposal_of(recorded: Recorded) -> Proposal | None:
    """None: the ride was no FTP test. Seconds are those of the ride, pauses included."""
    activity, streams = recorded.activity, recorded.streams
    workout = activity.workout
    if workout is None or not workout.test:
        return None
    ridden = _Ridden(activity, streams)
    efforts = list(_efforts(workout, activity.laps, ridden))
    proposal = propose(
        workout.test,
        ridden.column(streams.power_w),
        ridden.column(streams.cadence_rpm),
        efforts,
        pauses=ridden.pauses,
        was_w=activity.rider_ftp_w,
        end=_ramp_end(activity, streams, ridden, efforts) if workout.test == "ramp" else None,
    )
    windows = tuple(
        replace(
            window,
            begins_s=ridden.elapsed_s(window.begins_s),
            ends_s=ridden.elapsed_s(window.ends_s - 1) + 1,
        )
        for window in proposal.windows
    )
    return replace(proposal, windows=windows)


class _Ridden:
    """Riding seconds of a ride and its own, which count on in a pause."""

    def __init__(self, activity: Activity, streams: Streams) -> None:
        self.riding: Mask = np.ones(len(streams.power_w), dtype=np.bool_)
        self._before = np.zeros(len(self.riding) + 1, dtype=np.int64)
        pauses = [gap for gap in activity.gaps if gap.metric is None and gap.reason == PAUSED]
        for pause in pauses:
            self.riding[pause.begins_s : pause.begins_s + pause.duration_s] = False
        self._before[1:] = np.cumsum(self.riding)
        self._elapsed = np.flatnonzero(self.riding)
        self.pauses = [Pause(self.second(pause.begins_s), pause.duration_s) for pause in pauses]

    def second(self, elapsed_s: int) -> int:
        return int(self._before[min(elapsed_s, len(self.riding))])

    def elapsed_s(self, second: int) -> int:
        return int(self._elapsed[second])

    def column(self, values: Sequence[float | None]) -> Array:
        column: Array = np.array(values, dtype=np.float64)[self.riding]  # None becomes NaN
        return column


def _visits(laps: Sequence[Lap]) -> Iterator[tuple[int, int, int]]:
    """(step, begin, end) of each step under way, whatever lap marks were set in it."""
    for step, group in groupby(laps, key=lambda lap: lap.step):
        parts = list(group)
        if step is not None:
            yield step, parts[0].begins_s, parts[-1].begins_s + parts[-1].duration_s


def _efforts(workout: Workout, laps: Sequence[Lap], ridden: _Ridden) -> Iterator[Effort]:
    """The ramp is all between warm-up and cool-down; an effort is as long as the test wants it."""
    steps = workout.steps
    visits = [visit for visit in _visits(laps) if visit[0] < len(steps)]
    if workout.test == "ramp":
        ramp = [visit for visit in visits if in_ramp(steps[visit[0]])]
        if ramp:
            begins_s, ends_s = ridden.second(ramp[0][1]), ridden.second(ramp[-1][2])
            last = max(i for i, step in enumerate(steps) if in_ramp(step))
            length_s = (duration_ms(steps[last]) or 0) // 1000
            last_s = ends_s - ridden.second(ramp[-1][1])
            yield Effort(begins_s, ends_s, ramp[-1][0] == last and last_s >= length_s - 1)
        return
    wanted_ms = RULES[workout.test].window_s * 1000
    for index, begins_s, ends_s in visits:
        step = steps[index]
        if step.kind in TESTED and (duration_ms(step) or 0) >= wanted_ms:
            yield Effort(ridden.second(begins_s), ridden.second(ends_s))


def _ramp_end(
    activity: Activity, streams: Streams, ridden: _Ridden, efforts: Sequence[Effort]
) -> RampEnd | None:
    if not efforts:
        return None
    target_w = np.full(len(ridden.riding), np.nan)
    for lap in activity.laps:
        if lap.target_w is not None:
            target_w[lap.begins_s : lap.begins_s + lap.duration_s] = lap.target_w
    begins_s, ends_s = efforts[0].begins_s, efforts[0].ends_s
    return ramp_end(
        ridden.column(streams.power_w)[begins_s:ends_s],
        ridden.column(streams.cadence_rpm)[begins_s:ends_s],
        target_w[ridden.riding][begins_s:ends_s],
        {pause.at_s - begins_s for pause in ridden.pauses},
    )
