"""Bikes and seats on a real file."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from stores import with_store

from hub.core.errors import Conflict, NotFound
from hub.store.rows import Bike, Seat
from hub.store.store import Store

ONE = Bike(bike_id="b1", name="Bike 1", code="c1", sensors=("t1", "pod"))
TWO = Bike(bike_id="b2", name="Bike 2", code="c2", sensors=("t2",))


def seat(athlete: str, bike: str, from_ms: int, key: str = "") -> Seat:
    return Seat(athlete_id=athlete, bike_id=bike, from_ms=from_ms, by="login", key=key)


def test_bikes(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        for bike in (ONE, TWO):
            await store.bikes.put(bike)
        assert await store.bikes.list() == [ONE, TWO]
        changed = Bike(bike_id="b1", name="Left", code="c1", sensors=("t3",))
        await store.bikes.put(changed)
        assert (await store.bikes.list())[0] == changed
        for clash in (
            Bike(bike_id="b3", name="Bike 2", code="c3"),
            Bike(bike_id="b3", name="Bike 3", code="c3", sensors=("t2",)),
        ):
            with pytest.raises(Conflict):
                await store.bikes.put(clash)
        await store.bikes.remove("b2")
        assert await store.bikes.list() == [changed]
        with pytest.raises(NotFound):
            await store.bikes.remove("b2")
        await store.bikes.put(Bike(bike_id="b4", name="Bike 2", code="c4", sensors=("t2",)))

    with_store(tmp_path, use)


def test_seats_change_all_or_nothing(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        ann, bob = seat("ann", "b1", 10, "k"), seat("bob", "b2", 11)
        await store.bikes.change([], [ann, bob], 11)
        assert await store.bikes.open_seats() == [ann, bob]
        assert await store.bikes.said("login", "k")
        assert not await store.bikes.said("other", "k")
        assert not await store.bikes.said("login", "")
        with pytest.raises(IntegrityError):  # b2 is still bob's
            await store.bikes.change([ann], [seat("ann", "b2", 20)], 20)
        assert await store.bikes.open_seats() == [ann, bob]
        await store.bikes.change([ann, bob], [seat("ann", "b2", 20), seat("bob", "b1", 21)], 20)
        open_now = await store.bikes.open_seats()
        assert [(one.bike_id, one.to_ms) for one in open_now] == [
            ("b1", 20), ("b2", 20), ("b2", None), ("b1", None),
        ]  # fmt: skip
        for one in open_now[:2]:
            await store.bikes.cleared(one)
        await store.bikes.bind(open_now[2], "s1")
        left = await store.bikes.open_seats()
        assert [(one.athlete_id, one.session_id) for one in left] == [("ann", "s1"), ("bob", "")]
        assert [one.from_ms for one in await store.bikes.history("ann")] == [10, 20]

    with_store(tmp_path, use)
