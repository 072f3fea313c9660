"""A store on a temporary folder, and made-up readings to put into it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hub.journal_port import JournalEntry, PlacedReading
from hub.paths import database_path
from hub.store.rows import ClockAnchor
from hub.store.store import Store
from hub.wire.values import Measurement, Reading

T = TypeVar("T")


@contextlib.asynccontextmanager
async def opened(data: Path, now: Callable[[], int] = lambda: 1_000) -> AsyncIterator[Store]:
    store = await Store.open(data, commit_ms=2)
    store.set_clock(lambda: ClockAnchor("boot", 0, now(), "epoch"))
    try:
        yield store
    finally:
        await store.close()


def with_store(data: Path, use: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        async with opened(data) as store:
            return await use(store)

    return asyncio.run(run())


def heart(at_ms: int, bpm: int = 140, sensor_id: str = "strap") -> PlacedReading:
    m = Measurement(heart_rate_bpm=bpm, rr_ms=(428.7, 429.7), contact=True, contact_supported=True)
    return PlacedReading(Reading(sensor_id, at_ms - 7, "2a37", m, 1), at_ms, False)


def bike(at_ms: int, power_w: int = 200, sensor_id: str = "bike") -> PlacedReading:
    m = Measurement(power_w=power_w, cadence_rpm=90.5, speed_kmh=31.25, resistance=12)
    return PlacedReading(Reading(sensor_id, at_ms - 7, "2ad2", m), at_ms, False)


def entry(
    from_seq: int, readings: Sequence[PlacedReading], gateway: str = "pi", epoch: str = "e1"
) -> JournalEntry:
    to_seq = from_seq + len(readings) - 1
    return JournalEntry(gateway, epoch, "boot", from_seq, to_seq, tuple(readings))


def flip_a_bit(data: Path, table: str, athlete_id: str) -> None:
    """In the middle of the athlete's first body, by another hand than the store's; twice is once
    undone.
    """
    with contextlib.closing(sqlite3.connect(database_path(data), timeout=30)) as database:
        rowid, body = database.execute(
            f"SELECT rowid, body FROM {table} WHERE athlete_id = ? ORDER BY rowid", (athlete_id,)
        ).fetchone()
        changed = bytearray(body)
        changed[len(body) // 2] ^= 1
        database.execute(f"UPDATE {table} SET body = ? WHERE rowid = ?", (bytes(changed), rowid))
        database.commit()
