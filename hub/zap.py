"""Who may connect to the hub's uplink: CURVE keys, on ZeroMQ asked for by ZAP in the event loop.

libzmq asks before it lets a peer in: a REP socket at `inproc://zeromq.zap.01` of the same context
answers. Sources: ZeroMQ RFC 27 (ZAP), RFC 26 (CurveZMQ). The User-Id that a connection gets is its
public key, in Z85; which gateway that is, is asked anew at each Hello, so that a key that is taken
away is worth nothing at once, also on a connection that stands.
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import zmq
from zmq.utils import z85

ENDPOINT = "inproc://zeromq.zap.01"
DOMAIN = b"derny"
VERSION = b"1.0"
LOG_EVERY_S = 60.0
# version, request id, domain, address, routing id, mechanism, the key as 32 bytes
REQUEST_PARTS = 7

log = structlog.get_logger("hub.uplink")


@dataclass(frozen=True, slots=True)
class Door:
    """The hub's own key pair (Z85), and the name of the gateway that a public key belongs to."""

    public: bytes
    secret: bytes = field(repr=False)
    name_of: Callable[[str], str | None]

    def shared_with(self, key: str) -> bytes | None:
        """What X25519 makes of the hub's secret and this public key; None if it is not let in."""
        if self.name_of(key) is None:
            return None
        # Imported here: only gateways over WebSocket need it.
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )

        secret = X25519PrivateKey.from_private_bytes(z85.decode(self.secret))
        try:
            return secret.exchange(X25519PublicKey.from_public_bytes(z85.decode(key)))
        except (ValueError, KeyError, struct.error):  # a line of the list that is no key
            return None

    def close_socket(self, socket: zmq.Socket[bytes]) -> None:
        """Lets in only who has a key. To be set before the socket is bound."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)


class Refusals:
    """Keys that were not let in: counted as `refused_key`, logged once a minute at most."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._logged_s: float | None = None

    def note(self) -> None:
        self._counts["refused_key"] += 1
        now_s = self._loop.time()
        if self._logged_s is None or now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            log.warning(
                "a gateway with an unknown key was refused; `derny gateway add NAME` makes one",
                refused=self._counts["refused_key"],
            )


class ZapDesk:
    """Answers libzmq for one context. `counts` gets `refused_key` and `malformed_zap`."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], door: Door, counts: Counter[str]
    ) -> None:
        self._door = door
        self._counts = counts
        self._refusals = Refusals(counts)
        self._socket = context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(ENDPOINT)  # before the uplink: without it every key would do
        self._loop = asyncio.get_running_loop()
        self._fd = int(self._socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._fd, self.answer)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self._socket.close(linger=0)

    def answer(self) -> None:
        """All that is asked. The FD is edge-triggered, so this may also be called on suspicion."""
        while not self._socket.closed:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._socket.send_multipart(self._judge(parts), zmq.NOBLOCK)

    def _judge(self, parts: list[bytes]) -> list[bytes]:
        request = parts[1] if len(parts) > 1 else b""
        if len(parts) != REQUEST_PARTS or parts[0] != VERSION or parts[2] != DOMAIN:
            self._counts["malformed_zap"] += 1
            return [VERSION, request, b"500", b"not understood", b"", b""]
        key = z85.encode(parts[6]) if parts[5] == b"CURVE" else b""
        if self._door.name_of(key.decode("ascii")) is None:
            self._refusals.note()
            return [VERSION, request, b"400", b"unknown key", b"", b""]
        return [VERSION, request, b"200", b"", key, b""]
