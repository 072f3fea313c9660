"""Answers on the control socket; what is said there: `firmware_sim.control`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from firmware_sim.control import FaultRequest, StatusRequest
from firmware_sim.faults import FaultError
from firmware_sim.sockets import listen, unlink
from firmware_sim.studio import Studio
from firmware_sim.transport import Transport

MAX_LINE_BYTES = 4096
MAX_CONNECTIONS = 8
IDLE_S = 60.0

_decoder = msgspec.json.Decoder(FaultRequest | StatusRequest)


def answer(studio: Studio, line: bytes) -> dict[str, Any]:
    """What a line is answered with; it never raises."""
    try:
        request = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return {"ok": False, "error": f"not understood: {error}"}
    if isinstance(request, StatusRequest):
        return {"ok": True, "status": studio.status()}
    try:
        new = studio.inject(request.kind, request.sensor, request.for_s, request.amount)
    except FaultError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "fault": msgspec.to_builtins(new)}


class ControlServer:
    """Answers on a socket for as long as it is open."""

    def __init__(self, studio: Studio, where: Transport) -> None:
        self._studio = studio
        self._where = where
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises SocketInUse or OSError when the socket cannot be opened."""
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.BaseProtocol:
            reader = asyncio.StreamReader(limit=MAX_LINE_BYTES, loop=loop)
            return asyncio.StreamReaderProtocol(reader, self._accept, loop=loop)

        self._server = await listen(protocol, self._where)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        unlink(self._where)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
                while line := await self._line(reader):
                    writer.write(msgspec.json.encode(answer(self._studio, line)) + b"\n")
                    await asyncio.wait_for(writer.drain(), IDLE_S)
        except ValueError:  # from StreamReader: the line is longer than its limit
            problem = {"ok": False, "error": f"a line is at most {MAX_LINE_BYTES} bytes long"}
            writer.write(msgspec.json.encode(problem) + b"\n")
        finally:
            writer.close()

    @staticmethod
    async def _line(reader: asyncio.StreamReader) -> bytes:
        return await asyncio.wait_for(reader.readline(), IDLE_S)
