"""The whole gateway between an air and a hub, in one process, and as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from air_room import Room, address, room, strap, trainer, until

from firmware_sim.devices.smart_trainer import Erg, SmartTrainer
from gateway import cli
from gateway.app import Gateway, radios_of, uplink_of
from gateway.clock import BootClock
from gateway.identity import Identity
from gateway.settings import Settings, override
from gateway.spool import MemorySpool
from gateway.trace import Trace
from hub.gateway_keys import GatewayKeys
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry, PlacedReading
from hub.paths import keys_dir
from hub.wire.uplink import (
    AdapterState,
    AssignedSensor,
    Assignments,
    Command,
    CommandOp,
    LinkStatus,
    Plan,
    SensorState,
    StreamHeader,
    TrainerState,
    TrainerStatus,
)
from hub.wire.uplink_session import HubRules
from hub.wire.values import FreeTarget, PlanStep, PowerTarget

ROOT = Path(__file__).parents[2]
IDENTITY = Identity(b"k" * 32)
STRAP = IDENTITY.sensor_id(address(1))
TRAINER = IDENTITY.sensor_id(address(2))
CLOCK = BootClock()


class Kept:
    """A journal in memory: every entry is durable at once."""

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return {}

    async def retire(self, gateway: str, epoch: str) -> None:
        """Nothing is kept."""


class Hub:
    """The hub's ingest, and what came in."""

    def __init__(self) -> None:
        self.readings: list[PlacedReading] = []
        self.sensors: dict[str, SensorState] = {}
        self.trainers: dict[str, TrainerState] = {}
        self.adapters: tuple[AdapterState, ...] = ()
        self.goodbyes: list[str] = []
        self.ingest = Ingest(
            IngestSettings("tcp://127.0.0.1:0", rules=HubRules(silence_ms=60_000)),
            Kept(),
            CLOCK.now_us,
            IngestCallbacks(
                self._took,
                sensors=lambda _, m: self.sensors.update({s.sensor_id: s for s in m.sensors}),
                trainers=lambda _, m: self.trainers.update({t.sensor_id: t for t in m.trainers}),
                adapters=lambda _, m: setattr(self, "adapters", m.adapters),
                gateway_down=lambda _, reason: self.goodbyes.append(reason),
            ),
        )

    def _took(
        self, gateway: str, header: StreamHeader, placed: Sequence[PlacedReading], backfill: bool
    ) -> None:
        self.readings.extend(placed)

    def live(self, sensor_id: str) -> bool:
        state = self.sensors.get(sensor_id)
        return state is not None and state.link is LinkStatus.LIVE

    async def ask(self, op: CommandOp, sensor_id: str = "", lease: int = 1) -> str:
        """The reply's code; "" for done."""
        (gateway,) = self.ingest.gateways_up
        deadline_ms = CLOCK.now_us() // 1_000 + 60_000
        command = Command(os.urandom(4).hex(), op, deadline_ms, sensor_id, lease)
        reply = await self.ingest.send_command(gateway, command)
        assert reply.ok == (reply.code == "")
        return reply.code


Case = Callable[[Room, Hub, SmartTrainer, asyncio.Event], Awaitable[None]]


def with_all(case: Case, trace: Path | None = None) -> None:
    async def main() -> None:
        async with room(factor=1) as there:
            device = trainer()
            await there.add(strap(), 1)
            await there.add(device, 2)
            hub = Hub()
            await hub.ingest.start()
            settings = override(Settings(), radio=there.spec, hub=hub.ingest.address)
            gateway = Gateway(
                settings,
                IDENTITY,
                radios_of(settings),
                hub=uplink_of(settings, None, MemorySpool(), CLOCK),
                trace=Trace(trace, CLOCK.now_us) if trace else None,
            )
            stop = asyncio.Event()
            running = asyncio.create_task(gateway.run(stop))
            try:
                await until(lambda: hub.live(STRAP) and hub.live(TRAINER))
                await case(there, hub, device, stop)
            finally:
                stop.set()
                await running
                await until(lambda: bool(hub.goodbyes))
                await hub.ingest.stop()

    asyncio.run(main())


def test_readings_states_and_answers_reach_the_hub(tmp_path: Path) -> None:
    async def case(there: Room, hub: Hub, device: SmartTrainer, stop: asyncio.Event) -> None:
        await until(lambda: {p.reading.char for p in hub.readings} >= {"2a37", "2ad2", "2a63"})
        beat = next(p for p in hub.readings if p.reading.sensor_id == STRAP)
        assert beat.reading.m.heart_rate_bpm == 140
        # The test's hub time is the boot clock itself, so the placed time tells the offset's error:
        # half of what this process stalls in mid-exchange.
        assert abs(beat.at_ms - beat.reading.at_ms) < 5_000
        assert [(a.name, a.powered, a.problem) for a in hub.adapters] == [("air", True, "")]
        assert hub.sensors[STRAP].simulated and hub.sensors[STRAP].model == "Belt"
        assert await hub.ask(CommandOp.RESCAN) == ""
        assert await hub.ask(CommandOp.RETRY, STRAP) == "unknown_sensor"
        assert await hub.ask(CommandOp.CALIBRATE, STRAP) == "unknown_sensor"
        assert await hub.ask(CommandOp.IDENTIFY, TRAINER) == ""
        await until(lambda: device.alerts == 1)

    trace = tmp_path / "trace"
    with_all(case, trace)
    hops = [json.loads(line) for line in trace.read_text().splitlines()]
    assert {hop["char"] for hop in hops} >= {"2a37", "2ad2"}
    assert all(hop["hop"] == "gateway" for hop in hops)
    assert all(hop["rx_boot_us"] <= hop["sent_boot_us"] for hop in hops if hop["char"] != "2a5b")


def test_a_plan_is_followed_and_the_brake_is_free_when_the_gateway_stops() -> None:
    async def case(there: Room, hub: Hub, device: SmartTrainer, stop: asyncio.Event) -> None:
        (gateway,) = hub.ingest.gateways_up
        held = AssignedSensor(TRAINER, 3, "ada")
        hub.ingest.send_assignments(gateway, Assignments(1, (held,)))
        now_ms = CLOCK.now_us() // 1_000
        steps = (PlanStep(now_ms, PowerTarget(60)),)
        hub.ingest.send_plan(gateway, Plan(TRAINER, 3, 4, now_ms + 600_000, 300, steps))
        await until(lambda: device.brake.held == Erg(60))
        await until(lambda: hub.trainers[TRAINER].target == PowerTarget(60))
        assert hub.trainers[TRAINER].plan_rev == 4
        await until(
            lambda: any(p.reading.lease == 3 for p in hub.readings if p.reading.char == "2ad2")
        )
        assert await hub.ask(CommandOp.RELEASE, TRAINER, lease=2) == "stale_lease"
        assert device.brake.held == Erg(60)
        stop.set()
        await until(lambda: device.brake.held is None)
        await until(lambda: hub.trainers[TRAINER].status is TrainerStatus.LOST)
        assert hub.trainers[TRAINER].target == FreeTarget()

    with_all(case)


# As a process


def environment(data: Path) -> dict[str, str]:
    return os.environ | {"DERNY_DATA": str(data)}


def with_key(data: Path) -> Path:
    """A data folder with the key of a gateway, as the hub makes it."""
    GatewayKeys(keys_dir(data)).ensure_local("garage")
    return data


def started(data: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Running, its ready line read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "--hub", "tcp://127.0.0.1:1", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(data),
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"derny-gateway: ready\n"
    return process


def test_it_waits_for_hub_and_adapter_and_ends_with_its_parent_or_on_sigterm(
    tmp_path: Path,
) -> None:
    with (
        started(with_key(tmp_path / "a"), "--exit-with-parent") as orphan,
        started(with_key(tmp_path / "b"), "--radio", "air:unix:/nonexistent/air.sock") as told,
    ):
        assert orphan.stdin is not None
        orphan.stdin.close()
        told.send_signal(signal.SIGTERM)
        for process in (orphan, told):
            assert process.wait(60) == 0
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--radio", "bluetooth"], "command line: radio.radio: "),
        (["--hub", "nowhere"], "command line: hub.address: "),
        (["--config", "/nonexistent.toml"], "/nonexistent.toml: No such file"),
        ([], "this gateway has no key - on the hub run `derny gateway add NAME`"),
        (["--radio", "air:carrier-pigeon"], "write unix:/path/air.sock or tcp:HOST:PORT"),
    ],
)
def test_a_wrong_start_is_one_line_and_status_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["derny-gateway", "run", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in err and err.startswith("derny-gateway: ") and err.count("\n") == 1


def test_decode_is_mounted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["derny-gateway", "decode", "2a37", "165a9a02"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "heart_rate_bpm": 90,
        "contact_supported": True,
        "contact": True,
        "rr_ms": [650.4],
    }
