"""/api/login and what a login does for itself: be renewed, get a token, end."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.doorkeeper import LOGIN_TTL_MS, Doorkeeper
from hub.http.bodies import empty, read, reply
from hub.http.guard import COOKIE, cookie_of
from hub.http.principals import principal_of


class NewLogin(msgspec.Struct, forbid_unknown_fields=True):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Renewed(msgspec.Struct, frozen=True):
    expires_at_ms: int


def set_cookie(response: Response, token: str, ttl_ms: int) -> None:
    response.set_cookie(COOKIE, token, max_age=ttl_ms // 1000, httponly=True, samesite="lax")


class LoginRoutes:
    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    def routes(self) -> list[Route]:
        return [
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/renew", self.renew, methods=["POST"]),
            Route("/api/token", self.token, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
        ]

    async def login(self, request: Request) -> Response:
        wanted = await read(request, NewLogin)
        response = empty()
        set_cookie(response, await self._doorkeeper.login(wanted.token), LOGIN_TTL_MS)
        return response

    async def renew(self, request: Request) -> Response:
        expires_ms = await self._doorkeeper.renew(principal_of(request).login_id)
        response = reply(Renewed(expires_ms))
        set_cookie(response, cookie_of(request.headers), LOGIN_TTL_MS)
        return response

    async def token(self, request: Request) -> Response:
        response = reply(self._doorkeeper.access_token(principal_of(request)), 201)
        response.headers["cache-control"] = "no-store"  # RFC 6749 §5.1
        return response

    async def logout(self, request: Request) -> Response:
        await self._doorkeeper.end(principal_of(request).login_id)
        response = empty()
        response.delete_cookie(COOKIE)
        return response
