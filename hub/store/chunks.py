"""Readings and streams as bytes: columns of deltas under zstd. Pure but for the compressor.

Two layouts. Raw readings keep every field as it came: per characteristic one column a field, whole
numbers as deltas. Streams are the 1 Hz columns of an activity: fixed-point, delta, one hour a
chunk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby, pairwise, repeat
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import zstandard

from hub.activity.record import RESOLUTION, Column, Streams
from hub.journal_port import PlacedReading
from hub.wire.values import Measurement, Reading

LEVEL_RAW = 3
LEVEL_STREAM = 9  # written once, read often; 3600 rows cost 1 ms
BODY_BYTES_MAX = 64 * 1024 * 1024  # a chunk that claims more was not written by us


class DamagedChunk(Exception):
    """These bytes are not what was stored."""


def compressed(plain: bytes, level: int) -> bytes:
    """With a checksum: a bit that flipped on the disk must not become a wrong number."""
    return zstandard.ZstdCompressor(level, write_checksum=True).compress(plain)


# Raw readings


class _Column(msgspec.Struct, frozen=True, array_like=True):
    """One field of the readings of one characteristic. `deltas`: whole numbers, as differences."""

    field: str
    deltas: bool
    values: list[Any]


class _Block(msgspec.Struct, frozen=True, array_like=True):
    """All readings of one characteristic of one sensor; `order` is their place in the chunk."""

    char: str
    order: list[int]
    columns: list[_Column]


_RAW_ENCODE = msgspec.msgpack.Encoder().encode
_RAW_DECODE = msgspec.msgpack.Decoder(list[_Block]).decode
_PLACE = ("hub_ms", "estimated", "at_ms", "lease")  # the columns that every block begins with


def pack_readings(readings: Sequence[PlacedReading]) -> bytes:
    """The readings of one sensor; `unpack_readings` gives them back in the same order."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, placed in enumerate(readings):
        places[placed.reading.char].append(place)
    blocks = [
        _Block(char, _differences(order), _columns([readings[place] for place in order]))
        for char, order in places.items()
    ]
    return compressed(_RAW_ENCODE(blocks), LEVEL_RAW)


def unpack_readings(sensor_id: str, body: bytes) -> list[PlacedReading]:
    """Raises DamagedChunk."""
    try:
        placed: dict[int, PlacedReading] = {}
        for block in _RAW_DECODE(_decompress(body)):
            order = list(accumulate(block.order))
            placed.update(zip(order, _block_readings(sensor_id, block), strict=True))
        return [placed[place] for place in range(len(placed))]
    except Exception as error:  # damaged bytes fail in any of these steps, each in its own way
        raise DamagedChunk from error


def _columns(rows: Sequence[PlacedReading]) -> list[_Column]:
    places = [(p.at_ms, int(p.time_estimated), p.reading.at_ms, p.reading.lease) for p in rows]
    columns = [
        _Column(name, True, _differences(column))
        for name, column in zip(_PLACE, zip(*places, strict=True), strict=True)
    ]
    for field in Measurement.__struct_fields__:
        values = [getattr(placed.reading.m, field) for placed in rows]
        if all(value is None for value in values):
            continue
        whole = all(type(value) is int for value in values)
        columns.append(_Column(field, whole, _differences(values) if whole else values))
    return columns


def _block_readings(sensor_id: str, block: _Block) -> Iterator[PlacedReading]:
    columns = {
        column.field: list(accumulate(column.values)) if column.deltas else column.values
        for column in block.columns
    }
    places = zip(*(columns.pop(name) for name in _PLACE), strict=True)
    fields = tuple(columns)
    rows = zip(*columns.values(), strict=True) if fields else repeat(())
    for (hub_ms, estimated, at_ms, lease), row in zip(places, rows, strict=False):
        m = msgspec.convert(dict(zip(fields, row, strict=True)), Measurement)
        reading = Reading(sensor_id, at_ms, block.char, m, lease)
        yield PlacedReading(reading, hub_ms, bool(estimated))


def _differences(values: Sequence[int]) -> list[int]:
    return [*values[:1], *(b - a for a, b in pairwise(values))]


def _decompress(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=BODY_BYTES_MAX)


# Streams at 1 Hz


HOUR_S = 3_600
RR_PARTS = 10  # of a millisecond: sensors give 1/1024 s, decoders round to 0.1 ms


class _Hour(msgspec.Struct, frozen=True, array_like=True):
    """`columns`: name, bits of the seconds that have a value, their deltas. Beats: as deltas."""

    length: int
    columns: list[tuple[str, bytes, bytes]]
    beat_seconds: list[int] = []  # one entry a beat
    beats: list[int] = []


_HOUR_ENCODE = msgspec.msgpack.Encoder().encode
_HOUR_DECODE = msgspec.msgpack.Decoder(_Hour).decode


def pack_hours(streams: Streams) -> list[bytes]:
    """One chunk an hour."""
    columns = {name: getattr(streams, name) for name in RESOLUTION}
    length = len(streams.power_w)
    return [
        _pack_hour(
            {name: column[begin : begin + HOUR_S] for name, column in columns.items()},
            [(s - begin, rr) for s, rr in streams.rr_ms if begin <= s < begin + HOUR_S],
        )
        for begin in range(0, length, HOUR_S)
    ]


def unpack_hours(hours: Iterable[bytes]) -> Streams:
    """Raises DamagedChunk."""
    try:
        return _unpack_hours(hours)
    except Exception as error:  # as above
        raise DamagedChunk from error


def _unpack_hours(hours: Iterable[bytes]) -> Streams:
    columns: dict[str, Column] = {name: [] for name in RESOLUTION}
    rr_ms: list[tuple[int, list[float]]] = []
    length = 0
    for body in hours:
        hour = _HOUR_DECODE(_decompress(body))
        rr_ms += ((length + second, beats) for second, beats in _unpack_beats(hour))
        for name, present, deltas in hour.columns:
            columns[name] += _unpack_column(RESOLUTION[name], hour.length, present, deltas)
        length += hour.length
        for column in columns.values():
            column += [None] * (length - len(column))
    return Streams(**columns, rr_ms=rr_ms)


def _pack_hour(columns: Mapping[str, Column], rr_ms: list[tuple[int, list[float]]]) -> bytes:
    packed = [
        (name, *_pack_column(RESOLUTION[name], column))
        for name, column in columns.items()
        if any(value is not None for value in column)
    ]
    beats = [(second, round(beat * RR_PARTS)) for second, rr in rr_ms for beat in rr]
    hour = _Hour(
        max(len(column) for column in columns.values()),
        packed,
        _differences([second for second, _ in beats]),
        _differences([beat for _, beat in beats]),
    )
    return compressed(_HOUR_ENCODE(hour), LEVEL_STREAM)


def _pack_column(resolution: int, column: Column) -> tuple[bytes, bytes]:
    present = np.array([value is not None for value in column])
    values = np.array([value for value in column if value is not None], dtype=np.float64)
    steps = np.diff(np.rint(values * resolution).astype(np.int32), prepend=np.int32(0))
    # Low bytes together, high bytes together: the high ones are nearly all alike.
    planes = steps.astype("<i4").view(np.uint8).reshape(-1, 4).T.tobytes()
    return np.packbits(present).tobytes(), planes


def _unpack_column(resolution: int, length: int, present: bytes, planes: bytes) -> Column:
    mask = np.unpackbits(np.frombuffer(present, np.uint8), count=length).astype(bool)
    steps = np.frombuffer(planes, np.uint8).reshape(4, -1).T.copy().view("<i4").ravel()
    numbers = np.cumsum(steps, dtype=np.int64)
    column: Column = [None] * length
    values = numbers.tolist() if resolution == 1 else (numbers / resolution).tolist()
    for place, value in zip(np.flatnonzero(mask).tolist(), values, strict=True):
        column[place] = value
    return column


def _unpack_beats(hour: _Hour) -> Iterator[tuple[int, list[float]]]:
    pairs = zip(accumulate(hour.beat_seconds), accumulate(hour.beats), strict=True)
    for second, beats in groupby(pairs, key=itemgetter(0)):
        yield second, [beat / RR_PARTS for _, beat in beats]
