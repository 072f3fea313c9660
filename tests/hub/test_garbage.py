"""When what has stayed is frozen, and when what has gone is looked for."""

from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from collections.abc import Iterator

import pytest

from hub.garbage import (
    CAME_FEW,
    CAME_MANY,
    QUIET_LOOKS,
    WENT_MANY,
    WENT_MAX,
    Garbage,
    Plan,
    Step,
)


@pytest.fixture
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def steps(plan: Plan, *looks: tuple[int, int], riding: bool = True) -> list[Step]:
    return [plan.step(came, went, lambda: riding) for came, went in looks]


def quiet(came: int, went: int) -> list[tuple[int, int]]:
    return [(came, went)] * (QUIET_LOOKS + 1)


def test_a_burst_is_frozen_in_parts_and_the_rest_when_it_is_over() -> None:
    plan = Plan()
    assert steps(plan, (100, 0), (CAME_MANY, 0), (CAME_MANY + CAME_FEW, 0)) == [
        Step.REST,
        Step.FREEZE,
        Step.REST,
    ]
    said = steps(plan, *quiet(CAME_MANY + CAME_FEW, 0))
    assert said == [Step.REST] * (QUIET_LOOKS - 1) + [Step.FREEZE, Step.REST]


def test_a_few_clients_are_not_worth_it() -> None:
    assert set(steps(Plan(), *quiet(CAME_FEW - 1, 0) * 10)) == {Step.REST}


def test_a_thaw_waits_until_nobody_rides_but_not_for_ever() -> None:
    plan = Plan()
    steps(plan, *quiet(300, 0))
    assert set(steps(plan, *quiet(300, WENT_MANY))) == {Step.REST}
    assert steps(plan, (300, WENT_MANY), riding=False) == [Step.THAW]
    assert steps(plan, *quiet(300, WENT_MANY), riding=False) == [Step.REST] * (QUIET_LOOKS + 1)
    assert steps(plan, (400, WENT_MANY + WENT_MAX)) == [Step.THAW]


class Knot:
    """Garbage that only a pass finds."""

    def __init__(self) -> None:
        self.me = self


@pytest.mark.usefixtures("_thawed")
def test_what_is_frozen_and_dies_is_found_by_the_thaw() -> None:
    went = 0
    riding = False
    garbage = Garbage(lambda: (CAME_MANY, went), lambda: riding, lambda *_: None)
    knot = Knot()
    seen = weakref.ref(knot)
    before = gc.get_freeze_count()
    garbage.look()
    assert gc.get_freeze_count() > before
    del knot
    gc.collect()
    assert seen() is not None
    went = WENT_MANY
    for _ in range(QUIET_LOOKS + 1):
        garbage.look()
    assert seen() is None
    assert gc.get_freeze_count() > 0


def test_each_pass_is_told_at_the_next_look() -> None:
    async def scene() -> list[tuple[int, float]]:
        gc.disable()
        told: list[tuple[int, float]] = []
        times = itertools.count(10.0, 0.25)
        garbage = Garbage(
            lambda: (0, 0),
            lambda: True,
            lambda generation, took_s: told.append((generation, took_s)),
            lambda: next(times),
        )
        running = asyncio.create_task(garbage.run())
        await asyncio.sleep(0)
        gc.collect(1)
        gc.collect(2)
        assert told == []
        garbage.look()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert garbage.passing not in gc.callbacks
        return told

    try:
        told = asyncio.run(scene())
    finally:
        gc.enable()
    assert told == [(1, 0.25), (2, 0.25)]
