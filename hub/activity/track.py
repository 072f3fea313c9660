"""The ride's readings, fused again into 1 Hz columns.

A second holds the fused value at its end, if that is no older than RECORD_AGE_MS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from hub.activity.record import Device
from hub.activity.ride import Choice, Ride
from hub.core.fusion import Fusion, Sensor
from hub.wire.values import Metric, Quality, Reading

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Placed = tuple[int, Reading]  # hub time in ms, and what the sensor said

SECOND_MS = 1_000

# A sensor speaks once a second at least: one late or lost notification is bridged, no more.
RECORD_AGE_MS = 2_000

# Readings from so long before the start let the first second have a value. The caller brings them.
LEAD_IN_MS = 10_000


class Track(msgspec.Struct, frozen=True):
    """The fused columns; `source[metric][s]` is the sensor that gave second s, "" for none."""

    columns: dict[Metric, Array]
    source: dict[Metric, list[str]]
    rr_ms: list[tuple[int, list[float]]]

    @property
    def seconds(self) -> int:
        return len(self.columns[Metric.POWER_W])

    def cut(self, seconds: int) -> Track:
        return Track(
            {metric: column[:seconds] for metric, column in self.columns.items()},
            {metric: names[:seconds] for metric, names in self.source.items()},
            [beat for beat in self.rr_ms if beat[0] < seconds],
        )


def fuse(
    ride: Ride,
    seconds: int,
    readings: Sequence[Placed],
    known: Mapping[str, Device],
) -> Track:
    """`readings` in order of time, from LEAD_IN_MS before the ride's start on."""
    fusion = Fusion(ride.rider.athlete)
    track = Track(
        {metric: np.full(seconds, np.nan) for metric in Metric},
        {metric: [""] * seconds for metric in Metric},
        [],
    )
    standing = [choice for choice in ride.choices if choice.at_ms <= ride.started_at_ms]
    for choice in standing:  # also of the lead-in: the athlete wanted it so before that
        fusion.prefer(choice.metric, choice.sensor_id, ride.started_at_ms - LEAD_IN_MS)
    feed = _Feed(fusion, readings, ride.choices[len(standing) :], known)
    feed.up_to(ride.started_at_ms)
    for second in range(seconds):
        now = ride.started_at_ms + (second + 1) * SECOND_MS
        spoke = feed.up_to(now)
        for metric in Metric:
            value = fusion.value(metric, now)
            fresh = now - value.at_ms <= RECORD_AGE_MS and value.quality is Quality.LIVE
            if fresh and value.value is not None:
                track.columns[metric][second] = value.value
                track.source[metric][second] = value.source
        beats = _beats(spoke, track.source[Metric.HEART_RATE_BPM][second])
        if beats:
            track.rr_ms.append((second, beats))
    return track


class _Feed:
    """Gives fusion what was said and chosen, in order of time."""

    def __init__(
        self,
        fusion: Fusion,
        readings: Sequence[Placed],
        choices: Sequence[Choice],
        known: Mapping[str, Device],
    ) -> None:
        self._fusion = fusion
        self._readings = readings
        self._choices = choices
        self._known = known
        self._sensors: dict[str, Sensor] = {}
        self._read = 0
        self._chosen = 0

    def up_to(self, now: int) -> Sequence[Placed]:
        """Everything before `now`. Returns the readings among it."""
        begin = self._read
        while self._read < len(self._readings) and self._readings[self._read][0] < now:
            at_ms, reading = self._readings[self._read]
            self._choose(at_ms)
            self._fusion.ingest(self._sensor(reading), reading, at_ms)
            self._read += 1
        self._choose(now)
        return self._readings[begin : self._read]

    def _choose(self, now: int) -> None:
        while self._chosen < len(self._choices) and self._choices[self._chosen].at_ms <= now:
            choice = self._choices[self._chosen]
            self._fusion.prefer(choice.metric, choice.sensor_id, choice.at_ms)
            self._chosen += 1

    def _sensor(self, reading: Reading) -> Sensor:
        """Under the newest lease seen so far: what another gateway still heard is ignored."""
        sensor = self._sensors.get(reading.sensor_id)
        if sensor is None or sensor.lease < reading.lease:
            device = self._known.get(reading.sensor_id)
            kinds = () if device is None else device.kinds
            sensor = Sensor(reading.sensor_id, kinds, reading.lease)
            self._sensors[reading.sensor_id] = sensor
        return sensor


def _beats(readings: Sequence[Placed], sensor_id: str) -> list[float]:
    return [
        interval_ms
        for _, reading in readings
        if reading.sensor_id == sensor_id and reading.m.rr_ms
        for interval_ms in reading.m.rr_ms
    ]
