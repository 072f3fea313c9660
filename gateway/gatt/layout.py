"""A characteristic as a table of fields, and the reader that runs the table.

A frame is flags, then the fields that the flags announce, little-endian, in table order (GATT
Specification Supplement, "bit fields and optional fields"). What a device sends differs from what
the book says, so the reader:

- reads what fits of a frame that ends early and marks it `partial` (ATT_MTU 23 cuts at 20 bytes);
- accepts bytes after the last field (zero padding, fields of a later revision);
- leaves out a field whose bytes mean "not available";
- answers `Nonsense` to what cannot be read. Device bytes never raise.

Which fields a frame holds depends on its flags and length only, so that is worked out once per
pair and kept; reading is then one `unpack` and one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from struct import Struct
from typing import Any, Literal, NamedTuple

import msgspec

# Vol 3 Part F 3.2.9: no attribute is longer.
MAX_FRAME_BYTES = 512

# A device uses one or two pairs of (flags, length), a heart-rate strap about ten. Noise uses
# any: when the cache is full it starts afresh.
MAX_SHAPES = 64

FFFF = (0xFFFF,)
FF = (0xFF,)
S_7FFF = (0x7FFF,)


class Nonsense(msgspec.Struct, frozen=True):
    """A frame that cannot be read, and why. Count it, log it once per device, drop it."""

    reason: str


Values = dict[str, Any]
"""Measurement field -> value, only for what the frame carries."""


class Field(NamedTuple):
    """One row of a characteristic's table."""

    name: str  # field of Measurement; "" is stepped over
    bit: int | None  # flag bit that announces it; None: always there
    size: int  # bytes, 1 to 4
    unit: str
    per_unit: int = 1  # counts in one unit: 100 for a resolution of 0.01
    signed: bool = False
    absent: Container[int] = ()  # raw values that mean "not available"
    when: Literal[0, 1] = 1  # state of the bit that announces it; 0 for the inverted ones


Repair = Callable[[tuple[Field, ...], int], tuple[Field, ...]]
"""(announced fields, bytes left over) -> the fields really sent. Below 0: bytes missing."""


class _Step(NamedTuple):
    name: str
    per_unit: int
    absent: Container[int]


class _Shape(NamedTuple):
    """What a frame of one (flags, length) holds."""

    unpack: Callable[[bytes], tuple[Any, ...]]
    steps: tuple[_Step, ...]
    triples: tuple[tuple[int, _Step], ...]  # (offset, step): `struct` has no 3-byte integer
    facts: Values  # what the flags alone say
    tail_from: int  # index of the first repeated value, if there are any
    has_tail: bool


_FORMAT = {
    (1, False): "B",
    (1, True): "b",
    (2, False): "H",
    (2, True): "h",
    (3, False): "xxx",
    (4, False): "I",
}


def _no_facts(flags: int) -> Values:
    return {}


class Layout:
    """One characteristic: its table, the facts in its flags, and its repairs.

    `tail` is a field that repeats to the end of the frame when announced (RR intervals); its
    values become a tuple of milliseconds.
    """

    def __init__(
        self,
        flags_size: int,
        fields: tuple[Field, ...],
        *,
        tail: Field | None = None,
        facts: Callable[[int], Values] = _no_facts,
        repairs: tuple[Repair, ...] = (),
    ) -> None:
        self._flags_size = flags_size
        self._fields = fields
        self._tail = tail
        self._facts = facts
        self._repairs = repairs
        self._shapes: dict[tuple[int, int], _Shape | Nonsense] = {}

    def repaired(self, repairs: Iterable[Repair]) -> Layout:
        """The same table for a device that needs `repairs`."""
        return Layout(
            self._flags_size,
            self._fields,
            tail=self._tail,
            facts=self._facts,
            repairs=(*self._repairs, *repairs),
        )

    def read(self, data: bytes) -> Values | Nonsense:
        length = len(data)
        flags = int.from_bytes(data[: self._flags_size], "little")
        shape = self._shapes.get((flags, length))
        if shape is None:
            shape = self._remember(flags, length)
        if isinstance(shape, Nonsense):
            return shape
        values = shape.facts.copy()
        raws = shape.unpack(data)
        for (name, per_unit, absent), raw in zip(shape.steps, raws, strict=False):
            if raw not in absent:
                values[name] = raw if per_unit == 1 else raw / per_unit
        for offset, (name, per_unit, absent) in shape.triples:
            raw = int.from_bytes(data[offset : offset + 3], "little")
            if raw not in absent:
                values[name] = raw if per_unit == 1 else raw / per_unit
        if shape.has_tail and self._tail is not None:
            per_unit = self._tail.per_unit
            values[self._tail.name] = tuple(
                [raw * 1000 / per_unit for raw in raws[shape.tail_from :]]
            )
        return values

    def _remember(self, flags: int, length: int) -> _Shape | Nonsense:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._shape(flags, length)
        self._shapes[flags, length] = shape
        return shape

    def _shape(self, flags: int, length: int) -> _Shape | Nonsense:
        if length > MAX_FRAME_BYTES:
            return Nonsense(f"{length} bytes are more than an attribute can hold")
        if length < self._flags_size or length == 0:
            return Nonsense(f"{length} bytes are too few for the flags")
        fields = self._sent(flags, length)
        fitting = _fitting(fields, length - self._flags_size)
        if fields and not fitting:
            return Nonsense(f"{length} bytes end before the first field")
        end = self._flags_size + sum(field.size for field in fitting)
        partial = len(fitting) < len(fields)
        tail_count = 0
        if self._tail is not None and _announced(self._tail, flags):
            tail_count, odd = divmod(length - end, self._tail.size)
            partial = partial or odd > 0 or tail_count == 0
        facts = self._facts(flags)
        if partial:
            facts["partial"] = True
        return self._compiled(fitting, tail_count, facts)

    def _sent(self, flags: int, length: int) -> tuple[Field, ...]:
        fields = tuple(field for field in self._fields if _announced(field, flags))
        for repair in self._repairs:
            left_over = length - self._flags_size - sum(field.size for field in fields)
            fields = repair(fields, left_over)
        return fields

    def _compiled(self, fields: list[Field], tail_count: int, facts: Values) -> _Shape:
        text = ["<", "x" * self._flags_size]
        steps: list[_Step] = []
        triples: list[tuple[int, _Step]] = []
        offset = self._flags_size
        for field in fields:
            step = _Step(field.name, field.per_unit, field.absent)
            if not field.name:
                text.append("x" * field.size)
            else:
                text.append(_FORMAT[field.size, field.signed])
                if field.size == 3:
                    triples.append((offset, step))
                else:
                    steps.append(step)
            offset += field.size
        if self._tail is not None:
            text.append(_FORMAT[self._tail.size, self._tail.signed] * tail_count)
        return _Shape(
            unpack=Struct("".join(text)).unpack_from,
            steps=tuple(steps),
            triples=tuple(triples),
            facts=facts,
            tail_from=len(steps),
            has_tail=tail_count > 0,
        )


def _announced(field: Field, flags: int) -> bool:
    return field.bit is None or flags >> field.bit & 1 == field.when


def _fitting(fields: Iterable[Field], room: int) -> list[Field]:
    """The leading whole fields that fit into `room` bytes."""
    fitting: list[Field] = []
    for field in fields:
        room -= field.size
        if room < 0:
            break
        fitting.append(field)
    return fitting
