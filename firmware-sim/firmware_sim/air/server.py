"""Sockets into the air: each connection speaks H4 and gets a virtual controller of its own.

A socket stands at a spot in the room; the radios that connect to it hang side by side there. One
can be pulled out for a while: until it is back nobody gets in at this spot, for the radio that
comes next may be that one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass

from bumble import core
from bumble.transport.common import StreamPacketSource

from firmware_sim.air.controller import AirController
from firmware_sim.air.link import Air
from firmware_sim.floor import Point, radio_at
from firmware_sim.sockets import listen, unlink
from firmware_sim.transport import TcpTransport, Transport

log = logging.getLogger(__name__)

MAX_PORTS = 64
# A host that has stopped reading is cut off here; to its peers it is a radio that has vanished.
MAX_UNSENT_BYTES = 1 << 20


@dataclass(slots=True)
class Spot:
    """Where a socket is; `pulled`: how many of its radios are out."""

    at_m: Point | None = None
    pulled: int = 0


class Port(StreamPacketSource):
    """One connection to the air: one controller."""

    _numbers = itertools.count(1)

    def __init__(self, air: Air, ports: dict[int, Port], spot: Spot) -> None:
        super().__init__()
        self._air = air
        self._ports = ports
        self._spot = spot
        self._place = -1
        self._transport: asyncio.Transport | None = None
        self._controller: AirController | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._ports) >= MAX_PORTS:
            log.warning("air: connection refused, %d are open", MAX_PORTS)
            transport.abort()
            return
        if self._spot.pulled:
            transport.abort()
            return
        self._place = next(n for n in itertools.count() if n not in self._ports)
        self._ports[self._place] = self
        self._controller = AirController(
            f"port-{next(self._numbers)}", self._air, host_source=self, host_sink=self
        )
        if self._spot.at_m is not None:
            self._controller.at_m = radio_at(self._spot.at_m, self._place)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ports.get(self._place) is self:
            del self._ports[self._place]
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

    def __init__(self, air: Air, transport: Transport, at_m: Point | None = None) -> None:
        self.air = air
        self.transport = transport
        self._spot = Spot(at_m)
        self._ports: dict[int, Port] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket.

        Raises:
            SocketInUse: somebody answers on it already.
            OSError: it cannot be opened.
        """
        self._server = await listen(lambda: Port(self.air, self._ports, self._spot), self.transport)
        if isinstance(self.transport, TcpTransport):  # port 0 has become a real one
            host, port = self._server.sockets[0].getsockname()[:2]
            self.transport = TcpTransport(host, port)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for port in list(self._ports.values()):
            port.abort()
        await self._server.wait_closed()
        unlink(self.transport)

    def unplug(self, place: int, for_s: float) -> None:
        """Pull a radio out, for so long. One that is not there takes its turn all the same."""
        self._spot.pulled += 1
        asyncio.get_running_loop().call_later(for_s, self._plug_in)
        if place in self._ports:
            self._ports[place].abort()

    def _plug_in(self) -> None:
        self._spot.pulled -= 1

    async def __aenter__(self) -> AirServer:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
