"""All controls and kinds of steps in one ride, on virtual time, over a kill; who may say what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from clock import run
from live_fakes import (
    INTERVALS,
    NOON_MS,
    OWNER,
    FakeWire,
    World,
    announce,
    heart,
    let_in,
    same_turn,
    sensor,
)

from hub.auth.principal import Principal, Role
from hub.core.errors import Conflict
from hub.core.live_metrics import Second
from hub.core.target import FreeRide, MaxEffort, Unit, aim
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    StepText,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.live import inputs
from hub.live.inputs import Pace
from hub.live.peer import Peer
from hub.live.service import Live
from hub.store.rows import EntryKind
from hub.wire.live_events import EVENT, Membership, Message, Timeline
from hub.wire.live_from_client import FROM_CLIENT, Ack, Action, Control, Hello, Subscribe
from hub.wire.live_rows import ROW_FIELDS
from hub.wire.live_to_client import Event, Reply, State
from hub.wire.live_views import LaneView
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Reading

BIKE = sensor("bike", SensorKind.TRAINER, SensorKind.POWER)
STRAP = sensor("strap", SensorKind.HEART_RATE)
RIDER_BOB = Principal("login-bob", Role.ATHLETE, "bob")

EVERY_KIND = Workout(
    "Every kind",
    (
        Step(
            "Warm up",
            StepKind.WARMUP,
            ForDuration(60_000),
            aim(Unit.FTP, 0.5, 0.75),
            texts=(StepText(0, "Hello"), StepText(20_000, "Spin", say=True)),
        ),
        Step("A mile", StepKind.WORK, ForDistance(500), aim(Unit.WATT, 180), at_most_ms=600_000),
        Step("Work", StepKind.WORK, ForWork(6.0), aim(Unit.POWER_ZONE, 3), at_most_ms=600_000),
        Step(
            "Calm down",
            StepKind.RECOVERY,
            UntilHeartRate(aim(Unit.MAX_HR, 0.65), above=False),
            aim(Unit.RPE, 2),
            at_most_ms=600_000,
        ),
        Step("Your turn", StepKind.FREE, UntilLap(), FreeRide()),
        Step("All out", StepKind.WORK, ForDuration(10_000), MaxEffort()),
        Step("Far", StepKind.WORK, ForDistance(50_000), aim(Unit.LTHR, 0.8), at_most_ms=20_000),
        Step("Grade", StepKind.WORK, ForDuration(30_000), aim(Unit.GRADE_PCT, 4)),
    ),
)


class Say:
    """Controls of one session, each under a key of its own."""

    def __init__(self, hub: Live, session: str, who: Principal = OWNER, athlete: str = "") -> None:
        self.hub, self.session, self.who, self.athlete = hub, session, who, athlete
        self.count = 0

    async def __call__(self, action: Action, **more: object) -> Reply:
        self.count += 1
        key = f"{self.who.login_id}-{self.athlete}-{self.count}"
        command = Control(key, self.session, action, **{"athlete": self.athlete, **more})  # type: ignore[arg-type]
        return await self.hub.control(self.who, command)

    @property
    def lane(self) -> LaneView:
        lanes = self.hub.view(self.who, self.session).lanes
        return next((one for one in lanes if one.lane == self.athlete), lanes[0])


def on_a_hub(test: Callable[[World, Live], Awaitable[None]]) -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        try:
            await test(world, hub)
        finally:
            await hub.stop()

    run(scene())


def now_ms() -> int:
    return NOON_MS + round(asyncio.get_running_loop().time() * 1000)


def turn(hub: Live, power_w: int, bpm: int, speed_kmh: float = 36.0) -> None:
    """What bike and strap say in this second."""
    at_ms = now_ms()
    cadence = 90.0 if power_w else 0.0
    m = Measurement(power_w=power_w, cadence_rpm=cadence, speed_kmh=speed_kmh)
    hub.on_readings("gw", [(Reading("bike", at_ms, "2ad2", m, 1), at_ms, False)], False)
    heart(hub, "strap", bpm, at_ms, lease=2)


async def pedal(hub: Live, seconds: int, power_w: int = 200, bpm: int = 140) -> None:
    for second in range(seconds):
        turn(hub, power_w + second % 3 if power_w else 0, bpm + second % 2)
        await asyncio.sleep(1)


async def equipped(hub: Live) -> None:
    announce(hub, BIKE, STRAP)
    await hub.assign(OWNER, "bike", "ann")
    await hub.assign(OWNER, "strap", "ann")


def test_every_control_and_every_kind_of_step_in_one_ride_over_a_kill() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        await equipped(hub)
        view = await hub.create_session(OWNER, workout=EVERY_KIND, workout_id="w")
        say = Say(hub, view.session)

        assert (await say(Action.START)).ok
        await pedal(hub, 10)
        assert [cue.name for cue in say.lane.cues if cue.kind.value == "text"] == ["Spin"]
        assert (await say(Action.EXTEND, by_s=30)).ok
        assert (await say(Action.REPEAT)).ok
        await pedal(hub, 5)
        lane = say.lane
        assert [phase.i for phase in lane.phases][:3] == [0, 0, 1]
        assert (lane.phases[0].duration_ms, lane.phases[0].ramp_ms) == (90_000, 60_000)
        assert (await say(Action.SKIP)).ok  # into the second pass
        await pedal(hub, 2)
        assert (say.lane.phase, say.lane.phases[1].i) == (1, 0)
        assert (await say(Action.UNDO)).ok  # never skipped
        assert (say.lane.phase, say.lane.undo_until_at_ms) == (0, None)
        assert not (await say(Action.UNDO)).ok
        assert (await say(Action.JUMP, to=1)).ok
        await pedal(hub, 10)
        lane = say.lane
        assert (lane.phases[lane.phase].name, lane.phases[lane.phase].until) == (
            "A mile",
            "distance",
        )

        # 10 m a second: its 500 m end it by themselves.
        await pedal(hub, 43)
        assert say.lane.phases[say.lane.phase].name == "Work"
        assert (await say(Action.BACK)).ok
        await pedal(hub, 5)
        assert say.lane.phases[say.lane.phase].name == "A mile"
        assert (await say(Action.PAUSE)).ok
        await asyncio.sleep(3)
        assert (await say(Action.SKIP)).ok
        assert (await say(Action.RESUME)).ok

        # kill -9 in the middle of a step by work; what was ridden of it comes from the recording.
        await pedal(hub, 8)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        before = say.lane
        recorded = [Second(200.0, 36.0)] * (before.ridden_ms // 1000)

        async def of_the_recording(*_: object) -> list[Second]:
            return recorded

        hub = world.hub(recorded=of_the_recording)
        await hub.start()
        announce(hub, BIKE, STRAP)
        say.hub = hub
        assert say.lane.phases[: before.phase + 1] == before.phases[: before.phase + 1]
        await pedal(hub, 30)  # 200 W make its 6 kJ in 30 s, of which 8 were ridden
        assert say.lane.phases[say.lane.phase].name == "Calm down"

        await pedal(hub, 10, bpm=130)
        assert say.lane.phases[say.lane.phase].name == "Calm down"
        await pedal(hub, 6, bpm=118)  # 65 % of 190 is 123.5
        assert say.lane.phases[say.lane.phase].name == "Your turn"
        assert (await say(Action.TRIM, trim_pct=90)).ok
        assert (await say(Action.TRIM, trim_pct=110, kind="work")).ok
        (ann,) = hub.view(OWNER, view.session).athletes
        assert (ann.trim_pct, ann.trims) == (90, {"work": 110})
        assert (await say(Action.LAP)).ok
        await pedal(hub, 12)
        assert say.lane.phases[say.lane.phase].name == "Far"  # after ten seconds all out
        await pedal(hub, 20)
        assert say.lane.phases[say.lane.phase].name == "Grade"  # its cap came first
        assert (await say(Action.COOL_DOWN)).ok
        await pedal(hub, 2)
        lane = say.lane
        assert (lane.phases[lane.phase].name, lane.phases[lane.phase].i) == ("Cool-down", 8)
        assert (await say(Action.STOP)).ok
        await asyncio.sleep(1)
        (finished,) = world.finished
        assert finished.end_cause == "stop"
        told = [e.body for e in world.sessions.logs[view.session] if e.kind is EntryKind.EVENT]
        causes = [body.cause for body in map(EVENT.decode, told) if isinstance(body, Timeline)]
        assert {"extend", "repeat", "undo", "jump", "met", "back", "pause", "skip"} <= set(causes)
        await hub.stop()

    run(scene())


def test_the_same_key_moves_a_lane_once() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        say = Say(hub, view.session)
        await say(Action.START)
        await asyncio.sleep(1)
        again = Control("once", view.session, Action.EXTEND, by_s=10)
        replies = [await hub.control(OWNER, again) for _ in range(3)]
        assert replies == [replies[0]] * 3
        assert say.lane.phases[0].duration_ms == 70_000

    on_a_hub(ride)


def test_what_is_said_wrong_is_told() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        say = Say(hub, view.session)
        await say(Action.START)
        await asyncio.sleep(1)
        for action, more, words in (
            (Action.EXTEND, {}, "by_s"),
            (Action.JUMP, {}, "to"),
            (Action.JUMP, {"to": 5}, "1 to 5"),
            (Action.TRIM, {"trim_pct": 90, "kind": "sprint"}, "warmup"),
            (Action.MESSAGE, {"text": "  "}, "words"),
            (Action.MESSAGE, {"text": "Hi", "athlete": "zoe"}, "not in the session"),
            (Action.UNDO, {}, "10 seconds"),
        ):
            reply = await say(action, **more)
            assert not reply.ok and words in reply.detail, (action, reply)
        free = await hub.create_session(
            Principal("l", Role.OWNER, "bob"), workout=None, athletes=("bob",)
        )
        alone = Say(hub, free.session)
        await alone(Action.START)
        await asyncio.sleep(1)
        for action, more in (
            (Action.BACK, {}),
            (Action.REPEAT, {}),
            (Action.EXTEND, {"by_s": 30}),
        ):
            assert (await alone(action, **more)).code == "conflict"
        assert (await alone(Action.COOL_DOWN)).ok

    on_a_hub(ride)


def test_at_their_own_pace_each_rider_moves_their_own_lane() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(
            OWNER, workout=INTERVALS, workout_id="w", athletes=("ann", "bob"), pace=Pace.SELF
        )
        assert [(lane.lane, lane.status) for lane in view.lanes] == [
            ("ann", "ready"),
            ("bob", "ready"),
        ]
        ann, bob = (
            Say(hub, view.session, OWNER, "ann"),
            Say(hub, view.session, RIDER_BOB, "bob"),
        )
        assert (await ann(Action.START)).ok
        await asyncio.sleep(30)
        assert (await bob(Action.START)).ok
        await asyncio.sleep(10.5)
        assert (await bob(Action.SKIP)).ok
        await asyncio.sleep(1)
        assert (ann.lane.phase, bob.lane.phase) == (0, 1)
        assert not (await bob(Action.SKIP, athlete="ann")).ok  # hers
        assert not (await bob(Action.PAUSE, athlete="")).ok  # everybody's
        coach = Say(hub, view.session, OWNER)
        assert (await coach(Action.PAUSE)).ok
        assert (ann.lane.status, bob.lane.status) == ("paused", "paused")
        assert (await bob(Action.RESUME)).ok
        await asyncio.sleep(1)
        assert (ann.lane.status, bob.lane.status) == ("paused", "running")
        assert (await bob(Action.STOP)).ok
        await asyncio.sleep(1)
        assert (bob.lane.status, hub.view(OWNER, view.session).status) == ("finished", "paused")
        assert len(world.finished) == 1  # his ride is his at once
        assert hub.view(RIDER_BOB, view.session).activity == "activity-of-bob"
        assert hub.view(OWNER, view.session).activity == ""
        assert (await ann(Action.STOP)).ok
        await asyncio.sleep(1)
        assert hub.view(OWNER, view.session).status == "finished"
        assert [list(one.activities) for one in world.finished] == [[], ["bob"]]

    on_a_hub(ride)


def test_who_is_done_at_their_own_pace_has_the_ride_at_once_and_once() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        view = await hub.create_session(
            OWNER, workout=INTERVALS, workout_id="w", athletes=("ann", "bob"), pace=Pace.SELF
        )
        session = view.session
        ann, bob = Say(hub, session, OWNER, "ann"), Say(hub, session, RIDER_BOB, "bob")
        await ann(Action.START)
        await bob(Action.START)
        await asyncio.sleep(10)
        world.activity_failures = 1
        await bob(Action.STOP)
        await asyncio.sleep(0.5)
        assert world.finished == []  # the disk was full
        await asyncio.sleep(2)
        told = [
            EVENT.decode(row.body)
            for row in world.sessions.logs[session]
            if row.kind is EntryKind.EVENT
        ]
        assert isinstance(told[-1], Membership)  # and the class is not over
        rode = {one.athlete: one.activity for one in told[-1].athletes}
        assert rode == {"ann": "", "bob": "activity-of-bob"}

        await hub.stop()
        hub = ann.hub = world.hub()
        await hub.start()
        await asyncio.sleep(1)
        assert len(world.finished) == 1  # a restart does not make it again
        assert (await ann(Action.STOP)).ok
        await asyncio.sleep(1)
        view = hub.view(RIDER_BOB, session)
        assert (view.status, view.activity) == ("finished", "activity-of-bob")
        assert [list(one.activities) for one in world.finished] == [[], ["bob"]]
        assert hub.view(OWNER, session).activity == "activity-of-ann"
        await hub.stop()

    run(scene())


def test_who_joins_a_group_late_rides_its_second() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w", athletes=("ann",))
        say = Say(hub, view.session)
        await say(Action.START)
        await asyncio.sleep(70.5)
        announce(hub, sensor("other", SensorKind.TRAINER, SensorKind.POWER))
        await hub.assign(OWNER, "other", "bob")
        room = hub.room(view.session)
        bob = inputs.Rider(athlete="bob", name="Bob", ftp_w=300)
        await hub._runner.say(view.session, inputs.Join(bob))  # as when somebody takes a bike
        (lane,) = hub.view(OWNER, view.session).lanes
        assert (lane.phase, lane.ridden_ms) == (1, 70_000)
        (first, *_) = world.gateways.plan.steps
        assert first.target.power_w == 360  # type: ignore[union-attr]
        assert room.base.riders["bob"].name == "Bob"

    on_a_hub(ride)


def test_pedalling_starts_pauses_and_resumes_a_ride_by_choice() -> None:
    async def ride(world: World, hub: Live) -> None:
        await equipped(hub)
        view = await hub.create_session(
            OWNER, workout=INTERVALS, workout_id="w", auto_start=True, auto_pause=True
        )
        say = Say(hub, view.session)
        await pedal(hub, 2)
        assert say.lane.status == "ready"
        await pedal(hub, 4)
        assert say.lane.status == "running"
        await pedal(hub, 3, power_w=0)
        assert say.lane.status == "running"
        await pedal(hub, 4, power_w=0)
        assert (say.lane.status, say.lane.auto_paused) == ("paused", True)
        await pedal(hub, 4)
        assert say.lane.status == "running"
        await pedal(hub, 6, power_w=0)
        assert say.lane.auto_paused
        assert (await say(Action.RESUME)).ok  # on the pedals in a moment
        await pedal(hub, 3, power_w=0)
        assert say.lane.status == "running"
        await pedal(hub, 4)
        await asyncio.sleep(20)  # nothing is heard: a dropout pauses nobody
        assert say.lane.status == "running"
        await say(Action.PAUSE)
        await pedal(hub, 5)
        assert (say.lane.status, say.lane.auto_paused) == ("paused", False)  # by hand is by hand

    on_a_hub(ride)


def test_nobodys_legs_move_a_group() -> None:
    async def ride(world: World, hub: Live) -> None:
        await equipped(hub)
        view = await hub.create_session(
            OWNER,
            workout=EVERY_KIND,
            workout_id="w",
            athletes=("ann", "bob"),
            auto_start=True,
            auto_pause=True,
        )
        say = Say(hub, view.session)
        await pedal(hub, 8)
        assert say.lane.status == "ready"
        await say(Action.START)
        await say(Action.SKIP)
        await pedal(hub, 70)  # 700 m of a step of 500
        assert (say.lane.status, say.lane.phases[say.lane.phase].name) == ("running", "A mile")

    on_a_hub(ride)


def test_a_message_reaches_whom_it_is_for() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(
            OWNER, workout=INTERVALS, workout_id="w", athletes=("ann", "bob")
        )

        def watch(who: Principal) -> tuple[FakeWire, Peer]:
            wire = FakeWire()
            peer = hub.accept(let_in(who), wire, same_turn)
            peer.receive(FROM_CLIENT.encode(Hello(1, "test")))
            peer.receive(FROM_CLIENT.encode(Subscribe(f"session:{view.session}")))
            return wire, peer

        (coach, _), (bob, _) = watch(OWNER), watch(RIDER_BOB)
        say = Say(hub, view.session)
        assert (await say(Action.MESSAGE, text="Last one!")).ok
        assert (await say(Action.MESSAGE, text="Drink", athlete="ann")).ok
        assert not (await Say(hub, view.session, RIDER_BOB)(Action.MESSAGE, text="Hm")).ok

        def heard(wire: FakeWire) -> list[str]:
            events = (one.body for one in wire.take() if isinstance(one, Event))
            return [body.text for body in events if isinstance(body, Message)]

        assert heard(coach) == ["Last one!", "Drink"]
        assert heard(bob) == ["Last one!"]

    on_a_hub(ride)


def test_a_row_says_what_is_asked_of_this_athlete() -> None:
    async def ride(world: World, hub: Live) -> None:
        await equipped(hub)
        view = await hub.create_session(OWNER, workout=EVERY_KIND, workout_id="w")
        wire = FakeWire()
        peer = hub.accept(let_in(OWNER), wire, same_turn)
        peer.receive(FROM_CLIENT.encode(Hello(1, "test")))
        peer.receive(FROM_CLIENT.encode(Subscribe(f"session:{view.session}", 4)))
        say = Say(hub, view.session)
        await say(Action.START)
        await say(Action.SKIP)
        for _ in range(10):
            await pedal(hub, 1)
            peer.receive(FROM_CLIENT.encode(Ack(1_000_000)))
        rows = [row for one in wire.take() if isinstance(one, State) for row in one.rows]
        last = dict(zip(ROW_FIELDS, rows[-1], strict=True))
        assert (last["phase"], last["target_dimension"]) == (1, "power_w")
        assert (last["target_low"], last["target_high"]) == (180, 180)
        assert (last["next_dimension"], last["next_low"], last["next_high"]) == (
            "power_w",
            150,
            180,
        )
        assert 380 <= float(last["until_left"] or 0) <= 450

    on_a_hub(ride)


async def stand_until_it_ends(hub: Live, session: str) -> None:
    """Ten minutes without a pedal stroke."""
    for _ in range(61):
        turn(hub, 0, 100, 0.0)
        await asyncio.sleep(10)
    assert hub.view(OWNER, session).status == "finished"


def test_a_ride_that_is_being_saved_is_not_taken_up_again_meanwhile() -> None:
    async def ride(world: World, hub: Live) -> None:
        await equipped(hub)
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        await Say(hub, view.session)(Action.START)
        await pedal(hub, 5)
        world.activity_failures = 5
        await stand_until_it_ends(hub, view.session)
        with pytest.raises(Conflict, match="being saved"):
            await hub.reopen(OWNER, view.session)
        await asyncio.sleep(60)
        assert len(world.finished) == 1
        assert (await hub.reopen(OWNER, view.session)).status == "paused"
        await asyncio.sleep(60)
        assert hub.view(OWNER, view.session).status == "paused"

    on_a_hub(ride)


def test_a_ride_looked_for_twice_at_once_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ride(world: World, hub: Live) -> None:
        await equipped(hub)
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        runner = hub._runner
        del runner.rooms[view.session]
        whole_log = world.sessions.log

        async def slow_log(session_id: str) -> object:
            await asyncio.sleep(1)
            return await whole_log(session_id)

        monkeypatch.setattr(world.sessions, "log", slow_log)
        first, second = await asyncio.gather(runner.find(view.session), runner.find(view.session))
        assert first is second is runner.room(view.session)

    on_a_hub(ride)


def test_one_more_minute_said_in_the_last_moment_is_given() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        say = Say(hub, view.session)
        await say(Action.START)
        await asyncio.sleep(60.3)  # 59.8 s of the 60 are ridden
        reply = await say(Action.EXTEND, by_s=60)
        assert reply.ok and now_ms() <= reply.effect_at_ms < NOON_MS + 60_500
        await asyncio.sleep(1)
        assert (say.lane.phase, say.lane.phases[0].duration_ms) == (0, 120_000)

    on_a_hub(ride)


def test_an_hour_by_feel_with_a_strap_alone_is_no_idleness() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, STRAP)
        await hub.assign(OWNER, "strap", "ann")
        view = await hub.create_session(OWNER, workout=None)
        assert (await Say(hub, view.session)(Action.START)).ok
        for second in range(0, 3_600, 5):
            heart(hub, "strap", 120 + second % 2, now_ms())
            await asyncio.sleep(5)
        assert hub.view(OWNER, view.session).status == "running"
        await asyncio.sleep(660)  # taken off
        assert hub.view(OWNER, view.session).status == "finished"
        assert world.finished[0].end_cause == "idle"

    on_a_hub(ride)
