"""Puts what happens into a file, without addresses: devices, athletes and serials get numbers."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path
from sys import platform

import msgspec
import structlog

from gateway.clock import Clock
from gateway.identity import Identity, without_addresses
from gateway.profiles import SERIAL, SERVICES
from gateway.radio import Advertisement
from gateway.recording.records import (
    FORMAT,
    Assigned,
    Commanded,
    Ended,
    Header,
    Planned,
    Record,
    Stopping,
)
from gateway.recording.store import FRAME_MS, TIME_IS_UP, Bounds, Writer
from hub.wire.uplink import Assignments, Command, Plan

DEVICES_MAX = 4_096  # a street in a day; what is heard beyond that is left out
NAME_MAX = 248  # bytes: the longest name, Core 3.C.12
DATA_MAX = 512

STOPPED = "stopped"

log = structlog.get_logger()


class Recorder:
    """`open` makes one. Nothing here raises once the file is open, and nothing waits."""

    def __init__(self, writer: Writer, identity: Identity, clock: Clock) -> None:
        self._writer = writer
        self._identity = identity
        self._clock = clock
        self._start_us = clock.now_us()
        self._flushed_us = 0
        self._devices: dict[str, int] = {}  # by sensor_id
        self._athletes: dict[str, int] = {}
        self._links = 0
        self._warned = False

    # What the taps say

    @property
    def now_us(self) -> int:
        return self._clock.now_us() - self._start_us

    @property
    def lines(self) -> int:
        return self._writer.lines

    @property
    def bytes(self) -> int:
        return self._writer.bytes

    @property
    def cut_short(self) -> str:
        """Why it ended before it was told to; "": it did not."""
        return "" if self._writer.ended in ("", STOPPED, TIME_IS_UP) else self._writer.ended

    def new_link(self) -> int:
        self._links += 1
        return self._links

    def device(self, address: str) -> int | None:
        return self._number(self._identity.sensor_id(address))

    def add(self, record: Record) -> None:
        self._writer.write(record)
        if record.at_us - self._flushed_us >= FRAME_MS * 1_000:
            self._flush()

    # What the hub says

    def plan(self, plan: Plan, hub_ms: int | None) -> None:
        device = self._number(plan.trainer)
        if device is not None:
            plan = msgspec.structs.replace(plan, trainer=str(device))
            self.add(Planned(self.now_us, hub_ms, plan))

    def assignments(self, told: Assignments, hub_ms: int | None) -> None:
        sensors = tuple(
            msgspec.structs.replace(
                held,
                sensor_id=self._text(held.sensor_id),
                athlete_id=self._athlete(held.athlete_id),
            )
            for held in told.sensors
        )
        elsewhere = tuple(self._text(sensor_id) for sensor_id in told.elsewhere)
        told = msgspec.structs.replace(told, sensors=sensors, elsewhere=elsewhere)
        self.add(Assigned(self.now_us, hub_ms, told))

    def command(self, command: Command) -> None:
        sensor_id = self._text(command.sensor_id) if command.sensor_id else ""
        command = msgspec.structs.replace(command, sensor_id=sensor_id)
        self.add(Commanded(self.now_us, command))

    def stopping(self) -> None:
        self.add(Stopping(self.now_us))

    # Its file

    async def keep(self) -> None:
        """Flushes every second until cancelled, then ends the file."""
        try:
            while not self._writer.ended:
                await asyncio.sleep(self._clock.wait_s(FRAME_MS))
                self._flush()
            await asyncio.Event().wait()
        finally:
            self.close()

    def close(self, why: str = STOPPED) -> None:
        if not self._writer.ended:
            self._writer.write(Ended(self.now_us, why))
            self._writer.close(why)

    def _flush(self) -> None:
        self._flushed_us = self.now_us
        self._writer.flush()
        if self._writer.ended and not self._warned:
            self._warned = True
            log.warning("recording_ended", problem=self._writer.ended)

    def _number(self, sensor_id: str) -> int | None:
        if sensor_id not in self._devices and len(self._devices) >= DEVICES_MAX:
            return None
        return self._devices.setdefault(sensor_id, len(self._devices) + 1)

    def _text(self, sensor_id: str) -> str:
        return str(self._number(sensor_id) or 0)

    def _athlete(self, athlete_id: str) -> str:
        return f"athlete {self._athletes.setdefault(athlete_id, len(self._athletes) + 1)}"


def open_recorder(path: Path, identity: Identity, clock: Clock, bounds: Bounds) -> Recorder:
    """Raises RecordingError."""
    header = Header(FORMAT, f"derny {version('derny')}", platform)
    return Recorder(Writer(path, header, bounds), identity, clock)


def name_of(advertisement: Advertisement) -> str:
    """ "" for what is no sensor: telephones and watches tell their owners' names."""
    if advertisement.services and advertisement.services.isdisjoint(SERVICES):
        return ""
    return without_addresses(advertisement.name, "")[:NAME_MAX]


def value_of(char: str, data: bytes, link: int) -> bytes:
    """As it was read, but for the serial number, which names one device in the world."""
    return f"serial {link}".encode() if char == SERIAL and data else data[:DATA_MAX]


def services_of(advertisement: Advertisement) -> tuple[str, ...]:
    return tuple(sorted(advertisement.services))
