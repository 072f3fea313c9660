"""`derny-sim stress`: what the hub journalled is what the log says, over lost links too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from firmware_sim import stress
from firmware_sim.crowd import Load, measurement
from firmware_sim.stress import Asked, StressError, Summary, loopback
from gateway.clock import BootClock
from hub.app import Demo
from hub.app import Hub as WholeHub
from hub.auth.principal import HOUSE
from hub.core.sources import PLAUSIBLE
from hub.gateway_keys import GatewayKeys
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry
from hub.settings import Settings
from hub.store.store import Store
from hub.wire.values import Reading

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 120.0
NOWHERE = "http://127.0.0.1:1/metrics"


class Journal:
    """Commits at once, in order, and keeps everything."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.gateways: set[str] = set()
        self._durable: dict[tuple[str, str], int] = {}

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        commit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gateways.add(entry.gateway)
        self._durable[entry.gateway, entry.epoch] = entry.to_seq
        self.readings += [placed.reading for placed in entry.readings]
        commit.set_result(None)
        return commit

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return self._durable

    async def retire(self, gateway: str, epoch: str) -> None:
        self._durable.pop((gateway, epoch), None)


class Hub:
    """The way in, without the house behind it."""

    def __init__(self, keys: GatewayKeys | None = None, address: str = "tcp://127.0.0.1:0") -> None:
        self.journal = Journal()
        self.address = address
        self._keys = keys

    async def start(self) -> None:
        door = () if self._keys is None else (self._keys.door,)
        self._ingest = Ingest(
            IngestSettings(self.address),
            self.journal,
            BootClock().now_us,
            IngestCallbacks(readings=lambda *_: None),
            *door,
        )
        await self._ingest.start()
        self.address = self._ingest.address

    async def stop(self) -> None:
        await self._ingest.stop()


def steady_address() -> str:
    """Free, and outside of the range of outgoing ports: who knocks there finds nobody else."""
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return f"tcp://127.0.0.1:{port}"
    raise RuntimeError("50 ports tried and none is free")


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


async def crowd(hub: Hub | Ingest, log: Path, *more: str, data: Path | None = None) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "firmware_sim", "stress", "--hub", hub.address,
        "--log", str(log), "--metrics", NOWHERE, *more, stdout=PIPE, stderr=PIPE, cwd=ROOT,
        env={**os.environ, "DERNY_DATA": str(data or log.parent)},
    )  # fmt: skip


async def said(process: Process) -> tuple[str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return out.decode(), err.decode()


def lines_in(log: Path) -> int:
    return log.read_text().count("\n") if log.exists() else 0


async def until_logged(log: Path, lines: int) -> None:
    """Looks every 20 ms: what is waited for happens in another process."""
    loop = asyncio.get_running_loop()
    there = loop.create_future()

    def look() -> None:
        if there.done():
            return
        if lines_in(log) >= lines:
            there.set_result(None)
        else:
            loop.call_later(0.02, look)

    look()
    await asyncio.wait_for(there, PATIENCE_S)


def logged(log: Path) -> list[tuple[str, int, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    return sorted((line["sensor"], line["at_ms"], line["m"]) for line in lines)


def journalled(hub: Hub) -> list[tuple[str, int, Any]]:
    return sorted(
        (reading.sensor_id, reading.at_ms, msgspec.to_builtins(reading.m))
        for reading in hub.journal.readings
    )


def named(rows: list[tuple[str, int, Any]]) -> set[tuple[str, int]]:
    return {(sensor, at_ms) for sensor, at_ms, _ in rows}


SMALL = ("--athletes", "20", "--hz", "20", "--gateways", "3")


def test_the_log_is_what_the_hub_has(tmp_path: Path) -> None:
    async def scene() -> None:
        hub, log = Hub(), tmp_path / "truth.jsonl"
        await hub.start()
        process = await crowd(hub, log, *SMALL, "--seconds", "0.5")
        out, err = await said(process)
        assert process.returncode == 0, err
        assert re.match(
            r"derny-sim: 200 readings of 20 athletes over 3 gateways in \d+\.\d s "
            r"\(\d+\.\d\d Hz each\), 200 acknowledged in \d+ acks, 0 not, 0 dropped, "
            r"\d+ reconnects, \d+ ms behind at the worst; CPU \d+\.\d% of a core\n"
            r"derny-sim: the hub tells nothing of itself: http://127\.0\.0\.1:1/metrics: ",
            out,
        )
        assert hub.journal.gateways == {"stress-1", "stress-2", "stress-3"}
        truth = logged(log)
        assert truth == journalled(hub)
        assert len(named(truth)) == len(truth) == 200
        await hub.stop()

    run(scene())


def test_a_hub_that_goes_and_comes_back_gets_all_of_it_once(tmp_path: Path) -> None:
    async def scene() -> None:
        hub, log = Hub(address=steady_address()), tmp_path / "truth.jsonl"
        await hub.start()
        process = await crowd(hub, log, *SMALL, "--seconds", "3")
        await until_logged(log, 100)
        await hub.stop()
        await until_logged(log, 300)
        await hub.start()
        out, _ = await said(process)
        assert process.returncode == 0
        assert "1200 acknowledged" in out
        again = re.search(r" (\d+) reconnects", out)
        assert again is not None and int(again[1]) >= 3  # more where this process stalled
        assert logged(log) == journalled(hub)
        await hub.stop()

    run(scene())


def test_an_interrupt_ends_it_with_a_summary(tmp_path: Path) -> None:
    async def scene() -> None:
        hub, log = Hub(), tmp_path / "truth.jsonl"
        await hub.start()
        process = await crowd(hub, log, *SMALL, "--seconds", "3600")
        await until_logged(log, 20)
        process.send_signal(signal.SIGINT)
        out, _ = await said(process)
        assert process.returncode == 0 and " 0 not, 0 dropped" in out
        assert logged(log) == journalled(hub)
        await hub.stop()

    run(scene())


def test_each_gateway_shows_its_key(tmp_path: Path) -> None:
    async def scene() -> None:
        keys = GatewayKeys(tmp_path)
        folder = tmp_path / "brought"
        folder.mkdir()
        for name in ("left", "right"):
            path = folder / f"{name}.key"
            path.touch(0o600)
            path.write_text(keys.add(name))
        hub, log = Hub(keys), tmp_path / "truth.jsonl"
        await hub.start()
        few = ("--athletes", "4", "--gateways", "2", "--seconds", "0.3", "--keys", str(folder))
        process = await crowd(hub, log, *few)
        _, err = await said(process)
        assert process.returncode == 0, err
        assert hub.journal.gateways == {"left", "right"}
        assert logged(log) == journalled(hub)
        await hub.stop()

    run(scene())


def test_riders_sit_on_its_sensors_and_are_gone_afterwards(tmp_path: Path) -> None:
    """A whole hub: what comes in is fused, and nothing of it is recorded."""

    async def scene() -> None:
        data, keys = tmp_path / "data", tmp_path / "keys"
        for folder in (data, keys):
            folder.mkdir(mode=0o700)
        store = await Store.open(data)
        hub = WholeHub(Settings().with_ports(0, 0), data, store, Demo(None, at_once=False))
        async with hub.running():
            for name in ("left", "right"):
                (keys / f"{name}.key").touch(0o600)
                (keys / f"{name}.key").write_text(hub.gateway_keys.add(name))
            served = await asyncio.start_server(partial(told, hub), "127.0.0.1", 0)
            port = served.sockets[0].getsockname()[1]
            process = await crowd(
                hub.ingest, tmp_path / "truth.jsonl", "--athletes", "6", "--gateways", "2",
                "--seconds", "1", "--keys", str(keys), "--assign",
                "--metrics", f"http://127.0.0.1:{port}/metrics", data=data,
            )  # fmt: skip
            out, err = await said(process)
            served.close()
            assert process.returncode == 0, err
            took = re.search(
                r"the hub took (\d+) readings live and (\d+) late, fused (\d+), acknowledged 24",
                out,
            )
            assert took is not None, out
            live, late, fused = map(int, took.groups())  # late: where this process stalled
            assert live + late == 24 and 0 < fused == live
            assert re.search(r"[1-9]\d* journal commits p50 ≤ [\d.]+, p99 ≤ ", out)
            assert not hub.live.open_sessions(HOUSE) and not hub.live.assignments(HOUSE)
            assert all(athlete.demo for athlete in hub.people.all())
            assert await store.activities.list(demo=True) == []
        await store.close()

    run(scene())


async def told(hub: WholeHub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """/metrics without the rest of HTTP."""
    await reader.readuntil(b"\r\n\r\n")
    text = hub.vitals.text()
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    await writer.drain()
    writer.close()


# Refusals


@pytest.mark.parametrize(
    ("hub", "address"),
    [
        ("tcp://127.0.0.1:8421", "tcp://127.0.0.1:8421"),
        ("tcp://127.1.2.3:1", "tcp://127.1.2.3:1"),
        ("tcp://localhost:65535", "tcp://127.0.0.1:65535"),
        ("ws://localhost:8420/uplink", "ws://127.0.0.1:8420/uplink"),
    ],
)
def test_this_machine(hub: str, address: str) -> None:
    assert loopback(hub) == address


@pytest.mark.parametrize(
    "hub",
    ["tcp://192.168.1.5:8421", "tcp://0.0.0.0:8421", "tcp://hub.example:8421", "tcp://*:8421",
     "ws://hub.example:80/uplink", "tcp://127.0.0.1.example:8421", "tcp://[::ffff:10.0.0.1]:8421", "tcp://2130706433:8421"],
)  # fmt: skip
def test_another_machine_is_left_alone(hub: str) -> None:
    with pytest.raises(StressError, match="is not on this machine"):
        loopback(hub)


@pytest.mark.parametrize(
    "hub", ["", "8421", "tcp://127.0.0.1", "tcp://127.0.0.1:", "ipc://127.0.0.1:1",
            "ws://127.0.0.1:8420", "tcp://127.0.0.1:8421/uplink", "wss://127.0.0.1:8420/uplink",
            "tcp://127.0.0.1:99999", "tcp://127.0.0.1:0", "tcp://127.0.0.1:٣"]
)  # fmt: skip
def test_no_address(hub: str) -> None:
    with pytest.raises(StressError, match="is no address; want tcp://127.0.0.1:PORT"):
        loopback(hub)


LOAD = Load(athletes=10, hz=4.0, gateways=2, seconds=1.0)


def test_too_many_for_a_gateway() -> None:
    with pytest.raises(StressError, match="give --gateways 2 or more"):
        stress.run(Load(513, 4.0, 1, 1.0), Asked("tcp://127.0.0.1:1"))


def test_too_few_keys_and_no_key(tmp_path: Path) -> None:
    with pytest.raises(StressError, match="0 key files for 2 gateways; make more with `derny"):
        stress.run(LOAD, Asked("tcp://127.0.0.1:1", keys=tmp_path))
    for name in ("a", "b"):
        (tmp_path / f"{name}.key").touch(0o600)
    with pytest.raises(StressError, match="is no key file"):
        stress.run(LOAD, Asked("tcp://127.0.0.1:1", keys=tmp_path))


def test_no_place_for_the_log(tmp_path: Path) -> None:
    with pytest.raises(StressError, match="choose another with --log"):
        stress.run(LOAD, Asked("tcp://127.0.0.1:1", log=tmp_path / "none" / "log"))


def test_no_hub_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stress, "START_S", 0.05)
    with pytest.raises(StressError, match="2 of 2 gateways do not reach the hub"):
        stress.run(LOAD, Asked("tcp://127.0.0.1:1"))


def test_too_many_for_a_hub() -> None:
    with pytest.raises(StressError, match="--assign: a hub has room for 1000 athletes"):
        stress.run(Load(1_001, 4.0, 4, 1.0), Asked("tcp://127.0.0.1:1", assign=True))


# Parts


def test_everybody_is_plausible_and_no_two_are_alike() -> None:
    seen = [measurement(athlete, 60.0) for athlete in range(200)]
    assert len({msgspec.json.encode(m) for m in seen}) > 190
    for athlete in range(0, 5000, 7):
        for second in range(0, 3600, 61):
            m = measurement(athlete, second)
            for metric, (low, high) in PLAUSIBLE.items():
                assert low < getattr(m, metric) < high


def test_a_summary_tells_what_is_missing() -> None:
    summary = Summary(LOAD, 40, 1.0, acked=30, acks=3, dropped=4, reconnects=1, late_ms=2)
    assert (summary.unacked, summary.whole) == (6, False)
    assert "30 acknowledged in 3 acks, 6 not, 4 dropped, 1 reconnects" in str(summary)
    assert LOAD.readings == 40
