"""What fan-out is compared with: the machine's own `send()`, and the loop one would write first.

`python -m bench.peers raw|naive|broadcast FRAME_BYTES` sends one frame to every client for each
`r` on stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.stand import allow_many_files
from hub.live.outbox import ws_text

SEND_LOOP_C = """
#include <sys/socket.h>
void send_all(const int *fds, int count, const char *frame, unsigned long length) {
    for (int i = 0; i < count; i++) send(fds[i], frame, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}
"""


def say(**what: object) -> None:
    """To who runs the bench."""
    print(json.dumps(what), flush=True)


def c_loop() -> ctypes.CDLL | None:
    """The loop in C, where there is a compiler: Python's own costs are no part of the yardstick."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "send.c", Path(folder) / "send.so"
        source.write_text(SEND_LOOP_C)
        built = subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=False
        )
        return ctypes.CDLL(str(library)) if built.returncode == 0 else None


def raw(frame: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    loop = c_loop()
    say(port=listener.getsockname()[1], loop="C" if loop else "Python")
    clients: list[socket.socket] = []
    listener.setblocking(False)
    while orders := os.read(0, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients.append(client)
        if orders != b"r":
            continue
        if loop is None:
            for client in clients:
                client.send(frame)
        else:
            fds = (ctypes.c_int * len(clients))(*(client.fileno() for client in clients))
            loop.send_all(fds, len(clients), frame, ctypes.c_ulong(len(frame)))


def naive(text: str) -> None:
    clients: list[WebSocket] = []

    async def live(ws: WebSocket) -> None:
        await ws.accept()
        clients.append(ws)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await ws.receive_text()
        clients.remove(ws)

    async def broadcast(orders: asyncio.Queue[bytes]) -> None:
        while True:
            await orders.get()
            for ws in tuple(clients):
                await ws.send_text(text)

    async def serve() -> None:
        orders: asyncio.Queue[bytes] = asyncio.Queue()
        over = asyncio.Event()
        job = asyncio.create_task(broadcast(orders))
        obey(orders.put_nowait, over)
        await serve_http(Starlette(routes=[WebSocketRoute("/live", live)]), over)
        job.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def websockets_broadcast(text: str) -> None:
    """websockets' own server and its `broadcast()`."""

    async def keep(client: ServerConnection) -> None:
        await client.wait_closed()

    async def serving() -> None:
        over = asyncio.Event()
        async with serve(keep, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            obey(lambda order: broadcast(server.connections, text), over)
            say(port=next(iter(server.sockets)).getsockname()[1])
            await over.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving())


def obey(order: Callable[[bytes], None], over: asyncio.Event) -> None:
    """Each byte on stdin is an order; its end is the end."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        data = os.read(0, 1)
        if data:
            order(data)
        else:
            loop.remove_reader(0)
            over.set()

    loop.add_reader(0, readable)


class Server(uvicorn.Server):
    """uvicorn that leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(
    app: Starlette,
    over: asyncio.Event,
    ws: Any = "websockets-sansio",
    hello: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Until `over`; says the port, and `hello`, on stdout."""
    config = uvicorn.Config(
        app,
        ws=ws,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    say(port=listener.getsockname()[1], **hello)
    await over.wait()
    server.should_exit = server.force_exit = True
    await serving
    listener.close()


def main() -> None:
    kind, frame_bytes = sys.argv[1], int(sys.argv[2])
    allow_many_files()
    head = len(ws_text(b"x" * frame_bytes)) - frame_bytes
    payload = "x" * (frame_bytes - head)
    match kind:
        case "raw":
            raw(ws_text(payload.encode()))
        case "naive":
            naive(payload)
        case _:
            websockets_broadcast(payload)


if __name__ == "__main__":
    main()
