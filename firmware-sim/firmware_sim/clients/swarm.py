"""All devices of one process: connects them at a rate, beats for them, rings their cues."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from firmware_sim.clients.device import Device
from firmware_sim.clients.figures import Figures
from hub.client.cues import Rung
from hub.client.opening import local_ms
from hub.wire.codec import DecodeError
from hub.wire.live_client import BACKOFF_FACTOR, BACKOFF_MS, BACKOFF_MS_MAX
from hub.wire.live_to_client import TO_CLIENT, ToClient

BEAT_MS = 1_000
SLICES = 20  # of a beat: never all devices at once
OPENING_MAX = 64  # handshakes at once
KNOWN_MAX = 256  # decoded messages that others may be told too
LOOK_S = 0.05
SETTLE_S = 10.0  # for what is on its way at the end


class Swarm:
    def __init__(self, host: str, port: int) -> None:
        self.figures = Figures()
        self.measuring = False
        self.stalled_ms = 0.0
        self.devices: list[Device] = []
        self._host, self._port = host, port
        self._told: dict[str, set[int]] = {}  # by channel: offsets that anybody heard
        self._known: dict[bytes, ToClient] = {}
        self._heap: list[tuple[float, int, Device]] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._opening = asyncio.Semaphore(OPENING_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._attempts: dict[Device, int] = {}
        self._over = False

    # What a device asks

    def local_ms(self) -> float:
        return local_ms()

    def decoded(self, payload: bytes) -> ToClient | None:
        message = self._known.get(payload)
        if message is None:
            try:
                message = TO_CLIENT.decode(payload)
            except DecodeError as error:
                self.figures.errors[error.code] += 1
                return None
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[payload] = message
        return message

    def heard(self, channel: str, offset: int) -> None:
        self._told.setdefault(channel, set()).add(offset)

    def wind(self, device: Device, at_local_ms: float) -> None:
        device.wound_ms = at_local_ms
        heapq.heappush(self._heap, (at_local_ms, next(self._count), device))
        if self._heap[0][2] is device:
            self._wind()

    def rang(self, device: Device, rung: Rung) -> None:
        self.figures.cues += 1
        self.figures.cues_missed += rung.missed
        self.figures.cue_late.add(rung.late_ms)

    def gone(self, device: Device, code: int | None, retry_ms: int | None) -> None:
        if self._over:
            return
        if code is not None:
            self.figures.closes[code] += 1
        attempts = self._attempts[device] = self._attempts.get(device, 0) + 1
        backoff_ms = min(BACKOFF_MS * BACKOFF_FACTOR ** min(attempts - 1, 16), BACKOFF_MS_MAX)
        wait_ms = backoff_ms * (0.5 + random.random()) if retry_ms is None else retry_ms
        asyncio.get_running_loop().call_later(wait_ms / 1000, self._come_back, device)

    def _come_back(self, device: Device) -> None:
        if not self._over:
            self.figures.reconnects += 1
            self._open(device)

    # Cues

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and not self._over:
            wait_s = max(self._heap[0][0] - local_ms(), 0.0) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        while self._heap and self._heap[0][0] <= local_ms():
            at_ms, _, device = heapq.heappop(self._heap)
            if device.wound_ms == at_ms:  # else it was wound anew meanwhile
                device.ring()
        self._wind()

    # The life of it

    async def enter(self, devices: Sequence[Device], rate: float) -> None:
        """Connects them, `rate` a second, and waits until all are let in.

        Raises TimeoutError when that takes much longer than it should.
        """
        self.devices = list(devices)
        self._spawn(self._beat())
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        async with asyncio.timeout(len(devices) / rate + 60.0):
            for number, device in enumerate(devices):
                await asyncio.sleep(max(began_s + number / rate - now_s(), 0))
                self._open(device)
            await _until(lambda: all(device.live for device in devices))

    async def measure(self, seconds: float, stop: asyncio.Event) -> float:
        """Until `seconds` are over or `stop`; the share of a core that this process took."""
        cpu_s, began_s = time.process_time(), time.monotonic()
        self.measuring = True
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()
        self.measuring = False
        return (time.process_time() - cpu_s) / max(time.monotonic() - began_s, 1e-3)

    async def settle(self) -> None:
        """Until nobody lacks an event that another one has, at most SETTLE_S."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await _until(lambda: not self.lost())
        self.figures.lost = self.lost()
        for device in self.devices:
            bound_ms = device.clock.error_ms(local_ms())
            if bound_ms is not None:
                self.figures.clock_bound.add(bound_ms)

    def lost(self) -> int:
        """Events behind a device's snapshot that another one heard and it did not."""
        told = {channel: sorted(offsets) for channel, offsets in self._told.items()}
        missing = 0
        for device in self.devices:
            for channel, (base, count) in device.counted.items():
                offsets = told.get(channel, [])
                missing += max(len(offsets) - bisect_right(offsets, base) - count, 0)
        return missing

    async def leave(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        for device in self.devices:
            device.abort()
        await asyncio.sleep(0)

    async def _beat(self) -> None:
        now_ms = local_ms()
        for number in itertools.count():
            before_ms = now_ms
            await asyncio.sleep(BEAT_MS / SLICES / 1000)
            now_ms = local_ms()
            self.stalled_ms += max(now_ms - before_ms - BEAT_MS, 0.0)
            for device in self.devices[number % SLICES :: SLICES]:
                device.beat(now_ms)
                if device.live:
                    self._attempts.pop(device, None)

    def _open(self, device: Device) -> None:
        self._spawn(self._opened(device))

    async def _opened(self, device: Device) -> None:
        async with self._opening:
            try:
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: device, self._host, self._port)
            except OSError:
                self.figures.refusals += 1
                self.gone(device, None, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _until(true: Callable[[], bool]) -> None:
    while True:
        if true():
            return
        await asyncio.sleep(LOOK_S)
