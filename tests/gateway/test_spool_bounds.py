"""The spool in memory: what only it promises."""

from __future__ import annotations

import pytest

from gateway.spool import CLOCKS_MAX, MemorySpool
from hub.wire.uplink import ClockOffset
from hub.wire.values import Measurement, Reading


def test_it_refuses_bounds_that_hold_nothing_and_an_epoch_used_twice() -> None:
    with pytest.raises(ValueError, match="at least 1 reading"):
        MemorySpool(readings_max=0)
    spool = MemorySpool()
    with pytest.raises(RuntimeError, match="before the first open"):
        spool.append(Reading("r", 1, "2a37", Measurement()))
    spool.open("a", "boot", 1, 1)
    spool.append(Reading("r", 1, "2a37", Measurement()))
    with pytest.raises(ValueError, match="used once"):
        spool.open("a", "boot", 1, 1)


def test_clocks_are_bounded_and_the_oldest_boot_goes() -> None:
    spool = MemorySpool()
    for boot in range(CLOCKS_MAX + 2):
        spool.remember_clock(ClockOffset(f"boot{boot}", boot, 1))
    assert [clock.boot_id for clock in spool.clocks()][0] == "boot2"


def test_memory_of_acknowledged_readings_is_given_back() -> None:
    spool = MemorySpool()
    spool.open("a", "boot", 1, 1)
    for seq in range(1, 10_001):
        spool.append(Reading("r", seq, "2a37", Measurement()))
        spool.acked("a", seq - 3)
    assert spool.kept == 3
    assert len(spool._streams["a"].readings) < 300
