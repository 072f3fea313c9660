"""Readings and a ride -> the recorded activity, on the 1 Hz grid of hub time.

The readings are fused again, with the athlete's choices of source, so that what arrived late
counts like what arrived live. A second without a value says why in `gaps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from hub.activity.figures import shown, summary_of
from hub.activity.laps import laps_of
from hub.activity.record import (
    RESOLUTION,
    Activity,
    Column,
    Device,
    Gap,
    Recorded,
    SourceUse,
    Streams,
    activity_id,
)
from hub.activity.ride import Ride, Span
from hub.activity.track import SECOND_MS, Array, Mask, Placed, Track, fuse
from hub.core.figures import Figures
from hub.wire.values import Metric

SECONDS_MAX = 48 * 3600

# Shorter ones are the radio's jitter; hub.core.metrics holds values over them too.
GAP_S_MIN = 3
GAPS_MAX = 500  # policy: the longest are kept, and every pause

PAUSED = "paused"
SENSOR_LOST = "sensor lost"


def build(
    ride: Ride,
    readings: Sequence[Placed],
    devices: Iterable[Device],
    *,
    unix_offset_ms: int = 0,
    version: int = 1,
    figures: Figures | None = None,
) -> Recorded:
    """`readings` of this athlete's sensors in order of time, from LEAD_IN_MS before the start on.

    `devices`: what is known of those sensors. `unix_offset_ms`: Unix time minus hub time.
    `figures`: what the ride is measured by; None: by those that its rider had.
    """
    known = {device.sensor: device for device in devices}
    seconds = _seconds(ride.started_at_ms, ride.ended_at_ms)
    track = fuse(ride, seconds, readings, known)
    if ride.end_cause == "idle":
        track = track.cut(_last_activity_s(track))
    measured_by = figures or ride.rider.figures
    return _assemble(ride, track, known, unix_offset_ms, version, measured_by)


def _seconds(begins_at_ms: int, ends_at_ms: int) -> int:
    return min(max(round((ends_at_ms - begins_at_ms) / SECOND_MS), 1), SECONDS_MAX)


def _last_activity_s(track: Track) -> int:
    """One past the last second with power or cadence; the whole length when there is none."""
    turning = np.zeros(track.seconds, dtype=np.bool_)
    for metric in (Metric.POWER_W, Metric.CADENCE_RPM):
        turning |= track.columns[metric] > 0
    active = np.flatnonzero(turning)
    return int(active[-1]) + 1 if len(active) else track.seconds


# From columns to the record


def _assemble(
    ride: Ride,
    track: Track,
    known: Mapping[str, Device],
    unix_offset_ms: int,
    version: int,
    figures: Figures,
) -> Recorded:
    paused = _within(ride.pauses, ride.started_at_ms, track.seconds)
    columns = {
        metric: _rounded(np.where(paused, np.nan, column), RESOLUTION[metric])
        for metric, column in track.columns.items()
    }
    rider, athlete = ride.rider, figures.thresholds
    summary = summary_of(columns, ~paused, figures)
    sources = tuple(_source_uses(track, known))
    used = {use.sensor for use in sources}
    activity = Activity(
        activity_id=activity_id(ride.session_id, rider.athlete),
        session_id=ride.session_id,
        athlete_id=rider.athlete,
        title=ride.title,
        started_at_ms=ride.started_at_ms,
        ended_at_ms=ride.started_at_ms + track.seconds * SECOND_MS,
        started_unix_ms=ride.started_at_ms + unix_offset_ms,
        elapsed_s=track.seconds,
        riding_s=summary.riding_s,
        moving_s=summary.moving_s,
        end_cause=ride.end_cause,
        version=version,
        demo=ride.demo,
        rider_ftp_w=None if rider.ftp_assumed else rider.ftp_w,
        ftp_w=athlete.ftp_w,
        ftp_assumed=athlete.ftp_assumed,
        max_hr_bpm=athlete.max_hr_bpm,
        lthr_bpm=athlete.lthr_bpm,
        rest_hr_bpm=athlete.rest_hr_bpm,
        zones=figures.zones,
        workout=ride.workout,
        summary=shown(summary),
        laps=tuple(laps_of(ride, columns, paused)),
        gaps=_gaps(ride, columns, paused),
        sources=sources,
        devices=tuple(device for device in known.values() if device.sensor in used),
    )
    return Recorded(activity, _streams(columns, paused, track.rr_ms))


def _streams(
    columns: Mapping[Metric, Array], paused: Mask, rr_ms: list[tuple[int, list[float]]]
) -> Streams:
    speed_kmh = columns[Metric.SPEED_KMH]
    distance_m = np.where(np.isnan(speed_kmh), np.nan, np.cumsum(np.nan_to_num(speed_kmh)) / 3.6)
    return Streams(
        power_w=_column(columns[Metric.POWER_W], "power_w"),
        heart_rate_bpm=_column(columns[Metric.HEART_RATE_BPM], "heart_rate_bpm"),
        cadence_rpm=_column(columns[Metric.CADENCE_RPM], "cadence_rpm"),
        speed_kmh=_column(speed_kmh, "speed_kmh"),
        distance_m=_column(_rounded(distance_m, RESOLUTION["distance_m"]), "distance_m"),
        rr_ms=[beat for beat in rr_ms if not paused[beat[0]]],
    )


def _rounded(column: Array, resolution: int) -> Array:
    rounded: Array = np.rint(column * resolution) / resolution
    return rounded


def _column(column: Array, name: str) -> Column:
    whole = RESOLUTION[name] == 1
    return [
        None if value != value else int(value) if whole else value  # NaN differs from itself
        for value in column.tolist()
    ]


def _within(spans: Iterable[Span], start_ms: int, seconds: int) -> Mask:
    """The seconds whose middle lies in one of the spans."""
    mask = np.zeros(seconds, dtype=np.bool_)
    for span in spans:
        begin, end = (
            round((at_ms - start_ms) / SECOND_MS) for at_ms in (span.begins_at_ms, span.ends_at_ms)
        )
        mask[max(begin, 0) : max(end, 0)] = True
    return mask


# Gaps


def _gaps(ride: Ride, columns: Mapping[Metric, Array], paused: Mask) -> tuple[Gap, ...]:
    seconds = len(paused)
    missing = {metric: _missing(column) & ~paused for metric, column in columns.items()}
    any_missing = np.any(list(missing.values()), axis=0)
    pauses = [Gap(begin, end - begin, PAUSED) for begin, end in _runs(paused)]
    gaps: list[Gap] = []
    explained = np.zeros(seconds, dtype=np.bool_)
    for absence in ride.absences:
        mask = _within((absence,), ride.started_at_ms, seconds) & any_missing & ~explained
        explained |= mask
        gaps += [Gap(begin, end - begin, absence.reason) for begin, end in _runs(mask)]
    for metric, mask in missing.items():
        lost = ((begin, end) for begin, end in _runs(mask & ~explained))
        gaps += [
            Gap(begin, end - begin, SENSOR_LOST, metric)
            for begin, end in lost
            if end - begin >= GAP_S_MIN
        ]
    longest = sorted(gaps, key=lambda gap: gap.duration_s, reverse=True)[:GAPS_MAX]
    return tuple(sorted(pauses + longest, key=lambda gap: (gap.begins_s, gap.metric or "")))


def _missing(column: Array) -> Mask:
    """Where a metric that was there before is not; before its first value it was never there."""
    measured = ~np.isnan(column)
    seen: Mask = np.logical_or.accumulate(measured) & ~measured
    return seen


def _runs(mask: Mask) -> list[tuple[int, int]]:
    """(begin, end) of each run of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _source_uses(track: Track, known: Mapping[str, Device]) -> list[SourceUse]:
    """Each metric's first source and every switch, in order of time."""
    uses: list[SourceUse] = []
    for metric, names in track.source.items():
        second = 0
        before = ""
        for sensor, run in groupby(names):
            if sensor and sensor != before:
                device = known.get(sensor)
                name = sensor if device is None else device.name
                uses.append(SourceUse(metric, sensor, name, second))
                before = sensor
            second += sum(1 for _ in run)
    return sorted(uses, key=lambda use: use.begins_s)
