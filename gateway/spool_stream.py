"""One stream of the spool on disk: which numbers lie in which segment, and which are gaps. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from hub.wire.uplink import Gap, StreamHeader
from hub.wire.values import Reading


@dataclass(slots=True, eq=False)  # each is itself
class Segment:
    """`count` readings from `first_seq` on, of which `written` are in the file `name`.

    `readings` holds all of them, None for one that is lost; None as a whole: only the file does.
    `size` is the file's, in bytes. `fd` is open while something may still be written.
    """

    name: str
    first_seq: int
    first_at_ms: int
    last_at_ms: int
    count: int = 0
    written: int = 0
    size: int = 0
    readings: list[Reading | None] | None = None
    fd: int = -1

    @property
    def end_seq(self) -> int:
        return self.first_seq + self.count


@dataclass(slots=True, eq=False)  # each is itself
class Stream:
    """Each number in `from_seq … next_seq - 1` is in a gap, else in a segment.

    `gaps` are in order and never touch one of the same reason. `settled_seq`: up to there a
    restart would know that it is acknowledged.
    """

    order: int
    header: StreamHeader
    from_seq: int = 1  # one past the last acknowledged
    next_seq: int = 1
    kept: int = 0
    settled_seq: int = 0
    gaps: list[Gap] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        return self.header.epoch

    @property
    def done(self) -> bool:
        return self.from_seq >= self.next_seq

    def described(self) -> StreamHeader:
        return msgspec.structs.replace(self.header, from_seq=self.from_seq, next_seq=self.next_seq)

    def gap_at(self, seq: int) -> Gap | None:
        at = bisect_right(self.gaps, seq, key=lambda gap: gap.from_seq) - 1
        return self.gaps[at] if at >= 0 and self.gaps[at].to_seq >= seq else None

    def gap_from(self, seq: int) -> Gap | None:
        """The rest of the gap that `seq` lies in."""
        gap = self.gap_at(seq)
        return None if gap is None else msgspec.structs.replace(gap, from_seq=seq)

    def segment_at(self, seq: int) -> Segment:
        at = bisect_right(self.segments, seq, key=lambda segment: segment.first_seq) - 1
        return self.segments[at]

    def kept_until(self, seq: int, end_seq: int) -> int:
        """One past the last number of the run of kept readings that begins at `seq`."""
        at = bisect_right(self.gaps, seq, key=lambda gap: gap.from_seq)
        return min(end_seq, self.gaps[at].from_seq) if at < len(self.gaps) else end_seq

    def first_kept(self) -> int:
        """`next_seq` when nothing is kept."""
        seq = self.from_seq
        while (gap := self.gap_at(seq)) is not None:
            seq = gap.to_seq + 1
        return seq

    def acked(self, durable_seq: int) -> int:
        """Forgets up to there; how many kept readings that were."""
        upto = min(durable_seq, self.next_seq - 1)
        if upto < self.from_seq:
            return 0
        gone = sum(end - begin for begin, end in self._uncovered(self.from_seq, upto))
        self.from_seq = upto + 1
        self.gaps = [gap for gap in self.gaps if gap.to_seq > upto]
        self.kept -= gone
        return gone

    def lose(self, from_seq: int, to_seq: int, reason: str) -> int:
        """Makes gaps of the kept numbers in the range; how many those were."""
        lost = list(self._uncovered(max(from_seq, self.from_seq), to_seq))
        for begin, end in lost:
            self._insert(Gap(self.epoch, begin, end - 1, reason))
        count = sum(end - begin for begin, end in lost)
        self.kept -= count
        return count

    def spent(self) -> Iterator[Segment]:
        """Takes out and gives the leading segments that hold nothing any more, but the open one."""
        first = self.first_kept()
        while self.segments and self.segments[0].end_seq <= first:
            if not self.header.sealed and len(self.segments) == 1:
                return
            yield self.segments.pop(0)

    def _uncovered(self, from_seq: int, to_seq: int) -> Iterator[tuple[int, int]]:
        """The parts (begin, end) of the range that lie in no gap."""
        seq = from_seq
        while seq <= to_seq:
            gap = self.gap_at(seq)
            if gap is not None:
                seq = gap.to_seq + 1
                continue
            end = self.kept_until(seq, to_seq + 1)
            yield seq, end
            seq = end

    def _insert(self, gap: Gap) -> None:
        at = bisect_right(self.gaps, gap.from_seq, key=lambda each: each.from_seq)
        before = self.gaps[at - 1] if at else None
        after = self.gaps[at] if at < len(self.gaps) else None
        if before and before.to_seq == gap.from_seq - 1 and before.reason == gap.reason:
            at -= 1
            del self.gaps[at]
            gap = msgspec.structs.replace(gap, from_seq=before.from_seq)
        if after and after.from_seq == gap.to_seq + 1 and after.reason == gap.reason:
            del self.gaps[at]
            gap = msgspec.structs.replace(gap, to_seq=after.to_seq)
        self.gaps.insert(at, gap)
