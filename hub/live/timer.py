"""One alarm at an instant of hub time: never early, and late only by what the loop is doing.

uvloop's timers have ticks of 1 ms and fire up to 1.2 ms early; a timerfd on the boot clock has
neither fault, and goes off at once when the machine wakes from a sleep that it overslept.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Protocol

from hub.live.clock import HubClock

CLOCK_BOOTTIME = 7  # linux/time.h
TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME = 0o4000, 0o2000000, 1


class Alarm(Protocol):
    """Calls back once at or after `at_ms`; setting it again replaces, None calls it off."""

    def set(self, at_ms: int | None) -> None: ...

    def close(self) -> None: ...


def new_alarm(clock: HubClock, ring: Callable[[], None]) -> Alarm:
    """The best alarm of this platform. Call it on the loop that shall ring."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return TimerfdAlarm(clock, ring)
    return LoopAlarm(clock, ring)


class _Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


class _Itimerspec(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


class TimerfdAlarm:
    """A timerfd(2) watched by the loop. Through ctypes: Python has it only from 3.13 on."""

    def __init__(self, clock: HubClock, ring: Callable[[], None]) -> None:
        """Raises OSError where the kernel has none."""
        self._clock = clock
        self._ring = ring
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def set(self, at_ms: int | None) -> None:
        # 0 would disarm, so an instant before the boot becomes the first one after it.
        boot_ms = 0 if at_ms is None else max(self._clock.boot_ms_of(at_ms), 1)
        value = _Timespec(boot_ms // 1000, boot_ms % 1000 * 1_000_000)
        spec = _Itimerspec(_Timespec(0, 0), value)
        flags = TFD_TIMER_ABSTIME
        if self._libc.timerfd_settime(self._fd, flags, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):  # set anew since it went off
            os.read(self._fd, 8)
            self._ring()


class LoopAlarm:
    """The loop's own timer, asked again until the clock agrees that the instant has come."""

    def __init__(self, clock: HubClock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._at_ms = 0

    def set(self, at_ms: int | None) -> None:
        self.close()
        if at_ms is not None:
            self._at_ms = at_ms
            self._wait()

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wait(self) -> None:
        left_ms = max(self._at_ms - self._clock.now_ms(), 0)
        self._handle = self._loop.call_later(left_ms / 1000, self._due)

    def _due(self) -> None:
        if self._clock.now_ms() < self._at_ms:
            self._wait()
            return
        self._handle = None
        self._ring()
