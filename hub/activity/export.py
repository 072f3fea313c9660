"""The record -> `hub.formats.activity.ActivityFile`, which every export writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hub.activity.build import PAUSED
from hub.activity.record import Activity, Column, Streams
from hub.formats import activity as file


def to_fit(activity: Activity, streams: Streams, *, software: str = "Derny") -> file.ActivityFile:
    """What `hub.formats.fit.write_activity` takes."""
    return file.ActivityFile(
        started_at_unix_ms=activity.started_unix_ms,
        name=activity.title,
        power_w=_array(streams.power_w),
        heart_rate_bpm=_array(streams.heart_rate_bpm),
        cadence_rpm=_array(streams.cadence_rpm),
        speed_kmh=_array(streams.speed_kmh),
        sport="bike" if activity.workout is None else activity.workout.sport,
        laps=tuple(
            file.Lap(
                lap.begins_s,
                lap.begins_s + lap.duration_s,
                lap.kind,
                _planned(activity, lap.step),
                lap.by_hand,
            )
            for lap in activity.laps
        ),
        pauses=_pauses(activity),
        devices=tuple(
            file.Device(
                device.name,
                device.kinds[0] if device.kinds else None,
                device.manufacturer,
                device.model,
                device.battery_pct,
            )
            for device in activity.devices
        ),
        rr_ms=tuple((second, tuple(beats)) for second, beats in streams.rr_ms),
        workout=activity.workout,
        ftp_w=activity.ftp_w,
        max_heart_rate_bpm=activity.max_hr_bpm,
        rpe=activity.rpe,
        software=software,
    )


def _array(column: Column) -> NDArray[np.float64]:
    return np.array(column, dtype=np.float64)  # None becomes NaN


def _planned(activity: Activity, step: int | None) -> int | None:
    """A cool-down that the workout does not have is no step of the file's workout."""
    planned = 0 if activity.workout is None else len(activity.workout.steps)
    return step if step is not None and step < planned else None


def _pauses(activity: Activity) -> tuple[file.Pause, ...]:
    return tuple(
        file.Pause(gap.begins_s, gap.begins_s + gap.duration_s)
        for gap in activity.gaps
        if gap.reason == PAUSED
    )
