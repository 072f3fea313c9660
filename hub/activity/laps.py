"""Laps: the phases as they were ridden, split where somebody pressed lap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hub.activity.figures import shown, summarize
from hub.activity.record import Lap
from hub.activity.ride import RiddenPhase, Ride
from hub.activity.track import SECOND_MS, Array, Mask
from hub.wire.values import Metric


def laps_of(ride: Ride, columns: Mapping[Metric, Array], paused: Mask) -> Iterator[Lap]:
    """Without a hole from the first second to the last; shorter than a second is no lap."""
    seconds = len(paused)
    pieces = [piece for phase in ride.phases for piece in _split(phase, ride.marks)]
    edges = [_edge_s(ride, piece[1], seconds) for piece in pieces]
    for (phase, _, by_hand), begin, end in zip(pieces, edges, [*edges[1:], seconds], strict=True):
        if begin < end:
            yield _lap(phase, by_hand, begin, columns, paused, end)


def _split(phase: RiddenPhase, marks: Sequence[int]) -> list[tuple[RiddenPhase, int, bool]]:
    """The laps of one phase: (phase, when it begins, whether somebody ended it)."""
    inside = [at_ms for at_ms in marks if phase.begins_at_ms < at_ms < phase.ends_at_ms]
    starts = [phase.begins_at_ms, *inside]
    return [
        (phase, begins_at_ms, place < len(inside) or phase.by_hand)
        for place, begins_at_ms in enumerate(starts)
    ]


def _edge_s(ride: Ride, at_ms: int, seconds: int) -> int:
    return min(max(round((at_ms - ride.started_at_ms) / SECOND_MS), 0), seconds)


def _lap(
    phase: RiddenPhase,
    by_hand: bool,
    begin: int,
    columns: Mapping[Metric, Array],
    paused: Mask,
    end: int,
) -> Lap:
    cut = {metric: column[begin:end] for metric, column in columns.items()}
    summary = summarize(cut, ~paused[begin:end])
    figures = shown(summary)
    return Lap(
        name=phase.name,
        begins_s=begin,
        duration_s=end - begin,
        riding_s=summary.riding_s,
        kind=phase.kind,
        step=phase.step,
        by_hand=by_hand,
        target_w=phase.target_w,
        average_power_w=figures.average_power_w,
        max_power_w=figures.max_power_w,
        average_heart_rate_bpm=figures.average_heart_rate_bpm,
        max_heart_rate_bpm=figures.max_heart_rate_bpm,
        average_cadence_rpm=figures.average_cadence_rpm,
        distance_m=figures.distance_m,
    )
