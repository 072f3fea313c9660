"""One athlete's live numbers: readings in, a row of the state lane out.

A row is encoded once per metric mask and change, whoever and how many look at it.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from hub.core import conditions, heart_control, interval
from hub.core.conditions import Ridden, Verdict
from hub.core.figures import Figures
from hub.core.fusion import Fusion, Sensor, is_moving
from hub.core.heart_control import Command
from hub.core.lanes import Lane, Status, TimelinePhase
from hub.core.live_metrics import TOLERANCES, RideMetrics, Second, is_on_target
from hub.core.ramp_end import RampEnd
from hub.core.sources import Switches
from hub.core.zone_schemes import heart_zones_of, power_zones_of
from hub.core.zones import Zones, ZoneTracker
from hub.live.asking import Asked, asked_at, asked_now
from hub.live.ramp_test import RampTest
from hub.live.row_mask import FIRST_DERIVED, FULL_MASK, METRICS, QUALITY_INDEX, Cell, masked
from hub.live.session_state import Session, lane_of
from hub.live.steering import phase_target_w, target_w
from hub.wire.values import Metric, Quality, Reading

DECIMALS = {Metric.SPEED_KMH: 1}  # the others are shown, and sent, as whole numbers
_NUMBERLESS = (QUALITY_INDEX[Quality.NONE], QUALITY_INDEX[Quality.GONE])

POWER_MARGIN_W, HEART_MARGIN_BPM = 3.0, 2.0  # beyond a zone's bound, before another is shown

REFRESH_MS = 250  # a number that nobody renews is looked at so often: it ages
REFRESH_IDLE_MS = 1_000
CATCH_UP_S_MAX = 24 * 3_600
NO_PHASE = (-1, 0)
NOT_MET = Verdict(False, None)
LAG_S_MAX = 3  # a loop that is late by so much has still seen the value of each second


class Gauges:
    """All times are hub time in ms. `version` grows whenever the row changes."""

    __slots__ = (
        "_dirty",
        "_due_ms",
        "_fragments",
        "_heart",
        "_measured_by",
        "_own",
        "_held",
        "_judged_by",
        "_met",
        "_phase",
        "_power",
        "_ramp",
        "_ride",
        "_row",
        "_seconds",
        "_session",
        "_spoke",
        "athlete_id",
        "fusion",
        "pedalled_at_ms",
        "trained_at_ms",
        "version",
    )

    def __init__(self, athlete_id: str) -> None:
        self.athlete_id = athlete_id
        self.fusion = Fusion(athlete_id)
        self.version = 0
        self.pedalled_at_ms = 0
        self.trained_at_ms = 0  # who wears a strap alone trains while the heart is heard
        self._own = Figures()  # those that count when no session says others
        self._measured_by = Figures()
        self._power: ZoneTracker | None = None
        self._heart: ZoneTracker | None = None
        self._ride: RideMetrics | None = None
        self._ramp = RampTest()
        self._session: Session | None = None
        self._phase = NO_PHASE  # number, and when it began
        self._met: Verdict = NOT_MET
        self._judged_by = Metric.POWER_W  # the metric that is held against the target
        self._held: tuple[int, str, str] | None = (
            None  # by heart rate: watts, why, and why in brief
        )
        self._seconds = 0
        self._row: list[Cell] = []
        self._fragments: dict[int, bytes] = {}
        self._spoke: set[tuple[str, str]] = set()
        self._dirty = True
        self._due_ms = 0

    def measure_by(self, figures: Figures) -> None:
        """The athlete's figures by bike; in a session those of its sport count."""
        self._own = figures
        self._follow_figures()

    def ingest(self, sensor: Sensor, reading: Reading, at_ms: int, *, backfill: bool) -> Switches:
        """Take a reading of one of the athlete's sensors; the switches of source it caused."""
        switches = self.fusion.ingest(sensor, reading, at_ms, backfill=backfill)
        if not backfill:
            self._dirty = True
            if is_moving(reading):
                self.pedalled_at_ms = max(self.pedalled_at_ms, at_ms)
            if is_moving(reading) or self._has_strap_alone(reading, at_ms):
                self.trained_at_ms = max(self.trained_at_ms, at_ms)
        return switches

    def _has_strap_alone(self, reading: Reading, at_ms: int) -> bool:
        legs = (Metric.POWER_W, Metric.CADENCE_RPM, Metric.SPEED_KMH)
        unheard = all(self.fusion.value(m, at_ms).quality is Quality.NONE for m in legs)
        return bool(reading.m.heart_rate_bpm) and unheard

    def is_new_source(self, sensor_id: str, char: str) -> bool:
        """Whether this is the first reading of its kind since the sensor came."""
        if (sensor_id, char) in self._spoke:
            return False
        self._spoke.add((sensor_id, char))
        return True

    def forget_source(self, sensor_id: str) -> None:
        self._spoke = {(known, char) for known, char in self._spoke if known != sensor_id}

    def held_by_heart(self, command: Command | None) -> None:
        """What the trainer is asked so that it holds the heart rate; None: nothing is."""
        held = None
        if command is not None:
            held = (command.power_w, heart_control.say(command), heart_control.brief(command))
        if held != self._held:
            self._held = held
            self._dirty = True

    def touch(self) -> None:
        """Something that the row shows has changed elsewhere."""
        self._dirty = True

    def ride(self, session: Session | None) -> None:
        """The athlete is in `session`, settled by `at(now)`; None: in none."""
        if session is None or self._session is None or session.session != self._session.session:
            self._ride = None if session is None else RideMetrics()
            self._ramp = RampTest()
            self._phase, self._seconds = NO_PHASE, 0
        self._session = session
        self._follow_figures()
        self._dirty = True

    def _follow_figures(self) -> None:
        rider = None if self._session is None else self._session.riders.get(self.athlete_id)
        figures = self._own if rider is None else rider.figures
        if figures == self._measured_by:
            return
        self._measured_by = figures
        known = figures.thresholds, figures.zones
        self._power = _tracker(power_zones_of(*known), POWER_MARGIN_W)
        self._heart = _tracker(heart_zones_of(*known), HEART_MARGIN_BPM)
        self._dirty = True

    def catch_up(self, session: Session, seconds: Iterable[Second], now: int) -> None:
        """Sums anew, from each riding second that was recorded.

        What is missing at the end counts as a gap.
        """
        self.ride(None)
        self.ride(session)
        ride = self._ride = RideMetrics()
        rider = session.riders.get(self.athlete_id)
        phases = _phases_so_far(lane_of(session, self.athlete_id))
        number, has_power = -1, False
        for second in seconds:
            ridden_ms = self._seconds * 1000
            while number + 1 < len(phases) and ridden_ms >= phases[number + 1].ridden_ms:
                number += 1
                ride.phase_began((number, phases[number].begins_at_ms))
            phase = phases[max(number, 0)]
            self._phase = (number, phase.begins_at_ms)
            has_power = has_power or second.power_w is not None
            into_ms, asked, target_w = ridden_ms - phase.ridden_ms, None, None
            if rider is not None:
                asked = asked_at(session, rider, phase.index, into_ms, has_power=has_power)
                target_w = phase_target_w(session, rider, phase.index, into_ms)
            ride.second(second.power_w, second.speed_kmh, self._on_target(ride, asked, second))
            power_w, cadence_rpm = second.power_w, second.cadence_rpm
            self._ramp.second(session.workout, phase.index, power_w, cadence_rpm, target_w)
            self._seconds += 1
        self._second_by_second(session, now, live=False)

    def refresh(self, now: int) -> None:
        """Bring the row up to `now`; cheap when nothing can have changed."""
        if not self._dirty and now < self._due_ms:
            return
        session = self._session
        if session is not None:
            self._second_by_second(session, now, live=True)
        row = self._cells(now)
        self._dirty = False
        if row != self._row:
            self._row = row
            self._fragments = {}
            self.version += 1
        silent = all(q in _NUMBERLESS for q in row[3:FIRST_DERIVED:3])
        riding = session is not None and lane_of(session, self.athlete_id).status is Status.RUNNING
        self._due_ms = now + (REFRESH_IDLE_MS if silent and not riding else REFRESH_MS)

    @property
    def row(self) -> list[Cell]:
        """As of the last `refresh`; everything, for the athlete alone."""
        return self._row

    def fragment(self, mask: int) -> bytes:
        """The row as JSON for viewers who may see the metrics of `mask`."""
        known = self._fragments.get(mask)
        if known is None:
            row = self._row
            if mask != FULL_MASK:
                row = masked(row, mask, self._judged_by, self._left_of())
            known = self._fragments[mask] = orjson.dumps(row)
        return known

    def _second_by_second(self, session: Session, now: int, *, live: bool) -> None:
        ride, lane = self._ride, lane_of(session, self.athlete_id)
        if ride is None:
            return
        phase = (lane.number, lane.phase_began_at_ms)
        if phase != self._phase and lane.status is not Status.READY:
            self._phase = phase
            ride.phase_began(phase)
        ridden_s = interval.ridden_ms(lane, now) // 1000
        missed = min(ridden_s - self._seconds, CATCH_UP_S_MAX)
        seen = min(missed, LAG_S_MAX) if live else 0
        # A hub that was away has not seen those seconds: they are a gap, not the last value held.
        for _ in range(missed - seen):
            ride.second(None, None, None)
            self._ramp.second(session.workout, lane.index, None, None, None)
        if missed:
            self._ramp.ridden_since(lane.resumed_at_ms)
        target_w = self._target_w(now) if seen else None
        second = Second(**{m.value: _fresh(self.fusion, m, now) for m in METRICS} if seen else {})
        on_target = self._on_target(ride, self._asks(now)[1], second) if seen else None
        for _ in range(seen):
            ride.second(second.power_w, second.speed_kmh, on_target)
            self._ramp.second(session.workout, lane.index, *self.legs(now), target_w)
            ride.heart_s = ride.heart_s + 1 if self._heart_is_beyond(session, now) else 0
        self._seconds = max(ridden_s, self._seconds)
        self._met = self._judged(session, lane, ride, now)

    def _on_target(self, ride: RideMetrics, asked: Asked | None, second: Second) -> bool | None:
        """None: nothing is asked that a sensor measures, or nothing was measured."""
        if asked is None or asked.dimension not in TOLERANCES:
            return None
        metric = Metric(asked.dimension.value)
        if metric is not self._judged_by:
            self._judged_by = metric
            ride.judged_anew()
        value: float | None = getattr(second, metric.value)
        if value is None:
            return None
        return is_on_target(asked.dimension, value, asked.low, asked.high)

    def _heart_is_beyond(self, session: Session, now: int) -> bool:
        rider = session.riders.get(self.athlete_id)
        lane = lane_of(session, self.athlete_id)
        if rider is None:
            return False
        until = interval.step_at(session.workout, lane.index).until
        heart_rate_bpm = _live(self.fusion, Metric.HEART_RATE_BPM, now)
        return conditions.is_beyond(until, heart_rate_bpm, rider.thresholds, rider.zones)

    def _judged(self, session: Session, lane: Lane, ride: RideMetrics, now: int) -> Verdict:
        rider = session.riders.get(self.athlete_id)
        if rider is None or lane.status in (Status.READY, Status.FINISHED):
            return NOT_MET
        ridden = Ridden(
            ride.phase_distance_m,
            ride.phase_work_kj,
            _live(self.fusion, Metric.HEART_RATE_BPM, now),
            ride.heart_s,
        )
        until = interval.step_at(session.workout, lane.index).until
        return conditions.judge(until, ridden, rider.thresholds, rider.zones)

    def condition_met(self) -> int | None:
        """The number of the phase under way when this athlete's numbers end it; None: not yet."""
        return self._phase[0] if self._met.met else None

    def ramp_ended(self) -> RampEnd | None:
        """The end of a ramp test in which this athlete's legs have just failed; said once."""
        return self._ramp.ended()

    def _left_of(self) -> Metric:
        session = self._session
        if session is None:
            return Metric.POWER_W
        lane = lane_of(session, self.athlete_id)
        return conditions.metric_of(interval.step_at(session.workout, lane.index).until)

    def legs(self, now: int) -> tuple[float | None, float | None]:
        """Live power and cadence; None where no sensor says."""
        return (
            _live(self.fusion, Metric.POWER_W, now),
            _live(self.fusion, Metric.CADENCE_RPM, now),
        )

    def _cells(self, now: int) -> list[Cell]:
        fusion = self.fusion
        row: list[Cell] = [self.athlete_id]
        for metric in METRICS:
            value = fusion.value(metric, now)
            number = value.value
            if number is not None:
                number = round(number, DECIMALS[metric]) if metric in DECIMALS else round(number)
            row += (number, value.at_ms, QUALITY_INDEX[value.quality])
        power_3s_w = fusion.power_3s_w(now)
        ride = self._ride
        row += (
            power_3s_w,
            _zone(self._power, power_3s_w, now),
            _zone(self._heart, row[1 + 3 * METRICS.index(Metric.HEART_RATE_BPM)], now),
            self._target_w(now),
            *self._asked_cells(now),
            None if self._met.left is None else round(self._met.left, 1),
            None if ride is None else _whole(ride.interval_average_w),
            None if ride is None else _whole(ride.weighted_power_w),
            None if ride is None else _whole(ride.on_target_pct),
            *(self._held or (None, None, None)),
            None if ride is None else round(ride.work_kj, 1),
            None if ride is None else round(ride.distance_m),
        )
        return row

    def _asked_cells(self, now: int) -> tuple[Cell, ...]:
        number, here, after = self._asks(now)
        return (number, *_asked(here), *_asked(after))

    def _asks(self, now: int) -> tuple[int | None, Asked | None, Asked | None]:
        session = self._session
        rider = None if session is None else session.riders.get(self.athlete_id)
        if session is None or rider is None:
            return None, None, None
        has_power = self.fusion.value(Metric.POWER_W, now).quality is not Quality.NONE
        return asked_now(session, rider, now, has_power=has_power)

    def _target_w(self, now: int) -> int | None:
        session = self._session
        rider = None if session is None else session.riders.get(self.athlete_id)
        if session is None or rider is None:
            return None
        return target_w(session, rider, now)


def _phases_so_far(lane: Lane) -> tuple[TimelinePhase, ...]:
    under_way = TimelinePhase(lane.index, lane.phase_began_at_ms, None, lane.phase_began_ridden_ms)
    return (*lane.past, under_way)


def _asked(asked: Asked | None) -> tuple[Cell, ...]:
    return (None, None, None) if asked is None else (asked.dimension.value, asked.low, asked.high)


def _live(fusion: Fusion, metric: Metric, now: int) -> float | None:
    """Neither an old nor a frozen number ends a step, or pauses a ride."""
    value = fusion.value(metric, now)
    return value.value if value.quality is Quality.LIVE else None


def _fresh(fusion: Fusion, metric: Metric, now: int) -> float | None:
    value = fusion.value(metric, now)
    return value.value if value.quality in (Quality.LIVE, Quality.SUSPECT) else None


def _tracker(zones: Zones | None, margin: float) -> ZoneTracker | None:
    """Without the figures that zones rest on there are none to be in."""
    return None if zones is None else ZoneTracker(zones, margin=margin)


def _zone(tracker: ZoneTracker | None, value: Cell, now: int) -> int | None:
    if tracker is None or not isinstance(value, int | float):
        return None
    return tracker.update(value, now).number


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
