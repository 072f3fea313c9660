"""The emulated BlueZ by itself: its faults, its objects, clients that end, and its command line.

What bleak and the gateway make of it is the radio's contract (tests/contract).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from air_room import address, room, strap, until
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from typer.testing import CliRunner, Result

from firmware_sim.fake_bluez import errors
from firmware_sim.fake_bluez.adapter import AdapterPlan
from firmware_sim.fake_bluez.bus import BusError, PrivateBus
from firmware_sim.fake_bluez.control import ControlError, plan
from firmware_sim.fake_bluez.daemon import FakeBlueZ
from firmware_sim.fake_bluez.device import Timing
from firmware_sim.fake_bluez.faults import MAX_PLANNED, FaultError, Faults, Kind

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60
HCI = "/org/bluez/hci0"
STRAP = f"{HCI}/dev_{address(1).replace(':', '_')}"
needs_dbus = pytest.mark.needs("dbus")


# Faults


def test_a_fault_strikes_its_call_as_often_as_it_was_planned() -> None:
    faults = Faults()
    faults.plan("connect_busy", 2)
    assert faults.strike("Adapter1.StartDiscovery", HCI) is None
    assert faults.strike("Device1.Connect", STRAP) is Kind.CONNECT_BUSY
    assert faults.waiting() == {"connect_busy": 1}
    assert faults.strike("Device1.Connect", STRAP) is Kind.CONNECT_BUSY
    assert faults.strike("Device1.Connect", STRAP) is None
    assert faults.waiting() == {}


def test_a_fault_can_be_one_devices() -> None:
    faults = Faults()
    faults.plan("connect_busy", address="c0:de:00:00:00:02")
    assert faults.strike("Device1.Connect", STRAP) is None
    assert faults.strike("Device1.Connect", f"{HCI}/dev_C0_DE_00_00_00_02") is Kind.CONNECT_BUSY


def test_the_first_that_was_planned_strikes_first_and_all_can_be_cleared() -> None:
    faults = Faults()
    for kind in ("connect_full", "denied", "connect_busy"):
        faults.plan(kind)
    struck = [faults.strike("Device1.Connect", STRAP) for _ in range(2)]
    assert struck == [Kind.CONNECT_FULL, Kind.DENIED]
    faults.clear()
    assert faults.strike("Device1.Connect", STRAP) is None


@pytest.mark.parametrize(
    ("kind", "times", "says"), [("nonsense", 1, "choose one of"), ("denied", 0, "from 1 to")]
)
def test_a_fault_that_cannot_be_is_said(kind: str, times: int, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        Faults().plan(kind, times)


def test_faults_that_wait_are_bounded() -> None:
    faults = Faults()
    for _ in range(MAX_PLANNED):
        faults.plan("denied")
    with pytest.raises(FaultError, match="wait until some strike"):
        faults.plan("denied")


@pytest.mark.parametrize(
    ("code", "name", "text"),
    [
        (0x02, "org.bluez.Error.NotPermitted", "Read not permitted"),
        (0x0D, "org.bluez.Error.InvalidArguments", "Invalid Length"),
        (0x80, "org.bluez.Error.Failed", "Operation failed with ATT error: 0x80"),
    ],
)
def test_a_refusal_is_worded_as_bluez_does(code: int, name: str, text: str) -> None:
    error = errors.of_att(code)
    assert (error.name, error.text) == (name, text)


# On the bus


class Client:
    """A client of BlueZ without bleak: what it calls, and the signals that it gets."""

    def __init__(self, bus: str | None = None) -> None:
        self._bus = MessageBus(bus, BusType.SYSTEM)
        self.signals: list[Message] = []

    async def open(self) -> Client:
        await self._bus.connect()
        self._bus.add_message_handler(self._hear)
        rule = "type='signal',sender='org.bluez'"
        bus = "org.freedesktop.DBus"
        await self.call("/org/freedesktop/DBus", bus, "AddMatch", "s", [rule], to=bus)
        return self

    def _hear(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.path != "/org/freedesktop/DBus":
            self.signals.append(message)

    async def call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        to: str = "org.bluez",
    ) -> Message:
        message = Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        return await self._bus.call(message)

    async def scan(self, **wanted: Variant) -> Message:
        await self.call(HCI, "org.bluez.Adapter1", "SetDiscoveryFilter", "a{sv}", [wanted])
        return await self.call(HCI, "org.bluez.Adapter1", "StartDiscovery")

    async def objects(self) -> dict[str, Any]:
        manager = "org.freedesktop.DBus.ObjectManager"
        return (await self.call("/", manager, "GetManagedObjects")).body[0]

    async def get(self, path: str, interface: str, name: str) -> Any:
        properties = "org.freedesktop.DBus.Properties"
        reply = await self.call(path, properties, "Get", "ss", [interface, name])
        return reply.body[0].value

    async def get_until(self, path: str, interface: str, name: str, value: object) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if path in await self.objects() and await self.get(path, interface, name) == value:
                    return
                await asyncio.sleep(0.02)

    async def knows(self, path: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if path in await self.objects():
                    return
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._bus.disconnect()


@asynccontextmanager
async def bluez(bus: str) -> AsyncIterator[tuple[FakeBlueZ, Client]]:
    async with room() as there:
        await there.add(strap(), 1)
        air = there.spec.removeprefix("air:")
        async with FakeBlueZ(air, bus, timing=Timing(disconnect_s=0.0)) as emulated:
            client = await Client().open()
            try:
                yield emulated, client
            finally:
                client.close()


@needs_dbus
def test_objects_carry_what_bleak_asks_of_them(system_bus: str) -> None:
    async def main() -> None:
        async with bluez(system_bus) as (_, client):
            adapter = (await client.objects())[HCI]["org.bluez.Adapter1"]
            assert adapter["Roles"].value == ["central", "peripheral"]
            assert adapter["Powered"].value is True
            assert (await client.scan()).message_type is MessageType.METHOD_RETURN
            await client.get_until(STRAP, "org.bluez.Device1", "Alias", "Strap 1")
            known = (await client.objects())[STRAP]["org.bluez.Device1"]
            assert {"Adapter", "Address", "Connected", "ServicesResolved", "RSSI"} <= set(known)
            await client.call(STRAP, "org.bluez.Device1", "Connect")
            paths = sorted(path for path in await client.objects() if path.startswith(f"{STRAP}/"))
            parents = [path.rpartition("/")[0] for path in paths]
            assert set(parents) <= {STRAP, *paths}
            uuids = await client.get(STRAP, "org.bluez.Device1", "UUIDs")
            assert {"180a", "180d", "180f"} <= {uuid[4:8] for uuid in uuids}

    asyncio.run(main())


@needs_dbus
def test_a_filter_by_service_leaves_others_out(system_bus: str) -> None:
    async def main() -> None:
        async with bluez(system_bus) as (_, client):
            power = "00001818-0000-1000-8000-00805f9b34fb"
            await client.scan(UUIDs=Variant("as", [power]))
            # Whoever wants everything makes it known to all.
            other = await Client().open()
            await asyncio.sleep(0.3)
            assert STRAP not in await client.objects()
            await other.scan()
            await client.knows(STRAP)
            other.close()

    asyncio.run(main())


@needs_dbus
def test_the_end_of_a_client_ends_its_scan_and_its_subscriptions_but_no_link(
    system_bus: str,
) -> None:
    async def main() -> None:
        async with bluez(system_bus) as (_, client):
            other = await Client().open()
            await other.scan()
            await client.knows(STRAP)
            await other.call(STRAP, "org.bluez.Device1", "Connect")
            (measurement,) = [
                path
                for path, interfaces in (await client.objects()).items()
                if "org.bluez.GattCharacteristic1" in interfaces
                and "2a37" in interfaces["org.bluez.GattCharacteristic1"]["UUID"].value
            ]
            characteristic = "org.bluez.GattCharacteristic1"
            await other.call(measurement, characteristic, "StartNotify")
            await client.get_until(measurement, characteristic, "Notifying", True)
            other.close()
            await client.get_until(HCI, "org.bluez.Adapter1", "Discovering", False)
            await client.get_until(measurement, characteristic, "Notifying", False)
            assert await client.get(STRAP, "org.bluez.Device1", "Connected") is True

    asyncio.run(main())


@needs_dbus
def test_discovery_that_ends_takes_the_signal_strength_along(system_bus: str) -> None:
    """Else a sensor that is as loud as before would be no news to the next scan."""

    async def main() -> None:
        async with bluez(system_bus) as (_, client):
            await client.scan(DuplicateData=Variant("b", False))
            await client.knows(STRAP)
            await client.call(HCI, "org.bluez.Adapter1", "StopDiscovery")
            await until(lambda: any("RSSI" in s.body[2] for s in changes(client.signals)))
            assert "RSSI" not in (await client.objects())[STRAP]["org.bluez.Device1"]

    asyncio.run(main())


def changes(signals: list[Message]) -> list[Message]:
    return [signal for signal in signals if signal.member == "PropertiesChanged"]


@needs_dbus
@pytest.mark.parametrize(
    ("path", "interface", "member", "signature", "body", "error"),
    [
        (HCI, "org.bluez.Adapter1", "Nonsense", "", [], errors.UNKNOWN_OBJECT),
        ("/nowhere", "org.bluez.Device1", "Connect", "", [], errors.UNKNOWN_OBJECT),
        (HCI, "org.bluez.Adapter1", "StopDiscovery", "", [], "org.bluez.Error.Failed"),
        (
            HCI,
            "org.bluez.Adapter1",
            "RemoveDevice",
            "o",
            [STRAP],
            "org.bluez.Error.DoesNotExist",
        ),
        (
            HCI,
            "org.freedesktop.DBus.Properties",
            "Set",
            "ssv",
            ["org.bluez.Adapter1", "Address", Variant("s", "x")],
            "org.freedesktop.DBus.Error.PropertyReadOnly",
        ),
        ("/org/derny/sim", "org.derny.Sim1", "Fault", "s", ["x"], "org.derny.Sim1.Refused"),
    ],
)
def test_a_call_that_cannot_be_is_refused(
    path: str,
    interface: str,
    member: str,
    signature: str,
    body: list[Any],
    error: str,
    system_bus: str,
) -> None:
    async def main() -> None:
        async with bluez(system_bus) as (_, client):
            reply = await client.call(path, interface, member, signature, body)
            assert reply.error_name == error

    asyncio.run(main())


@needs_dbus
def test_faults_come_over_the_bus_too(system_bus: str) -> None:
    async def main() -> None:
        async with bluez(system_bus) as (emulated, _):
            await plan(system_bus, "connect_full", 3, "")
            assert emulated.faults.waiting() == {"connect_full": 3}
            with pytest.raises(ControlError, match="choose one of"):
                await plan(system_bus, "nonsense", 1, "")
        with pytest.raises(ControlError, match="no emulated BlueZ is on this bus"):
            await plan(system_bus, "denied", 1, "")

    asyncio.run(main())


@needs_dbus
def test_a_bus_that_is_late_loses_no_signal_and_one_that_ends_is_told(tmp_path: Path) -> None:
    """dbus-fast alone gives a bus up whose socket is full."""
    bus = PrivateBus(tmp_path / "bus.sock")

    async def main() -> None:
        async with room() as there:
            air = there.spec.removeprefix("air:")
            async with FakeBlueZ(air, bus.address) as emulated:
                client = await Client(bus.address).open()
                os.kill(bus.pid, signal.SIGSTOP)
                for number in range(3_000):
                    emulated._tree.set(HCI, "org.bluez.Adapter1", Alias=f"{number:01000}")
                os.kill(bus.pid, signal.SIGCONT)
                await until(lambda: len(changes(client.signals)) == 3_000)
                client.close()
                assert not emulated.ended.is_set()
                os.kill(bus.pid, signal.SIGKILL)
                await asyncio.wait_for(emulated.ended.wait(), PATIENCE_S)

    bus.start()
    try:
        asyncio.run(main())
    finally:
        bus.stop()


@needs_dbus
def test_two_of_them_on_one_bus_is_an_error(
    system_bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_sim.fake_bluez.bus.NAME_TRIES", 2)

    async def main() -> None:
        async with bluez(system_bus):
            second = FakeBlueZ("unix:/nowhere/air.sock", system_bus, [AdapterPlan("hci7")])
            with pytest.raises(BusError, match=r"somebody else is org\.bluez"):
                await second.start()

    asyncio.run(main())


# The private bus and the command line


@needs_dbus
def test_a_bus_that_somebody_uses_is_left_alone(tmp_path: Path) -> None:
    first = PrivateBus(tmp_path / "bus.sock")
    first.start()
    try:
        with pytest.raises(BusError, match="is in use"):
            PrivateBus(tmp_path / "bus.sock").start()
        assert (tmp_path / "bus.sock").exists()
    finally:
        first.stop()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BusError, match="no socket"):
        PrivateBus(tmp_path / "file").start()
    assert (tmp_path / "file").read_text() == "mine"


def sim(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "firmware_sim", *arguments]


def once(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        sim(*arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )


@needs_dbus
def test_the_command_from_its_ready_line_to_its_end(tmp_path: Path) -> None:
    bus = tmp_path / "bus.sock"

    async def main() -> None:
        async with room() as there:
            arguments = sim(
                "bluez", "run", "--bus", str(bus), "--air", there.spec.removeprefix("air:"),
                "--adapters", "2", "--exit-with-parent",
            )  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
            assert process.stdout is not None and process.stdin is not None
            ready = (await process.stdout.readline()).decode()
            assert ready == f"derny-sim: ready, DBUS_SYSTEM_BUS_ADDRESS=unix:path={bus}\n"
            loop = asyncio.get_running_loop()
            told = await loop.run_in_executor(
                None, once, "bluez", "fault", "scan_busy", "--times", "3", "--bus", str(bus)
            )
            assert told.stdout == "scan_busy, 3 times\n", told.stderr
            process.stdin.close()
            assert await process.wait() == 0
            assert not bus.exists()

    asyncio.run(main())


@needs_dbus
def test_a_bus_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from firmware_sim.fake_bluez.bus import PrivateBus\n"
        "bus = PrivateBus(pathlib.Path(sys.argv[1])); bus.start(); print(bus.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "bus.sock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, stdin=pipe, stdout=pipe, text=True, cwd=ROOT / "firmware-sim"
    ) as starter:
        assert starter.stdout is not None
        daemon = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
    asyncio.run(until_gone(daemon))


async def until_gone(pid: int) -> None:
    await until(lambda: not os.path.exists(f"/proc/{pid}") or state_of(pid) == "Z")


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def here(*arguments: str) -> Result:
    from firmware_sim.cli import app

    return CliRunner().invoke(app, ["bluez", *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fault", "nonsense"), "no fault of BlueZ is called 'nonsense': choose one of scan_busy"),
        (("fault", "denied", "--bus", "/nowhere/bus"), "start one with derny-sim bluez run"),
        (("run", "--air", "tcp:nowhere"), "names no port"),
    ],
)
def test_a_command_that_cannot_be_says_what_to_do(arguments: tuple[str, ...], says: str) -> None:
    done = here(*arguments)
    assert done.exit_code == 2
    assert done.stdout == "" and done.stderr.startswith("derny-sim: ") and says in done.stderr


@needs_dbus
def test_no_air_is_said(tmp_path: Path) -> None:
    done = here("run", "--bus", str(tmp_path / "bus.sock"), "--air", "unix:/nowhere/air")
    assert done.exit_code == 2
    assert "no air at unix:/nowhere/air" in done.stderr and "--air" in done.stderr


def test_the_list_shows_every_fault() -> None:
    assert {line.split()[0] for line in here("list").stdout.splitlines()} == set(Kind)
