"""Watches: what they are told fits, comes in time, and stops when they do not keep up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from clock import run
from live_fakes import (
    INTERVALS,
    OWNER,
    FakeWire,
    World,
    announce,
    heart,
    let_in,
    payloads,
    same_turn,
    sensor,
)

from hub.auth.principal import Principal, Role
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, StepText, Workout
from hub.live import watch_face
from hub.live.audience import DEAD_ACK_MS, STALE_ACK_MS
from hub.live.service import Live
from hub.live.spread import CUES_MAX, DEVICES_MAX, Spread
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_from_client import FROM_CLIENT as CODEC
from hub.wire.live_from_client import Ack, Action, Control, Fired, Hello, Subscribe
from hub.wire.live_rows import ROW_FIELDS
from hub.wire.live_to_client import TO_CLIENT, Error, ToClient
from hub.wire.live_watch import (
    CUES_AT_LEAST,
    NAME_BYTES_MAX,
    WATCH_BYTES_MAX,
    WatchCues,
    WatchNumbers,
    WatchSync,
)
from hub.wire.uplink import SensorKind
from hub.wire.values import CueKind, Quality

STRAP = sensor("strap", SensorKind.HEART_RATE, name="Polar H10")
GUEST = Principal("login-guest", Role.VIEWER)
BUSY = Workout(
    "Named at length",
    tuple(
        Step(
            f"Überschwelle Nummer {i} \N{BICYCLE}",
            StepKind.WORK,
            ForDuration(20_000),
            aim(Unit.FTP, 0.9),
            texts=tuple(StepText(s * 1000, "Schön rund treten!" * 4) for s in range(1, 16)),
        )
        for i in range(30)
    ),
)


class Wrist:
    def __init__(self, hub: Live, session: str, who: Principal = OWNER) -> None:
        self.session = session
        self.wire = FakeWire()
        self.peer = hub.accept(let_in(who), self.wire, same_turn)
        self.told: list[ToClient] = []
        self.longest = 0
        self.say(Hello(PROTOCOL_VERSION, "watch"))
        self.say(Subscribe(f"session:{session}", profile="watch"))

    def say(self, message: Hello | Subscribe | Ack | Fired) -> None:
        self.peer.receive(CODEC.encode(message))

    def hear(self) -> list[ToClient]:
        for payload in payloads(b"".join(self.wire.writes)):
            self.longest = max(self.longest, len(payload))
            self.told.append(TO_CLIENT.decode(payload))
        self.wire.writes.clear()
        return self.told

    def cues(self) -> list[WatchCues]:
        return [one for one in self.hear() if isinstance(one, WatchCues)]

    def syncs(self) -> list[WatchSync]:
        return [one for one in self.hear() if isinstance(one, WatchSync)]

    def numbers(self) -> list[WatchNumbers]:
        return [one for one in self.hear() if isinstance(one, WatchNumbers)]

    async def wear(self, seconds: int) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            self.say(Ack(max((one.n for one in self.numbers()), default=0)))


def in_a_ride(scene: Callable[[Live, str], Awaitable[None]], workout: Workout = INTERVALS) -> None:
    async def play() -> None:
        hub = World().hub()
        await hub.start()
        try:
            announce(hub, STRAP)
            await hub.assign(OWNER, "strap", "ann")
            view = await hub.create_session(OWNER, workout=workout, workout_id="w")
            await scene(hub, view.session)
        finally:
            await hub.stop()

    run(play())


async def do(hub: Live, session: str, action: Action) -> None:
    assert (await hub.control(OWNER, Control(action.value, session, action))).ok


async def beat(hub: Live, bpm: int) -> None:
    heart(hub, "strap", bpm, hub.now_us() // 1000)


def test_a_watch_has_every_cue_before_it_is_due() -> None:
    async def scene(hub: Live, session: str) -> None:
        watch = Wrist(hub, session)
        await do(hub, session, Action.START)
        known: set[tuple[int, CueKind]] = set()
        for _ in range(300):
            await watch.wear(1)
            newest = watch.cues()[-1]
            known |= {(cue.at_ms, cue.kind) for cue in newest.cues}
            now = hub.now_us() // 1000
            lane = hub.view(OWNER, session).lanes[0]
            due = {(cue.at_ms, cue.kind) for cue in lane.cues if cue.at_ms <= now + 1_500}
            assert due <= known
        assert len(known) > 250

    in_a_ride(scene, BUSY)


def test_everything_fits() -> None:
    async def scene(hub: Live, session: str) -> None:
        watch = Wrist(hub, session)
        await do(hub, session, Action.START)
        await beat(hub, 151)
        await watch.wear(200)
        assert watch.longest <= WATCH_BYTES_MAX
        with_more = [one for one in watch.cues() if one.more]
        assert with_more and all(len(one.cues) >= CUES_AT_LEAST for one in with_more)
        names = [cue.name for one in with_more for cue in one.cues]
        assert all(len(name.encode()) <= NAME_BYTES_MAX for name in names)

    in_a_ride(scene, BUSY)


def test_a_change_is_told_at_once_and_whole() -> None:
    async def scene(hub: Live, session: str) -> None:
        watch = Wrist(hub, session)
        assert watch.syncs()[-1].status == "ready" and watch.cues()[-1].cues == ()
        await do(hub, session, Action.START)
        started = watch.syncs()[-1]
        assert (started.status, started.next) == ("running", "Warm up")
        assert [cue.kind for cue in watch.cues()[-1].cues][:1] == [CueKind.PHASE]
        await watch.wear(5)
        assert (watch.syncs()[-1].name, watch.syncs()[-1].next) == ("Warm up", "Hard")
        await do(hub, session, Action.PAUSE)
        assert watch.syncs()[-1].status == "paused"
        assert watch.cues()[-1].cues == ()
        assert watch.cues()[-1].rev > started.rev

    in_a_ride(scene)


def test_the_wearers_own_numbers_and_nobody_elses() -> None:
    async def scene(hub: Live, session: str) -> None:
        own, guests = Wrist(hub, session), Wrist(hub, session, GUEST)
        await beat(hub, 151)
        await own.wear(2)
        newest = own.numbers()[-1]
        assert (newest.bpm, newest.q, newest.zone) == (151, Quality.LIVE, 3)
        assert guests.numbers() == [] and guests.syncs()

    in_a_ride(scene)


def test_a_watch_that_does_not_read_is_given_no_more_and_then_cut_off() -> None:
    async def scene(hub: Live, session: str) -> None:
        watch = Wrist(hub, session)
        for bpm in range(120, 120 + DEAD_ACK_MS // 1000 + 4):
            await beat(hub, bpm)
            await asyncio.sleep(1)
        assert len(watch.numbers()) <= STALE_ACK_MS // 1000 + 2
        assert watch.wire.aborted

    in_a_ride(scene)


def test_a_watch_that_reads_again_is_told_the_newest() -> None:
    async def scene(hub: Live, session: str) -> None:
        watch = Wrist(hub, session)
        for bpm in range(120, 127):
            await beat(hub, bpm)
            await asyncio.sleep(1)
        assert watch.numbers()[-1].bpm != 126
        watch.say(Ack(watch.numbers()[-1].n))
        await asyncio.sleep(1.1)
        assert watch.numbers()[-1].bpm == 126

    in_a_ride(scene)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("Hard", "Hard"),
        ("Über die Schwelle hinaus", "Über die Schwel"),
        ('Say "go"\n\x00', "Say go"),
        ("\N{BICYCLE}" * 5, "\N{BICYCLE}" * 4),
        ("", ""),
    ],
)
def test_names_are_cut_between_letters(name: str, fits: str) -> None:
    assert watch_face.short(name) == fits


def test_numbers_of_a_row_without_any() -> None:
    row = ["ann", *([None] * (len(ROW_FIELDS) - 1))]
    assert watch_face.numbers(row, 1) == WatchNumbers(1, 0, tuple(Quality)[0])


# How far apart devices fired


def test_devices_tell_how_late_they_were() -> None:
    async def scene(hub: Live, session: str) -> None:
        one, other = Wrist(hub, session), Wrist(hub, session)
        one.say(Fired(session, "group", 3, 4.5, 9.0))
        one.say(Fired(session, "group", 3, 99.0, 9.0))  # again: not counted
        for i in range(CUES_MAX + 1):
            one.say(Fired(session, f"made-up-{i}", 0, 0.0, 1.0))  # no lane: pushes nothing out
        other.say(Fired(session, "group", 3, -2.0, 12.0))
        (cue,) = hub.spread(OWNER, session)
        assert (cue.devices, cue.spread_ms, cue.bound_ms) == (2, 6.5, 12.0)
        stranger = Wrist(hub, "none")
        stranger.say(Fired(session, "group", 3, 0.0, 1.0))
        assert isinstance(stranger.hear()[-1], Error)
        assert hub.spread(OWNER, session) == (cue,)

    in_a_ride(scene)


def test_a_spread_is_bounded() -> None:
    spread = Spread()
    for i in range(CUES_MAX + 5):
        for device in range(DEVICES_MAX + 5 if i == CUES_MAX else 1):
            spread.fired(device, "group", i, float(device), 1.0)
    assert len(spread.cues()) == CUES_MAX
    assert max(cue.devices for cue in spread.cues()) == DEVICES_MAX
