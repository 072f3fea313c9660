"""Logins and one-time links. Of a token, 256 random bits, only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.errors import Denied
from hub.store import schema
from hub.store.database import Database
from hub.store.ids import new_id
from hub.store.rows import Login

L = schema.logins
LINKS = schema.login_links
COLUMNS = tuple(L.c[name] for name in Login.__struct_fields__)


class Logins:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_link(self, role: str, now: int, ttl_ms: int, *, athlete_id: str = "") -> str:
        """The token of a link that lets one device in, once, within `ttl_ms`."""
        token = secrets.token_urlsafe(32)
        await self._database.writer.execute(
            insert(LINKS).values(
                token_hash=token_hash(token),
                role=role,
                athlete_id=athlete_id,
                expires_ms=now + ttl_ms,
            )
        )
        return token

    async def consume_link(self, token: str, now: int, login_ttl_ms: int) -> tuple[str, Login]:
        """Turn a link into a login: `(login token, login)`.

        Raises Denied for a link that is unknown, used or expired; which of these is not told.
        """
        login_token = secrets.token_urlsafe(32)

        async def work(connection: AsyncConnection) -> Login:
            consumed = (
                update(LINKS)
                .where(
                    LINKS.c.token_hash == token_hash(token),
                    LINKS.c.consumed_ms.is_(None),
                    LINKS.c.expires_ms > now,
                )
                .values(consumed_ms=now)
                .returning(LINKS.c.role, LINKS.c.athlete_id)
            )
            link = (await connection.execute(consumed)).first()
            if link is None:
                raise Denied("this link is used or expired", remedy="`derny link` prints a new one")
            login = Login(
                login_id=new_id(now),
                role=link.role,
                athlete_id=link.athlete_id,
                created_ms=now,
                expires_ms=now + login_ttl_ms,
            )
            values = {name: getattr(login, name) for name in Login.__struct_fields__}
            await connection.execute(insert(L).values(token_hash=token_hash(login_token), **values))
            return login

        return login_token, await self._database.writer.run(work)

    async def create(self, role: str, athlete_id: str, now: int, ttl_ms: int) -> tuple[str, Login]:
        """A login without a link before it: `(login token, login)`."""
        token = secrets.token_urlsafe(32)
        login = Login(
            login_id=new_id(now),
            role=role,
            athlete_id=athlete_id,
            created_ms=now,
            expires_ms=now + ttl_ms,
        )
        values = {name: getattr(login, name) for name in Login.__struct_fields__}
        await self._database.writer.execute(
            insert(L).values(token_hash=token_hash(token), **values)
        )
        return token, login

    async def find(self, token: str, now: int) -> Login | None:
        """The login of this token; None when unknown, expired or revoked."""
        rows = await self._database.fetch(
            select(*COLUMNS).where(
                L.c.token_hash == token_hash(token),
                L.c.revoked_ms.is_(None),
                L.c.expires_ms > now,
            )
        )
        return Login(**rows[0]._mapping) if rows else None

    async def active(self, now: int) -> list[tuple[bytes, Login]]:
        """Every login that lets somebody in, with the hash of its token."""
        rows = await self._database.fetch(
            select(L.c.token_hash, *COLUMNS).where(L.c.revoked_ms.is_(None), L.c.expires_ms > now)
        )
        return [(row.token_hash, _login(row)) for row in rows]

    async def prolong(self, login_id: str, expires_ms: int) -> bool:
        """False: there is no such login, or it is revoked."""
        return bool(
            await self._database.writer.execute(
                update(L)
                .where(L.c.login_id == login_id, L.c.revoked_ms.is_(None))
                .values(expires_ms=expires_ms)
            )
        )

    async def revoke(self, login_id: str, now: int) -> bool:
        """False: there is no such login, or it is revoked already."""
        return bool(
            await self._database.writer.execute(
                update(L)
                .where(L.c.login_id == login_id, L.c.revoked_ms.is_(None))
                .values(revoked_ms=now)
            )
        )

    async def forget_expired(self, now: int) -> None:
        """Delete what can let nobody in any more."""

        async def work(connection: AsyncConnection) -> None:
            spent = or_(LINKS.c.expires_ms <= now, LINKS.c.consumed_ms.is_not(None))
            await connection.execute(delete(LINKS).where(spent))
            dead = or_(L.c.expires_ms <= now, L.c.revoked_ms.is_not(None))
            await connection.execute(delete(L).where(dead))

        await self._database.writer.run(work)


def _login(row: Row[Any]) -> Login:
    return Login(**{name: row._mapping[name] for name in Login.__struct_fields__})


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
