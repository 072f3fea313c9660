"""The seam between ingest and the store: what is committed before a reading is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hub.wire.uplink_events import PlacedReading

__all__ = ["Journal", "JournalEntry", "PlacedReading"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Numbers `from_seq … to_seq` (inclusive) of the stream `(gateway, epoch)`.

    Either `readings` holds all of them, in order, or it is empty and `gap_reason` says why they do
    not exist. `boot_id` names the boot of the gateway whose clock stamped `reading.at_ms`.
    `backfill`: they come from a sealed epoch, later than they happened.
    """

    gateway: str
    epoch: str
    boot_id: str
    from_seq: int
    to_seq: int
    readings: tuple[PlacedReading, ...] = ()
    gap_reason: str = ""
    backfill: bool = False


class Journal(Protocol):
    """Commits entries in groups.

    `durable_seq` of a stream is stored in the same transaction as the entry that reaches it. The
    entries of one stream commit in the order of `append`; one whose `from_seq` is not one past the
    stored `durable_seq` (0 for a stream that is not stored) fails, so that after a failure
    everything appended behind it fails too.
    """

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        """Queues, never blocks. The future is done after the commit or carries its exception.

        A full queue is a failed future as well: the gateway's spool holds the readings.
        """

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        """`(gateway, epoch) -> durable_seq` of every stream not retired."""

    async def retire(self, gateway: str, epoch: str) -> None:
        """Forgets the number of a stream that is wholly committed. Its readings stay."""
