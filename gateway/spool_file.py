"""The spool's files: segments of records, each with its CRC, and the state beside them.

A segment holds readings of one epoch with numbers in a row. It is a chain of records; the first one
is the segment's head, each other one a reading:

    4 bytes  length of the payload, little endian
    4 bytes  place in the chain, from 0 on
    4 bytes  CRC-32 of place and payload
    n bytes  payload, JSON

A process that is killed leaves at most the last record torn. A power cut may also leave zeros, or
the beginning of a page: such a tail is no chain of good records and is cut off. Behind a damaged
record the chain is found again; the places tell how many are lost, so that no reading ever gets
another one's number. The state file is one record, of place 0.

The first record of a file tells the `format` of all of it. So that any version can tell, this much
never changes: how that record is framed, that it has no more than HEAD_BYTES_MAX in a segment, and
that its payload is a JSON object with that number; where there is none it is 1.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec

from hub.wire.uplink import ClockOffset, Gap, StreamHeader
from hub.wire.values import Reading

FORMAT = 1  # what this version writes; a file of a higher one is left alone
RECORD_BYTES_MAX = 256 * 1024  # a frame of the uplink carries no more
HEAD_BYTES_MAX = 4 * 1024
STATE_NAME = "state"
LOCK_NAME = "lock"

_PREFIX = struct.Struct("<III")
_PLACE = struct.Struct("<I")
_NAME = re.compile(r"(\d{10})-([0-9A-Za-z_]{1,64})-(\d{12})\.seg")

encode = msgspec.json.Encoder().encode
_decode_reading = msgspec.json.Decoder(Reading).decode


class NewerFormat(Exception):
    """A later version wrote this file; `format` is that version's."""

    def __init__(self, format: int) -> None:
        super().__init__(f"format {format}")
        self.format = format


class _Formatted(msgspec.Struct, frozen=True):
    """What the first record of every version's files holds."""

    format: int = 1


class SegmentHead(msgspec.Struct, frozen=True):
    """First record of a segment. `stream.from_seq` is the number of its first reading.

    `order` grows with each epoch that was opened; `first_at_ms` is the first reading's.
    """

    order: int
    stream: StreamHeader
    first_at_ms: int
    format: int = FORMAT


class StreamState(msgspec.Struct, frozen=True):
    """What of a stream cannot be read off its segments: what is acknowledged, and the gaps."""

    order: int
    header: StreamHeader
    gaps: tuple[Gap, ...]


class SpoolState(msgspec.Struct, frozen=True):
    streams: tuple[StreamState, ...] = ()
    clocks: tuple[ClockOffset, ...] = ()
    format: int = FORMAT


_decode_format = msgspec.json.Decoder(_Formatted).decode
_decode_head = msgspec.json.Decoder(SegmentHead).decode
_decode_state = msgspec.json.Decoder(SpoolState).decode


@dataclass(frozen=True, slots=True)
class SegmentName:
    order: int
    epoch: str
    first_seq: int

    def __str__(self) -> str:
        return f"{self.order:010}-{self.epoch}-{self.first_seq:012}.seg"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment's bytes hold.

    `records[i]` is the payload of the i-th reading, None where it is damaged. The last one is
    good: what follows it is worth nothing, and `good_bytes` ends before it.
    """

    head: SegmentHead | None
    records: list[bytes | None]
    good_bytes: int


def parse_name(name: str) -> SegmentName | None:
    match = _NAME.fullmatch(name)
    return SegmentName(int(match[1]), match[2], int(match[3])) if match else None


def record(place: int, payload: bytes) -> bytes:
    return _PREFIX.pack(len(payload), place, _crc(place, payload)) + payload


def scan(data: bytes) -> Scan:
    """Reads a segment: bytes that are none have no head and no records. Raises NewerFormat."""
    payloads: list[bytes | None] = []
    good_bytes = at = 0
    while at + _PREFIX.size <= len(data):
        # Each record takes more bytes than its prefix: a place beyond that is none.
        places_max = len(payloads) + (at - good_bytes) // _PREFIX.size
        found = _record_at(data, at, len(payloads), places_max)
        if found is None:
            at += 1
            continue
        place, payload = found
        payloads += [None] * (place - len(payloads))
        payloads.append(payload)
        at = good_bytes = at + _PREFIX.size + len(payload)
    head = _head(payloads[0]) if payloads and payloads[0] is not None else None
    return Scan(head, payloads[1:], good_bytes) if head is not None else Scan(None, [], 0)


def read_head(path: Path) -> SegmentHead | None:
    """The first record alone; None where there is none. Raises OSError, NewerFormat."""
    with path.open("rb") as file:
        found = _record_at(file.read(_PREFIX.size + HEAD_BYTES_MAX), 0, 0, 0)
    return None if found is None else _head(found[1])


def reading_of(payload: bytes | None) -> Reading | None:
    """None for a record that is lost, or that another version wrote differently."""
    if payload is None:
        return None
    try:
        return _decode_reading(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def state_of(data: bytes) -> SpoolState | None:
    """None for one that is damaged. Raises NewerFormat."""
    found = _record_at(data, 0, 0, 0, bytes_max=len(data))
    try:
        return None if found is None else _decode_state(_readable(found[1]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _head(payload: bytes) -> SegmentHead | None:
    try:
        return _decode_head(_readable(payload))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _readable(payload: bytes) -> bytes:
    """Raises NewerFormat, and a DecodeError for what is no first record of any version."""
    written = _decode_format(payload).format
    if written > FORMAT:
        raise NewerFormat(written)
    return payload


def _crc(place: int, payload: bytes) -> int:
    return crc32(payload, crc32(_PLACE.pack(place)))


def _record_at(
    data: bytes, at: int, place_min: int, place_max: int, bytes_max: int = RECORD_BYTES_MAX
) -> tuple[int, bytes] | None:
    """Place and payload of the good record that begins at `at`, if one does."""
    if len(data) - at < _PREFIX.size:
        return None
    length, place, crc = _PREFIX.unpack_from(data, at)
    begin = at + _PREFIX.size
    if not (0 < length <= bytes_max and place_min <= place <= place_max):
        return None
    payload = data[begin : begin + length]
    return (place, payload) if len(payload) == length and _crc(place, payload) == crc else None
