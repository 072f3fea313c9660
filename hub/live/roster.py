"""Who there is, which sensors are whose, and the way of a reading to its athlete's gauges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.core.errors import NotFound
from hub.core.fusion import Sensor
from hub.core.sources import SourceSwitched, Switches
from hub.live.board import Board
from hub.live.gauges import Gauges
from hub.live.leases import Leases
from hub.live.ports import Assignments, Athletes, Placed, Uplink
from hub.live.riding import figures_of
from hub.store.rows import Assignment, Athlete
from hub.wire import uplink as wire
from hub.wire.live_views import SourceView
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric

# What a gateway holds, and what it must let alone.
_Said = tuple[tuple[wire.AssignedSensor, ...], tuple[str, ...]]


class Roster:
    """`switched(athlete, switch)` is told when a metric's source changes. Times are hub ms."""

    def __init__(
        self,
        athletes: Athletes,
        assignments: Assignments,
        board: Board,
        uplink: Uplink,
        now_ms: Callable[[], int],
        switched: Callable[[str, SourceSwitched], None],
    ) -> None:
        self._athletes = athletes
        self._assignments = assignments
        self._board = board
        self._uplink = uplink
        self._now_ms = now_ms
        self._switched = switched
        self._profiles: dict[str, Athlete] = {}
        self._gauges: dict[str, Gauges] = {}
        self._sensors: dict[str, Sensor] = {}  # as fusion wants them, made when first needed
        self._preferred: dict[str, dict[Metric, str]] = {}
        self._trainers: dict[str, Assignment | None] = {}  # by athlete, looked up when first asked
        self._rev = 0
        self._said: dict[str, _Said] = {}  # by gateway
        self.leases = Leases(now_ms())
        self.fused = 0  # readings, since the start
        self.equipment_version = 0  # grows when sources or trainers of anybody may be others
        self.held: dict[str, Assignment] = {}

    async def start(self) -> None:
        for athlete in await self._athletes.list():
            self.know(athlete)
            for preference in await self._athletes.preferences(athlete.athlete_id):
                metric = Metric(preference.metric)
                self._prefer(athlete.athlete_id, metric, preference.sensor_id)
        self.held = {held.sensor_id: held for held in await self._assignments.current()}
        for held in self.held.values():
            self._lease(held)

    # Athletes

    def know(self, athlete: Athlete) -> None:
        """A new athlete, or one whose figures changed."""
        self._profiles[athlete.athlete_id] = athlete
        gauges = self._gauges.setdefault(athlete.athlete_id, Gauges(athlete.athlete_id))
        gauges.measure_by(figures_of(athlete))

    def athlete(self, athlete_id: str) -> Athlete:
        """Raises NotFound."""
        athlete = self._profiles.get(athlete_id)
        if athlete is None:
            raise NotFound("no such athlete")
        return athlete

    def name(self, athlete_id: str) -> str:
        athlete = self._profiles.get(athlete_id)
        return "" if athlete is None else athlete.name

    def is_demo(self, athlete_id: str) -> bool:
        athlete = self._profiles.get(athlete_id)
        return athlete is not None and athlete.demo

    def gauges(self, athlete_id: str) -> Gauges | None:
        return self._gauges.get(athlete_id)

    async def prefer(self, athlete_id: str, metric: Metric, sensor_id: str) -> None:
        """Raises NotFound unless the sensor is the athlete's ("" is always right)."""
        held = self.held.get(sensor_id)
        if sensor_id and (held is None or held.athlete_id != athlete_id):
            raise NotFound("this sensor is not the athlete's")
        await self._athletes.prefer(athlete_id, metric, sensor_id)
        self._prefer(athlete_id, metric, sensor_id)

    def preferences(self, athlete_id: str) -> list[tuple[Metric, str]]:
        return list(self._preferred.get(athlete_id, {}).items())

    def sources(self, athlete_id: str, now: int) -> dict[Metric, tuple[SourceView, ...]]:
        gauges = self._gauges.get(athlete_id)
        if gauges is None:
            return {}
        shown: dict[Metric, tuple[SourceView, ...]] = {}
        for metric in Metric:
            rows = tuple(
                SourceView(
                    source.sensor_id,
                    self._board.name(source.sensor_id),
                    source.chosen,
                    source.preferred,
                )
                for source in gauges.fusion.sources(metric, now)
            )
            if rows:
                shown[metric] = rows
        return shown

    def _prefer(self, athlete_id: str, metric: Metric, sensor_id: str) -> None:
        gauges = self._gauges[athlete_id]
        self.equipment_version += 1
        preferred = self._preferred.setdefault(athlete_id, {})
        preferred.pop(metric, None)
        if sensor_id:
            preferred[metric] = sensor_id
        self._tell(athlete_id, gauges.fusion.prefer(metric, sensor_id or None, self._now_ms()))
        gauges.touch()

    # Sensors

    async def assign(self, sensor_id: str, athlete_id: str, *, swap: bool) -> Assignment:
        """Raises NotFound, Unavailable, and a Conflict of code `taken` unless `swap`."""
        self.athlete(athlete_id)
        if self._board.state(sensor_id) is None and sensor_id not in self.held:
            raise NotFound("no gateway has seen this sensor")
        before = self.held.get(sensor_id)
        gateway = self.leases.holder(sensor_id) or self._board.nearest(sensor_id)
        now = self._now_ms()
        held = await self._assignments.assign(
            sensor_id, athlete_id, now, gateway=gateway, swap=swap
        )
        self._replace(before, held)
        return held

    async def release(self, sensor_id: str) -> Assignment:
        """What ended. Raises NotFound, Unavailable."""
        if sensor_id not in self.held:
            raise NotFound("this sensor is nobody's")
        ended = self.held[sensor_id]
        await self._assignments.release(sensor_id, self._now_ms())
        self._replace(ended, None)
        return ended

    async def hold(self, sensor_id: str, gateway: str) -> Assignment:
        """The gateway holds it from now on, under a new lease. Raises NotFound, Unavailable."""
        before = self.held.get(sensor_id)
        held = await self._assignments.hold(sensor_id, gateway)
        self._replace(before, held)
        return held

    def say_assignments(self, gateway: str) -> None:
        """The sensors that this gateway holds and those that it must let alone, whole."""
        self._rev = max(self._rev + 1, self._now_ms())  # grows over restarts too
        held, elsewhere = self._said[gateway] = self._assigned(gateway)
        self._uplink.send_assignments(gateway, wire.Assignments(self._rev, held, elsewhere))

    def say_news(self) -> None:
        """To every gateway for which they are others now."""
        for gateway in self._board.gateways_up():
            if self._said.get(gateway) != self._assigned(gateway):
                self.say_assignments(gateway)

    def _assigned(self, gateway: str) -> _Said:
        held = tuple(
            wire.AssignedSensor(
                held.sensor_id,
                held.lease,
                held.athlete_id,
                read_only=held.sensor_id in self._board.read_only,
            )
            for held in self.held.values()
            if held.gateway == gateway
        )
        return held, self.leases.elsewhere(gateway)

    def gateways(self) -> set[str]:
        """That hold anybody's sensors."""
        return {held.gateway for held in self.held.values() if held.gateway}

    def athletes_of(self, gateway: str) -> set[str]:
        """Whose sensors this gateway holds."""
        return {held.athlete_id for held in self.held.values() if held.gateway == gateway}

    def trainer_of(self, athlete_id: str) -> Assignment | None:
        """The trainer that the athlete sits on."""
        if athlete_id not in self._trainers:
            mine = sorted(id_ for id_, held in self.held.items() if held.athlete_id == athlete_id)
            trainers = (id_ for id_ in mine if SensorKind.TRAINER in self._board.kinds(id_))
            trainer = next(trainers, None)
            self._trainers[athlete_id] = None if trainer is None else self.held[trainer]
        return self._trainers[athlete_id]

    def sensors_changed(self) -> None:
        """Names or kinds of sensors are others now."""
        self._sensors.clear()
        self._trainers.clear()
        self.equipment_version += 1

    def _replace(self, before: Assignment | None, after: Assignment | None) -> None:
        either = after or before
        if either is None:
            return
        sensor_id = either.sensor_id
        self.sensors_changed()
        if after is None:
            self.held.pop(sensor_id, None)
        else:
            self.held[sensor_id] = after
            self._lease(after)
        if before is not None and (after is None or after.athlete_id != before.athlete_id):
            self._take_away(before.athlete_id, sensor_id)
        for gateway in {held.gateway for held in (before, after) if held is not None} - {""}:
            self.say_assignments(gateway)
        self.say_news()

    def _lease(self, held: Assignment) -> None:
        if held.gateway:
            self.leases.take(held.sensor_id, held.gateway, held.lease, self._now_ms())

    def _take_away(self, athlete_id: str, sensor_id: str) -> None:
        gauges = self._gauges.get(athlete_id)
        if gauges is not None:
            self._tell(athlete_id, gauges.fusion.remove(sensor_id, self._now_ms()))
            gauges.forget_source(sensor_id)
            gauges.touch()

    # Readings

    def take(self, readings: Sequence[Placed], backfill: bool) -> None:
        for reading, at_ms, _ in readings:
            sensor_id = reading.sensor_id
            if not backfill:
                self._board.heard(sensor_id, reading.char, reading.m, at_ms)
            held = self.held.get(sensor_id)
            gauges = None if held is None else self._gauges.get(held.athlete_id)
            if held is None or gauges is None:
                continue
            sensor = self._sensors.get(sensor_id)
            if sensor is None:
                kinds = self._board.kinds(sensor_id)
                sensor = self._sensors[sensor_id] = Sensor(sensor_id, kinds, held.lease)
            if gauges.is_new_source(sensor_id, reading.char):
                self.equipment_version += 1
            switches = gauges.ingest(sensor, reading, at_ms, backfill=backfill)
            self.fused += not backfill and reading.lease >= sensor.lease
            if switches:
                self._tell(held.athlete_id, switches)

    def _tell(self, athlete_id: str, switches: Switches) -> None:
        for switch in switches:
            self.equipment_version += 1
            self._switched(athlete_id, switch)
