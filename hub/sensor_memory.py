"""Names, kinds and batteries of sensors, kept for when they are away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from hub.activity import Device
from hub.core.errors import DernyError, NotFound
from hub.store.rows import KnownSensor
from hub.store.sensors import Sensors
from hub.wire import uplink as wire

STORE_S = 5.0
SENSORS_MAX = 5_000  # policy: for one more, the one seen longest ago is forgotten

log = structlog.get_logger(__name__)


class SensorMemory:
    """Heard at once, stored each STORE_S."""

    def __init__(self, sensors: Sensors, now_ms: Callable[[], int]) -> None:
        self._store = sensors
        self._now_ms = now_ms
        self._known: dict[str, KnownSensor] = {}
        self._changed: set[str] = set()
        self._forgotten: set[str] = set()

    async def start(self) -> None:
        self._known = {sensor.sensor_id: sensor for sensor in await self._store.list()}

    def hear(self, message: wire.Sensors) -> None:
        for state in message.sensors:
            known = self._known.get(state.sensor_id)
            if known is None:
                self._make_room()
            self._known[state.sensor_id] = self._merged(state, known)
            self._changed.add(state.sensor_id)
            self._forgotten.discard(state.sensor_id)

    def _make_room(self) -> None:
        """A watch that changes its address is a new sensor each time: rooms see many in a year."""
        while len(self._known) >= SENSORS_MAX:
            oldest = min(self._known.values(), key=lambda sensor: sensor.seen_at_ms).sensor_id
            del self._known[oldest]
            self._changed.discard(oldest)
            self._forgotten.add(oldest)

    def _merged(self, state: wire.SensorState, known: KnownSensor | None) -> KnownSensor:
        """An advertisement tells less than a connection did: what it leaves out stays."""
        return KnownSensor(
            sensor_id=state.sensor_id,
            name=state.name or (known.name if known else ""),
            kinds=state.kinds or (known.kinds if known else ()),
            manufacturer=state.manufacturer or (known.manufacturer if known else ""),
            model=state.model or (known.model if known else ""),
            serial_tag=state.serial_tag or (known.serial_tag if known else ""),
            battery_pct=state.battery_pct
            if state.battery_pct is not None
            else (known.battery_pct if known else None),
            seen_at_ms=self._now_ms(),
            simulated=state.simulated,
            alias_of=known.alias_of if known else "",
        )

    def devices(self) -> list[Device]:
        return [
            Device(
                sensor.sensor_id,
                sensor.name,
                sensor.kinds,
                sensor.manufacturer,
                sensor.model,
                sensor.battery_pct,
            )
            for sensor in self._known.values()
        ]

    def known(self, sensor_id: str) -> KnownSensor | None:
        return self._known.get(sensor_id)

    async def alias(self, sensor_id: str, same_as: str) -> None:
        """The athlete said what it is. Raises NotFound, Unavailable."""
        known = self._known.get(sensor_id)
        if known is None:
            raise NotFound("no such sensor")
        await self._store.remember([known])  # it may be as new as the question
        await self._store.alias(sensor_id, same_as)
        self._known[sensor_id] = replace(self._known.get(sensor_id, known), alias_of=same_as)

    def is_simulated(self, sensor_id: str) -> bool:
        known = self._known.get(sensor_id)
        return known is not None and known.simulated

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(STORE_S)
            await self.store()

    async def store(self) -> None:
        changed, self._changed = self._changed, set()
        forgotten, self._forgotten = self._forgotten, set()
        try:
            await self._store.remember([self._known[sensor_id] for sensor_id in sorted(changed)])
            await self._store.forget(sorted(forgotten))
        except DernyError as error:
            self._changed |= changed & self._known.keys()
            self._forgotten |= forgotten - self._known.keys()
            log.warning("sensors_not_stored", reason=str(error))
