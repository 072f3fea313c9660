"""The one connection that writes.

Every write of the hub is a function handed to the writer task. A caller that is cancelled only
stops waiting: a transaction that belongs to a request would be left open by its cancellation, and
an open transaction locks the database for everybody and for ever (aiosqlite #259).

What waits is committed as a group: one BEGIN IMMEDIATE … COMMIT, so one fsync, for at most
`GROUP_MAX` requests, each in a savepoint of its own. A request that raises takes back only itself;
a commit that fails takes back the group, and every caller of it is told.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy import Delete, Insert, Update
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.errors import DiskFull, StoreBusy, StoreClosed, StoreFailed

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

WAITING_MAX = 1_000  # policy: one more is refused with StoreBusy, never queued
GROUP_MAX = 64

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Request:
    work: Work[Any]
    done: asyncio.Future[Any]
    result: Any = None


class Writer:
    """Owns `connection`, which must be in driver-level autocommit: the writer says BEGIN itself.

    `stamp` runs last in every transaction; it stores the clock's anchor, so that hub time never
    falls behind what is committed.
    """

    def __init__(self, connection: AsyncConnection, stamp: Work[None] | None = None) -> None:
        self._connection = connection
        self.stamp = stamp
        self._waiting: asyncio.Queue[_Request | None] = asyncio.Queue()
        self._closing = False
        self._task = asyncio.create_task(self._serve(), name="store writer")
        self.commits = 0
        self._failed: Exception | None = None  # of the last commit

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue `work`; the future is done after the commit, or carries why there is none.

        `work` may await nothing but the connection. What is accepted is carried out even if nobody
        waits for it any more. Raises StoreBusy and StoreClosed at once.
        """
        if self._closing:
            raise StoreClosed
        if self._waiting.qsize() >= WAITING_MAX:
            raise StoreBusy("writes")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Request(work, done))
        return done

    async def run(self, work: Work[T]) -> T:
        """`submit` and wait. Raises what `work` raises, and the Unavailable ones of `errors`."""
        return await self.submit(work)

    @property
    def problem(self) -> str:
        """Why nothing can be stored now; "" while commits succeed."""
        return str(StoreClosed()) if self._closing else str(self._failed or "")

    async def execute(self, statement: Insert | Update | Delete) -> int:
        """One statement as one request. Returns the number of rows that it changed."""

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self.run(work)

    async def close(self) -> None:
        """Commit what waits, take no more, and give up the connection."""
        if not self._closing:
            self._closing = True
            self._waiting.put_nowait(None)
        await asyncio.wait([self._task])

    async def _serve(self) -> None:
        try:
            last = False
            while not last:
                group, last = await self._next_group()
                if group:
                    await self._commit(group)
        except Exception:
            log.critical("writer_lost", exc_info=True)  # not even a rollback is possible
        finally:
            self._closing = True
            while not self._waiting.empty():
                request = self._waiting.get_nowait()
                if request is not None:
                    _fail(request, StoreClosed())

    async def _next_group(self) -> tuple[list[_Request], bool]:
        """All that waits, at most GROUP_MAX; True when the writer was told to end."""
        group: list[_Request] = []
        request = await self._waiting.get()
        while request is not None:
            group.append(request)
            if len(group) == GROUP_MAX or self._waiting.empty():
                return group, False
            request = self._waiting.get_nowait()
        return group, True

    async def _commit(self, group: list[_Request]) -> None:
        try:
            await self._say("BEGIN IMMEDIATE")
            kept = [request for request in group if await self._carry_out(request)]
            if self.stamp is not None:
                await self.stamp(self._connection)
            await self._say("COMMIT")
        except Exception as error:
            await self._take_back(group, error)
            return
        self.commits += 1
        self._failed = None
        for request in kept:
            if not request.done.done():
                request.done.set_result(request.result)

    async def _carry_out(self, request: _Request) -> bool:
        """Run one request in its savepoint. False: it failed by itself, and its caller knows.

        Raises what ends the transaction as a whole.
        """
        await self._say("SAVEPOINT request")
        try:
            request.result = await request.work(self._connection)
        except Exception as error:
            if not await self._in_transaction():
                raise  # SQLite took everything back itself: full disk, I/O error
            await self._say("ROLLBACK TO request")
            await self._say("RELEASE request")
            if _is_full(error):
                raise
            _fail(request, error)
            return False
        await self._say("RELEASE request")
        return True

    async def _take_back(self, group: list[_Request], error: Exception) -> None:
        log.error("commit_failed", requests=len(group), error=type(error).__name__)
        self._failed = _for_the_caller(error)
        try:
            if await self._in_transaction():
                await self._say("ROLLBACK")
            # SQLAlchemy keeps count of its own: before this a broken connection is not replaced.
            await self._connection.rollback()
        finally:
            for request in group:
                _fail(request, error)

    async def _say(self, sql: str) -> None:
        await self._connection.exec_driver_sql(sql)

    async def _in_transaction(self) -> bool:
        if self._connection.invalidated:
            return False
        raw = await self._connection.get_raw_connection()
        return bool(raw.driver_connection.in_transaction)  # type: ignore[union-attr]


def _fail(request: _Request, error: Exception) -> None:
    if not request.done.done():
        request.done.set_exception(_for_the_caller(error))


def _for_the_caller(error: Exception) -> Exception:
    if _is_full(error):
        return DiskFull()
    # DatabaseError itself, not its other kinds: the file is damaged, or was put in place of ours.
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return StoreFailed(getattr(error.orig, "sqlite_errorname", "unknown"))
    return error


def _is_full(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
