"""From journalled readings and a session's log to stored rides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rides import ANN, BIKE, STRAP, T0, bike, by_time, heart, log_of, pedals, session_of
from stores import flip_a_bit, with_store
from structlog.testing import capture_logs

from hub.activity import LEAD_IN_MS, Recorded
from hub.activity.export import to_fit
from hub.journal_port import JournalEntry, PlacedReading
from hub.live.inputs import Away, Choose, Entry, Join, Keep, Pace, Rider, Stop, encode
from hub.recorder import RECENT_MS, Recorder
from hub.sensor_memory import SensorMemory
from hub.store.rows import ClockAnchor, EntryKind, KnownSensor, NewEntry, SessionRow
from hub.store.store import Store
from hub.wire.values import Metric, Reading

BOB = Rider(athlete="bob", name="Bob")
SIM = Rider(athlete="sim", name="Simulated", demo=True)


async def journal(store: Store, first: int, readings: list[tuple[int, Reading]]) -> None:
    placed = tuple(PlacedReading(reading, at_ms, False) for at_ms, reading in readings)
    entry = JournalEntry("pi", "e", "boot", first, first + len(placed) - 1, placed)
    await store.journal.append(entry)


async def recorder_at(
    store: Store, unix_ahead_ms: int = 7_000, now_ms: int = T0 + 500_000
) -> Recorder:
    memory = SensorMemory(store.sensors, lambda: now_ms)
    await memory.start()
    return Recorder(store, memory, lambda: now_ms, lambda: now_ms + unix_ahead_ms)


async def recorder(store: Store) -> Recorder:
    """Unix time is 7 s ahead of hub time."""
    return await recorder_at(store, now_ms=T0)


async def prepare(store: Store, log: list[Entry]) -> None:
    row = SessionRow(
        session_id="s1",
        owner_id="ann",
        title="Tuesday",
        workout_id="w",
        workout=b"",
        athletes=("ann", "bob"),
        demo=False,
        created_ms=T0,
    )
    entries = [NewEntry(EntryKind.INPUT, each.at_ms, encode(each)) for each in log]
    await store.sessions.create(row, entries)
    for device in (STRAP, BIKE):
        known = KnownSensor(sensor_id=device.sensor, name=device.name, kinds=device.kinds)
        await store.sensors.remember([known])
        await store.assignments.assign(device.sensor, "ann", T0 - 60_000)


def test_a_session_becomes_a_ride_for_each_who_was_in_it(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        log = log_of((30, Join(BOB)), riders=(ANN, SIM))
        await prepare(store, log)
        await journal(store, 1, by_time(heart(range(-5, 100)), bike(range(-5, 210))))
        made = await (await recorder(store)).record(session_of(log))
        assert list(made) == ["ann", "bob"]  # nobody simulated
        ride = await store.activities.get(made["ann"])
        assert (ride.elapsed_s, ride.started_unix_ms, ride.demo) == (210, T0 + 7_000, False)
        assert ride.summary.average_power_w == 200
        assert [gap.metric for gap in ride.gaps] == [Metric.HEART_RATE_BPM]
        bobs = await store.activities.get(made["bob"])
        assert bobs.elapsed_s == 180
        assert bobs.summary.average_power_w is None

        # What a spool brings later fills the gap, under the same id and a higher version.
        await journal(store, 105 + 215 + 1, heart(range(100, 210)))
        assert await (await recorder(store)).record(session_of(log)) == made
        rebuilt = await store.activities.get(made["ann"])
        assert rebuilt.gaps == ()
        assert rebuilt.version == 2

    with_store(tmp_path, use)


def test_a_rider_of_an_own_pace_has_the_ride_while_others_go_on(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        log = log_of((100, Stop("ann")), riders=(ANN, BOB), pace=Pace.SELF)
        await prepare(store, log)
        await journal(store, 1, by_time(heart(range(-5, 100)), bike(range(-5, 50))))
        recorder = await recorder_at(store)
        made = await recorder.record(session_of(log, 120))
        assert list(made) == ["ann"]  # Bob rides still
        ride = await store.activities.get(made["ann"])
        assert (ride.elapsed_s, ride.end_cause) == (100, "stop")

        late = bike(range(50, 100))
        await journal(store, 1 + 105 + 55, late)
        assert await recorder.rebuild(late[0][0], late[-1][0]) == 1  # Bob still does
        anew = await store.activities.get(ride.activity_id)
        assert (anew.version, anew.gaps) == (2, ())

        await store.activities.discard(ride.activity_id)  # hers to do before the class is over
        log.append(Entry(T0 + 110_000, Keep("ann", ride.activity_id)))
        assert list(await recorder.record(session_of(log))) == ["bob"]
        assert [one.athlete_id for one in await store.activities.list()] == ["bob"]

    with_store(tmp_path, use)


def test_what_still_waits_for_its_commit_is_in_the_ride(tmp_path: Path) -> None:
    async def main() -> None:
        store = await Store.open(tmp_path, commit_ms=60_000)
        store.set_clock(lambda: ClockAnchor("boot", 0, T0, "epoch"))
        try:
            log = log_of()
            await prepare(store, log)
            waiting = asyncio.create_task(journal(store, 1, by_time(bike(range(-5, 210)))))
            await asyncio.sleep(0)
            ride = (await (await recorder(store)).record(session_of(log)))["ann"]
            assert (await store.activities.get(ride)).summary.average_power_w == 200
            await waiting
        finally:
            await store.close()

    asyncio.run(main())


def test_late_readings_make_the_ride_anew_and_only_when_they_change_it(tmp_path: Path) -> None:
    """The gateway was away from second 100 on, and the ride was stopped meanwhile."""

    async def use(store: Store) -> None:
        log = log_of((150, Away("pi", True)))
        await prepare(store, log)
        await journal(store, 1, by_time(heart(range(-5, 100)), bike(range(-5, 100))))
        recorder = await recorder_at(store)
        made = await recorder.record(session_of(log))
        ride = await store.activities.get(made["ann"])
        assert ("gateway away", None) in {(gap.reason, gap.metric) for gap in ride.gaps}
        await store.activities.edit(ride.activity_id, title="Mine", rpe=7, saved=True)

        recorder = await recorder_at(store, unix_ahead_ms=3_600_000)  # the wall clock was set
        assert await recorder.rebuild(T0, T0 + 400_000) == 0
        assert (await store.activities.get(ride.activity_id)).version == 1

        late = by_time(heart(range(100, 210)), bike(range(100, 210), power_w=300))
        await journal(store, 1 + 105 + 105, late)
        assert await recorder.rebuild(late[-1][0] + LEAD_IN_MS + 99_000, T0 + 400_000) == 0
        assert await recorder.rebuild(late[0][0], late[-1][0]) == 1
        anew = await store.activities.get(ride.activity_id)
        assert (anew.version, anew.gaps) == (2, ())
        assert (anew.title, anew.rpe, anew.saved) == ("Mine", 7, True)
        assert anew.started_unix_ms == ride.started_unix_ms
        assert anew.laps[-1].average_power_w == 300
        fit = to_fit(anew, await store.activities.streams(anew))
        assert list(fit.power_w[100:]) == [300] * 110
        assert await recorder.rebuild(late[0][0], late[-1][0]) == 0  # nothing new: version 2 stays

    with_store(tmp_path, use)


def test_a_discarded_ride_does_not_come_back(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        log = log_of()
        await prepare(store, log)
        await journal(store, 1, bike(range(-5, 100)))
        recorder = await recorder_at(store)
        made = await recorder.record(session_of(log))
        built = Recorded(
            ride := await store.activities.get(made["ann"]), await store.activities.streams(ride)
        )
        await store.activities.discard(ride.activity_id)
        await journal(store, 106, bike(range(100, 210)))
        assert await recorder.rebuild(T0, T0 + 210_000) == 0
        assert not await store.activities.rebuild(built)  # nor one discarded while it was built
        assert await store.activities.list() == []

    with_store(tmp_path, use)


def test_after_a_start_rides_with_gaps_are_looked_at(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        log = log_of()
        await prepare(store, log)
        await journal(store, 1, bike(range(-5, 100)))
        made = await (await recorder_at(store)).record(session_of(log))
        await journal(store, 106, bike(range(100, 210)))
        soon = await recorder_at(store, now_ms=T0 + RECENT_MS)
        assert await soon.rebuild_recent() == 1
        assert (await store.activities.get(made["ann"])).version == 2
        assert await soon.rebuild_recent() == 0

    with_store(tmp_path, use)


def test_a_ride_that_ends_waits_for_one_rebuild_and_not_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(store: Store) -> None:
        log = log_of((30, Join(BOB)))
        await prepare(store, log)
        await journal(store, 1, bike(range(-5, 210)))
        recorder = await recorder_at(store)
        await recorder.record(session_of(log))
        done: list[str] = []
        placed, under_way = store.journal.placed, asyncio.Event()

        async def noted(athlete_id: str, from_ms: int, to_ms: int) -> list[PlacedReading]:
            under_way.set()
            return await placed(athlete_id, from_ms, to_ms)

        monkeypatch.setattr(store.journal, "placed", noted)
        rebuild = asyncio.create_task(recorder.rebuild(T0, T0 + 210_000))
        rebuild.add_done_callback(lambda _: done.append("rebuild"))
        await under_way.wait()
        record = asyncio.create_task(recorder.record(session_of(log)))
        record.add_done_callback(lambda _: done.append("record"))
        await asyncio.gather(rebuild, record)
        assert done == ["record", "rebuild"]

    with_store(tmp_path, use)


def test_seconds_of_an_estimated_time_are_counted(tmp_path: Path) -> None:
    """The gateway had been off since before it ever met this hub, and came late."""

    async def use(store: Store) -> None:
        log = log_of()
        await prepare(store, log)
        await journal(store, 1, bike(range(-5, 100)))
        recorder = await recorder_at(store)
        made = await recorder.record(session_of(log))
        assert (await store.activities.get(made["ann"])).estimated_s == 0
        late = by_time(bike(range(100, 210)), heart(range(150, 210)))
        placed = tuple(PlacedReading(reading, at_ms, True) for at_ms, reading in late)
        await store.journal.append(JournalEntry("pi", "f", "old", 1, len(placed), placed))
        assert await recorder.rebuild(T0, T0 + 210_000) == 1
        assert (await store.activities.get(made["ann"])).estimated_s == 110

    with_store(tmp_path, use)


@pytest.mark.parametrize(
    ("said", "since", "power_w"),
    [
        ([(-50, Choose("ann", Metric.POWER_W, "bike"))], "pedals", 200),
        ([(-50, Choose("ann", Metric.POWER_W, "bike"))], "", 200),
        ([], "bike", 210),
        ([(100, Choose("ann", Metric.POWER_W, "bike"))], "pedals", 200),
    ],
    ids=["another since", "none since", "none then", "in mid-ride"],
)
def test_a_rebuild_follows_the_preferences_of_the_ride_and_no_later_ones(
    tmp_path: Path, said: list[tuple[float, Choose]], since: str, power_w: int
) -> None:
    """Power meter pedals say 210 W, the bike 200 W; by precedence the pedals speak."""

    async def use(store: Store) -> None:
        log = log_of(*said)
        await prepare(store, log)
        await store.sensors.remember([KnownSensor(sensor_id="pedals", name="Assioma")])
        await store.assignments.assign("pedals", "ann", 0)
        early = by_time(pedals(range(-5, 150)), bike(range(-5, 150)))
        await journal(store, 1, early)
        recorder = await recorder_at(store)
        ride = (await recorder.record(session_of(log)))["ann"]
        before = await store.activities.streams(await store.activities.get(ride))
        await store.athletes.prefer("ann", Metric.POWER_W, since)
        late = by_time(pedals(range(150, 210)), bike(range(150, 210)))
        await journal(store, 1 + len(early), late)
        assert await recorder.rebuild(late[0][0], late[-1][0]) == 1
        after = await store.activities.streams(await store.activities.get(ride))
        assert after.power_w[:150] == before.power_w[:150]
        assert set(after.power_w[150:]) == {power_w}

    with_store(tmp_path, use)


LATE_MS = T0 + 150_000


async def two_rides(store: Store) -> tuple[Recorder, dict[str, str]]:
    """Ann on the bike and Bob on the pedals, up to second 150; the rest of both waits."""
    log = log_of((-1, Join(BOB)))
    await prepare(store, log)
    await store.sensors.remember([KnownSensor(sensor_id="pedals", name="Assioma")])
    await store.assignments.assign("pedals", "bob", 0)
    early = by_time(bike(range(-5, 150)), pedals(range(-5, 150)))
    await journal(store, 1, early)
    recorder = await recorder_at(store)
    made = await recorder.record(session_of(log))
    await journal(store, 1 + len(early), by_time(bike(range(150, 210)), pedals(range(150, 210))))
    return recorder, made


def test_a_damaged_chunk_keeps_no_other_ride_from_being_made_anew(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        recorder, made = await two_rides(store)
        flip_a_bit(tmp_path, "raw_chunks", "ann")
        with capture_logs() as said:
            assert await recorder.rebuild(LATE_MS, LATE_MS + 60_000) == 1
            assert await recorder.rebuild(LATE_MS, LATE_MS + 60_000) == 0
        versions = {name: (await store.activities.get(made[name])).version for name in made}
        assert versions == {"ann": 1, "bob": 2}
        assert [(line["event"], line["activity"]) for line in said] == [
            ("ride_not_rebuilt", made["ann"])
        ]
        assert "1 damaged chunk" in said[0]["reason"]
        assert "derny activity check" in recorder.remark

        flip_a_bit(tmp_path, "raw_chunks", "ann")  # as it was
        assert await recorder.rebuild(LATE_MS, LATE_MS + 60_000) == 1
        assert recorder.remark == ""

    with_store(tmp_path, use)


def test_a_ride_is_recorded_from_what_can_be_read(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        log = log_of()
        await prepare(store, log)
        await journal(store, 1, bike(range(-5, 210)))
        await journal(store, 216, heart(range(-5, 210)))
        await store.journal.settle()
        await store.journal.fold()
        flip_a_bit(tmp_path, "raw_chunks", "ann")
        recorder = await recorder_at(store)
        ride = await store.activities.get((await recorder.record(session_of(log)))["ann"])
        assert {use.sensor for use in ride.sources} < {"bike", "strap"}
        assert recorder.remark

    with_store(tmp_path, use)


def test_a_damaged_ride_whose_readings_are_whole_is_mended(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        recorder, made = await two_rides(store)
        flip_a_bit(tmp_path, "stream_chunks", "ann")
        assert await recorder.rebuild(LATE_MS, LATE_MS + 60_000) == 2
        streams = await store.activities.streams(await store.activities.get(made["ann"]))
        assert streams.power_w == [200] * 210

    with_store(tmp_path, use)
