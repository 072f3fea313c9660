"""Clients that get the same state frames, and who of them keeps up.

Acks tell it: the oldest frame unacknowledged for STALE_ACK_MS means no more until it is, then a
whole one. They are judged all together, by the numbers of the audience's frames of the last
moments, so that a frame costs a client that keeps up nothing but its write.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from hub.live.gauges import Gauges
from hub.live.outbox import Outbox, Write, ws_text

STALE_ACK_MS = 2_000
DEAD_ACK_MS = 10_000

Masks = tuple[tuple[str, int], ...]  # (athlete, metric mask) of every row, in row order
AudienceKey = tuple[str, int, Masks]  # channel, rate, masks
Mark = tuple[int, int]  # a state frame's number and when it was written (hub ms)


class Roster(Protocol):
    """Where the gauges of an athlete are."""

    def __call__(self, athlete_id: str) -> Gauges | None: ...


class Audience:
    """Each client is in one of three places.

    `_prompt`: keeps up, and a frame may go straight to its `write`.
    `aside`: keeps up, but its frames have others before or beside them.
    `late`: has missed a frame and needs a whole one; with the marks it had not acknowledged then.
    """

    __slots__ = (
        "_head",
        "_least_acked",
        "_lists",
        "_marks",
        "_prompt",
        "_rows",
        "_seen",
        "aside",
        "changes",
        "channel",
        "key",
        "late",
        "slot",
        "step",
    )

    def __init__(self, key: AudienceKey, slot: int, step: int) -> None:
        """Served in `slot` of the fan-out's cycle and each `step` slots after it."""
        self.key = key
        self.channel, _, self._rows = key
        self.slot = slot
        self.step = step
        self._prompt: dict[Outbox, Write] = {}
        self.aside: dict[Outbox, None] = {}
        self.late: dict[Outbox, list[Mark]] = {}
        self.changes = 0  # of `_prompt` and `aside`
        self._lists: tuple[list[Outbox], list[Write]] | None = None
        self._marks: deque[Mark] = deque()  # bounded by STALE_ACK_MS and the rate
        self._least_acked = 0  # no client on time has acknowledged less
        self._seen: dict[str, int] = {}
        self._head = b'{"t":"state","channel":"%s","n":' % self.channel.encode()

    def __len__(self) -> int:
        return len(self._prompt) + len(self.aside) + len(self.late)

    # Who

    def join(self, outbox: Outbox) -> None:
        self.late[outbox] = []
        outbox.enter(self)

    def part(self, outbox: Outbox) -> None:
        self._remove(outbox)
        self.late.pop(outbox, None)
        outbox.leave(self)

    def place(self, outbox: Outbox) -> None:
        if outbox in self.late:
            return
        if outbox.is_prompt:
            if outbox not in self._prompt:
                self._remove(outbox)
                self._prompt[outbox] = outbox.write
        elif outbox not in self.aside:
            self._remove(outbox)
            self.aside[outbox] = None

    def prompt_now(self) -> tuple[list[Outbox], list[Write]]:
        """Who may be written to at once, and how. Not to be changed."""
        if self._lists is None:
            self._lists = list(self._prompt), list(self._prompt.values())
        return self._lists

    def is_on_time(self, outbox: Outbox) -> bool:
        return outbox in self._prompt or outbox in self.aside

    def miss(self, outbox: Outbox, n: int) -> None:
        """It is not given frame `n`, nor any after it until it is given everything."""
        self._remove(outbox)
        self.late[outbox] = [mark for mark in self._marks if outbox.acked_n < mark[0] < n]

    def is_whole(self, outbox: Outbox, n: int) -> None:
        """It was given everything in frame `n`: what it acknowledges counts from there."""
        del self.late[outbox]
        outbox.acked_n = n - 1
        self.place(outbox)

    def _remove(self, outbox: Outbox) -> None:
        self._prompt.pop(outbox, None)
        self.aside.pop(outbox, None)
        self._lists = None
        self.changes += 1

    # Keeping up

    def numbered(self, n: int, now: int) -> None:
        """A frame is about to be written: who has not seen one of STALE_ACK_MS ago will miss it."""
        stale: list[Mark] = []
        while self._marks and now - self._marks[0][1] > STALE_ACK_MS:
            stale.append(self._marks.popleft())
        if stale and stale[-1][0] > self._least_acked:
            self._sort_out(stale, n)
        self._marks.append((n, now))

    def _sort_out(self, stale: list[Mark], n: int) -> None:
        stale_n, least = stale[-1][0], n - 1
        for outbox in (*self._prompt, *self.aside):
            # A number from ahead says: everything so far.
            acked_n = outbox.acked_n = min(outbox.acked_n, n - 1)
            if acked_n < stale_n:
                self.miss(outbox, n)
                unseen = [mark for mark in stale if mark[0] > acked_n]
                self.late[outbox] = unseen + self.late[outbox]
            else:
                least = min(least, acked_n)
        self._least_acked = least

    def has_caught_up(self, outbox: Outbox, now: int) -> bool:
        """Whether a late client may be given a whole frame; one dead for DEAD_ACK_MS is cut off."""
        unseen = self.late.get(outbox)
        if unseen is None or outbox.closed:
            return False
        while unseen and unseen[0][0] <= outbox.acked_n:
            del unseen[0]
        waited_ms = now - unseen[0][1] if unseen else 0
        if waited_ms > DEAD_ACK_MS:
            outbox.abort()
        return waited_ms <= STALE_ACK_MS and outbox.takes_frames

    def oldest_unseen_ms(self, now: int) -> int:
        """How long the client that is furthest behind has not acknowledged a frame."""
        unseen = [marks[0][1] for marks in self.late.values() if marks]
        if self._marks and (self._prompt or self.aside):
            least = min(outbox.acked_n for outbox in (*self._prompt, *self.aside))
            unseen += [at_ms for n, at_ms in self._marks if n > least][:1]
        return now - min(unseen) if unseen else 0

    # What

    def changed(self, roster: Roster, now: int) -> list[bytes]:
        """Rows that differ from what this audience was last given."""
        fragments = []
        for athlete_id, mask in self._rows:
            gauges = roster(athlete_id)
            if gauges is None:
                continue
            gauges.refresh(now)
            if self._seen.get(athlete_id) != gauges.version:
                self._seen[athlete_id] = gauges.version
                fragments.append(gauges.fragment(mask))
        return fragments

    def everything(self, roster: Roster, now: int) -> list[bytes]:
        fragments = []
        for athlete_id, mask in self._rows:
            gauges = roster(athlete_id)
            if gauges is not None:
                gauges.refresh(now)
                fragments.append(gauges.fragment(mask))
        return fragments

    def frame(self, n: int, now: int, fragments: list[bytes], *, whole: bool) -> bytes:
        return ws_text(
            b'%b%d,"at_ms":%d,"whole":%b,"rows":[%b]}'
            % (self._head, n, now, b"true" if whole else b"false", b",".join(fragments))
        )
