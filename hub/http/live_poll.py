"""/live/poll: where a channel stands, as soon as that is news, for what can do no better.

The answer holds the messages of `/live` and a `rev` to come back with. Who sees who is there
(`presence`) is for those who stay.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.core.errors import Unavailable
from hub.http.bodies import problem, query
from hub.http.live_reader import Reader, resume_of
from hub.http.principals import admission_of
from hub.http.sessions import STATUS
from hub.live.service import Live
from hub.wire.live_events import Timeline
from hub.wire.live_from_client import Name, Subscribe
from hub.wire.live_to_client import (
    TO_CLIENT,
    Event,
    Fields,
    Presence,
    SeatsState,
    SensorsState,
    Snapshot,
    State,
    ToClient,
    Welcome,
)

POLLS_MAX = 200
WAIT_S_MAX = 25.0  # proxies give up at 30


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    channel: Name
    rev: Annotated[str, msgspec.Meta(max_length=80)] = ""
    wait: Annotated[float, msgspec.Meta(ge=0, le=WAIT_S_MAX)] = 0.0


class Answer(msgspec.Struct, frozen=True):
    rev: str
    messages: tuple[msgspec.Raw, ...]


class PollRoutes:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._open = 0

    def routes(self) -> list[Route]:
        return [Route("/live/poll", self.poll, methods=["GET"])]

    async def poll(self, request: Request) -> Response:
        """Raises UserError for a query that is none, Unavailable when too many wait."""
        wanted = query(request, Wanted)
        position, _, known = wanted.rev.rpartition(".")
        wish = Subscribe(wanted.channel, 1, resume_of(position))
        if self._open >= POLLS_MAX:
            raise Unavailable("too many polls wait", remedy="use /live, or come back")
        self._open += 1
        reader = Reader(self._live, admission_of(request), "poll")
        try:
            refusal = reader.subscribe(wish)
            if refusal is not None:
                return problem(STATUS.get(refusal.code, 400), refusal.code, refusal.detail)
            news = News(position, known)
            await _wait(reader, news, wanted.wait)
        finally:
            self._open -= 1
            reader.lost()
        if not news.is_news:
            return Response(status_code=304)
        body = msgspec.json.encode(Answer(news.rev, tuple(map(msgspec.Raw, news.payloads))))
        headers = {"cache-control": "no-store"}
        return Response(body, media_type="application/json", headers=headers)


TICK_S = 2.0  # within it everything has come once: the slowest audience is served each second


async def _wait(reader: Reader, news: News, wait_s: float) -> None:
    """Until there is news, or `wait_s` is over; at least until it is known whether there is."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    while not news.is_news and not reader.is_over:
        left_s = begun_s + max(wait_s, 0 if news.is_whole else TICK_S) - loop.time()
        if left_s <= 0 or not await reader.has_news(left_s):
            return
        for payload in reader.take():
            news.hear(payload)


class News:
    """What a poll has heard, and whether its client knew it. Pure."""

    def __init__(self, position: str, known: str) -> None:
        """`position`: "EPOCH.OFFSET"; `known`: the rest of the `rev` that the client has."""
        self._epoch, _, self._offset = position.rpartition(".")
        self._known = known
        self._parts: dict[str, bytes] = {}
        self.payloads: list[bytes] = []
        self.is_whole = False

    def hear(self, payload: bytes) -> None:
        message = TO_CLIENT.decode(payload)
        if isinstance(message, Welcome | Presence) or (isinstance(message, Fields) and self._known):
            return
        self.payloads.append(payload)
        self._note(message)

    def _note(self, message: ToClient) -> None:
        match message:
            case Snapshot(epoch=epoch, offset=offset, session=session):
                self._epoch, self._offset = epoch, str(offset)
                self._parts |= {lane.lane: b"%d" % lane.rev for lane in session.lanes}
            case Event(offset=offset, body=body):
                self._offset = str(offset)
                if isinstance(body, Timeline):
                    self._parts[body.lane.lane] = b"%d" % body.lane.rev
            case State(rows=rows, whole=whole):
                self._parts |= {f"row {row[0]}": msgspec.json.encode(row) for row in rows}
                self.is_whole |= whole
            case SensorsState(view=view) | SeatsState(view=view):
                self._parts["view"] = msgspec.json.encode(view)
                self.is_whole = True
            case _:
                pass

    @property
    def is_news(self) -> bool:
        return self.is_whole and self._digest() != self._known

    @property
    def rev(self) -> str:
        return f"{self._position}.{self._digest()}"

    @property
    def _position(self) -> str:
        return f"{self._epoch}.{self._offset}" if self._epoch else ""

    def _digest(self) -> str:
        """Of all that stands, and of the place in the log."""
        heard = hashlib.blake2b(self._position.encode(), digest_size=8)
        for name in sorted(self._parts):
            heard.update(name.encode() + b"\0" + self._parts[name] + b"\0")
        return heard.hexdigest()
