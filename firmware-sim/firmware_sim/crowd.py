"""A crowd's sensors and its gateways, which have no radio but the real gateway's uplink.

Every reading goes to a ground-truth log before it goes to the hub:

    {"n": 17, "at_ms": 48210337, "gateway": "stress-1", "sensor": "stress-0017", "seq": 5,
     "m": {"power_w": 212, ...}}

`at_ms` is the machine's boot-time clock and belongs to one reading of a sensor only: with the
sensor it names a reading in a journal.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

import msgspec

from gateway.clock import BootClock
from gateway.keys import GatewayKey
from gateway.spool import MemorySpool
from gateway.uplink import Uplink, UplinkSettings
from hub.wire.uplink import (
    Assignments,
    Command,
    CommandReply,
    LinkStatus,
    SensorKind,
    SensorState,
)
from hub.wire.values import Measurement, Reading

CHAR = "2ad2"  # one notification with power, cadence, heart rate and speed
TICK_S = 0.005
# After a stall of this machine: so many at once, then the loop gets its turn.
BURST_MAX = 512


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


class Gateway:
    """One uplink of the crowd."""

    def __init__(self, name: str, hub: str, key: GatewayKey | None) -> None:
        self.name = name if key is None else key.name
        self.spool = _CountingSpool()
        self.appended = 0
        self.ups = 0
        self.reason = "no answer"
        self.leases: Mapping[str, int] = {}  # of the sensors that are somebody's
        self.uplink = Uplink(
            UplinkSettings(hub, self.name, key=key),
            self.spool,
            on_plan=lambda plan: None,
            on_assignments=self._assigned,
            on_command=self._refuse,
            on_link=self._on_link,
        )

    @property
    def dropped(self) -> int:
        return self.appended - self.spool.acked_count - self.spool.kept

    def append(self, reading: Reading) -> int:
        self.appended += 1
        return self.uplink.append(reading)

    def _assigned(self, assignments: Assignments) -> None:
        self.leases = {one.sensor_id: one.lease for one in assignments.sensors}

    def _on_link(self, up: bool, reason: str) -> None:
        self.reason = reason
        self.ups += up

    def _refuse(self, command: Command) -> None:
        self.uplink.reply(CommandReply(command.id, False, "unsupported"))


class Crowd:
    """The athletes' sensors, one each, dealt out to the gateways in turn."""

    def __init__(self, load: Load, gateways: list[Gateway], log: TextIO | None) -> None:
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
        lease = gateway.leases.get(self._ids[athlete], 0)
        gateway.append(Reading(self._ids[athlete], at_ms, CHAR, m, lease))
