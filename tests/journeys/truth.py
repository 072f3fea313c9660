"""What the simulator sent against what the hub has stored: nothing lost, nothing doubled.

The simulator numbers what it sends. A stored reading is the notification of the same sensor and
characteristic with the same bytes, as decoded here once more; their order must be the same.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import zstandard

from gateway.gatt.decoder import DERIVED, Decoder
from gateway.gatt.layout import Nonsense
from gateway.profiles import STREAMS
from gateway.spool_file import reading_of, scan
from hub.journal_port import JournalEntry
from hub.store.chunks import BODY_BYTES_MAX, unpack_readings
from hub.wire.values import Measurement, Reading

MEASURING = frozenset(stream.char for stream in STREAMS)
# Both stamps are of one clock, but each is rounded, and the log is written after the bytes leave.
EARLY_MS_MAX = 20
# A gateway that is stopped for seconds stamps what waited when it goes on.
LATE_MS_MAX = 20_000

_decode_entries = msgspec.msgpack.Decoder(list[JournalEntry]).decode


@dataclass(frozen=True, slots=True)
class Frame:
    """One notification: what is in its bytes (None: nothing of it came from bytes), and when."""

    sensor: str
    char: str
    at_ms: int  # machine's boot clock
    said: Measurement
    n: int = 0  # the simulator's number

    @property
    def key(self) -> tuple[str, str, Measurement]:
        return self.sensor, self.char, self.said


@dataclass
class Verdict:
    """How two lists of frames compare."""

    stored: int = 0
    silences: int = 0  # readings that say that nothing came: no notification stands behind them
    missing: list[Frame] = field(default_factory=list)
    doubled: list[Frame] = field(default_factory=list)
    invented: list[Frame] = field(default_factory=list)


def sent(log: Path) -> list[Frame]:
    """The simulator's log. A last line that is still being written is left out."""
    decoder = Decoder()
    frames = []
    for line in log.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        row = json.loads(line)
        if row["char"] not in MEASURING:
            continue
        said = decoder.feed(row["char"], bytes.fromhex(row["hex"]), row["at_ms"])
        assert not isinstance(said, Nonsense), f"the simulator speaks nonsense: {row}"
        frames.append(
            Frame(row["sensor"], row["char"], row["at_ms"], _raw(row["char"], said), row["n"])
        )
    return frames


def _raw(char: str, said: Measurement) -> Measurement:
    """Without what the decoder works out over several frames."""
    derived = {row.result: None for row in DERIVED.get(char, ())}
    return msgspec.structs.replace(said, **derived)


def frame_of(reading: Reading, names: dict[str, str]) -> Frame:
    sensor = names.get(reading.sensor_id, reading.sensor_id)
    return Frame(sensor, reading.char, reading.at_ms, _raw(reading.char, reading.m))


class Database:
    """The hub's database, read from outside while the hub runs or after. Never kept open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        link = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=60)
        with closing(link):
            return link.execute(query, values).fetchall()

    def names(self) -> dict[str, str]:
        return {
            str(sensor): str(name)
            for sensor, name in self.rows("SELECT sensor_id, name FROM sensors")
        }

    def journal(self, newest: int | None = None) -> list[JournalEntry]:
        """What is committed and not folded yet, in order; the `newest` rows alone if given."""
        limit = -1 if newest is None else newest
        rows = self.rows("SELECT body FROM journal ORDER BY n DESC LIMIT ?", limit)
        return [entry for (body,) in reversed(rows) for entry in _entries(body)]

    def readings(self) -> list[Reading]:
        """Every stored reading, of whichever sensor: the raw chunks, then the journal."""
        link = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=60)
        with closing(link):
            link.execute("BEGIN")  # folding must not come between the two
            chunks = link.execute("SELECT sensor_id, body FROM raw_chunks ORDER BY n").fetchall()
            journal = link.execute("SELECT body FROM journal ORDER BY n").fetchall()
        found = [p.reading for sensor, body in chunks for p in unpack_readings(sensor, body)]
        found += [p.reading for (body,) in journal for e in _entries(body) for p in e.readings]
        return found

    def durable_seqs(self) -> dict[str, int]:
        """By epoch."""
        rows = self.rows("SELECT epoch, durable_seq FROM streams")
        return {str(epoch): int(str(seq)) for epoch, seq in rows}

    def gaps(self) -> list[tuple[object, ...]]:
        return self.rows("SELECT gateway, epoch, from_seq, to_seq, reason FROM stream_gaps")


def _entries(body: object) -> list[JournalEntry]:
    assert isinstance(body, bytes)
    plain = zstandard.ZstdDecompressor().decompress(body, max_output_size=BODY_BYTES_MAX)
    return _decode_entries(plain)


def spooled(folder: Path) -> list[Reading]:
    """What the files of a spool hold, acknowledged or not. For a gateway that does not run."""
    found = []
    for segment in sorted(folder.glob("*/*.seg")):
        found += [reading_of(payload) for payload in scan(segment.read_bytes()).records]
    return [reading for reading in found if reading is not None]


def compare(log: Sequence[Frame], readings: Iterable[Reading], names: dict[str, str]) -> Verdict:
    """`log` as sent, against `readings` as stored."""
    verdict = Verdict()
    kept: dict[tuple[str, str], list[Frame]] = defaultdict(list)
    for reading in readings:
        frame = frame_of(reading, names)
        if frame.char not in MEASURING:
            continue
        if frame.said == Measurement():
            verdict.silences += 1
            continue
        kept[frame.sensor, frame.char].append(frame)
        verdict.stored += 1
    said: dict[tuple[str, str], list[Frame]] = defaultdict(list)
    for frame in log:
        said[frame.sensor, frame.char].append(frame)
    for stream in said.keys() | kept.keys():
        _align(said[stream], sorted(kept[stream], key=lambda frame: frame.at_ms), verdict)
    verdict.missing.sort(key=lambda frame: frame.n)
    return verdict


def _align(said: list[Frame], kept: list[Frame], verdict: Verdict) -> None:
    """From the end: each stored frame is the latest one said that it can be, and no other is."""
    at = len(said)
    found: set[int] = set()
    matched: set[tuple[int, Measurement]] = set()
    for frame in reversed(kept):
        place = _latest(said, at, frame)
        if place is not None:
            at = place
            found.add(place)
            matched.add((frame.at_ms, frame.said))
        elif (frame.at_ms, frame.said) in matched:
            verdict.doubled.append(frame)
        else:
            verdict.invented.append(frame)
    verdict.missing += [frame for place, frame in enumerate(said) if place not in found]


def _latest(said: list[Frame], before: int, frame: Frame) -> int | None:
    for place in range(before - 1, -1, -1):
        candidate = said[place]
        if candidate.at_ms < frame.at_ms - LATE_MS_MAX:
            return None
        if candidate.said == frame.said and candidate.at_ms <= frame.at_ms + EARLY_MS_MAX:
            return place
    return None
