"""One session in memory: the fold of its log, what its viewers were told, and what is unsaved."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable

from msgspec.structs import replace

from hub.core.lanes import Status
from hub.live import inputs, session_state
from hub.live import session as log
from hub.live.inputs import Entry
from hub.live.session_state import Session
from hub.store.rows import Entry as Record
from hub.store.rows import EntryKind, NewEntry
from hub.wire.live_events import EVENT, EventBody
from hub.wire.live_to_client import Reply

STORY_EVENTS_MAX = 1_024
STORY_BYTES_MAX = 1024 * 1024
REPLIES_MAX = 256
UNSAVED_MAX = 64


class Story:
    """The newest events of a session, with their offsets, for clients that come back."""

    __slots__ = ("_bytes", "_events", "_forgotten")

    def __init__(self) -> None:
        self._events: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._forgotten = 0  # offset of the newest event that is no longer kept

    def add(self, offset: int, body: bytes) -> None:
        self._events.append((offset, body))
        self._bytes += len(body)
        while len(self._events) > STORY_EVENTS_MAX or self._bytes > STORY_BYTES_MAX:
            self._forgotten, dropped = self._events.popleft()
            self._bytes -= len(dropped)

    def since(self, offset: int) -> list[tuple[int, EventBody]] | None:
        """Every event behind `offset`; None when some of them are forgotten."""
        if offset < self._forgotten:
            return None
        return [(at, EVENT.decode(body)) for at, body in self._events if at > offset]


class Room:
    """`base` is the fold of the log; `now` is base as time has left it. `offset` counts the log."""

    __slots__ = (
        "announced",
        "base",
        "loaded_at_ms",
        "lock",
        "now",
        "offset",
        "plans_due_ms",
        "replies",
        "story",
        "unsaved",
    )

    def __init__(self, base: Session, offset: int, now: int) -> None:
        self.base = base
        self.now = session_state.at(base, now)
        self.offset = offset
        self.loaded_at_ms = now
        # When the newest change of each lane takes effect.
        self.announced = {name: lane.at_ms for name, lane in base.lanes.items()}
        self.plans_due_ms = now
        self.lock = asyncio.Lock()
        self.story = Story()
        self.unsaved: list[NewEntry] = []
        self.replies: OrderedDict[tuple[str, str], Reply] = OrderedDict()

    @classmethod
    def load(cls, records: Iterable[Record], now: int) -> Room | None:
        """From a session's whole log; None for an empty one. Raises what `fold` raises."""
        session: Session | None = None
        told: list[Record] = []
        said: list[Entry] = []
        offset = 0
        for record in records:
            offset = record.offset
            if record.kind is EntryKind.EVENT:
                told.append(record)
                continue
            entry = inputs.decode(record.body)
            session = log.fold((entry,), session)
            said.append(entry)
        if session is None:
            return None
        room = cls(session, offset, now)
        for record in told:
            room.story.add(record.offset, record.body)
        for entry in said[-REPLIES_MAX:]:
            if entry.key:
                room.replied(entry.by, Reply(entry.key, True, effect_at_ms=entry.at_ms))
        return room

    @property
    def session_id(self) -> str:
        return self.base.session

    @property
    def told_offset(self) -> int:
        """The offset of the newest line, saved or not: nobody else writes this log."""
        return self.offset + len(self.unsaved)

    @property
    def is_running(self) -> bool:
        return self.now.status is Status.RUNNING

    @property
    def is_over(self) -> bool:
        return session_state.is_over(self.now)

    def settle(self, now: int) -> tuple[str, ...]:
        """Let time pass up to `now`; the lanes that moved. An announced change is not yet."""
        settled, before = session_state.at(self.base, now), self.now.lanes
        until_then = session_state.at(self.now, now).lanes
        lanes = {
            name: until_then.get(name, lane) if now < self.announced.get(name, 0) else lane
            for name, lane in settled.lanes.items()
        }
        self.now = replace(settled, lanes=lanes)
        return tuple(name for name, lane in lanes.items() if lane != before.get(name))

    def announce(self, before: Session, at_ms: int) -> None:
        """What `base` has changed since `before` takes effect at `at_ms`; a stop ends that too."""
        for name, lane in self.base.lanes.items():
            if lane != before.lanes.get(name):
                self.announced[name] = at_ms

    def replied(self, by: str, reply: Reply) -> None:
        self.replies[by, reply.key] = reply
        if len(self.replies) > REPLIES_MAX:
            self.replies.popitem(last=False)
