"""The way in: a one-time link becomes a login's cookie, which opens the socket and HTTP.

The link's token stands in its fragment and goes in a body, never in a URL; the cookie is a secret.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from hub.client.errors import ClientError, Refused

PATIENCE_S = 10.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024


class Login(msgspec.Struct, frozen=True):
    """Who is let in where: `base` is `http://HOST:PORT`."""

    base: str
    cookie: str

    def __repr__(self) -> str:
        return f"Login({self.base!r})"  # the cookie is in no traceback

    async def get(self, path: str) -> Any:
        """The decoded JSON of `GET path`. Raises Refused and ClientError."""
        return (await _ask("GET", self.base + path, None, self.cookie))[0]

    async def token(self) -> str:
        """An access token of this login, for a client that shall not hold its cookie.

        Raises Refused and ClientError.
        """
        return str((await _ask("POST", f"{self.base}/api/token", {}, self.cookie))[0]["token"])

    async def end(self) -> None:
        """Log out: the cookie lets nobody in any more. Raises ClientError."""
        await _ask("POST", f"{self.base}/api/logout", {}, self.cookie)


async def log_in(link: str) -> Login:
    """Use up a one-time link, `http://HOST:PORT/#token=…`, as `derny link` prints it.

    Raises Refused for a link that is unknown, used or expired, and ClientError.
    """
    parts = urlsplit(link)
    token = parts.fragment.partition("token=")[2]
    if parts.scheme not in ("http", "https") or not token:
        raise Refused("this is no one-time link; `derny link` prints one")
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    cookie = (await _ask("POST", f"{base}/api/login", {"token": token}, ""))[1]
    return Login(base, cookie.partition(";")[0])


async def _ask(method: str, url: str, body: object, cookie: str) -> tuple[Any, str]:
    """The decoded body, and the cookie that was set."""
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(), method=method
    )
    request.add_header("content-type", "application/json")
    if cookie:
        request.add_header("cookie", cookie)

    def in_a_thread() -> tuple[Any, str]:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            raw = answer.read(ANSWER_BYTES_MAX)
            return json.loads(raw) if raw else None, answer.headers.get("set-cookie", "")

    try:
        return await asyncio.to_thread(in_a_thread)
    except urllib.error.HTTPError as error:
        said = _words(error)
        raise (Refused if error.code in (401, 403, 421) else ClientError)(said) from None
    except (OSError, ValueError) as error:
        raise ClientError(f"no hub answers at {urlsplit(url).netloc}: {error}") from None


def _words(error: urllib.error.HTTPError) -> str:
    """What the hub said about it."""
    try:
        told = json.loads(error.read(ANSWER_BYTES_MAX))
        return str(told.get("detail") or told.get("title") or error)
    except (OSError, ValueError, AttributeError):
        return str(error)
