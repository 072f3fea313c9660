"""Writes the spool's segments, and keeps in memory what the disk does not take."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from gateway.spool_file import SegmentHead, encode, record
from gateway.spool_stream import Segment, Stream

log = structlog.get_logger("gateway.spool")


class SegmentWriter:
    """`size`: bytes of all files. `removed`: files that nobody needs any more, to be unlinked.

    `finished` is told of each segment that is wholly written and gets nothing more.
    """

    def __init__(
        self, folder: Path, memory_readings_max: int, finished: Callable[[Segment], None]
    ) -> None:
        self._folder = folder
        self._memory_readings_max = memory_readings_max
        self._finished = finished
        self._waiting: deque[tuple[Stream, Segment]] = deque()  # not wholly written
        self._waiting_readings = 0
        self._dirty: set[int] = set()
        self._to_close: list[int] = []
        self.removed: list[str] = []
        self.size = 0
        self.problem = ""  # why the disk takes nothing

    def put(self, stream: Stream, segment: Segment) -> int:
        """Writes the reading that the segment just got, or lets it wait in memory.

        How many readings became a gap, memory being full too.
        """
        if not self._waiting and self._write(stream, segment):
            return 0
        if not self._waiting or self._waiting[-1][1] is not segment:
            self._waiting.append((stream, segment))
        self._waiting_readings += 1
        lost = 0
        while self._waiting_readings > self._memory_readings_max:
            lost += self._lose(*self._waiting.popleft())
        return lost

    def retry(self) -> None:
        """Tries the disk again with what waits, oldest first."""
        while self._waiting:
            stream, segment = self._waiting[0]
            behind = segment.count - segment.written
            if not self._write(stream, segment):
                return
            self._waiting.popleft()
            self._waiting_readings -= behind
            if stream.header.sealed or segment is not stream.segments[-1]:
                self.finish(segment)
        if self.problem:
            log.info("the spool's disk works again")
            self.problem = ""

    def finish(self, segment: Segment) -> None:
        """Nothing more comes into this segment: its file is closed once all of it is written."""
        if segment.written < segment.count:
            return  # `retry` comes back to it
        self._close(segment)
        if segment.readings is not None:
            self._finished(segment)

    def drop(self, segment: Segment) -> None:
        """Nobody needs this segment any more."""
        for at, (_, waiting) in enumerate(self._waiting):
            if waiting is segment:
                del self._waiting[at]
                self._waiting_readings -= segment.count - segment.written
                break
        self._close(segment)
        self.size -= segment.size
        self.removed.append(segment.name)

    def take_files(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Descriptors to make durable, and those to close then."""
        taken = tuple(self._dirty), tuple(self._to_close)
        self._dirty, self._to_close = set(), []
        return taken

    def take_removed(self) -> tuple[str, ...]:
        taken, self.removed = tuple(self.removed), []
        return taken

    def _write(self, stream: Stream, segment: Segment) -> bool:
        """Brings the file up to the readings; False when the disk does not take it."""
        assert segment.readings is not None
        parts = [
            record(place, encode(reading))
            for place, reading in enumerate(
                segment.readings[segment.written :], segment.written + 1
            )
        ]
        try:
            if segment.fd < 0:
                segment.fd = self._create(segment.name)
            if segment.size == 0:
                parts.insert(0, record(0, encode(_head_of(stream, segment))))
            data = b"".join(parts)
            if _write_fd(segment.fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if segment.fd >= 0:
                with suppress(OSError):  # else the next start cuts the torn record off
                    os.ftruncate(segment.fd, segment.size)
            self._troubled(error)
            return False
        segment.size += len(data)
        segment.written = segment.count
        self.size += len(data)
        self._dirty.add(segment.fd)
        return True

    def _create(self, name: str) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.open(self._folder / name, flags, 0o600)

    def _lose(self, stream: Stream, segment: Segment) -> int:
        """What waits longest becomes a gap."""
        self._waiting_readings -= segment.count - segment.written
        first = segment.first_seq + segment.written
        lost = stream.lose(first, segment.end_seq - 1, "disk_full")
        assert segment.readings is not None
        del segment.readings[segment.written :]
        segment.count = segment.written
        if segment.count == 0:
            self.drop(segment)
            stream.segments.remove(segment)
        else:
            self.finish(segment)
        return lost

    def _close(self, segment: Segment) -> None:
        if segment.fd >= 0:
            self._to_close.append(segment.fd)
            segment.fd = -1

    def _troubled(self, error: OSError) -> None:
        problem = words(error)
        if problem != self.problem:
            self.problem = problem
            log.warning("the spool's disk takes nothing, readings wait in memory", problem=problem)


def words(error: BaseException | None) -> str:
    """What went wrong, for the log; "" for nothing."""
    return "" if error is None else str(getattr(error, "strerror", None) or error)


def _write_fd(fd: int, data: bytes) -> int:
    return os.write(fd, data)


def _head_of(stream: Stream, segment: Segment) -> SegmentHead:
    header = msgspec.structs.replace(stream.header, from_seq=segment.first_seq)
    return SegmentHead(stream.order, header, segment.first_at_ms)
