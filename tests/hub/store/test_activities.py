"""Recorded rides in the store: what the athlete wrote stays, what is discarded is gone."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace
from rides import DEVICES, bike, by_time, heart, log_of, session_of
from stores import bike as bike_reading
from stores import entry, with_store

from hub.activity import Recorded, build, ride_of
from hub.activity.export import to_fit
from hub.core.errors import NotFound, UserError
from hub.store import retention
from hub.store import store as store_module
from hub.store.errors import DiskFull
from hub.store.retention import DEMO_KEEP_MS, RAW_KEEP_MS, forget_old
from hub.store.rows import Athlete, SessionRow
from hub.store.store import Store


def made(session_id: str = "s1", *, demo: bool = False, power_w: int = 200) -> Recorded:
    log = log_of()
    ride = ride_of(session_of(log), log, "ann")
    assert ride is not None
    readings = by_time(heart(range(210)), bike(range(210), power_w))
    return build(replace(ride, session_id=session_id, demo=demo), readings, DEVICES)


def test_a_ride_comes_back_with_its_streams(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        ride = made()
        await store.activities.put([ride])
        found = await store.activities.get(ride.activity.activity_id)
        assert found == ride.activity
        assert await store.activities.streams(found) == ride.streams
        assert await store.activities.of_session("s1") == [ride.activity]
        assert await store.activities.of_session("s2") == []

    with_store(tmp_path, use)


def test_a_rebuilt_ride_keeps_what_the_athlete_wrote_and_counts_its_version(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        first = made()
        ride_id = first.activity.activity_id
        await store.activities.put([first])
        edited = await store.activities.edit(ride_id, title="Hard", note="wind", rpe=8, saved=True)
        assert (edited.title, edited.note, edited.rpe, edited.saved) == ("Hard", "wind", 8, True)
        assert (await store.activities.edit(ride_id, note="")).note == ""
        again = made(power_w=222)
        await store.activities.put([again])
        found = await store.activities.get(ride_id)
        assert (found.version, found.title, found.rpe, found.saved) == (2, "Hard", 8, True)
        assert found.summary.average_power_w == 222
        assert await store.activities.streams(found) == again.streams

    with_store(tmp_path, use)


def test_a_ride_that_is_rebuilt_while_it_is_read_is_of_one_version(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        first, again = made(), made(power_w=222)
        await store.activities.put([first])
        found = await store.activities.get(first.activity.activity_id)
        await store.activities.put([again])
        whole = await store.activities.whole(found)
        assert (whole.activity.version, whole.streams) == (2, again.streams)
        assert whole.activity.summary.average_power_w == 222
        fit = await asyncio.to_thread(to_fit, whole.activity, whole.streams)
        assert max(fit.power_w) == 222

        turns = 0

        async def build_anew() -> None:
            nonlocal turns
            while True:
                await store.activities.put([made(power_w=200 + turns % 50)])
                turns += 1

        building = asyncio.create_task(build_anew())
        while turns < 20:
            whole = await store.activities.whole(found)
            average_w = whole.activity.summary.average_power_w
            assert {average_w} == set(whole.streams.power_w)
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)

        await store.activities.discard(found.activity_id)
        with pytest.raises(NotFound):
            await store.activities.whole(found)

    with_store(tmp_path, use)


def test_an_id_is_found_by_its_beginning_unless_two_begin_so(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        for ride_id in ("ABCD1", "ABCD2", "WXYZ1"):
            ride = made()
            await store.activities.put(
                [Recorded(replace(ride.activity, activity_id=ride_id), ride.streams)]
            )
        assert (await store.activities.find("WXYZ")).activity_id == "WXYZ1"
        assert (await store.activities.find("ABCD1")).activity_id == "ABCD1"
        with pytest.raises(UserError, match="give more"):
            await store.activities.find("ABCD")
        for unknown in ("WXY", "____", ""):
            with pytest.raises(NotFound):
                await store.activities.find(unknown)

    with_store(tmp_path, use)


def test_the_list_is_newest_first_and_without_simulated_rides(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        rides = [made(f"s{n}", demo=n == 2) for n in range(4)]
        for n, ride in enumerate(rides):
            moved = replace(ride.activity, started_unix_ms=n)
            await store.activities.put([Recorded(moved, ride.streams)])
        assert [each.session_id for each in await store.activities.list()] == ["s3", "s1", "s0"]
        assert len(await store.activities.list(demo=True)) == 4
        assert len(await store.activities.list(limit=1)) == 1
        assert await store.activities.list(athlete_id="bob") == []

    with_store(tmp_path, use)


def test_a_discarded_ride_leaves_nothing_behind(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        ride = made()
        begin = ride.activity.started_at_ms
        await store.assignments.assign("bike", "ann", 0)
        await store.journal.append(entry(1, [bike_reading(begin + 5), bike_reading(begin + 9)]))
        await store.journal.fold()
        await store.activities.put([ride])
        await store.activities.discard(ride.activity.activity_id)
        with pytest.raises(NotFound):
            await store.activities.get(ride.activity.activity_id)
        with pytest.raises(NotFound):
            await store.activities.discard(ride.activity.activity_id)
        with pytest.raises(NotFound):
            await store.activities.edit(ride.activity.activity_id, title="x")

    with_store(tmp_path, use)
    with sqlite3.connect(tmp_path / "derny.db") as connection:
        for table in ("activities", "stream_chunks", "raw_chunks", "journal"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    connection.close()


def session(session_id: str, *, demo: bool = False, created_ms: int = 0) -> SessionRow:
    return SessionRow(
        session_id=session_id,
        owner_id="ann",
        title="",
        workout_id="",
        workout=b"",
        athletes=("ann",),
        demo=demo,
        created_ms=created_ms,
    )


def test_raw_readings_outside_every_ride_are_forgotten(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        ride = made().activity
        begin, end = ride.started_at_ms, ride.ended_at_ms
        await store.activities.put([made()])
        await store.athletes.upsert(Athlete(athlete_id="sim", name="Sim", demo=True))
        await store.assignments.assign("bike", "ann", 0)
        await store.assignments.assign("virtual", "sim", 0)
        for number, at_ms in enumerate((begin + 5, end + 5_000, end + RAW_KEEP_MS), start=1):
            await store.journal.append(entry(number, [bike_reading(at_ms)]))
            await store.journal.fold()
        await store.journal.append(entry(4, [bike_reading(begin, sensor_id="virtual")]))
        await store.journal.fold()

        async def kept() -> list[int]:
            readings = await store.journal.readings("ann", 0, 1 << 60)
            return [at_ms for at_ms, _ in readings]

        database = store.journal._database
        await forget_old(database, end + 6_000)
        assert len(await kept()) == 3
        assert len(await store.journal.readings("sim", 0, 1 << 60)) == 1
        await forget_old(database, begin + DEMO_KEEP_MS + 1)
        assert await store.journal.readings("sim", 0, 1 << 60) == []
        # A session that is open may still need them ...
        await store.sessions.create(session("open", created_ms=end))
        await forget_old(database, end + RAW_KEEP_MS + 6_000)
        assert len(await kept()) == 3
        # ... but not for ever.
        await forget_old(database, end + 2 * RAW_KEEP_MS + 6_000)
        assert await kept() == [begin + 5, end + RAW_KEEP_MS]

    with_store(tmp_path, use)


def test_the_demo_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "DEMO_ACTIVITIES_MAX", 2)

    async def use(store: Store) -> None:
        for number in range(4):
            ride = made(f"demo {number}", demo=True)
            moved = replace(ride.activity, started_unix_ms=number)
            await store.activities.put([Recorded(moved, ride.streams)])
            await store.sessions.create(session(f"demo {number}", demo=True))
            await store.sessions.close(f"demo {number}", 1_000)
        await store.activities.put([made("mine")])
        await store.sessions.create(session("mine"))
        await store.sessions.close("mine", 1_000)
        await forget_old(store.journal._database, 1_001 + DEMO_KEEP_MS)
        assert {each.session_id for each in await store.activities.list(demo=True)} == {
            "mine",
            "demo 2",
            "demo 3",
        }
        assert (await store.sessions.get("mine")).session_id == "mine"
        with pytest.raises(NotFound):
            await store.sessions.get("demo 1")

    with_store(tmp_path, use)


def test_a_full_disk_only_puts_tidying_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "TIDY_S", 0.001)

    async def use(store: Store) -> None:
        tried = 0
        again = asyncio.Event()

        async def tidy() -> None:
            nonlocal tried
            tried += 1
            if tried == 1:
                raise DiskFull
            again.set()

        monkeypatch.setattr(store, "tidy", tidy)
        keeping = asyncio.create_task(store.keep_house())
        await asyncio.wait_for(again.wait(), 60)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    with_store(tmp_path, use)


def test_tidying_folds_and_forgets(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.assignments.assign("bike", "ann", 0)
        await store.journal.append(entry(1, [bike_reading(500)]))
        await store.tidy()
        assert await store.journal.entries() == []
        assert len(await store.journal.readings("ann", 0, 1_000)) == 1

    with_store(tmp_path, use)
