"""A whole room in virtual time: minutes of riding and of trouble in a second."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from bleak import BleakClient, BleakScanner
from clock import run

from firmware_sim import bleak_air, places, scenario
from firmware_sim.air.link import Air
from firmware_sim.air.server import AirServer
from firmware_sim.control import MAX_ANSWER_BYTES, ControlError, FaultRequest, StatusRequest, ask
from firmware_sim.control_server import ControlServer, answer
from firmware_sim.devices.sensor import Sensor
from firmware_sim.faults import FaultError
from firmware_sim.recording import METER, Point, RecordedRider, Recording
from firmware_sim.recording import STRAP as REPLAYED_STRAP
from firmware_sim.scenario import Scenario
from firmware_sim.studio import Studio
from firmware_sim.transport import UnixTransport

STRAP = "Polar H10 1F2A3B"
TRAINER = "KICKR CORE 4A2C"
POD = "Wahoo RPM 77D1"


def load(name: str) -> Scenario:
    return scenario.parse(places.scenarios()[name].read_text())


class Visitor:
    """Connects to sensors and counts what they say."""

    def __init__(self, radio: bleak_air.Backends) -> None:
        self.radio = radio
        self.heard: Counter[tuple[str, str]] = Counter()
        self.last: dict[tuple[str, str], bytes] = {}
        self.lost: dict[str, asyncio.Event] = {}

    async def visit(self, name: str, *uuids: str) -> BleakClient:
        device = await BleakScanner.find_device_by_name(
            name, timeout=30, backend=self.radio.scanner
        )
        assert device is not None
        lost = self.lost[name] = asyncio.Event()
        client = BleakClient(
            device, disconnected_callback=lambda _: lost.set(), backend=self.radio.client
        )
        await client.connect()
        for uuid in uuids:
            await client.start_notify(uuid, lambda c, v, u=uuid: self.hear(name, u, bytes(v)))
        return client

    def hear(self, name: str, uuid: str, value: bytes) -> None:
        self.heard[name, uuid] += 1
        self.last[name, uuid] = value


@contextlib.asynccontextmanager
async def studio(
    plan: Scenario, delivered: object = None, riders: list[RecordedRider] | None = None
) -> AsyncIterator[tuple[Studio, Visitor]]:
    with tempfile.TemporaryDirectory(prefix="derny-") as folder:
        air = Air(adv_loss=plan.adv_loss, rng=random.Random(0))
        async with AirServer(air, UnixTransport(str(Path(folder) / "air.sock"))) as server:
            room = Studio(plan, air, delivered=delivered, riders=riders)  # type: ignore[arg-type]
            await room.start()
            radio = bleak_air.backends(str(server.transport))
            try:
                yield room, Visitor(radio)
            finally:
                await radio.close()
                await room.stop()


def test_six_riders_speak_at_their_rates() -> None:
    told: Counter[tuple[str, str]] = Counter()

    def delivered(sensor: Sensor, uuid: int, _value: bytes) -> None:
        told[sensor.identity.name, f"{uuid:04x}"] += 1

    async def scene() -> None:
        plan = load("studio-6")
        uuid_of = {
            "heart_rate_strap": "2a37",
            "broadcast_watch": "2a37",
            "power_meter": "2a63",
            "cadence_pod": "2a5b",
            "smart_trainer": "2ad2",
        }
        async with studio(plan, delivered) as (_room, visitor):
            for sensor in plan.sensors:
                await visitor.visit(sensor.name, uuid_of[sensor.kind])
            visitor.heard.clear()
            told.clear()
            await asyncio.sleep(20.01)
            for sensor in plan.sensors:
                rate = 4 if sensor.kind == "smart_trainer" else 1
                key = (sensor.name, uuid_of[sensor.kind])
                assert visitor.heard[key] == pytest.approx(20 * rate, abs=rate)
                assert told[key] == visitor.heard[key]

    run(scene())


def test_a_rider_is_steered_over_the_air() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, visitor):
            client = await visitor.visit(TRAINER, "2ad9", "2ad2")
            await client.write_gatt_char("2ad9", b"\x00", response=True)
            await client.write_gatt_char("2ad9", bytes.fromhex("05d200"), response=True)
            await asyncio.sleep(30)
            assert visitor.heard[TRAINER, "2ad9"] == 2
            shown = int.from_bytes(visitor.last[TRAINER, "2ad2"][9:11], "little")
            assert shown == pytest.approx(210, abs=20)
            assert room.riders[0].body.power_w == pytest.approx(210, rel=0.1)

    run(scene())


def test_faults_come_and_go() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, visitor):
            strap = await visitor.visit(STRAP, "2a37")
            room.inject("mute", STRAP, for_s=10)
            visitor.heard.clear()
            await asyncio.sleep(9.5)
            assert visitor.heard[STRAP, "2a37"] == 0
            assert strap.is_connected
            await asyncio.sleep(3)
            assert visitor.heard[STRAP, "2a37"] >= 2

            room.inject("disconnect", STRAP, for_s=8)
            await asyncio.wait_for(visitor.lost[STRAP].wait(), 2)
            began_s = asyncio.get_running_loop().time()
            await visitor.visit(STRAP, "2a37")
            assert asyncio.get_running_loop().time() - began_s > 7

            room.inject("walk_away", STRAP, for_s=20)
            await asyncio.wait_for(visitor.lost[STRAP].wait(), 10)
            await visitor.visit(STRAP, "2a37")
            await asyncio.sleep(10)
            status = room.status()["riders"][0]["sensors"][0]  # type: ignore[index]
            assert status["connected"] and not status["faults"]

    run(scene())


def test_what_is_on_the_air_is_told_whether_or_not_anybody_listens() -> None:
    """Not what a fault holds back or spoils, and not what nobody could hear."""

    async def scene() -> None:
        heard: list[bytes] = []
        plan = only_riders(load("solo"), "Mara")

        def aired(sensor: Sensor, uuid: int, value: bytes) -> None:
            if sensor.identity.name == STRAP and uuid == 0x2A37:
                heard.append(value)

        pulled: list[tuple[str, int, float]] = []
        near = msgspec.structs.replace(plan.riders[0], at_m=(0.0, 0.0))
        spot = scenario.SpotPlan("wall", (10.0, 0.0))
        plan = msgspec.structs.replace(plan, riders=[near], spots=[spot])
        room = Studio(plan, Air(), aired=aired, unplug=lambda *what: pulled.append(what))
        await room.start()
        for kind, amount, there in (
            ("rest", None, True),
            ("mute", None, False),
            ("disconnect", None, False),
            ("walk_away", None, True),
            ("corrupt", 1.0, False),
        ):
            heard.clear()
            room.inject(kind, STRAP, 20, amount)
            await asyncio.sleep(19.5)
            assert bool(heard) == there, kind
            await asyncio.sleep(1)
            if kind == "walk_away":
                assert len(heard) < 15
        with pytest.raises(FaultError, match="no radio is called 'wall/1': wall/0"):
            room.inject("unplug", "wall/1")
        room.inject("unplug", "wall/0", 3)
        assert pulled == [("wall", 0, 3.0)]
        await room.stop()

    run(scene())


def test_a_delay_is_as_long_as_it_says() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, visitor):
            await visitor.visit(POD, "2a5b")
            await asyncio.sleep(2)
            room.inject("delay", POD, for_s=3, amount=5000)
            await asyncio.sleep(0.001)
            visitor.heard.clear()
            await asyncio.sleep(2.9)
            assert visitor.heard[POD, "2a5b"] == 0
            await asyncio.sleep(6)
            assert visitor.heard[POD, "2a5b"] == pytest.approx(9, abs=1)

    run(scene())


def test_a_low_battery_and_a_lost_trainer_are_told() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, visitor):
            await visitor.visit(STRAP, "2a19")
            trainer = await visitor.visit(TRAINER, "2ad9", "2ada")
            await trainer.write_gatt_char("2ad9", b"\x00", response=True)
            room.inject("battery_low", STRAP, amount=4)
            room.inject("control_lost", TRAINER, for_s=5)
            await asyncio.sleep(1)
            assert visitor.last[STRAP, "2a19"] == bytes([4])
            assert visitor.last[TRAINER, "2ada"] == b"\xff"
            await trainer.write_gatt_char("2ad9", b"\x00", response=True)
            await asyncio.sleep(0.01)
            assert visitor.last[TRAINER, "2ad9"].hex() == "800005"
            await asyncio.sleep(5)
            await trainer.write_gatt_char("2ad9", b"\x00", response=True)
            await asyncio.sleep(0.01)
            assert visitor.last[TRAINER, "2ad9"].hex() == "800001"

    run(scene())


def test_a_muted_trainer_does_not_answer_either() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, visitor):
            trainer = await visitor.visit(TRAINER, "2ad9")
            room.inject("mute", TRAINER, for_s=5)
            await trainer.write_gatt_char("2ad9", b"\x00", response=True)
            await asyncio.sleep(1)
            assert visitor.heard[TRAINER, "2ad9"] == 0

    run(scene())


def test_the_flaky_schedule_is_kept() -> None:
    async def scene() -> None:
        async with studio(load("flaky")) as (_room, visitor):
            strap = await visitor.visit(STRAP, "2a37")
            await asyncio.sleep(31)
            visitor.heard.clear()
            await asyncio.sleep(12)
            assert visitor.heard[STRAP, "2a37"] == 0
            assert strap.is_connected

    run(scene())


def test_a_watch_changes_its_address_when_nobody_listens() -> None:
    async def scene() -> None:
        plan = load("studio-6")
        only = only_riders(plan, "Aylin")
        async with studio(only) as (_room, visitor):
            backend = visitor.radio.scanner
            find = BleakScanner.find_device_by_name
            before = await find("Forerunner 265", timeout=5, backend=backend)
            await asyncio.sleep(15 * 60)
            after = await find("Forerunner 265", timeout=5, backend=backend)
            assert before is not None and after is not None
            assert before.address != after.address

    run(scene())


def only_riders(plan: Scenario, *names: str) -> Scenario:
    kept = [rider for rider in plan.riders if rider.name in names]
    return msgspec.structs.replace(plan, riders=kept)


def test_nobody_else_can_be_broken() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, _visitor):
            with pytest.raises(FaultError, match=f"no sensor is called 'X': choose one of {STRAP}"):
                room.inject("mute", "X")
            with pytest.raises(FaultError, match="has no control point: name a smart trainer"):
                room.inject("control_lost", STRAP)

    run(scene())


def test_the_control_socket_answers_and_bounds() -> None:
    async def scene() -> None:
        async with studio(load("solo")) as (room, _visitor):
            with tempfile.TemporaryDirectory(prefix="derny-") as folder:
                where = UnixTransport(str(Path(folder) / "sim.sock"))
                with pytest.raises(ControlError, match="no simulator answers"):
                    await ask(where, StatusRequest())
                server = ControlServer(room, where)
                await server.start()
                reply = await ask(where, FaultRequest("mute", STRAP, for_s=3))
                assert reply["fault"]["kind"] == "mute"
                status = (await ask(where, StatusRequest()))["status"]
                assert status["riders"][0]["sensors"][0]["faults"] == ["mute"]
                with pytest.raises(ControlError, match="no fault is called 'burn'"):
                    await ask(where, FaultRequest("burn", STRAP))
                reader, writer = await asyncio.open_unix_connection(where.path)
                writer.write(b"x" * 10_000 + b"\n")
                assert b"at most 4096 bytes" in await reader.read()
                writer.close()
                await server.close()
            assert not answer(room, b'{"op": "mute"}')["ok"]
            assert not answer(room, b"\xff")["ok"]
            spoilt = b'{"op": "fault", "kind": "mute", "sensor": "\xff"}'
            assert "not understood" in answer(room, spoilt)["error"]
            assert not answer(room, b'{"op": "status", "more": 1}')["ok"]

    run(scene())


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "is no simulator: choose another with --control"),
        (b'"\xff"\n', "is no simulator"),
        (b"{}\n", "is no simulator"),
        (b"x" * (MAX_ANSWER_BYTES + 1), "is no simulator"),
        (b"", "hangs up"),
    ],
)
def test_another_program_on_the_control_socket_is_found_out(said: bytes, problem: str) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    async def scene() -> None:
        with tempfile.TemporaryDirectory(prefix="derny-") as folder:
            where = UnixTransport(str(Path(folder) / "sim.sock"))
            async with await asyncio.start_unix_server(stranger, where.path):
                with pytest.raises(ControlError, match=problem):
                    await ask(where, StatusRequest())

    run(scene())


def test_twenty_on_mixed_equipment_are_heard() -> None:
    measures = {
        "heart_rate_strap": "2a37",
        "broadcast_watch": "2a37",
        "power_meter": "2a63",
        "cadence_pod": "2a5b",
        "smart_trainer": "2ad2",
        "treadmill": "2acd",
        "rower": "2ad1",
        "cross_trainer": "2ace",
    }

    async def scene() -> None:
        plan = load("studio-20")
        async with studio(plan) as (_room, visitor):
            for sensor in plan.sensors:
                await visitor.visit(sensor.name, measures[sensor.kind])
            visitor.heard.clear()
            await asyncio.sleep(10.01)
            for sensor in plan.sensors:
                # A record of a rower or cross trainer comes in two notifications.
                rate = {"smart_trainer": 4, "rower": 2, "cross_trainer": 2}.get(sensor.kind, 1)
                key = (sensor.name, measures[sensor.kind])
                assert visitor.heard[key] == pytest.approx(10 * rate, abs=rate)

    run(scene())


def test_a_replay_waits_for_its_listeners_and_keeps_its_gaps_on_the_air() -> None:
    seconds = [*range(20), *range(50, 60)]
    recording = Recording([Point(s * 1000, 100 + s, 120 + s, 90.0) for s in seconds])

    async def scene() -> None:
        rider = RecordedRider(recording, "replay")
        plan = Scenario(description="replay", riders=[rider.plan])
        async with studio(plan, riders=[rider]) as (room, visitor):
            await visitor.visit(REPLAYED_STRAP, "2a37")
            await asyncio.sleep(30)
            assert rider.waiting and not visitor.heard
            heard: list[int] = []
            loop, began_s = asyncio.get_running_loop(), 0.0
            client = await visitor.visit(METER)
            await client.start_notify(
                "2a63", lambda _, v: heard.append(int.from_bytes(v[2:4], "little"))
            )
            began_s = loop.time()
            await room.wait()
            assert loop.time() - began_s == pytest.approx(60, abs=2)
            assert heard == [100 + second for second in seconds]
            assert visitor.heard[REPLAYED_STRAP, "2a37"] == len(seconds)
            assert visitor.last[REPLAYED_STRAP, "2a37"][1] == 179

    run(scene())
