"""/live/events: the messages of `/live` as server-sent events, for what can do no better.

(WHATWG HTML §9.2.) One channel for each stream. A client that says nothing cannot acknowledge:
what the server has handed to TCP counts as seen, so a reader that stalls is found out later than on
`/live`, and costs more memory.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.core.errors import Unavailable
from hub.http.bodies import problem, query
from hub.http.live_reader import Reader, resume_of
from hub.http.principals import admission_of
from hub.http.sessions import STATUS
from hub.live.service import Live
from hub.wire.live_from_client import Name, Resume, Subscribe
from hub.wire.live_to_client import TO_CLIENT, Bye, Event, Snapshot

STREAMS_MAX = 200
STALL_S = 30.0  # nothing was taken for so long
BEAT_S = 10.0  # a comment: proxies and clients give up on a silent stream
NUMBER = re.compile(rb'^\{"t":"state","channel":"[^"]*","n":(\d+),')


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    channel: Name
    rate_hz: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1


class StreamRoutes:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._open = 0

    def routes(self) -> list[Route]:
        return [Route("/live/events", self.stream, methods=["GET"])]

    async def stream(self, request: Request) -> ASGIApp:
        """Raises UserError for a query that is none, Unavailable when too many read."""
        wanted = query(request, Wanted)
        resume = resume_of(request.headers.get("last-event-id", ""))
        if self._open >= STREAMS_MAX:
            raise Unavailable("too many event streams are open", remedy="use /live, or come back")
        admission = admission_of(request)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            self._open += 1
            reader = Reader(self._live, admission, "event stream")
            try:
                refusal = reader.subscribe(Subscribe(wanted.channel, wanted.rate_hz, resume))
                response = (
                    _streaming(reader, resume)
                    if refusal is None
                    else problem(STATUS.get(refusal.code, 400), refusal.code, refusal.detail)
                )
                await response(scope, receive, _timely(send))
            finally:
                self._open -= 1
                reader.lost()

        return answer


def _timely(send: Send) -> Send:
    """A reader that stalls gives its place back: its kernel may keep the connection for ever."""

    async def timely(message: Message) -> None:
        async with asyncio.timeout(STALL_S):
            await send(message)

    return timely


def _streaming(reader: Reader, resume: Resume | None) -> StreamingResponse:
    # X-Accel-Buffering: nginx would keep the lines until it has many.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    lines = _lines(reader, "" if resume is None else resume.epoch)
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


async def _lines(reader: Reader, epoch: str) -> AsyncIterator[bytes]:
    """Until the peer is sent away. What was yielded and taken counts as acknowledged."""
    while True:
        if await reader.has_news(BEAT_S):
            payloads = reader.take()
            lines = []
            for payload in payloads:
                epoch, line = _told(payload, epoch)
                lines.append(line)
            yield b"".join(lines)
            numbers = [int(found[1]) for found in map(NUMBER.match, payloads) if found]
            reader.acked(max(numbers, default=0))
        elif reader.is_over:
            return
        else:
            yield b":\n\n"


def _told(payload: bytes, epoch: str) -> tuple[str, bytes]:
    """The epoch from here on, and the lines of one message; its `id` is where to come back to."""
    head = b""
    if not payload.startswith(b'{"t":"state"'):
        match TO_CLIENT.decode(payload):
            case Snapshot(epoch=epoch, offset=offset):
                head = b"id: %b.%d\n" % (epoch.encode(), offset)
            case Event(offset=offset) if epoch:
                head = b"id: %b.%d\n" % (epoch.encode(), offset)
            case Bye(retry_ms=int(retry_ms)):
                head = b"retry: %d\n" % retry_ms
            case _:
                pass
    return epoch, b"%bdata: %b\n\n" % (head, payload)
