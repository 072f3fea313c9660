"""Which requests come in at all: pure rules over a request's headers.

Two attacks reach a server on loopback through the user's own browser: a foreign page that posts to
it (told by Origin and Sec-Fetch-Site), and a name that an attacker points at 127.0.0.1 (DNS
rebinding, told by Host).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

COOKIE = "derny"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # Fetch Metadata §2.4: "none" is the user's own act


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; "" when there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def refuse_host(headers: Mapping[str, str]) -> bool:
    return host_name(headers.get("host", "")) not in LOOPBACK_HOSTS


def refuse_origin(headers: Mapping[str, str]) -> bool:
    """For unsafe methods and sockets. Programs send no Origin; browsers always do, truthfully."""
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != headers.get("host", ""):
        return True
    site = headers.get("sec-fetch-site")
    return site is not None and site not in OWN_SITES


def cookie_of(headers: Mapping[str, str]) -> str:
    """The value of our cookie, or "".

    Read as browsers do: cookies know no port, so those of every program on this computer come
    along, and the standard library gives up at the first that is not to its taste.
    """
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
