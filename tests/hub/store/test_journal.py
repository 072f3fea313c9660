"""The journal: durable before it is acknowledged, in order, folded into chunks by owner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import stores
from stores import bike, entry, heart, opened, with_store

from hub.journal_port import Journal, JournalEntry
from hub.paths import database_path
from hub.store import journal as journal_module
from hub.store.database import Reader
from hub.store.errors import StoreBusy, StoreClosed
from hub.store.journal import OutOfOrder, set_aside
from hub.store.store import Store

STREAM = ("pi", "e1")


def test_it_is_the_journal_that_ingest_asks_for(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        port: Journal = store.journal
        await port.append(entry(1, [heart(1_000)]))
        assert await port.durable_seqs() == {STREAM: 1}
        await port.retire(*STREAM)
        assert await port.durable_seqs() == {}

    with_store(tmp_path, use)


def test_one_commit_takes_every_entry_that_came_in_time(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        commits = store.journal._database.writer.commits
        await asyncio.gather(*(store.journal.append(entry(n, [heart(n)])) for n in range(1, 51)))
        assert store.journal._database.writer.commits == commits + 1
        assert await store.journal.durable_seqs() == {STREAM: 50}
        read = await store.journal.entries()
        assert [each.from_seq for each in read] == list(range(1, 51))
        assert read[0] == entry(1, [heart(1)])

    with_store(tmp_path, use)


def test_an_entry_that_skips_numbers_fails_and_all_behind_it(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        outcomes = await asyncio.gather(
            store.journal.append(entry(1, [heart(1)])),
            store.journal.append(entry(3, [heart(2)])),
            store.journal.append(entry(4, [heart(3)])),
            store.journal.append(entry(2, [heart(4)])),
            store.journal.append(entry(1, [heart(5)], epoch="other")),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [
            type(None),
            OutOfOrder,
            OutOfOrder,
            type(None),
            type(None),
        ]
        assert await store.journal.durable_seqs() == {STREAM: 2, ("pi", "other"): 1}
        assert [each.from_seq for each in await store.journal.entries()] == [1, 2, 1]
        with pytest.raises(OutOfOrder, match="0 is the last stored"):
            await store.journal.append(entry(7, [heart(6)], epoch="unknown"))

    with_store(tmp_path, use)


def test_an_announced_gap_moves_the_number_and_keeps_its_reason(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        gap = JournalEntry("pi", "e1", "boot", 1, 400, gap_reason="spool_full")
        await asyncio.gather(store.journal.append(gap), store.journal.append(entry(401, [bike(9)])))
        assert await store.journal.durable_seqs() == {STREAM: 401}
        assert (await store.journal.entries())[0] == gap

    with_store(tmp_path, use)


def test_what_cannot_be_held_is_refused_and_counts_no_more_once_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PENDING_READINGS_MAX", 3)

    async def use(store: Store) -> None:
        first = store.journal.append(entry(1, [heart(1), heart(2)]))
        with pytest.raises(StoreBusy):
            await store.journal.append(entry(3, [heart(3), heart(4)]))
        await first
        await store.journal.append(entry(3, [heart(3), heart(4)]))

    with_store(tmp_path, use)


def test_after_the_end_an_append_fails_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            pending = store.journal.append(entry(1, [heart(1)]))
        assert pending.done() and pending.exception() is None
        late = store.journal.append(entry(2, [heart(2)]))
        store.journal.flush()
        with pytest.raises(StoreClosed):
            await late
        async with opened(tmp_path) as store:
            assert await store.journal.durable_seqs() == {STREAM: 1}

    asyncio.run(main())


def test_readings_are_those_of_the_athlete_who_had_the_sensor_before_and_after_folding(
    tmp_path: Path,
) -> None:
    async def use(store: Store) -> None:
        await store.assignments.assign("strap", "ann", 1_000)
        await store.assignments.assign("bike", "ann", 0)
        await store.journal.append(
            entry(1, [heart(500), heart(1_000), bike(1_500), heart(2_000), heart(3_000)])
        )
        await store.assignments.assign("strap", "bob", 2_500, swap=True)

        async def check() -> None:
            anns = await store.journal.readings("ann", 0, 10_000)
            assert anns == [(p.at_ms, p.reading) for p in (heart(1_000), bike(1_500), heart(2_000))]
            assert await store.journal.readings("ann", 1_500, 1_900) == [(1_500, bike(1_500)[0])]
            assert [at for at, _ in await store.journal.readings("bob", 0, 10_000)] == [3_000]

        await check()
        await store.journal.fold()
        assert await store.journal.entries() == []
        await check()
        # Backfill comes later than it happened, and finds its place.
        await store.journal.append(entry(6, [bike(1_200)]))
        assert [at for at, _ in await store.journal.readings("ann", 1_100, 1_600)] == [1_200, 1_500]
        await store.journal.fold()
        assert [at for at, _ in await store.journal.readings("ann", 1_100, 1_600)] == [1_200, 1_500]

    with_store(tmp_path, use)


def test_a_damaged_commit_is_set_aside_and_holds_nothing_up(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.assignments.assign("strap", "ann", 0)
        for number in range(1, 4):
            pending = store.journal.append(entry(number, [heart(number)]))
            store.journal.flush()
            await pending
        with contextlib.closing(sqlite3.connect(database_path(tmp_path), timeout=30)) as database:
            database.execute("UPDATE journal SET body = substr(body, 1, 9) WHERE n = 2")
            database.commit()
        assert [at for at, _ in await store.journal.readings("ann", 0, 10)] == [1, 3]
        for _ in range(2):
            await store.journal.fold()
            assert [at for at, _ in await store.journal.readings("ann", 0, 10)] == [1, 3]
        await store.journal.append(entry(4, [heart(4)]))
        await store.journal.fold()
        assert [at for at, _ in await store.journal.readings("ann", 0, 10)] == [1, 3, 4]
        with contextlib.closing(sqlite3.connect(database_path(tmp_path), timeout=30)) as database:
            assert database.execute("SELECT n FROM journal").fetchall() == [(2,)]
        async with Reader.open(database_path(tmp_path)) as reader:
            assert await set_aside(reader) == 1

    with_store(tmp_path, use)


@pytest.mark.parametrize(("bytes_max", "taken"), [(0, 1), (9, 1), (10, 1), (29, 2), (30, 3)])
def test_a_slice_of_the_journal_is_bounded_and_never_empty(
    monkeypatch: pytest.MonkeyPatch, bytes_max: int, taken: int
) -> None:
    monkeypatch.setattr(journal_module, "FOLD_BYTES_MAX", bytes_max)
    rows = [(n, b"x" * 10) for n in range(3)]
    assert journal_module._slice(rows) == rows[:taken]


@pytest.mark.parametrize(("rows_max", "bytes_max"), [(2, 1 << 20), (300, 1)])
def test_folding_goes_on_until_the_journal_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_max: int, bytes_max: int
) -> None:
    monkeypatch.setattr(journal_module, "FOLD_ROWS_MAX", rows_max)
    monkeypatch.setattr(journal_module, "FOLD_BYTES_MAX", bytes_max)

    async def use(store: Store) -> None:
        await store.assignments.assign("strap", "ann", 0)
        for number in range(1, 6):
            pending = store.journal.append(entry(number, [heart(number)]))
            store.journal.flush()
            await pending
        await store.journal.fold()
        assert await store.journal.entries() == []
        assert len(await store.journal.readings("ann", 0, 10)) == 5

    with_store(tmp_path, use)


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {paths!r}

from stores import entry, heart, opened

async def main():
    async with opened(Path({data!r})) as store:
        number = 0
        while True:
            number += 1
            acked = store.journal.append(entry(number, [heart(number)]))
            acked.add_done_callback(lambda _, n=number: print(n, flush=True))
            await asyncio.sleep(0)
            if number % 7 == 0:
                await acked

asyncio.run(main())
"""


def test_every_row_that_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    folder = str(Path(stores.__file__).parent)
    script = WRITER.format(paths=[folder, *sys.path], data=str(tmp_path))
    number = 0
    for acks in (40, 200):  # killed at two different places in a run of commits
        with subprocess.Popen(
            [sys.executable, "-c", script.replace("number = 0", f"number = {number}")],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            acked = 0
            for line in process.stdout:
                if line.strip().isdigit():
                    acked = int(line)
                    if acked >= number + acks:
                        break
            process.send_signal(signal.SIGKILL)
            rest = [int(line) for line in process.stdout if line.strip().isdigit()]
            acked = max([acked, *rest])
        number = asyncio.run(_durable(tmp_path, acked))


async def _durable(data: Path, acked: int) -> int:
    async with opened(data) as store:
        (durable,) = (await store.journal.durable_seqs()).values()
        numbers = [each.from_seq for each in await store.journal.entries()]
        assert durable >= acked, json.dumps({"durable": durable, "acked": acked})
        assert numbers == list(range(1, durable + 1))  # each once, none missing
        return durable
