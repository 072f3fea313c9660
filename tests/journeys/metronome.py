"""How slow the machine is just now: the same small work, over and over, and how long it took."""

from __future__ import annotations

import threading
import time

EVERY_S = 0.25
WORK_MS = 8  # of CPU; what it takes on the clock is more when others want the CPU too


def boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Metronome:
    """`slowness(from, to)`: 1 on an idle machine, 2 on one that does everything twice as slowly."""

    def __init__(self) -> None:
        self._beats: list[tuple[int, float]] = []  # when it began, how much slower it went
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Metronome:
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due_ms = boot_ms()
        while not self._stop.wait(EVERY_S):
            due_ms += round(EVERY_S * 1000)
            worked = time.thread_time_ns()
            while time.thread_time_ns() - worked < WORK_MS * 1_000_000:
                pass
            # From when it was due: a process that was stopped was late before it began.
            took_ms = boot_ms() - due_ms
            self._beats.append((due_ms, max(1.0, took_ms / WORK_MS)))
            due_ms = boot_ms()

    def slowness(self, from_ms: int, to_ms: int) -> float:
        """The mean over that time, by the beats that began in it or held on into it."""
        beats = [slow for at_ms, slow in self._beats if from_ms - 1_000 <= at_ms <= to_ms]
        return sum(beats) / len(beats) if beats else 1.0
