"""Which readings a gateway sends next: live first, sealed epochs beside it, go-back-N."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from hub.wire.uplink import BATCH_READINGS_MAX, Batch, Gap, Retire, StreamAck
from hub.wire.uplink_session import GatewayRules, Spool

US = 1_000
SETTLE_US = 100_000  # a spool that is not settled yet, or not to be read, is asked again so soon


@dataclass(slots=True)
class _Cursor:
    """One stream: the next number to send, the last acknowledged, one past the last appended."""

    epoch: str
    next_seq: int
    acked_seq: int
    end_seq: int

    @property
    def in_flight(self) -> int:
        return max(0, self.next_seq - 1 - self.acked_seq)

    @property
    def unsent(self) -> int:
        return self.end_seq - self.next_seq

    @property
    def done(self) -> bool:
        return self.acked_seq >= self.end_seq - 1


class StreamSender:
    """The streams of one connection; `open` begins the next one.

    Live batches leave when 16 readings wait or the first has waited the live interval. Sealed
    epochs drain oldest first, paced by a token bucket, inside their own window. At the beginning
    both wait a moment for the clock, by which the hub places them. What is not acknowledged for
    `ack_timeout_ms` is sent again from the first such number.
    """

    def __init__(self, spool: Spool, rules: GatewayRules) -> None:
        self._spool = spool
        self._rules = rules
        self._live = _Cursor("", 1, 0, 1)
        self._sealed: OrderedDict[str, _Cursor] = OrderedDict()
        self._retire: list[str] = []
        self._retire_us = 0  # Retire was last said
        self._live_due_us = 0
        self._hold_until_us = 0
        self._progress_us = 0
        self._full_since_us: int | None = None
        self._tokens = 0.0
        self._tokens_us = 0
        self.resent = 0  # readings sent again

    def open(self, epoch: str, boot_id: str, boot_us: int, wall_ms: int) -> None:
        """Seals what was live and begins a new epoch; nothing leaves before `start`."""
        self._spool.open(epoch, boot_id, boot_us // US, wall_ms)
        *sealed, live = self._spool.headers()
        self._live = _Cursor(live.epoch, live.from_seq, live.from_seq - 1, live.next_seq)
        self._sealed = OrderedDict(
            (h.epoch, _Cursor(h.epoch, h.from_seq, h.from_seq - 1, h.next_seq)) for h in sealed
        )
        self._retire = []
        self._full_since_us = None

    def start(self, acks: tuple[StreamAck, ...], boot_us: int) -> None:
        """The hub said Welcome and what it has."""
        self._tokens, self._tokens_us = 0.0, boot_us
        self._progress_us = boot_us
        self._live_due_us = boot_us
        self._hold_until_us = boot_us + self._rules.clock_hold_ms * US
        for cursor in self._sealed.values():
            if cursor.done:
                self._retire.append(cursor.epoch)
        for ack in acks:
            self.acked(ack.epoch, ack.durable_seq, boot_us)

    def release(self) -> None:
        """The clock is measured: nothing need wait for it any more."""
        self._hold_until_us = 0

    def appended(self, boot_us: int) -> None:
        if self._live.unsent <= 0:
            self._live_due_us = boot_us + self._rules.live_interval_ms * US
        self._live.end_seq += 1

    def acked(self, epoch: str, durable_seq: int, boot_us: int) -> None:
        cursor = self._cursor(epoch)
        if cursor is None or durable_seq <= cursor.acked_seq:
            return
        # A hub may know more than a spool that lost its tail with the power.
        cursor.acked_seq = min(durable_seq, cursor.end_seq - 1)
        cursor.next_seq = max(cursor.next_seq, cursor.acked_seq + 1)
        self._spool.acked(epoch, cursor.acked_seq)
        self._progress_us = boot_us
        if cursor is not self._live and cursor.done and epoch not in self._retire:
            self._retire.append(epoch)

    def rewind(self, epoch: str, next_seq: int, boot_us: int) -> None:
        cursor = self._cursor(epoch)
        if cursor is not None:
            self._go_back(cursor, max(1, next_seq))
            self._progress_us = boot_us

    def retired(self, epoch: str) -> None:
        cursor = self._sealed.get(epoch)
        if cursor is not None and cursor.done:
            del self._sealed[epoch]
            self._spool.forget(epoch)

    def tick(self, boot_us: int) -> bool:
        """Goes back where acks are overdue; True: live is stalled and needs a new epoch."""
        streams = (self._live, *self._sealed.values())
        if not any(cursor.in_flight for cursor in streams):
            self._progress_us = boot_us
        elif boot_us - self._progress_us >= self._rules.ack_timeout_ms * US:
            self._progress_us = boot_us
            for cursor in streams:
                self._go_back(cursor, cursor.acked_seq + 1)
        if boot_us - self._retire_us >= self._rules.ack_timeout_ms * US and not self._retire:
            self._retire_us = boot_us
            self._retire = [cursor.epoch for cursor in self._sealed.values() if cursor.done]
        if self._live.unsent <= 0 or self._live.in_flight < self._rules.live_window:
            self._full_since_us = None
        elif self._full_since_us is None:
            self._full_since_us = boot_us
        since = self._full_since_us
        return since is not None and boot_us - since >= self._rules.stall_ms * US

    def next_live(self, boot_us: int) -> Batch | Gap | None:
        if not self._live_ready() or boot_us < self._live_at_us():
            return None
        frame = self._read(self._live, boot_us, backfill=False)
        if self._live.unsent < BATCH_READINGS_MAX:
            self._live_due_us = boot_us + self._rules.live_interval_ms * US
        return frame

    def next_retire(self, boot_us: int) -> Retire | None:
        epoch = next((epoch for epoch in self._retire if self._spool.settled(epoch)), None)
        if epoch is None:
            return None
        self._retire_us = boot_us
        self._retire.remove(epoch)
        return Retire(epoch)

    def next_backfill(self, boot_us: int) -> Batch | Gap | None:
        cursor = self._draining()
        if cursor is None or boot_us < self._hold_until_us:
            return None
        self._fill_bucket(boot_us)
        if self._tokens < BATCH_READINGS_MAX:
            return None
        frame = self._read(cursor, boot_us, backfill=True)
        self._tokens -= len(frame.readings) if isinstance(frame, Batch) else 1
        return frame

    def wake_us(self, boot_us: int) -> int | None:
        """When one of the `next_…` has something again, if time alone brings it."""
        times: list[int] = []
        if self._retire:
            settled = any(self._spool.settled(epoch) for epoch in self._retire)
            times.append(boot_us + (0 if settled else SETTLE_US))
        if self._live_ready():
            times.append(self._live_at_us())
        if self._draining() is not None:
            missing = BATCH_READINGS_MAX - self._tokens
            wait_us = int(missing * 1_000_000 / self._rules.backfill_per_s) + 1
            times.append(max(self._hold_until_us, self._tokens_us + max(0, wait_us)))
        return max(boot_us, min(times)) if times else None

    def _live_ready(self) -> bool:
        live = self._live
        return live.unsent > 0 and live.in_flight < self._rules.live_window

    def _live_at_us(self) -> int:
        due_us = 0 if self._live.unsent >= BATCH_READINGS_MAX else self._live_due_us
        return max(due_us, self._hold_until_us)

    def _draining(self) -> _Cursor | None:
        """The oldest sealed epoch with something unsent, while the window has room."""
        if sum(c.in_flight for c in self._sealed.values()) >= self._rules.backfill_window:
            return None
        return next((c for c in self._sealed.values() if c.unsent > 0), None)

    def _fill_bucket(self, boot_us: int) -> None:
        rate = self._rules.backfill_per_s
        earned = (boot_us - self._tokens_us) * rate / 1_000_000
        self._tokens = min(self._tokens + earned, max(2.0 * BATCH_READINGS_MAX, rate / 10))
        self._tokens_us = boot_us

    def _read(self, cursor: _Cursor, boot_us: int, backfill: bool) -> Batch | Gap | None:
        item = self._spool.read(cursor.epoch, cursor.next_seq, BATCH_READINGS_MAX)
        if item is None:
            self._hold_until_us = boot_us + SETTLE_US
            return None
        if isinstance(item, Gap):
            cursor.next_seq = item.to_seq + 1
            return item
        batch = Batch(cursor.epoch, cursor.next_seq, item, backfill)
        cursor.next_seq += len(item)
        return batch

    def _go_back(self, cursor: _Cursor, next_seq: int) -> None:
        if next_seq < cursor.next_seq:
            self.resent += cursor.next_seq - next_seq
            cursor.next_seq = next_seq

    def _cursor(self, epoch: str) -> _Cursor | None:
        return self._live if epoch == self._live.epoch else self._sealed.get(epoch)
