"""/api/trainers: calibrate one, make it show itself, leave it to another app."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.http.bodies import empty, read
from hub.http.principals import principal_of
from hub.live.trainer_desk import TrainerDesk


class TrainerSettings(msgspec.Struct, forbid_unknown_fields=True):
    read_only: bool


class TrainerRoutes:
    def __init__(self, desk: TrainerDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route("/api/trainers/{sensor}", self.settle, methods=["PUT"]),
            Route("/api/trainers/{sensor}/calibration", self.calibrate, methods=["POST"]),
            Route("/api/trainers/{sensor}/calibration", self.cancel, methods=["DELETE"]),
            Route("/api/trainers/{sensor}/identify", self.identify, methods=["POST"]),
        ]

    async def settle(self, request: Request) -> Response:
        wanted = await read(request, TrainerSettings)
        sensor = request.path_params["sensor"]
        await self._desk.leave_alone(principal_of(request), sensor, wanted.read_only)
        return empty()

    async def calibrate(self, request: Request) -> Response:
        await self._desk.calibrate(principal_of(request), request.path_params["sensor"])
        return empty(202)

    async def cancel(self, request: Request) -> Response:
        await self._desk.cancel(principal_of(request), request.path_params["sensor"])
        return empty()

    async def identify(self, request: Request) -> Response:
        await self._desk.identify(principal_of(request), request.path_params["sensor"])
        return empty(202)
