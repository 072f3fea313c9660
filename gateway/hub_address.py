"""Where a hub can be: `tcp://HOST:PORT`, or `wss://HOST[:PORT]/uplink` through a firewall."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

WEBSOCKET = ("ws://", "wss://")
PORT_MAX = 65_535
REMEDY = 'write "tcp://HOST:PORT" or "wss://HOST/uplink"'


def problem_of(address: str) -> str:
    """What is wrong with it, "" if nothing is."""
    if not address.startswith(("tcp://", *WEBSOCKET)) or re.search(r"\s", address):
        return f"{address!r} is no hub's address"
    try:
        where = urlsplit(address)
    except ValueError:  # brackets that are no IPv6 address
        return f"{address!r} is no hub's address"
    if not where.hostname:
        return f"{address!r} names no computer"
    port = _port_of(where)
    if port is not None and not (
        port.isascii() and port.isdecimal() and 1 <= int(port) <= PORT_MAX
    ):
        return f"there is no port {port}, they go from 1 to {PORT_MAX}"
    if where.scheme == "tcp":
        return "" if port is not None and not where.path else "ZeroMQ wants a port, and no path"
    return _problem_of_websocket(where)


def is_loopback(host: str) -> bool:
    """Whether it is this computer, without asking anybody."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _port_of(where: SplitResult) -> str | None:
    """As written: `SplitResult.port` raises for one that cannot be."""
    _, colon, port = where.netloc.rpartition("@")[2].rpartition("]")[2].rpartition(":")
    return port if colon else None


def _problem_of_websocket(where: SplitResult) -> str:
    if where.username is not None or where.query or where.fragment:
        return "no user, question or fragment belongs into the hub's address"
    if where.path in ("", "/"):
        return "the address ends at the computer: what is wanted there is /uplink"
    if where.scheme == "ws" and not is_loopback(where.hostname or ""):
        return f"everybody on the way to {where.hostname} could read the readings: use wss"
    return ""
