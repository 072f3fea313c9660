"""One stream at the hub: which numbers it takes, what is durable, what to ask for again."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hub.wire.uplink import StreamHeader
from hub.wire.uplink_session import HubRules

US = 1_000


class Verdict(StrEnum):
    TAKEN = "taken"
    DUPLICATE = "duplicate"  # received before: counted and discarded
    SKIPPED = "skipped"  # numbers in between are missing: they are asked for
    HELD = "held"  # a commit failed a moment ago, or too much waits for one


class Token(NamedTuple):
    """Names what was handed to the journal, for `committed` or `commit_failed`."""

    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    generation: int


class HubStream:
    """`(gateway, epoch)` at the hub. Numbers are taken without a hole and committed in order.

    `received_seq` is in memory, `durable_seq` in the journal; a failed commit takes the first back
    to the second. `seen_seq` is the highest number that fusion has had: what is sent again after a
    failed commit is recorded then, not shown twice.
    """

    __slots__ = (
        "_asked_us",
        "_failures",
        "_held_until_us",
        "_rules",
        "durable_seq",
        "estimated",
        "gateway",
        "generation",
        "header",
        "received_seq",
        "retire_asked",
        "seen_seq",
        "shift_ms",
    )

    def __init__(
        self, gateway: str, header: StreamHeader, durable_seq: int, rules: HubRules
    ) -> None:
        self.gateway = gateway
        self.header = header
        self.durable_seq = durable_seq
        self.received_seq = durable_seq
        self.seen_seq = durable_seq
        self.generation = 0
        self.retire_asked = False
        # Hub time = reading's boot time + shift; by the gateway's wall clock until measured.
        self.shift_ms = header.wall_ms - header.opened_boot_ms
        self.estimated = True
        self._rules = rules
        self._failures = 0
        self._held_until_us: int | None = None
        self._asked_us: int | None = None

    @property
    def complete(self) -> bool:
        """Sealed, and every number that the gateway ever gave out is committed."""
        return self.header.sealed and self.durable_seq >= self.header.next_seq - 1

    def place_by(self, offset_us: int) -> None:
        """The boot clock of this stream is measured."""
        self.shift_ms = round(offset_us / US)
        self.estimated = False

    def judge(self, from_seq: int, to_seq: int, readings: int) -> Verdict:
        """What to do with these numbers, of which `readings` need memory (none in a gap)."""
        if to_seq <= self.received_seq:
            return Verdict.DUPLICATE
        if self._held_until_us is not None:
            return Verdict.HELD
        if from_seq > self.received_seq + 1:
            return Verdict.SKIPPED
        if readings and to_seq - self.durable_seq > self._rules.unacked_max:
            return Verdict.HELD
        return Verdict.TAKEN

    def take(self, to_seq: int) -> Token:
        """Takes `received_seq + 1 … to_seq`, which `judge` has allowed."""
        token = Token(
            self.gateway, self.header.epoch, self.received_seq + 1, to_seq, self.generation
        )
        self.received_seq = to_seq
        self._asked_us = None
        return token

    def see(self, from_seq: int, to_seq: int) -> int:
        """How many of `from_seq … to_seq` fusion has had before; now it has had them all."""
        known = min(max(0, self.seen_seq + 1 - from_seq), to_seq + 1 - from_seq)
        self.seen_seq = max(self.seen_seq, to_seq)
        return known

    def committed(self, token: Token) -> bool:
        """True if `durable_seq` moved. The journal's word counts, whatever was rolled back."""
        self._failures = 0
        if token.to_seq <= self.durable_seq:
            return False
        self.durable_seq = token.to_seq
        self.received_seq = max(self.received_seq, token.to_seq)
        return True

    def commit_failed(self, token: Token, now_us: int) -> None:
        """Rolls back, once for all that was on its way, and takes nothing for a while."""
        if token.generation != self.generation:
            return
        self.generation += 1
        self.received_seq = self.durable_seq
        hold_ms = self._rules.hold_ms[min(self._failures, len(self._rules.hold_ms) - 1)]
        self._failures += 1
        self._held_until_us = now_us + hold_ms * US

    def released(self, now_us: int) -> bool:
        """True once when the hold of a failed commit is over: ask for the rest again."""
        if self._held_until_us is None or now_us < self._held_until_us:
            return False
        self._held_until_us = None
        self._asked_us = now_us
        return True

    def may_ask(self, now_us: int) -> bool:
        """A skip is asked for once, and again only if that brought nothing for a while."""
        asked_us = self._asked_us
        if asked_us is not None and now_us - asked_us < self._rules.rewind_ms * US:
            return False
        self._asked_us = now_us
        return True

    def reconnected(self, header: StreamHeader) -> None:
        """The gateway lists the stream in a new Hello: sealed by now, with its final end."""
        self.header = header
        self._asked_us = None
