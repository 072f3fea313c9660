"""The air through unmodified bleak: real HCI, ATT and GATT bytes in one process."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from clock import run

from firmware_sim import bleak_air
from firmware_sim.air.link import Air
from firmware_sim.air.server import AirServer
from firmware_sim.devices.body import Body
from firmware_sim.devices.broadcast_watch import BroadcastWatch
from firmware_sim.devices.gatt import Emission
from firmware_sim.devices.heart_rate_strap import HeartRateStrap
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.peripheral import Peripheral
from firmware_sim.sockets import SocketInUse
from firmware_sim.transport import TcpTransport, TransportError, UnixTransport

STRAP_ADDRESS = "C0:FF:EE:00:00:01"
TRAINER_ADDRESS = "C0:FF:EE:00:00:02"
ABSENT_ADDRESS = "C0:FF:EE:00:00:99"
HRS = "0000180d-0000-1000-8000-00805f9b34fb"
FTMS = "00001826-0000-1000-8000-00805f9b34fb"
CONTROL_POINT = "2ad9"
RIDING = Body(power_w=200.0, cadence_rpm=90.0, heart_rate_bpm=140.0, rr_ms=(428.6,))


STRAP = "Polar H10 1F2A3B"


class Room:
    """An air with an open socket, one adapter on it, and sensors to be added."""

    def __init__(self, air: Air, spec: str) -> None:
        self.air = air
        self.spec = spec
        self.adapter = bleak_air.backends(spec)
        self.peripherals: list[Peripheral] = []

    async def add(self, sensor: Sensor, address: str) -> Peripheral:
        peripheral = Peripheral(self.air, sensor, address, lambda: 0, advertising_ms=20)
        await peripheral.start()
        self.peripherals.append(peripheral)
        return peripheral

    async def strap(self) -> Peripheral:
        return await self.add(HeartRateStrap(Identity("Polar H10 1F2A3B")), STRAP_ADDRESS)

    async def trainer(self) -> Peripheral:
        return await self.add(SmartTrainer(Identity("KICKR CORE 4A2C")), TRAINER_ADDRESS)

    async def find(self, name: str) -> tuple[BLEDevice, AdvertisementData]:
        async with BleakScanner(backend=self.adapter.scanner) as scanner:
            async with asyncio.timeout(15):
                async for device, data in scanner.advertisement_data():
                    if data.local_name == name:
                        return device, data
        raise AssertionError("the scan has ended")

    def client(
        self, device: BLEDevice | str, gone: asyncio.Event | None = None, timeout_s: float = 15.0
    ) -> BleakClient:
        return BleakClient(
            device,
            disconnected_callback=(lambda _client: gone.set()) if gone else None,
            timeout=timeout_s,
            backend=self.adapter.client,
        )


@asynccontextmanager
async def room(air: Air | None = None) -> AsyncIterator[Room]:
    with tempfile.TemporaryDirectory(prefix="derny-") as folder:
        path = Path(folder) / "air.sock"
        async with AirServer(air or Air(), UnixTransport(str(path))) as server:
            there = Room(server.air, str(server.transport))
            try:
                yield there
            finally:
                await there.adapter.close()
                for peripheral in there.peripherals:
                    await peripheral.stop()


def beside(there: Room, name: str) -> UnixTransport:
    return UnixTransport(there.spec.removeprefix("unix:").replace("air.sock", f"{name}.sock"))


def in_room(scene: Callable[[Room], Awaitable[None]], air: Air | None = None) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), room(air) as there:
            await scene(there)

    run(whole())


# Scanning


def test_a_scan_merges_advertisement_and_scan_response() -> None:
    async def scene(there: Room) -> None:
        await there.trainer()
        device, data = await there.find("KICKR CORE 4A2C")
        assert device.address == TRAINER_ADDRESS
        assert device.name == "KICKR CORE 4A2C"
        assert FTMS in data.service_uuids
        assert data.service_data == {FTMS: bytes.fromhex("012000")}

    in_room(scene)


def test_a_passive_scan_hears_no_scan_response() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        heard: asyncio.Future[AdvertisementData] = asyncio.get_running_loop().create_future()

        def on_advertisement(_device: BLEDevice, data: AdvertisementData) -> None:
            if not heard.done():
                heard.set_result(data)

        backend = there.adapter.scanner
        async with BleakScanner(on_advertisement, None, "passive", backend=backend):
            data = await asyncio.wait_for(heard, 5)
        assert data.local_name is None
        assert data.service_uuids == [HRS]

    in_room(scene)


def test_a_filter_by_service_hears_only_that_service() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        await there.trainer()
        seen: set[str] = set()
        times = 0
        backend = there.adapter.scanner
        async with BleakScanner(service_uuids=[FTMS], backend=backend) as scanner:
            async for device, _data in scanner.advertisement_data():
                seen.add(device.address)
                times += 1
                if times == 5:
                    break
        assert seen == {TRAINER_ADDRESS}

    in_room(scene)


def test_loudness_is_a_matter_of_the_pair() -> None:
    levels = {"Polar H10 1F2A3B": -48, "KICKR CORE 4A2C": -81}
    air = Air(rssi=lambda tx, _rx: levels.get(tx.name, -50))

    async def scene(there: Room) -> None:
        await there.strap()
        await there.trainer()
        for name, level in levels.items():
            assert (await there.find(name))[1].rssi == level

    in_room(scene, air)


def test_loudness_falls_with_the_way() -> None:
    """10 m cost 20 dB; the second radio of a spot hangs 2 m beside the first."""

    async def scene(there: Room) -> None:
        strap = await there.strap()
        strap.controller.at_m = (10.0, 0.0)
        nowhere = there.adapter
        async with AirServer(there.air, beside(there, "wall"), (0.0, 0.0)) as wall:
            radios = [bleak_air.backends(str(wall.transport)) for _ in range(2)]
            for radio, level in zip((nowhere, *radios), (-55, -75, -73), strict=True):
                there.adapter = radio
                assert (await there.find(STRAP))[1].rssi == level
            there.adapter = radios[0]
            strap.set_level(-80)  # -100 there: out of reach
            with pytest.raises(TimeoutError):
                await there.find(STRAP)
            there.adapter = nowhere
            assert (await there.find(STRAP))[1].rssi == -80
            for radio in radios:
                await radio.close()

    in_room(scene)


def test_a_radio_that_is_pulled_out_loses_its_links_and_comes_back() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        async with AirServer(there.air, beside(there, "wall")) as wall:
            first, second = (bleak_air.backends(str(wall.transport)) for _ in range(2))
            there.adapter = first
            gone = asyncio.Event()
            client = there.client((await there.find(STRAP))[0], gone)
            await client.connect()
            assert not (await second.radio.host()).closed
            wall.unplug(0, 5.0)
            await gone.wait()
            with pytest.raises(BleakBluetoothNotAvailableError):
                await first.radio.host()
            assert not (await second.radio.host()).closed
            await asyncio.sleep(5.0)
            await (there.client((await there.find(STRAP))[0])).connect()
            await first.close()
            await second.close()

    in_room(scene)


def test_lost_advertisements_are_lost_for_this_listener() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.09):
                await there.find("Polar H10 1F2A3B")
        there.air.adv_loss = 0.5
        await there.find("Polar H10 1F2A3B")

    in_room(scene, Air(adv_loss=1.0, rng=random.Random(1)))


def test_several_scanners_of_one_adapter_share_its_radio() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        async with BleakScanner(backend=there.adapter.scanner):
            await there.find("Polar H10 1F2A3B")
        await there.find("Polar H10 1F2A3B")

    in_room(scene)


def test_a_new_scan_starts_from_nothing() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        heard = asyncio.Event()
        scanner = BleakScanner(lambda _d, _a: heard.set(), backend=there.adapter.scanner)
        await scanner.start()
        await asyncio.wait_for(heard.wait(), 5)
        await scanner.stop()
        assert [device.address for device in scanner.discovered_devices] == [STRAP_ADDRESS]
        await strap.stop()
        await scanner.start()
        assert scanner.discovered_devices == []
        await scanner.stop()

    in_room(scene)


def test_a_watch_changes_its_address() -> None:
    async def scene(there: Room) -> None:
        watch = await there.add(BroadcastWatch(Identity("Forerunner 265")), "40:00:00:00:00:01")
        assert (await there.find("Forerunner 265"))[0].address == "40:00:00:00:00:01"
        await watch.readdress("40:00:00:00:00:02")
        device, _ = await there.find("Forerunner 265")
        assert device.address == "40:00:00:00:00:02"
        async with there.client(device) as client:
            assert await client.read_gatt_char("2a38") == b"\x02"

    in_room(scene)


# Connecting


def test_connect_discover_read_and_hear() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        gone = asyncio.Event()
        async with there.client(device, gone) as client:
            assert client.name == "Polar H10 1F2A3B"
            assert client.mtu_size == 247
            assert {"180d", "180f", "180a"} <= {service.uuid[4:8] for service in client.services}
            measurement = client.services.get_characteristic("2a37")
            assert measurement is not None
            assert measurement.properties == ["notify"]
            assert await client.read_gatt_char("2a24") == b"Simulator"
            assert await client.read_gatt_char("2a19") == bytes([90])
            heard: asyncio.Queue[bytes] = asyncio.Queue()
            await client.start_notify("2a37", lambda _c, value: heard.put_nowait(bytes(value)))
            strap.send(strap.sensor.advance(RIDING, 0))
            assert (await heard.get()).hex() == "168cb701"
            await client.stop_notify("2a37")
            strap.send(strap.sensor.advance(RIDING, 1000))
            await client.read_gatt_char("2a19")  # a round trip behind it
            assert heard.empty()
        assert gone.is_set()
        assert not client.is_connected

    in_room(scene)


def test_an_address_alone_will_do() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        async with there.client(STRAP_ADDRESS.lower()) as client:
            assert client.name == "Polar H10 1F2A3B"
        with pytest.raises(BleakDeviceNotFoundError):
            await there.client(ABSENT_ADDRESS, timeout_s=0.1).connect()

    in_room(scene)


def test_properties_are_enforced_with_att_errors() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        await there.trainer()
        device, _ = await there.find("Polar H10 1F2A3B")
        async with there.client(device) as client:
            with pytest.raises(BleakGATTProtocolError) as unreadable:
                await client.read_gatt_char("2a37")
            assert unreadable.value.code == BleakGATTProtocolErrorCode.READ_NOT_PERMITTED
            with pytest.raises(BleakGATTProtocolError) as unwritable:
                await client.write_gatt_char("2a19", b"\x01", response=True)
            assert unwritable.value.code == BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.write_gatt_char("2a39", b"\x07", response=True)
            assert refused.value.args[0] == 0x80

    in_room(scene)


class Careless(HeartRateStrap):
    """Firmware that answers everything it is asked."""

    def read(self, uuid: int) -> bytes:
        return b"\x01"

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        return []


def test_properties_hold_for_careless_firmware_too() -> None:
    async def scene(there: Room) -> None:
        await there.add(Careless(Identity("Careless")), STRAP_ADDRESS)
        async with there.client(STRAP_ADDRESS) as client:
            with pytest.raises(BleakGATTProtocolError) as unreadable:
                await client.read_gatt_char("2a37")
            assert unreadable.value.code == BleakGATTProtocolErrorCode.READ_NOT_PERMITTED
            with pytest.raises(BleakGATTProtocolError) as unwritable:
                await client.write_gatt_char("2a38", b"\x01", response=True)
            assert unwritable.value.code == BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED

    in_room(scene)


def test_the_control_point_answers_by_indication() -> None:
    async def scene(there: Room) -> None:
        trainer = await there.trainer()
        assert isinstance(trainer.sensor, SmartTrainer)
        device, _ = await there.find("KICKR CORE 4A2C")
        async with there.client(device) as client:
            with pytest.raises(BleakGATTProtocolError) as early:
                await client.write_gatt_char(CONTROL_POINT, b"\x00", response=True)
            assert early.value.code == BleakGATTProtocolErrorCode.CCCD_IMPROPERLY_CONFIGURED
            heard: asyncio.Queue[str] = asyncio.Queue()
            for uuid in (CONTROL_POINT, "2ada"):
                await client.start_notify(uuid, lambda _c, value: heard.put_nowait(value.hex()))
            answers = []
            for write, expected in (("05fa00", 1), ("00", 1), ("05fa00", 2), ("99", 1)):
                await client.write_gatt_char(CONTROL_POINT, bytes.fromhex(write), response=True)
                answers.append({await asyncio.wait_for(heard.get(), 5) for _ in range(expected)})
            assert answers == [{"800505"}, {"800001"}, {"800501", "08fa00"}, {"809902"}]
            assert trainer.sensor.demand_w(RIDING) is not None
        await there.find("KICKR CORE 4A2C")  # it advertises again: it knows that the link is gone
        assert trainer.sensor.demand_w(RIDING) is None

    in_room(scene)


def test_a_connect_to_an_absent_device_takes_its_timeout_and_leaves_the_adapter_usable() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        await strap.hide()
        loop = asyncio.get_running_loop()
        for _ in range(2):
            began_s = loop.time()
            with pytest.raises(TimeoutError):
                await there.client(device, timeout_s=0.1).connect()
            assert loop.time() - began_s > 0.09
        await strap.advertise()
        async with there.client(device) as client:
            assert client.is_connected

    in_room(scene)


def test_connects_of_one_adapter_queue_up() -> None:
    async def scene(there: Room) -> None:
        devices = []
        for number in range(1, 5):
            name = f"Strap {number}"
            await there.add(HeartRateStrap(Identity(name)), f"C0:00:00:00:00:0{number}")
            devices.append((await there.find(name))[0])
        clients = [there.client(device) for device in devices]
        await asyncio.gather(*(client.connect() for client in clients))
        assert all(client.is_connected for client in clients)
        adapter = await BleakAdapter.get(backend=there.adapter.adapter)
        connected = await adapter.get_connected_devices([HRS])
        assert {each.address for each in connected} == {device.address for device in devices}
        assert await adapter.get_connected_devices([FTMS]) == []

    in_room(scene)


def test_a_device_has_one_owner_per_adapter() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        async with there.client(device) as first:
            with pytest.raises(BleakError, match="already connected"):
                await there.client(device).connect()
            assert first.is_connected

    in_room(scene)


def test_a_connected_sensor_does_not_advertise_and_afterwards_it_does() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        other = bleak_air.backends(there.spec)
        try:
            async with there.client(device):
                backend = other.client
                with pytest.raises(TimeoutError):
                    await BleakClient(device, timeout=0.09, backend=backend).connect()
            async with BleakClient(device, backend=backend) as second:
                assert second.is_connected
        finally:
            await other.close()

    in_room(scene)


# Losing


def test_a_sensor_that_vanishes_is_noticed() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        gone = asyncio.Event()
        client = there.client(device, gone)
        await client.connect()
        await strap.stop()
        await gone.wait()
        assert not client.is_connected
        with pytest.raises(BleakError):
            await client.read_gatt_char("2a19")

    in_room(scene)


def test_walking_out_of_range_ends_the_link_and_coming_back_restores_it() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        gone = asyncio.Event()
        client = there.client(device, gone)
        await client.connect()
        strap.set_level(-90)
        assert await client.read_gatt_char("2a19")
        strap.set_level(-100)
        await gone.wait()
        with pytest.raises(TimeoutError):
            await there.client(device, timeout_s=0.09).connect()
        strap.set_level(-60)
        async with there.client(device) as again:
            assert again.is_connected

    in_room(scene)


def test_a_killed_host_frees_its_sensors() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        other = bleak_air.backends(there.spec)
        gone = asyncio.Event()
        client = BleakClient(
            device, disconnected_callback=lambda _: gone.set(), backend=other.client
        )
        await client.connect()
        assert strap.connected
        await other.close()  # the socket closes, as it does when a process is killed
        await gone.wait()
        assert not client.is_connected
        async with there.client(device) as next_owner:
            assert next_owner.is_connected

    in_room(scene)


def test_an_answer_that_never_comes_ends_with_the_link() -> None:
    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        client = there.client(device)
        await client.connect()
        there.air.delay_s = lambda _tx, _rx: 3600.0
        # The second one waits for the first one's answer before it is even sent.
        reading = [asyncio.create_task(client.read_gatt_char("2a19")) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert not any(each.done() for each in reading)
        await strap.stop()
        for each in reading:
            with pytest.raises(BleakError, match="disconnected"):
                await asyncio.wait_for(each, 15)

    in_room(scene)


def test_an_answer_that_never_comes_ends_with_the_adapter() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        gone = asyncio.Event()
        client = there.client(device, gone)
        await client.connect()
        there.air.delay_s = lambda _tx, _rx: 3600.0
        reading = asyncio.create_task(client.read_gatt_char("2a19"))
        await asyncio.sleep(0.01)
        await there.adapter.close()
        with pytest.raises(BleakError, match="disconnected"):
            await asyncio.wait_for(reading, 15)
        assert gone.is_set()

    in_room(scene)


def test_a_reader_who_gives_up_does_not_spoil_the_next_answer() -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        async with there.client(device) as client:
            there.air.delay_s = lambda _tx, _rx: 0.01
            impatient = asyncio.create_task(client.read_gatt_char("2a19"))
            await asyncio.sleep(0.001)
            impatient.cancel()
            assert await client.read_gatt_char("2a38") == b"\x01"

    in_room(scene)


def test_delayed_packets_keep_their_order() -> None:
    rng = random.Random(3)

    async def scene(there: Room) -> None:
        strap = await there.strap()
        device, _ = await there.find("Polar H10 1F2A3B")
        async with there.client(device) as client:
            heard: list[int] = []
            everything = asyncio.Event()

            def on_value(_characteristic: object, value: bytearray) -> None:
                heard.append(value[1])
                if len(heard) == 30:
                    everything.set()

            await client.start_notify("2a37", on_value)
            there.air.delay_s = lambda _tx, _rx: rng.random() / 100
            for number in range(30):
                body = Body(heart_rate_bpm=100 + number)
                strap.send(strap.sensor.advance(body, number * 1000))
            await everything.wait()
            assert heard == list(range(100, 130))
            there.air.delay_s = None

    in_room(scene)


# Sockets


def test_no_air_is_no_bluetooth() -> None:
    async def scene() -> None:
        radio = bleak_air.backends("unix:/nowhere/air.sock")
        with pytest.raises(BleakBluetoothNotAvailableError, match="no air at unix:/nowhere"):
            await BleakScanner(backend=radio.scanner).start()

    asyncio.run(scene())


def test_the_adapter_comes_back_with_the_air() -> None:
    async def scene() -> None:
        with tempfile.TemporaryDirectory(prefix="derny-") as folder:
            where = UnixTransport(str(Path(folder) / "air.sock"))
            radio = bleak_air.backends(str(where))
            for _ in range(2):
                async with AirServer(Air(), where):
                    await BleakScanner(backend=radio.scanner).start()
                    host = await radio.radio.host()
                await host.wait_closed()
                with pytest.raises(BleakBluetoothNotAvailableError):
                    await radio.radio.host()
            await radio.close()

    asyncio.run(scene())


def test_a_socket_in_use_is_refused_and_a_dead_one_replaced(tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / "air.sock"
        where = UnixTransport(str(path))
        async with AirServer(Air(), where):
            assert path.stat().st_mode & 0o777 == 0o600
            with pytest.raises(SocketInUse):
                await AirServer(Air(), where).start()
        assert not path.exists()
        dead = await asyncio.get_running_loop().create_unix_server(asyncio.Protocol, str(path))
        dead.close()
        await dead.wait_closed()
        assert path.exists()
        async with AirServer(Air(), where):
            pass
        path.write_text("not a socket")
        with pytest.raises(FileExistsError, match="is no socket"):
            await AirServer(Air(), where).start()

    asyncio.run(scene())


def test_the_air_over_tcp() -> None:
    async def scene() -> None:
        async with AirServer(Air(), TcpTransport("127.0.0.1", 0)) as server:
            strap = Peripheral(
                server.air, HeartRateStrap(Identity("Strap")), STRAP_ADDRESS, lambda: 0
            )
            await strap.start()
            radio = bleak_air.backends(str(server.transport))
            async with BleakClient(STRAP_ADDRESS, backend=radio.client) as client:
                assert client.name == "Strap"
            await radio.close()
            await strap.stop()

    asyncio.run(scene())


def test_rubbish_on_the_socket_ends_that_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(there: Room) -> None:
        await there.strap()
        reader, writer = await asyncio.open_unix_connection(there.spec.removeprefix("unix:"))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await there.find("Polar H10 1F2A3B"))[0].address == STRAP_ADDRESS

    in_room(scene)
    assert "a host sent no HCI" in caplog.text


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "is no transport: write unix:"),
        ("unix:", "is no transport"),
        ("usb:0", "is no transport"),
        ("tcp:127.0.0.1", "names no port"),
        ("tcp:127.0.0.1:70000", "names no port"),
        ("unix:/" + "x" * 200, "longer than 103 bytes"),
    ],
)
def test_a_transport_that_is_none(spec: str, problem: str) -> None:
    with pytest.raises(TransportError, match=problem):
        bleak_air.backends(spec)
