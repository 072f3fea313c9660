"""Hub time's rules, and alarms that are never early."""

from __future__ import annotations

import asyncio
import time

import pytest
from clock import run
from hypothesis import given
from hypothesis import strategies as st
from live_fakes import NOON_MS

from hub.live import clock as hub_clock
from hub.live.clock import HubClock, anchored, reanchored
from hub.live.timer import Alarm, LoopAlarm, new_alarm
from hub.store.rows import ClockAnchor

STORED = ClockAnchor("boot-1", 1_000_000, 5_000_000, "e")


def test_the_first_start_begins_at_the_wall_clock() -> None:
    anchor = anchored(None, "boot-1", 300, 1_000, "new")
    assert anchor == ClockAnchor("boot-1", 700, 1_000, "new")


def test_the_same_boot_goes_on_and_ignores_the_wall_clock() -> None:
    anchor = anchored(STORED, "boot-1", 4_500_000, 1, "new")
    assert (anchor.offset_ms, anchor.epoch) == (1_000_000, "e")
    assert anchor.last_ms == 5_500_000


@given(st.integers(0, 10**12), st.integers(0, 10**13))
def test_a_new_boot_never_goes_back(boot_ms: int, wall_ms: int) -> None:
    anchor = anchored(STORED, "boot-2", boot_ms, wall_ms, "new")
    now = boot_ms + anchor.offset_ms
    assert now == max(wall_ms, STORED.last_ms + 1)
    assert anchor.epoch == "e"


def test_the_line_is_drawn_anew_only_when_nobody_rides() -> None:
    far = 9_000_000
    assert reanchored(STORED, 0, far, "new", session_running=True) == STORED
    assert reanchored(STORED, 0, 1_001_999, "new", session_running=False) == STORED
    moved = reanchored(STORED, 0, far, "new", session_running=False)
    assert (moved.epoch, moved.offset_ms) == ("new", far)


def test_the_clock_reads_and_stamps() -> None:
    ticks = [5_000_000_000]
    clock = HubClock(STORED, lambda: ticks[0])
    assert (clock.now_ms(), clock.now_us()) == (1_005_000, 1_005_000_000)
    assert clock.stamp() == ClockAnchor("boot-1", 1_000_000, 1_005_000, "e")
    assert clock.boot_ms_of(1_005_000) == 5_000


def test_this_machine_has_a_clock() -> None:
    clock = HubClock.open(None)
    before_ms = time.time() * 1000
    now_ms = clock.now_ms()
    assert before_ms - 1_000 < now_ms < time.time() * 1000 + 1_000
    assert hub_clock.slept_ms() >= 0
    assert HubClock.open(clock.stamp()).anchor.epoch == clock.anchor.epoch


async def rings(make: type[LoopAlarm] | object, after_ms: tuple[int, ...]) -> list[int]:
    """How late, in us, alarms rang that were set one after another."""
    clock = HubClock.open(None)
    late_us: list[int] = []
    rang = asyncio.Event()
    due_ms = 0

    def ring() -> None:
        late_us.append(clock.now_us() - due_ms * 1000)
        rang.set()

    alarm: Alarm = make(clock, ring)  # type: ignore[operator]
    for wait_ms in after_ms:
        rang.clear()
        due_ms = clock.now_ms() + wait_ms
        alarm.set(due_ms + 10_000)  # the later setting counts
        alarm.set(due_ms)
        await asyncio.wait_for(rang.wait(), 30)
    alarm.set(clock.now_ms() + 1)
    alarm.set(None)
    alarm.close()
    await asyncio.sleep(0.005)
    return late_us


@pytest.mark.parametrize("make", [new_alarm, LoopAlarm])
def test_an_alarm_is_never_early_and_rings_once(make: object) -> None:
    late_us = asyncio.run(rings(make, (-5, 0, 1, 2, 3, 7, 12)))
    assert len(late_us) == 7
    assert min(late_us) >= 0


@pytest.mark.parametrize("make", [new_alarm, LoopAlarm])
def test_nor_is_it_on_uvloop_whose_own_timers_are(make: object) -> None:
    import uvloop

    late_us = uvloop.run(rings(make, (1, 2, 3, 5, 7)))
    assert len(late_us) == 5
    assert min(late_us) >= 0


def test_the_loops_own_alarm_asks_the_clock_again() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        # a clock that runs slower than the loop's, as a loop that wakes too early sees it
        clock = HubClock(ClockAnchor("b", NOON_MS, 0, "e"), lambda: int(loop.time() * 0.9 * 1e9))
        rang: list[int] = []
        alarm = LoopAlarm(clock, lambda: rang.append(clock.now_ms()))
        alarm.set(NOON_MS + 1_000)
        await asyncio.sleep(1.05)
        assert rang == []
        await asyncio.sleep(0.1)
        assert rang == [NOON_MS + 1_000]
        alarm.close()

    run(scene())
