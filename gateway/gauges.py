"""What this process holds of the system: open files, and connections to the system bus.

bleak opens a D-Bus connection for every client; one that is not closed stays for ever, and the bus
daemon stops at 256 of a user (hbldh/bleak #1698, #805).
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.clock import Clock

EVERY_MS = 300_000
OPEN_FILES = Path("/proc/self/fd")
SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gauges:
    open_files: int
    bus_connections: int


def look() -> Gauges | None:
    """None where the system does not tell (it is Linux that has /proc)."""
    try:
        files = [int(name) for name in os.listdir(OPEN_FILES)]
    except OSError:
        return None
    path = bus_path(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS))
    # One of them was the listing's own.
    return Gauges(len(files) - 1, sum(_leads_to(path, file) for file in files))


def bus_path(address: str) -> str:
    """The socket of a D-Bus address, "" for one that is none: `unix:path=P,guid=…` or `abstract`.

    https://dbus.freedesktop.org/doc/dbus-specification.html#addresses
    """
    transport, _, options = address.partition(":")
    if transport != "unix":
        return ""
    keys = dict(option.partition("=")[::2] for option in options.split(","))
    return keys.get("path") or ("\0" + keys["abstract"] if "abstract" in keys else "")


def _leads_to(path: str, file: int) -> bool:
    try:
        if not path or not stat.S_ISSOCK(os.fstat(file).st_mode):
            return False
        borrowed = socket.socket(fileno=file)
    except OSError:  # closed meanwhile
        return False
    try:
        peer = borrowed.getpeername() if borrowed.family == socket.AF_UNIX else ""
    except OSError:  # not connected
        return False
    finally:
        borrowed.detach()
    name = peer.decode(errors="replace") if isinstance(peer, bytes) else str(peer)
    if "\0" in path + name:  # of the abstract name space: no file
        return name == path
    return os.path.realpath(name) == os.path.realpath(path)  # /var/run is a link to /run


async def watch(clock: Clock) -> None:
    """A line in the log every EVERY_MS, until cancelled."""
    while (now := look()) is not None:
        log.info("gauges", open_files=now.open_files, bus_connections=now.bus_connections)
        await asyncio.sleep(clock.wait_s(EVERY_MS))
