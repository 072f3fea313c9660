"""Sockets into the air: each connection speaks H4 and gets a virtual controller of its own."""

from __future__ import annotations

import asyncio
import itertools
import logging

from bumble import core
from bumble.transport.common import StreamPacketSource

from firmware_sim.air.controller import AirController
from firmware_sim.air.link import Air
from firmware_sim.sockets import listen, unlink
from firmware_sim.transport import TcpTransport, Transport

log = logging.getLogger(__name__)

MAX_PORTS = 64
# A host that has stopped reading is cut off here; to its peers it is a radio that has vanished.
MAX_UNSENT_BYTES = 1 << 20


class Port(StreamPacketSource):
    """One connection to the air: one controller."""

    _numbers = itertools.count(1)

    def __init__(self, air: Air, ports: set[Port]) -> None:
        super().__init__()
        self._air = air
        self._ports = ports
        self._transport: asyncio.Transport | None = None
        self._controller: AirController | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._ports) >= MAX_PORTS:
            log.warning("air: connection refused, %d are open", MAX_PORTS)
            transport.abort()
            return
        self._ports.add(self)
        self._controller = AirController(
            f"port-{next(self._numbers)}", self._air, host_source=self, host_sink=self
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._ports.discard(self)
        if self._controller is not None:
            self._air.remove_controller(self._controller)
            self._controller = None

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except core.InvalidPacketError as error:
            log.warning("air: a host sent no HCI (%s), connection closed", error)
            self.abort()

    def on_packet(self, packet: bytes) -> None:
        """Controller to host."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("air: a host has stopped reading, connection closed")
            self.abort()
            return
        self._transport.write(packet)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class AirServer:
    """An air with an open socket. Use as an async context manager, or `start` and `close`."""

    def __init__(self, air: Air, transport: Transport) -> None:
        self.air = air
        self.transport = transport
        self._ports: set[Port] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket.

        Raises:
            SocketInUse: somebody answers on it already.
            OSError: it cannot be opened.
        """
        self._server = await listen(lambda: Port(self.air, self._ports), self.transport)
        if isinstance(self.transport, TcpTransport):  # port 0 has become a real one
            host, port = self._server.sockets[0].getsockname()[:2]
            self.transport = TcpTransport(host, port)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for port in list(self._ports):
            port.abort()
        await self._server.wait_closed()
        unlink(self.transport)

    async def __aenter__(self) -> AirServer:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
