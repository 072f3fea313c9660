"""One connection writes: nothing acknowledged is lost, nothing failed is stored."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Unavailable
from hub.store.database import Database
from hub.store.errors import DiskFull, StoreBusy, StoreClosed, StoreFailed
from hub.store.writer import WAITING_MAX, Writer

INSERT = "INSERT INTO hub_state (key, value) VALUES (?, ?)"


def put(key: str, *, fails: bool = False) -> Callable[[AsyncConnection], Coroutine[Any, Any, str]]:
    async def work(connection: AsyncConnection) -> str:
        await connection.exec_driver_sql(INSERT, (key, b""))
        if fails:
            raise ValueError(key)
        return key

    return work


def stored(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        keys = {row[0] for row in connection.execute("SELECT key FROM hub_state")}
    connection.close()
    return keys


def run(path: Path, use: Callable[[Writer], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        database = await Database.open_for_writing(path)
        try:
            await use(database.writer)
        finally:
            await database.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("seed", "requests", "share"), [(1, 800, 0.3), (2, 800, 0.3), (3, 800, 0.3), (4, 4_000, 0.2)]
)
def test_a_storm_of_cancelled_requests_loses_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int, requests: int, share: float
) -> None:
    dice = random.Random(seed)
    acknowledged: set[str] = set()
    cancelled = 0

    async def use(writer: Writer) -> None:
        nonlocal cancelled

        async def request(number: int) -> None:
            acknowledged.add(await writer.run(put(f"{number}", fails=number % 50 == 0)))

        tasks = []
        room = asyncio.Semaphore(WAITING_MAX // 2)  # more would be refused, not cancelled
        for number in range(requests):
            await room.acquire()
            task = asyncio.create_task(request(number))
            task.add_done_callback(lambda _: room.release())
            tasks.append(task)
            if dice.random() < share:
                asyncio.get_running_loop().call_later(dice.random() * 0.02, task.cancel)
            if number % 32 == 0:
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = sum(isinstance(each, asyncio.CancelledError) for each in outcomes)
        assert await asyncio.wait_for(writer.run(put("after the storm")), 60) == "after the storm"

    run(tmp_path / "db", use)
    there = stored(tmp_path / "db")
    assert cancelled > requests // 20
    assert acknowledged <= there
    assert not there & {f"{number}" for number in range(0, requests, 50)}
    assert "after the storm" in there
    with contextlib.closing(sqlite3.connect(tmp_path / "db", timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")  # raises if anybody left the database locked
    print(f"{requests} requests, {cancelled} cancelled, {len(acknowledged)} acknowledged, 0 lost")


def test_an_acknowledged_commit_is_on_the_disk(tmp_path: Path) -> None:
    async def pragma(writer: Writer, name: str) -> object:
        return (await writer._connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()

    async def use(writer: Writer) -> None:
        assert await pragma(writer, "journal_mode") == "wal"
        assert await pragma(writer, "synchronous") == 2  # FULL

    run(tmp_path / "db", use)


def test_a_request_that_fails_takes_back_only_itself(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        before = writer.commits
        good, bad = writer.submit(put("good")), writer.submit(put("bad", fails=True))
        also = writer.submit(put("also good"))
        assert await good == "good"
        with pytest.raises(ValueError, match="bad"):
            await bad
        assert await also == "also good"
        assert writer.commits - before == 1  # one group, one fsync

    run(tmp_path / "db", use)
    assert {"good", "also good"} <= stored(tmp_path / "db")
    assert "bad" not in stored(tmp_path / "db")


def test_a_full_disk_takes_back_the_group_and_is_told_to_everybody(tmp_path: Path) -> None:
    async def set_pages(writer: Writer, pages: int) -> None:
        await writer._say(f"PRAGMA max_page_count={pages}")

    async def use(writer: Writer) -> None:
        async def large(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql(INSERT, ("large", b"x" * 10_000_000))

        await set_pages(writer, 1)  # SQLite takes the size that the file has
        small, too_large = writer.submit(put("small")), writer.submit(large)
        with pytest.raises(DiskFull):
            await small
        with pytest.raises(DiskFull, match="free some space"):
            await too_large
        assert "disk is full" in writer.problem
        await set_pages(writer, 1_000_000)
        assert await writer.run(put("with room again")) == "with room again"
        assert writer.problem == ""

    run(tmp_path / "db", use)
    assert "with room again" in stored(tmp_path / "db")
    assert not stored(tmp_path / "db") & {"small", "large"}


def test_a_commit_that_is_refused_is_our_fault_and_the_next_one_goes_through(
    tmp_path: Path,
) -> None:
    async def use(writer: Writer) -> None:
        await writer._say("PRAGMA busy_timeout=0")
        stranger = sqlite3.connect(tmp_path / "db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="SQLITE_BUSY"):
            await writer.run(put("refused"))
        stranger.execute("ROLLBACK")
        stranger.close()
        assert await writer.run(put("taken")) == "taken"

    run(tmp_path / "db", use)
    assert "refused" not in stored(tmp_path / "db")


def test_more_than_may_wait_is_refused_at_once(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        accepted = [writer.submit(put(f"{number}")) for number in range(WAITING_MAX)]
        with pytest.raises(StoreBusy):
            writer.submit(put("one too many"))
        await asyncio.gather(*accepted)

    run(tmp_path / "db", use)
    assert len(stored(tmp_path / "db")) == WAITING_MAX


def test_closing_commits_what_waits_and_takes_no_more(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        waiting = [writer.submit(put(f"{number}")) for number in range(200)]
        await writer.close()
        assert all(each.done() for each in waiting)
        with pytest.raises(StoreClosed):
            writer.submit(put("late"))

    run(tmp_path / "db", use)
    assert len(stored(tmp_path / "db")) == 200


def test_a_connection_that_broke_is_replaced_and_its_group_told(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        await writer.run(put("before"))
        raw = await writer._connection.get_raw_connection()
        await raw.driver_connection.close()  # type: ignore[union-attr]
        with pytest.raises(Unavailable):
            await writer.run(put("lost"))
        assert await writer.run(put("kept")) == "kept"

    run(tmp_path / "db", use)
    assert stored(tmp_path / "db") & {"lost", "kept"} == {"kept"}


def test_a_writer_beyond_repair_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(sql: str) -> None:
        raise RuntimeError("no thread left")

    async def use(writer: Writer) -> None:
        monkeypatch.setattr(writer, "_say", broken)
        monkeypatch.setattr(writer, "_in_transaction", lambda: broken(""))
        waiting = [writer.submit(put(f"{number}")) for number in range(100)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, Exception) for each in outcomes)
        with pytest.raises(StoreClosed):
            writer.submit(put("late"))

    run(tmp_path / "db", use)


def test_a_damaged_file_is_our_fault_and_said_in_our_words(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        async def hits_damage(connection: AsyncConnection) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            raise DatabaseError("SELECT", None, error)

        with pytest.raises(StoreFailed):
            await writer.run(hits_damage)

    run(tmp_path / "db", use)


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    async def use(writer: Writer) -> None:
        await writer.close()
        assert "closed" in writer.problem

    run(tmp_path / "db", use)
