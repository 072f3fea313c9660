"""The state lane: one frame per audience and tick, for as many clients as there are.

An audience is whoever wants the same channel at the same rate with the same metric masks. On its
tick its changed rows, encoded once per athlete and mask, are joined into one frame, framed once,
and the same bytes are written to every client. Audiences are spread over the period, and work is
cut into slices, so that no tick delays a cue.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import structlog

from hub.live.gauges import Gauges
from hub.live.outbox import Mark, Outbox, ws_text

LOG = structlog.get_logger()

SLOT_MS = 25
SLOTS = 40  # slots in the cycle of one second
RATES_HZ = (1, 2, 4)
SLICE_NS = 500_000
CLIENTS_PER_CHECK = 32

Masks = tuple[tuple[str, int], ...]  # (athlete, metric mask) of every row, in row order
AudienceKey = tuple[str, int, Masks]  # channel, rate, masks


class Roster(Protocol):
    """Where the gauges of an athlete are."""

    def __call__(self, athlete_id: str) -> Gauges | None: ...


class Audience:
    """Clients that get the same bytes. `late` ones have missed a frame and need a whole one."""

    __slots__ = ("_head", "changes", "channel", "clients", "late", "rows", "seen", "slot", "step")

    def __init__(self, key: AudienceKey, slot: int) -> None:
        channel, rate_hz, self.rows = key
        self.channel = channel
        self.clients: dict[Outbox, None] = {}
        self.late: dict[Outbox, None] = {}
        self.changes = 0  # of `clients`
        self.seen: dict[str, int] = {}
        self.slot = slot
        self.step = SLOTS // rate_hz
        self._head = b'{"t":"state","channel":"%s","n":' % channel.encode()

    def changed(self, roster: Roster, now: int) -> list[bytes]:
        """Rows that differ from what this audience was last given."""
        fragments = []
        for athlete_id, mask in self.rows:
            gauges = roster(athlete_id)
            if gauges is None:
                continue
            gauges.refresh(now)
            if self.seen.get(athlete_id) != gauges.version:
                self.seen[athlete_id] = gauges.version
                fragments.append(gauges.fragment(mask))
        return fragments

    def everything(self, roster: Roster, now: int) -> list[bytes]:
        fragments = []
        for athlete_id, mask in self.rows:
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


class Fanout:
    """`now_ms` is hub time. Nothing runs while nobody listens."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        roster: Roster,
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._now_ms = now_ms
        self._roster = roster
        self._elapsed_ns = elapsed_ns
        self._audiences: dict[AudienceKey, Audience] = {}
        self._of: dict[tuple[Outbox, str], AudienceKey] = {}
        self._work: deque[Iterator[None]] = deque()
        self._working = False
        self._timer: asyncio.TimerHandle | None = None
        self._slot = 0
        self._n = 0
        self.frame_count = 0

    @property
    def audiences(self) -> Mapping[AudienceKey, Audience]:
        return self._audiences

    def subscribe(self, outbox: Outbox, channel: str, rate_hz: int, rows: Masks) -> None:
        """From the next tick on, beginning with a whole frame. Replaces an earlier subscription."""
        self.unsubscribe(outbox, channel)
        rate_hz = max(rate for rate in RATES_HZ if rate <= rate_hz)
        key = (channel, rate_hz, rows)
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(key, self._free_slot(SLOTS // rate_hz))
        audience.clients[outbox] = None
        audience.changes += 1
        audience.late[outbox] = None
        self._of[outbox, channel] = key
        self._wind()

    def unsubscribe(self, outbox: Outbox, channel: str) -> None:
        key = self._of.pop((outbox, channel), None)
        if key is None:
            return
        audience = self._audiences[key]
        audience.clients.pop(outbox, None)
        audience.changes += 1
        audience.late.pop(outbox, None)
        if not audience.clients:
            del self._audiences[key]

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._audiences.clear()
        self._of.clear()
        self._work.clear()

    def _free_slot(self, step: int) -> int:
        """The slot whose neighbours in the cycle have the fewest clients."""
        load = [0] * SLOTS
        for audience in self._audiences.values():
            for slot in range(audience.slot, SLOTS, audience.step):
                load[slot] += 1 + len(audience.clients)
        return min(range(step), key=lambda first: sum(load[first::step]))

    def _wind(self) -> None:
        if self._timer is None and self._audiences:
            self._timer = asyncio.get_running_loop().call_later(SLOT_MS / 1000, self._tick)

    def spread(self, work: Iterator[None]) -> None:
        """Do other work in the same slices, after what waits; each `next` shall be short."""
        self._work.append(work)
        if not self._working:
            self._run()

    def _tick(self) -> None:
        self._timer = None
        self._slot = (self._slot + 1) % SLOTS
        for audience in self._audiences.values():
            if self._slot % audience.step == audience.slot:
                self._work.append(self._serve(audience))
        self._wind()
        if self._work and not self._working:
            self._run()

    def _run(self) -> None:
        """Work for one slice, then let the loop see to its timers and sockets."""
        until_ns = self._elapsed_ns() + SLICE_NS
        while self._work:
            if self._is_done(self._work[0]):
                self._work.popleft()
            if self._elapsed_ns() >= until_ns:
                break
        self._working = bool(self._work)
        if self._working:
            asyncio.get_running_loop().call_soon(self._run)

    def _is_done(self, work: Iterator[None]) -> bool:
        try:
            return next(work, self) is self
        except Exception:
            LOG.exception("fanout_failed")  # one audience's frame; the others shall have theirs
            return True

    def _serve(self, audience: Audience) -> Iterator[None]:
        now = self._now_ms()
        late, audience.late = audience.late, {}
        fragments = audience.changed(self._roster, now)
        if fragments:
            mark, frame = self._frame(audience, now, fragments, whole=False)
            yield
            on_time = [outbox for outbox in audience.clients if outbox not in late]
            yield from self._write(audience, on_time, frame, mark)
        ready = [outbox for outbox in late if outbox.keeps_up(now)]
        audience.late.update(dict.fromkeys(late.keys() - set(ready)))
        if ready:
            everything = audience.everything(self._roster, now)
            mark, frame = self._frame(audience, now, everything, whole=True)
            yield
            yield from self._write(audience, ready, frame, mark)

    def _frame(
        self, audience: Audience, now: int, fragments: list[bytes], *, whole: bool
    ) -> tuple[Mark, bytes]:
        self._n += 1
        return (self._n, now), audience.frame(self._n, now, fragments, whole=whole)

    def _write(
        self, audience: Audience, clients: list[Outbox], frame: bytes, mark: Mark
    ) -> Iterator[None]:
        """Who cannot take the frame is late, and whole once it can."""
        changes = audience.changes
        for begin in range(0, len(clients), CLIENTS_PER_CHECK):
            for outbox in clients[begin : begin + CLIENTS_PER_CHECK]:
                if audience.changes != changes and outbox not in audience.clients:
                    continue  # left between two slices
                if outbox.offer(frame, mark):
                    self.frame_count += 1
                else:
                    audience.late[outbox] = None
            yield
