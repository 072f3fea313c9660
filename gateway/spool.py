"""Numbered store-and-forward of readings: kept until the hub has them, bounded by count and age."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec

from hub.wire.uplink import ClockOffset, Gap, StreamHeader
from hub.wire.uplink_session import Spool
from hub.wire.values import Reading

__all__ = ["MemorySpool", "Spool"]

READINGS_MAX = 200_000  # 40 sensors at 4 Hz for 20 minutes, about 100 MB at the worst
AGE_MS_MAX = 24 * 3_600_000
EPOCHS_MAX = 256  # all their headers travel in one Hello
CLOCKS_MAX = 16
TRIM_AT = 256  # acknowledged readings leave the list in slices: moving it for each costs too much


@dataclass(slots=True)
class _Stream:
    """`readings[0]` has the number `base_seq`; below `first_seq` nothing is kept any more."""

    header: StreamHeader
    from_seq: int = 1  # one past the last acknowledged
    first_seq: int = 1  # first still kept as a reading
    base_seq: int = 1
    readings: list[Reading] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)  # between `from_seq` and `first_seq`, in order

    @property
    def next_seq(self) -> int:
        return self.base_seq + len(self.readings)

    @property
    def kept(self) -> int:
        return self.next_seq - self.first_seq

    def drop_oldest(self, reason: str) -> None:
        """Turns the oldest kept reading into (a longer) gap."""
        seq = self.first_seq
        last = self.gaps[-1] if self.gaps else None
        if last is not None and last.reason == reason:
            self.gaps[-1] = msgspec.structs.replace(last, to_seq=seq)
        else:
            self.gaps.append(Gap(self.header.epoch, seq, seq, reason))
        self._keep_from(seq + 1)

    def acked(self, durable_seq: int) -> None:
        self.from_seq = max(self.from_seq, min(durable_seq, self.next_seq - 1) + 1)
        self.gaps = [gap for gap in self.gaps if gap.to_seq >= self.from_seq]
        self._keep_from(max(self.first_seq, self.from_seq))

    def _keep_from(self, seq: int) -> None:
        self.first_seq = seq
        spare = seq - self.base_seq
        if spare >= TRIM_AT or spare == len(self.readings):
            del self.readings[:spare]
            self.base_seq = seq

    def read(self, from_seq: int, count: int) -> tuple[Reading, ...] | Gap | None:
        if from_seq >= self.next_seq:
            return None
        if from_seq < self.from_seq:
            return Gap(self.header.epoch, from_seq, self.from_seq - 1, "acked_before")
        if from_seq < self.first_seq:
            gap = next(gap for gap in self.gaps if gap.to_seq >= from_seq)
            return msgspec.structs.replace(gap, from_seq=from_seq)
        at = from_seq - self.base_seq
        return tuple(self.readings[at : at + count])

    def described(self) -> StreamHeader:
        return msgspec.structs.replace(self.header, from_seq=self.from_seq, next_seq=self.next_seq)


class MemorySpool:
    """The spool in memory: survives the hub and the link, not the gateway's process.

    Over `readings_max` or `age_ms_max` the oldest reading goes and leaves a gap under its number.
    """

    def __init__(
        self,
        readings_max: int = READINGS_MAX,
        age_ms_max: int = AGE_MS_MAX,
        epochs_max: int = EPOCHS_MAX,
    ) -> None:
        if readings_max < 1 or age_ms_max < 1 or epochs_max < 2:
            raise ValueError("a spool holds at least 1 reading for 1 ms in 2 epochs")
        self._readings_max = readings_max
        self._age_ms_max = age_ms_max
        self._epochs_max = epochs_max
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._open: _Stream | None = None
        self._clocks: OrderedDict[str, ClockOffset] = OrderedDict()
        self._kept = 0

    @property
    def kept(self) -> int:
        return self._kept

    def open(self, epoch: str, boot_id: str, boot_ms: int, wall_ms: int) -> str:
        current = self._open
        if current is not None:
            if current.next_seq == 1:
                del self._streams[current.header.epoch]
            elif len(self._streams) >= self._epochs_max:
                return current.header.epoch
            else:
                current.header = msgspec.structs.replace(current.header, sealed=True)
        if epoch in self._streams:
            raise ValueError(f"epoch {epoch} exists already: epochs are random and used once")
        header = StreamHeader(epoch, boot_id, boot_ms, wall_ms, 1, 1, sealed=False)
        self._open = self._streams[epoch] = _Stream(header)
        return epoch

    def append(self, reading: Reading) -> int:
        if self._open is None:
            raise RuntimeError("append before the first open")
        seq = self._open.next_seq
        self._open.readings.append(reading)
        self._kept += 1
        while self._kept > self._readings_max:
            self._drop_oldest(next(s for s in self._streams.values() if s.kept), "spool_full")
        return seq

    def headers(self) -> tuple[StreamHeader, ...]:
        return tuple(stream.described() for stream in self._streams.values())

    def read(self, epoch: str, from_seq: int, count: int) -> tuple[Reading, ...] | Gap | None:
        stream = self._streams.get(epoch)
        return None if stream is None else stream.read(from_seq, count)

    def acked(self, epoch: str, durable_seq: int) -> None:
        stream = self._streams.get(epoch)
        if stream is not None:
            before = stream.kept
            stream.acked(durable_seq)
            self._kept += stream.kept - before

    def settled(self, epoch: str) -> bool:
        return True  # nothing is left after a power cut

    def forget(self, epoch: str) -> None:
        stream = self._streams.get(epoch)
        if stream is not None and stream is not self._open:
            self._kept -= stream.kept
            del self._streams[epoch]

    def maintain(self, boot_ms: int) -> None:
        oldest_ms = boot_ms - self._age_ms_max
        for stream in self._streams.values():
            while stream.kept:
                if stream.readings[stream.first_seq - stream.base_seq].at_ms >= oldest_ms:
                    return
                self._drop_oldest(stream, "spool_age")

    def remember_clock(self, clock: ClockOffset) -> None:
        self._clocks[clock.boot_id] = clock
        self._clocks.move_to_end(clock.boot_id)
        while len(self._clocks) > CLOCKS_MAX:
            self._clocks.popitem(last=False)

    def clocks(self) -> tuple[ClockOffset, ...]:
        return tuple(self._clocks.values())

    def _drop_oldest(self, stream: _Stream, reason: str) -> None:
        stream.drop_oldest(reason)
        self._kept -= 1
