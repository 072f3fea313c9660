"""A gateway with several adapters that fail in every way, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from clock import LoopClock, run
from paper_room import PHONE, PaperLink, PaperRoom, supervised

from gateway.adapter_desk import CYCLE_AGAIN_MS, DEAF_MS, LEARNED_MS, SLOTS_GUESS
from gateway.hearing import TAKEN_MS
from gateway.link_events import Failure
from gateway.radio import RadioError
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import LinkStatus

GONE = RadioError(Failure.ADAPTER_DOWN, "no_adapter", "Test")
Case = Callable[[PaperRoom, Supervisor], Awaitable[None]]


def with_room(
    case: Case,
    *adapters: str,
    fill: Callable[[PaperRoom], object] = lambda room: None,
    policy: ConnectPolicy = ConnectPolicy.ALL,
    slots: Mapping[str, int] | None = None,
) -> None:
    async def main() -> None:
        room = PaperRoom(adapters or ("x",))
        fill(room)
        async with supervised(room, policy, slots) as supervisor:
            await case(room, supervisor)

    run(main())


def now_ms() -> int:
    return LoopClock().now_ms()


# Where sensors go


def test_each_sensor_goes_to_the_adapter_that_hears_it_best() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        near_x, near_y = room.add(x=-50, y=-80), room.add(x=-85, y=-55)
        await asyncio.sleep(10)
        assert (room.where(near_x), room.where(near_y)) == ("x", "y")
        told = room.news.sensors
        assert (told[near_x.sensor_id].adapter, told[near_y.sensor_id].adapter) == ("x", "y")
        assert (told[near_x.sensor_id].rssi_dbm, told[near_y.sensor_id].rssi_dbm) == (-50, -55)
        radios = room.news.radios
        assert {(r.used, r.free_slots) for r in radios.values()} == {(1, SLOTS_GUESS - 1)}
        assert len({r.adapter_id for r in radios.values()}) == 2
        near_x.dbm["x"], near_x.dbm["y"] = -95, -40
        await asyncio.sleep(600)
        assert room.where(near_x) == "x" and len(room.news.history) < 200, "it stays where it lives"

    with_room(case, "x", "y")


def test_twenty_sensors_share_two_adapters_and_each_connects_one_at_a_time() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        await asyncio.sleep(15)
        assert room.live(*room.sensors)
        used = [len(adapter.links) for adapter in room.adapters.values()]
        assert sum(used) == 20 and min(used) >= 8
        assert [adapter.opening_max for adapter in room.adapters.values()] == [1, 1]
        assert [adapter.attempts for adapter in room.adapters.values()] == used

    with_room(
        case,
        "x",
        "y",
        slots={"": 12},
        fill=lambda room: [room.add(x=-60, y=-60) for _ in range(20)],
    )


def test_an_adapter_of_which_nothing_is_said_never_becomes_full() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        await asyncio.sleep(60)
        (adapter,) = room.adapters.values()
        assert len(adapter.links) == SLOTS_GUESS == adapter.attempts
        assert sum(state.problem == "no_free_slot" for state in room.news.sensors.values()) == 2

    with_room(case, fill=lambda room: [room.add(x=-60) for _ in range(SLOTS_GUESS + 2)])


def test_when_an_adapter_dies_its_sensors_live_on_at_the_other_within_seconds() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        await asyncio.sleep(10)
        assert {room.where(sensor) for sensor in room.sensors} == {"x"}
        room.adapters["x"].close_s = 5.0  # the dead are slow to close, and nobody waits for them
        room.adapters["x"].die(GONE)
        supervisor.adapters_changed()
        await asyncio.sleep(6)
        assert room.live(*room.sensors) and {room.where(s) for s in room.sensors} == {"y"}
        assert ("x", "no_adapter") in room.news.problems
        room.adapters["x"].down = None
        await asyncio.sleep(60)
        assert {room.where(sensor) for sensor in room.sensors} == {"y"}, "nothing moves back"
        assert room.news.radios["x"].powered

    with_room(case, "x", "y", fill=lambda room: [room.add(x=-50, y=-75) for _ in range(4)])


def test_a_killed_bluetooth_service_drops_every_link_at_once_and_all_come_back() -> None:
    """No callback comes and the clients stay "connected": only the bus daemon tells."""

    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        await asyncio.sleep(10)
        assert room.live(*room.sensors)
        why = RadioError(Failure.ADAPTER_DOWN, "no_bluetooth_service", "Test")
        for adapter in room.adapters.values():
            adapter.die(why, told=False)
        supervisor.service_gone()
        assert not any(room.live(sensor) for sensor in room.sensors), "without a wait"
        await asyncio.sleep(3)
        assert {radio.problem for radio in room.news.radios.values()} == {"no_bluetooth_service"}
        for adapter in room.adapters.values():
            adapter.down = None
        supervisor.adapters_changed()
        await asyncio.sleep(8)
        assert room.live(*room.sensors)

    with_room(case, "x", "y", fill=lambda room: [room.add(x=-50, y=-50) for _ in range(6)])


def test_a_sensor_that_one_adapter_cannot_connect_is_tried_at_the_other() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        room.adapters["x"].fails = Failure.TRANSIENT
        strap = room.add(x=-50, y=-65)
        await asyncio.sleep(20)
        assert room.where(strap) == "y" and room.adapters["x"].attempts <= 3

    with_room(case, "x", "y")


# Slots


def test_with_every_slot_taken_pods_wait_and_say_so() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        pods = [room.add("1816", x=-40) for _ in range(2)]
        straps = [room.add("180d", x=-60) for _ in range(2)]
        await asyncio.sleep(30)
        assert room.adapters["x"].links_max == 2
        waiting = [s for s in room.sensors if not room.live(s)]
        assert len(waiting) == 2
        assert {(room.link(s), room.problem(s)) for s in waiting} == {
            (LinkStatus.SEEN, "no_free_slot")
        }
        assert room.news.radios["x"].free_slots == 0
        attempts = room.adapters["x"].attempts
        await asyncio.sleep(60)
        assert room.adapters["x"].attempts == attempts, "who knows that it is full does not knock"
        for held in [s for s in (*straps, *pods) if room.live(s)]:
            held.dbm.clear()  # they leave
            assert isinstance(held.holder, PaperLink)
            held.holder.end()
        await asyncio.sleep(15)
        assert room.live(*waiting) and not any(room.problem(s) for s in waiting)

    with_room(case, slots={"": 2})


def test_slots_can_differ_by_adapter() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        await asyncio.sleep(30)
        assert [len(adapter.links) for adapter in room.adapters.values()] == [1, 3]
        assert [radio.slots for radio in room.news.radios.values()] == [1, 3]

    with_room(
        case, "x", "y",
        fill=lambda room: [room.add(x=-50, y=-50) for _ in range(6)],
        slots={"x": 1, "": 3},
    )  # fmt: skip


def test_a_limit_that_is_met_is_learned_and_tried_again_much_later() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        adapter = room.adapters["x"]
        adapter.capacity = 3
        await asyncio.sleep(60)
        assert len(adapter.links) == 3 and adapter.attempts <= 5
        assert (room.news.radios["x"].slots, room.news.radios["x"].free_slots) == (3, 0)
        assert sum(room.problem(sensor) == "no_free_slot" for sensor in room.sensors) == 2
        adapter.capacity = 10
        await asyncio.sleep(LEARNED_MS / 1_000 + 30)
        assert room.live(*room.sensors)

    with_room(case, fill=lambda room: [room.add(x=-50) for _ in range(5)])


def test_a_riders_strap_takes_a_strangers_slot() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        strangers = [room.add(x=-50) for _ in range(2)]
        await asyncio.sleep(10)
        rider = room.add(x=-70)
        supervisor.assign({rider.sensor_id: 1})
        await asyncio.sleep(15)
        assert room.live(rider) and room.adapters["x"].links_max == 2
        assert sorted(map(room.live, strangers)) == [False, True]
        (out,) = [s for s in strangers if not room.live(s)]
        await asyncio.sleep(15)
        assert room.problem(out) == "no_free_slot"

    with_room(case, slots={"": 2})


# What is not ours


def test_a_strap_that_a_phone_takes_is_said_to_be_held_elsewhere() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        taken, other = room.add(x=-50), room.add(x=-50)
        await asyncio.sleep(30)
        assert room.link(taken) is LinkStatus.SEEN and not room.problem(taken)
        taken.holder = PHONE
        await asyncio.sleep(TAKEN_MS / 1_000 + 12)
        assert (room.link(taken), room.problem(taken)) == (LinkStatus.ABSENT, "held_elsewhere")
        assert not room.problem(other)
        taken.holder = None
        await asyncio.sleep(3)
        assert (room.link(taken), room.problem(taken)) == (LinkStatus.SEEN, "")

    with_room(case, policy=ConnectPolicy.ASSIGNED)


def test_what_another_gateway_holds_is_no_riddle_and_no_reason_to_look_for_it() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        theirs = room.add(x=-50)
        other = room.add(x=-50)
        await asyncio.sleep(20)
        supervisor.assign({}, elsewhere=(theirs.sensor_id, other.sensor_id))
        await asyncio.sleep(5)
        theirs.holder = other.holder = PHONE
        await asyncio.sleep(400)
        assert room.problem(theirs) == "" and room.adapters["x"].cycles == 0

    with_room(case, policy=ConnectPolicy.ASSIGNED)


def test_sensors_left_connected_by_a_crash_are_adopted_though_not_listed_at_once() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        """The list is empty for half a second after the kill of the process before."""
        await asyncio.sleep(8)
        assert room.live(*room.sensors) and {room.where(s) for s in room.sensors} == {"y"}

    def left_behind(room: PaperRoom) -> None:
        adapter = room.adapters["y"]
        adapter.orphans_listed_after = 2
        adapter.deaf = True  # what is connected does not advertise
        adapter.left = [room.add(y=-60).advertisement("y") for _ in range(2)]

    with_room(case, "x", "y", fill=left_behind)


def test_a_trainer_left_connected_by_a_crash_is_told_from_one_that_was_heard() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        (trainer,) = room.sensors
        await asyncio.sleep(8)
        assert [machine.adopted for machine in room.news.machines] == [True]
        assert isinstance(trainer.holder, PaperLink)
        room.adapters["y"].left = []
        room.adapters["y"].deaf = False
        trainer.holder.end()
        await asyncio.sleep(8)
        assert [machine.adopted for machine in room.news.machines] == [True, False]

    def left_behind(room: PaperRoom) -> None:
        adapter = room.adapters["y"]
        adapter.deaf = True  # what is connected does not advertise
        adapter.left = [room.add("1826", y=-60).advertisement("y")]

    with_room(case, "y", fill=left_behind)


# The last resort


def test_an_adapter_that_fails_every_connect_is_switched_off_and_on_and_said_to_be() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        adapter = room.adapters["x"]
        adapter.fails = Failure.ADAPTER_DOWN
        strap = room.add(x=-50)
        await asyncio.sleep(90)
        assert adapter.cycles == 1 and adapter.attempts <= 7
        assert ("x", "restarting") in room.news.problems
        assert room.live(strap) and room.news.radios["x"].power_cycles == 1
        assert room.news.radios["x"].problem == ""

    with_room(case)


def test_an_adapter_that_connects_again_by_itself_is_not_said_to_fail_any_more() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        adapter = room.adapters["x"]
        adapter.fails, adapter.cycle_mends = Failure.ADAPTER_DOWN, False
        strap = room.add(x=-50)
        await asyncio.sleep(CYCLE_AGAIN_MS // 1_000)
        assert room.news.radios["x"].problem == "connects_fail"
        adapter.fails = None
        await asyncio.sleep(60)
        assert room.live(strap)
        assert room.news.radios["x"].problem == ""

    with_room(case)


def test_a_power_cycle_that_does_not_help_is_not_repeated_for_five_minutes() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        adapter = room.adapters["x"]
        adapter.fails, adapter.cycle_mends = Failure.ADAPTER_DOWN, False
        room.add(x=-50)
        cycled: list[int] = []
        for _ in range(900):
            await asyncio.sleep(1)
            if adapter.cycles > len(cycled):
                cycled.append(now_ms())
        gaps = [b - a for a, b in zip(cycled, cycled[1:], strict=False)]
        assert len(cycled) >= 2 and all(gap >= CYCLE_AGAIN_MS for gap in gaps)
        assert adapter.attempts < 80, "a broken adapter is not hammered"

    with_room(case)


def test_a_deaf_adapter_is_switched_off_and_on_unless_it_holds_a_link() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        gone, held = room.add(x=-50), room.add(x=-50)
        await asyncio.sleep(10)
        adapter = room.adapters["x"]
        adapter.deaf = True
        assert isinstance(gone.holder, PaperLink)
        gone.holder.end()
        await asyncio.sleep(DEAF_MS / 1_000 + 90)
        assert adapter.cycles == 0 and room.live(held), "a rider is worth more"
        assert room.news.radios["x"].problem == "deaf"
        assert isinstance(held.holder, PaperLink)
        held.holder.end()
        await asyncio.sleep(60)
        assert adapter.cycles == 1
        await asyncio.sleep(15)
        assert room.live(gone, held) and room.news.radios["x"].problem == ""

    with_room(case)


def test_an_adapter_that_is_deaf_beside_one_that_hears_is_found_out() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        strap = room.add(x=-50, y=-52)
        await asyncio.sleep(10)
        assert room.where(strap) == "x"
        room.adapters["x"].deaf = True
        room.adapters["x"].fails = room.adapters["y"].fails = Failure.TRANSIENT
        assert isinstance(strap.holder, PaperLink)
        strap.holder.end()  # heard by y only from now on, and not to be connected
        await asyncio.sleep(DEAF_MS / 1_000 + 60)
        assert room.adapters["x"].cycles == 1 and room.adapters["y"].cycles == 0

    with_room(case, "x", "y")


def test_a_room_that_everybody_has_left_is_not_taken_for_a_deaf_adapter() -> None:
    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        adapter = room.adapters["x"]
        adapter.neighbours = True
        await asyncio.sleep(10)
        for sensor in room.sensors:
            assert isinstance(sensor.holder, PaperLink)
            sensor.dbm.clear()
            sensor.holder.end()
        await asyncio.sleep(900)
        assert adapter.cycles == 0 and "deaf" not in {why for _, why in room.news.problems}
        assert room.news.sensors.keys() == {sensor.sensor_id for sensor in room.sensors}
        assert adapter.wide_scans_s <= 60, "the neighbours are listened to in passing only"

    with_room(case, fill=lambda room: [room.add(x=-50) for _ in range(2)])


def test_nothing_is_left_over_after_a_thousand_reconnects() -> None:
    """Each connection made is closed, after a loss too: else its D-Bus connection leaks."""

    async def case(room: PaperRoom, supervisor: Supervisor) -> None:
        lost = 0
        while lost < 1_000:
            await asyncio.sleep(5)
            for sensor in room.sensors:
                if isinstance(sensor.holder, PaperLink):
                    sensor.holder.end()
                    lost += 1
        await asyncio.sleep(60)
        assert room.live(*room.sensors)
        assert room.adapters["x"].clients == room.news.radios["x"].used == 4
        assert len(asyncio.all_tasks()) < 20

    with_room(case, fill=lambda room: [room.add(x=-50) for _ in range(4)])
