"""Virtual time for asyncio: while every task sleeps, the loop's clock jumps to the next alarm."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: what it would have waited is added to its clock. In-process only."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still while work is ready and jumps while it would wait."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class LoopClock:
    """gateway.clock.Clock on the loop's own time: virtual within `run`."""

    def now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    def now_ms(self) -> int:
        return self.now_us() // 1_000

    def wait_s(self, ms: int) -> float:
        return max(0, ms) / 1_000


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)
