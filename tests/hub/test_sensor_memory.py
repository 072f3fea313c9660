from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from stores import with_store

from hub import sensor_memory
from hub.core.errors import NotFound
from hub.sensor_memory import SensorMemory
from hub.store.errors import DiskFull
from hub.store.store import Store
from hub.wire.uplink import LinkStatus, Sensors, SensorState


def heard(*sensor_ids: str, name: str = "Polar H10", simulated: bool = False) -> Sensors:
    return Sensors(
        tuple(
            SensorState(
                sensor_id=one, name=name, kinds=(), link=LinkStatus.LIVE, simulated=simulated
            )
            for one in sensor_ids
        )
    )


def test_what_an_advertisement_leaves_out_stays(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        memory = SensorMemory(store.sensors, lambda: 1_000)
        memory.hear(heard("a"))
        memory.hear(heard("a", name=""))
        await memory.store()
        again = SensorMemory(store.sensors, lambda: 2_000)
        await again.start()
        assert [device.name for device in again.devices()] == ["Polar H10"]

    with_store(tmp_path, use)


def test_beyond_the_bound_the_one_seen_longest_ago_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor_memory, "SENSORS_MAX", 3)
    clock = count(1_000)

    async def use(store: Store) -> None:
        memory = SensorMemory(store.sensors, lambda: next(clock))
        for one in ("a", "b", "c", "a"):
            memory.hear(heard(one))
        await memory.store()
        memory.hear(heard("d", simulated=True))
        assert memory.is_simulated("d")
        await memory.store()
        assert {sensor.sensor_id for sensor in await store.sensors.list()} == {"a", "c", "d"}

    with_store(tmp_path, use)


def test_what_finds_no_room_is_stored_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise DiskFull

    async def use(store: Store) -> None:
        memory = SensorMemory(store.sensors, lambda: 1_000)
        memory.hear(heard("a"))
        with monkeypatch.context() as patched:
            patched.setattr(store.sensors, "remember", full)
            await memory.store()
        await memory.store()
        assert [sensor.sensor_id for sensor in await store.sensors.list()] == ["a"]

    with_store(tmp_path, use)


def test_what_an_athlete_said_of_a_sensor_is_kept_and_outlives_the_hub(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        memory = SensorMemory(store.sensors, lambda: 1_000)
        memory.hear(heard("a", "b"))
        with pytest.raises(NotFound):
            await memory.alias("c", "a")
        await memory.alias("b", "a")  # before it was ever stored
        memory.hear(heard("b", name="renamed"))
        await memory.store()
        again = SensorMemory(store.sensors, lambda: 2_000)
        await again.start()
        known = again.known("b")
        assert known is not None and (known.alias_of, known.is_merged) == ("a", True)
        await again.alias("b", "b")
        known = again.known("b")
        assert known is not None and not known.is_merged

    with_store(tmp_path, use)
