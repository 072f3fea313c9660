"""Listening sockets that take the place of a dead process's, never of a living one's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable

from firmware_sim.transport import Transport, UnixTransport


class SocketInUse(OSError):
    """Somebody answers on the socket already."""


async def listen(factory: Callable[[], asyncio.BaseProtocol], where: Transport) -> asyncio.Server:
    """Open a listening socket: a unix one is for its owner only, a dead one's file is replaced.

    Raises:
        SocketInUse: somebody answers on it already.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(where, UnixTransport):
        return await loop.create_server(factory, where.host, where.port)
    make_way(where)
    server = await loop.create_unix_server(factory, where.path)
    os.chmod(where.path, 0o600)
    return server


def unlink(where: Transport) -> None:
    """Remove a unix socket's file; nothing for TCP."""
    if isinstance(where, UnixTransport):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(where.path)


def make_way(where: UnixTransport) -> None:
    """Make its folder, and let nobody living lose their socket.

    Raises:
        SocketInUse: somebody answers on it already.
        OSError: there is a file that is no socket, or the folder cannot be made.
    """
    os.makedirs(os.path.dirname(os.path.abspath(where.path)), mode=0o700, exist_ok=True)
    if not os.path.lexists(where.path):
        return
    if not stat.S_ISSOCK(os.lstat(where.path).st_mode):
        raise FileExistsError(f"{where.path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(where.path)
        except OSError:
            return  # nobody there: asyncio replaces the file
    raise SocketInUse(f"{where} is in use")
