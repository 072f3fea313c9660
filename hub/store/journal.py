"""Readings on their way to the disk: the journal, and the raw chunks that it is folded into.

Append is the hub's hottest write: one row per commit, at most COMMIT_MS after the first reading in
it, with the numbers of its streams in the same transaction. Folding moves what is committed into
one chunk per sensor and athlete, so the journal stays short however long a session lasts. Readings
of a sensor that is nobody's are forgotten there.

SQL is driver-level here and in `activities.streams`; everywhere else it is SQLAlchemy Core.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import Any

import msgspec
import structlog
import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.activity.track import Placed
from hub.core.errors import Conflict
from hub.journal_port import JournalEntry, PlacedReading
from hub.store.chunks import (
    BODY_BYTES_MAX,
    DamagedChunk,
    compressed,
    pack_readings,
    unpack_readings,
)
from hub.store.database import Database, Reader, driver_rows
from hub.store.errors import StoreBusy

COMMIT_MS = 200
PENDING_READINGS_MAX = 50_000  # policy: an entry beyond it fails; the gateway's spool holds it
LEVEL = 1  # of zstd: gone within a minute
FOLD_ROWS_MAX = 300  # a minute of the shortest rows: bounds one transaction
# ... and 60 000 readings: the collector walks all that are decoded, and the loop stands still
FOLD_BYTES_MAX = 1024 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[JournalEntry]).decode

Stream = tuple[str, str]  # gateway, epoch
Row = tuple[Any, ...]  # n, body

# What is not folded yet. A row whose bytes are damaged is set aside: kept, and looked at no more.
ROWS = "SELECT n, body FROM journal WHERE committed_ms >= 0 ORDER BY n"

log = structlog.get_logger(__name__)


class OutOfOrder(Conflict):
    """An entry does not begin where its stream is durable up to."""

    code = "out_of_order"

    def __init__(self, entry: JournalEntry, durable_seq: int) -> None:
        super().__init__(
            f"stream {entry.gateway}/{entry.epoch}: numbers from {entry.from_seq}, "
            f"but {durable_seq} is the last stored"
        )


class DamagedReadings(Exception):
    """Some chunks of an athlete's readings cannot be read; `readable` holds those of the others."""

    def __init__(self, chunks: int, readable: list[PlacedReading]) -> None:
        super().__init__(f"{chunks} damaged chunks of readings")
        self.readable = readable


@dataclass(slots=True)
class _Pending:
    entry: JournalEntry
    done: asyncio.Future[None]


class StoreJournal:
    """hub.journal_port.Journal over the store's writer. `now` gives hub time.

    `on_commit` is told how long each commit took, its wait for the writer too.
    """

    def __init__(
        self, database: Database, now: Callable[[], int], commit_ms: int = COMMIT_MS
    ) -> None:
        self._database = database
        self._now = now
        self._commit_s = commit_ms / 1000
        self._pending: list[_Pending] = []
        self._uncommitted_readings = 0
        self._folding = asyncio.Lock()
        self.on_commit: Callable[[float], None] = lambda took_s: None

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if self._uncommitted_readings + len(entry.readings) > PENDING_READINGS_MAX:
            done.set_exception(StoreBusy("readings"))
            return done
        self._uncommitted_readings += len(entry.readings)
        if not self._pending:
            loop.call_later(self._commit_s, self.flush)
        self._pending.append(_Pending(entry, done))
        return done

    async def durable_seqs(self) -> Mapping[Stream, int]:
        async with self._database.snapshot() as connection:
            rows = await driver_rows(connection, "SELECT gateway, epoch, durable_seq FROM streams")
        return {(gateway, epoch): seq for gateway, epoch, seq in rows}

    async def retire(self, gateway: str, epoch: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql(
                "DELETE FROM streams WHERE gateway = ? AND epoch = ?", (gateway, epoch)
            )

        await self._database.writer.run(work)

    def flush(self) -> None:
        """Hand what is pending to the writer now."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        readings = sum(len(each.entry.readings) for each in pending)
        began_s = time.perf_counter()

        async def work(connection: AsyncConnection) -> dict[int, OutOfOrder]:
            return await self._commit(connection, [each.entry for each in pending])

        def settle(commit: asyncio.Future[dict[int, OutOfOrder]]) -> None:
            self._uncommitted_readings -= readings
            failed = commit.exception()
            if not failed:
                self.on_commit(time.perf_counter() - began_s)
            refused = {} if failed else commit.result()
            for place, each in enumerate(pending):
                _finish(each.done, failed or refused.get(place))

        try:
            self._database.writer.submit(work).add_done_callback(settle)
        except Exception as error:
            self._uncommitted_readings -= readings
            for each in pending:
                _finish(each.done, error)

    async def settle(self) -> None:
        """What was appended before is committed, or has failed, when this returns."""
        self.flush()

        async def nothing(connection: AsyncConnection) -> None: ...

        await self._database.writer.run(nothing)  # the writer takes one after the other

    async def _commit(
        self, connection: AsyncConnection, entries: Sequence[JournalEntry]
    ) -> dict[int, OutOfOrder]:
        """Store the entries that continue their streams. Returns the others by their place."""
        taken, reached, refused = _in_order(entries, await _durable(connection, entries))
        if not taken:
            return refused
        now = self._now()
        await connection.exec_driver_sql(
            "INSERT INTO journal (committed_ms, body) VALUES (?, ?)", (now, _pack(taken))
        )
        await connection.exec_driver_sql(
            "INSERT INTO streams (gateway, epoch, durable_seq, committed_ms) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (gateway, epoch) DO UPDATE SET "
            "durable_seq = excluded.durable_seq, committed_ms = excluded.committed_ms",
            [(*stream, seq, now) for stream, seq in reached.items()],
        )
        gaps = [
            (e.gateway, e.epoch, e.from_seq, e.to_seq, e.gap_reason, now)
            for e in taken
            if e.gap_reason
        ]
        if gaps:
            await connection.exec_driver_sql(
                "INSERT INTO stream_gaps (gateway, epoch, from_seq, to_seq, reason, committed_ms) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                gaps,
            )
        return refused

    async def entries(self) -> list[JournalEntry]:
        """Everything not folded yet, in the order of its commits."""
        async with self._database.snapshot() as connection:
            rows = await driver_rows(connection, ROWS)
        return _entries(rows)[0]

    async def fold(self) -> None:
        """Move every committed row into raw chunks, at most FOLD_ROWS_MAX at a time."""
        async with self._folding:
            while await self._fold_some():
                pass

    async def _fold_some(self) -> bool:
        """True: there may be more."""
        async with self._database.snapshot() as connection:
            rows = await driver_rows(connection, f"{ROWS} LIMIT {FOLD_ROWS_MAX}")
            holders = await _holders(connection)
        if not rows:
            return False
        taken = _slice(rows)
        last_n = taken[-1][0]
        chunks, damaged = await asyncio.to_thread(_raw_chunks, taken, holders)

        async def work(connection: AsyncConnection) -> None:
            if chunks:
                await connection.exec_driver_sql(
                    "INSERT INTO raw_chunks (athlete_id, sensor_id, from_ms, to_ms, body, n) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    [(*chunk, last_n) for chunk in chunks],
                )
            for n in damaged:
                await connection.exec_driver_sql(
                    "UPDATE journal SET committed_ms = -1 - committed_ms WHERE n = ?", (n,)
                )
            await connection.exec_driver_sql(
                "DELETE FROM journal WHERE n <= ? AND committed_ms >= 0", (last_n,)
            )

        await self._database.writer.run(work)
        if damaged:
            log.error("damaged_commits_set_aside", commits=len(damaged))
        return len(rows) == FOLD_ROWS_MAX or len(taken) < len(rows)

    async def readings(self, athlete_id: str, from_ms: int, to_ms: int) -> list[Placed]:
        """What the athlete's sensors said in `from_ms … to_ms`, in order of time.

        Of each sensor only what came while it was the athlete's. Raises DamagedReadings.
        """
        return [(p.at_ms, p.reading) for p in await self.placed(athlete_id, from_ms, to_ms)]

    async def placed(self, athlete_id: str, from_ms: int, to_ms: int) -> list[PlacedReading]:
        """As `readings`, and with each whether its time is only estimated.

        Raises DamagedReadings.
        """
        async with self._database.snapshot() as connection:
            chunks = await driver_rows(
                connection,
                "SELECT sensor_id, body FROM raw_chunks "
                "WHERE athlete_id = ? AND from_ms <= ? AND to_ms >= ?",
                (athlete_id, to_ms, from_ms),
            )
            rows = await driver_rows(connection, ROWS)
            holders = await _holders(connection)

        def decode() -> list[PlacedReading]:
            said: list[PlacedReading] = []
            damaged = 0
            for sensor_id, body in chunks:
                try:
                    said += unpack_readings(sensor_id, body)
                except DamagedChunk:
                    damaged += 1
            for (holder, _), more in _by_holder(_entries(rows)[0], holders).items():
                if holder == athlete_id:
                    said += more
            within = (placed for placed in said if from_ms <= placed.at_ms <= to_ms)
            readings = sorted(within, key=attrgetter("at_ms"))
            if damaged:
                raise DamagedReadings(damaged, readings)
            return readings

        return await asyncio.to_thread(decode)


async def set_aside(reader: Reader) -> int:
    """How many commits are damaged."""
    async with reader.snapshot() as connection:
        query = "SELECT COUNT(*) FROM journal WHERE committed_ms < 0"
        ((count,),) = await driver_rows(connection, query)
    return int(count)


Holder = tuple[str, int, int | None]  # athlete, from, to
Chunk = tuple[str, str, int, int, bytes]  # athlete, sensor, from, to, body


def _finish(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


async def _durable(
    connection: AsyncConnection, entries: Sequence[JournalEntry]
) -> dict[Stream, int]:
    """The stored number of each stream among `entries` that has one."""
    stored: dict[Stream, int] = {}
    for stream in {(entry.gateway, entry.epoch) for entry in entries}:
        query = "SELECT durable_seq FROM streams WHERE gateway = ? AND epoch = ?"
        for row in await driver_rows(connection, query, stream):
            stored[stream] = row[0]
    return stored


def _in_order(
    entries: Sequence[JournalEntry], stored: Mapping[Stream, int]
) -> tuple[list[JournalEntry], dict[Stream, int], dict[int, OutOfOrder]]:
    """Entries that continue their streams, where those then stand, and the refused by place."""
    reached = dict(stored)
    taken: list[JournalEntry] = []
    refused: dict[int, OutOfOrder] = {}
    for place, entry in enumerate(entries):
        stream = entry.gateway, entry.epoch
        durable_seq = reached.get(stream, 0)
        if entry.from_seq != durable_seq + 1:
            refused[place] = OutOfOrder(entry, durable_seq)
            continue
        reached[stream] = entry.to_seq
        taken.append(entry)
    return taken, {(e.gateway, e.epoch): reached[e.gateway, e.epoch] for e in taken}, refused


def _pack(entries: Sequence[JournalEntry]) -> bytes:
    return compressed(_encode(entries), LEVEL)


def _entries(rows: Iterable[Row]) -> tuple[list[JournalEntry], list[int]]:
    """What journal rows hold, and the numbers of those that are damaged."""
    entries: list[JournalEntry] = []
    damaged: list[int] = []
    for n, body in rows:
        try:
            plain = zstandard.ZstdDecompressor().decompress(body, max_output_size=BODY_BYTES_MAX)
            entries += _decode(plain)
        except (zstandard.ZstdError, msgspec.DecodeError):
            damaged.append(n)
    return entries, damaged


async def _holders(connection: AsyncConnection) -> dict[str, list[Holder]]:
    """Whose each sensor was, and when."""
    rows = await driver_rows(
        connection, "SELECT sensor_id, athlete_id, from_ms, to_ms FROM assignments"
    )
    holders: dict[str, list[Holder]] = defaultdict(list)
    for sensor_id, athlete_id, from_ms, to_ms in rows:
        holders[sensor_id].append((athlete_id, from_ms, to_ms))
    return holders


def _by_holder(
    entries: Iterable[JournalEntry], holders: Mapping[str, Sequence[Holder]]
) -> dict[tuple[str, str], list[PlacedReading]]:
    """The readings of `entries` by (athlete, sensor); those of nobody's sensors are left out."""
    readings: dict[tuple[str, str], list[PlacedReading]] = defaultdict(list)
    for entry in entries:
        for placed in entry.readings:
            sensor_id = placed.reading.sensor_id
            athlete_id = _holder(holders.get(sensor_id, ()), placed.at_ms)
            if athlete_id is not None:
                readings[athlete_id, sensor_id].append(placed)
    return readings


def _holder(holders: Sequence[Holder], at_ms: int) -> str | None:
    for athlete_id, from_ms, to_ms in holders:
        if from_ms <= at_ms and (to_ms is None or at_ms < to_ms):
            return athlete_id
    return None


def _slice(rows: Sequence[Row]) -> Sequence[Row]:
    """The first rows, one at least, of no more than FOLD_BYTES_MAX together."""
    sizes = accumulate(len(body) for _, body in rows)
    return rows[: max(1, sum(size <= FOLD_BYTES_MAX for size in sizes))]


def _raw_chunks(
    rows: Iterable[Row], holders: Mapping[str, Sequence[Holder]]
) -> tuple[list[Chunk], list[int]]:
    """The chunks of journal rows, and the numbers of the damaged ones."""
    entries, damaged = _entries(rows)
    chunks = [
        (
            athlete_id,
            sensor_id,
            min(p.at_ms for p in placed),
            max(p.at_ms for p in placed),
            pack_readings(placed),
        )
        for (athlete_id, sensor_id), placed in _by_holder(entries, holders).items()
    ]
    return chunks, damaged
