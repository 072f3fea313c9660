"""Messages made at random from what a codec's union says of itself, and bytes that are nearly some.

A message is a plain JSON value that the codec takes; `spoiled` makes of its bytes what a broken or
hostile far side would send.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import msgspec
from msgspec import inspect

TEXT = 'aZ9 _-:/"\\\u0000\u00e9\u2028\U0001f6b4'
ITEMS_MAX = 3
DEEP = 50_000
FIGURES_MAX = 10_000  # Python itself refuses to read an integer of more than 4300

Make = Callable[[Random], Any]


class Messages:
    """Of one tagged union of structs: `make(random)` is one of it, each kind as often."""

    def __init__(self, union: object) -> None:
        self._makers: dict[type, Make] = {}
        found = inspect.type_info(union)
        types = found.types if isinstance(found, inspect.UnionType) else (found,)
        self._kinds = [self._maker(one) for one in types]

    def make(self, random: Random) -> Any:
        return random.choice(self._kinds)(random)

    def _maker(self, info: inspect.Type) -> Make:
        match info:
            case inspect.StructType():
                return self._struct(info)
            case inspect.UnionType(types=types):
                makers = [self._maker(one) for one in types]
                return lambda random: random.choice(makers)(random)
            case inspect.ListType() | inspect.CollectionType() | inspect.VarTupleType():
                return self._items(self._maker(info.item_type), info.min_length, info.max_length)
            case inspect.TupleType(item_types=types):
                each = [self._maker(one) for one in types]
                return lambda random: [make(random) for make in each]
            case inspect.DictType(key_type=key, value_type=value):
                return self._dict(self._maker(key), self._maker(value))
            case inspect.EnumType(cls=cls):
                return lambda random: random.choice([one.value for one in cls])
            case inspect.LiteralType(values=values):
                return lambda random: random.choice(values)
            case inspect.NoneType():
                return lambda random: None
            case inspect.BoolType():
                return lambda random: random.random() < 0.5
            case inspect.StrType():
                return partial(_text, low=info.min_length or 0, high=info.max_length)
            case inspect.IntType():
                return partial(_whole, low=_first(info.ge, info.gt), high=_first(info.le, info.lt))
            case inspect.FloatType():
                return partial(_float, low=_first(info.ge, info.gt), high=_first(info.le, info.lt))
            case inspect.RawType() | inspect.AnyType():
                return lambda random: {"any": random.random()}
        raise NotImplementedError(type(info).__name__)

    def _struct(self, info: inspect.StructType) -> Make:
        if info.cls in self._makers:
            return self._makers[info.cls]
        fields: list[tuple[str, bool, Make]] = []

        def make(random: Random) -> Any:
            if info.array_like:
                return [maker(random) for _, _, maker in fields]
            made = {} if info.tag_field is None else {info.tag_field: info.tag}
            for name, required, maker in fields:
                if required or random.random() < 0.5:
                    made[name] = maker(random)
            return made

        self._makers[info.cls] = make  # before its fields: one may be of this type again
        fields += [(f.encode_name, f.required, self._maker(f.type)) for f in info.fields]
        return make

    @staticmethod
    def _items(make: Make, low: int | None, high: int | None) -> Make:
        most = ITEMS_MAX if high is None else min(high, max(low or 0, ITEMS_MAX))
        return lambda random: [make(random) for _ in range(random.randint(low or 0, most))]

    @staticmethod
    def _dict(key: Make, value: Make) -> Make:
        return lambda random: {key(random): value(random) for _ in range(random.randint(0, 2))}


def _first(*bounds: float | None) -> float | None:
    return next((bound for bound in bounds if bound is not None), None)


def _text(random: Random, low: int, high: int | None) -> str:
    most = 12 if high is None else min(high, max(low, 12))
    return "".join(random.choices(TEXT, k=random.randint(low, most)))


def _whole(random: Random, low: float | None, high: float | None) -> int:
    least = -(2**53) if low is None else math.ceil(low)
    most = 2**53 if high is None else math.floor(high)
    near = min(max(random.randint(-3, 300), least), most)
    return random.choice((near, near, random.randint(least, most)))


def _float(random: Random, low: float | None, high: float | None) -> float:
    least = -1e9 if low is None else low
    most = 1e9 if high is None else high
    return min(max(random.choice((0.0, random.uniform(-1, 400), 1e308, -1e308)), least), most)


# What happens to bytes on the way from a broken sender.

Spoil = Callable[[Random, bytes], bytes]


def flipped(random: Random, frame: bytes) -> bytes:
    spoiled = bytearray(frame)
    for _ in range(random.randint(1, 4)):
        spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
    return bytes(spoiled)


def cut(random: Random, frame: bytes) -> bytes:
    return frame[: random.randrange(len(frame))]


def doubled(random: Random, frame: bytes) -> bytes:
    at = random.randrange(len(frame))
    return frame[:at] + frame + frame[at:]


def swapped(random: Random, frame: bytes) -> bytes:
    """A value of another type, or another size, in place of one."""
    words = frame.split(b":")
    at = random.randrange(len(words))
    words[at] = random.choice(VALUES) + words[at].lstrip(b'"0123456789-.truefalsn')
    return b":".join(words)


def rubbish(random: Random, frame: bytes) -> bytes:
    return random.randbytes(random.choice((0, 1, 2, 5, 20, 100, 500)))


VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"-1", b"0", b"1e400", b"-0.0", b"9007199254740993", b'"\\ud800"', b"NaN"),
    *(b"[]", b"{}", b'""', b'"' + b"x" * 3_000 + b'"', b"9" * FIGURES_MAX, b'{"t":"hello"}'),
)
SPOILS: tuple[Spoil, ...] = (flipped, cut, doubled, swapped, rubbish)

# Once each: large, and the same whatever the codec.
BOMBS: tuple[bytes, ...] = (
    b"[" * DEEP,
    b'{"t":' * DEEP,
    b'{"t":"ack","n":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"t":"' + b"x" * 2_000_000 + b'"}',
    b"\xff\xfe" * 1_000,
    b'{"t":"ack","n":' + b"9" * FIGURES_MAX + b"}",
    b"{" + b",".join(b'"k%d":0' % i for i in range(20_000)) + b"}",
)


def spoiled(random: Random, message: Any) -> bytes:
    return random.choice(SPOILS)(random, msgspec.json.encode(message))
