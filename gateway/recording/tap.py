"""The port of `gateway.radio`, passed on call by call and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from gateway.identity import without_addresses
from gateway.radio import Advertisement, Connection, Radio, RadioError, Radios, Watcher
from gateway.recording.recorder import DATA_MAX, name_of, services_of, value_of
from gateway.recording.records import (
    CANCELLED,
    AdaptersChanged,
    Begun,
    Closed,
    Cycled,
    Fault,
    Gone,
    Heard,
    Looked,
    Notified,
    Opened,
    Orphan,
    Orphans,
    RadioSeen,
    Read,
    Record,
    Scanned,
    ServiceGone,
    Subscribed,
    Wrote,
)


class Sink(Protocol):
    """Who is told: `recorder.Recorder`, or one that only listens."""

    @property
    def now_us(self) -> int: ...

    def new_link(self) -> int: ...

    def device(self, address: str) -> int | None:
        """Its number; None: there are too many."""

    def add(self, record: Record) -> None: ...


Line = Callable[[int, int, Fault | None], Record]  # of at_us, took_us and what went wrong


@contextmanager
def _call(recorder: Sink, line: Line) -> Iterator[None]:
    """Around one call: its line is written when it ends, however it ends."""
    began_us = recorder.now_us
    fault = None
    try:
        yield
    except RadioError as error:
        fault = Fault(error.failure.value, error.problem, error.cause)
        raise
    except asyncio.CancelledError:
        fault = CANCELLED
        raise
    finally:
        now_us = recorder.now_us
        recorder.add(line(now_us, now_us - began_us, fault))


class RecordedRadios:
    def __init__(self, radios: Radios, recorder: Sink) -> None:
        self._radios = radios
        self._recorder = recorder
        self._tapped: dict[Radio, RecordedRadio] = {}
        self._told: tuple[RadioSeen, ...] = ()

    async def look(self) -> Sequence[Radio]:
        there = [self._tap(radio) for radio in await self._radios.look()]
        seen = tuple(
            RadioSeen(radio.number, without_addresses(radio.name), radio.simulated)
            for radio in there
        )
        if seen != self._told:
            self._told = seen
            self._recorder.add(Looked(self._recorder.now_us, seen))
        return there

    async def watch(self, watcher: Watcher) -> None:
        await self._radios.watch(_RecordedWatcher(watcher, self._recorder))

    def _tap(self, radio: Radio) -> RecordedRadio:
        if radio not in self._tapped:
            number = len(self._tapped) + 1
            self._tapped[radio] = RecordedRadio(radio, number, self._recorder)
        return self._tapped[radio]


class _RecordedWatcher:
    def __init__(self, watcher: Watcher, recorder: Sink) -> None:
        self._watcher = watcher
        self._recorder = recorder

    def service_gone(self) -> None:
        self._recorder.add(ServiceGone(self._recorder.now_us))
        self._watcher.service_gone()

    def adapters_changed(self) -> None:
        self._recorder.add(AdaptersChanged(self._recorder.now_us))
        self._watcher.adapters_changed()


class RecordedRadio:
    def __init__(self, radio: Radio, number: int, recorder: Sink) -> None:
        self.number = number
        self.simulated = radio.simulated
        self._radio = radio
        self._recorder = recorder

    # What is plugged in anew may change these.

    @property
    def name(self) -> str:
        return self._radio.name

    @name.setter
    def name(self, name: str) -> None:
        self._radio.name = name

    @property
    def address(self) -> str:
        return self._radio.address

    @address.setter
    def address(self, address: str) -> None:
        self._radio.address = address

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        def heard(advertisement: Advertisement) -> None:
            self._heard(advertisement)
            on_advertisement(advertisement)

        number = self.number
        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Scanned(at_us, took_us, number, everything, fault),
        ):
            await self._radio.start_scan(heard, everything=everything)

    async def stop_scan(self) -> None:
        await self._radio.stop_scan()

    async def orphans(self) -> list[Advertisement]:
        found: list[Advertisement] = []
        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Orphans(
                at_us, took_us, self.number, self._listed(found), fault
            ),
        ):
            found = await self._radio.orphans()
        return found

    def connection(self, address: str, on_gone: Callable[[], None]) -> Connection:
        link = self._recorder.new_link()
        device = self._recorder.device(address) or 0

        def gone() -> None:
            self._recorder.add(Gone(self._recorder.now_us, link))
            on_gone()

        with _call(
            self._recorder,
            lambda at_us, _, fault: Begun(at_us, link, self.number, device, fault),
        ):
            return RecordedConnection(self._radio.connection(address, gone), link, self._recorder)

    async def power_cycle(self) -> None:
        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Cycled(at_us, took_us, self.number, fault),
        ):
            await self._radio.power_cycle()

    async def close(self) -> None:
        await self._radio.close()

    def _heard(self, heard: Advertisement) -> None:
        device = self._recorder.device(heard.address)
        if device is not None:
            name, services = name_of(heard), services_of(heard)
            now_us = self._recorder.now_us
            self._recorder.add(Heard(now_us, self.number, device, name, services, heard.rssi_dbm))

    def _listed(self, found: Sequence[Advertisement]) -> tuple[Orphan, ...]:
        numbered = [(self._recorder.device(each.address), each) for each in found]
        return tuple(
            Orphan(number, name_of(each), services_of(each))
            for number, each in numbered
            if number is not None
        )


class RecordedConnection:
    def __init__(self, connection: Connection, link: int, recorder: Sink) -> None:
        self._connection = connection
        self._link = link
        self._recorder = recorder

    @property
    def characteristics(self) -> Mapping[str, frozenset[str]]:
        return self._connection.characteristics

    async def open(self, timeout_s: float) -> None:
        with _call(self._recorder, self._opened):
            await self._connection.open(timeout_s)

    async def read(self, char: str) -> bytes:
        data = b""
        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Read(
                at_us, took_us, self._link, char, value_of(char, data, self._link), fault
            ),
        ):
            data = await self._connection.read(char)
        return data

    async def write(self, char: str, data: bytes) -> None:
        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Wrote(
                at_us, took_us, self._link, char, data[:DATA_MAX], fault
            ),
        ):
            await self._connection.write(char, data)

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        def heard(data: bytes) -> None:
            self._recorder.add(Notified(self._recorder.now_us, self._link, char, data[:DATA_MAX]))
            on_value(data)

        with _call(
            self._recorder,
            lambda at_us, took_us, fault: Subscribed(at_us, took_us, self._link, char, fault),
        ):
            await self._connection.subscribe(char, heard)

    async def close(self) -> bool:
        well = False
        with _call(
            self._recorder,
            lambda at_us, took_us, _: Closed(at_us, took_us, self._link, well),
        ):
            well = await self._connection.close()
        return well

    def _opened(self, at_us: int, took_us: int, fault: Fault | None) -> Opened:
        has = {} if fault is not None else self._connection.characteristics
        chars = {char: tuple(sorted(properties)) for char, properties in has.items()}
        return Opened(at_us, took_us, self._link, chars, fault)
