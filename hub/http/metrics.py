"""/metrics: how the hub itself is doing, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.policy import Act, may
from hub.auth.principal import Principal
from hub.core.errors import Denied


class MetricsRoutes:
    def __init__(self, text: Callable[[], bytes]) -> None:
        self._text = text

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.metrics, methods=["GET"])]

    async def metrics(self, request: Request) -> Response:
        """For programs of this computer, which have no login, and for the owner from anywhere."""
        principal: Principal | None = request.state.principal
        is_owner = principal is not None and may(principal, Act.SEE_MACHINE)
        if not is_owner and not _is_ours(request):
            raise Denied("only the hub's own computer and its owner may see this")
        return Response(self._text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_ours(request: Request) -> bool:
    """Whether it comes from this computer, by itself: a proxy's word is not enough."""
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
