"""Vocabulary of the uplink session: phases, rules and the store that a gateway sends from.

`uplink_gateway.py` and `uplink_hub.py` are the two ends, `uplink_stream.py` one stream at the hub,
`uplink_clock.py` the clock exchange. All are sans-I/O: frames and times in, frames and events out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from hub.wire.uplink import (
    BEAT_MS,
    SILENCE_MS_MAX,
    ClockOffset,
    Gap,
    StreamHeader,
)
from hub.wire.values import Reading


class EdgeTime(NamedTuple):
    """The gateway's two clocks: CLOCK_BOOTTIME in us (never steps) and the wall in ms (may)."""

    boot_us: int
    wall_ms: int


class Phase(StrEnum):
    """Where a gateway's session stands."""

    DOWN = "down"  # no session; says Hello once the back-off ends and the socket takes it
    GREETING = "greeting"  # Hello said, Welcome awaited
    UP = "up"
    REFUSED = "refused"  # the hub said no; asks again later
    STOPPED = "stopped"


class Step(StrEnum):
    """What moves a gateway's session from phase to phase."""

    HELLO = "hello"  # said
    WELCOME = "welcome"
    REFUSE = "refuse"
    BYE = "bye"
    SILENCE = "silence"  # no beat from the hub's loop
    LOST = "lost"  # the transport broke
    STALLED = "stalled"  # live fills its window and no ack comes: live goes on in a new epoch
    RETRY = "retry"  # the time of a refusal is over
    STOP = "stop"


# An absent pair changes nothing: the message came late or out of turn and is counted.
PHASES: dict[tuple[Phase, Step], Phase] = {
    (Phase.DOWN, Step.HELLO): Phase.GREETING,
    (Phase.DOWN, Step.REFUSE): Phase.REFUSED,  # the key is unknown: no Hello is ever said
    (Phase.DOWN, Step.STOP): Phase.STOPPED,
    (Phase.GREETING, Step.WELCOME): Phase.UP,
    (Phase.GREETING, Step.REFUSE): Phase.REFUSED,
    (Phase.GREETING, Step.BYE): Phase.DOWN,
    (Phase.GREETING, Step.SILENCE): Phase.DOWN,
    (Phase.GREETING, Step.LOST): Phase.DOWN,
    (Phase.GREETING, Step.STOP): Phase.STOPPED,
    (Phase.UP, Step.REFUSE): Phase.REFUSED,
    (Phase.UP, Step.BYE): Phase.DOWN,
    (Phase.UP, Step.SILENCE): Phase.DOWN,
    (Phase.UP, Step.LOST): Phase.DOWN,
    (Phase.UP, Step.STALLED): Phase.DOWN,
    (Phase.UP, Step.STOP): Phase.STOPPED,
    (Phase.REFUSED, Step.RETRY): Phase.DOWN,
    (Phase.REFUSED, Step.STOP): Phase.STOPPED,
}


def phase_table() -> str:
    """`PHASES` as text, one row a phase, one column a step."""
    width = 10
    rows = ["".ljust(width) + "".join(step.ljust(width) for step in Step)]
    for phase in Phase:
        cells = (str(PHASES.get((phase, step), "-")).ljust(width) for step in Step)
        rows.append(phase.ljust(width) + "".join(cells))
    return "\n".join(row.rstrip() for row in rows)


@dataclass(frozen=True, slots=True)
class GatewayRules:
    """Pace and bounds of the gateway's end."""

    live_interval_ms: int = 50  # a reading waits at most so long for company; 0: sent at once
    live_window: int = 4_096  # readings sent and not yet acknowledged
    backfill_window: int = 512
    backfill_per_s: int = 2_000  # readings of sealed epochs beside live
    beat_ms: int = BEAT_MS
    silence_ms: int = SILENCE_MS_MAX
    ack_timeout_ms: int = 5_000  # nothing acknowledged for so long: go back and send again
    stall_ms: int = 3_000  # the live window full for so long: a new epoch
    state_interval_ms: int = 100  # changed rows of one kind travel together
    clock_hold_ms: int = 500  # first readings wait so long for the clock to be measured
    clock_burst: int = 5
    clock_burst_ms: int = 50
    clock_ms: int = 15_000
    hello_backoff_ms: tuple[int, ...] = (0, 500, 1_000, 2_000, 5_000)  # by failures in a row
    # Refused without `retry_ms`: a human must act, look again then. No wait is longer.
    refused_ms: int = 60_000
    commands_max: int = 64  # under way, and answers remembered for a repeated question
    sensors_max: int = 512


@dataclass(frozen=True, slots=True)
class HubRules:
    """Bounds of the hub's end."""

    gateways_max: int = 256
    streams_max: int = 1_024  # in one Hello
    silence_ms: int = SILENCE_MS_MAX
    beat_ms: int = BEAT_MS
    # A refused process comes back soon once (the one before it may just have died), then seldom.
    duplicate_retry_ms: tuple[int, int] = (300, 5_000)
    unacked_max: int = 16_384  # readings of one stream received and not yet committed
    rewind_ms: int = 1_000  # the same Rewind is not said more often
    hold_ms: tuple[int, ...] = (200, 1_000, 2_000, 5_000)  # after commits failed in a row
    boots_max: int = 16  # clock offsets kept per gateway
    malformed_retry_ms: int = 1_000


class Spool(Protocol):
    """Numbered store-and-forward of readings: streams of which the last is open, the rest sealed.

    No method raises for a full or broken medium: what cannot be kept becomes a `Gap` under its
    number. Numbers of an epoch start at 1 and have no hole: each is acknowledged, a reading or
    part of a gap.
    """

    def open(self, epoch: str, boot_id: str, boot_ms: int, wall_ms: int) -> str:
        """Seals the open epoch (forgets it if it never held a reading) and opens `epoch`.

        Returns the epoch now open: the old one when no more epochs fit.
        """

    def append(self, reading: Reading) -> int:
        """Keeps the reading in the open epoch and returns its number."""

    def headers(self) -> tuple[StreamHeader, ...]:
        """Every stream, sealed ones oldest first, the open one last.

        `from_seq` is one past the last acknowledged number.
        """

    def read(self, epoch: str, from_seq: int, count: int) -> tuple[Reading, ...] | Gap | None:
        """At most `count` readings from `from_seq` on, or the gap that begins there.

        None past the end, and where nothing can be read just now. Below the kept numbers: a gap
        with reason `acked_before`.
        """

    def acked(self, epoch: str, durable_seq: int) -> None:
        """Everything up to `durable_seq` is safe at the hub and need not be kept."""

    def settled(self, epoch: str) -> bool:
        """Whether this spool would still know after a power cut what of a sealed epoch is
        acknowledged. Before, the hub must not forget the stream: it would take it all once more.
        """

    def forget(self, epoch: str) -> None:
        """Drops a sealed epoch, number and all."""

    def maintain(self, boot_ms: int) -> None:
        """Applies the age bound and, on disk, makes what was appended durable."""

    def remember_clock(self, clock: ClockOffset) -> None:
        """Keeps the newest offset per boot id, for readings that outlive their boot."""

    def clocks(self) -> tuple[ClockOffset, ...]:
        """The offsets of every boot id of which a stream is still kept, and of the newest."""

    @property
    def kept(self) -> int:
        """Readings held."""
