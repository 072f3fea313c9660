"""Virtual time for asyncio: when every task sleeps, jump to the next alarm. In-process only."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still while work is ready and jumps while it would wait."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        really_select = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            ready = really_select(0)
            if not ready and timeout:
                self._now_s += timeout
            return ready

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now_s


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
