"""The state lane: one frame per audience and tick, for as many clients as there are.

An audience is whoever wants the same channel at the same rate with the same metric masks. On its
tick its changed rows, encoded once per athlete and mask, are joined into one frame, framed once,
and the same bytes are written to every client. Audiences are spread over the period, and work is
cut into slices, so that no tick delays a cue. `hub.live.audience` knows who of them keeps up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from operator import length_hint

import structlog

from hub.live.audience import Audience, AudienceKey, Masks, Roster
from hub.live.outbox import Outbox, Write

LOG = structlog.get_logger()

SLOT_MS = 25
SLOTS = 40  # slots in the cycle of one second
RATES_HZ = (1, 2, 4)
SLICE_NS = 250_000
CLIENTS_PER_CHECK = 32


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
        self._work: deque[Iterator[None]] = deque()
        self._serving: set[Audience] = set()  # they leave a tick out
        self._working = False
        self._timer: asyncio.TimerHandle | None = None
        self._slot = 0
        self._n = 0
        self.frame_count = 0
        self.conflated_count = 0  # frames that a client was not given because it did not keep up

    @property
    def audiences(self) -> Mapping[AudienceKey, Audience]:
        return self._audiences

    @property
    def late_count(self) -> int:
        return sum(len(audience.late) for audience in self._audiences.values())

    def unseen_ms(self) -> int:
        """Age of the oldest frame that a client has not acknowledged. Looks at every client."""
        now = self._now_ms()
        ages = (audience.oldest_unseen_ms(now) for audience in self._audiences.values())
        return max(ages, default=0)

    def subscribe(self, outbox: Outbox, channel: str, rate_hz: int, rows: Masks) -> None:
        """From the next tick on, beginning with a whole frame. Replaces an earlier subscription."""
        self.unsubscribe(outbox, channel)
        rate_hz = max(rate for rate in RATES_HZ if rate <= rate_hz)
        key = (channel, rate_hz, rows)
        audience = self._audiences.get(key)
        if audience is None:
            step = SLOTS // rate_hz
            audience = self._audiences[key] = Audience(key, self._slot_for(outbox, step), step)
        audience.join(outbox)
        self._wind()

    def unsubscribe(self, outbox: Outbox, channel: str) -> None:
        for lane in outbox.lanes:
            if lane.channel == channel and isinstance(lane, Audience):
                lane.part(outbox)
                if not lane:
                    self._audiences.pop(lane.key, None)  # none is left after `close`

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._audiences.clear()
        self._work.clear()
        self._serving.clear()

    def _slot_for(self, outbox: Outbox, step: int) -> int:
        """That of the client's other channel, so that both come in one write; or the one whose
        neighbours in the cycle have the fewest clients.
        """
        for lane in outbox.lanes:
            if isinstance(lane, Audience):
                return lane.slot % step
        load = [0] * SLOTS
        for audience in self._audiences.values():
            for slot in range(audience.slot, SLOTS, audience.step):
                load[slot] += 1 + len(audience)
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
            if self._slot % audience.step == audience.slot and audience not in self._serving:
                self._serving.add(audience)
                self._work.append(self._serve(audience))
        self._wind()
        if self._work and not self._working:
            self._run()

    def _run(self) -> None:
        """Work for one slice, then let the loop see to its timers and sockets."""
        self._working = True
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
        try:
            yield from self._frames(audience)
        finally:
            self._serving.discard(audience)

    def _frames(self, audience: Audience) -> Iterator[None]:
        now = self._now_ms()
        waiting = list(audience.late)
        fragments = audience.changed(self._roster, now)
        if fragments:
            n = self._next()
            frame = audience.frame(n, now, fragments, whole=False)
            audience.numbered(n, now)
            yield
            yield from self._write(audience, n, frame)
        ready = [outbox for outbox in waiting if audience.has_caught_up(outbox, now)]
        if ready:
            if not fragments:  # else it has the number of the frame that it is given instead of
                n = self._next()
            everything = audience.everything(self._roster, now)
            frame = audience.frame(n, now, everything, whole=True)
            yield
            for begin in range(0, len(ready), CLIENTS_PER_CHECK):
                for outbox in ready[begin : begin + CLIENTS_PER_CHECK]:
                    if outbox in audience.late and outbox.offer(frame):
                        audience.is_whole(outbox, n)
                        self.frame_count += 1
                yield
        if fragments:
            self.conflated_count += len(audience.late)

    def _next(self) -> int:
        self._n += 1
        return self._n

    def _write(self, audience: Audience, n: int, frame: bytes) -> Iterator[None]:
        """To all who are on time; after a change between two slices each is looked at again."""
        aside = list(audience.aside)
        prompt, writes = audience.prompt_now()
        changes = audience.changes
        for begin in range(0, len(aside), CLIENTS_PER_CHECK):
            self._offer(audience, aside[begin : begin + CLIENTS_PER_CHECK], n, frame)
            yield
        for begin in range(0, len(writes), CLIENTS_PER_CHECK):
            end = begin + CLIENTS_PER_CHECK
            if audience.changes == changes:
                self._write_at_once(prompt[begin:end], writes[begin:end], frame)
            else:
                self._offer(audience, prompt[begin:end], n, frame)
            yield

    def _write_at_once(self, prompt: list[Outbox], writes: list[Write], frame: bytes) -> None:
        """The loop that every frame of every client goes through: nothing else may be in it."""
        self.frame_count += len(writes)
        left = iter(writes)
        while True:
            try:
                for write in left:
                    write(frame)
                return
            except Exception:  # a socket's own fault: the others shall have theirs
                broken = prompt[len(prompt) - length_hint(left) - 1]
                LOG.exception("write_failed")
                broken.abort()

    def _offer(self, audience: Audience, outboxes: list[Outbox], n: int, frame: bytes) -> None:
        """Who cannot take the frame is late, and whole once it can."""
        for outbox in outboxes:
            if not audience.is_on_time(outbox):
                continue  # left between two slices
            if outbox.offer(frame):
                self.frame_count += 1
            else:
                audience.miss(outbox, n)
