"""All sensors of a gateway, over all its adapters: who is connected where, and why one is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import structlog

from gateway.adapter_desk import LOOK_MS, AdapterDesk
from gateway.clock import Clock
from gateway.hearing import Chorus, Hearing
from gateway.identity import Identity
from gateway.link_events import AdapterDown, AdapterUp
from gateway.places import Place, Turn
from gateway.radio import Advertisement, Radio, Radios
from gateway.radio_planner import SensorView, plan
from gateway.sensor import Outlet, Sensor
from hub.wire.uplink import AdapterState, LinkStatus

EXPECT_MS = 600_000  # a sensor heard so recently is expected to be heard
ADAPTERS_MS = 10_000  # adapters are looked for so often, where nobody tells of a new one
UNHELD = frozenset({LinkStatus.ABSENT, LinkStatus.SEEN, LinkStatus.BACKOFF})
FORGET_MS = 12 * 3_600_000  # absent for so long: a watch leaves an address behind every 15 min
SENSORS_MAX = 256  # the absent one heard longest ago is forgotten; if none is absent, a new one is
STOP_S = 3.3  # with app.RELEASE_S a clean stop takes less than 5 s

NO_FREE_SLOT, HELD_ELSEWHERE = "no_free_slot", "held_elsewhere"

log = structlog.get_logger()


class ConnectPolicy(StrEnum):
    ALL = "all"  # every supported sensor that is heard, as far as the slots go
    ASSIGNED = "assigned"  # only what the hub has assigned to this gateway


class News(Outlet, Protocol):
    """What the supervisor tells beside its sensors' news."""

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        """All of them, as soon as one has changed."""

    def forgotten(self, sensor_id: str) -> None: ...


class Supervisor:
    """`run` until `stop`. Sensors are known by address here, by `sensor_id` everywhere else.

    `slots`: connections that an adapter may hold, by its name or address in lower case; `slots[""]`
    is for the others; 0: as many as `AdapterDesk` trusts an adapter with.
    """

    def __init__(
        self,
        radios: Radios,
        identity: Identity,
        clock: Clock,
        news: News,
        jitter: Callable[[], float],
        *,
        policy: ConnectPolicy = ConnectPolicy.ALL,
        slots: Mapping[str, int] | None = None,
    ) -> None:
        self._radios = radios
        self._identity = identity
        self._clock = clock
        self._news = news
        self._jitter = jitter
        self._policy = policy
        self._slots = dict(slots or {})
        self._desks: dict[str, AdapterDesk] = {}
        self._running: dict[AdapterDesk, asyncio.Task[None]] = {}
        self._sensors: dict[str, Sensor] = {}
        self._hearings: dict[str, Hearing] = {}
        self._turns: dict[Sensor, Turn] = {}
        self._leases: dict[str, int] = {}
        self._elsewhere: frozenset[str] = frozenset()
        self._adapters_changed = asyncio.Event()
        self._told: tuple[AdapterState, ...] = ()
        self._looked_ms = 0
        self._replanning = False
        self._stopping = False
        self._full_told = False

    @property
    def sensors(self) -> Mapping[str, Sensor]:
        """By `sensor_id`."""
        return {sensor.sensor_id: sensor for sensor in self._sensors.values()}

    def rescan(self) -> None:
        self._adapters_changed.set()
        for desk in self._desks.values():
            desk.rescan()

    def assign(self, leases: Mapping[str, int], elsewhere: Collection[str] = ()) -> None:
        """Lease by `sensor_id`, whole: what is missing is not this gateway's.

        `elsewhere`: sensors that another gateway holds; they are let go of, and only heard.
        """
        self._leases = dict(leases)
        self._elsewhere = frozenset(elsewhere)
        for sensor in self._sensors.values():
            self._assign(sensor)
        self._replan_soon()

    async def run(self) -> None:
        """Works with every adapter there is, until `stop`; ends early with what one raises."""
        watching = asyncio.create_task(self._radios.watch(self))
        try:
            while not self._stopping:
                self._adapters_changed.clear()
                self._open(await self._radios.look())
                changed = asyncio.create_task(self._adapters_changed.wait())
                working = {watching, changed, *self._running.values()}
                ended, _ = await asyncio.wait(
                    working,
                    timeout=self._clock.wait_s(ADAPTERS_MS),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                changed.cancel()
                for task in ended - {changed}:
                    task.result()
            await asyncio.gather(*self._running.values())
        finally:
            for task in (watching, *self._running.values()):
                task.cancel()
            await asyncio.gather(watching, *self._running.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Lets every sensor go; `run` ends. Within STOP_S, whatever the radios do."""
        self._stopping = True
        sensors, self._sensors = list(self._sensors.values()), {}
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(sensor.stop() for sensor in sensors))
                await asyncio.gather(*(desk.stop() for desk in self._desks.values()))
        except TimeoutError:
            log.warning("stop_took_too_long", sensors=len(sensors))
        for desk in self._desks.values():
            desk.give_up()
        self._adapters_changed.set()

    # Adapters: `radio.Watcher` and `adapter_desk.Keeper`

    def service_gone(self) -> None:
        for desk in self._desks.values():
            desk.service_gone()

    def adapters_changed(self) -> None:
        self.rescan()

    def heard(self, desk: AdapterDesk, advertisement: Advertisement) -> None:
        now_ms = self._now_ms()
        sensor = self._sensors.get(advertisement.address) or self._meet(desk, advertisement)
        if sensor is None:
            return
        hearing = self._hearings[sensor.sensor_id]
        hearing.hear(desk.adapter_id, advertisement.rssi_dbm, now_ms)
        sensor.heard(advertisement)

    def found_connected(self, desk: AdapterDesk, orphan: Advertisement) -> None:
        sensor = self._sensors.get(orphan.address) or self._meet(desk, orphan)
        if sensor is None or desk.adapter_id in sensor.leaving:
            return
        if sensor.status in UNHELD:
            self._hearings[sensor.sensor_id].found_connected(desk.adapter_id, self._now_ms())
            sensor.found_connected(orphan)

    def missing_since_ms(self, desk: AdapterDesk) -> Sequence[int]:
        now_ms = self._now_ms()
        seen_ms = [self._seen_ms(sensor, desk) for sensor in self._missing()]
        return [at_ms for at_ms in seen_ms if at_ms is not None and now_ms - at_ms < EXPECT_MS]

    def went_down(self, desk: AdapterDesk) -> None:
        others = any(other.up for other in self._desks.values())
        for sensor in self._sensors.values():
            if sensor.place is desk or not others:
                sensor.put(AdapterDown())
            if others:  # ... which are tried as soon as they hear it
                sensor.put(AdapterUp())

    def came_up(self, desk: AdapterDesk) -> None:
        for sensor in self._sensors.values():
            sensor.put(AdapterUp())

    def changed(self, desk: AdapterDesk) -> None:
        self._tell_adapters()
        self._replan_soon()

    def looked(self, desk: AdapterDesk) -> None:
        now_ms = self._now_ms()
        if now_ms - self._looked_ms < LOOK_MS // 2:
            return  # several adapters, one look
        self._looked_ms = now_ms
        self._forget_old(now_ms)
        self._look_for_taken(now_ms)
        for sensor in self._sensors.values():
            if sensor.place is None:
                self._rate(sensor, self._hearings[sensor.sensor_id].best(now_ms))
        if any(desk.usable for desk in self._desks.values()):
            for sensor in self._sensors.values():
                if sensor.waits_for_adapter:
                    sensor.put(AdapterUp())
        self._tell_adapters()
        self._replan()

    # Places: `sensor.Places`

    async def turn(self, sensor: Sensor) -> Place:
        asked = self._turns[sensor] = Turn(self._now_ms())
        self._replan_soon()
        try:
            return await asked.wait()
        finally:
            self._turns.pop(sensor, None)
            sensor.note("")

    def begun(self, sensor: Sensor) -> None:
        hearing = self._hearings.get(sensor.sensor_id)
        if hearing is not None:
            self._rate(sensor, sensor.last_adapter_id)
            hearing.hold()

    def _rate(self, sensor: Sensor, adapter_id: str | None) -> None:
        """Says through which adapter it comes, or would, and how well that hears it."""
        desk = self._desks.get(adapter_id or "")
        ear = self._hearings[sensor.sensor_id].ears.get(adapter_id or "")
        if desk is not None and ear is not None:
            dbm = ear.rssi_dbm
            sensor.heard_best(desk.name, None if dbm is None else round(dbm))

    def ended(self, sensor: Sensor, place: Place, well: bool) -> None:
        hearing = self._hearings.get(sensor.sensor_id)
        ear = hearing.ears.get(place.adapter_id) if hearing is not None else None
        if ear is None:
            return
        if well:
            ear.work()
        else:
            ear.fail(self._now_ms())

    def _replan_soon(self) -> None:
        """Once a turn of the loop, however much happens in it."""
        if not self._replanning:
            self._replanning = True
            asyncio.get_running_loop().call_soon(self._replan)

    def _replan(self) -> None:
        self._replanning = False
        if not self._turns or self._stopping:
            return
        now_ms = self._now_ms()
        up = [desk.adapter_id for desk in self._desks.values() if desk.usable]
        views = [self._view(sensor, up, now_ms) for sensor in self._sensors.values()]
        done = plan(views, [desk.view() for desk in self._desks.values()])
        by_id = self.sensors
        for sensor, turn in tuple(self._turns.items()):
            sensor.note(NO_FREE_SLOT if sensor.sensor_id in done.refused else "")
            adapter_id = done.begin.get(sensor.sensor_id)
            if adapter_id is not None and turn.waiting:
                turn.grant(self._desks[adapter_id])
        for sensor_id in done.evict:
            log.info("sensor_evicted", sensor=sensor_id)
            by_id[sensor_id].evict()

    def _view(self, sensor: Sensor, up: Collection[str], now_ms: int) -> SensorView:
        hearing = self._hearings[sensor.sensor_id]
        turn = self._turns.get(sensor)
        asks = turn is not None and turn.waiting and hearing.is_settled(up, now_ms)
        place = sensor.place
        return SensorView(
            sensor.sensor_id,
            assigned=sensor.sensor_id in self._leases,
            kinds=sensor.kinds,
            asked_ms=turn.asked_ms if turn is not None and asks else None,
            holder=place.adapter_id if place is not None else None,
            leaving=sensor.leaving,
            last=sensor.last_adapter_id,
            ears=hearing.fresh(now_ms) if asks else {},
        )

    def _open(self, radios: Sequence[Radio]) -> None:
        """A desk for each; one whose adapter is no longer this gateway's is closed."""
        there = {self._identity.adapter_id(r.address or r.name): r for r in radios}
        for adapter_id, radio in there.items():
            if adapter_id not in self._desks:
                desk = AdapterDesk(radio, adapter_id, self._clock, self, self._slots_of(radio))
                self._desks[adapter_id] = desk
                self._running[desk] = asyncio.create_task(desk.run())
        for adapter_id in self._desks.keys() - there.keys():
            desk = self._desks.pop(adapter_id)
            desk.unplugged()
            self._running.pop(desk).cancel()

    def _slots_of(self, radio: Radio) -> int:
        own = (self._slots.get(key.lower()) for key in (radio.address, radio.name) if key)
        return next((slots for slots in own if slots is not None), self._slots.get("", 0))

    def _tell_adapters(self) -> None:
        states = tuple(desk.state() for desk in self._desks.values() if desk.known)
        if states != self._told:
            self._told = states
            self._news.adapters(states)

    # Sensors

    def _meet(self, desk: AdapterDesk, first: Advertisement) -> Sensor | None:
        if self._stopping or not self._make_room():
            return None
        sensor = Sensor(
            first,
            self._identity,
            self,
            self._clock,
            self._news,
            self._jitter,
            wanted=self._policy is ConnectPolicy.ALL,
            heard_by=desk.name,
            simulated=desk.radio.simulated,
        )
        self._sensors[first.address] = sensor
        self._hearings[sensor.sensor_id] = Hearing()
        self._assign(sensor)
        return sensor

    def _assign(self, sensor: Sensor) -> None:
        sensor.lease = self._leases.get(sensor.sensor_id, 0)
        mine = self._policy is ConnectPolicy.ALL or sensor.sensor_id in self._leases
        sensor.want(mine and sensor.sensor_id not in self._elsewhere)

    def _missing(self) -> list[Sensor]:
        """Sensors that should be heard on the air, not being connected to anybody we know of."""
        return [
            sensor
            for sensor in self._sensors.values()
            if sensor.status in UNHELD
            and sensor.sensor_id not in self._elsewhere
            and sensor.said != HELD_ELSEWHERE
        ]

    def _seen_ms(self, sensor: Sensor, desk: AdapterDesk) -> int | None:
        """When the sensor was last there for this adapter, by an advertisement or over a link."""
        ear = self._hearings[sensor.sensor_id].ears.get(desk.adapter_id)
        heard_ms = ear.heard_ms if ear is not None else None
        notified_ms = sensor.notified_ms if sensor.last_adapter_id == desk.adapter_id else None
        return max((ms for ms in (heard_ms, notified_ms) if ms is not None), default=None)

    def _look_for_taken(self, now_ms: int) -> None:
        chorus = Chorus(self._hearings)
        notified: dict[str, int] = {}
        for sensor in self._sensors.values():
            if sensor.place is not None and sensor.notified_ms is not None:
                adapter_id = sensor.place.adapter_id
                notified[adapter_id] = max(sensor.notified_ms, notified.get(adapter_id, 0))
        for sensor in self._sensors.values():
            if sensor in self._turns or sensor.status not in UNHELD:
                continue
            others = chorus.without(sensor.sensor_id)
            hearing = self._hearings[sensor.sensor_id]
            known = sensor.sensor_id in self._elsewhere  # to the hub: nothing to guess
            taken = not known and hearing.is_taken(sensor.kinds, others, notified, now_ms)
            sensor.note(HELD_ELSEWHERE if taken else "")

    def _make_room(self) -> bool:
        if len(self._sensors) < SENSORS_MAX:
            return True
        absent = self._absent()
        if not absent:
            if not self._full_told:
                self._full_told = True
                log.warning("too_many_sensors", limit=SENSORS_MAX)
            return False
        self._forget(min(absent)[1])
        return True

    def _forget_old(self, now_ms: int) -> None:
        for seen_ms, address in self._absent():
            if now_ms - seen_ms >= FORGET_MS:
                self._forget(address)

    def _absent(self) -> list[tuple[int, str]]:
        """When last seen, and the address, of every sensor that is not there."""
        return [
            (sensor.seen_ms, address)
            for address, sensor in self._sensors.items()
            if sensor.status is LinkStatus.ABSENT
        ]

    def _forget(self, address: str) -> None:
        sensor_id = self._sensors.pop(address).sensor_id
        del self._hearings[sensor_id]
        self._news.forgotten(sensor_id)

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000
