"""`/live`: clients are let in below ASGI, in a subclass of uvicorn's own websocket protocol.

No ASGI task, queue or scope exists for such a socket: a frame of many clients is written straight
to each transport, and a message goes straight to `hub.live.peer`. Every other websocket path, and
all of HTTP, is plain ASGI as before. `hub.app` hands `make_protocol(...)` to uvicorn as `ws=`, with
`ws_ping_interval=None` (acks and TCP tell who is gone) and `ws_per_message_deflate=False`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN, Protocol

from hub.auth.principal import Admission
from hub.http.guard import cookie_of, refuse_host, refuse_origin
from hub.http.principals import ByCookie
from hub.http.short_text import short_text
from hub.live.peer import Peer
from hub.live.service import Live
from hub.wire.live_from_client import FRAME_BYTES_MAX

PATH = "/live"

# A phone that vanished: the kernel would swallow an hour of small frames before it says so.
SEND_BUFFER_BYTES = 16 * 1024
WRITE_BUFFER_BYTES = 4 * 1024
USER_TIMEOUT_MS = 10_000
REASON_BYTES_MAX = 123  # RFC 6455 §5.5: a control frame has 125
RETRY_S = 30  # for who is refused at the handshake
CLOSE_S = 2.0  # for the far side to say goodbye too; then the connection is cut


def make_protocol(live: Live, by_cookie: ByCookie) -> type[asyncio.Protocol]:
    """The class to give to uvicorn as `ws=`."""

    class BoundLiveSocket(LiveSocket):
        __slots__ = ()

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.hub = live
            self.by_cookie = by_cookie

    return BoundLiveSocket


class LiveSocket(WebSocketsSansIOProtocol):
    """A websocket on its way to a peer of the live part, or to ASGI if it is not for us."""

    hub: Live
    by_cookie: ByCookie
    peer: Peer | None = None
    _admission: Admission | None = None
    _message: bytes = b""
    _is_between_frames = False

    # The socket of the peer: hub.live.outbox.Wire

    write: Callable[[bytes], None]  # the transport's own: one call less a frame and client

    def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(InvalidState):  # the far side was faster
            self.conn.send_close(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    def overflow(self) -> None:
        if self.peer is not None:
            self.hub.peers.slow(self.peer)

    def abort(self) -> None:
        self.transport.abort()

    # Handshake

    def handle_connect(self, event: Request) -> None:
        if urlsplit(event.path).path != PATH:
            super().handle_connect(event)
            return
        refusal = self._refusal(event)
        if refusal is not None:
            self._respond(*refusal)
            return
        response = self.conn.accept(event)
        self.handshake_initiated = self.handshake_complete = True
        self.conn.send_response(response)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.close_sent = True
            self.transport.close()
            return
        self._tune()
        self._slim()
        self.write = self.transport.write
        self.peer = self.hub.accept(self._admission, self, self.loop.call_soon, self._address())

    def _refusal(self, event: Request) -> tuple[HTTPStatus, str] | None:
        headers = {name.lower(): value for name, value in event.headers.raw_items()}
        if refuse_host(headers):
            return HTTPStatus.MISDIRECTED_REQUEST, "This hub answers on this computer only.\n"
        if refuse_origin(headers):
            return HTTPStatus.FORBIDDEN, "Another site's page may not connect here.\n"
        self._admission = self.by_cookie(cookie_of(headers))
        if not self.hub.peers.has_room(self._admission is not None, self._address()):
            return HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients: come back in a minute.\n"
        return None

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _respond(self, status: HTTPStatus, text: str) -> None:
        response = self.conn.reject(status, text)
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(RETRY_S)
        self.conn.send_response(response)
        self.handshake_initiated = self.handshake_complete = True
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _tune(self) -> None:
        """Small buffers: what a slow client has not read yet shall be found out, not stored."""
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        sock = self.transport.get_extra_info("socket")
        if sock is None:
            return
        with contextlib.suppress(OSError):  # a socket that is gone says so soon enough
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def _slim(self) -> None:
        """Let go of what only ASGI needs; 16 of 28 KB of a client."""
        self.conn.max_message_size = FRAME_BYTES_MAX
        for name in ("queue", "writable", "frames", "initial_response", "ping_timer", "pong_timer"):
            setattr(self, name, None)
        self.conn.events = []
        if self._parser_is_idle():  # what read the handshake keeps it, headers and all
            self.conn.parser.close()
            self.conn.parser = Protocol.parse(self.conn)
            next(self.conn.parser)

    # Traffic

    def data_received(self, data: bytes) -> None:
        """A short message of its own, as acks are, does not go through the parser of websockets,
        which takes three times as long as all the rest of it.
        """
        if self._is_between_frames and self.peer is not None and not self.close_sent:
            message = short_text(data)
            if message is not None:
                self.peer.receive(message)
                return
        super().data_received(data)
        self._is_between_frames = self.peer is not None and self._parser_is_idle()

    def _parser_is_idle(self) -> bool:
        """Whether the next byte begins a frame, and that frame a message."""
        if self.conn.state is not OPEN or self.conn.current_size is not None:
            return False
        step: Any = self.conn.parser
        while step.gi_yieldfrom is not None:
            step = step.gi_yieldfrom
        return bool(step.__name__ == "at_eof")  # its first step in each frame

    def handle_text(self, event: Frame) -> None:
        if self.peer is None:
            super().handle_text(event)
        else:
            self._take(bytes(event.data), event.fin)

    def handle_bytes(self, event: Frame) -> None:
        if self.peer is None:
            super().handle_bytes(event)
        else:
            self._take(bytes(event.data), event.fin)

    def handle_cont(self, event: Frame) -> None:
        if self.peer is None:
            super().handle_cont(event)
        else:
            self._take(self._message + bytes(event.data), event.fin)

    def _take(self, data: bytes, whole: bool) -> None:
        """The protocol has bounded the length of all fragments together."""
        self._message = b"" if whole else data
        if whole and self.peer is not None and not self.close_sent:
            self.peer.receive(data)

    def handle_ping(self) -> None:
        """Who reads no answers is given none: the transport would keep them all."""
        if self.peer is None:
            super().handle_ping()
            return
        pong = b"".join(self.conn.data_to_send())
        if not self.close_sent and self.peer.pinged():
            self.transport.write(pong)

    def handle_close(self, event: Frame) -> None:
        if self.peer is None:
            super().handle_close(event)
            return
        self.peer.outbox.lost()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def handle_parser_exception(self) -> None:
        if self.peer is None:
            super().handle_parser_exception()
            return
        self.hub.malformed("bad_frame")
        self.peer.outbox.lost()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def pause_writing(self) -> None:
        if self.peer is None:
            super().pause_writing()
        else:
            self.peer.outbox.pause()

    def resume_writing(self) -> None:
        if self.peer is None:
            super().resume_writing()
        else:
            self.peer.outbox.resume()

    # The end

    def shutdown(self) -> None:
        if self.peer is None:
            super().shutdown()
        elif not self.close_sent:
            self.hub.peers.send_off(self.peer)

    def connection_lost(self, exc: Exception | None) -> None:
        peer = self.peer
        if peer is None:
            super().connection_lost(exc)
            return
        self.peer = None
        self.disconnected = True
        self.connections.discard(self)
        self.conn.parser.close()  # it and `conn` hold each other: no work for the collector
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None
        peer.lost()
        if exc is None:
            self.transport.close()
