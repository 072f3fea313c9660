"""Finds the repeats in a table of steps, for formats that can say "4 times". Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.core.workout import Step


@dataclass(frozen=True, slots=True)
class Repeat:
    """`blocks` in order, `times` times (at least 2)."""

    times: int
    blocks: tuple[Block, ...]


Block = Step | Repeat


def fold(steps: Sequence[Step]) -> tuple[Block, ...]:
    """The same steps, shorter: from the left, at each place the repeat that saves most, nested.

    `unroll(fold(steps)) == steps`. Alike means equal in everything, name and texts included.
    """
    numbers: dict[Step, int] = {}
    alike = [numbers.setdefault(step, len(numbers)) for step in steps]
    return tuple(_fold(steps, alike, 0, len(steps)))


def unroll(blocks: Sequence[Block]) -> Iterator[Step]:
    for block in blocks:
        if isinstance(block, Repeat):
            for _ in range(block.times):
                yield from unroll(block.blocks)
        else:
            yield block


def _fold(steps: Sequence[Step], alike: list[int], at: int, end: int) -> Iterator[Block]:
    while at < end:
        length, times = _best_repeat(alike, at, end)
        if times == 1:
            yield steps[at]
        else:
            yield Repeat(times, tuple(_fold(steps, alike, at, at + length)))
        at += length * times


def _best_repeat(alike: list[int], at: int, end: int) -> tuple[int, int]:
    """(steps in one round, rounds); (1, 1) when nothing repeats. Of equal gains the shortest."""
    best, saved = (1, 1), 0
    for length in range(1, (end - at) // 2 + 1):
        times = _rounds(alike, at, end, length)
        if (times - 1) * length > saved:
            best, saved = (length, times), (times - 1) * length
    return best


def _rounds(alike: list[int], at: int, end: int, length: int) -> int:
    same = 0  # steps that equal the one a round before
    while at + length + same < end and alike[at + same] == alike[at + length + same]:
        same += 1
    return 1 + same // length
