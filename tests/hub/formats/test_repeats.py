"""Repeats are found again in a table of steps."""

from hypothesis import given
from hypothesis import strategies as st

from hub.core.target import Unit, aim
from hub.core.workout import STEPS_MAX, ForDuration, Step, StepKind
from hub.formats.repeats import Block, Repeat, fold, unroll


def step(name: str) -> Step:
    return Step(name, StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.0))


def shape(blocks: tuple[Block, ...]) -> list[object]:
    return [(b.times, shape(b.blocks)) if isinstance(b, Repeat) else b.name for b in blocks]


def folded(names: str) -> list[object]:
    return shape(fold([step(name) for name in names]))


def test_repeats_are_found_also_within_repeats():
    assert folded("wababc") == ["w", (2, ["a", "b"]), "c"]
    assert folded("abcd") == ["a", "b", "c", "d"]
    assert folded("aaaa") == [(4, ["a"])]
    assert folded("wababrababrc") == ["w", (2, [(2, ["a", "b"]), "r"]), "c"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40))
def test_unrolled_it_is_what_it_was(names: list[str]):
    steps = [step(name) for name in names]
    assert list(unroll(fold(steps))) == steps


def test_the_longest_workout_is_folded():
    assert folded("ab" * (STEPS_MAX // 2)) == [(STEPS_MAX // 2, ["a", "b"])]
