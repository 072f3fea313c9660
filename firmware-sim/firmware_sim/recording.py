"""A ride that somebody rode, second by second, and a rider who rides it again. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import Emission
from firmware_sim.devices.heart_rate_strap import HeartRateStrap
from firmware_sim.devices.power_meter import PowerMeter
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.scenario import MAX_RIDE_S, RiderPlan, SensorPlan

# Devices that save room ("smart recording") write when something changes, every 7 s at the least.
# What is further apart was not recorded: the device was paused, off, or without its sensors.
GAP_MS = 10_000
# How long the last value before a gap holds.
LAST_MS = 1_000

STRAP, METER, TRAINER = "Replayed strap", "Replayed pedals", "Replayed trainer"


class RecordingError(ValueError):
    """Nothing that could be ridden; the message says why."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was recorded at a time, in ms since any beginning. None: nothing of it."""

    at_ms: int
    power_w: int | None = None
    heart_rate_bpm: int | None = None
    cadence_rpm: float | None = None


class Recording:
    """Points in order, from 0 on.

    Args:
        points: those that go back in time are left out; of several at one time the last counts,
            field by field.

    Raises:
        RecordingError: no point has power or heart rate, or they last longer than a week.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        merged = _merged(points)
        if not any(_is_seen(point) for point in merged):
            raise RecordingError("it holds no power and no heart rate")
        begin_ms = merged[0].at_ms
        self.duration_ms = merged[-1].at_ms - begin_ms + LAST_MS
        if self.duration_ms > MAX_RIDE_S * 1000:
            days = MAX_RIDE_S // 86_400
            raise RecordingError(f"it lasts longer than {days} days: its clock was set meanwhile")
        self.points = merged
        self._at_ms = [point.at_ms - begin_ms for point in merged]
        self.gaps = [
            (at_ms + LAST_MS, after_ms)
            for at_ms, after_ms in pairwise(self._at_ms)
            if after_ms - at_ms > GAP_MS
        ]

    @property
    def has_power(self) -> bool:
        return any(point.power_w is not None for point in self.points)

    @property
    def has_heart_rate(self) -> bool:
        return any(point.heart_rate_bpm is not None for point in self.points)

    @property
    def has_cadence(self) -> bool:
        return any(point.cadence_rpm is not None for point in self.points)

    def at(self, now_ms: int) -> Point | None:
        """What held at a time since the beginning; None in a gap and after the end."""
        place = bisect_right(self._at_ms, now_ms) - 1
        if place < 0:
            return None
        last = place + 1 == len(self._at_ms)
        until_ms = self._at_ms[place] + GAP_MS + 1 if last else self._at_ms[place + 1]
        if until_ms - self._at_ms[place] > GAP_MS:
            until_ms = self._at_ms[place] + LAST_MS
        return self.points[place] if now_ms < until_ms else None


def _is_seen(point: Point) -> bool:
    return point.power_w is not None or point.heart_rate_bpm is not None


def _merged(points: Iterable[Point]) -> list[Point]:
    merged: list[Point] = []
    for point in points:
        if merged and point.at_ms < merged[-1].at_ms:
            continue
        if merged and point.at_ms == merged[-1].at_ms:
            point = _over(merged.pop(), point)
        merged.append(point)
    return merged


def _over(old: Point, new: Point) -> Point:
    return Point(
        new.at_ms,
        old.power_w if new.power_w is None else new.power_w,
        old.heart_rate_bpm if new.heart_rate_bpm is None else new.heart_rate_bpm,
        old.cadence_rpm if new.cadence_rpm is None else new.cadence_rpm,
    )


class RecordedRider:
    """Wears what the recording needs: a strap for heart rate, pedals or a trainer for power.

    The ride begins with `start`: what nobody listens to would be lost.

    A sensor is silent where the recording holds nothing of it. It shows what was recorded as it
    is: no bias, no smoothing of what was smoothed before, and no beats, which no record tells.

    Args:
        trainer: power and cadence come from a smart trainer instead of pedals. It can be steered
            and takes no notice: what was ridden was ridden.
    """

    def __init__(self, recording: Recording, name: str, *, trainer: bool = False) -> None:
        self._recording = recording
        self.plan = plan(recording, name, trainer=trainer)
        self.sensors: dict[str, Sensor] = {}
        identity = {each.name: _identity(each) for each in self.plan.sensors}
        if STRAP in identity:
            self.sensors[STRAP] = HeartRateStrap(identity[STRAP])
        if METER in identity:
            self.sensors[METER] = PowerMeter(
                identity[METER], exact=True, has_crank=recording.has_cadence
            )
        if TRAINER in identity:
            self.sensors[TRAINER] = SmartTrainer(
                identity[TRAINER], exact=True, has_crank=recording.has_cadence
            )
        self.body = Body(heart_rate_bpm=0.0)
        self.w_balance_j = 0.0
        self.finished = False
        self._begin_ms: int | None = None
        self._rests_until_ms = 0

    @property
    def waiting(self) -> bool:
        return self._begin_ms is None

    def start(self, now_ms: int) -> None:
        self._begin_ms = now_ms

    def rest(self, until_ms: int) -> None:
        """A fault that stops the pedals: the recording goes on meanwhile."""
        self._rests_until_ms = until_ms

    def fade(self, legs: float, until_ms: int) -> None:
        """What was ridden was ridden, whatever the legs."""

    def advance(self, now_ms: int) -> dict[str, list[Emission]]:
        """Ride on until `now_ms`; returns what each sensor sends."""
        point = None
        if self._begin_ms is not None:
            since_ms = now_ms - self._begin_ms
            self.finished = since_ms >= self._recording.duration_ms
            point = self._recording.at(since_ms)
        resting = now_ms < self._rests_until_ms
        self.body = Body(
            power_w=0 if point is None or resting else point.power_w or 0,
            cadence_rpm=0 if point is None or resting else point.cadence_rpm or 0,
            heart_rate_bpm=0 if point is None else point.heart_rate_bpm or 0,
        )
        # All are moved on, so that a counter's time is right after a gap; not all are heard.
        sent = {name: sensor.advance(self.body, now_ms) for name, sensor in self.sensors.items()}
        return {name: said if _gives(name, point) else [] for name, said in sent.items()}


def _gives(name: str, point: Point | None) -> bool:
    if point is None:
        return False
    if name == STRAP:
        return point.heart_rate_bpm is not None
    return point.power_w is not None


def plan(recording: Recording, name: str, *, trainer: bool = False) -> RiderPlan:
    """As if a scenario had said it. The figures of the body are nobody's: it is not simulated."""
    sensors = []
    if recording.has_heart_rate:
        sensors.append(SensorPlan(kind="heart_rate_strap", name=STRAP))
    if recording.has_power and trainer:
        sensors.append(SensorPlan(kind="smart_trainer", name=TRAINER))
    elif recording.has_power:
        sensors.append(SensorPlan(kind="power_meter", name=METER))
    return RiderPlan(
        name=name,
        ftp_w=200,
        max_hr_bpm=190,
        rest_hr_bpm=60,
        weight_kg=75.0,
        seed=0,
        sensors=sensors,
    )


def _identity(sensor: SensorPlan) -> Identity:
    return Identity(sensor.name, sensor.manufacturer, "Recording", sensor.kind, sensor.firmware)
