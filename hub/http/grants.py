"""/api/athletes/{athlete}/grants: who may see which metrics of an athlete."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.grants import Grant, Part
from hub.http.bodies import empty, read, reply
from hub.http.principals import principal_of
from hub.live.sharing import Sharing


class NewGrant(msgspec.Struct, forbid_unknown_fields=True):
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=len(Part))]
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class GrantRoutes:
    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def routes(self) -> list[Route]:
        one = "/api/athletes/{athlete}/grants/{grantee}"
        return [
            Route("/api/athletes/{athlete}/grants", self.list, methods=["GET"]),
            Route(one, self.grant, methods=["PUT"]),
            Route(one, self.take_back, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        athlete = request.path_params["athlete"]
        return reply(self._sharing.of(principal_of(request), athlete))

    async def grant(self, request: Request) -> Response:
        wanted = await read(request, NewGrant)
        athlete, grantee = request.path_params["athlete"], request.path_params["grantee"]
        parts = tuple(part for part in Part if part in wanted.parts)
        made = Grant(athlete, grantee, parts, wanted.until_ms)
        await self._sharing.grant(principal_of(request), made)
        return empty()

    async def take_back(self, request: Request) -> Response:
        athlete, grantee = request.path_params["athlete"], request.path_params["grantee"]
        await self._sharing.take_back(principal_of(request), athlete, grantee)
        return empty()
