"""A client of `/live` that only reads, over HTTP: its peer, and the socket under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from hub.auth.principal import Admission
from hub.core.errors import UserError
from hub.live.service import Live
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_from_client import FROM_CLIENT, FromClient, Hello, Resume, Subscribe
from hub.wire.live_to_client import TO_CLIENT, Error

WAITING_BYTES_MAX = 64 * 1024  # more, and state frames are left out until it was taken


class Reader:
    """hub.live.outbox.Wire: keeps what the peer is told until it is taken."""

    def __init__(self, live: Live, admission: Admission, name: str) -> None:
        self._live = live
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self.is_over = False
        self._peer = live.accept(admission, self, _at_once)
        self._say(Hello(PROTOCOL_VERSION, name))

    def subscribe(self, wish: Subscribe) -> Error | None:
        """What it was refused for, if it was."""
        self._say(wish)
        payloads = payloads_of(b"".join(self._waiting))
        errors = (one for one in map(TO_CLIENT.decode, payloads) if isinstance(one, Error))
        return next(errors, None)

    async def has_news(self, within_s: float) -> bool:
        """Waits so long for something to take; False: nothing came, or it is over."""
        if not self.is_over and not self._waiting:
            try:
                async with asyncio.timeout(within_s):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        return bool(self._waiting)

    def take(self) -> tuple[bytes, ...]:
        """The messages since the last time, as JSON."""
        frames, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
        self._peer.outbox.resume()
        return tuple(payloads_of(frames))

    def acked(self, n: int) -> None:
        self._peer.outbox.acked(n)

    def lost(self) -> None:
        self._peer.lost()

    def _say(self, message: FromClient) -> None:
        self._peer.receive(FROM_CLIENT.encode(message))

    # hub.live.outbox.Wire

    def write(self, frames: bytes) -> None:
        self._waiting.append(frames)
        self._waiting_bytes += len(frames)
        if self._waiting_bytes > WAITING_BYTES_MAX:
            self._peer.outbox.pause()
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.is_over = True
        self._news.set()

    def overflow(self) -> None:
        self._waiting, self._waiting_bytes = [], 0  # it may hold what is granted no more
        self._live.peers.slow(self._peer)

    def abort(self) -> None:
        self._waiting, self._waiting_bytes = [], 0
        self.close(0, "")


def resume_of(position: str) -> Resume | None:
    """Of "EPOCH.OFFSET", as it was given to the client; "": it comes anew. Raises UserError."""
    if not position:
        return None
    epoch, _, offset = position.rpartition(".")
    if not epoch or not offset.isascii() or not offset.isdigit() or len(offset) > 15:
        raise UserError(f"{position!r} is none of ours", remedy="send back what you were given")
    return Resume(epoch, int(offset))


def _at_once(call: Callable[[], None]) -> None:
    """Messages of one turn are joined behind this socket, not before it."""
    call()


def payloads_of(frames: bytes) -> Iterator[bytes]:
    """Of whole, unmasked websocket text frames (RFC 6455 §5.2), as `hub.live.outbox` makes them."""
    at = 0
    while at < len(frames):
        length, begin = frames[at + 1], at + 2
        if length == 126:
            length, begin = int.from_bytes(frames[begin : begin + 2], "big"), begin + 2
        elif length == 127:
            length, begin = int.from_bytes(frames[begin : begin + 8], "big"), begin + 8
        at = begin + length
        yield frames[begin:at]
