"""The supervisor on all adapters of an emulated BlueZ: what the bus tells beside bleak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from contract.radio_cases import STRAP, TRAINER, until
from contract.radio_room import AT_ONCE, BlueZContractRoom, bluez_contract_room
from paper_room import IDENTITY, News

from firmware_sim.fake_bluez.adapter import AdapterPlan
from gateway import bluez
from gateway.clock import BootClock
from gateway.link_events import Failure
from gateway.radio import RadioError
from gateway.radios import BluezRadios
from gateway.supervisor import Supervisor
from hub.wire.uplink import LinkStatus

pytestmark = pytest.mark.needs("dbus")

FIRST = AdapterPlan("hci0", "00:1A:7D:DA:71:13")
SECOND = AdapterPlan("hci1", "00:1A:7D:DA:71:14")


class SteeredNews(News):
    """Whose trainer nobody steers."""

    def machine_up(self, machine: object) -> None: ...

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None: ...

    def machine_down(self, sensor_id: str) -> None: ...


class Stage:
    def __init__(self, room: BlueZContractRoom, supervisor: Supervisor, news: News) -> None:
        self.room = room
        self.supervisor = supervisor
        self.news = news
        self.ids = [IDENTITY.sensor_id(room.address(number)) for number in (STRAP, TRAINER)]

    async def live(self) -> None:
        states = self.news.sensors
        await until(
            lambda: all(i in states and states[i].link is LinkStatus.LIVE for i in self.ids)
        )

    def held_by(self) -> list[str]:
        return sorted(self.news.sensors[sensor_id].adapter for sensor_id in self.ids)


@asynccontextmanager
async def stage(
    bus: str,
    *plans: AdapterPlan,
    wanted: Sequence[str] = (),
    slots: int = 0,
    unplugged: Sequence[str] = (),
) -> AsyncIterator[Stage]:
    async with bluez_contract_room(bus, AT_ONCE, *plans) as (_, room):
        for name in unplugged:
            await room.bluez.unplug(name)
        news = SteeredNews()
        supervisor = Supervisor(
            BluezRadios(wanted), IDENTITY, BootClock(), news, lambda: 1.0, slots={"": slots}
        )
        running = asyncio.create_task(supervisor.run())
        try:
            yield Stage(room, supervisor, news)
        finally:
            await supervisor.stop()
            await running


def test_every_adapter_is_found_and_a_killed_bluetoothd_is_survived(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus, FIRST, SECOND, slots=1) as on:
            await on.live()
            assert on.held_by() == ["hci0", "hci1"]
            assert not any(plan.address in repr(on.news.history) for plan in (FIRST, SECOND))
            before = len(on.news.history)
            await on.room.bluez.kill()
            await until(
                lambda: {r.problem for r in on.news.radios.values()} == {"no_bluetooth_service"}
            )
            await until(
                lambda: {s.sensor_id for s in on.news.history[before:] if s.problem} == {*on.ids}
            )
            assert "adapter_down" in {s.problem for s in on.news.history[before:]}
            await on.room.bluez.start()
            await on.live()
            assert on.held_by() == ["hci0", "hci1"]

    asyncio.run(main())


def test_a_pulled_dongles_sensors_go_to_the_other_adapter(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus, FIRST, SECOND) as on:
            await on.live()
            await on.room.bluez.unplug("hci0")
            await until(lambda: on.news.radios["hci0"].problem == "no_adapter")
            await until(lambda: on.held_by() == ["hci1", "hci1"])
            await on.live()
            await on.room.bluez.plug(FIRST)
            await until(lambda: on.news.radios["hci0"].powered)

    asyncio.run(main())


def test_without_an_adapter_one_row_says_so_until_there_is_one(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus, FIRST, unplugged=["hci0"]) as on:
            await until(lambda: bool(on.news.radios))
            (row,) = on.news.radios.values()
            assert (row.powered, row.problem, row.free_slots) == (False, "no_adapter", 0)
            await on.room.bluez.plug(FIRST)
            await until(lambda: on.news.radios.keys() == {"hci0"})
            await on.live()
            assert on.held_by() == ["hci0", "hci0"]

    asyncio.run(main())


def test_an_adapter_is_known_by_its_address_whatever_its_name(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus, FIRST, SECOND, wanted=[SECOND.address.lower()]) as on:
            await on.live()
            assert on.held_by() == ["hci1", "hci1"] and on.news.radios.keys() == {"hci1"}
            adapter_id = on.news.radios["hci1"].adapter_id
            for name in ("hci0", "hci1"):
                await on.room.bluez.unplug(name)
            await until(lambda: on.news.radios["hci1"].problem == "no_adapter")
            await on.room.bluez.plug(AdapterPlan("hci0", SECOND.address))
            await until(lambda: on.news.radios.keys() == {"hci0"})
            await on.live()
            assert on.news.radios["hci0"].adapter_id == adapter_id

    asyncio.run(main())


def test_an_adapter_is_switched_off_and_on_unless_it_serves_others(
    system_bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluez, "OFF_S", 0.1)

    async def main() -> None:
        async with bluez_contract_room(system_bus, AT_ONCE, FIRST) as (radio, room):
            assert await bluez.adapters() == [bluez.Adapter(FIRST.name, FIRST.address)]
            heard: set[str] = set()
            await radio.start_scan(lambda a: heard.add(a.address))
            await radio.power_cycle()
            assert room.bluez.calls["Properties.Set"] == 2
            heard.clear()
            await radio.start_scan(lambda a: heard.add(a.address), everything=True)
            await until(lambda: len(heard) == 2)
            connection = radio.connection(room.address(STRAP), lambda: None)
            await connection.open(30.0)
            assert await bluez.connected("hci0") == {room.address(STRAP)}
            with pytest.raises(RadioError, match="in_use") as refused:
                await bluez.power_cycle("hci0", frozenset())  # a strap that is no sensor
            assert refused.value.failure is Failure.TRANSIENT
            await connection.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("connected", "uuids", "busy"),
    [(True, ["0000110b"], True), (True, ["0000180d"], False), (False, ["0000110b"], False)],
)
def test_a_headset_keeps_its_adapter_on(connected: bool, uuids: list[str], busy: bool) -> None:
    device = {"org.bluez.Device1": {"Connected": connected, "UUIDs": uuids}}
    objects = {"/org/bluez/hci1/dev_1": device, "/org/bluez/hci10/dev_1": device}
    assert bluez.in_use(objects, "hci1", frozenset({"0000180d"})) is busy
    assert not bluez.in_use(objects, "hci0", frozenset({"0000180d"}))


def test_only_adapters_that_can_be_a_central_are_used() -> None:
    def adapter(*roles: str) -> dict[str, dict[str, object]]:
        return {"org.bluez.Adapter1": {"Address": "A", "Roles": list(roles)}}

    objects = {
        "/org/bluez/hci1": adapter("central", "peripheral"),
        "/org/bluez/hci0": adapter("peripheral"),
        "/org/bluez": {"org.bluez.AgentManager1": {}},
    }
    assert bluez.adapters_in(objects) == [bluez.Adapter("hci1", "A")]
