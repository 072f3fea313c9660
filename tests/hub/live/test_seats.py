"""Who sits where, as its callers meet it: on virtual time, with the neighbours in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from clock import run
from live_fakes import (
    ANN,
    BOB,
    NOON_MS,
    OWNER,
    STEADY,
    STRANGER,
    DiskFull,
    FakeWire,
    World,
    announce,
    heart,
    let_in,
    power,
    same_turn,
    sensor,
)
from msgspec.structs import replace

from hub.auth.principal import HOUSE, Principal, Role
from hub.core.errors import Conflict, Denied, NotFound
from hub.live.seats import LEFT_MS
from hub.live.seats_rights import BikeTaken, Way
from hub.live.seats_swaps import WINDOW_S
from hub.live.service import Live
from hub.store.rows import Athlete, Bike, KnownSensor
from hub.wire.live_from_client import FROM_CLIENT, Action, Control, Hello, Subscribe
from hub.wire.live_to_client import SeatsState
from hub.wire.live_views import AskKind, AskView, BikeState, SeatsView
from hub.wire.uplink import LinkStatus, SensorKind, Sensors, SensorState
from hub.wire.values import Measurement, Reading

CAT = Athlete(athlete_id="cat", name="Cat", ftp_w=220, guest=True)
BOBS = Principal("login-bob", Role.ATHLETE, "bob")
CATS = Principal("login-cat", Role.ATHLETE, "cat")
COACH = Principal("login-coach", Role.COACH)
TRAINERS = [
    sensor(f"t{i}", SensorKind.TRAINER, SensorKind.POWER, name=f"KICKR {i}") for i in (1, 2, 3)
]
POD = sensor("pod1", SensorKind.CADENCE, name="Pod 1")


def strap_state(sensor_id: str, rssi_dbm: int, name: str = "HRM 4F2") -> SensorState:
    kinds = (SensorKind.HEART_RATE,)
    return SensorState(sensor_id, name, kinds, LinkStatus.LIVE, rssi_dbm=rssi_dbm)


def in_a_room(test: Callable[[World, Live], Awaitable[None]], *, bikes: int = 3) -> None:
    """Bikes b1, b2, b3 with trainers t1, t2, t3; b1 has a pod as well. Ann owns the hub."""

    async def scene() -> None:
        world = World()
        world.athletes.known = [ANN, BOB, CAT]
        for i in range(1, bikes + 1):
            fixed = ("t1", "pod1") if i == 1 else (f"t{i}",)
            world.bikes.bikes[f"b{i}"] = Bike(
                bike_id=f"b{i}", name=f"Bike {i}", code=f"code{i}", sensors=fixed
            )
        hub = world.hub()
        await hub.start()
        announce(hub, *TRAINERS, POD)
        try:
            await test(world, hub)
        finally:
            await hub.stop()

    run(scene())


async def sit(hub: Live, who: Principal, bike: str, *, swap: bool = False, key: str = "") -> bool:
    return await hub.seating.sit(who, bike, who.athlete_id, key=key, swap=swap)


def states(view: SeatsView) -> dict[str, str]:
    return {bike.bike: bike.state.value for bike in view.bikes}


def asked(hub: Live, who: Principal, kind: AskKind) -> AskView | None:
    return next((ask for ask in hub.seating.view(who).asks if ask.kind is kind), None)


def holders(world: World) -> dict[str, str]:
    return {sensor_id: held.athlete_id for sensor_id, held in world.assignments.held.items()}


async def pedal(hub: Live, sensor_id: str, seconds: int, power_w: int) -> None:
    for _ in range(seconds):
        power(hub, sensor_id, power_w, hub.now_us() // 1000)
        await asyncio.sleep(1)


async def a_class(hub: Live) -> str:
    view = await hub.create_session(COACH, workout=STEADY, workout_id="w", open=True)
    return view.session


async def say(hub: Live, who: Principal, session: str, action: Action) -> bool:
    command = Control(f"{action}-{who.login_id}", session, action)
    return (await hub.control(who, command)).ok


def test_a_rider_gets_the_bike_with_all_that_is_fixed_to_it() -> None:
    async def ride(world: World, hub: Live) -> None:
        assert await sit(hub, BOBS, "b1")
        assert holders(world) == {"t1": "bob", "pod1": "bob"}
        assert states(hub.seating.view(BOBS)) == {"b1": "yours", "b2": "free", "b3": "free"}
        assert states(hub.seating.view(CATS)) == {"b1": "taken", "b2": "free", "b3": "free"}
        assert await sit(hub, BOBS, "b2")  # nobody sits on two
        assert holders(world) == {"t2": "bob"}
        await hub.seating.seats.leave(BOBS, "b2")
        assert holders(world) == {}
        assert world.gateways.plan.reason == "free"

    in_a_room(ride)


def test_a_pod_that_sleeps_is_its_riders_when_it_wakes() -> None:
    async def ride(world: World, hub: Live) -> None:
        hub.on_sensors("gw", Sensors(tuple(TRAINERS), whole=True))
        await sit(hub, BOBS, "b1")
        assert holders(world) == {"t1": "bob"}
        hub.on_sensors("gw", Sensors((POD,)))
        await asyncio.sleep(2)
        assert holders(world) == {"t1": "bob", "pod1": "bob"}

    in_a_room(ride)


def test_the_same_command_again_does_nothing() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1", key="k1")
        await sit(hub, BOBS, "b2", key="k2")
        assert await sit(hub, BOBS, "b1", key="k1")
        assert holders(world) == {"t2": "bob"}
        assert [(seat.by, seat.key) for seat in world.bikes.seats] == [
            ("login-bob", "k1"), ("login-bob", "k2"),
        ]  # fmt: skip

    in_a_room(ride)


def test_a_taken_bike_is_asked_for_and_never_names_its_rider() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await sit(hub, CATS, "b2")
        with pytest.raises(BikeTaken) as taken:
            await sit(hub, CATS, "b1")
        assert taken.value.way is Way.ASK and "Bob" not in str(taken.value)
        shown = hub.seating.view(CATS).bikes[0]
        assert (shown.athlete, shown.athlete_name) == ("", "")
        assert not await sit(hub, CATS, "b1", swap=True)
        assert hub.seating.view(CATS).wanted == "b1"
        assert asked(hub, CATS, AskKind.GIVE_UP) is None
        question = asked(hub, BOBS, AskKind.GIVE_UP)
        assert question is not None and question.bikes == ("b1",)
        with pytest.raises(NotFound):  # somebody else's question
            await hub.seating.asks.answer(CATS, question.ask, yes=True)
        await hub.seating.asks.answer(BOBS, question.ask, yes=True)
        assert holders(world) == {"t1": "cat", "pod1": "cat", "t2": "bob"}  # both in one move
        assert hub.seating.view(CATS).wanted == ""

    in_a_room(ride)


def test_who_says_no_stays() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await sit(hub, CATS, "b1", swap=True)
        question = asked(hub, BOBS, AskKind.GIVE_UP)
        assert question is not None
        await hub.seating.asks.answer(BOBS, question.ask, yes=False)
        assert holders(world)["t1"] == "bob"
        assert asked(hub, BOBS, AskKind.GIVE_UP) is None

    in_a_room(ride)


def test_a_coach_swaps_at_once_and_sees_names() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        assert hub.seating.view(COACH).bikes[0].athlete_name == "Bob"
        with pytest.raises(BikeTaken) as taken:
            await hub.seating.sit(COACH, "b1", "cat", key="", swap=False)
        assert taken.value.way is Way.SWAP
        assert await hub.seating.sit(COACH, "b1", "cat", key="", swap=True)
        assert holders(world) == {"t1": "cat", "pod1": "cat"}
        with pytest.raises(Denied):
            await hub.seating.sit(BOBS, "b2", "cat", key="", swap=False)
        with pytest.raises(Denied):
            await hub.seating.seats.leave(BOBS, "b1")
        with pytest.raises(Denied):
            hub.seating.view(STRANGER)

    in_a_room(ride)


def test_a_sensor_of_a_bike_is_taken_by_taking_the_bike() -> None:
    async def ride(world: World, hub: Live) -> None:
        await hub.assign(BOBS, "t1", "bob")
        assert holders(world) == {"t1": "bob", "pod1": "bob"}
        with pytest.raises(BikeTaken):
            await hub.assign(CATS, "pod1", "cat")
        with pytest.raises(Conflict, match="was asked"):
            await hub.assign(CATS, "pod1", "cat", swap=True)
        await hub.unassign(BOBS, "pod1")
        assert holders(world) == {}

    in_a_room(ride)


def test_who_pedals_first_has_the_bike() -> None:
    async def ride(world: World, hub: Live) -> None:
        await pedal(hub, "t2", 4, 0)
        hub.seating.asks.ask_for_bike(BOBS, "bob")
        assert hub.seating.view(BOBS).asking_until_ms == NOON_MS + 64_000
        await pedal(hub, "t2", 6, 120)
        assert holders(world) == {"t2": "bob"}
        assert world.bikes.seats[0].by == "login-bob"
        assert hub.seating.view(BOBS).asking_until_ms is None

    in_a_room(ride)


def test_who_asks_nothing_gets_nothing_and_the_list_says_that_somebody_pedals() -> None:
    async def ride(world: World, hub: Live) -> None:
        await pedal(hub, "t2", 4, 0)
        await pedal(hub, "t2", 6, 120)
        power(hub, "t2", 120, hub.now_us() // 1000)
        assert [bike.moving for bike in hub.seating.view(CATS).bikes] == [False, True, False]
        hub.seating.asks.ask_for_bike(BOBS, "bob")
        await pedal(hub, "t2", 6, 120)  # began long before
        assert holders(world) == {}
        hub.seating.asks.stop_asking(BOBS, "bob")
        assert hub.seating.view(BOBS).asking_until_ms is None

    in_a_room(ride)


def test_two_who_begin_together_are_asked_which_is_theirs() -> None:
    async def ride(world: World, hub: Live) -> None:
        hub.seating.asks.ask_for_bike(BOBS, "bob")
        hub.seating.asks.ask_for_bike(CATS, "cat")
        for _ in range(6):
            power(hub, "t2", 120, hub.now_us() // 1000)
            await pedal(hub, "t3", 1, 150)
        assert holders(world) == {}
        bobs, cats = asked(hub, BOBS, AskKind.WHICH_BIKE), asked(hub, CATS, AskKind.WHICH_BIKE)
        assert bobs is not None and cats is not None and set(bobs.bikes) == {"b2", "b3"}
        with pytest.raises(NotFound):
            await hub.seating.asks.answer(BOBS, bobs.ask, yes=True, bike="b1")
        await hub.seating.asks.answer(BOBS, bobs.ask, yes=True, bike="b3")
        with pytest.raises(BikeTaken):
            await hub.seating.asks.answer(CATS, cats.ask, yes=True, bike="b3")
        await hub.seating.asks.answer(CATS, cats.ask, yes=True, bike="b2")
        assert holders(world) == {"t3": "bob", "t2": "cat"}

    in_a_room(ride)


def test_who_sits_without_a_strap_is_asked_about_the_nearest_once() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        hub.on_sensors("gw", Sensors((strap_state("far", -88), strap_state("near", -60))))
        await asyncio.sleep(3)
        question = asked(hub, BOBS, AskKind.STRAP)
        assert question is not None and question.name == "HRM 4F2"
        assert asked(hub, CATS, AskKind.STRAP) is None
        await hub.seating.asks.answer(BOBS, question.ask, yes=False)
        await asyncio.sleep(5)
        assert asked(hub, BOBS, AskKind.STRAP) is None  # said so; and the other one is far
        hub.on_sensors("gw", Sensors((strap_state("mine", -62, "TICKR 9"),)))
        await asyncio.sleep(3)
        question = asked(hub, BOBS, AskKind.STRAP)
        assert question is not None and question.name == "TICKR 9"
        await hub.seating.asks.answer(BOBS, question.ask, yes=True)
        assert holders(world)["mine"] == "bob"
        await asyncio.sleep(3)
        assert asked(hub, BOBS, AskKind.STRAP) is None

    in_a_room(ride)


def test_a_strap_under_a_new_name_is_confirmed_once() -> None:
    async def ride(world: World, hub: Live) -> None:
        def meet(sensor_id: str) -> None:
            world.memory.sensors[sensor_id] = KnownSensor(
                sensor_id=sensor_id, name="FR 265", kinds=(SensorKind.HEART_RATE,),
                serial_tag="tag", model="FR",
            )  # fmt: skip
            hub.on_sensors("gw", Sensors((*TRAINERS, strap_state(sensor_id, -80)), whole=True))

        meet("one")
        await hub.assign(BOBS, "one", "bob")
        meet("two")
        await asyncio.sleep(6)
        question = asked(hub, BOBS, AskKind.SAME_STRAP)
        assert question is not None and (question.name, question.other) == ("FR 265", "FR 265")
        await hub.seating.asks.answer(BOBS, question.ask, yes=True)
        assert holders(world)["two"] == "bob"
        assert world.memory.sensors["two"].alias_of == "one"
        meet("three")
        await asyncio.sleep(6)
        assert holders(world)["three"] == "bob"
        assert world.memory.sensors["three"].alias_of == "one"

    in_a_room(ride)


def test_a_strap_that_is_said_to_be_another_is_not_asked_about_again() -> None:
    async def ride(world: World, hub: Live) -> None:
        for sensor_id in ("one", "two"):
            world.memory.sensors[sensor_id] = KnownSensor(
                sensor_id=sensor_id, name="H10 123", kinds=(SensorKind.HEART_RATE,)
            )
        hub.on_sensors("gw", Sensors((strap_state("one", -80),)))
        await hub.assign(BOBS, "one", "bob")
        hub.on_sensors("gw", Sensors((strap_state("two", -80),), whole=True))
        await asyncio.sleep(6)
        question = asked(hub, BOBS, AskKind.SAME_STRAP)
        assert question is not None
        await hub.seating.asks.answer(BOBS, question.ask, yes=False)
        await asyncio.sleep(6)
        assert world.memory.sensors["two"].alias_of == "two"
        assert asked(hub, BOBS, AskKind.SAME_STRAP) is None

    in_a_room(ride)


def test_who_takes_a_bike_is_in_the_class_and_its_end_clears_the_room() -> None:
    async def ride(world: World, hub: Live) -> None:
        session = await a_class(hub)
        view = hub.seating.view(CATS)
        assert (view.session, view.title) == (session, "Steady")
        await sit(hub, CATS, "b1")
        assert [one.name for one in hub.view(COACH, session).athletes] == ["Cat"]
        assert not await say(hub, CATS, session, Action.START)  # the coach's, though alone in it
        assert await say(hub, COACH, session, Action.START)
        await asyncio.sleep(1)
        assert world.gateways.plan.steps
        lap = Control("lap", session, Action.LAP, athlete="cat")
        assert (await hub.control(CATS, lap)).ok  # marks; the lane is the coach's
        await sit(hub, BOBS, "b2")  # late, at the right second
        assert hub.is_in_session("bob")
        heart(hub, "strap", 140, NOON_MS)
        assert await say(hub, COACH, session, Action.STOP)
        await asyncio.sleep(3)
        assert holders(world) == {}
        assert hub.seating.view(CATS).session == ""
        assert all(seat.to_ms and seat.cleared for seat in world.bikes.seats)
        assert world.gateways.plan.steps == ()

    in_a_room(ride)


def test_a_seat_without_a_class_is_for_the_ride_that_follows() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, OWNER, "b1")
        view = await hub.create_session(OWNER, workout=STEADY, workout_id="w")
        await asyncio.sleep(2)
        assert world.bikes.seats[0].session_id == view.session
        assert await say(hub, OWNER, view.session, Action.STOP)
        await asyncio.sleep(3)
        assert holders(world) == {}

    in_a_room(ride)


def test_a_bike_that_was_left_is_free_after_an_hour() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await asyncio.sleep(LEFT_MS / 1000 - 60)
        assert holders(world)["t1"] == "bob"
        await asyncio.sleep(120)
        assert holders(world) == {}

    in_a_room(ride)


def test_what_was_written_down_is_done_after_a_kill() -> None:
    """Killed between the seat's row and the sensors: both when it begins and when it ends."""

    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        seat = world.bikes.seats[0]
        world.bikes.seats[0] = replace(seat, to_ms=NOON_MS + 1)
        later = replace(seat, athlete_id="cat", bike_id="b2", from_ms=NOON_MS + 2)
        world.bikes.seats.append(later)
        again = world.hub()
        await again.start()
        announce(again, *TRAINERS, POD)
        await asyncio.sleep(2)
        assert holders(world) == {"t2": "cat"}
        assert [one.cleared for one in world.bikes.seats] == [True, False]
        await again.stop()

    in_a_room(ride)


def test_a_full_disk_changes_nothing() -> None:
    async def ride(world: World, hub: Live) -> None:
        world.bikes.full = True
        with pytest.raises(DiskFull):
            await sit(hub, BOBS, "b1")
        assert holders(world) == {}
        assert states(hub.seating.view(BOBS))["b1"] == "free"
        world.bikes.full = False
        assert await sit(hub, BOBS, "b1")

    in_a_room(ride)


def test_bikes_are_named_by_who_may_and_each_sensor_is_one_bikes() -> None:
    async def ride(world: World, hub: Live) -> None:
        seats = hub.seating.seats
        with pytest.raises(Denied):
            await seats.put(BOBS, "", "Mine", ("t1",))
        made = await seats.put(COACH, "", "  Bike   1 ", ("t1", "t1"))
        assert (made.name, made.sensors) == ("Bike 1", ("t1",))
        assert len(made.code) >= 16
        changed = await seats.put(OWNER, made.bike_id, "Bike A", ("t1", "pod1"))
        assert changed.code == made.code
        await sit(hub, BOBS, made.bike_id)
        with pytest.raises(Denied):
            await seats.remove(BOBS, made.bike_id)
        await seats.remove(OWNER, made.bike_id)
        assert holders(world) == {} and seats.bikes == {}
        with pytest.raises(NotFound):
            await sit(hub, BOBS, made.bike_id)

    in_a_room(ride, bikes=0)


def test_the_channel_tells_each_viewer_their_own_view_and_only_news() -> None:
    async def ride(world: World, hub: Live) -> None:
        wires = {who.athlete_id: FakeWire() for who in (BOBS, CATS)}
        for who in (BOBS, CATS):
            peer = hub.accept(let_in(who), wires[who.athlete_id], same_turn)
            peer.receive(FROM_CLIENT.encode(Hello(1, "test")))
            peer.receive(FROM_CLIENT.encode(Subscribe("seats")))

        def told(athlete: str) -> list[str]:
            shown = [m for m in wires[athlete].take() if isinstance(m, SeatsState)]
            return [one.view.bikes[0].state.value for one in shown]

        assert told("bob") == told("cat") == ["free"]
        await asyncio.sleep(5)
        assert told("bob") == told("cat") == []
        await sit(hub, BOBS, "b1")
        await asyncio.sleep(1)
        assert (told("bob"), told("cat")) == (["yours"], ["taken"])

    in_a_room(ride)


def test_a_demo_rider_never_comes_into_a_class() -> None:
    async def ride(world: World, hub: Live) -> None:
        await hub.athlete_changed(replace(BOB, demo=True))
        session = await a_class(hub)
        await hub.assign(HOUSE, "t1", "bob")
        assert states(hub.seating.view(COACH))["b1"] == BikeState.TAKEN
        assert hub.view(COACH, session).athletes == ()

    in_a_room(ride)


def test_swapped_straps_are_asked_about_and_swapped_when_both_say_so() -> None:
    async def ride(world: World, hub: Live) -> None:
        hub.on_sensors("gw", Sensors((strap_state("s2", -60), strap_state("s3", -60))))
        await hub.assign(BOBS, "s3", "bob")
        await hub.assign(CATS, "s2", "cat")
        session = await a_class(hub)
        await sit(hub, BOBS, "b2")
        await sit(hub, CATS, "b3")
        await say(hub, COACH, session, Action.START)
        hearts = {"s2": 100.0, "s3": 100.0}
        for second in range(WINDOW_S + 150):
            now = hub.now_us() // 1000
            for trainer, strap, begins_s in (("t2", "s2", 0), ("t3", "s3", 70)):
                power_w = 260 if (second + begins_s) % 140 < 70 else 110
                hearts[strap] += ((80 + power_w / 4) - hearts[strap]) / 30
                power(hub, trainer, power_w, now, lease=99)
                heart(hub, strap, round(hearts[strap]), now, lease=99)
            await asyncio.sleep(1)
        bobs, cats = asked(hub, BOBS, AskKind.SWAPPED), asked(hub, CATS, AskKind.SWAPPED)
        assert bobs is not None and cats is not None
        assert bobs.athletes == cats.athletes == ("",)  # who the other is, is not told
        coachs = asked(hub, COACH, AskKind.SWAPPED)
        assert coachs is not None and coachs.athletes == ("Bob", "Cat")
        await hub.seating.asks.answer(BOBS, bobs.ask, yes=True)
        assert holders(world)["s3"] == "bob"  # not yet: one alone decides nothing
        again = asked(hub, BOBS, AskKind.SWAPPED)
        assert again is not None and again.answered
        await hub.seating.asks.answer(CATS, cats.ask, yes=True)
        assert (holders(world)["s2"], holders(world)["s3"]) == ("bob", "cat")
        assert asked(hub, COACH, AskKind.SWAPPED) is None

    in_a_room(ride)


def test_the_same_command_after_a_kill_does_what_was_left_undone() -> None:
    """Killed between the seat's row and the class: the page asks again with its key."""

    async def ride(world: World, hub: Live) -> None:
        session = await a_class(hub)
        world.sessions.full = True
        with pytest.raises(DiskFull):
            await sit(hub, BOBS, "b1", key="k1")
        world.sessions.full = False
        assert await sit(hub, BOBS, "b1", key="k1")
        assert [one.name for one in hub.view(COACH, session).athletes] == ["Bob"]

    in_a_room(ride)


def test_who_sat_down_before_the_class_was_opened_is_in_it() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        session = await a_class(hub)
        await asyncio.sleep(2)
        assert [one.name for one in hub.view(COACH, session).athletes] == ["Bob"]
        assert world.bikes.seats[0].session_id == session

    in_a_room(ride)


def test_a_sensor_that_is_taken_off_a_bike_is_its_riders_no_more() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await hub.seating.seats.put(COACH, "b1", "Bike 1", ("t1",))
        assert holders(world) == {"t1": "bob"}
        await hub.seating.seats.put(COACH, "b1", "Bike 1", ())
        assert holders(world) == {}
        assert world.gateways.plan.trainer == "t1" and world.gateways.plan.steps == ()

    in_a_room(ride)


def test_who_sits_is_not_moved_by_another_bike_that_begins_to_turn() -> None:
    async def ride(world: World, hub: Live) -> None:
        hub.seating.asks.ask_for_bike(BOBS, "bob")
        await sit(hub, BOBS, "b1")  # from the list, while the page still waits for pedals
        await asyncio.sleep(1)
        assert hub.seating.view(BOBS).asking_until_ms is None
        await pedal(hub, "t2", 6, 120)
        assert holders(world) == {"t1": "bob", "pod1": "bob"}

    in_a_room(ride)


def test_nobody_gets_a_second_seat_by_a_swap() -> None:
    """Cat sits where no trainer is, and uses one from before it was a bike's."""

    async def ride(world: World, hub: Live) -> None:
        seats = hub.seating.seats
        await hub.assign(CATS, "t1", "cat")
        stool = (await seats.put(COACH, "", "Stool", ())).bike_id
        first = (await seats.put(COACH, "", "Bike 1", ("t1",))).bike_id
        second = (await seats.put(COACH, "", "Bike 2", ("t2",))).bike_id
        await sit(hub, CATS, stool)
        await sit(hub, BOBS, second)
        assert await hub.seating.sit(COACH, first, "bob", key="", swap=True)
        standing = [seat.athlete_id for seat in world.bikes.seats if seat.to_ms is None]
        assert sorted(standing) == ["bob", "cat"]
        assert holders(world)["t1"] == "bob"

    in_a_room(ride, bikes=0)


def test_a_bike_is_not_removed_before_its_sensors_are_given_back() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        world.assignments.full = True
        with pytest.raises(DiskFull):
            await hub.seating.seats.remove(COACH, "b1")
        with pytest.raises(DiskFull):
            await hub.seating.seats.remove(COACH, "b1")
        world.assignments.full = False
        await hub.seating.seats.remove(COACH, "b1")
        assert holders(world) == {}

    in_a_room(ride)


def test_a_viewers_login_answers_no_question_of_its_athlete() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await sit(hub, CATS, "b1", swap=True)
        question = asked(hub, BOBS, AskKind.GIVE_UP)
        assert question is not None
        viewer = Principal("login-screen", Role.VIEWER, "bob")
        with pytest.raises(Denied):
            await hub.seating.asks.answer(viewer, question.ask, yes=True)
        assert holders(world)["t1"] == "bob"

    in_a_room(ride)


def test_what_a_login_asked_for_is_over_when_it_is_signed_out() -> None:
    async def ride(world: World, hub: Live) -> None:
        await sit(hub, BOBS, "b1")
        await sit(hub, CATS, "b1", swap=True)
        hub.seating.asks.ask_for_bike(CATS, "cat")
        hub.dismiss(CATS.login_id)
        assert asked(hub, BOBS, AskKind.GIVE_UP) is None
        await pedal(hub, "t2", 4, 0)
        await pedal(hub, "t2", 6, 120)
        assert holders(world) == {"t1": "bob", "pod1": "bob"}

    in_a_room(ride)


def test_pedals_at_a_time_that_is_only_estimated_claim_nothing() -> None:
    """A gateway whose clock is hours ahead, until it is measured."""

    async def ride(world: World, hub: Live) -> None:
        now = hub.now_us() // 1000
        m = Measurement(power_w=150)
        ahead = Reading("t2", now + 7_200_000, "2a63", m, 1)
        hub.on_readings("gw", [(ahead, ahead.at_ms, True)], False)
        await pedal(hub, "t2", 4, 0)
        hub.seating.asks.ask_for_bike(BOBS, "bob")
        await pedal(hub, "t2", 6, 120)
        assert holders(world) == {"t2": "bob"}

    in_a_room(ride)
