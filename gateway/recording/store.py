"""The file of a recording: JSON lines in zstd frames, a frame a second; `zstdcat` shows them.

A frame is written whole, so that a kill loses the last second at most; what a torn tail still
holds is read, the rest is said to be missing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zstandard

from gateway.errors import GatewayError
from gateway.recording.records import FORMAT, Header, Record

FRAME_MS = 1_000
LINES_MAX = 1_000_000  # 40 sensors for three hours and a half
PLAIN_BYTES_MAX = 512 * 1024 * 1024  # a file of some KB can hold as many GB of zeros
LINE_BYTES_MAX = 1024 * 1024
WINDOW_MAX = 1 << 23
CHUNK = 4_096  # of a file; no 4 KB hold more than 128 MB
LEVEL = 9
TIME_IS_UP = "time is up"
MAGIC = b"\x28\xb5\x2f\xfd"

_LINE = msgspec.json.Decoder(Record)
_HEADER = msgspec.json.Decoder(Header)


class RecordingError(GatewayError):
    """No recording, or one that cannot be written: one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Bounds:
    minutes: int = 60
    mb: int = 64


class Writer:
    """Appends to a new file, readable by its owner only: heart data is in it.

    `write` and `flush` never raise: `ended` says why nothing more is written, "" while it is.
    """

    def __init__(self, path: Path, header: Header, bounds: Bounds) -> None:
        """Raises RecordingError: the file is there already, or cannot be made."""
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise RecordingError(f"{path}: is there already - name another file") from None
        except OSError as error:
            raise RecordingError(
                f"{path}: {error.strerror} - name a file in a folder of yours"
            ) from None
        self.path = path
        self.ended = ""
        self.bytes = 0
        self.lines = 0
        self._file = os.fdopen(file, "wb", buffering=0)
        self._bounds = bounds
        self._frame: list[bytes] = []
        self._compressor = zstandard.ZstdCompressor(LEVEL, write_checksum=True)
        self._frame.append(msgspec.json.encode(header))
        self.flush()

    def write(self, record: Record) -> None:
        if self.ended:
            return
        if record.at_us >= self._bounds.minutes * 60_000_000:
            self.close(TIME_IS_UP)
        elif self.lines >= LINES_MAX:
            self.close("it is full")
        else:
            self.lines += 1
            self._frame.append(msgspec.json.encode(record))

    def flush(self) -> None:
        if self.ended or not self._frame:
            return
        frame = self._compressor.compress(b"\n".join((*self._frame, b"")))
        if self.bytes + len(frame) > self._bounds.mb * 1024 * 1024:
            self._end("it is full")
            return
        self._frame.clear()
        try:
            self._file.write(frame)
        except OSError as error:
            self._end(error.strerror or "it cannot be written")
        self.bytes += len(frame)

    def close(self, why: str) -> None:
        self.flush()
        self._end(why)

    def _end(self, why: str) -> None:
        if not self.ended:
            self.ended = why
            self._frame.clear()
            self._file.close()


@dataclass(frozen=True, slots=True)
class Recording:
    """`torn`: its end is missing or damaged."""

    header: Header
    records: tuple[Record, ...]
    torn: bool


def read(path: Path) -> Recording:
    """Raises RecordingError: no such file, rubbish, or a later Derny's."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise _rubbish(path)
            file.seek(0)
            lines, torn = _lines(path, file)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror} - name a recording") from None
    if not lines:
        raise _rubbish(path)
    header = _header(path, lines[0])
    records: list[Record] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            record: Record = _LINE.decode(line)
        except msgspec.MsgspecError as error:
            raise RecordingError(
                f"{path}: line {number}: {error} - it was changed by hand, or is none of ours"
            ) from None
        if records and record.at_us < records[-1].at_us:
            raise RecordingError(f"{path}: line {number}: goes back in time - it was changed")
        records.append(record)
    return Recording(header, tuple(records), torn)


def _lines(path: Path, file: io.BufferedReader) -> tuple[list[bytes], bool]:
    """All whole lines, and whether there was more."""
    lines: list[bytes] = []
    rest, size = b"", 0
    for plain in _plain(file):
        if plain is None:
            return lines, True
        size += len(plain)
        *whole, rest = (rest + plain).split(b"\n")
        lines += whole
        if size > PLAIN_BYTES_MAX or len(lines) > LINES_MAX + 1 or len(rest) > LINE_BYTES_MAX:
            raise RecordingError(f"{path}: is larger than any recording - it is none of ours")
    return lines, bool(rest)


def _plain(file: io.BufferedReader) -> Iterator[bytes | None]:
    """What the frames hold, piece by piece; None and the end: the rest is missing or damaged."""
    zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
    frame = zstd.decompressobj()
    begun = False
    while packed := file.read(CHUNK):
        while packed:
            begun = True
            try:
                yield frame.decompress(packed)
            except zstandard.ZstdError:
                yield None
                return
            packed = frame.unused_data
            if frame.eof:
                frame = zstd.decompressobj()
                begun = False
    if begun:
        yield None


def _header(path: Path, line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except msgspec.MsgspecError:
        raise _rubbish(path) from None
    if header.format > FORMAT:
        raise RecordingError(
            f"{path}: was made by a later Derny ({header.software}), in format {header.format}"
            f" where this one knows {FORMAT} - replay it there"
        )
    return header


def _rubbish(path: Path) -> RecordingError:
    return RecordingError(f"{path}: is no recording - make one with derny-gateway record FILE")
