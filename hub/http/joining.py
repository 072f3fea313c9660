"""/api/join: the way in by a bike's code."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.guests import TTL_MS, Guest, Guests
from hub.http.bodies import read, reply
from hub.http.login import set_cookie


class Welcome(msgspec.Struct, frozen=True):
    bike: str


class JoinRoutes:
    def __init__(self, guests: Guests) -> None:
        self._guests = guests

    def routes(self) -> list[Route]:
        return [Route("/api/join", self.join, methods=["POST"])]

    async def join(self, request: Request) -> Response:
        joined = await self._guests.join(await read(request, Guest))
        response = reply(Welcome(joined.bike_id), 201)
        set_cookie(response, joined.token, TTL_MS)
        return response
