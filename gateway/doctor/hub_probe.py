"""Whether the hub can be reached and knows this gateway's key, without becoming its gateway.

A Hello of version 0 is refused before the hub looks at anything else of it: the streams that the
real gateway still keeps, and its connection if it has one, are not touched.
"""

from __future__ import annotations

import errno
import re
import secrets
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import zmq
from zmq.utils.monitor import recv_monitor_message

from gateway.doctor.facts import Hub
from gateway.hub_address import WEBSOCKET
from gateway.keys import GatewayKey
from gateway.uplink_zmq import MONITORED, OPTIONS
from hub.wire.codec import DecodeError
from hub.wire.uplink import DOWN, PROTOCOL_VERSION, UP, Hello, Refuse

CONNECT_S = 3.0
ANSWER_S = 5.0
NO_VERSION = 0
BROKEN_MAX = 3  # handshakes; one or two may be a hub that stops, or a busy machine

UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}


def probe(address: str, key: GatewayKey | None) -> Hub:
    """`key` None: only whether somebody listens there."""
    if address.startswith(WEBSOCKET):
        return _probe_websocket(address, key)
    reached = _reached(address)
    if reached != "yes" or key is None:
        return Hub(address, reached, "", None, PROTOCOL_VERSION)
    link, version = _talk(address, key)
    return Hub(address, reached, link, version, PROTOCOL_VERSION)


def _probe_websocket(address: str, key: GatewayKey | None) -> Hub:
    from gateway.doctor.hub_probe_ws import talk  # brings TLS and X25519 along

    reached, link, said = talk(address, key, UP.encode(_hello()), CONNECT_S, ANSWER_S)
    link, version = _judged(said) if said else (link, None)
    return Hub(address, reached, link, version, PROTOCOL_VERSION)


def _hello() -> Hello:
    return Hello(NO_VERSION, "doctor", secrets.token_hex(8), "derny-gateway doctor", "doctor", ())


def _judged(frame: bytes) -> tuple[str, int | None]:
    """The hub's answer to `_hello`."""
    try:
        answer = DOWN.decode(frame)
    except DecodeError:
        return "handshake", None
    if not isinstance(answer, Refuse) or answer.code != "version":
        return "silent", None
    found = re.search(r"this hub (\d+)", answer.detail)
    return "up", int(found[1]) if found else None


def _reached(address: str) -> str:
    where = urlsplit(address)
    try:
        socket.create_connection((where.hostname or "", where.port or 0), CONNECT_S).close()
    except socket.gaierror:
        return "name"
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return "network" if error.errno in UNREACHABLE else "timeout"
    return "yes"


def _talk(address: str, key: GatewayKey) -> tuple[str, int | None]:
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    try:
        for option, value in OPTIONS.items():
            dealer.setsockopt(option, value)
        key.set_on(dealer)
        monitor = dealer.get_monitor_socket(MONITORED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        dealer.connect(address)
        try:
            return _asked(dealer, monitor)
        finally:
            dealer.disable_monitor()
            monitor.close(linger=0)
    finally:
        dealer.close(linger=0)
        context.term()


def _asked(dealer: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> tuple[str, int | None]:
    poller = zmq.Poller()
    poller.register(dealer, zmq.POLLIN)
    poller.register(monitor, zmq.POLLIN)
    until_s = time.monotonic() + ANSWER_S
    shaken, broken = False, 0
    while (left_s := until_s - time.monotonic()) > 0:
        ready = dict(poller.poll(int(left_s * 1_000) + 1))
        if monitor in ready:
            event = recv_monitor_message(monitor)["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                shaken = True
                with suppress(zmq.Again):  # it has gone again
                    dealer.send(UP.encode(_hello()), zmq.NOBLOCK)
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return "not_allowed", None
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                return "handshake", None
            elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                broken += 1
                if broken >= BROKEN_MAX and not shaken:
                    return "handshake", None
        if dealer in ready:
            link, version = _judged(dealer.recv())
            if link != "silent":
                return link, version
    return ("handshake" if broken and not shaken else "silent"), None
