"""Uplink and Ingest over ZeroMQ on loopback, without keys: the shells, not the rules.

What holds over every transport is in tests/contract/test_uplink.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import zmq
from uplink_site import HUB_RULES, Garage, MemoryJournal, garage_at, hub_us, reading, run, until

from gateway.uplink_line import UplinkError
from hub.gateway_socket import BindError
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import PlacedReading
from hub.wire.uplink import (
    DOWN,
    UP,
    Command,
    CommandOp,
    DownBye,
    Hello,
    Plan,
    Refuse,
    UpBeat,
)


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


def garage(bind: str) -> Garage:
    return garage_at(bind, None, "garage")


def test_a_command_asked_too_late_or_of_nobody_has_its_answer() -> None:
    async def scene() -> None:
        bench = Bench()
        ingest = await bench.start()
        late = ingest.send_command("garage", Command("c2", CommandOp.RESCAN, 5))
        assert (await late).code == "expired"
        soon_ms = hub_us() // 1_000 + 60_000
        open_one = ingest.send_command("nobody", Command("c3", CommandOp.RESCAN, soon_ms))
        await bench.stop()
        assert (await open_one).code == "hub_stopping"

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
