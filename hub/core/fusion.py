"""Fusion: many sensors of one athlete, one truth per metric.

What each characteristic gives is a table here; who speaks for a metric is settled in
`sources.py`. Values outside PLAUSIBLE are dropped, so that the last good one ages in plain sight.
Late, doubled and backfilled readings and those under a stale lease never touch the live truth.
"""

from __future__ import annotations

import msgspec

from hub.core.live_metrics import MeanWindow
from hub.core.sources import (
    PLAUSIBLE,
    Candidate,
    MetricSource,
    Origin,
    SwitchCause,
    Switches,
)
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Metric, MetricValue, Quality, Reading, Sample

POWER_MEAN_MS = 3_000

# Steps and strokes are not turns of a crank, and a screen says rpm: neither becomes a cadence. A
# treadmill's power is a belt's force, which no power zone of a cyclist or rower is made for.
METRICS_OF: dict[str, tuple[Metric, ...]] = {
    "2a37": (Metric.HEART_RATE_BPM,),
    "2a53": (Metric.SPEED_KMH,),
    "2a5b": (Metric.CADENCE_RPM, Metric.SPEED_KMH),
    "2a63": (Metric.POWER_W, Metric.CADENCE_RPM, Metric.SPEED_KMH),
    "2acd": (Metric.HEART_RATE_BPM, Metric.SPEED_KMH),
    "2ace": (Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.SPEED_KMH),
    "2ad1": (Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.SPEED_KMH),
    "2ad2": (Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM, Metric.SPEED_KMH),
    "fec2": (Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM, Metric.SPEED_KMH),
}


class Sensor(msgspec.Struct, frozen=True):
    """What fusion must know of a sensor. Readings under a lease below `lease` are ignored.

    `on_wrist`: known from before; a body location that the sensor sends is remembered anyway.
    """

    sensor_id: str
    kinds: tuple[SensorKind, ...]
    lease: int = 0
    on_wrist: bool = False


class Source(msgspec.Struct, frozen=True):
    """One sensor that gives a metric, for the list that the athlete chooses from."""

    sensor_id: str
    origin: Origin
    chosen: bool
    preferred: bool
    value: MetricValue


_NEVER = MetricValue(None, 0, "", Quality.NONE)


class Fusion:
    """One athlete's live truth. All times are hub time in ms."""

    def __init__(self, athlete_id: str) -> None:
        self.athlete_id = athlete_id
        self._slots = {metric: MetricSource(metric) for metric in Metric}
        self._batteries: dict[str, int] = {}
        self._wrists: set[str] = set()  # sensors that said they sit on a wrist, hand or finger
        self._power = MeanWindow(POWER_MEAN_MS)
        self.implausible_count = 0

    def ingest(
        self, sensor: Sensor, reading: Reading, at_ms: int, *, backfill: bool = False
    ) -> Switches:
        """Take a reading of one of the athlete's sensors; `at_ms` is its time mapped to hub time.

        Returns the switches of source that it caused, for the recording and the screens.
        """
        if backfill or reading.lease < sensor.lease:
            return ()
        self._remember(sensor.sensor_id, reading.m)
        switches: Switches = ()
        for metric in METRICS_OF.get(reading.char, ()):
            value = value_of(metric, reading.m)
            if value is not None:
                switches += self._take(sensor, reading, metric, value, at_ms)
        return switches

    def remove(self, sensor_id: str, now: int) -> Switches:
        """The sensor is no longer this athlete's."""
        self._batteries.pop(sensor_id, None)
        self._wrists.discard(sensor_id)
        switches: Switches = ()
        for slot in self._slots.values():
            for key in [key for key in slot.candidates if key[0] == sensor_id]:
                del slot.candidates[key]
            if slot.preferred == sensor_id:
                slot.preferred = None
            if slot.chosen is not None and slot.chosen.sensor_id == sensor_id:
                switches += self._replace(slot, SwitchCause.LOST, now)
        return switches

    def prefer(self, metric: Metric, sensor_id: str | None, now: int) -> Switches:
        """The athlete wants this metric from this sensor; None: by precedence again.

        At once if the sensor is delivering, else as soon as it has held for RETURN_MS.
        """
        slot = self._slots[metric]
        slot.preferred = sensor_id
        best = slot.best(now)
        if best is None or best is slot.chosen:
            return ()
        return self._switch(slot, best, SwitchCause.CHOSEN, now)

    def sample(self, now: int) -> Sample:
        return Sample(self.athlete_id, now, {metric: self.value(metric, now) for metric in Metric})

    def value(self, metric: Metric, now: int) -> MetricValue:
        slot = self._slots[metric]
        return _NEVER if slot.chosen is None else slot.value_of(slot.chosen, now)

    def sources(self, metric: Metric, now: int) -> tuple[Source, ...]:
        """Every sensor that has given the metric, best first; one row a sensor."""
        slot = self._slots[metric]
        rows: dict[str, Source] = {}
        for candidate in sorted(slot.candidates.values(), key=slot.standing):
            row = Source(
                candidate.sensor_id,
                candidate.origin,
                candidate is slot.chosen,
                candidate.sensor_id == slot.preferred,
                slot.value_of(candidate, now),
            )
            if candidate.sensor_id not in rows or row.chosen:
                rows[candidate.sensor_id] = row
        return tuple(rows.values())

    def power_3s_w(self, now: int) -> int | None:
        """Mean power of the last 3 s, the number for a screen; None when power is gone."""
        power = self.value(Metric.POWER_W, now)
        if power.value is None:
            return None
        mean = self._power.mean(now)
        return round(power.value if mean is None else mean)

    def battery_pct(self, sensor_id: str) -> int | None:
        return self._batteries.get(sensor_id)

    def _remember(self, sensor_id: str, m: Measurement) -> None:
        if m.battery_pct is not None:
            self._batteries[sensor_id] = m.battery_pct
        if m.body_location in ("wrist", "hand", "finger"):
            self._wrists.add(sensor_id)

    def _take(
        self, sensor: Sensor, reading: Reading, metric: Metric, value: float, at_ms: int
    ) -> Switches:
        low, high = PLAUSIBLE[metric]
        if not low <= value <= high:
            self.implausible_count += 1
            return ()
        slot = self._slots[metric]
        origin = self._origin(sensor, reading.char)
        suspect = metric is Metric.HEART_RATE_BPM and _contact_lost(reading.m)
        spoke = slot.take(sensor.sensor_id, origin, value, at_ms, suspect)
        if spoke is None:
            return ()
        before = slot.chosen
        switches = slot.settle(spoke, at_ms)
        if metric is Metric.POWER_W:
            self._average(slot, before, spoke)
        return switches

    def _average(self, slot: MetricSource, before: Candidate | None, spoke: Candidate) -> None:
        if slot.chosen is not before:
            self._power.clear()  # a mean over two meters is nobody's power
        if slot.chosen is spoke:
            self._power.push(spoke.at_ms, spoke.value)

    def _replace(self, slot: MetricSource, cause: SwitchCause, now: int) -> Switches:
        best = slot.best(now)
        if best is not None:
            return self._switch(slot, best, cause, now)
        slot.chosen = None
        return ()

    def _switch(
        self, slot: MetricSource, candidate: Candidate, cause: SwitchCause, now: int
    ) -> Switches:
        if slot.metric is Metric.POWER_W:
            self._power.clear()
        return slot.choose(candidate, cause, now)

    def _origin(self, sensor: Sensor, char: str) -> Origin:
        match char:
            case "2a37":
                on_wrist = sensor.on_wrist or sensor.sensor_id in self._wrists
                return Origin.WATCH if on_wrist else Origin.STRAP
            case "2a63":
                is_trainer = SensorKind.TRAINER in sensor.kinds
                return Origin.MACHINE_POWER if is_trainer else Origin.POWER_METER
            case "2a5b":
                return Origin.POD
            case "2a53":
                return Origin.FOOT_POD
            case _:
                return Origin.MACHINE


def is_moving(reading: Reading) -> bool:
    """Whether somebody trains: pedals, rows, steps, or runs on a belt.

    A wheel's speed does not say so: a flywheel turns on without its rider.
    """
    m = reading.m
    turns = m.power_w or m.cadence_rpm or m.stroke_rate_spm or m.step_rate_spm
    return bool(turns or (reading.char == "2acd" and m.speed_kmh))


def value_of(metric: Metric, m: Measurement) -> float | None:
    """What a measurement says of a metric; None: nothing."""
    match metric:
        case Metric.POWER_W:
            return m.power_w
        case Metric.HEART_RATE_BPM:
            return m.heart_rate_bpm
        case Metric.CADENCE_RPM:
            return m.cadence_rpm
        case Metric.SPEED_KMH:
            return _speed_kmh(m)


def _speed_kmh(m: Measurement) -> float | None:
    """As sent, or from what else says it: metres per second, or a rower's seconds per 500 m.

    A pace of 0 is a rower's word for "nobody rows": no speed, and no division.
    """
    if m.speed_kmh is not None:
        return m.speed_kmh
    if m.speed_mps is not None:
        return m.speed_mps * 3.6
    return 1_800 / m.pace_s_per_500m if m.pace_s_per_500m else None


def _contact_lost(m: Measurement) -> bool:
    return bool(m.contact_supported) and not m.contact
