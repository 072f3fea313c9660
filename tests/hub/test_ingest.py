"""Uplink and Ingest over loopback TCP: the shells, not the rules."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
import zmq

from gateway.clock import BootClock
from gateway.spool import MemorySpool
from gateway.uplink import Uplink, UplinkSettings
from gateway.uplink_line import UplinkError
from hub.gateway_socket import BindError
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry, PlacedReading
from hub.wire.uplink import (
    DOWN,
    UP,
    AdapterState,
    AssignedSensor,
    Assignments,
    Command,
    CommandOp,
    CommandReply,
    DownBye,
    Hello,
    LinkStatus,
    Plan,
    Refuse,
    SensorKind,
    SensorState,
    TrainerState,
    TrainerStatus,
    UpBeat,
)
from hub.wire.uplink_session import GatewayRules, HubRules
from hub.wire.values import Measurement, Reading

HUB_AHEAD_US = 1_000_000_000
CLOCK = BootClock()
PATIENCE_S = 60.0
SILENCE_MS = 60_000  # a process that stalls breaks no link here
HUB_RULES = HubRules(silence_ms=SILENCE_MS)
# A process that stalls between two of the four timestamps errs by half of it; what the measured
# offset is worth is proven on virtual time.
OFFSET_ERROR_MS_MAX = 5_000


def hub_us() -> int:
    return CLOCK.now_us() + HUB_AHEAD_US


class MemoryJournal:
    """Keeps the contract of the port; commits in the next turn of the loop."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []
        self.durable: dict[tuple[str, str], int] = {}
        self.fails = 0

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        commit: asyncio.Future[None] = loop.create_future()
        loop.call_soon(self._commit, entry, commit)
        return commit

    def _commit(self, entry: JournalEntry, commit: asyncio.Future[None]) -> None:
        key = (entry.gateway, entry.epoch)
        if self.fails or self.durable.get(key, 0) != entry.from_seq - 1:
            self.fails -= 1 if self.fails else 0
            commit.set_exception(OSError("no space left on device"))
            return
        self.durable[key] = entry.to_seq
        self.entries.append(entry)
        commit.set_result(None)

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return self.durable

    async def retire(self, gateway: str, epoch: str) -> None:
        self.durable.pop((gateway, epoch), None)

    def names(self) -> list[str]:
        return [p.reading.sensor_id for entry in self.entries for p in entry.readings]


@dataclass
class Bench:
    """One hub that can stop and start on the same port, and what it was told."""

    journal: MemoryJournal = field(default_factory=MemoryJournal)
    seen: list[PlacedReading] = field(default_factory=list)
    told: list[tuple[str, Any]] = field(default_factory=list)
    bind: str = "tcp://127.0.0.1:0"
    ingest: Ingest | None = None

    async def start(self) -> Ingest:
        callbacks = IngestCallbacks(
            readings=lambda gateway, header, readings, backfill: self.seen.extend(readings),
            sensors=lambda gateway, message: self.told.append(("sensors", message)),
            trainers=lambda gateway, message: self.told.append(("trainers", message)),
            adapters=lambda gateway, message: self.told.append(("adapters", message)),
            beat=lambda gateway, message: self.told.append(("beat", message)),
            gateway_up=lambda gateway, hello: self.told.append(("up", gateway)),
            gateway_down=lambda gateway, reason: self.told.append(("down", reason)),
        )
        self.ingest = Ingest(
            IngestSettings(self.bind, rules=HUB_RULES), self.journal, hub_us, callbacks
        )
        await self.ingest.start()
        self.bind = self.ingest.address
        return self.ingest

    async def stop(self) -> None:
        assert self.ingest is not None
        await self.ingest.stop()


@dataclass
class Garage:
    """One gateway, and what it was told."""

    uplink: Uplink
    told: list[Plan | Assignments | Command]
    task: asyncio.Task[None]

    async def stop(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


def garage(bind: str, live_interval_ms: int = 0) -> Garage:
    told: list[Plan | Assignments | Command] = []
    rules = GatewayRules(live_interval_ms=live_interval_ms, silence_ms=SILENCE_MS)
    settings = UplinkSettings(bind, "garage", rules=rules)
    uplink = Uplink(
        settings,
        MemorySpool(),
        on_plan=told.append,
        on_assignments=told.append,
        on_command=told.append,
    )
    return Garage(uplink, told, asyncio.get_running_loop().create_task(uplink.run()))


def steady_address() -> str:
    """A free port that no outgoing connection takes while the hub is away.

    (A port the system chose lies in the range of outgoing ports: a gateway that knocks there while
    nobody listens can even connect to itself.)
    """
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"tcp://127.0.0.1:{port}"
    raise RuntimeError("50 ports tried and none is free")


async def until(true: Callable[[], object]) -> None:
    """Looks every 5 ms: what is waited for happens in libzmq's threads and tells nobody."""
    loop = asyncio.get_running_loop()
    found = loop.create_future()

    def look() -> None:
        if not found.done():
            if true():
                found.set_result(None)
            else:
                loop.call_later(0.005, look)

    look()
    await asyncio.wait_for(found, PATIENCE_S)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


def reading(name: str) -> Reading:
    return Reading(name, CLOCK.now_us() // 1_000, "2a37", Measurement(heart_rate_bpm=120))


def test_readings_reach_fusion_and_journal_with_hub_time() -> None:
    async def scene() -> None:
        bench = Bench()
        await bench.start()
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up and gateway.uplink.hub_now_ms())
        names = [f"r{i}" for i in range(100)]
        for name in names:
            gateway.uplink.append(reading(name))
        await until(lambda: len(bench.journal.names()) == 100)
        assert bench.journal.names() == names
        assert [p.reading.sensor_id for p in bench.seen] == names
        for placed in bench.seen:
            assert not placed.time_estimated
            error_ms = placed.at_ms - placed.reading.at_ms - HUB_AHEAD_US // 1_000
            assert abs(error_ms) <= OFFSET_ERROR_MS_MAX
        hub_now_ms = gateway.uplink.hub_now_ms()
        assert hub_now_ms is not None
        assert abs(hub_now_ms - hub_us() // 1_000) <= OFFSET_ERROR_MS_MAX
        await gateway.stop()
        await until(lambda: ("down", "gateway_stopping") in bench.told)
        await bench.stop()

    run(scene())


def test_a_hub_that_stops_and_starts_on_its_port_loses_and_doubles_nothing() -> None:
    async def scene() -> None:
        bench = Bench(bind=steady_address())
        await bench.start()
        gateway = garage(bench.bind)
        appended: list[str] = []

        async def ride() -> None:
            while True:
                appended.append(f"r{len(appended)}")
                gateway.uplink.append(reading(appended[-1]))
                await asyncio.sleep(0.001)

        rider = asyncio.create_task(ride())
        for _ in range(3):
            count = len(bench.journal.names())
            await until(lambda count=count: len(bench.journal.names()) > count + 50)
            await bench.stop()
            ridden = len(appended)
            await until(lambda ridden=ridden: len(appended) > ridden + 50)
            await bench.start()
        await until(lambda: gateway.uplink.link_up)
        rider.cancel()
        await until(lambda: len(bench.journal.names()) >= len(appended))
        assert sorted(bench.journal.names()) == sorted(appended)
        by_epoch: dict[str, list[int]] = {}
        for entry in bench.journal.entries:
            numbers = by_epoch.setdefault(entry.epoch, [])
            numbers += [int(p.reading.sensor_id[1:]) for p in entry.readings]
        assert all(numbers == sorted(numbers) for numbers in by_epoch.values())
        assert any(entry.backfill for entry in bench.journal.entries)
        await until(lambda: len(bench.journal.durable) <= 1)  # all but the open one retired
        await gateway.stop()
        await bench.stop()

    run(scene())


def test_a_failed_commit_is_made_good_and_fusion_sees_each_reading_once() -> None:
    async def scene() -> None:
        bench = Bench()
        ingest = await bench.start()
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        bench.journal.fails = 2
        names = [f"r{i}" for i in range(64)]
        for name in names:
            gateway.uplink.append(reading(name))
        await until(lambda: len(bench.journal.names()) == 64)
        assert bench.journal.names() == names
        assert [p.reading.sensor_id for p in bench.seen] == names
        assert ingest.counts["commit_failed"] >= 2
        await gateway.stop()
        await bench.stop()

    run(scene())


def test_states_plans_and_commands_travel_and_are_said_again() -> None:
    async def scene() -> None:
        bench = Bench()
        ingest = await bench.start()
        plan = Plan("kickr", 3, 7, hub_us() // 1_000 + 600_000, 300, ())
        ingest.send_plan("garage", plan)
        held = Assignments(4, (AssignedSensor("kickr", 3, "ann"),), ("strap",))
        ingest.send_assignments("garage", held)
        gateway = garage(bench.bind)
        sensor = SensorState("hrm", "Strap", (SensorKind.HEART_RATE,), LinkStatus.LIVE)
        gateway.uplink.set_sensor(sensor)
        gateway.uplink.set_trainer(TrainerState("kickr", TrainerStatus.FOLLOWING, plan_rev=7))
        gateway.uplink.set_adapters((AdapterState("hci0", powered=True),))
        await until(lambda: len(gateway.told) == 2)
        assert gateway.told == [held, plan]
        await until(lambda: {"sensors", "trainers", "adapters"} <= {what for what, _ in bench.told})
        sensors = next(message for what, message in bench.told if what == "sensors")
        assert sensors.whole and sensors.sensors == (sensor,)

        soon_ms = hub_us() // 1_000 + 60_000
        answer = ingest.send_command("garage", Command("c1", CommandOp.RESCAN, soon_ms))
        await until(lambda: len(gateway.told) == 3)
        gateway.uplink.reply(CommandReply("c1", True))
        assert await answer == CommandReply("c1", True)

        late = ingest.send_command("garage", Command("c2", CommandOp.RESCAN, 5))
        assert (await late).code == "expired"
        open_one = ingest.send_command("nobody", Command("c3", CommandOp.RESCAN, soon_ms))
        await bench.stop()
        assert (await open_one).code == "hub_stopping"
        await gateway.stop()

    run(scene())


def test_a_port_in_use_and_a_bad_address_are_told_plainly() -> None:
    async def scene() -> None:
        bench = Bench()
        await bench.start()
        with pytest.raises(BindError, match="in use.*choose another port"):
            await Bench(bind=bench.bind).start()
        await bench.stop()
        with pytest.raises(BindError, match="cannot be bound"):
            await Bench(bind="tcp://127.0.0.1:nonsense").start()
        with pytest.raises(UplinkError, match="want tcp://HOST:PORT"):
            await garage("nonsense").task

    run(scene())


class Stranger:
    """A raw DEALER that says what it likes."""

    def __init__(self, address: str) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(address)

    def say(self, *parts: bytes) -> None:
        self.socket.send_multipart(parts)

    async def hear(self, kind: type[Any]) -> Any:
        """The next message of that kind."""
        while True:
            await until(lambda: self.socket.poll(0))
            message = DOWN.decode(self.socket.recv(zmq.NOBLOCK))
            if isinstance(message, kind):
                return message

    def close(self) -> None:
        self.context.destroy(linger=0)


def as_stranger(
    scene: Callable[[Bench, Stranger], Awaitable[None]],
) -> None:
    async def whole() -> None:
        bench = Bench()
        await bench.start()
        stranger = Stranger(bench.bind)
        try:
            await scene(bench, stranger)
        finally:
            stranger.close()
            await bench.stop()

    run(whole())


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ((b"",), "malformed_not_json"),
        ((b"\xff\xfe{",), "malformed_not_json"),
        ((b'{"t":"nonsense"}',), "malformed_unknown_message"),
        ((b'{"t":"batch","epoch":1}',), "malformed_bad_field"),
        ((b"[" * 100_000,), "malformed_bad_field"),
        ((UP.encode(UpBeat(1)), b"more", b"parts"), "malformed_not_json"),
        ((UP.encode(UpBeat(1)),), "no_hello"),
    ],
)
def test_what_a_stranger_says_is_counted_and_answered(parts: tuple[bytes, ...], count: str) -> None:
    async def scene(bench: Bench, stranger: Stranger) -> None:
        stranger.say(*parts)
        bye = await stranger.hear(DownBye)
        assert bye.reason == ("no_hello" if count == "no_hello" else "malformed")
        assert bench.ingest is not None and bench.ingest.counts[count] == 1

    as_stranger(scene)


def test_a_frame_too_large_ends_its_connection_and_nobody_elses() -> None:
    async def scene(bench: Bench, stranger: Stranger) -> None:
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        stranger.say(b"x" * 300_000)
        gateway.uplink.append(reading("r0"))
        await until(lambda: bench.journal.names() == ["r0"])
        assert ("down", "silent") not in bench.told
        await gateway.stop()

    as_stranger(scene)


def test_a_second_live_gateway_of_one_name_is_refused_and_the_first_goes_on() -> None:
    async def scene(bench: Bench, stranger: Stranger) -> None:
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        stranger.say(UP.encode(Hello(1, "garage", "other", "test", "boot-2", ())))
        refuse = await stranger.hear(Refuse)
        assert refuse.code == "duplicate_gateway" and "garage" in refuse.detail
        gateway.uplink.append(reading("r0"))
        await until(lambda: bench.journal.names() == ["r0"])
        await gateway.stop()

    as_stranger(scene)


def test_a_gateway_that_was_killed_is_replaced_at_once() -> None:
    async def scene(bench: Bench, stranger: Stranger) -> None:
        stranger.say(UP.encode(Hello(1, "garage", "killed", "test", "boot-2", ())))
        await until(lambda: ("up", "garage") in bench.told)
        stranger.close()  # no Bye: as after kill -9
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        assert ("down", "unreachable") in bench.told
        await gateway.stop()

    as_stranger(scene)


def test_a_listener_that_fails_costs_no_reading() -> None:
    async def scene() -> None:
        journal = MemoryJournal()

        def fail(*_: object) -> None:
            raise RuntimeError("fusion is broken")

        ingest = Ingest(
            IngestSettings("tcp://127.0.0.1:0", rules=HUB_RULES),
            journal,
            hub_us,
            IngestCallbacks(readings=fail),
        )
        await ingest.start()
        gateway = garage(ingest.address)
        gateway.uplink.append(reading("r0"))
        await until(lambda: journal.names() == ["r0"])
        assert ingest.counts["callback_failed"] == 1
        await gateway.stop()
        await ingest.stop()

    run(scene())


def test_no_frame_waits_for_the_safety_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the tick out of the way, a lost edge of the FD would stop this for ever."""
    monkeypatch.setattr("hub.ingest.LOOK_S", 1_000)
    monkeypatch.setattr("gateway.uplink.LOOK_US", 1_000_000_000)
    monkeypatch.setattr("gateway.uplink.BLOCKED_US", 1_000_000_000)

    async def scene() -> None:
        bench = Bench()
        ingest = await bench.start()
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        for i in range(100):
            for _ in range(i % 7 + 1):
                gateway.uplink.append(reading(f"r{i}"))
            ingest.send_plan("garage", Plan("kickr", 1, i, 2**50, 300, ()))
            await until(
                lambda i=i: bench.journal.names()[-(i % 7 + 1) :] == [f"r{i}"] * (i % 7 + 1)
            )
            await until(lambda i=i: gateway.told and gateway.told[-1].rev == i)
        await gateway.stop()
        await bench.stop()

    run(scene())


def test_a_flood_does_not_keep_the_beats_of_the_others() -> None:
    async def scene(bench: Bench, stranger: Stranger) -> None:
        gateway = garage(bench.bind)
        await until(lambda: gateway.uplink.link_up)
        stranger.socket.setsockopt(zmq.SNDHWM, 0)
        beats = sum(what == "beat" for what, _ in bench.told)
        assert bench.ingest is not None
        counts = bench.ingest.counts

        def flood() -> None:
            for _ in range(2_000):
                stranger.say(b"x")

        while sum(what == "beat" for what, _ in bench.told) < beats + 2:
            flood()
            await asyncio.sleep(0)
        assert counts["malformed_not_json"] > 1_000
        assert not any(what == "down" for what, _ in bench.told)
        assert gateway.uplink.link_up
        await gateway.stop()

    as_stranger(scene)
