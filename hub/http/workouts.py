"""/api/workouts: the library."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.http.bodies import reply
from hub.library import Library, preview


class WorkoutRoutes:
    def __init__(self, library: Library) -> None:
        self._library = library

    def routes(self) -> list[Route]:
        return [
            Route("/api/workouts", self.list, methods=["GET"]),
            Route("/api/workouts/{workout}", self.show, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        return reply(self._library.previews())

    async def show(self, request: Request) -> Response:
        name = request.path_params["workout"]
        return reply(preview(name, self._library.get(name)))
