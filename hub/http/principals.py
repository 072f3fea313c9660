"""Every request carries a principal or goes no further."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.auth.principal import Principal
from hub.http.bodies import problem
from hub.http.guard import SAFE_METHODS, refuse_host, refuse_origin

Authenticate = Callable[[Mapping[str, str]], Principal | None]

# Everything below /api/ but the ways in needs a principal; the page itself and the probes do not.
PRIVATE = "/api/"
WAYS_IN = {"/api/login", "/api/join"}


class Gate:
    """ASGI middleware: host and origin checks, then the principal, as `scope["state"]`."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if refuse_host(headers):
            return problem(
                421, "wrong_host", "this hub answers on this computer only: use 127.0.0.1"
            )
        if scope["method"] not in SAFE_METHODS and refuse_origin(headers):
            return problem(403, "foreign_origin", "another site's page may not send this")
        principal = self._authenticate(headers)
        scope.setdefault("state", {})["principal"] = principal
        path = scope["path"]
        if principal is None and path.startswith(PRIVATE) and path not in WAYS_IN:
            return problem(401, "no_login", "open the link that `derny up` or `derny link` printed")
        return None


def principal_of(request: Request) -> Principal:
    """The principal that Gate found; a route below /api/ always has one."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal
