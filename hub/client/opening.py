"""Which websocket is opened, how, and how it ended; what this machine's clocks say."""

from __future__ import annotations

import sys
import time
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from hub.client.core import CUT
from hub.client.errors import ClientError, Refused
from hub.wire.live_to_client import FRAME_BYTES_MAX

OPEN_S = 5.0
NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)
ENDS = (OSError, TimeoutError, WebSocketException, ClientError)  # of an opening or a connection
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def local_ms() -> float:
    """A clock that never jumps, and counts sleep where the platform can tell."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6
    else:
        return time.monotonic_ns() / 1e6


def wall_ms() -> float:
    return time.time_ns() / 1e6


def live_url(base: str) -> str:
    """Of `http://HOST:PORT`. Raises ClientError."""
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ClientError(f"{base!r} is no address of a hub; want http://HOST:PORT")
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/live"


def opening(url: str, cookie: str) -> connect:
    """To be entered; raises what `websockets.asyncio.client.connect` does."""
    return connect(
        url,
        additional_headers={"Cookie": cookie} if cookie else {},
        compression=None,
        ping_interval=None,  # the clock exchange tells who is gone
        open_timeout=OPEN_S,
        close_timeout=1,
        max_size=FRAME_BYTES_MAX,
        proxy=None if urlsplit(url).hostname in LOOPBACK else True,
    )


def ended(error: Exception) -> tuple[int | None, str]:
    """The close code, and what was said; None: who comes back is not let in either."""
    match error:
        case Refused():  # there is no other token
            return None, str(error)
        case InvalidStatus(response=response) if response.status_code in NOT_LET_IN:
            return None, (response.body or b"").decode(errors="replace").strip()
        case ConnectionClosed(rcvd=closed):
            return (CUT, "") if closed is None else (closed.code, closed.reason)
        case _:
            return CUT, str(error)
