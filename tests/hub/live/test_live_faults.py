"""Bad links, bad clocks and bad clients: what every device sees of a session through them.

On the paper network, in virtual time; tests/journeys has the same with real processes and sockets.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from clock import run
from live_fakes import OWNER, STEADY, World, announce, let_in, power, sensor
from paper_net import Crystal, Device, Net, Path

from hub.auth.principal import Admission, Principal, Role
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.live.audience import DEAD_ACK_MS
from hub.wire.live import GRACE_MS
from hub.wire.live_client import COMMANDS_MAX, SILENCE_MS
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Action,
    Clock,
    Control,
    FromClient,
    Hello,
    Subscribe,
)
from hub.wire.uplink import SensorKind
from hub.wire.values import CueKind

METER = sensor("meter", SensorKind.POWER, name="Assioma")
SHORT = Workout(
    "Sprints",
    tuple(
        Step(f"Sprint {i}", StepKind.WORK, ForDuration(7_000), aim(Unit.FTP, 1.0))
        for i in range(200)
    ),
)
BAD = Path(150, 150, jitter_ms=40, loss=0.05)
GOOD = Path(1, 1)


def on_the_net(
    scene: Callable[[Net, str], Awaitable[None]], workout: Workout = STEADY, seed: int = 1
) -> None:
    """Ann rides; somebody pedals all the time, or the session would end for idleness."""

    async def pedal(net: Net) -> None:
        for watts in range(10**9):
            if net.up.is_set():
                power(net.live, "meter", 200 + watts % 50, net.live.now_us() // 1000)
            await asyncio.sleep(0.25)

    async def play() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        view = await hub.create_session(OWNER, workout=workout, workout_id="w")
        net = Net(world, hub, seed)
        legs = asyncio.ensure_future(pedal(net))
        try:
            await scene(net, view.session)
        finally:
            legs.cancel()
            await net.live.stop()

    run(play())


async def do(net: Net, session: str, action: Action, key: str = "") -> None:
    command = Control(key or action.value, session, action)
    assert (await net.live.control(OWNER, command)).ok


async def lap(net: Net, session: str, count: int, every_s: float) -> None:
    """Waits for a hub that is away, as who presses a button does."""
    for number in range(count):
        await asyncio.sleep(every_s)
        await net.up.wait()
        await do(net, session, Action.LAP, f"lap-{number}")


# Cut, and heal


@pytest.mark.parametrize("seed", range(100 if os.environ.get("FUZZ") else 3))
def test_every_event_comes_once_and_in_order_over_cuts_and_kills(seed: int) -> None:
    async def scene(net: Net, session: str) -> None:
        chance = Random(seed)
        paths = (GOOD, BAD, Path(20, 200), Path(5, 5, loss=0.2))
        devices = [Device(net, path).subscribe(f"session:{session}") for path in paths]
        await do(net, session, Action.START)
        await asyncio.sleep(3)
        laps = asyncio.ensure_future(lap(net, session, 60, 1.0))
        for _ in range(12):
            await asyncio.sleep(chance.uniform(0.2, 6))
            match chance.choice(("cut", "hold", "kill")):
                case "kill":
                    await net.kill()
                    await asyncio.sleep(chance.uniform(0.2, 5))
                    await net.revive()
                case "cut" if link := chance.choice(devices).link:
                    link.break_off()
                case "hold" if link := chance.choice(devices).link:
                    link.hold()
        await laps
        await asyncio.sleep(30)
        for device in devices:
            assert device.is_live
            assert device.laps == list(range(1, 61))
            offsets = [offset for _, offset, _ in device.events]
            assert offsets == sorted(offsets)
            assert device.gaps == 0

    # A lap of a lane with one rider ends an interval, of a free ride it marks.
    on_the_net(scene, FREE, seed)


FREE = Workout("Free", (Step("Free", StepKind.FREE, ForDuration(7_200_000), aim(Unit.FTP, 0.5)),))


def test_a_half_open_link_is_found_by_both_sides() -> None:
    async def scene(net: Net, session: str) -> None:
        device = Device(net).subscribe(f"session:{session}")
        await asyncio.sleep(5)
        assert net.live.client_count == 1 and device.link is not None
        begun_ms = net.true_ms()
        device.link.hold()
        await asyncio.sleep(8)
        assert [ms for ms in device.connects if ms > begun_ms][0] - begun_ms <= SILENCE_MS + 3_000
        assert device.is_live
        await asyncio.sleep(DEAD_ACK_MS / 1000 + 2)
        assert net.live.client_count == 1  # the hub has given the old one up

    on_the_net(scene)


# Cues


def fired_well(device: Device) -> None:
    """Each change once, in order, never outside the bound that the device shows."""
    phases = [fired for fired in device.fired if fired.rung.cue.kind is CueKind.PHASE]
    instants = [fired.rung.cue.at_ms for fired in phases]
    assert instants == sorted(set(instants))
    for fired in device.fired:
        assert not fired.rung.missed
        assert abs(fired.error_ms) <= fired.bound_ms + 1, fired


def test_cues_are_on_time_over_300_ms_and_5_per_cent_loss() -> None:
    async def scene(net: Net, session: str) -> None:
        near, far = (Device(net, path).subscribe(f"session:{session}") for path in (GOOD, BAD))
        await asyncio.sleep(5)
        await do(net, session, Action.START)
        await asyncio.sleep(120)
        for device in (near, far):
            fired_well(device)
            changes = {one.rung.cue.name for one in device.fired} - {"1", "2", "3"}
            assert {f"Sprint {i}" for i in range(1, 17)} <= changes
        assert max(abs(one.error_ms) for one in near.fired) <= 3

    on_the_net(scene, SHORT)


def test_cues_go_on_while_the_hub_is_dead() -> None:
    async def scene(net: Net, session: str) -> None:
        device = Device(net).subscribe(f"session:{session}")
        await asyncio.sleep(3)
        await do(net, session, Action.START)
        await asyncio.sleep(10)
        link = device.link
        assert link is not None
        fired_before = len(device.fired)
        net.up.clear()
        link.hold()
        await asyncio.sleep(2.5)
        assert device.link is link  # it has not even noticed
        await asyncio.sleep(30)
        net.up.set()
        await asyncio.sleep(20)
        assert len(device.fired) > fired_before
        fired_well(device)

    on_the_net(scene, SHORT)


@pytest.mark.parametrize(
    ("path", "crystal"),
    [
        (GOOD, Crystal(600_000, 100)),
        (GOOD, Crystal(ppm=-100)),
        (Path(20, 200), Crystal()),
        (Path(200, 20, jitter_ms=30), Crystal(600_000, 100)),
        (Path(20, 200, jitter_ms=100, loss=0.05), Crystal(ppm=-100)),
    ],
)
def test_a_bad_clock_is_wrong_within_the_bound_that_is_shown(path: Path, crystal: Crystal) -> None:
    async def scene(net: Net, session: str) -> None:
        device = Device(net, path, crystal).subscribe(f"session:{session}")
        await asyncio.sleep(10)
        await do(net, session, Action.START)
        await asyncio.sleep(100)
        assert len(device.fired) > 45
        fired_well(device)
        rtt_ms = path.up_ms + path.down_ms
        bounds = sorted(fired.bound_ms for fired in device.fired)
        assert bounds[len(bounds) // 2] <= rtt_ms / 2 + path.jitter_ms + 3

    on_the_net(scene, SHORT)


# Clients that misbehave


class Rude:
    """Says what it likes over a link of its own, and reads nothing."""

    def __init__(self, net: Net, who: Principal = OWNER) -> None:
        self.device = Device(net)
        self.device.stop()
        link = net.connect(self.device)
        assert link is not None
        self.link = self.device.link = link
        self.say(Hello(2, "rude"))

    def say(self, *messages: FromClient) -> None:
        for message in messages:
            self.raw(FROM_CLIENT.encode(message))

    def raw(self, frame: bytes) -> None:
        if self.link.hub_sees:
            self.link.peer.receive(frame)

    @property
    def is_gone(self) -> bool:
        return self.link.peer.outbox.closed


def served_well(device: Device, since_ms: float, until_ms: float) -> None:
    """Four frames a second, none late by more than a tick."""
    at = [ms for ms in device.frames if since_ms <= ms <= until_ms]
    assert len(at) >= (until_ms - since_ms) / 250 - 2
    assert max(b - a for a, b in zip(at, at[1:], strict=False)) <= 260


@pytest.mark.parametrize("flood", ["clocks", "subscriptions", "rubbish", "commands", "acks"])
def test_a_flood_costs_the_others_nothing(flood: str) -> None:
    async def scene(net: Net, session: str) -> None:
        channel = f"session:{session}"
        good = Device(net).subscribe(channel)
        await do(net, session, Action.START)
        await asyncio.sleep(5)
        begun_ms = net.true_ms()
        rude = Rude(net)
        rude.say(Subscribe(channel))
        for turn in range(40):
            for i in range(500):
                match flood:
                    case "clocks":
                        rude.say(Clock(float(i)))
                    case "subscriptions":
                        rude.say(Subscribe(channel, 1 + i % 4))
                    case "rubbish":
                        rude.raw(b'{"t":"nothing"}')
                    case "commands":
                        rude.say(Control(f"{turn}-{i}", session, Action.TRIM, trim_pct=100))
                    case "acks":
                        rude.say(Ack(i * 10**9))
            await asyncio.sleep(0.25)
        await asyncio.sleep(5)
        served_well(good, begun_ms, net.true_ms())
        assert good.is_live
        if flood in ("subscriptions", "rubbish"):
            assert rude.is_gone  # what it asked for and does not read, or what is none
        peer = rude.link.peer
        assert peer.outbox._pending_bytes == 0  # nothing is kept for it
        assert len(net.live._commands._under_way) <= COMMANDS_MAX

    on_the_net(scene)


def test_a_client_that_lies_in_its_acks_harms_itself_alone() -> None:
    async def scene(net: Net, session: str) -> None:
        channel = f"session:{session}"
        good = Device(net).subscribe(channel)
        rude = Rude(net)
        rude.say(Subscribe(channel, 4))
        begun_ms = net.true_ms() + 2_000
        rude.raw(b'{"t":"ack","n":-5}')
        for _ in range(60):
            rude.say(Ack(2**60))
            await asyncio.sleep(1)
        served_well(good, begun_ms, net.true_ms())
        assert good.is_live and not rude.is_gone

    on_the_net(scene)


def test_a_reader_that_stalls_costs_the_others_nothing() -> None:
    async def scene(net: Net, session: str) -> None:
        channel = f"session:{session}"
        good, slow = (Device(net).subscribe(channel) for _ in range(2))
        await asyncio.sleep(3)
        begun_ms = net.true_ms()
        assert slow.link is not None
        slow.link.peer.outbox.pause()
        await asyncio.sleep(60)
        served_well(good, begun_ms, net.true_ms())
        assert slow.link is None or slow.link.peer.outbox._pending_bytes <= 512 * 1024

    on_the_net(scene)


# All at once


def test_many_clients_come_back_without_a_stampede() -> None:
    async def scene(net: Net, session: str) -> None:
        devices = [Device(net) for _ in range(120)]
        for device in devices:
            device.subscribe(f"session:{session}", 1)
        await asyncio.sleep(5)
        assert all(device.is_live for device in devices)
        gone_ms = net.true_ms()
        net.up.clear()
        await net.live.stop()  # a restart: everybody is told when to come back
        await asyncio.sleep(0.4)
        await net.revive()
        await asyncio.sleep(20)
        assert all(device.is_live for device in devices)
        again = [ms for device in devices for ms in device.connects if ms > gone_ms]
        slots = Counter(int(ms // 100) for ms in again)
        assert max(slots.values()) <= len(devices) / 4  # spread over a second, not in one instant
        assert max(again) - gone_ms <= 10_000

    on_the_net(scene)


def test_a_killed_hub_is_found_again_without_a_stampede() -> None:
    async def scene(net: Net, session: str) -> None:
        devices = [Device(net).subscribe(f"session:{session}", 1) for _ in range(100)]
        await asyncio.sleep(5)
        await net.kill()
        await asyncio.sleep(3)
        await net.revive()
        back_ms = net.true_ms()
        await asyncio.sleep(20)
        assert all(device.is_live for device in devices)
        slots = Counter(int(device.connects[-1] // 100) for device in devices)
        assert max(slots.values()) <= len(devices) / 4
        assert max(device.connects[-1] for device in devices) - back_ms <= 13_000

    on_the_net(scene)


# Who may


def test_a_token_that_ends_in_the_connection() -> None:
    async def scene(net: Net, session: str) -> None:
        login = Principal("login-t", Role.OWNER, "ann")
        now_ms = net.live.now_us() // 1000
        short = Admission(login, now_ms + 90_000)
        net.world.tokens |= {"first": short, "second": let_in(login)}
        kept, lapsed = (Device(net, who=None, token="first") for _ in range(2))
        for device in (kept, lapsed):
            device.subscribe(f"session:{session}")
        await asyncio.sleep(60)
        assert kept.is_live and lapsed.is_live
        assert kept.core.wants_token(kept.local_ms())
        kept.core.refresh("second")
        net.world.tokens["first"] = None
        await asyncio.sleep(30 + GRACE_MS / 1000 + 5)
        assert kept.is_live and len(kept.connects) == 1
        assert not lapsed.is_live
        assert lapsed.byes and lapsed.byes[-1].retry_ms is None

    on_the_net(scene)
