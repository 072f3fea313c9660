"""Keeps the computer from sleeping while a session runs, where the platform allows it."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

import structlog
from wakepy import Mode, keep

log = structlog.get_logger(__name__)


class Awake:
    """`hold(True)` while somebody rides. A refusal is logged once: then a gap says it slept."""

    def __init__(self) -> None:
        self._mode: Mode | None = None
        self._refused = False
        # wakepy ties a mode to the context that entered it, and D-Bus may block: one context and
        # one thread of our own, in which a caller that is cancelled leaves nothing half done.
        self._context = contextvars.copy_context()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="awake")

    async def hold(self, riding: bool) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._context.run, self._hold, riding)

    async def close(self) -> None:
        """Lets the computer sleep again."""
        await self.hold(False)
        self._thread.shutdown(wait=False)

    def _hold(self, riding: bool) -> None:
        if riding and self._mode is None:
            self._enter()
        elif not riding and self._mode is not None:
            mode, self._mode = self._mode, None
            mode.__exit__(None, None, None)

    def _enter(self) -> None:
        self._mode = keep.running(on_fail="pass")
        self._mode.__enter__()
        if not self._mode.active and not self._refused:
            self._refused = True
            log.warning("sleep_not_inhibited", remedy="keep the computer awake by its settings")
