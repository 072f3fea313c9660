"""Readings that come in after their ride has ended: they make it anew, once they stop coming."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from hub.core.errors import Unavailable
from hub.journal_port import PlacedReading

QUIET_S = 2.0  # nothing more for so long: the spool has drained, or pauses
WAIT_S_MAX = 20.0  # a long drain shows what came so far
START_S = 10.0  # after a start others have the disk first
RETRY_S = 30.0
REST = 9  # times what a rebuild took: however long a drain, nine tenths of the time are others'
HOUR_MS = 3_600_000
HOURS_MAX = 1_024  # policy: of more, those longest ago are left as they are

Span = tuple[int, int]  # from, to; hub ms, both inclusive

log = structlog.get_logger(__name__)


class Latecomers:
    """`rebuild(from_ms, to_ms)` makes the rides of that time anew and says how many changed.

    Times far apart are asked for one by one: a gateway whose clock was never set says 1970, and
    that must not make anew whatever was ridden since.
    `rebuild_recent` looks after what a dead hub may have left undone. Both may raise Unavailable.
    """

    def __init__(
        self,
        rebuild: Callable[[int, int], Awaitable[int]],
        rebuild_recent: Callable[[], Awaitable[int]],
        *,
        quiet_s: float = QUIET_S,
        start_s: float = START_S,
    ) -> None:
        self._rebuild = rebuild
        self._rebuild_recent = rebuild_recent
        self._quiet_s = quiet_s
        self._start_s = start_s
        self._heard_of: dict[int, Span] = {}  # by hour
        self._heard = asyncio.Event()

    def heard(self, readings: Sequence[PlacedReading]) -> None:
        """Durable readings of the past, on the hub's time line."""
        for placed in readings:
            self._add((placed.at_ms, placed.at_ms))

    async def run(self) -> None:
        """For ever, as a task."""
        starting = asyncio.get_running_loop().create_task(self._look_back())
        try:
            while True:
                await self._heard.wait()
                await self._until_quiet()
                await self._make_anew()
        finally:
            starting.cancel()

    async def _look_back(self) -> None:
        await asyncio.sleep(self._start_s)
        try:
            _tell(await self._rebuild_recent())
        except Unavailable as error:
            log.warning("recent_rides_not_checked", reason=str(error))
        except Exception:
            log.exception("recent_rides_not_checked")

    async def _until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + WAIT_S_MAX
        while self._heard.is_set() and loop.time() < end_s:
            self._heard.clear()
            await asyncio.sleep(self._quiet_s)

    async def _make_anew(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard.clear()
        late, self._heard_of = _joined(self._heard_of), {}
        began_s = loop.time()
        while late:
            try:
                _tell(await self._rebuild(*late[-1]))
            except Unavailable as error:
                log.warning("rides_not_rebuilt", reason=str(error))
                await asyncio.sleep(RETRY_S)
                for span in late:
                    self._add(span)
                return
            except Exception:  # what one hour's readings spoil must not end this task
                log.exception("rides_not_rebuilt")
            late.pop()
        await asyncio.sleep(REST * (loop.time() - began_s))

    def _add(self, span: Span) -> None:
        """`span` is of one hour, or was put together from such."""
        hour = span[1] // HOUR_MS
        known = self._heard_of.get(hour, span)
        self._heard_of[hour] = min(span[0], known[0]), max(span[1], known[1])
        if len(self._heard_of) > HOURS_MAX:
            del self._heard_of[min(self._heard_of)]
        self._heard.set()


def _joined(by_hour: dict[int, Span]) -> list[Span]:
    """Oldest first; those of neighbouring hours as one."""
    spans: list[Span] = []
    for _, (from_ms, to_ms) in sorted(by_hour.items()):
        if spans and from_ms // HOUR_MS <= spans[-1][1] // HOUR_MS + 1:
            from_ms = min(from_ms, spans.pop()[0])
        spans.append((from_ms, to_ms))
    return spans


def _tell(rebuilt: int) -> None:
    if rebuilt:
        log.info("rides_rebuilt", rides=rebuilt)
