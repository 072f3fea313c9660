"""/api/demo: simulated riders for a computer without a Bluetooth adapter."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.policy import Act, may
from hub.core.errors import Denied
from hub.http.bodies import empty
from hub.http.principals import principal_of


class DemoRoutes:
    def __init__(self, ask_demo: Callable[[], None]) -> None:
        self._ask_demo = ask_demo

    def routes(self) -> list[Route]:
        return [Route("/api/demo", self.start, methods=["POST"])]

    async def start(self, request: Request) -> Response:
        if not may(principal_of(request), Act.RUN_DEMO):
            raise Denied("only the owner's own device may start the demo")
        self._ask_demo()
        return empty(202)
