"""The SQLite file: opened, brought to this program's schema, written by one, read by a few."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy import URL, Row, Select, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from hub.store.errors import StoreBusy, Unusable
from hub.store.migrations import check_current, upgrade
from hub.store.writer import Writer

READERS = 3
READER_WAIT_S = 5.0

# FULL: a commit that was acknowledged is on the disk. The page cache is 8 MB, in KiB.
WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "wal_autocheckpoint=1000",
    "journal_size_limit=67108864",  # what a burst leaves of the log is cut to 64 MB
    "cache_size=-8000",
)
READER_PRAGMAS = ("query_only=ON", "busy_timeout=5000")

# Two connections that write and checkpoint at once can corrupt a WAL database in these versions
# (https://sqlite.org/wal.html, "the WAL-reset bug"). One connection of ours does both.
WAL_RESET_BUG_FIXED = (3, 51, 3)

log = structlog.get_logger(__name__)


class Reader:
    """A few connections that cannot write: beside a running hub, or without one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = _engine(path, READER_PRAGMAS, read_only=True, connections=READERS)

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Open an existing file from outside the hub.

        Raises NewerDatabase, and ConfigError when it is not of this program's schema yet.
        """
        check_current(path)
        return Reader(path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    async def fetch(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """All rows of one query, on a snapshot of what is committed."""
        async with self._connection_to_read() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Several reads that see the same state."""
        async with self._connection_to_read() as connection:
            await connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                # The snapshot, not a change. A connection whose caller was cancelled in the middle
                # of a query is thrown away, and has none.
                if not connection.invalidated:
                    await connection.exec_driver_sql("ROLLBACK")

    @contextlib.asynccontextmanager
    async def _connection_to_read(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreBusy when none is free for READER_WAIT_S."""
        try:
            connection = await self._reading.connect()
        except PoolTimeout:
            raise StoreBusy("reads") from None
        try:
            yield connection
        finally:
            # A caller that is cancelled twice must not leave the pool one connection short.
            await asyncio.shield(asyncio.create_task(connection.close()))

    async def close(self) -> None:
        await self._reading.dispose()


class Database(Reader):
    """`writer` for every change, `fetch` for reading. The caller holds the data lock."""

    def __init__(self, path: Path, writing: AsyncEngine, connection: AsyncConnection) -> None:
        super().__init__(path)
        self.writer = Writer(connection)
        self._connection = connection
        self._writing = writing

    @classmethod
    async def open_for_writing(cls, path: Path) -> Database:
        """Upgrade the file if it is older, make it if it is absent.

        Raises NewerDatabase when a later program has written it, ConfigError when it is no
        database, and Unusable when this user may not write it or the disk does not let us.
        """
        log_sqlite_version()
        await asyncio.to_thread(upgrade, path)
        async with contextlib.AsyncExitStack() as undo:
            writing = _engine(path, WRITER_PRAGMAS, read_only=False, connections=1)
            undo.push_async_callback(writing.dispose)
            try:
                connection = await undo.enter_async_context(writing.connect())
                await _try_to_write(connection)
            except DBAPIError as error:
                raise Unusable(path, error) from None
            undo.pop_all()
        return cls(path, writing, connection)

    async def close(self) -> None:
        await self.writer.close()
        await super().close()
        await self._connection.close()
        await self._writing.dispose()


async def driver_rows(
    connection: AsyncConnection, sql: str, parameters: tuple[Any, ...] = ()
) -> Sequence[tuple[Any, ...]]:
    """For the hot paths: SQL as it stands, rows as the driver gives them."""
    result = await connection.exec_driver_sql(sql, parameters)
    rows: Sequence[tuple[Any, ...]] = result.all()
    return rows


async def _try_to_write(connection: AsyncConnection) -> None:
    """A file that this user may only read is said at the start, not in mid-ride."""
    await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.exec_driver_sql("ROLLBACK")
    await connection.rollback()  # SQLAlchemy's own idea of a transaction, which began there


def log_sqlite_version() -> None:
    level = log.info if sqlite3.sqlite_version_info >= WAL_RESET_BUG_FIXED else log.warning
    level(
        "sqlite",
        version=sqlite3.sqlite_version,
        wal_reset_bug=sqlite3.sqlite_version_info < WAL_RESET_BUG_FIXED,
    )


def _engine(
    path: Path, pragmas: tuple[str, ...], *, read_only: bool, connections: int
) -> AsyncEngine:
    query = {"mode": "ro", "uri": "true"} if read_only else {"uri": "true"}
    url = URL.create("sqlite+aiosqlite", database=path.absolute().as_uri(), query=query)
    # AUTOCOMMIT: neither the driver nor SQLAlchemy begins transactions behind our back.
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=READER_WAIT_S,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
