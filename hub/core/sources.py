"""Who speaks for one metric: candidates, their precedence, and when the word passes on.

Each (sensor, origin) that gives the metric is a candidate. The best by PRECEDENCE is chosen; it
stays chosen until its good values are older than the fresh limit and another's are not, or until
a better one has delivered without a break for RETURN_MS. The athlete's preference outranks the
table. A choice can only change when a reading arrives: without one there is nothing to change to.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.wire.staleness import STALENESS
from hub.wire.values import Metric, MetricValue, Quality

RETURN_MS = 5_000

# A live reading so much older than its sensor's last is not late: its clock was set anew.
CLOCK_STEP_MS = 10_000

NEVER_MS = 1 << 60


class Origin(StrEnum):
    """By what way of measuring a value came; finer than a sensor, which may have several."""

    POWER_METER = "power_meter"
    MACHINE = "machine"  # Fitness Machine data: trainer, treadmill, rower, cross trainer
    MACHINE_POWER = "machine_power"  # a trainer's Cycling Power service
    STRAP = "strap"
    WATCH = "watch"
    POD = "pod"
    FOOT_POD = "foot_pod"


# A trainer's Indoor Bike Data comes before its Cycling Power: the latter is a compatibility view
# that several makers smooth more. A wrist reads late and loses the pulse in a hard grip; a
# machine's heart rate is most often a relayed or hand-grip one.
PRECEDENCE: dict[Metric, tuple[Origin, ...]] = {
    Metric.POWER_W: (Origin.POWER_METER, Origin.MACHINE, Origin.MACHINE_POWER),
    Metric.HEART_RATE_BPM: (Origin.STRAP, Origin.WATCH, Origin.MACHINE),
    Metric.CADENCE_RPM: (Origin.POWER_METER, Origin.POD, Origin.MACHINE, Origin.MACHINE_POWER),
    Metric.SPEED_KMH: (
        Origin.MACHINE,
        Origin.MACHINE_POWER,
        Origin.POD,
        Origin.POWER_METER,
        Origin.FOOT_POD,
    ),
}

# Track sprinters peak below 3000 W and 250 rpm; 0 bpm is a strap's word for "no pulse found".
PLAUSIBLE: dict[Metric, tuple[float, float]] = {
    Metric.POWER_W: (0, 3_000),
    Metric.HEART_RATE_BPM: (25, 240),
    Metric.CADENCE_RPM: (0, 250),
    Metric.SPEED_KMH: (0, 150),
}


class SwitchCause(StrEnum):
    CHOSEN = "chosen"  # by the athlete
    LOST = "lost"  # the source before fell silent, turned suspect or was taken away
    RETURNED = "returned"  # a better one came, or came back, and has held


class SourceSwitched(msgspec.Struct, frozen=True):
    """`sensor_id` gives the metric from `at_ms` on, instead of `before`."""

    metric: Metric
    sensor_id: str
    before: str
    cause: SwitchCause
    at_ms: int


Switches = tuple[SourceSwitched, ...]


class Candidate:
    """The last word of one (sensor, origin) on one metric."""

    __slots__ = (
        "at_ms",
        "good_at_ms",
        "good_since_ms",
        "origin",
        "rank",
        "sensor_id",
        "suspect",
        "value",
    )

    def __init__(self, sensor_id: str, origin: Origin, rank: int, at_ms: int) -> None:
        self.sensor_id = sensor_id
        self.origin = origin
        self.rank = rank  # place in PRECEDENCE
        self.value = 0.0
        self.suspect = True
        self.forget(at_ms)

    def forget(self, at_ms: int) -> None:
        """As if it had never spoken before `at_ms`."""
        self.at_ms = at_ms - 1
        # Good values in a row, none further than the fresh limit from the next.
        self.good_at_ms = -NEVER_MS
        self.good_since_ms = at_ms


class MetricSource:
    """One metric of one athlete. The number of candidates is bounded by the sensors assigned."""

    __slots__ = ("candidates", "chosen", "metric", "preferred", "staleness")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.staleness = STALENESS[metric]
        self.candidates: dict[tuple[str, Origin], Candidate] = {}
        self.chosen: Candidate | None = None
        self.preferred: str | None = None

    def take(
        self, sensor_id: str, origin: Origin, value: float, at_ms: int, suspect: bool
    ) -> Candidate | None:
        """Note a value; None when it changes nothing because a later one is known.

        A suspect value is shown for want of a better one, but does not keep the word.
        """
        candidate = self.candidates.get((sensor_id, origin))
        if candidate is None:
            rank = PRECEDENCE[self.metric].index(origin)
            candidate = Candidate(sensor_id, origin, rank, at_ms)
            self.candidates[sensor_id, origin] = candidate
        if candidate.at_ms - CLOCK_STEP_MS < at_ms <= candidate.at_ms:
            return None
        if at_ms < candidate.at_ms:
            candidate.forget(at_ms)
        candidate.value = value
        candidate.at_ms = at_ms
        candidate.suspect = suspect
        if not suspect:
            if at_ms - candidate.good_at_ms > self.staleness.fresh_ms:
                candidate.good_since_ms = at_ms
            candidate.good_at_ms = at_ms
        return candidate

    def standing(self, candidate: Candidate) -> tuple[bool, int]:
        """Sorts better before worse."""
        return candidate.sensor_id != self.preferred, candidate.rank

    def is_good(self, candidate: Candidate, now: int) -> bool:
        # Both ways: a time far ahead comes from a wrong clock and must not hold the word.
        return abs(now - candidate.good_at_ms) <= self.staleness.fresh_ms

    def best(self, now: int) -> Candidate | None:
        good = [c for c in self.candidates.values() if self.is_good(c, now)]
        return min(good, key=self.standing, default=None)

    def settle(self, spoke: Candidate, now: int) -> Switches:
        """Who is chosen now that `spoke` has spoken."""
        chosen = self.chosen
        if spoke is chosen:
            return ()
        if chosen is None:
            self.chosen = spoke
            return ()
        if not self.is_good(chosen, now):
            best = self.best(now)
            return () if best is None else self.choose(best, SwitchCause.LOST, now)
        better = self.standing(spoke) < self.standing(chosen)
        if better and self.is_good(spoke, now) and now - spoke.good_since_ms >= RETURN_MS:
            return self.choose(spoke, SwitchCause.RETURNED, now)
        return ()

    def choose(self, candidate: Candidate, cause: SwitchCause, now: int) -> Switches:
        before, self.chosen = self.chosen, candidate
        if before is None or before.sensor_id == candidate.sensor_id:
            return ()
        return (SourceSwitched(self.metric, candidate.sensor_id, before.sensor_id, cause, now),)

    def value_of(self, candidate: Candidate, now: int) -> MetricValue:
        age_ms = abs(now - candidate.at_ms)
        if age_ms > self.staleness.keep_ms:
            return MetricValue(None, candidate.at_ms, candidate.sensor_id, Quality.GONE)
        if age_ms > self.staleness.fresh_ms:
            quality = Quality.AGED
        else:
            quality = Quality.SUSPECT if candidate.suspect else Quality.LIVE
        return MetricValue(candidate.value, candidate.at_ms, candidate.sensor_id, quality)
