"""The hub's ZeroMQ socket for gateways: who may come in, and its frames without ever waiting.

It is drained in slices of at most 0.5 ms, so that timers and clients get their turn. Its FD is
edge-triggered, and sending or reading EVENTS takes the edge away (pyzmq #2173): whoever sends calls
`look_again` afterwards, and somebody calls `drain` from time to time.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import zmq

from hub.wire.codec import FRAME_BYTES_MAX
from hub.zap import Door, ZapDesk

SLICE_NS = 500_000
BYE_LINGER_MS = 100

OPTIONS = {
    zmq.ROUTER_MANDATORY: 1,  # an unreachable gateway is an error, not a silent drop
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: FRAME_BYTES_MAX,
    zmq.HEARTBEAT_IVL: 1_000,
    zmq.HEARTBEAT_TIMEOUT: 3_000,
    zmq.HANDSHAKE_IVL: 3_000,
    zmq.SNDHWM: 1_000,
    zmq.RCVHWM: 1_000,
}

# Which peer, its frame, and the ZAP User-Id of its key unless the peer is known or has no key.
Take = Callable[[bytes, bytes, str | None], None]


class BindError(RuntimeError):
    """The address for gateways cannot be used. The message says which and what to do."""


class GatewaySocket:
    """A ROUTER socket. `knows` says whether a peer has shown its key before; `take` gets each frame
    of who is known or has a key of the `door`, `refused` the peer of every other.
    """

    def __init__(
        self,
        door: Door | None,
        counts: Counter[str],
        knows: Callable[[bytes], bool],
        take: Take,
        refused: Callable[[bytes], None],
    ) -> None:
        self._door = door
        self._counts = counts
        self._knows = knows
        self._take = take
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._zap: ZapDesk | None = None
        self._fd = -1
        self._drain_soon = False

    def open(self, bind: str) -> str:
        """Binds and listens; the address as bound. Raises BindError if it is taken or is none."""
        socket = self._context.socket(zmq.ROUTER)
        for option, value in OPTIONS.items():
            socket.setsockopt(option, value)
        if self._door is not None:
            self._zap = ZapDesk(self._context, self._door, self._counts)
            self._door.close_socket(socket)
        try:
            socket.bind(bind)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            self._close_zap()
            self._context.term()
            raise BindError(_bind_help(bind, error)) from None
        self._socket = socket
        self._fd = int(socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._fd, self.drain)
        return socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def close(self) -> None:
        """What was sent may still leave, for BYE_LINGER_MS; then `term`."""
        if self._socket is not None:
            socket, self._socket = self._socket, None
            self._loop.remove_reader(self._fd)
            socket.close(linger=BYE_LINGER_MS)
            self._close_zap()

    async def term(self) -> None:
        """When nothing of the context is open any more."""
        await asyncio.to_thread(self._context.term)

    def drain(self) -> bool:
        """Takes frames for one slice; True if none is left."""
        self._drain_soon = False
        until_ns = time.perf_counter_ns() + SLICE_NS
        while self._receive_one():
            if time.perf_counter_ns() >= until_ns:
                self._drain_later()
                return False
        return True

    def send(self, peer: bytes, frame: bytes) -> str:
        """Hands a frame over: "", or why not: "stalled" | "unreachable"."""
        if self._socket is None:
            return ""
        try:
            self._socket.send(peer, zmq.SNDMORE | zmq.NOBLOCK)
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            self._counts["send_full"] += 1
            return "stalled"
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._counts["send_unreachable"] += 1
            return "unreachable"
        return ""

    def look_again(self) -> None:
        """After a send the edge may be gone although frames wait."""
        if self._socket is not None and int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._drain_later()

    def answer_keys(self) -> None:
        """The same for the questions whether a key may come in."""
        if self._zap is not None:
            self._zap.answer()

    def _receive_one(self) -> bool:
        socket = self._socket
        if socket is None:
            return False
        try:
            peer = socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return False
        user_id = None
        known = self._knows(peer)
        if known:
            frame = socket.recv(zmq.NOBLOCK)
        else:
            part = socket.recv(zmq.NOBLOCK, copy=False)
            user_id, frame = _user_id(part), part.bytes
            if self._door is not None:
                user_id = self._door.name_of(user_id or "")
        if socket.getsockopt(zmq.RCVMORE):
            self._discard_parts(socket)
            frame = b""  # no message of this wire has parts
        if self._door is not None and user_id is None and not known:
            self._counts["refused_key"] += 1
            self._refused(peer)
            return True
        self._take(peer, frame, user_id)
        return True

    def _discard_parts(self, socket: zmq.Socket[bytes]) -> None:
        while socket.getsockopt(zmq.RCVMORE):
            socket.recv(zmq.NOBLOCK)

    def _drain_later(self) -> None:
        if not self._drain_soon:
            self._drain_soon = True
            self._loop.call_soon(self.drain)

    def _close_zap(self) -> None:
        if self._zap is not None:
            self._zap.close()
            self._zap = None


def _user_id(part: zmq.Frame) -> str | None:
    """The ZAP User-Id of the sender's key, if it had to show one."""
    try:
        return str(part.get("User-Id")) or None
    except zmq.ZMQError:
        return None


def _bind_help(address: str, error: zmq.ZMQError) -> str:
    if error.errno == zmq.EADDRINUSE:
        return (
            f"{address} for gateways is in use: another hub runs, or another program has the port; "
            "stop it or choose another port"
        )
    return f"{address} cannot be bound for gateways: {error.strerror}"
