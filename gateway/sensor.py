"""The shell around one sensor's link: carries out what `link.py` asks, decodes what is notified."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from gateway import profiles
from gateway.clock import Clock
from gateway.dialects import dialect_of
from gateway.dialects.port import Dialect
from gateway.gatt.decoder import Decoder
from gateway.gatt.layout import Nonsense
from gateway.identity import Identity
from gateway.link import CONNECT_MS, SETTLED_MS, Link
from gateway.link_events import (
    Advertised,
    Connect,
    ConnectBegun,
    ConnectOk,
    Disconnect,
    Disconnected,
    Discovered,
    Failed,
    Failure,
    Input,
    Notified,
    Output,
    Probe,
    ProbeFailed,
    ProbeOk,
    Report,
    Subscribed,
    Tick,
    Unwanted,
    Wanted,
)
from gateway.machine import ConnectedMachine, Machine
from gateway.places import Place, Places
from gateway.profiles import BATTERY
from gateway.radio import Advertisement, Connection, RadioError
from gateway.sensor_facts import SensorFacts
from gateway.silence import Stream
from hub.wire.uplink import LinkStatus, SensorKind, SensorState
from hub.wire.values import Measurement, Reading

UNWIND_S = 1.0
NO_FAULT = frozenset({"", Failure.ADAPTER_DOWN.value, Failure.OUT_OF_SLOTS.value})
NOTHING = Measurement()
SIGNAL_MS = 2_000  # signal strength moves all the time: reported no more often

log = structlog.get_logger()


class Outlet(Protocol):
    """Where a sensor's news go. Called in the loop; must return at once."""

    def reading(self, reading: Reading, rx_us: int) -> None:
        """`rx_us`: when its bytes came, boot us."""

    def sensor(self, state: SensorState) -> None: ...

    def machine_up(self, machine: Machine) -> None:
        """A fitness machine with a control point is live and may be steered."""

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        """A control point's indication, or the machine's status."""

    def machine_down(self, sensor_id: str) -> None: ...


class Sensor:
    """One sensor this gateway has heard of. `address` never leaves this object but to the radio."""

    def __init__(
        self,
        first: Advertisement,
        identity: Identity,
        places: Places,
        clock: Clock,
        outlet: Outlet,
        jitter: Callable[[], float],
        *,
        wanted: bool,
        heard_by: str,
        simulated: bool,
    ) -> None:
        self.sensor_id = identity.sensor_id(first.address)
        self.lease = 0
        self.seen_ms = 0
        self.notified_ms: int | None = None
        self.place: Place | None = None  # the adapter that holds it
        self.last_adapter_id: str | None = None
        self.heard_by = heard_by
        self._address = first.address
        self._identity = identity
        self._places = places
        self._simulated = simulated
        self._clock = clock
        self._outlet = outlet
        self._jitter = jitter
        self._link = Link(wanted=wanted)
        self._decoder: Decoder | None = None
        self._connection: Connection | None = None
        self._live_ms: int | None = None  # since when the connection is live
        self._attempt: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._closing: dict[asyncio.Task[None], Place] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._steered = False
        self._adopted = False
        self._measuring: set[str] = set()
        self._controlling: set[str] = set()
        self._facts = SensorFacts(first)
        self._retry_ms: int | None = None
        self._signal_ms = -SIGNAL_MS
        self._note = ""

    # What the supervisor says

    @property
    def status(self) -> LinkStatus:
        return self._link.status

    @property
    def kinds(self) -> tuple[SensorKind, ...]:
        return self._facts.kinds

    @property
    def leaving(self) -> frozenset[str]:
        """Adapters that still close a link to it."""
        return frozenset(place.adapter_id for place in self._closing.values())

    @property
    def waits_for_adapter(self) -> bool:
        """The last attempt failed because of an adapter: it is not tried again until one is up."""
        return (
            self._link.status is LinkStatus.BACKOFF and self._link.problem == Failure.ADAPTER_DOWN
        )

    @property
    def said(self) -> str:
        """Why it is not connected, in the supervisor's word."""
        return self._note

    def note(self, why: str) -> None:
        """Why it is not connected, though nothing of its own went wrong; "": no such reason."""
        if why != self._note:
            self._note = why
            self._tell()

    def heard_best(self, by: str, rssi_dbm: int | None) -> None:
        """The adapter that hears it best, and how well."""
        self.heard_by = by
        self._facts.rssi_dbm = rssi_dbm

    def heard(self, advertisement: Advertisement) -> None:
        """On the air: nobody holds it."""
        self._adopted = False
        self._found(advertisement)

    def found_connected(self, orphan: Advertisement) -> None:
        """The operating system holds it, and nobody here does."""
        self._adopted = True
        self._found(orphan)

    def _found(self, advertisement: Advertisement) -> None:
        now_ms = self._now_ms()
        self.seen_ms = now_ms
        self._facts.heard(advertisement)
        self._put(Advertised())
        if now_ms - self._signal_ms >= SIGNAL_MS:
            self._signal_ms = now_ms
            self._tell()

    def evict(self) -> None:
        """Its slot is needed for a sensor of somebody's ride."""
        self._put(Failed(self._link.generation, Failure.OUT_OF_SLOTS))

    def want(self, on: bool) -> None:
        self._put(Wanted() if on else Unwanted())

    def put(self, happened: Input) -> None:
        """AdapterDown or AdapterUp."""
        self._put(happened)

    async def stop(self) -> None:
        """Disconnects; bounded by the radio's own bound on closing."""
        self._put(Unwanted())
        if self._timer is not None:
            self._timer.cancel()
        if self._closing:
            await asyncio.wait(set(self._closing))

    # The link

    def _put(self, happened: Input) -> None:
        now_ms = self._now_ms()
        for asked in self._link.handle(happened, now_ms, self._jitter()):
            self._do(asked)
        self._arm(now_ms)

    def _do(self, asked: Output) -> None:
        match asked:
            case Connect(generation):
                self._attempt = self._spawn(self._try(generation))
            case Probe(generation):
                self._probing = self._spawn(self._probe(generation))
            case Disconnect():
                self._let_go()
            case Report():
                self._report(asked)

    def _arm(self, now_ms: int) -> None:
        """Keeps one timer, no later than the next deadline; an early one looks and re-arms."""
        due = [self._link.deadline(now_ms)]
        if self._decoder is not None:
            due.append(self._decoder.idle_at_ms())
        at_ms = min((at for at in due if at is not None), default=None)
        if at_ms is None or (self._timer is not None and self._timer_ms <= at_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = at_ms
        wait_s = self._clock.wait_s(at_ms - now_ms)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now_ms = self._now_ms()
        ended = [] if self._decoder is None else self._decoder.idle(now_ms)
        for char, measured in ended:
            reading = Reading(self.sensor_id, now_ms, char, measured, self.lease)
            self._outlet.reading(reading, now_ms * 1_000)
        self._put(Tick())

    def _report(self, report: Report) -> None:
        self._retry_ms = report.retry_ms
        if report.status in (LinkStatus.LIVE, LinkStatus.BACKOFF):
            log.info(
                "sensor", sensor=self.sensor_id, link=report.status.value, problem=report.problem
            )
        self._tell()

    # One attempt

    async def _try(self, generation: int) -> None:
        place: Place | None = None
        try:
            place = await self._places.turn(self)
            async with place.connecting():
                connection = place.radio.connection(
                    self._address, lambda: self._put(Disconnected(generation))
                )
                self._connection = connection
                self.place, self.last_adapter_id = place, place.adapter_id
                place.take(connection)
                self._places.begun(self)
                self._put(ConnectBegun(generation))
                await connection.open(self._clock.wait_s(CONNECT_MS))
            self._put(ConnectOk(generation))
            await self._facts.ask(connection)
            self._put(Discovered(generation))
            streams = await self._subscribe(generation, connection)
            dialect = await self._subscribe_control(generation, connection)
            self._put(Subscribed(generation, streams))
            self._live_ms = self._now_ms()
            if dialect is not None:
                self._steered = True
                machine = ConnectedMachine(
                    self.sensor_id, self._facts.read, dialect, connection, adopted=self._adopted
                )
                self._outlet.machine_up(machine)
        except RadioError as error:
            self._put(Failed(generation, error.failure))
            if place is not None:
                place.failed(error.failure)
        except Exception:
            log.exception("bug", sensor=self.sensor_id)
            self._put(Failed(generation, Failure.BUG))

    async def _subscribe(self, generation: int, connection: Connection) -> tuple[Stream, ...]:
        """Raises RadioError(PROTOCOL) for a sensor that measures nothing."""
        has = connection.characteristics
        self._decoder = Decoder(self._facts.known_as)
        self._measuring, self._controlling = set(), set()
        streams = []
        for stream in profiles.streams_of(has):
            self._measuring.add(stream.char)  # before its first notification
            if await self._listen(generation, connection, stream.char):
                streams.append(stream)
            else:
                self._measuring.discard(stream.char)
        if not streams:
            raise RadioError(Failure.PROTOCOL, "protocol", "no measuring characteristic")
        chars = {stream.char for stream in streams} | {"e005"} & has.keys()
        self._facts.measures(chars)
        if "notify" in has.get(BATTERY, ()):
            await self._listen(generation, connection, BATTERY)
        return tuple(streams)

    async def _subscribe_control(self, generation: int, connection: Connection) -> Dialect | None:
        """How the sensor is steered, once its answers are listened to; None: it is not."""
        has = connection.characteristics
        dialect = dialect_of(has, self._facts.known_as) if profiles.is_steered(has) else None
        if dialect is None:
            return None
        self._controlling = {dialect.answers, *dialect.tells}
        for char in self._controlling & has.keys() - self._measuring - {dialect.answers}:
            await self._listen(generation, connection, char)
        heard = dialect.answers in self._measuring
        heard = heard or await self._listen(generation, connection, dialect.answers)
        return dialect if heard else None

    async def _listen(self, generation: int, connection: Connection, char: str) -> bool:
        """False: the sensor lists the characteristic but refuses the subscription."""
        try:
            await connection.subscribe(char, lambda data: self._notified(generation, char, data))
        except RadioError as error:
            if error.failure is not Failure.PROTOCOL:
                raise
            return False
        return True

    async def _probe(self, generation: int) -> None:
        connection = self._connection
        if connection is None:
            return
        char = next(
            (c for c in profiles.PROBES if "read" in connection.characteristics.get(c, ())), ""
        )
        try:
            data = await connection.read(char)
        except RadioError as error:
            # An answer from the device, even a refusal, proves that it is there.
            alive = error.failure is Failure.PROTOCOL and char != ""
            self._put(ProbeOk(generation) if alive else ProbeFailed(generation))
            return
        if char == BATTERY:
            self._take_battery(data)
        self._put(ProbeOk(generation))

    def _let_go(self) -> None:
        """Ends the attempt and frees the connection in the background."""
        unwinding = {task for task in (self._attempt, self._probing) if task is not None}
        for task in unwinding - {asyncio.current_task()}:
            task.cancel()
        self._attempt = self._probing = None
        connection, self._connection = self._connection, None
        self._decoder = None
        if self._steered:
            self._steered = False
            self._outlet.machine_down(self.sensor_id)
        place, self.place = self.place, None
        live_ms, self._live_ms = self._live_ms, None
        if connection is not None and place is not None:
            lived_ms = 0 if live_ms is None else self._now_ms() - live_ms
            well = lived_ms >= SETTLED_MS or self._link.problem in NO_FAULT
            self._places.ended(self, place, well)
            closing = self._spawn(self._close(connection, unwinding))
            self._closing[closing] = place
            closing.add_done_callback(lambda _: self._closed(closing, connection))

    async def _close(self, connection: Connection, unwinding: set[asyncio.Task[None]]) -> None:
        """After whoever still uses the connection has left it."""
        if unwinding:
            await asyncio.wait(unwinding, timeout=UNWIND_S)
        if not await connection.close():
            log.info("sensor_close_failed", sensor=self.sensor_id)

    def _closed(self, closing: asyncio.Task[None], connection: Connection) -> None:
        self._closing.pop(closing).release(connection)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    # What it notifies

    def _notified(self, generation: int, char: str, data: bytes) -> None:
        decoder = self._decoder
        if generation != self._link.generation or decoder is None:
            return
        now_us = self._clock.now_us()
        now_ms = now_us // 1_000
        if char == BATTERY:
            self._take_battery(data)
            return
        if char in self._controlling:
            self._outlet.machine_heard(self.sensor_id, char, data, now_ms)
        if char not in self._measuring:
            return
        self.seen_ms = self.notified_ms = now_ms
        self._put(Notified(generation, char))
        measured = decoder.feed(char, data, now_ms)
        if isinstance(measured, Nonsense):
            self._count_nonsense(char, measured)
        elif measured != NOTHING:  # a page of FE-C that measures nothing
            reading = Reading(self.sensor_id, now_ms, char, measured, self.lease)
            self._outlet.reading(reading, now_us)

    def _count_nonsense(self, char: str, nonsense: Nonsense) -> None:
        if self._facts.count_nonsense(char):  # at most one line per characteristic and sensor
            log.warning("nonsense", sensor=self.sensor_id, char=char, reason=nonsense.reason)

    def _take_battery(self, data: bytes) -> None:
        if self._facts.take_battery(data):
            self._tell()

    # What is told of it

    def _tell(self) -> None:
        self._outlet.sensor(self.state())

    def state(self) -> SensorState:
        facts = self._facts
        model, serial = facts.text(profiles.MODEL), facts.text(profiles.SERIAL)
        return SensorState(
            sensor_id=self.sensor_id,
            name=facts.name,
            kinds=facts.kinds,
            link=self._link.status,
            rssi_dbm=facts.rssi_dbm,
            battery_pct=facts.battery_pct,
            manufacturer=facts.text(profiles.MANUFACTURER),
            model=model,
            firmware=facts.text(profiles.FIRMWARE),
            serial_tag=self._identity.serial_tag(serial, model),
            seen_boot_ms=self.seen_ms,
            retry_boot_ms=self._retry_ms,
            problem=self._note or self._link.problem,
            nonsense_count=facts.nonsense_count,
            simulated=self._simulated,
            adapter=self.heard_by if self.place is None else self.place.name,
        )

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000
