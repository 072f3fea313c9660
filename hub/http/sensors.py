"""/api/sensors, /api/gateways and /api/assignments: what is in the room, and whose it is."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.http.bodies import empty, read, reply
from hub.http.principals import principal_of
from hub.live.service import Live
from hub.store.assignments import Taken


class NewAssignment(msgspec.Struct, forbid_unknown_fields=True):
    athlete: str
    swap: bool = False


class AssignmentView(msgspec.Struct, frozen=True):
    sensor: str
    athlete: str
    lease: int


class SensorRoutes:
    def __init__(self, live: Live) -> None:
        self._live = live

    def routes(self) -> list[Route]:
        return [
            Route("/api/sensors", self.sensors, methods=["GET"]),
            Route("/api/gateways", self.gateways, methods=["GET"]),
            Route("/api/gateways/{gateway}/rescan", self.rescan, methods=["POST"]),
            Route("/api/assignments", self.assignments, methods=["GET"]),
            Route("/api/assignments/{sensor}", self.assign, methods=["PUT"]),
            Route("/api/assignments/{sensor}", self.unassign, methods=["DELETE"]),
        ]

    async def sensors(self, request: Request) -> Response:
        return reply(self._live.sensors_view(principal_of(request)))

    async def gateways(self, request: Request) -> Response:
        return reply(self._live.gateways_view(principal_of(request)))

    async def rescan(self, request: Request) -> Response:
        self._live.rescan(principal_of(request), request.path_params["gateway"])
        return empty(202)

    async def assignments(self, request: Request) -> Response:
        held = self._live.assignments(principal_of(request))
        return reply([AssignmentView(one.sensor_id, one.athlete_id, one.lease) for one in held])

    async def assign(self, request: Request) -> Response:
        wanted = await read(request, NewAssignment)
        try:
            held = await self._live.assign(
                principal_of(request),
                request.path_params["sensor"],
                wanted.athlete,
                swap=wanted.swap,
            )
        except Taken as taken:
            body = {"code": taken.code, "detail": str(taken), "athlete": taken.athlete_id}
            return reply(body, 409)
        return reply(AssignmentView(held.sensor_id, held.athlete_id, held.lease))

    async def unassign(self, request: Request) -> Response:
        await self._live.unassign(principal_of(request), request.path_params["sensor"])
        return empty()
