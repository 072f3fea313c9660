"""What the gateways say of their sensors, trainers and radios, as the Sensors screen shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from hub.core.fusion import METRICS_OF, value_of
from hub.store.rows import Assignment
from hub.wire.live_views import GatewayView, SensorsView, SensorView, TrainerView
from hub.wire.uplink import (
    AdapterState,
    LinkStatus,
    SensorKind,
    SensorState,
    TrainerState,
    TrainerStatus,
)
from hub.wire.values import Measurement, Metric

SENSORS_MAX = 1_024  # rows of (sensor, gateway); without an absent one to forget, no more
GATEWAYS_MAX = 256
NOBODY = ""  # as the athlete whose sensor it is

# How good a gateway's link to a sensor is: among several, the best one is shown.
_CLOSENESS = {
    LinkStatus.LIVE: 7,
    LinkStatus.SILENT: 6,
    LinkStatus.SUBSCRIBING: 5,
    LinkStatus.DISCOVERING: 4,
    LinkStatus.CONNECTING: 3,
    LinkStatus.SEEN: 2,
    LinkStatus.BACKOFF: 1,
    LinkStatus.ABSENT: 0,
}
_WEAKEST_DBM = -127


class _Gateway:
    __slots__ = ("adapters", "boot_offset_ms", "reason", "since_at_ms", "up")

    def __init__(self, now: int) -> None:
        self.up = False
        self.since_at_ms = now
        self.adapters: tuple[AdapterState, ...] = ()
        self.reason = ""
        self.boot_offset_ms: int | None = None  # hub time minus its boot time


class Board:
    """All times are hub time in ms. `version` grows whenever anything shown changes."""

    def __init__(self) -> None:
        self._gateways: dict[str, _Gateway] = {}
        self._sensors: dict[str, dict[str, tuple[SensorState, int]]] = {}  # by id, by gateway
        self._trainers: dict[str, TrainerState] = {}
        self.read_only: set[str] = set()  # trainers that another app steers
        self._last: dict[str, tuple[int, dict[Metric, float]]] = {}
        self.version = 0

    # What gateways say

    def gateway(self, name: str, up: bool, reason: str, now: int) -> None:
        known = self._gateway(name, now)
        if known.up != up:
            known.since_at_ms = now
        known.up, known.reason = up, reason
        self.version += 1

    def beat(self, name: str, at_boot_ms: int, now: int) -> None:
        self._gateway(name, now).boot_offset_ms = now - at_boot_ms

    def adapters(self, name: str, adapters: tuple[AdapterState, ...], now: int) -> None:
        self._gateway(name, now).adapters = adapters
        self.version += 1

    def sensors(self, name: str, states: Iterable[SensorState], *, whole: bool, now: int) -> bool:
        """Whether a sensor came, went, or has another name or other kinds than before."""
        before = self._identities()
        if whole:
            self._forget_sensors_of(name)
        for state in states:
            if state.sensor_id not in self._sensors and not self._has_room():
                continue
            rows = self._sensors.setdefault(state.sensor_id, {})
            rows[name] = (state, self.heard_at_ms(name, state, now))
        self.version += 1
        return self._identities() != before

    def heard_at_ms(self, name: str, state: SensorState, now: int) -> int:
        """When this gateway heard the sensor last, as well as it is known."""
        offset_ms = self._gateway(name, now).boot_offset_ms
        return now if offset_ms is None else min(state.seen_boot_ms + offset_ms, now)

    def trainer(self, state: TrainerState) -> bool:
        """Whether a person would see a difference."""
        before = self._trainers.get(state.sensor_id)
        self._trainers[state.sensor_id] = state
        if before is not None and _shown(before) == _shown(state):
            return False
        self.version += 1
        return True

    def heard(self, sensor_id: str, char: str, m: Measurement, at_ms: int) -> None:
        """A reading: the sensor's last values, by metric."""
        metrics = METRICS_OF.get(char)
        if metrics is None or sensor_id not in self._sensors:
            return
        last = self._last.get(sensor_id, (0, {}))[1]
        for metric in metrics:
            value = value_of(metric, m)
            if value is not None:
                last[metric] = round(value, 1)
        self._last[sensor_id] = (at_ms, last)
        self.version += 1

    def leave_alone(self, sensor_id: str, on: bool) -> None:
        """The owner leaves a trainer to another app, or no longer."""
        (self.read_only.add if on else self.read_only.discard)(sensor_id)
        self.version += 1

    # What is asked

    def is_up(self, gateway: str) -> bool:
        known = self._gateways.get(gateway)
        return known is not None and known.up

    def gateways_up(self) -> list[str]:
        return [name for name, known in self._gateways.items() if known.up]

    def knows_gateway(self, gateway: str) -> bool:
        return gateway in self._gateways

    def ids(self) -> tuple[str, ...]:
        return tuple(self._sensors)

    def state(self, sensor_id: str) -> SensorState | None:
        """As the gateway with the best link sees it."""
        best = self._best(sensor_id)
        return None if best is None else best[1]

    def nearest(self, sensor_id: str) -> str:
        """The gateway that is up and has the best link; "" when none sees the sensor."""
        best = self._best(sensor_id)
        if best is None or best[1].link is LinkStatus.ABSENT or not self.is_up(best[0]):
            return ""
        return best[0]

    def name(self, sensor_id: str) -> str:
        state = self.state(sensor_id)
        return state.name if state is not None else ""

    def kinds(self, sensor_id: str) -> tuple[SensorKind, ...]:
        state = self.state(sensor_id)
        return state.kinds if state is not None else ()

    def trainer_view(self, sensor_id: str, follows_until_at_ms: int | None) -> TrainerView:
        state = self._trainers.get(sensor_id)
        best = self._best(sensor_id)
        name = self.name(sensor_id)
        if state is None or best is None or best[1].link is LinkStatus.ABSENT:
            return TrainerView(sensor_id, name, TrainerStatus.LOST)
        follows = state.status in (TrainerStatus.FOLLOWING, TrainerStatus.HOLDING_BACK)
        until = follows_until_at_ms if follows else None
        return TrainerView(
            sensor_id,
            name,
            state.status,
            state.reason,
            until,
            state.modes,
            state.spin_down,
            sensor_id in self.read_only,
        )

    def gateways_view(self) -> tuple[GatewayView, ...]:
        return tuple(
            GatewayView(name, known.up, known.since_at_ms, known.adapters, known.reason)
            for name, known in sorted(self._gateways.items())
        )

    def view(
        self,
        held: Mapping[str, Assignment],
        athlete_name: Callable[[str], str],
        shows: Callable[[str], frozenset[Metric]],
    ) -> SensorsView:
        """`shows(athlete)`: what the viewer may see of what that athlete's sensors measure.

        Of NOBODY's, whoever may see the list sees all but the heart: somebody wears that strap.
        """
        rows = tuple(self._rows(held, athlete_name, shows))
        return SensorsView(rows, self.gateways_view(), self._free_slots())

    def _free_slots(self) -> int | None:
        radios = [
            adapter
            for gateway in self._gateways.values()
            if gateway.up
            for adapter in gateway.adapters
            if adapter.powered and adapter.slots
        ]
        return sum(adapter.free_slots for adapter in radios) if radios else None

    def _rows(
        self,
        held: Mapping[str, Assignment],
        athlete_name: Callable[[str], str],
        shows: Callable[[str], frozenset[Metric]],
    ) -> Iterator[SensorView]:
        for sensor_id in sorted(self._sensors):
            best = self._best(sensor_id)
            if best is None:
                continue
            view = self._sensor_view(sensor_id, *best)
            assignment = held.get(sensor_id)
            if assignment is not None:
                athlete = assignment.athlete_id
                view = replace(view, athlete=athlete, athlete_name=athlete_name(athlete))
                shown = shows(athlete)
                last = {metric: value for metric, value in view.last.items() if metric in shown}
                view = replace(view, last=last, last_at_ms=view.last_at_ms if last else 0)
            elif not view.simulated and not shows(NOBODY):
                view.last.pop(Metric.HEART_RATE_BPM, None)
            yield view

    def _sensor_view(
        self, sensor_id: str, gateway: str, state: SensorState, seen_at_ms: int
    ) -> SensorView:
        last_at_ms, last = self._last.get(sensor_id, (0, {}))
        trainer = self._trainers.get(sensor_id)
        return SensorView(
            sensor=sensor_id,
            name=state.name,
            kinds=state.kinds,
            link=state.link if self.is_up(gateway) else LinkStatus.ABSENT,
            gateway=gateway,
            seen_at_ms=max(seen_at_ms, last_at_ms),
            rssi_dbm=state.rssi_dbm,
            battery_pct=state.battery_pct,
            model=state.model,
            problem=state.problem,
            simulated=state.simulated,
            last=dict(last),
            last_at_ms=last_at_ms,
            trainer=None if trainer is None else trainer.status,
            read_only=sensor_id in self.read_only,
            spin_down=None if trainer is None else trainer.spin_down,
            adapter=state.adapter,
        )

    def _best(self, sensor_id: str) -> tuple[str, SensorState, int] | None:
        rows = self._sensors.get(sensor_id)
        if not rows:
            return None

        def closeness(name: str) -> tuple[bool, int, int]:
            state = rows[name][0]
            return self.is_up(name), _CLOSENESS[state.link], state.rssi_dbm or _WEAKEST_DBM

        name = max(sorted(rows), key=closeness)
        return name, *rows[name]

    def _identities(self) -> dict[tuple[str, str], tuple[str, tuple[SensorKind, ...]]]:
        return {
            (sensor_id, gateway): (state.name, state.kinds)
            for sensor_id, rows in self._sensors.items()
            for gateway, (state, _) in rows.items()
        }

    def _gateway(self, name: str, now: int) -> _Gateway:
        known = self._gateways.get(name)
        if known is None:
            if len(self._gateways) >= GATEWAYS_MAX:
                del self._gateways[next(iter(self._gateways))]
            known = self._gateways[name] = _Gateway(now)
        return known

    def _has_room(self) -> bool:
        """For one more; of those that no gateway hears the one heard longest ago goes."""
        if sum(map(len, self._sensors.values())) < SENSORS_MAX:
            return True
        heard_ms = {
            sensor_id: max(at_ms for _, at_ms in rows.values())
            for sensor_id, rows in self._sensors.items()
            if all(state.link is LinkStatus.ABSENT for state, _ in rows.values())
        }
        if not heard_ms:
            return False
        self._forget(min(heard_ms, key=heard_ms.__getitem__))
        return True

    def _forget_sensors_of(self, name: str) -> None:
        for sensor_id, rows in tuple(self._sensors.items()):
            rows.pop(name, None)
            if not rows:
                self._forget(sensor_id)

    def _forget(self, sensor_id: str) -> None:
        del self._sensors[sensor_id]
        self._trainers.pop(sensor_id, None)
        self._last.pop(sensor_id, None)


def _shown(state: TrainerState) -> tuple[object, ...]:
    return state.status, state.reason, state.modes, state.spin_down
