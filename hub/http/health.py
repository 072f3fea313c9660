"""/health: the process answers. /ready: it can do its work, or says why not. /version."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.http.bodies import reply
from hub.wire.live import PROTOCOL_VERSION

Reasons = Callable[[], list[str]]


class HealthRoutes:
    """`remarks`: what is to be known although the hub does its work."""

    def __init__(self, version: str, unready: Reasons, remarks: Reasons) -> None:
        self._version = version
        self._unready = unready
        self._remarks = remarks

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.ready, methods=["GET"]),
            Route("/version", self.version, methods=["GET"]),
        ]

    async def health(self, request: Request) -> Response:
        return reply({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        reasons = self._unready()
        if reasons:
            return reply({"ready": False, "reasons": reasons}, 503)
        remarks = self._remarks()
        return reply({"ready": True, "remarks": remarks} if remarks else {"ready": True})

    async def version(self, request: Request) -> Response:
        return reply({"name": "derny", "version": self._version, "protocol": PROTOCOL_VERSION})
