"""A TCP fault proxy: what stands between a gateway and its hub, and breaks on demand.

Runs its own loop in a thread, so that a test that waits does not stop the traffic.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

CHUNK_BYTES = 1 << 16
LATE_BYTES_MAX = 1 << 20  # a direction that holds more takes nothing for as long as its delay
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST
CONNECT_S_MAX = 60.0


class Way(Enum):
    UP = "up"  # gateway to hub
    DOWN = "down"


@dataclass(eq=False)
class _Pair:
    """Both sockets of one connection."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class FaultProxy:
    """Listens on `port` of this machine, forwards to `target_port`.

    A *held* direction moves nothing and closes nothing, as with a pulled cable: what was sent
    waits, new connections get no answer. `delay_ms` is added to each direction. `reset` breaks
    every connection with RST.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._held: set[Way] = set()
        self._delay_s = 0.0
        self._pairs: set[_Pair] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        if not self._ready.wait(CONNECT_S_MAX):
            raise RuntimeError("the proxy did not start")

    # from the test's thread

    def hold(self, *ways: Way) -> None:
        self._do(self._set_held(set(ways)))

    def cut(self) -> None:
        self.hold(Way.UP, Way.DOWN)

    def heal(self) -> None:
        self._do(self._set_held(set()))
        self.delay_ms(0)

    def delay_ms(self, ms: int) -> None:
        self._do(self._set_delay(ms))

    def reset(self) -> int:
        """How many connections were broken."""
        broken: int = self._do(self._reset())
        return broken

    def close(self) -> None:
        self._do(self._end())
        self._thread.join(CONNECT_S_MAX)

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(CONNECT_S_MAX)

    # in the proxy's thread

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Condition()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        await self._reset()

    async def _set_held(self, ways: set[Way]) -> None:
        async with self._changed:
            self._held = ways
            self._changed.notify_all()

    async def _set_delay(self, ms: int) -> None:
        self._delay_s = ms / 1000

    async def _end(self) -> None:
        self._over.set()

    async def _reset(self) -> int:
        pairs = list(self._pairs)
        tasks = [task for pair in pairs for task in pair.tasks]
        for pair in pairs:
            for side in (pair.near, pair.far):
                plug = side.get_extra_info("socket")
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(pairs)

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            await self._join(reader, near)
        finally:
            near.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        await self._until_free(Way.UP)
        try:
            back, far = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            return  # nobody listens there: neither does the proxy
        pair = _Pair(near, far)
        self._pairs.add(pair)
        pair.tasks = [
            asyncio.create_task(self._forward(reader, far, Way.UP)),
            asyncio.create_task(self._forward(back, near, Way.DOWN)),
        ]
        try:
            await asyncio.wait(pair.tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pair.tasks:
                task.cancel()
            self._pairs.discard(pair)
            far.transport.abort()
            await asyncio.gather(*pair.tasks, return_exceptions=True)

    async def _until_free(self, way: Way) -> None:
        if way in self._held:
            async with self._changed:
                await self._changed.wait_for(lambda: way not in self._held)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        """Until one side ends. What is read is sent `delay` later, in order."""
        late: deque[tuple[float, bytes]] = deque()
        more = asyncio.Event()
        sender = asyncio.create_task(self._send_late(late, more, writer, way))
        try:
            while True:
                await self._until_free(way)
                data = await reader.read(CHUNK_BYTES)
                late.append((self._loop.time() + self._delay_s, data))
                more.set()
                if not data:
                    await sender
                    return
                if sum(len(waiting) for _, waiting in late) > LATE_BYTES_MAX:
                    await asyncio.sleep(self._delay_s)  # by then what is there has left
        except OSError:
            return
        finally:
            sender.cancel()

    async def _send_late(
        self,
        late: deque[tuple[float, bytes]],
        more: asyncio.Event,
        writer: asyncio.StreamWriter,
        way: Way,
    ) -> None:
        while True:
            while not late:
                more.clear()
                await more.wait()
            due_s, data = late[0]
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            await self._until_free(way)
            late.popleft()
            if not data:
                return
            writer.write(data)
            try:
                await writer.drain()
            except OSError:
                return
