"""The spool on disk: what a gateway keeps until the hub has it outlives the gateway's process.

Each reading is written before it can be sent: killing the process loses nothing. Once a second a
thread makes the files durable, so a power cut loses what the last second brought. Acknowledged
segments are removed; their stream's numbers stay in the state file until the hub has forgotten the
stream, so that nothing is ever sent twice under new numbers.

A disk that takes nothing costs no reading at once: they wait in memory, written as soon as the disk
works again, and beyond a bound the oldest of them become a gap `disk_full`.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from gateway.errors import ConfigError
from gateway.spool_file import (
    LOCK_NAME,
    SegmentName,
    SpoolState,
    StreamState,
    encode,
    reading_of,
    record,
    scan,
)
from gateway.spool_load import Loaded, load, lock, unusable
from gateway.spool_stream import Segment, Stream
from gateway.spool_sync import SyncJob, carry_out
from gateway.spool_writer import SegmentWriter, words
from hub.wire.uplink import ClockOffset, Gap, StreamHeader
from hub.wire.values import Reading

SYNC_MS = 1_000
SEGMENT_READINGS = 1_024  # about 150 kB; read back in one piece, 3 ms
LOADED_MAX = 4  # segments read back and kept in memory: one live, one drained, and their ends
CLOCKS_MAX = 16
PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # says nothing about the file
# A wall clock below it was never set: a Pi without clock chip starts in the past. (2025-01-01)
WALL_MS_MIN = 1_735_689_600_000

# After a start the wall clock may be anything until somebody has set it: what another boot left is
# first offered to the hub.
CLOCK_TRUSTED_AFTER_MS = 600_000

log = structlog.get_logger("gateway.spool")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the spool may hold; over any of them the oldest readings go and leave a gap.

    Bytes and age drop a whole segment at a time. `memory_readings_max` bounds what waits for a
    disk that takes nothing, 500 bytes each; `epochs_max` what one Hello lists.
    """

    bytes_max: int = 256 * 1024 * 1024
    age_ms_max: int = 24 * 3_600_000
    readings_max: int = 10_000_000
    memory_readings_max: int = 50_000
    epochs_max: int = 256
    segment_readings: int = SEGMENT_READINGS

    def __post_init__(self) -> None:
        if min(self.bytes_max, self.age_ms_max, self.readings_max) < 1 or self.epochs_max < 2:
            raise ValueError("a spool holds at least 1 reading for 1 ms in 2 epochs")
        if not 1 <= self.segment_readings <= self.memory_readings_max:
            raise ValueError("memory holds at least one segment")


class DiskSpool:
    """`hub.wire.uplink_session.Spool` in the files of `folder`; one process at a time.

    Raises ConfigError when another process has the folder, when this user may not use it, or when
    a later version wrote what it holds.
    """

    def __init__(self, folder: Path, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._bounds = bounds or Bounds()
        self._lock = lock(folder / LOCK_NAME)
        loaded = self._load()
        self._streams = OrderedDict((stream.epoch, stream) for stream in loaded.streams)
        self._clocks = OrderedDict((clock.boot_id, clock) for clock in loaded.clocks)
        self._order = max((stream.order for stream in loaded.streams), default=0)
        self._open: Stream | None = None
        self._born: StreamHeader | None = None  # the clocks when this process began
        self._told: StreamHeader | None = None  # the clocks as last heard
        self._writer = SegmentWriter(folder, self._bounds.memory_readings_max, self._remember)
        self._writer.size = sum(seg.size for stream in loaded.streams for seg in stream.segments)
        self._kept = sum(stream.kept for stream in loaded.streams)
        self._read_back: deque[Segment] = deque()
        self._not_durable = ""
        self._gone: dict[str, StreamState] = {}
        self._state_dirty = bool(loaded.streams)
        self._synced_ms: int | None = None
        self._job: tuple[SyncJob, Future[None]] | None = None
        self._thread = ThreadPoolExecutor(1, "spool")

    # the port

    @property
    def kept(self) -> int:
        return self._kept

    @property
    def problem(self) -> str:
        """Why the disk takes nothing; "" while it does."""
        return self._writer.problem

    def open(self, epoch: str, boot_id: str, boot_ms: int, wall_ms: int) -> str:
        current = self._open
        if current is not None:
            if current.next_seq == 1:
                del self._streams[current.epoch]
            elif len(self._streams) >= self._bounds.epochs_max:
                return current.epoch
            else:
                self._seal(current)
        if epoch in self._streams:
            raise ValueError(f"epoch {epoch} exists already: epochs are random and used once")
        header = StreamHeader(epoch, boot_id, boot_ms, wall_ms, 1, 1, sealed=False)
        self._born, self._told = self._born or header, header
        self._order += 1
        self._open = self._streams[epoch] = Stream(self._order, header)
        return epoch

    def append(self, reading: Reading) -> int:
        stream = self._open
        if stream is None:
            raise RuntimeError("append before the first open")
        segment = self._tail(stream, reading)
        assert segment.readings is not None
        segment.readings.append(reading)
        segment.count += 1
        segment.last_at_ms = reading.at_ms
        seq = stream.next_seq
        stream.next_seq += 1
        stream.kept += 1
        self._kept += 1
        lost = self._writer.put(stream, segment)
        if lost:
            self._kept -= lost
            self._state_dirty = True
        if self._kept > self._bounds.readings_max or self._writer.size > self._bounds.bytes_max:
            self._keep_to_bounds()
        return seq

    def headers(self) -> tuple[StreamHeader, ...]:
        """Of more sealed epochs than one Hello may list, the oldest; the others come later."""
        headers = [stream.described() for stream in self._streams.values()]
        return (*headers[:-1][: self._bounds.epochs_max - 1], *headers[-1:])

    def read(self, epoch: str, from_seq: int, count: int) -> tuple[Reading, ...] | Gap | None:
        stream = self._streams.get(epoch)
        if stream is None or from_seq >= stream.next_seq:
            return None
        if from_seq < stream.from_seq:
            return Gap(epoch, from_seq, stream.from_seq - 1, "acked_before")
        gap = stream.gap_from(from_seq)
        if gap is not None:
            return gap
        segment = stream.segment_at(from_seq)
        readings = self._readings(stream, segment)
        if readings is None:
            return None
        gap = stream.gap_from(from_seq)  # one that is only seen when the file is read
        if gap is not None:
            return gap
        until = stream.kept_until(from_seq, min(segment.end_seq, from_seq + count))
        begin = from_seq - segment.first_seq
        found = readings[begin : begin + until - from_seq]
        return tuple(reading for reading in found if reading is not None)

    def acked(self, epoch: str, durable_seq: int) -> None:
        stream = self._streams.get(epoch)
        if stream is None:
            return
        self._kept -= stream.acked(durable_seq)
        if stream.header.sealed and stream.done:
            self._state_dirty = True
        self._discard(stream)

    def settled(self, epoch: str) -> bool:
        stream = self._streams.get(epoch)
        return stream is None or stream.settled_seq >= stream.next_seq - 1

    def forget(self, epoch: str) -> None:
        stream = self._streams.get(epoch)
        if stream is None or stream is self._open:
            return
        self._kept -= stream.acked(stream.next_seq - 1)
        self._discard(stream)
        del self._streams[epoch]
        # Until its files are gone for good, a restart must find that nothing of it is to be sent.
        self._gone[epoch] = StreamState(stream.order, stream.described(), ())
        self._state_dirty = True

    def maintain(self, boot_ms: int) -> None:
        self._keep_to_age(boot_ms)
        self._finish_job()
        if self._synced_ms is None:
            self._synced_ms = boot_ms
        if self._job is None and boot_ms - self._synced_ms >= SYNC_MS:
            self._synced_ms = boot_ms
            self._writer.retry()
            self._start_job()

    def remember_clock(self, clock: ClockOffset) -> None:
        self._clocks[clock.boot_id] = clock
        self._clocks.move_to_end(clock.boot_id)
        while len(self._clocks) > CLOCKS_MAX:
            self._clocks.popitem(last=False)
        self._state_dirty = True

    def clocks(self) -> tuple[ClockOffset, ...]:
        return tuple(self._clocks.values())

    def close(self) -> None:
        """Writes what waits, makes all durable and gives the folder back."""
        self._writer.retry()
        self._state_dirty = True
        for _ in range(2):  # the second job clears away what the first made superfluous
            if self._job is not None:
                self._job[1].exception()  # waits
                self._finish_job()
            self._start_job()
        if self._job is not None:
            self._job[1].exception()
        self._thread.shutdown()
        for stream in self._streams.values():
            for segment in stream.segments:
                if segment.fd >= 0:
                    os.close(segment.fd)
        os.close(self._lock)

    # writing

    def _tail(self, stream: Stream, reading: Reading) -> Segment:
        """The segment that takes the next reading."""
        last = stream.segments[-1] if stream.segments else None
        if last is not None and last.readings is not None and self._takes(last, stream):
            return last
        if last is not None:
            self._writer.finish(last)
        name = str(SegmentName(stream.order, stream.epoch, stream.next_seq))
        segment = Segment(name, stream.next_seq, reading.at_ms, reading.at_ms, readings=[])
        stream.segments.append(segment)
        return segment

    def _takes(self, segment: Segment, stream: Stream) -> bool:
        return segment.count < self._bounds.segment_readings and segment.end_seq == stream.next_seq

    def _seal(self, stream: Stream) -> None:
        stream.header = msgspec.structs.replace(stream.header, sealed=True)
        if stream.segments:
            self._writer.finish(stream.segments[-1])
        self._discard(stream)
        self._state_dirty = True

    # reading back

    def _readings(self, stream: Stream, segment: Segment) -> list[Reading | None] | None:
        """None: the file cannot be opened just now."""
        if segment.readings is None:
            readings = self._read_file(segment.name, segment.count)
            if readings is None:
                return None
            segment.readings = readings
            self._remember(segment)
            for at, reading in enumerate(readings):
                if reading is None:
                    seq = segment.first_seq + at
                    self._kept -= stream.lose(seq, seq, "corrupt")
                    self._state_dirty = True
        return segment.readings

    def _read_file(self, name: str, count: int) -> list[Reading | None] | None:
        try:
            records = scan((self._folder / name).read_bytes()).records[:count]
        except OSError as error:
            if error.errno in PASSING:
                return None
            log.warning("a file of the spool cannot be read", problem=error.strerror)
            records = []
        readings = [reading_of(payload) for payload in records]
        return readings + [None] * (count - len(readings))

    def _remember(self, segment: Segment) -> None:
        """Keeps the readings of a finished segment in memory, and of the least recent no more."""
        if segment not in self._read_back:
            self._read_back.append(segment)
        while len(self._read_back) > LOADED_MAX:
            self._read_back.popleft().readings = None

    # bounds

    def _keep_to_bounds(self) -> None:
        while self._kept > self._bounds.readings_max:
            stream = next(s for s in self._streams.values() if s.kept)
            seq = stream.first_kept()
            self._lose(stream, seq, seq, "spool_full")
        while self._writer.size > self._bounds.bytes_max:
            oldest = next((s for s in self._streams.values() if s.segments), None)
            if oldest is None:
                return
            if oldest is self._open and len(oldest.segments) == 1:
                return  # one segment alone is within any sensible bound
            segment = oldest.segments[0]
            self._lose(oldest, segment.first_seq, segment.end_seq - 1, "spool_full")

    def _keep_to_age(self, boot_ms: int) -> None:
        for stream in list(self._streams.values()):
            while stream.kept:
                segment = stream.segment_at(stream.first_kept())
                if self._age_ms(stream.header, segment.last_at_ms, boot_ms) <= (
                    self._bounds.age_ms_max
                ):
                    return
                self._lose(stream, segment.first_seq, segment.end_seq - 1, "spool_age")

    def _age_ms(self, header: StreamHeader, at_ms: int, boot_ms: int) -> int:
        """How old a reading is; of another boot by the wall clocks, if both were ever set."""
        born, told = self._born, self._told
        if born is None or told is None or header.boot_id == born.boot_id:
            return boot_ms - at_ms
        up_ms = boot_ms - born.opened_boot_ms
        wall_ms = told.wall_ms + boot_ms - told.opened_boot_ms
        then_ms = header.wall_ms + at_ms - header.opened_boot_ms
        if min(wall_ms, then_ms) < WALL_MS_MIN or up_ms < CLOCK_TRUSTED_AFTER_MS:
            return up_ms  # at least so old
        return wall_ms - then_ms

    def _lose(self, stream: Stream, from_seq: int, to_seq: int, reason: str) -> None:
        self._kept -= stream.lose(from_seq, to_seq, reason)
        self._state_dirty = True
        self._discard(stream)

    def _discard(self, stream: Stream) -> None:
        for segment in stream.spent():
            self._writer.drop(segment)
            self._state_dirty = True

    # durability

    def _start_job(self) -> None:
        syncing, closing = self._writer.take_files()
        state = record(0, encode(self._state())) if self._state_dirty else None
        if not (closing or syncing or state):
            return
        removing: tuple[str, ...] = ()
        if state is not None:  # never before what makes them superfluous is known
            removing = self._writer.take_removed()
        settled = tuple((stream, stream.from_seq - 1) for stream in self._streams.values())
        self._state_dirty = False
        gone = tuple(self._gone) if state is not None else ()
        job = SyncJob(syncing, closing, state, removing, settled if state else (), gone)
        self._job = job, self._thread.submit(carry_out, self._folder, job)

    def _finish_job(self) -> None:
        if self._job is None or not self._job[1].done():
            return
        job, done = self._job
        self._job = None
        problem = words(done.exception())
        if problem and problem != self._not_durable:
            log.warning("the spool could not be made durable", problem=problem)
        self._not_durable = problem
        if problem:
            self._writer.removed += job.remove  # all of it once more
            self._state_dirty = self._state_dirty or job.state is not None
            return
        for stream, seq in job.settled:
            stream.settled_seq = max(stream.settled_seq, seq)
        for epoch in job.gone:  # its files cannot come back: neither need the state know it
            self._gone.pop(epoch, None)
            self._state_dirty = True

    def _state(self) -> SpoolState:
        states = [
            StreamState(stream.order, stream.described(), tuple(stream.gaps))
            for stream in self._streams.values()
        ]
        return SpoolState((*states, *self._gone.values()), self.clocks())

    def _load(self) -> Loaded:
        try:
            return load(self._folder)
        except OSError as error:
            os.close(self._lock)
            raise unusable(self._folder, error) from None
        except ConfigError:
            os.close(self._lock)
            raise
