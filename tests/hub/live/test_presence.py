"""Who is there: the coach, and who sees whose numbers. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from clock import run
from live_fakes import (
    ANN,
    BOB,
    INTERVALS,
    OWNER,
    STRANGER,
    FakeWire,
    MemoryAthletes,
    World,
    let_in,
    same_turn,
)
from msgspec.structs import replace

from hub.auth.principal import Principal, Role
from hub.live.attendance import COACH_AWAY_MS
from hub.live.service import Live
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_from_client import FROM_CLIENT as CODEC
from hub.wire.live_from_client import Action, Control, Hello, Subscribe, Unsubscribe
from hub.wire.live_to_client import Presence
from hub.wire.live_views import CoachView, WatcherView

COACH = Principal("login-coach", Role.COACH)
SECOND = Principal("login-second", Role.COACH)
RIDER = Principal("login-bob", Role.ATHLETE, "bob")
AWAY_S = COACH_AWAY_MS // 1000 + 2


def in_a_class(test: Callable[[World, Live, str], Awaitable[None]]) -> None:
    """Bob rides; the coach, who is no athlete here, has opened the class."""

    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        view = await hub.create_session(COACH, workout=INTERVALS, athletes=("bob",), open=True)
        try:
            await test(world, hub, view.session)
        finally:
            await hub.stop()

    run(scene())


class Device:
    def __init__(self, hub: Live, who: Principal, *channels: str) -> None:
        self.wire = FakeWire()
        self.peer = hub.accept(let_in(who), self.wire, same_turn)
        self.told: list[Presence] = []
        self.peer.receive(CODEC.encode(Hello(PROTOCOL_VERSION, "test")))
        for channel in channels:
            self.peer.receive(CODEC.encode(Subscribe(channel)))

    def leave(self) -> None:
        self.peer.lost()

    def all_told(self) -> list[Presence]:
        self.told += [one for one in self.wire.take() if isinstance(one, Presence)]
        return self.told

    @property
    def last(self) -> Presence:
        return self.all_told()[-1]


def test_riders_see_that_the_coach_has_gone_and_is_back() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Device(hub, RIDER, f"session:{session}")
        tablet = Device(hub, COACH, f"session:{session}")
        await asyncio.sleep(2)
        assert bob.last.coach == CoachView("", role="coach")
        tablet.leave()
        left_at_ms = hub.now_us() // 1000
        await asyncio.sleep(3)
        assert bob.last.coach == CoachView("", role="coach")  # a page that reloads is no absence
        await asyncio.sleep(AWAY_S)
        away = bob.last.coach
        assert away is not None and away.away_since_ms is not None
        assert 0 <= away.away_since_ms - left_at_ms <= 1_000
        wire = Device(hub, COACH, f"session:{session}")
        await asyncio.sleep(2)
        assert bob.last.coach == CoachView("", role="coach")
        assert wire.last.coach == CoachView("", you=True, role="coach")

    in_a_class(scene)


def test_a_second_coach_takes_over() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Device(hub, RIDER, f"session:{session}")
        first = Device(hub, COACH, f"session:{session}")
        second = Device(hub, SECOND, f"session:{session}")
        denied = await hub.control(RIDER, Control("k", session, Action.TAKE_OVER))
        assert (denied.ok, denied.code) == (False, "denied")
        assert (await hub.control(SECOND, Control("k", session, Action.TAKE_OVER))).ok
        await asyncio.sleep(2)
        seen = [wire.last.coach for wire in (bob, first, second)]
        assert seen == [
            CoachView("", role="coach"),
            CoachView("", role="coach"),
            CoachView("", you=True, role="coach"),
        ]

    in_a_class(scene)


def test_the_new_coach_leads_after_a_restart_too() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        assert (await hub.control(SECOND, Control("k", session, Action.TAKE_OVER))).ok
        await hub.stop()
        again = world.hub()
        await again.start()
        try:
            wire = Device(again, SECOND, f"session:{session}")
            await asyncio.sleep(2)
            assert wire.last.coach == CoachView("", you=True, role="coach")
        finally:
            await again.stop()

    in_a_class(scene)


def test_who_is_watched_sees_by_whom() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Device(hub, RIDER, f"session:{session}")
        wall = Device(hub, OWNER, f"session:{session}")
        phone = Device(hub, OWNER, "athlete:bob")
        stranger = Device(hub, STRANGER, f"session:{session}")
        await asyncio.sleep(2)
        assert bob.last.watchers == (WatcherView("Ann", "owner", 2),)
        assert bob.last.watching == 2
        assert stranger.last.watchers == ()  # nobody watches a stranger
        phone.leave()
        await asyncio.sleep(2)
        assert bob.last.watchers == (WatcherView("Ann", "owner", 1),)
        wall.leave()
        await asyncio.sleep(2)
        assert bob.last.watchers == ()

    in_a_class(scene)


def test_nothing_is_said_while_nothing_changes() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Device(hub, RIDER, f"session:{session}")
        Device(hub, COACH, f"session:{session}")
        await asyncio.sleep(30)
        assert len(bob.all_told()) <= 2

    in_a_class(scene)


def test_channels_that_nobody_has_leave_no_trace() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Device(hub, RIDER, f"session:{session}")
        await asyncio.sleep(2)
        before = traces(hub)
        for i in range(200):
            for kind in ("session", "athlete"):
                bob.peer.receive(CODEC.encode(Unsubscribe(f"{kind}:made-up-{i}")))
            await asyncio.sleep(0.05)
        assert traces(hub) == before

    in_a_class(scene)


def traces(hub: Live) -> int:
    """What the hub holds for sessions and athletes to be told."""
    channels = hub._stage.channels
    return len(channels._presence._places) + len(channels._looked)


def test_simulated_riders_are_there_to_be_looked_at() -> None:
    async def scene() -> None:
        world = World()
        world.athletes = MemoryAthletes(ANN, replace(BOB, demo=True))
        hub = world.hub()
        await hub.start()
        view = await hub.create_session(OWNER, workout=INTERVALS, athletes=("bob",), demo=True)
        wire = Device(hub, RIDER, f"session:{view.session}")
        Device(hub, STRANGER, f"session:{view.session}")
        await asyncio.sleep(2)
        assert [(one.coach, one.watchers) for one in wire.all_told()] == [(None, ())]
        await hub.stop()

    run(scene())
