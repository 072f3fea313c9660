from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from hub.store import database, lock
from hub.store.errors import HubRunning, Unusable
from hub.store.lock import DataLock
from hub.store.rows import ClockAnchor
from hub.store.store import Store
from hub.wire.values import Metric


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with DataLock(tmp_path / "lock"), pytest.raises(HubRunning) as refused:
        DataLock(tmp_path / "lock")
    assert refused.value.pid == os.getpid()
    assert f"process {os.getpid()}" in str(refused.value)


def test_a_lock_that_cannot_be_taken_is_not_called_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unusable, match="folder"):
        DataLock(tmp_path / "folder")

    def no_locks(fd: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_take", no_locks)
    with pytest.raises(Unusable, match="No locks available"):
        DataLock(tmp_path / "lock")


def test_a_database_that_may_not_be_written_is_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        await (await Store.open(tmp_path)).close()
        impatient = tuple(one for one in database.WRITER_PRAGMAS if "timeout" not in one)
        monkeypatch.setattr(database, "WRITER_PRAGMAS", ("busy_timeout=0", *impatient))
        with closing(sqlite3.connect(tmp_path / "derny.db", isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Unusable, match="derny.db"):
                await Store.open(tmp_path)
        await (await Store.open(tmp_path)).close()  # and everything was given back

    asyncio.run(main())


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    DataLock(tmp_path / "lock").release()
    DataLock(tmp_path / "lock").release()


def test_a_store_holds_the_lock_until_it_is_closed(tmp_path: Path) -> None:
    async def main() -> None:
        store = await Store.open(tmp_path)
        with pytest.raises(HubRunning):
            await Store.open(tmp_path)
        await store.close()
        await (await Store.open(tmp_path)).close()

    asyncio.run(main())


def test_a_store_whose_content_is_nonsense_gives_everything_back(tmp_path: Path) -> None:
    async def main() -> None:
        store = await Store.open(tmp_path)
        store.set_clock(lambda: ClockAnchor("boot", 0, 5, "epoch"))
        await store.athletes.prefer("ann", Metric.POWER_W, "bike")
        await store.close()
        with closing(sqlite3.connect(tmp_path / "derny.db")) as connection, connection:
            connection.execute("UPDATE hub_state SET value = x'00' WHERE key = 'clock'")
        for _ in range(2):
            with pytest.raises(msgspec.DecodeError):
                await Store.open(tmp_path)
        DataLock(tmp_path / "lock").release()

    asyncio.run(main())


def test_a_store_that_cannot_open_gives_the_lock_back(tmp_path: Path) -> None:
    (tmp_path / "derny.db").write_bytes(b"nonsense" * 1000)

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(Exception, match="no database"):
                await Store.open(tmp_path)

    asyncio.run(main())
