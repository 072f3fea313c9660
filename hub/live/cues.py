"""What devices do at instants of hub time, link or no link: countdowns, changes, texts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hub.core.interval import step_at
from hub.core.lanes import Lane, Status, TimelinePhase
from hub.core.workout import Step, Workout
from hub.wire.live_views import CUES_MAX
from hub.wire.values import Cue, CueKind

COUNTDOWN_S = (3, 2, 1)
CUES_PER_PHASE = 128  # a cue's `i`: so many for each phase, its countdown and beginning first
TEXTS_MAX = CUES_PER_PHASE - len(COUNTDOWN_S) - 1


def cues_ahead(
    workout: Workout, lane: Lane, phases: tuple[TimelinePhase, ...], now: int
) -> tuple[Cue, ...]:
    """What devices shall do after `now`, soonest first, at most CUES_MAX.

    Only at instants that are settled: none before the start, in a pause, or behind an open end.
    """
    if lane.status is not Status.RUNNING:
        return ()
    cues: list[Cue] = []
    for of_phase in _by_phase(workout, lane, phases):
        cues += (cue for cue in of_phase if cue.at_ms > now)
        if len(cues) >= CUES_MAX:
            break
    return tuple(sorted(cues, key=lambda cue: cue.at_ms)[:CUES_MAX])


def _by_phase(
    workout: Workout, lane: Lane, phases: tuple[TimelinePhase, ...]
) -> Iterator[list[Cue]]:
    """Of each phase its texts and what leads out of it; before the first, what leads into it."""
    first = lane.number
    yield _count_into(workout, phases, first)
    for number, (phase, after) in enumerate(pairwise((*phases[first:], None)), first):
        if phase is None or not phase.fixed:
            return
        cues = _texts(lane, number, phase, step_at(workout, phase.index))
        if after is not None and after.fixed:
            cues += _count_into(workout, phases, number + 1)
        elif after is None and phase.ends_at_ms is not None:
            cues.append(Cue((number + 1) * CUES_PER_PHASE, CueKind.FINISH, phase.ends_at_ms))
        yield cues


def _count_into(workout: Workout, phases: tuple[TimelinePhase, ...], number: int) -> list[Cue]:
    phase = phases[number]
    name = step_at(workout, phase.index).name
    not_before_ms = phases[number - 1].begins_at_ms if number else 0
    i = number * CUES_PER_PHASE
    cues = [
        Cue(i + place, CueKind.COUNTDOWN, at_ms, str(seconds), number)
        for place, seconds in enumerate(COUNTDOWN_S)
        # A phase of 2 s has no 3 s before the next.
        if (at_ms := phase.begins_at_ms - seconds * 1000) > not_before_ms
    ]
    return [*cues, Cue(i + len(COUNTDOWN_S), CueKind.PHASE, phase.begins_at_ms, name, number)]


def _texts(lane: Lane, number: int, phase: TimelinePhase, step: Step) -> list[Cue]:
    """In riding time: a pause within the phase has moved what was still to come."""
    first = number * CUES_PER_PHASE + len(COUNTDOWN_S) + 1
    at_ms = lane.resumed_at_ms - lane.ridden_ms + phase.ridden_ms
    return [
        Cue(first + place, CueKind.TEXT, at_ms + line.offset_ms, line.text, number, line.say)
        for place, line in enumerate(step.texts[:TEXTS_MAX])
        if phase.ends_at_ms is None or at_ms + line.offset_ms < phase.ends_at_ms
    ]
