"""Each repository gives back what was put in, and says no in domain words."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from stores import opened, with_store

from hub.core.errors import Conflict, Denied, NotFound
from hub.store.assignments import Taken
from hub.store.ids import new_id
from hub.store.logins import token_hash
from hub.store.rows import (
    Athlete,
    ClockAnchor,
    Entry,
    EntryKind,
    KnownSensor,
    NewEntry,
    Preference,
    SessionRow,
    SessionStatus,
)
from hub.store.store import Store
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric

ANN = Athlete(athlete_id="ann", name="Ann", ftp_w=250, max_hr_bpm=185, weight_kg=61.5, owner=True)
BOB = Athlete(athlete_id="bob", name="Bob", demo=True)


def session(session_id: str = "s1", **changes: object) -> SessionRow:
    row = SessionRow(
        session_id=session_id,
        owner_id="ann",
        title="Tuesday",
        workout_id="ftp-test",
        workout=b"{}",
        athletes=("ann", "bob"),
        demo=False,
        created_ms=5,
    )
    for name, value in changes.items():
        row = SessionRow(**{**{f: getattr(row, f) for f in row.__struct_fields__}, name: value})
    return row


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_id(now) for now in range(0, 1_000_000, 997)]
    assert ids == sorted(ids)
    assert len({new_id(5) for _ in range(1_000)}) == 1_000
    assert {len(each) for each in ids} == {26}


def test_athletes(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        assert await store.athletes.owner() is None
        await store.athletes.upsert(BOB)
        await store.athletes.upsert(ANN)
        assert await store.athletes.list() == [ANN, BOB]
        assert await store.athletes.owner() == ANN
        stronger = Athlete(athlete_id="ann", name="Ann", ftp_w=260, owner=True)
        await store.athletes.upsert(stronger)
        assert await store.athletes.get("ann") == stronger
        with pytest.raises(NotFound):
            await store.athletes.get("nobody")

    with_store(tmp_path, use)


def test_a_second_owner_takes_over(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.athletes.upsert(ANN)
        await store.athletes.upsert(Athlete(athlete_id="cy", name="Cy", owner=True))
        owner = await store.athletes.owner()
        assert owner is not None and owner.athlete_id == "cy"

    with_store(tmp_path, use)


def test_preferred_sources(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.athletes.prefer("ann", Metric.POWER_W, "assioma")
        await store.athletes.prefer("ann", Metric.POWER_W, "kickr")
        await store.athletes.prefer("ann", Metric.CADENCE_RPM, "pod")
        await store.athletes.prefer("bob", Metric.POWER_W, "other")
        await store.athletes.prefer("ann", Metric.CADENCE_RPM, "")
        assert await store.athletes.preferences("ann") == [Preference(Metric.POWER_W, "kickr")]

    with_store(tmp_path, use)


def test_assignments_issue_rising_leases_and_keep_their_history(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        book = store.assignments
        first = await book.assign("strap", "ann", 100)
        assert (first.lease, first.from_ms, first.to_ms) == (1, 100, None)
        assert await book.assign("strap", "ann", 150) == first
        with pytest.raises(Taken) as taken:
            await book.assign("strap", "bob", 200)
        assert taken.value.athlete_id == "ann"
        assert (await book.hold("strap", "pi")).lease == 2
        assert (await book.hold("strap", "pi")).lease == 2
        swapped = await book.assign("strap", "bob", 300, gateway="pi", swap=True)
        assert (swapped.lease, swapped.gateway) == (3, "pi")
        assert await book.current() == [swapped]
        (past,) = await book.history("ann", 0, 1_000)
        assert (past.from_ms, past.to_ms, past.lease) == (100, 300, 2)
        assert await book.history("ann", 300, 1_000) == []
        released = await book.release("strap", 400)
        assert released == swapped
        assert await book.release("strap", 400) is None
        assert await book.current() == []
        with pytest.raises(NotFound):
            await book.hold("strap", "pi")
        assert (await book.assign("strap", "ann", 500)).lease == 4  # never goes back

    with_store(tmp_path, use)


def test_two_who_want_one_sensor_at_once_do_not_both_get_it(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        outcomes = await asyncio.gather(
            *(store.assignments.assign("strap", f"athlete {n}", 5) for n in range(20)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Taken) for each in outcomes) == 19
        assert len(await store.assignments.current()) == 1

    with_store(tmp_path, use)


def test_sensors_are_remembered_and_keep_their_alias(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        watch = KnownSensor(sensor_id="w1", name="Watch", kinds=(SensorKind.HEART_RATE,))
        await store.sensors.remember([watch, KnownSensor(sensor_id="b", name="Bike")])
        await store.sensors.alias("w1", "w0")
        await store.sensors.remember([KnownSensor(sensor_id="w1", name="Watch", battery_pct=40)])
        bike, known = await store.sensors.list()
        assert bike.name == "Bike"
        assert (known.alias_of, known.battery_pct, known.kinds) == ("w0", 40, ())
        with pytest.raises(NotFound):
            await store.sensors.alias("nothing", "w0")
        await store.sensors.remember([])

    with_store(tmp_path, use)


def test_a_link_lets_one_device_in_once(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        link = await store.logins.create_link("owner", 0, 1_000)
        token, login = await store.logins.consume_link(link, 10, 5_000)
        assert login.role == "owner"
        assert await store.logins.find(token, 20) == login
        assert await store.logins.active(20) == [(token_hash(token), login)]
        for late, now in ((link, 20), ("forged", 20)):
            with pytest.raises(Denied):
                await store.logins.consume_link(late, now, 5_000)
        expired = await store.logins.create_link("owner", 0, 1_000)
        with pytest.raises(Denied):
            await store.logins.consume_link(expired, 1_000, 5_000)
        assert await store.logins.find(token, 5_010) is None
        assert await store.logins.revoke(login.login_id, 30)
        assert not await store.logins.revoke(login.login_id, 30)
        assert await store.logins.find(token, 40) is None
        await store.logins.forget_expired(6_000)

    with_store(tmp_path, use)
    assert b"owner" in (tmp_path / "derny.db").read_bytes()


def test_no_token_is_stored(tmp_path: Path) -> None:
    async def use(store: Store) -> list[str]:
        link = await store.logins.create_link("owner", 0, 1_000)
        token, _ = await store.logins.consume_link(link, 10, 5_000)
        return [link, token]

    tokens = with_store(tmp_path, use)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert all(token.encode() not in files for token in tokens)


def test_a_session_is_its_log(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        created = NewEntry(EntryKind.INPUT, 5, b"create")
        assert await store.sessions.create(session(), [created]) == 1
        with pytest.raises(Conflict):
            await store.sessions.create(session())
        two = [NewEntry(EntryKind.INPUT, 6, b"start"), NewEntry(EntryKind.EVENT, 6, b"timeline")]
        assert await store.sessions.append("s1", two) == 3
        assert await store.sessions.append("s1", []) == 3
        assert await store.sessions.log("s1", after=1) == [
            Entry(2, EntryKind.INPUT, 6, b"start"),
            Entry(3, EntryKind.EVENT, 6, b"timeline"),
        ]
        assert [e.offset for e in await store.sessions.log("s1", kind=EntryKind.EVENT)] == [3]
        assert len(await store.sessions.log("s1", limit=2)) == 2
        assert await store.sessions.last_offset("s1") == 3
        assert await store.sessions.last_offset("s2") == 0

    with_store(tmp_path, use)


def test_concurrent_appends_leave_no_hole_in_the_offsets(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.sessions.create(session())
        offsets = await asyncio.gather(
            *(
                store.sessions.append("s1", [NewEntry(EntryKind.EVENT, n, b"")] * (n % 3 + 1))
                for n in range(60)
            )
        )
        assert offsets == sorted(offsets)
        log = await store.sessions.log("s1")
        assert [each.offset for each in log] == list(range(1, 121))

    with_store(tmp_path, use)


def test_open_sessions_are_those_to_rebuild(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.sessions.create(session("late", created_ms=9))
        await store.sessions.create(session("early", created_ms=1))
        assert [each.session_id for each in await store.sessions.open_sessions()] == [
            "early",
            "late",
        ]
        await store.sessions.update("early", title="Wednesday", athletes=["cy"])
        await store.sessions.close("early", 20)
        closed = await store.sessions.get("early")
        assert (closed.title, closed.athletes) == ("Wednesday", ("cy",))
        assert (closed.status, closed.closed_ms) == (SessionStatus.CLOSED, 20)
        assert [each.session_id for each in await store.sessions.open_sessions()] == ["late"]
        await store.sessions.reopen("early")
        assert (await store.sessions.get("early")).status is SessionStatus.OPEN
        for call in (store.sessions.get("x"), store.sessions.close("x", 1)):
            with pytest.raises(NotFound):
                await call

    with_store(tmp_path, use)


def test_every_commit_stores_where_hub_time_stands(tmp_path: Path) -> None:
    now = 1_000

    async def main() -> None:
        nonlocal now
        async with opened(tmp_path, lambda: now) as store:
            assert store.anchor is None
            epoch = store.epoch
            now = 77_000
            await store.athletes.upsert(ANN)
        async with opened(tmp_path) as store:
            assert store.anchor == ClockAnchor("boot", 0, 77_000, "epoch")
            assert store.epoch == epoch

    asyncio.run(main())


def test_cancelled_reads_give_their_connections_back(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.athletes.upsert(ANN)
        dice = random.Random(5)

        async def read() -> None:
            await store.athletes.list()
            await store.journal.readings("ann", 0, 10)

        tasks = [asyncio.create_task(read()) for _ in range(60)]
        for task in tasks:
            if dice.random() < 0.5:
                asyncio.get_running_loop().call_later(dice.random() * 0.03, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(each, asyncio.CancelledError) for each in outcomes) > 5
        assert {type(each) for each in outcomes} <= {type(None), asyncio.CancelledError}
        assert await asyncio.gather(*(store.athletes.list() for _ in range(10))) == [[ANN]] * 10
        await store.athletes.upsert(BOB)  # and no snapshot was left open

    with_store(tmp_path, use)


def test_who_is_cancelled_in_the_middle_of_a_query_is_cancelled(tmp_path: Path) -> None:
    """And hears of nothing else: `asyncio.timeout` knows its own by the CancelledError."""
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "

    async def use(store: Store) -> None:
        await store.athletes.upsert(ANN)
        begun = asyncio.Event()

        async def read() -> None:
            async with store.athletes._database.snapshot() as connection:
                begun.set()
                await connection.exec_driver_sql(count + "SELECT count(*) FROM n")

        for _ in range(8):
            begun.clear()
            task = asyncio.create_task(read())
            await begun.wait()
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await store.athletes.list() == [ANN]

    with_store(tmp_path, use)


def test_readers_cannot_write_and_see_only_what_is_committed(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        database = store.journal._database
        async with database.snapshot() as connection:
            with pytest.raises(Exception, match="readonly"):
                await connection.exec_driver_sql("DELETE FROM athletes")
        async with database.snapshot() as connection:
            await connection.exec_driver_sql("SELECT * FROM athletes")
            await store.athletes.upsert(ANN)
            assert (await connection.exec_driver_sql("SELECT * FROM athletes")).all() == []
        assert await store.athletes.list() == [ANN]

    with_store(tmp_path, use)
