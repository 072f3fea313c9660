"""Grants on the live screens: from the next frame on, and not a frame longer. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from clock import run
from live_fakes import (
    ANN,
    INTERVALS,
    OWNER,
    DiskFull,
    FakeWire,
    World,
    announce,
    heart,
    let_in,
    payloads,
    power,
    same_turn,
    sensor,
)
from live_fakes import BOB as FAKE_BOB
from msgspec.structs import replace

from hub.auth.grants import Grant, Part
from hub.auth.principal import Principal, Role
from hub.core.errors import Denied, NotFound, UserError
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.live import inputs
from hub.live.inputs import Pace
from hub.live.outbox import PENDING_BYTES_MAX
from hub.live.riding import rider
from hub.live.service import Live
from hub.live.sharing import GRANTS_MAX
from hub.store.rows import Athlete
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_events import EVENT, Membership, Message
from hub.wire.live_from_client import FROM_CLIENT as CODEC
from hub.wire.live_from_client import Ack, Action, Control, Hello, Resume, Subscribe
from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_to_client import (
    TO_CLIENT,
    Error,
    Event,
    Presence,
    SensorsState,
    Snapshot,
    State,
    ToClient,
)
from hub.wire.live_views import WatcherView
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric, Quality

COACH = Principal("login-coach", Role.COACH)
BOB = Principal("login-bob", Role.ATHLETE, "bob")
METER = sensor("meter", SensorKind.POWER, name="Assioma")
STRAP = sensor("strap", SensorKind.HEART_RATE, name="Polar H10")
PULSE = Part.HEART_RATE


class Screen:
    """A client that acknowledges and remembers."""

    def __init__(
        self, hub: Live, who: Principal, channel: str, resume: Resume | None = None
    ) -> None:
        self.wire = FakeWire()
        self.peer = hub.accept(let_in(who), self.wire, same_turn)
        self.told: list[ToClient] = []
        self.peer.receive(CODEC.encode(Hello(PROTOCOL_VERSION, "test")))
        self.peer.receive(CODEC.encode(Subscribe(channel, 4, resume)))

    def hear(self) -> list[ToClient]:
        """What came since the last time."""
        data, self.wire.writes = b"".join(self.wire.writes), []
        new = [TO_CLIENT.decode(payload) for payload in payloads(data)]
        self.told += new
        numbers = [one.n for one in new if isinstance(one, State)]
        if numbers:
            self.peer.receive(CODEC.encode(Ack(max(numbers))))
        return new

    def rows(self, athlete: str = "bob") -> list[dict[str, Any]]:
        states = [one for one in self.hear() if isinstance(one, State)]
        rows = (dict(zip(ROW_FIELDS, row, strict=True)) for one in states for row in one.rows)
        return [row for row in rows if row["athlete"] == athlete]

    def last(self, kind: type) -> Any:
        self.hear()
        return [one for one in self.told if isinstance(one, kind)][-1]


def in_a_class(scene: Callable[[World, Live, str], Awaitable[None]]) -> None:
    """Bob rides with strap and power meter in a class that the coach leads."""

    async def play() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        try:
            announce(hub, METER, STRAP)
            for sensor_id in ("meter", "strap"):
                await hub.assign(OWNER, sensor_id, "bob")
            view = await hub.create_session(COACH, workout=INTERVALS, athletes=("bob",), open=True)
            await scene(world, hub, view.session)
        finally:
            await hub.stop()

    run(play())


async def ride(hub: Live, seconds: int = 2, bpm: int = 151) -> None:
    for _ in range(4 * seconds):
        now = hub.now_us() // 1000
        power(hub, "meter", 240, now, lease=1)
        heart(hub, "strap", bpm, now, lease=2)
        await asyncio.sleep(0.25)


def shown(row: dict[str, Any], metric: Metric) -> tuple[Any, Quality]:
    return row[metric.value], QUALITIES[row[f"{metric.value}.q"]]


def test_a_coach_sees_what_is_granted_and_no_more() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        screen = Screen(hub, COACH, f"session:{session}")
        await ride(hub)
        assert shown(screen.rows()[-1], Metric.HEART_RATE_BPM) == (None, Quality.DENIED)
        assert screen.last(Snapshot).session.athletes[0].ftp_w is None

        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        await ride(hub)
        row = screen.rows()[-1]
        assert shown(row, Metric.HEART_RATE_BPM) == (151, Quality.LIVE)
        assert shown(row, Metric.POWER_W) == (None, Quality.DENIED)
        assert row["target_w"] is None
        view = screen.last(Snapshot).session.athletes[0]
        assert (view.ftp_w, view.weight_kg, view.trainer) == (None, None, None)
        assert set(view.sources) <= {Metric.HEART_RATE_BPM}

    in_a_class(scene)


def test_a_grant_taken_back_between_two_frames_counts_from_the_next() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        screen = Screen(hub, COACH, f"session:{session}")
        await ride(hub)
        assert screen.rows()[-1]["heart_rate_bpm"] == 151
        await hub.sharing.take_back(BOB, "bob", "role:coach")
        await ride(hub, seconds=5, bpm=160)
        rows = screen.rows()
        assert rows and all(row["heart_rate_bpm"] is None for row in rows)
        assert all(row["heart_rate_zone"] is None for row in rows)
        assert screen.last(Snapshot).session.athletes[0].max_hr_bpm is None

    in_a_class(scene)


def test_what_waits_for_a_client_that_does_not_read_is_never_sent() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", tuple(Part)))
        screen = Screen(hub, COACH, f"session:{session}")
        screen.hear()
        screen.peer.outbox.pause()
        assert (await hub.control(BOB, Control("k", session, Action.TRIM, "bob", 90))).ok
        await hub.sharing.take_back(BOB, "bob", "role:coach")
        screen.peer.outbox.resume()
        events = [one for one in screen.hear() if isinstance(one, Event)]
        assert events == []
        assert screen.wire.overflows == 1

    in_a_class(scene)


def test_whoever_looks_at_one_athlete_is_told_that_it_is_over() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        denied = Screen(hub, COACH, "athlete:bob")
        assert denied.last(Error).code == "denied"
        nobody = Screen(hub, COACH, "athlete:nobody")
        assert nobody.last(Error).code == "denied"  # nor who there is
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (Part.POWER,)))
        screen = Screen(hub, COACH, "athlete:bob")
        await ride(hub)
        assert screen.rows()[-1]["power_w"] == 240
        await hub.sharing.take_back(BOB, "bob", "role:coach")
        screen.hear()
        await ride(hub)
        assert screen.rows() == []
        assert screen.last(Error).channel == "athlete:bob"

    in_a_class(scene)


def test_a_grant_ends_by_itself() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        until_ms = hub.now_us() // 1000 + 3_000
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (Part.POWER,), until_ms))
        screen = Screen(hub, COACH, f"session:{session}")
        await ride(hub, seconds=2)
        assert screen.rows()[-1]["power_w"] == 240
        await ride(hub, seconds=4)
        screen.hear()
        await ride(hub, seconds=2)
        assert screen.rows()[-1]["power_w"] is None
        assert world.grants.kept == {}

    in_a_class(scene)


def test_the_list_of_sensors_shows_what_is_granted() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        screen = Screen(hub, COACH, "sensors")
        await ride(hub)

        def last(sensor_id: str) -> dict[Metric, float]:
            found: SensorsState = screen.last(SensorsState)
            return next(one.last for one in found.view.sensors if one.sensor == sensor_id)

        assert last("meter") == last("strap") == {}
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (Part.POWER,)))
        await ride(hub)
        assert last("meter") == {Metric.POWER_W: 240.0} and last("strap") == {}
        await hub.sharing.take_back(BOB, "bob", "role:coach")
        await ride(hub)
        assert last("meter") == {}

    in_a_class(scene)


def test_who_was_away_comes_back_to_what_may_be_seen_now() -> None:
    """What was granted while they were away is told, and what was taken back is, too."""

    async def scene(world: World, hub: Live, session: str) -> None:
        channel = f"session:{session}"
        power_only = Grant("bob", "role:coach", (Part.POWER,))
        seen = []
        await hub.sharing.grant(BOB, power_only)
        await hub.athlete_changed(replace(FAKE_BOB, max_hr_bpm=185))
        first = Screen(hub, COACH, channel)
        at = first.last(Snapshot)
        for change in (
            hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,))),
            hub.sharing.take_back(BOB, "bob", "role:coach"),
            hub.sharing.grant(BOB, power_only),
        ):
            first.peer.lost()
            await change
            await asyncio.sleep(0.1)
            first = Screen(hub, COACH, channel, Resume(at.epoch, at.offset))
            first.hear()
            assert not any(isinstance(one, Snapshot) for one in first.told)
            bodies = [one.body for one in first.told if isinstance(one, Event)]
            (bob,) = [body for body in bodies if isinstance(body, Membership)][-1].athletes
            seen.append((bob.ftp_w, bob.max_hr_bpm))
        assert seen == [(None, 185), (None, None), (300, None)]

    in_a_class(scene)


@pytest.mark.parametrize("what", ["a grant", "equipment"])
def test_who_comes_in_while_members_are_told_is_among_them(what: str) -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        coach = Screen(hub, COACH, f"session:{session}")
        await ride(hub)  # the meter has become a source
        world.sessions.append_s = 0.05
        async with asyncio.TaskGroup() as both:
            both.create_task(hub._runner.say(session, inputs.Join(rider(ANN, "bike"))))
            await asyncio.sleep(0.02)
            if what == "a grant":
                await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
            else:
                await hub.unassign(OWNER, "meter")
        await asyncio.sleep(0.2)
        coach.hear()
        bodies = [one.body for one in coach.told if isinstance(one, Event)]
        members = [body.athletes for body in bodies if isinstance(body, Membership)]
        assert len(members) >= 2
        assert [one.athlete for one in members[-1]] == ["bob", "ann"]

    in_a_class(scene)


def test_the_weight_is_told_when_members_change_too() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob, coach = (Screen(hub, who, f"session:{session}") for who in (BOB, COACH))
        await hub.athlete_changed(replace(FAKE_BOB, weight_kg=77.0))
        weights = [
            [one.body for one in screen.hear() if isinstance(one, Event)][-1].athletes[0].weight_kg
            for screen in (bob, coach)
        ]
        assert weights == [77.0, None]

    in_a_class(scene)


def test_a_grant_disturbs_nobody_whom_it_says_nothing() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        wall = Screen(hub, Principal("login-wall", Role.DISPLAY), f"session:{session}")
        await ride(hub)
        wall.hear()
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        assert not any(isinstance(one, State | Snapshot) for one in wall.hear())
        await ride(hub)
        states = [one for one in wall.hear() if isinstance(one, State)]
        assert states and not any(one.whole for one in states)

    in_a_class(scene)


def test_what_everybody_may_see_is_encoded_once() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        screens = [Screen(hub, who, f"session:{session}") for who in (COACH, BOB)]
        for screen in screens:
            screen.hear()
        assert (await hub.control(COACH, Control("k", session, Action.START))).ok
        ours, bobs = (screen.wire.writes for screen in screens)
        assert len(ours) == 1 and ours[0] is bobs[0]

    in_a_class(scene)


def test_a_class_of_two_hundred_lanes_can_be_looked_at() -> None:
    """Its snapshot alone is more than may wait for a client that does not read."""

    async def play() -> None:
        world = World()
        hard = Step("Hard", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.1))
        names = [f"rider-{i:020}" for i in range(200)]
        world.athletes.known = [Athlete(athlete_id=name, name=name) for name in names]
        hub = world.hub()
        await hub.start()
        try:
            workout = Workout("long", (hard,) * 20)
            view = await hub.create_session(
                COACH, workout=workout, athletes=names, open=True, pace=Pace.SELF
            )
            coach = Screen(hub, COACH, f"session:{view.session}")
            waited = sum(map(len, coach.wire.writes))
            assert waited > PENDING_BYTES_MAX
            assert len(coach.last(Snapshot).session.lanes) == 200
            assert coach.wire.overflows == 0
        finally:
            await hub.stop()

    run(play())


def test_who_missed_more_than_may_wait_begins_anew() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        first = Screen(hub, COACH, f"session:{session}")
        at = first.last(Snapshot)
        first.peer.lost()
        room = hub.room(session)
        size = len(EVENT.encode(Message("x" * 5_000, 0)))
        for _ in range(PENDING_BYTES_MAX // size + 1):
            room.offset += 1
            room.story.add(room.offset, EVENT.encode(Message("x" * 5_000, 0)))
        again = Screen(hub, COACH, f"session:{session}", Resume(at.epoch, at.offset))
        assert again.last(Snapshot).offset == room.told_offset
        assert not any(isinstance(one, Event) for one in again.told)

    in_a_class(scene)


def test_who_shares_sees_who_looks() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        bob = Screen(hub, BOB, f"session:{session}")
        Screen(hub, COACH, f"session:{session}")
        await asyncio.sleep(2)
        assert bob.last(Presence).watchers == ()
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        await asyncio.sleep(2)
        assert bob.last(Presence).watchers == (WatcherView("", "coach", 1),)
        await hub.sharing.take_back(BOB, "bob", "role:coach")
        await asyncio.sleep(2)
        assert bob.last(Presence).watchers == ()

    in_a_class(scene)


def test_grants_survive_a_restart() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        grant = Grant("bob", "role:coach", (PULSE,))
        await hub.sharing.grant(BOB, grant)
        again = world.hub()
        await again.start()
        assert again.sharing.of(BOB, "bob") == (grant,)
        await again.stop()

    in_a_class(scene)


def test_a_disk_that_takes_nothing_leaves_no_grant_standing() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        await hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        screen = Screen(hub, COACH, f"session:{session}")
        world.grants.full = True
        with pytest.raises(DiskFull):
            await hub.sharing.grant(BOB, Grant("bob", "role:viewer", (PULSE,)))
        with pytest.raises(DiskFull):
            await hub.sharing.take_back(BOB, "bob", "role:coach")
        screen.hear()
        await ride(hub)
        assert screen.rows()[-1]["heart_rate_bpm"] is None
        assert hub.sharing.of(BOB, "bob") == ()

    in_a_class(scene)


def test_what_is_taken_back_while_it_is_being_granted_is_taken_back() -> None:
    """A switch that is pressed twice: each press is a request of its own."""

    async def scene(world: World, hub: Live, session: str) -> None:
        world.grants.write_s = 0.1
        granting = hub.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        async with asyncio.TaskGroup() as both:
            both.create_task(granting)
            await asyncio.sleep(0.05)
            both.create_task(hub.sharing.take_back(BOB, "bob", "role:coach"))
        assert hub.sharing.of(BOB, "bob") == ()
        assert world.grants.kept == {}

    in_a_class(scene)


def test_what_is_granted_anew_while_its_end_is_written_down_stands() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        now = hub.now_us() // 1000
        for grantee in ("role:coach", "role:viewer"):
            await hub.sharing.grant(BOB, Grant("bob", grantee, (PULSE,), now + 1_000))
        world.grants.write_s = 0.1
        again = Grant("bob", "role:viewer", (PULSE,))
        async with asyncio.TaskGroup() as both:
            both.create_task(hub.sharing.sweep(now + 1_000))
            await asyncio.sleep(0.05)
            both.create_task(hub.sharing.grant(BOB, again))
        assert hub.sharing.of(BOB, "bob") == (again,)
        assert world.grants.kept == {("bob", "role:viewer"): again}

    in_a_class(scene)


def test_an_athlete_shares_nobody_elses() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        for who in (COACH, BOB):
            with pytest.raises(Denied):
                await hub.sharing.grant(who, Grant("ann", "role:coach", (PULSE,)))
            with pytest.raises(Denied):
                hub.sharing.of(who, "ann")
        with pytest.raises(NotFound):
            await hub.sharing.grant(OWNER, Grant("nobody", "role:coach", (PULSE,)))
        with pytest.raises(NotFound):
            await hub.sharing.grant(BOB, Grant("bob", "athlete:nobody", (PULSE,)))

    in_a_class(scene)


def test_grants_that_are_none() -> None:
    async def scene(world: World, hub: Live, session: str) -> None:
        for grant in (
            Grant("bob", "role:coach", ()),
            Grant("bob", "role:owner", (PULSE,)),
            Grant("bob", "role:coach", (PULSE,), until_ms=1),
        ):
            with pytest.raises(UserError):
                await hub.sharing.grant(BOB, grant)
        for i in range(GRANTS_MAX):
            world.grants.kept["bob", f"athlete:{i}"] = Grant("bob", f"athlete:{i}", (PULSE,))
        again = world.hub()
        await again.start()
        with pytest.raises(UserError, match="100 grants"):
            await again.sharing.grant(BOB, Grant("bob", "role:coach", (PULSE,)))
        await again.stop()

    in_a_class(scene)
