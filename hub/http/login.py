"""The way in: a one-time link becomes a cookie, a cookie becomes a principal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.principal import Principal, Role
from hub.core.errors import Unavailable
from hub.http.bodies import empty, read
from hub.http.guard import COOKIE, cookie_of
from hub.http.principals import principal_of
from hub.live.service import Live
from hub.store.logins import Logins, token_hash
from hub.store.rows import Login

LINK_TTL_MS = 15 * 60_000
LOGIN_TTL_MS = 30 * 24 * 3_600_000
LOGINS_MAX = 1_000  # on one hub; one more is refused


class NewLogin(msgspec.Struct, forbid_unknown_fields=True):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


def set_cookie(response: Response, token: str, ttl_ms: int) -> None:
    response.set_cookie(COOKIE, token, max_age=ttl_ms // 1000, httponly=True, samesite="lax")


class Doorkeeper:
    """Knows every login by heart, because a socket is accepted without waiting for the store."""

    def __init__(self, logins: Logins, now_ms: Callable[[], int], owner: Callable[[], str]) -> None:
        """`owner`: the owner's athlete, which may be named only after the first login."""
        self._logins = logins
        self._now_ms = now_ms
        self._owner = owner
        self._known: dict[bytes, Login] = {}

    async def start(self) -> None:
        self._known = dict(await self._logins.active(self._now_ms()))

    def authenticate(self, headers: Mapping[str, str]) -> Principal | None:
        token = cookie_of(headers)
        login = self._known.get(token_hash(token)) if token else None
        if login is None or login.expires_ms <= self._now_ms():
            return None
        role = Role(login.role)
        athlete = self._owner() if role is Role.OWNER else login.athlete_id
        return Principal(login.login_id, role, athlete)

    async def link_token(self) -> str:
        """The token of a link that lets the owner in on one device, once, within 15 minutes."""
        return await self._logins.create_link(Role.OWNER, self._now_ms(), LINK_TTL_MS)

    async def login(self, link_token: str) -> str:
        """The cookie's value. Raises Denied for a link that is unknown, used or expired."""
        now = self._now_ms()
        self._require_room(now)
        token, login = await self._logins.consume_link(link_token, now, LOGIN_TTL_MS)
        self._known[token_hash(token)] = login
        return token

    async def let_in(self, role: Role, athlete_id: str, ttl_ms: int) -> str:
        """The cookie's value for somebody who came without a link. Raises Unavailable."""
        now = self._now_ms()
        self._require_room(now)
        token, login = await self._logins.create(role, athlete_id, now, ttl_ms)
        self._known[token_hash(token)] = login
        return token

    def logins(self) -> list[tuple[str, str]]:
        """(login, athlete) of every login that lets somebody in."""
        now = self._now_ms()
        alive = (login for login in self._known.values() if login.expires_ms > now)
        return [(login.login_id, login.athlete_id) for login in alive]

    async def end(self, login_id: str) -> None:
        """It lets nobody in any more."""
        await self._logins.revoke(login_id, self._now_ms())
        self._known = {
            key: login for key, login in self._known.items() if login.login_id != login_id
        }

    def _require_room(self, now: int) -> None:
        self._known = {key: login for key, login in self._known.items() if login.expires_ms > now}
        if len(self._known) >= LOGINS_MAX:
            raise Unavailable("this hub has too many logins", remedy="log a device out")


class LoginRoutes:
    def __init__(self, doorkeeper: Doorkeeper, live: Live) -> None:
        self._doorkeeper = doorkeeper
        self._live = live

    def routes(self) -> list[Route]:
        return [
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
        ]

    async def login(self, request: Request) -> Response:
        wanted = await read(request, NewLogin)
        response = empty()
        set_cookie(response, await self._doorkeeper.login(wanted.token), LOGIN_TTL_MS)
        return response

    async def logout(self, request: Request) -> Response:
        principal = principal_of(request)
        await self._doorkeeper.end(principal.login_id)
        self._live.dismiss(principal.login_id)
        response = empty()
        response.delete_cookie(COOKIE)
        return response
