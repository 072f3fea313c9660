"""The line to the hub over ZeroMQ: a DEALER with CURVE, and its monitor.

Each connection has a socket of its own with a random routing id: no old frame reaches a new
session, in either direction. The sockets' FDs are edge-triggered, and sending or reading EVENTS
takes the edge away (pyzmq #2173): whoever is woken asks `waiting` once more at the end.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import zmq
from zmq.utils.monitor import recv_monitor_message

from gateway.keys import GatewayKey
from gateway.uplink_line import UNKNOWN_KEY, WRONG_HUB, Fate, News, UplinkError
from hub.wire.codec import FRAME_BYTES_MAX

BYE_LINGER_MS = 100
MONITORED = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
NEWS: dict[int, News] = {
    zmq.EVENT_DISCONNECTED: News(Fate.LOST),
    # libzmq gives the socket up after these two; a later one may fare better.
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: News(Fate.TURNED_AWAY, "not_allowed", UNKNOWN_KEY),
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: News(Fate.TURNED_AWAY, "handshake", WRONG_HUB),
    # Or it went just now.
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: News(Fate.FAILING, "handshake", WRONG_HUB),
}

OPTIONS = {
    zmq.IMMEDIATE: 1,  # nothing queues for a hub that is not there
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: FRAME_BYTES_MAX,
    zmq.HEARTBEAT_IVL: 1_000,
    zmq.HEARTBEAT_TIMEOUT: 3_000,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.HANDSHAKE_IVL: 3_000,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 500,  # a hub that comes back is found at once (decisions/0013)
    zmq.SNDHWM: 256,
    zmq.RCVHWM: 1_000,
}


class ZmqLine:
    """As `uplink_line.Line`. `key` None: a hub of a test, which knows no keys."""

    def __init__(self, address: str, key: GatewayKey | None) -> None:
        self._address = address
        self._key = key
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._fds: tuple[int, ...] = ()

    def open(self, wake: Callable[[], None]) -> None:
        if self._context is None:
            self._context = zmq.Context()
        socket = self._context.socket(zmq.DEALER)
        for option, value in OPTIONS.items():
            socket.setsockopt(option, value)
        socket.setsockopt(zmq.ROUTING_ID, secrets.token_bytes(16))
        if self._key is not None:
            self._key.set_on(socket)
        self._socket = socket
        self._monitor = socket.get_monitor_socket(MONITORED)
        self._monitor.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(self._address)
        except zmq.ZMQError as error:
            raise UplinkError(
                f"hub address {self._address!r}: {error.strerror}; want tcp://HOST:PORT"
            ) from None
        self._fds = (int(socket.getsockopt(zmq.FD)), int(self._monitor.getsockopt(zmq.FD)))
        loop = asyncio.get_running_loop()
        for fd in self._fds:
            loop.add_reader(fd, wake)

    def close(self) -> None:
        self._close(0)

    async def end(self) -> None:
        self._close(BYE_LINGER_MS)
        if self._context is not None:
            self._context.term()
            self._context = None

    def news(self) -> News | None:
        if self._monitor is None or not _events(self._monitor) & zmq.POLLIN:
            return None
        return NEWS[int(recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"])]

    def receive(self) -> bytes | None:
        if self._socket is None:
            return None
        try:
            return self._socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def waiting(self) -> bool:
        return any(
            socket is not None and _events(socket) & zmq.POLLIN
            for socket in (self._socket, self._monitor)
        )

    def takes(self) -> bool:
        return self._socket is not None and bool(_events(self._socket) & zmq.POLLOUT)

    def send(self, frame: bytes) -> bool:
        assert self._socket is not None
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _close(self, linger_ms: int) -> None:
        socket, monitor = self._socket, self._monitor
        self._socket = self._monitor = None
        loop = asyncio.get_running_loop()
        for fd in self._fds:
            loop.remove_reader(fd)
        self._fds = ()
        if socket is not None and monitor is not None:
            socket.disable_monitor()
            monitor.close(linger=0)
            socket.close(linger=linger_ms)


def _events(socket: zmq.Socket[bytes]) -> int:
    return int(socket.getsockopt(zmq.EVENTS))
