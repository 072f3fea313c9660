"""What a spool's folder holds when a process begins: every stream of it is sealed from then on."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import msgspec
import structlog

from gateway.errors import ConfigError
from gateway.spool_file import (
    FORMAT,
    STATE_NAME,
    NewerFormat,
    SegmentHead,
    SegmentName,
    SpoolState,
    StreamState,
    parse_name,
    read_head,
    reading_of,
    scan,
    state_of,
)
from gateway.spool_stream import Segment, Stream
from hub.wire.uplink import ClockOffset, StreamHeader

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}

ASIDE = ".unreadable"
ASIDE_MAX = 8

Heads = dict[SegmentName, SegmentHead | None]  # of the files of one stream; None: unreadable

log = structlog.get_logger("gateway.spool")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Sealed streams, oldest first."""

    streams: list[Stream]
    clocks: tuple[ClockOffset, ...]


def lock(path: Path) -> int:
    """Holds the folder of `path` until the descriptor is closed. Raises ConfigError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(path.parent, error) from None
    try:
        _take(fd)
    except OSError as error:
        os.close(fd)
        if error.errno not in TAKEN:
            raise unusable(path.parent, error) from None
        raise ConfigError(
            str(path.parent),
            "",
            "another gateway process of this name is running",
            "stop it, or give this one its own gateway.name",
        ) from None
    return fd


def unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        str(folder),
        "",
        f"cannot be used for the spool: {error.strerror}",
        "let this user read and write it",
    )


def load(folder: Path) -> Loaded:
    """Reads heads and the end of each stream; the rest is read when it is sent.

    Raises OSError, and ConfigError when a later version wrote any of it: then all stays as it is.
    """
    state = _state(folder / STATE_NAME)
    known = {stream.header.epoch: stream for stream in state.streams}
    files: dict[str, Heads] = {}
    for file in os.listdir(folder):
        name = parse_name(file)
        if name is not None:
            files.setdefault(name.epoch, {})[name] = _head(folder / file)
    streams = [
        stream
        for epoch in known.keys() | files.keys()
        if (stream := _stream(folder, known.get(epoch), files.get(epoch, {}))) is not None
    ]
    return Loaded(sorted(streams, key=attrgetter("order")), state.clocks)


def _newer(path: Path, newer: NewerFormat) -> ConfigError:
    return ConfigError(
        str(path),
        "",
        f"a later version of Derny wrote this part of the spool, in format {newer.format}; this "
        f"one reads up to {FORMAT}",
        f"start the later one until the hub has everything, or move {path.parent} away",
    )


def _head(path: Path) -> SegmentHead | None:
    try:
        return read_head(path)
    except NewerFormat as newer:
        raise _newer(path, newer) from None


def _state(path: Path) -> SpoolState:
    try:
        state = state_of(path.read_bytes())
    except FileNotFoundError:
        return SpoolState()
    except NewerFormat as newer:
        raise _newer(path, newer) from None
    if state is None:
        log.warning("the spool's state is damaged: the hub says what it has")
        return SpoolState()
    return state


def _stream(folder: Path, known: StreamState | None, heads: Heads) -> Stream | None:
    """None: nothing of it is left and nobody was told of it."""
    segments: list[Segment] = []
    header = known.header if known else None
    for name in sorted(heads, key=attrgetter("first_seq")):
        head = heads[name]
        if head is None or name != SegmentName(head.order, head.stream.epoch, head.stream.from_seq):
            # Damaged: no reading of it can be sent, and none is thrown away.
            log.warning("a file of the spool cannot be read and is set aside", file=str(name))
            _set_aside(folder, str(name))
            continue
        header = header or head.stream
        size = (folder / str(name)).stat().st_size
        segments.append(
            Segment(str(name), name.first_seq, head.first_at_ms, head.first_at_ms, size=size)
        )
    if header is None:
        return None
    order = known.order if known else next(iter(heads)).order
    stream = Stream(order, msgspec.structs.replace(header, sealed=True))
    stream.from_seq = header.from_seq if known else 1
    stream.gaps = list(known.gaps) if known else []
    _measure(folder, segments)
    _count(stream, segments, known.header if known else None)
    if stream.next_seq == 1:
        for segment in segments:
            _remove(folder, segment.name)
        return None
    return stream


def _measure(folder: Path, segments: list[Segment]) -> None:
    """How many readings each segment has: up to the next one; those of the last are counted.

    (Where one has less than that, a gap tells why, or else the numbers prove that some are lost.)
    """
    for segment, after in pairwise(segments):
        segment.count = segment.written = after.first_seq - segment.first_seq
        segment.last_at_ms = max(segment.first_at_ms, after.first_at_ms)
    if not segments:
        return
    last = segments[-1]
    path = folder / last.name
    found = scan(path.read_bytes())
    if found.good_bytes < last.size:
        log.warning("the end of the spool was torn", bytes=last.size - found.good_bytes)
        os.truncate(path, found.good_bytes)
        last.size = found.good_bytes
    last.count = last.written = len(found.records)
    end = reading_of(found.records[-1]) if found.records else None
    last.last_at_ms = end.at_ms if end is not None else last.first_at_ms


def _count(stream: Stream, segments: list[Segment], known: StreamHeader | None) -> None:
    """Where the numbers end, and that each of them is in a segment or in a gap."""
    ends = [segment.end_seq for segment in segments]
    ends += [gap.to_seq + 1 for gap in stream.gaps]
    ends += [known.next_seq, known.from_seq] if known else []
    stream.next_seq = max(ends, default=1)
    stream.segments = segments
    stream.kept = stream.next_seq - stream.from_seq
    stream.kept -= sum(
        gap.to_seq + 1 - max(gap.from_seq, stream.from_seq)
        for gap in stream.gaps
        if gap.to_seq >= stream.from_seq
    )
    seq = stream.from_seq
    for segment in segments:
        if segment.first_seq > seq:
            stream.lose(seq, segment.first_seq - 1, "corrupt")
        seq = max(seq, segment.end_seq)
    if seq < stream.next_seq:
        stream.lose(seq, stream.next_seq - 1, "corrupt")


def _set_aside(folder: Path, name: str) -> None:
    """Keeps at most ASIDE_MAX such files: the newest."""
    with contextlib.suppress(OSError):
        (folder / name).rename(folder / f"{name}{ASIDE}")
    aside = sorted(folder.glob(f"*{ASIDE}"), key=lambda path: path.stat().st_mtime)
    for path in aside[:-ASIDE_MAX]:
        _remove(folder, path.name)


def _remove(folder: Path, name: str) -> None:
    with contextlib.suppress(OSError):
        (folder / name).unlink()
