"""Every request carries a principal or goes no further."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.auth.principal import Admission, Principal
from hub.http.bodies import problem
from hub.http.guard import SAFE_METHODS, cookie_of, refuse_host, refuse_origin

# The value of our cookie -> who that is; None: nobody.
ByCookie = Callable[[str], Admission | None]

# Everything below /api/ but the ways in needs a principal; the page itself and the probes do not.
PRIVATE = ("/api/", "/live/")
WAYS_IN = {"/api/login", "/api/join"}


class Gate:
    """ASGI middleware: host and origin checks, then the principal, as `scope["state"]`."""

    def __init__(self, app: ASGIApp, by_cookie: ByCookie) -> None:
        self._app = app
        self._by_cookie = by_cookie

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
        admission = self._by_cookie(cookie_of(headers))
        principal = admission and admission.principal
        scope.setdefault("state", {}).update(principal=principal, admission=admission)
        path = scope["path"]
        if admission is None and path.startswith(PRIVATE) and path not in WAYS_IN:
            return problem(401, "no_login", "open the link that `derny up` or `derny link` printed")
        return None


def principal_of(request: Request) -> Principal:
    """The principal that Gate found; a route below /api/ always has one."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal


def admission_of(request: Request) -> Admission:
    """The same, and until when."""
    admission = request.state.admission
    assert isinstance(admission, Admission)
    return admission
