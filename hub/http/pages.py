"""The web app's files, with the headers that let nothing else run on its page."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
DEVELOPMENT_FILES = {"package.json", "package-lock.json", "tsconfig.json"}


def script_hashes(page: bytes) -> list[str]:
    """CSP sources of the page's own inline scripts (its import map): CSP 3 §2.3.1."""
    return [
        f"'sha256-{base64.b64encode(hashlib.sha256(found['code']).digest()).decode()}'"
        for found in INLINE.finditer(page)
        if b"src=" not in found["attributes"]
    ]


def security_headers(page: bytes) -> list[tuple[bytes, bytes]]:
    scripts = " ".join(["'self'", *script_hashes(page)])
    policy = (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"geolocation=(), camera=(), microphone=()"),
    ]


class SecurityHeaders:
    """ASGI middleware: the same headers on every answer."""

    def __init__(self, app: ASGIApp, headers: list[tuple[bytes, bytes]]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class WebFiles(StaticFiles):
    """`web/` without what only its developers need. Revalidated each time: an update shows."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path in DEVELOPMENT_FILES or path.endswith((".py", ".d.ts")):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


class PageRoutes:
    def __init__(self, web: Path) -> None:
        self._web = web
        self.headers = security_headers((web / "index.html").read_bytes())

    def routes(self) -> list[BaseRoute]:
        """Last in the table. The page names its own files under `/web`."""
        return [
            Route("/", self.index, methods=["GET"]),
            Mount("/web", WebFiles(directory=self._web)),
        ]

    async def index(self, request: Request) -> Response:
        return FileResponse(self._web / "index.html", headers={"cache-control": "no-cache"})
