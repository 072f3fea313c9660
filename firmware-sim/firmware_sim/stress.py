"""`derny-sim stress`: gateways without a radio, that bring the readings of a crowd to a hub.

They speak the uplink with the gateway's own session, so that the hub meets what it meets every
day, only more of it. Every reading goes to a ground-truth log before it goes to the hub:

    {"n": 17, "at_ms": 48210337, "gateway": "stress-1", "sensor": "stress-0017", "seq": 5,
     "m": {"power_w": 212, ...}}

`at_ms` is the machine's boot-time clock and belongs to one reading of a sensor only: with the
sensor it names a reading in a journal. It speaks to this machine's hub and to no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from gateway.clock import BootClock
from gateway.errors import ConfigError
from gateway.keys import GatewayKey, read_key
from gateway.spool import MemorySpool
from gateway.uplink import Uplink, UplinkError, UplinkSettings
from hub.wire.uplink import Command, CommandReply, LinkStatus, SensorKind, SensorState
from hub.wire.values import Measurement, Reading

MAX_PER_GATEWAY = 512  # sensors that one gateway's session takes
CHAR = "2ad2"  # one notification with power, cadence, heart rate and speed
START_S = 15.0
DRAIN_S = 30.0
TICK_S = 0.005
LOOK_S = 0.02
# After a stall of this machine: so many at once, then the loop gets its turn.
BURST_MAX = 512


class StressError(Exception):
    """It cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Load:
    """Who measures how often, for how long. Bounds are the command line's."""

    athletes: int
    hz: float
    gateways: int
    seconds: float

    @property
    def readings(self) -> int:
        return max(1, round(self.athletes * self.hz * self.seconds))


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of it. `late_ms`: how far behind its own beat the crowd was at the worst."""

    load: Load
    readings: int
    took_s: float
    acked: int
    acks: int
    dropped: int
    reconnects: int
    late_ms: int

    @property
    def unacked(self) -> int:
        return self.readings - self.acked - self.dropped

    @property
    def whole(self) -> bool:
        return self.acked == self.readings

    def __str__(self) -> str:
        hz = self.readings / self.load.athletes / self.took_s
        return (
            f"{self.readings} readings of {self.load.athletes} athletes over "
            f"{self.load.gateways} gateways in {self.took_s:.1f} s ({hz:.2f} Hz each), "
            f"{self.acked} acknowledged in {self.acks} acks, {self.unacked} not, "
            f"{self.dropped} dropped, {self.reconnects} reconnects, "
            f"{self.late_ms} ms behind at the worst"
        )


def loopback(hub: str) -> str:
    """The address in a form that is this machine's without asking anybody.

    Raises:
        StressError: another machine's, or no address.
    """
    scheme, _, place = hub.partition("://")
    host, _, port = place.rpartition(":")
    if scheme != "tcp" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise StressError(f"--hub {hub!r} is no address; want tcp://127.0.0.1:PORT")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        is_ours = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        is_ours = False
    if not is_ours:
        raise StressError(
            f"--hub {hub!r} is not on this machine: a crowd of nobody is for a hub of your own; "
            "want tcp://127.0.0.1:PORT"
        )
    return f"tcp://{host}:{port}"


def read_keys(folder: Path | None, load: Load) -> list[GatewayKey | None]:
    """One for each gateway; None for a hub without keys.

    Raises:
        StressError: fewer files than gateways, or one is no key.
    """
    if folder is None:
        return [None] * load.gateways
    files = sorted(folder.glob("*.key"))[: load.gateways]
    if len(files) < load.gateways:
        name = f"stress-{len(files) + 1}"
        raise StressError(
            f"{folder}: {len(files)} key files for {load.gateways} gateways; make more with "
            f"`derny gateway add {name} --out {folder / name}.key`"
        )
    try:
        return [read_key(file) for file in files]
    except ConfigError as error:
        raise StressError(str(error)) from None


def measurement(athlete: int, second: float) -> Measurement:
    """Somebody who rides in waves: plausible, different from others, the same on every run."""
    wave = math.sin(second / 31.0 + athlete * 2.399963)
    breath = math.sin(second * 1.3 + athlete)
    level_w = 120 + athlete * 7 % 140
    return Measurement(
        power_w=round(level_w + 45 * wave + 6 * breath),
        cadence_rpm=round(2 * (86 + 6 * wave + breath)) / 2,
        heart_rate_bpm=round(118 + level_w / 6 + 14 * wave),
        speed_kmh=round(29 + 4 * wave, 2),
    )


class _CountingSpool(MemorySpool):
    """Keeps until acknowledged, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.acks = self.acked_count = 0

    def acked(self, epoch: str, durable_seq: int) -> None:
        before = self.kept
        super().acked(epoch, durable_seq)
        self.acks += 1
        self.acked_count += before - self.kept


class _Gateway:
    """One uplink of the crowd."""

    def __init__(self, name: str, hub: str, key: GatewayKey | None) -> None:
        self.name = name if key is None else key.name
        self.spool = _CountingSpool()
        self.appended = 0
        self.ups = 0
        self.reason = "no answer"
        self.uplink = Uplink(
            UplinkSettings(hub, self.name, key=key),
            self.spool,
            on_plan=lambda plan: None,
            on_assignments=lambda assignments: None,
            on_command=self._refuse,
            on_link=self._on_link,
        )

    @property
    def dropped(self) -> int:
        return self.appended - self.spool.acked_count - self.spool.kept

    def append(self, reading: Reading) -> int:
        self.appended += 1
        return self.uplink.append(reading)

    def _on_link(self, up: bool, reason: str) -> None:
        self.reason = reason
        self.ups += up

    def _refuse(self, command: Command) -> None:
        self.uplink.reply(CommandReply(command.id, False, "unsupported"))


class _Crowd:
    """The athletes' sensors, one each, dealt out to the gateways in turn."""

    def __init__(self, load: Load, gateways: list[_Gateway], log: TextIO | None) -> None:
        self._load = load
        self._gateways = gateways
        self._log = log
        self._clock = BootClock()
        self._last_ms = [0] * load.athletes
        self._ids = [f"stress-{number + 1:04}" for number in range(load.athletes)]
        self.count = 0
        self.late_s = 0.0

    def introduce(self) -> None:
        for athlete, sensor_id in enumerate(self._ids):
            self._gateways[athlete % len(self._gateways)].uplink.set_sensor(
                SensorState(
                    sensor_id,
                    sensor_id,
                    (SensorKind.TRAINER,),
                    LinkStatus.LIVE,
                    manufacturer="Derny Simulator",
                    simulated=True,
                )
            )

    async def ride(self, stop: asyncio.Event) -> float:
        """Until the load is brought or `stop`; seconds that it took."""
        now_s = asyncio.get_running_loop().time
        rate = self._load.athletes * self._load.hz
        begin_s = now_s()
        while self.count < self._load.readings and not stop.is_set():
            due = min(int((now_s() - begin_s) * rate) + 1, self._load.readings)
            self.late_s = max(self.late_s, (due - self.count - 1) / rate - TICK_S)
            for _ in range(min(due - self.count, BURST_MAX)):
                self._measure()
            await asyncio.sleep(max(0.0, begin_s + self.count / rate - now_s(), TICK_S))
        return max(now_s() - begin_s, 1e-3)

    def _measure(self) -> None:
        athlete = self.count % self._load.athletes
        second = self.count / self._load.athletes / self._load.hz
        # A millisecond names one reading of a sensor, also when two fall into it.
        at_ms = max(self._clock.now_us() // 1_000, self._last_ms[athlete] + 1)
        self._last_ms[athlete] = at_ms
        m = measurement(athlete, second)
        gateway = self._gateways[athlete % len(self._gateways)]
        self.count += 1
        if self._log is not None:
            line = {
                "n": self.count,
                "at_ms": at_ms,
                "gateway": gateway.name,
                "sensor": self._ids[athlete],
                "seq": gateway.appended + 1,
                "m": m,
            }
            self._log.write(msgspec.json.encode(line).decode() + "\n")
        gateway.append(Reading(self._ids[athlete], at_ms, CHAR, m))


def run(load: Load, hub: str, keys: Path | None = None, log: Path | None = None) -> Summary:
    """Bring the load, then wait until the hub has it, at most `DRAIN_S`. Signals end it early.

    Raises:
        StressError: not this machine's hub, no such keys, no hub there, or no place for the log.
    """
    if load.athletes > MAX_PER_GATEWAY * load.gateways:
        least = math.ceil(load.athletes / MAX_PER_GATEWAY)
        raise StressError(
            f"{load.athletes} athletes are too many for {load.gateways} gateways of "
            f"{MAX_PER_GATEWAY}; give --gateways {least} or more"
        )
    address = loopback(hub)
    found = read_keys(keys, load)
    names = [f"stress-{number + 1}" for number in range(load.gateways)]
    with _opened(log) as file, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        gateways = [_Gateway(name, address, key) for name, key in zip(names, found, strict=True)]
        return runner.run(_bring(load, gateways, file))


async def _bring(load: Load, gateways: list[_Gateway], log: TextIO | None) -> Summary:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C ends the runner
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    crowd = _Crowd(load, gateways, log)
    uplinks = [asyncio.create_task(gateway.uplink.run()) for gateway in gateways]
    try:
        await _until(lambda: all(gateway.uplink.link_up for gateway in gateways), START_S, uplinks)
        _check_links(gateways)
        crowd.introduce()
        took_s = await crowd.ride(stop)
        await _until(lambda: not any(gateway.spool.kept for gateway in gateways), DRAIN_S, uplinks)
    except UplinkError as error:
        raise StressError(str(error)) from None
    finally:
        for uplink in uplinks:
            uplink.cancel()
        await asyncio.wait(uplinks)
    return Summary(
        load,
        readings=crowd.count,
        took_s=took_s,
        acked=sum(gateway.spool.acked_count for gateway in gateways),
        acks=sum(gateway.spool.acks for gateway in gateways),
        dropped=sum(gateway.dropped for gateway in gateways),
        reconnects=sum(max(gateway.ups - 1, 0) for gateway in gateways),
        late_ms=round(crowd.late_s * 1000),
    )


async def _until(
    true: Callable[[], bool], within_s: float, tasks: list[asyncio.Task[None]]
) -> None:
    """Looks until it is true or the time is over. Raises what ended a task."""
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + within_s
    while not true() and now_s() < end_s:
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(LOOK_S)


def _check_links(gateways: list[_Gateway]) -> None:
    away = [gateway for gateway in gateways if not gateway.uplink.link_up]
    if away:
        raise StressError(
            f"{len(away)} of {len(gateways)} gateways do not reach the hub within {START_S:g} s "
            f"({away[0].name}: {away[0].reason}); start it with derny hub, and give --keys if it "
            "asks for keys"
        )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        # ZeroMQ's descriptors need a selector; Windows' default loop has none.
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop


@contextlib.contextmanager
def _opened(log: Path | None) -> Iterator[TextIO | None]:
    if log is None:
        yield None
        return
    try:
        file = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StressError(f"{log}: {error.strerror}; choose another with --log") from None
    with file:
        yield file
