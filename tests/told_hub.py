"""A hub of /live on a real socket that is told what to say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

from live_fakes import NOON_MS
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from hub.client.opening import local_ms
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_from_client import FROM_CLIENT, Clock, FromClient, Hello
from hub.wire.live_to_client import TO_CLIENT, ClockReply, ToClient, Welcome
from hub.wire.live_views import SessionView

WAIT_S = 120
CHANNEL = "session:s1"
VIEW = SessionView("s1", "Class", "", "ready", (), ())

Answer = Callable[["Visit", FromClient], Awaitable[None]]


class Visit:
    """One connection as the hub sees it: welcomes, answers the clock, and leaves the rest."""

    def __init__(self, ws: ServerConnection, number: int) -> None:
        self.ws = ws
        self.number = number
        self.heard: list[FromClient] = []

    async def say(self, *messages: ToClient) -> None:
        for message in messages:
            await self.ws.send(TO_CLIENT.encode(message), text=True)


@contextlib.asynccontextmanager
async def hub(
    answer: Answer, status: HTTPStatus | None = None
) -> AsyncIterator[tuple[str, list[Visit]]]:
    visits: list[Visit] = []

    async def visited(ws: ServerConnection) -> None:
        visit = Visit(ws, len(visits))
        visits.append(visit)
        with contextlib.suppress(ConnectionClosed):
            await listen(visit)

    async def listen(visit: Visit) -> None:
        async for frame in visit.ws:
            message = FROM_CLIENT.decode(frame)
            visit.heard.append(message)
            if isinstance(message, Hello):
                await visit.say(
                    Welcome(PROTOCOL_VERSION, NOON_MS, "0", "owner", "", NOON_MS + 900_000)
                )
            elif isinstance(message, Clock):
                hub_ms = NOON_MS + local_ms()
                await visit.say(ClockReply(message.sent_ms, hub_ms, hub_ms))
            await answer(visit, message)

    def door(ws: ServerConnection, request: Request) -> Response | None:
        return None if status is None else ws.respond(status, "Sign in first.\n")

    server: Server = await serve(visited, "127.0.0.1", 0, process_request=door)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", visits
    finally:
        server.close()
        await server.wait_closed()


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await scene()

    asyncio.run(bounded())


async def until(true: Callable[[], Any]) -> None:
    while True:
        if true():
            return
        await asyncio.sleep(0.01)
