"""When late readings make a ride anew: on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from clock import run

from hub.core.errors import Unavailable
from hub.journal_port import PlacedReading
from hub.latecomers import (
    HOUR_MS,
    HOURS_MAX,
    QUIET_S,
    RETRY_S,
    START_S,
    WAIT_S_MAX,
    Latecomers,
)
from hub.wire.values import Measurement, Reading


def placed(*at_ms: int) -> list[PlacedReading]:
    return [PlacedReading(Reading("strap", 5, "2a37", Measurement()), at, False) for at in at_ms]


class Rebuilds:
    """What was asked for, and when."""

    def __init__(self, fails: int = 0, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.asked: list[tuple[float, int, int]] = []
        self.recent: list[float] = []
        self.fails = fails
        self.recent_fails = False
        self.spoilt: set[int] = set()  # what begins then cannot be made anew

    async def rebuild(self, from_ms: int, to_ms: int) -> int:
        self.asked.append((asyncio.get_running_loop().time(), from_ms, to_ms))
        if self.fails:
            self.fails -= 1
            raise Unavailable("the disk is full")
        if from_ms in self.spoilt:
            raise ValueError("bytes that are no readings")
        await asyncio.sleep(self.takes_s)
        return 1

    async def rebuild_recent(self) -> int:
        self.recent.append(asyncio.get_running_loop().time())
        if self.recent_fails:
            raise ValueError("bytes that are no readings")
        return 0


def with_latecomers(
    scene: Callable[[Latecomers, Rebuilds, float], Awaitable[None]],
    fails: int = 0,
    takes_s: float = 0.0,
    recent_fails: bool = False,
) -> Rebuilds:
    rebuilds = Rebuilds(fails, takes_s)
    rebuilds.recent_fails = recent_fails

    async def whole() -> None:
        late = Latecomers(rebuilds.rebuild, rebuilds.rebuild_recent)
        task = asyncio.create_task(late.run())
        await scene(late, rebuilds, asyncio.get_running_loop().time())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(whole())
    return rebuilds


def test_a_drain_makes_its_rides_anew_once_when_it_is_over() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        for at_ms in (5_000, 3_000, 9_000):
            late.heard(placed(at_ms, at_ms + 10))
            await asyncio.sleep(QUIET_S / 2)
        await asyncio.sleep(3 * QUIET_S)
        ((at_s, from_ms, to_ms),) = rebuilds.asked
        assert (from_ms, to_ms) == (3_000, 9_010)
        assert QUIET_S <= at_s - began_s <= 4 * QUIET_S

    with_latecomers(scene)


def test_a_long_drain_shows_what_came_so_far() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        for at_ms in range(100):
            late.heard(placed(at_ms))
            await asyncio.sleep(0.5)
        assert 2 <= len(rebuilds.asked) <= 3
        assert rebuilds.asked[0][0] - began_s <= WAIT_S_MAX + QUIET_S
        await asyncio.sleep(2 * QUIET_S)
        assert rebuilds.asked[-1][2] == 99

    with_latecomers(scene)


def test_what_the_store_refuses_is_tried_again() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        late.heard(placed(5_000))
        await asyncio.sleep(QUIET_S + RETRY_S + 3 * QUIET_S)
        assert [asked[1:] for asked in rebuilds.asked] == [(5_000, 5_000)] * 2

    with_latecomers(scene, fails=1)


def test_what_one_hour_spoils_ends_nothing() -> None:
    """Neither a rebuild that fails in a way nobody thought of, nor the look back."""

    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        rebuilds.spoilt = {5_000}
        await asyncio.sleep(START_S + 1)
        late.heard(placed(5_000, 5_000 + 3 * HOUR_MS))
        await asyncio.sleep(3 * QUIET_S)
        assert [asked[1] for asked in rebuilds.asked] == [5_000 + 3 * HOUR_MS, 5_000]
        await asyncio.sleep(100 * QUIET_S)
        late.heard(placed(9_000))
        await asyncio.sleep(3 * QUIET_S)
        assert [asked[1] for asked in rebuilds.asked[2:]] == [9_000]

    with_latecomers(scene, recent_fails=True)


def test_what_a_dead_hub_left_undone_is_looked_at_after_the_start() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        await asyncio.sleep(START_S + 1)
        assert [round(at_s - began_s) for at_s in rebuilds.recent] == [START_S]
        assert rebuilds.asked == []

    with_latecomers(scene)


def test_a_clock_that_was_never_set_makes_no_other_rides_anew() -> None:
    now_ms = 1_800_000_000_000 // HOUR_MS * HOUR_MS

    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        late.heard(placed(now_ms - 5, 1_000, now_ms + 5, now_ms + HOUR_MS))
        await asyncio.sleep(3 * QUIET_S)
        spans = sorted(asked[1:] for asked in rebuilds.asked)
        assert spans == [(1_000, 1_000), (now_ms - 5, now_ms + HOUR_MS)]

    with_latecomers(scene)


def test_a_drain_of_hours_leaves_nine_tenths_of_the_time_to_others() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        for at_ms in range(3_600):
            late.heard(placed(at_ms))
            await asyncio.sleep(QUIET_S * 1.1)
        took_s = asyncio.get_running_loop().time() - began_s
        assert 0 < len(rebuilds.asked) * rebuilds.takes_s <= took_s / 10

    with_latecomers(scene, takes_s=12.0)


def test_what_is_remembered_is_bounded() -> None:
    async def scene(late: Latecomers, rebuilds: Rebuilds, began_s: float) -> None:
        late.heard(placed(*range(0, 2 * HOUR_MS * (HOURS_MAX + 2), 2 * HOUR_MS)))
        await asyncio.sleep(3 * QUIET_S)
        assert len(rebuilds.asked) == HOURS_MAX
        assert min(asked[1] for asked in rebuilds.asked) == 4 * HOUR_MS

    with_latecomers(scene)
