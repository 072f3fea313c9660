"""Sessions: a frame each, and the log of what was said and told in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Conflict, NotFound
from hub.store import schema
from hub.store.database import Database
from hub.store.rows import Entry, EntryKind, NewEntry, SessionRow, SessionStatus

T = schema.sessions
L = schema.session_log
COLUMNS = tuple(T.c[name] for name in SessionRow.__struct_fields__)
ENTRY_COLUMNS = (L.c.offset, L.c.kind, L.c.at_ms, L.c.body)
IDS = msgspec.json.Decoder(tuple[str, ...])


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, session: SessionRow, entries: Sequence[NewEntry] = ()) -> int:
        """Store a new session with the first entries of its log. Returns the last offset.

        Raises Conflict when the id is taken.
        """

        async def work(connection: AsyncConnection) -> int:
            try:
                await connection.execute(insert(T).values(_values(session)))
            except IntegrityError:
                raise Conflict(f"session {session.session_id} exists already") from None
            return await append_entries(connection, session.session_id, entries)

        return await self._database.writer.run(work)

    async def append(self, session_id: str, entries: Sequence[NewEntry]) -> int:
        """Add to the log, all or nothing. Returns the offset of the last entry, once durable.

        Act on an input only after this has returned.
        """

        async def work(connection: AsyncConnection) -> int:
            return await append_entries(connection, session_id, entries)

        return await self._database.writer.run(work)

    async def log(
        self,
        session_id: str,
        *,
        after: int = 0,
        kind: EntryKind | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries behind offset `after` in order; all of them, or of one `kind`."""
        query = select(*ENTRY_COLUMNS).where(L.c.session_id == session_id, L.c.offset > after)
        if kind is not None:
            query = query.where(L.c.kind == kind)
        rows = await self._database.fetch(query.order_by(L.c.offset).limit(limit))
        return [Entry(row.offset, EntryKind(row.kind), row.at_ms, row.body) for row in rows]

    async def last_offset(self, session_id: str) -> int:
        """0 for an empty log."""
        query = select(func.coalesce(func.max(L.c.offset), 0)).where(L.c.session_id == session_id)
        return int((await self._database.fetch(query))[0][0])

    async def open_sessions(self) -> list[SessionRow]:
        """Those to be rebuilt at start, oldest first."""
        query = select(*COLUMNS).where(T.c.status == SessionStatus.OPEN)
        return [_session(row) for row in await self._database.fetch(query.order_by(T.c.created_ms))]

    async def get(self, session_id: str) -> SessionRow:
        """Raises NotFound."""
        rows = await self._database.fetch(select(*COLUMNS).where(T.c.session_id == session_id))
        if not rows:
            raise NotFound(f"no session {session_id!r}")
        return _session(rows[0])

    async def update(
        self, session_id: str, *, title: str | None = None, athletes: Sequence[str] | None = None
    ) -> None:
        """Raises NotFound."""
        values: dict[str, Any] = {}
        if title is not None:
            values["title"] = title
        if athletes is not None:
            values["athletes"] = msgspec.json.encode(tuple(athletes))
        await self._change(session_id, values)

    async def close(self, session_id: str, now: int) -> None:
        """It is over and its activities are stored. Raises NotFound."""
        await self._change(session_id, {"status": SessionStatus.CLOSED, "closed_ms": now})

    async def reopen(self, session_id: str) -> None:
        """Take a closed session up again. Raises NotFound."""
        await self._change(session_id, {"status": SessionStatus.OPEN, "closed_ms": None})

    async def _change(self, session_id: str, values: dict[str, Any]) -> None:
        statement = update(T).where(T.c.session_id == session_id).values(values)
        if values and not await self._database.writer.execute(statement):
            raise NotFound(f"no session {session_id!r}")


async def append_entries(
    connection: AsyncConnection, session_id: str, entries: Sequence[NewEntry]
) -> int:
    """Inside a transaction of the writer. Returns the last offset."""
    last = select(func.coalesce(func.max(L.c.offset), 0)).where(L.c.session_id == session_id)
    offset = int((await connection.execute(last)).scalar_one())
    if not entries:
        return offset
    rows = [
        {
            "session_id": session_id,
            "offset": offset + i,
            "kind": entry.kind,
            "at_ms": entry.at_ms,
            "body": entry.body,
        }
        for i, entry in enumerate(entries, start=1)
    ]
    await connection.execute(insert(L), rows)
    return offset + len(entries)


def _values(session: SessionRow) -> dict[str, Any]:
    values = {name: getattr(session, name) for name in SessionRow.__struct_fields__}
    return {**values, "athletes": msgspec.json.encode(session.athletes)}


def _session(row: Row[Any]) -> SessionRow:
    return SessionRow(
        **{
            **row._mapping,
            "athletes": IDS.decode(row.athletes),
            "status": SessionStatus(row.status),
        }
    )
