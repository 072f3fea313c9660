"""What a recording says about each call and each link. Pure.

A call of the code under replay is answered by a recorded one of the same kind: the first of those
about now that nobody has had yet, and for a write one with the same bytes, if there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.recording.records import (
    Closed,
    Cycled,
    Gone,
    Opened,
    Orphans,
    Read,
    Record,
    Scanned,
    Subscribed,
    Wrote,
)

# What was recorded so much later or earlier than a call is another call.
LATER_US = 2_000_000
EARLIER_US = 10_000_000

Answer = Scanned | Orphans | Cycled | Opened | Read | Wrote | Subscribed | Closed
Key = tuple[type[Answer], int, str]  # kind of call, number of its link or radio, characteristic


@dataclass(slots=True)
class _Call:
    index: int  # among all records
    record: Answer

    @property
    def began_us(self) -> int:
        return self.record.at_us - self.record.took_us


class Script:
    def __init__(self, records: Sequence[Record]) -> None:
        self._calls: defaultdict[Key, list[_Call]] = defaultdict(list)  # that nobody has had yet
        self._said: dict[tuple[int, str], bytes] = {}
        self.ended_us: dict[int, int] = {}  # by link: when it was lost, or its closing began
        for index, record in enumerate(records):
            match record:
                case Gone():
                    self.ended_us.setdefault(record.link, record.at_us)
                case Scanned() | Orphans() | Cycled():
                    self._keep(index, record, record.radio)
                case Opened():
                    self._keep(index, record, record.link)
                case Closed():
                    self._keep(index, record, record.link)
                    self.ended_us.setdefault(record.link, record.at_us - record.took_us)
                case Read() | Wrote() | Subscribed():
                    self._keep(index, record, record.link, record.char)
                case _:
                    pass

    def answer(
        self,
        kind: type[Answer],
        number: int,
        now_us: int,
        char: str = "",
        data: bytes | None = None,
    ) -> tuple[int, Answer] | None:
        """The recorded call's index and how it went; None: nothing like it was recorded now."""
        left = self._calls.get((kind, number, char), [])
        near = [c for c in left if now_us - EARLIER_US <= c.began_us <= now_us + LATER_US]
        if not near:
            return None
        same = [c for c in near if isinstance(c.record, Wrote) and c.record.data == data]
        found = (same or near)[0]
        left.remove(found)
        if isinstance(found.record, Read) and found.record.fault is None:
            self._said[number, char] = found.record.data
        return found.index, found.record

    def last_said(self, link: int, char: str) -> bytes | None:
        """What the last answered read of this characteristic said."""
        return self._said.get((link, char))

    def _keep(self, index: int, record: Answer, number: int, char: str = "") -> None:
        self._calls[type(record), number, char].append(_Call(index, record))
