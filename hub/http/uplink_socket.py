"""`/uplink`: gateways whose network lets no raw TCP out, over WebSocket, below ASGI as `/live`.

The same messages as on ZeroMQ, a text frame each, once both sides have proven their keys
(`hub.wire.uplink_proof`). `hub.app` wraps the class that it hands to uvicorn.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request

from hub.http.guard import refuse_origin
from hub.http.uplink_line import GatewayLine, Pipe, UplinkSite
from hub.wire.codec import FRAME_BYTES_MAX

PATH = "/uplink"


class UplinkSocket(WebSocketsSansIOProtocol):
    """A websocket on its way to ingest, or to the next class if it is not for us.

    Nothing but uvicorn's hooks: whatever else stood here could be a name of that class's, too.
    """

    site: UplinkSite
    line: GatewayLine | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # Now: once the request is parsed, the size of the first frame has been settled.
        self.conn.max_message_size = FRAME_BYTES_MAX

    # Handshake

    def handle_connect(self, event: Request) -> None:
        if urlsplit(event.path).path != PATH:
            super().handle_connect(event)
            return
        headers = {name.lower(): value for name, value in event.headers.raw_items()}
        if refuse_origin(headers):
            text = "Another site's page may not connect here.\n"
            response = self.conn.reject(HTTPStatus.FORBIDDEN, text)
        else:
            response = self.conn.accept(event)
        self.handshake_initiated = self.handshake_complete = True
        self.conn.send_response(response)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.close_sent = True
            self.transport.close()
            return
        self.line = GatewayLine(self.site, Pipe(self))
        self.line.begin()

    # Traffic

    def handle_text(self, event: Frame) -> None:
        if self.line is None:
            super().handle_text(event)
        else:
            self.line.came(event)

    def handle_bytes(self, event: Frame) -> None:
        if self.line is None:
            super().handle_bytes(event)
        else:
            self.line.came(event)

    def handle_cont(self, event: Frame) -> None:
        if self.line is None:
            super().handle_cont(event)
        else:
            self.line.came(event)

    def handle_close(self, event: Frame) -> None:
        if self.line is None:
            super().handle_close(event)
            return
        self.line.answer()
        self.transport.close()

    def handle_parser_exception(self) -> None:
        if self.line is None:
            super().handle_parser_exception()
        elif not self.close_sent:
            self.line.no_frame()

    def pause_writing(self) -> None:
        if self.line is None:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self.line is None:
            super().resume_writing()

    # The end

    def shutdown(self) -> None:
        if self.line is None:
            super().shutdown()
        else:
            self.line.hub_stops()

    def connection_lost(self, exc: Exception | None) -> None:
        line = self.line
        if line is None:
            super().connection_lost(exc)
            return
        self.disconnected = True
        self.connections.discard(self)
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None
        line.lost()
        if exc is None:
            self.transport.close()


def with_uplink(protocol: type[asyncio.Protocol], site: UplinkSite) -> type[asyncio.Protocol]:
    """`protocol`, a class for uvicorn's `ws=`, and `/uplink` before it."""
    base: Any = protocol

    class BoundUplinkSocket(UplinkSocket, base):  # type: ignore[misc]
        __slots__ = ()

    BoundUplinkSocket.site = site
    return BoundUplinkSocket
