"""What `hub_probe` asks, over WebSocket: the way there, the proof of the key, then a Hello.

Through the proxy that the environment names, as the gateway goes.
"""

from __future__ import annotations

import secrets
import socket
import ssl
from urllib.parse import urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
)
from websockets.sync.client import ClientConnection, connect

from gateway.doctor.hub_probe import UNREACHABLE
from gateway.hub_address import is_loopback
from gateway.keys import GatewayKey
from hub.wire.codec import FRAME_BYTES_MAX
from hub.wire.uplink_proof import NONCE_BYTES, GatewayProof, Unproven

LINKS = {"not_allowed": "not_allowed"}  # what the hub refuses -> Hub.link; else "handshake"


def talk(
    address: str, key: GatewayKey | None, hello: bytes, connect_s: float, answer_s: float
) -> tuple[str, str, bytes]:
    """`reached` and `link` of `facts.Hub`, and the hub's answer to `hello` if there was one.

    `key` None: only whether an uplink is there.
    """
    try:
        with _connected(address, connect_s) as there:
            if key is None:
                return "yes", "", b""
            return "yes", *_asked(there, key, hello, answer_s)
    except (OSError, InvalidHandshake, InvalidProxy, ImportError) as error:
        return *_why_not(error), b""


def _connected(address: str, connect_s: float) -> ClientConnection:
    host = urlsplit(address).hostname or ""
    return connect(
        address,
        proxy=None if is_loopback(host) else True,
        compression=None,
        max_size=FRAME_BYTES_MAX,
        open_timeout=connect_s,
        close_timeout=1,
        ping_interval=None,
    )


def _asked(
    there: ClientConnection, key: GatewayKey, hello: bytes, answer_s: float
) -> tuple[str, bytes]:
    proof = GatewayProof(key.public, key.hub, secrets.token_bytes(NONCE_BYTES), key.shared())
    try:
        while not proof.proven:
            answer = proof.receive(there.recv(answer_s, decode=False))
            if answer is not None:
                there.send(answer, text=True)
        there.send(hello, text=True)
        return "up", there.recv(answer_s, decode=False)
    except Unproven as no:
        return LINKS.get(no.refuse.code, "handshake"), b""
    except TimeoutError:
        return "silent", b""
    except ConnectionClosed:
        return "handshake", b""


def _why_not(error: Exception) -> tuple[str, str]:
    match error:
        case ssl.SSLError():
            return "yes", "tls"
        case socket.gaierror():
            return "name", ""
        case TimeoutError():
            return "timeout", ""
        case ConnectionRefusedError():
            return "refused", ""
        case OSError():
            return ("network" if error.errno in UNREACHABLE else "timeout"), ""
        case InvalidProxy() | ProxyError() | ImportError():
            return "proxy", ""
        case InvalidStatus():
            return "yes", f"http_{error.response.status_code}"
    return "yes", "handshake"
