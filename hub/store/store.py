"""The store as the hub sees it: one object, opened once, with a repository per noun."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Unavailable
from hub.paths import database_path, lock_path
from hub.store import schema
from hub.store.activities import Activities
from hub.store.assignments import Assignments
from hub.store.athletes import Athletes
from hub.store.bikes import Bikes
from hub.store.database import Database
from hub.store.grants import GrantBook
from hub.store.heart_gains import HeartGains
from hub.store.journal import COMMIT_MS, StoreJournal
from hub.store.lock import DataLock
from hub.store.logins import Logins
from hub.store.retention import forget_old
from hub.store.rows import ClockAnchor
from hub.store.sensors import Sensors
from hub.store.sessions import Sessions
from hub.store.thresholds import ThresholdBook
from hub.store.trainers import Trainers
from hub.store.workouts import Workouts

TIDY_S = 60  # how long the journal grows before it is folded

STATE = schema.hub_state
_ANCHOR, _EPOCH = "clock", "epoch"

log = structlog.get_logger(__name__)

_decode_anchor = msgspec.json.Decoder(ClockAnchor).decode


class Store:
    """Holds the data lock from `open` to `close`.

    `anchor`: where hub time stood at the last commit, None in a new hub. Call `set_clock` before
    anything is written. `epoch` goes with every offset of a session's log; it changes only when
    the database is restored from a copy.
    """

    def __init__(
        self,
        lock: DataLock,
        database: Database,
        anchor: ClockAnchor | None,
        epoch: str,
        commit_ms: int = COMMIT_MS,
    ) -> None:
        self._lock = lock
        self._database = database
        self._stamp: Callable[[], ClockAnchor] | None = None
        self.anchor = anchor
        self.epoch = epoch
        self.athletes = Athletes(database)
        self.thresholds = ThresholdBook(database)
        self.grants = GrantBook(database)
        self.heart_gains = HeartGains(database)
        self.sensors = Sensors(database)
        self.assignments = Assignments(database)
        self.bikes = Bikes(database)
        self.trainers = Trainers(database)
        self.logins = Logins(database)
        self.workouts = Workouts(database)
        self.sessions = Sessions(database)
        self.activities = Activities(database)
        self.journal = StoreJournal(database, self._now, commit_ms)

    @classmethod
    async def open(cls, data: Path, commit_ms: int = COMMIT_MS) -> Store:
        """Take the lock of the data folder, bring the database up to date and open it.

        `commit_ms`: how long the journal gathers readings for one commit.

        Raises HubRunning, and of ConfigError NewerDatabase and Unusable.
        """
        async with contextlib.AsyncExitStack() as undo:
            lock = undo.enter_context(DataLock(lock_path(data)))
            database = await Database.open_for_writing(database_path(data))
            undo.push_async_callback(database.close)
            state = {row.key: row.value for row in await database.fetch(select(STATE))}
            anchor = _decode_anchor(state[_ANCHOR]) if _ANCHOR in state else None
            epoch = state[_EPOCH].decode() if _EPOCH in state else await _new_epoch(database)
            undo.pop_all()
        return cls(lock, database, anchor, epoch, commit_ms)

    def set_clock(self, stamp: Callable[[], ClockAnchor]) -> None:
        """`stamp` gives the anchor with `last_ms` = now; it is stored with every commit."""
        self._stamp = stamp

        async def store(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql(
                "INSERT INTO hub_state (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_ANCHOR, msgspec.json.encode(stamp())),
            )

        self._database.writer.stamp = store

    @property
    def problem(self) -> str:
        """Why nothing can be stored now; "" while commits succeed."""
        return self._database.writer.problem

    async def keep_house(self) -> None:
        """Run as a task: folds the journal each TIDY_S and forgets what is too old."""
        while True:
            await asyncio.sleep(TIDY_S)
            try:
                await self.tidy()
            except Unavailable as error:
                log.warning("not_tidied", reason=str(error))  # next time, when there is room
            except Exception:
                log.exception("not_tidied")  # what one row spoils must not end the housekeeping

    async def tidy(self) -> None:
        await self.journal.fold()
        now = self._now()
        await forget_old(self._database, now)
        await self.logins.forget_expired(now)

    async def close(self) -> None:
        """Commits what waits, then gives the lock back."""
        self.journal.flush()
        await self._database.close()
        self._lock.release()

    def _now(self) -> int:
        if self._stamp is None:
            raise RuntimeError("set_clock comes before the first write")
        return self._stamp().last_ms


async def _new_epoch(database: Database) -> str:
    epoch = secrets.token_hex(8)
    await database.writer.execute(insert(STATE).values(key=_EPOCH, value=epoch.encode()))
    return epoch
