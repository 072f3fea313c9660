"""Who may see /metrics."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from hub.auth.principal import Principal, Role
from hub.core.errors import Denied
from hub.http.metrics import MetricsRoutes

OWNER = Principal("login", Role.OWNER, "ann")
VIEWER = Principal("login", Role.VIEWER)


async def seen(client: str, principal: Principal | None, headers: dict[str, str]) -> str | None:
    app = Starlette(routes=MetricsRoutes(lambda: b"all is well\n").routes())

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = principal
        await app(scope, receive, send)

    transport = httpx2.ASGITransport(app=gated, client=(client, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as web:
        try:
            answer = await web.get("/metrics", headers=headers)
        except Denied:
            return None
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


@pytest.mark.parametrize(
    ("client", "principal", "headers", "may_see"),
    [
        ("127.0.0.1", None, {}, True),
        ("127.8.8.8", VIEWER, {}, True),
        ("::1", None, {}, True),
        ("192.168.1.5", None, {}, False),
        ("192.168.1.5", VIEWER, {}, False),
        ("192.168.1.5", OWNER, {}, True),
        ("::ffff:192.168.1.5", None, {}, False),
        ("127.0.0.1", None, {"x-forwarded-for": "127.0.0.1"}, False),
        ("somewhere", None, {}, False),
    ],
)
def test_this_computer_and_the_owner(
    client: str, principal: Principal | None, headers: dict[str, str], may_see: bool
) -> None:
    assert asyncio.run(seen(client, principal, headers)) == ("all is well\n" if may_see else None)
