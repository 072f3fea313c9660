"""A room: riders on the air, moved on in real time, with what goes wrong in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware_sim import chaos
from firmware_sim.air.controller import DEFAULT_LEVEL_DBM
from firmware_sim.air.link import SENSITIVITY_DBM, Air
from firmware_sim.athlete import STEP_MS
from firmware_sim.chance import Chance
from firmware_sim.devices.gatt import Emission
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.faults import Fault, FaultError, Interference, Kind, Spoilt, fault
from firmware_sim.floor import loss_db
from firmware_sim.peripheral import Delivered, Peripheral
from firmware_sim.rider import Rider, Wearer
from firmware_sim.scenario import Scenario, address

# Straps on chests and pods on cranks are heard differently well.
LEVEL_SPREAD_DBM = 15


@dataclass
class Place:
    """One sensor in the room, with what interferes with it."""

    rider: Wearer
    peripheral: Peripheral
    interference: Interference
    near_dbm: int
    hidden: bool = False
    address_epoch: int = 0
    late: set[asyncio.TimerHandle] = field(default_factory=set)


class Studio:
    """Runs a scenario on an air.

    Args:
        clock_s: the wall's clock, monotonic.
        speed: simulated seconds in a second.
        delivered: is told every notification that a subscriber is sent.
        aired: is told every whole message that a radio in reach could hear, subscribed to or not.
        unplug: pulls a radio of a spot out: the spot, the radio's number, for how many seconds.
        riders: instead of those that the scenario describes; they wear the sensors it names.
    """

    def __init__(
        self,
        scenario: Scenario,
        air: Air,
        *,
        seed: int | None = None,
        speed: float = 1.0,
        clock_s: Callable[[], float] | None = None,
        delivered: Delivered | None = None,
        aired: Delivered | None = None,
        unplug: Callable[[str, int, float], None] | None = None,
        riders: Sequence[Wearer] | None = None,
    ) -> None:
        self.scenario = scenario
        self._seed = scenario.seed if seed is None else seed
        self._speed = speed
        self._clock_s = clock_s or asyncio.get_running_loop().time
        self._start_s = self._clock_s()
        self._tasks: list[asyncio.Task[None]] = []
        self._schedule = chaos.schedule(scenario, self._chance_of("chaos"))
        self._next_fault = next(self._schedule, None)
        self._air = air
        self._aired = aired
        self._unplug = unplug
        self._places: dict[str, Place] = {}
        self.riders: Sequence[Wearer] = (
            [Rider(plan, self._chance_of) for plan in scenario.riders] if riders is None else riders
        )
        for rider in self.riders:
            for name in rider.sensors:
                self._places[name] = self._place(rider, name, air, delivered)

    def _chance_of(self, purpose: str) -> Chance:
        return random.Random(f"{self._seed}/{purpose}")

    def _place(self, rider: Wearer, name: str, air: Air, delivered: Delivered | None) -> Place:
        sensor = rider.sensors[name]
        chance = self._chance_of(f"{name}/air")
        near_dbm = DEFAULT_LEVEL_DBM - round(LEVEL_SPREAD_DBM * chance.random())
        peripheral = Peripheral(
            air,
            sensor,
            address(name, 0, sensor.address_period_ms is not None),
            self.now_ms,
            advertising_ms=self.scenario.advertising_ms,
            delivered=delivered,
        )
        peripheral.controller.level_dbm = near_dbm
        peripheral.controller.at_m = rider.plan.at_m
        place = Place(rider, peripheral, Interference(chance), near_dbm)
        peripheral.answer = lambda emissions: self._send(place, emissions, self.now_ms())
        return place

    def now_ms(self) -> int:
        """Simulated time since the start."""
        return int((self._clock_s() - self._start_s) * 1000 * self._speed)

    # Life

    async def start(self) -> None:
        """Switch all sensors on."""
        for place in self._places.values():
            await place.peripheral.start()
        self._start_s = self._clock_s()
        self._tasks = [
            asyncio.create_task(self._ride(rider, STEP_MS * number // len(self.riders)))
            for number, rider in enumerate(self.riders)
        ]

    async def wait(self) -> None:
        """Until every rider has finished, or one's task fails, which it must not; then raises."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._places.values():
            for handle in place.late:
                handle.cancel()
            await place.peripheral.stop()

    async def _ride(self, rider: Wearer, offset_ms: int) -> None:
        """Move one rider on every `STEP_MS`; riders are spread over the step."""
        due_ms = offset_ms
        while not rider.finished:
            await asyncio.sleep(max(0.0, (due_ms - self.now_ms()) / 1000 / self._speed))
            now_ms = self.now_ms()
            self._break_what_is_due(now_ms)
            if rider.waiting and self._is_listened_to(rider):
                rider.start(now_ms)
            for name, emissions in rider.advance(now_ms).items():
                place = self._places[name]
                await self._move(place, now_ms)
                self._send(place, emissions, now_ms)
            # A machine that slept goes on with the present, not with what it missed.
            due_ms = max(due_ms + STEP_MS, now_ms)

    def _is_listened_to(self, rider: Wearer) -> bool:
        return all(self._places[name].peripheral.listened for name in rider.sensors)

    # Interference

    def inject(
        self, kind: str, sensor: str, for_s: float | None = None, amount: float | None = None
    ) -> Fault:
        """Let something go wrong, now.

        Raises:
            FaultError: no such kind or sensor, or an amount or duration that cannot be.
        """
        if kind == Kind.UNPLUG:
            if sensor not in self.scenario.radios:
                names = ", ".join(self.scenario.radios) or "this scenario has no spots"
                raise FaultError(f"no radio is called {sensor!r}: {names}")
        elif sensor not in self._places:
            names = ", ".join(self._places)
            raise FaultError(f"no sensor is called {sensor!r}: choose one of {names}")
        new = fault(kind, sensor, self.now_ms(), for_s, amount)
        self._apply(new)
        return new

    def _break_what_is_due(self, now_ms: int) -> None:
        while self._next_fault is not None and self._next_fault.at_ms <= now_ms:
            due, self._next_fault = self._next_fault, next(self._schedule, None)
            try:
                self._apply(due)
            except FaultError:
                continue  # this sensor has enough to bear already

    def _apply(self, new: Fault) -> None:
        if new.kind == Kind.UNPLUG:
            if self._unplug is not None:
                spot, _, number = new.sensor.partition("/")
                self._unplug(spot, int(number), (new.until_ms - new.at_ms) / 1000 / self._speed)
            return
        place = self._places[new.sensor]
        sensor = place.peripheral.sensor
        if new.kind == Kind.BATTERY_LOW:
            sensor.battery.set(new.amount)
        elif new.kind == Kind.CONTROL_LOST:
            if not isinstance(sensor, SmartTrainer):
                raise FaultError(f"{new.sensor} has no control point: name a smart trainer")
            self._send(place, sensor.seize(new.until_ms), new.at_ms)
        elif new.kind == Kind.REST:
            place.rider.rest(new.until_ms)
        elif new.kind == Kind.FADE:
            place.rider.fade(new.amount, new.until_ms)
        else:
            place.interference.add(new)

    async def _move(self, place: Place, now_ms: int) -> None:
        """Where the sensor is now: its loudness, whether it is on, under which address."""
        peripheral = place.peripheral
        level_dbm = place.interference.level_dbm(place.near_dbm, now_ms)
        if level_dbm != peripheral.controller.level_dbm:
            peripheral.set_level(level_dbm)
        hidden = place.interference.hidden(now_ms)
        if hidden != place.hidden:
            place.hidden = hidden
            if hidden:
                await peripheral.hide()
                await peripheral.disconnect()
            else:
                await peripheral.advertise()
        await self._readdress(place, now_ms)

    async def _readdress(self, place: Place, now_ms: int) -> None:
        sensor = place.peripheral.sensor
        if sensor.address_period_ms is None or place.peripheral.connected:
            return
        epoch = now_ms // sensor.address_period_ms
        if epoch != place.address_epoch:
            place.address_epoch = epoch
            await place.peripheral.readdress(address(sensor.identity.name, epoch, private=True))

    def _send(self, place: Place, emissions: list[Emission], now_ms: int) -> None:
        if place.hidden:
            return
        loop = asyncio.get_running_loop()
        for delay_ms, emission in place.interference.pass_through(emissions, now_ms):
            if delay_ms == 0:
                self._put_on_air(place, emission)
                continue

            def deliver(emission: Emission = emission) -> None:
                place.late = {handle for handle in place.late if handle.when() > loop.time()}
                self._put_on_air(place, emission)

            place.late.add(loop.call_later(delay_ms / 1000 / self._speed, deliver))

    def _put_on_air(self, place: Place, emission: Emission) -> None:
        # Told first: who hears it stamps it later than this.
        if self._aired is not None and not isinstance(emission, Spoilt) and self._in_reach(place):
            self._aired(place.peripheral.sensor, emission.uuid, emission.value)
        place.peripheral.send([emission])

    def _in_reach(self, place: Place) -> bool:
        if place.hidden:
            return False
        at_m = place.rider.plan.at_m
        ways = [loss_db(at_m, spot.at_m) for spot in self.scenario.spots]
        level_dbm = place.peripheral.controller.level_dbm
        return level_dbm - min(ways, default=0) > SENSITIVITY_DBM

    # For a person who asks

    def status(self) -> dict[str, object]:
        """What is going on, as plain values."""
        now_ms = self.now_ms()
        return {
            "now_ms": now_ms,
            "riders": [
                {
                    "name": rider.plan.name,
                    "power_w": round(rider.body.power_w),
                    "cadence_rpm": round(rider.body.cadence_rpm),
                    "heart_rate_bpm": round(rider.body.heart_rate_bpm),
                    "w_balance_kj": round(rider.w_balance_j / 1000, 1),
                    "sensors": [self._sensor_status(name, now_ms) for name in rider.sensors],
                }
                for rider in self.riders
            ],
        }

    def _sensor_status(self, name: str, now_ms: int) -> dict[str, object]:
        place = self._places[name]
        return {
            "name": name,
            "kind": place.peripheral.sensor.kind,
            "connected": place.peripheral.connected,
            "battery_pct": place.peripheral.sensor.battery.level_pct,
            "level_dbm": place.peripheral.controller.level_dbm,
            "faults": [str(each.kind) for each in place.interference.active(now_ms)],
        }
