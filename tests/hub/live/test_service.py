"""The live part as its callers meet it, on virtual time, with its neighbours in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from clock import run
from live_fakes import (
    ANN,
    BOB,
    INTERVALS,
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

from hub.auth.principal import Principal, Role
from hub.core.errors import Conflict, Denied, NotFound, Unavailable, UserError
from hub.core.live_metrics import Second
from hub.live import fanout
from hub.live.peer import Peer
from hub.live.service import Live
from hub.live.session_state import Session
from hub.store.rows import SessionStatus
from hub.wire.live import CHANNELS_MAX, CloseCode
from hub.wire.live_client import COMMANDS_MAX
from hub.wire.live_events import Finished, Membership, SourceSwitched, Timeline, TrainerChanged
from hub.wire.live_from_client import FROM_CLIENT as CODEC
from hub.wire.live_from_client import Ack, Action, Control, Hello, Prefer, Subscribe, Unsubscribe
from hub.wire.live_to_client import Event, Reply, SensorsState, Snapshot, State, ToClient
from hub.wire.uplink import (
    CommandOp,
    LinkStatus,
    SensorKind,
    Trainers,
    TrainerState,
    TrainerStatus,
    UpBeat,
)
from hub.wire.values import FreeTarget, Metric, PlanStep, PowerTarget

KICKR = sensor("kickr", SensorKind.TRAINER, SensorKind.POWER, name="KICKR")
METER = sensor("meter", SensorKind.POWER, name="Assioma")


def on_a_hub(test: Callable[[World, Live], Awaitable[None]], **settings: object) -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub(**settings)
        await hub.start()
        try:
            await test(world, hub)
        finally:
            await hub.stop()

    run(scene())


def do(session: str, action: Action, **more: object) -> Control:
    do.count += 1  # type: ignore[attr-defined]
    return Control(f"key-{do.count}", session, action, **more)  # type: ignore[attr-defined, arg-type]


do.count = 0  # type: ignore[attr-defined]


async def started(hub: Live, workout: object = INTERVALS) -> str:
    view = await hub.create_session(OWNER, workout=workout, workout_id="w")  # type: ignore[arg-type]
    assert (await hub.control(OWNER, do(view.session, Action.START))).ok
    return view.session


def watch(hub: Live, *channels: str, who: Principal = OWNER) -> tuple[FakeWire, Peer]:
    wire = FakeWire()
    peer = hub.accept(let_in(who), wire, same_turn)
    peer.receive(CODEC.encode(Hello(1, "test")))
    for channel in channels:
        peer.receive(CODEC.encode(Subscribe(channel)))
    return wire, peer


async def attend(peer: Peer, seconds: int) -> None:
    """Time passes, and the client acknowledges what it sees."""
    for _ in range(seconds):
        await asyncio.sleep(1)
        peer.receive(CODEC.encode(Ack(1_000_000)))


def bodies(messages: list[ToClient], kind: type) -> list[object]:
    events = (message.body for message in messages if isinstance(message, Event))
    return [body for body in events if isinstance(body, kind)]


def test_a_ride_runs_from_ready_to_its_activity() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
        assert (view.status, view.title) == ("ready", "Two hard minutes")
        assert view.athletes[0].weight_kg == 60.0
        assert hub.open_sessions(OWNER) == (hub.view(OWNER, view.session),)
        reply = await hub.control(OWNER, do(view.session, Action.START))
        assert reply.effect_at_ms == NOON_MS + 500
        await asyncio.sleep(125)
        assert hub.view(OWNER, view.session).lanes[0].phase == 2
        assert (await hub.control(OWNER, do(view.session, Action.LAP))).ok
        await asyncio.sleep(121)
        assert [session.end_cause for session in world.finished] == ["workout"]
        view = hub.view(OWNER, view.session)
        assert (view.status, view.activity) == ("finished", "activity-of-ann")
        assert hub.open_sessions(OWNER) == ()
        assert world.sessions.rows[view.session].status is SessionStatus.CLOSED

    on_a_hub(ride)


def test_a_hub_that_was_killed_is_where_absolute_time_says() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        session = await started(hub)
        await asyncio.sleep(70)
        before = hub.view(OWNER, session)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # kill -9
            task.cancel()
        del hub
        await asyncio.sleep(30)
        hub = world.hub()
        await hub.start()
        after = hub.view(OWNER, session)
        assert (before.lanes[0].phase, after.lanes[0].phase) == (1, 1)
        assert after.lanes[0].ridden_ms == before.lanes[0].ridden_ms + 30_000
        assert after.lanes[0].phases[:2] == before.lanes[0].phases[:2]
        assert after.lanes[0].rev == before.lanes[0].rev
        await asyncio.sleep(25)
        assert hub.view(OWNER, session).lanes[0].phase == 2
        await hub.stop()

    run(scene())


def test_a_session_that_ended_while_the_hub_was_away_becomes_its_activity() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        workout = replace(INTERVALS, steps=INTERVALS.steps[:2])
        session = await started(hub, workout)
        await hub.stop()
        await asyncio.sleep(600)
        hub = world.hub()
        await hub.start()
        await asyncio.sleep(1)
        assert world.finished[0].ended_at_ms == NOON_MS + 500 + 120_000
        assert hub.view(OWNER, session).activity == "activity-of-ann"
        await hub.stop()

    run(scene())


def test_a_gateway_that_was_away_before_the_hub_died_is_back_when_it_is_back() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        hub.on_gateway("gw", True)
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub)
        await asyncio.sleep(1)
        hub.on_gateway("gw", False, "silent")
        await asyncio.sleep(1)
        await hub.stop()
        hub = world.hub()
        await hub.start()
        hub.on_gateway("gw", True)
        await asyncio.sleep(1)
        await hub.control(OWNER, do(session, Action.STOP))
        await asyncio.sleep(1)
        (absence,) = world.finished[0].absences
        assert absence.ends_at_ms == absence.begins_at_ms + 1_000
        await hub.stop()

    run(scene())


def test_when_hub_and_gateway_died_together_the_absence_is_logged_from_the_last_commit() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        hub.on_gateway("gw", True)
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub)
        await asyncio.sleep(10)
        await hub.stop()
        await asyncio.sleep(60)
        hub = world.hub(stopped_at_ms=NOON_MS + 10_000)
        await hub.start()
        await asyncio.sleep(5)
        hub.on_gateway("gw", True)
        await asyncio.sleep(1)
        await hub.control(OWNER, do(session, Action.STOP))
        await asyncio.sleep(1)
        (absence,) = world.finished[0].absences
        assert absence.begins_at_ms == NOON_MS + 10_000
        assert absence.ends_at_ms == NOON_MS + 75_000
        await hub.stop()

    run(scene())


def test_an_activity_that_cannot_be_made_is_tried_again() -> None:
    async def ride(world: World, hub: Live) -> None:
        world.activity_failures = 2
        session = await started(hub)
        await asyncio.sleep(1)
        await hub.control(OWNER, do(session, Action.STOP))
        await asyncio.sleep(0.5)
        assert hub.view(OWNER, session).activity == ""
        await asyncio.sleep(3)
        assert hub.view(OWNER, session).activity == "activity-of-ann"

    on_a_hub(ride)


def test_stopping_what_never_started_makes_no_activity() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=None)
        await hub.control(OWNER, do(view.session, Action.STOP))
        await asyncio.sleep(1)
        assert world.finished == []
        assert hub.open_sessions(OWNER) == ()

    on_a_hub(ride)


def test_a_command_repeated_does_nothing_again_even_over_a_restart() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        session = await started(hub, None)
        await asyncio.sleep(5)
        lap = do(session, Action.LAP)
        first, again = await asyncio.gather(hub.control(OWNER, lap), hub.control(OWNER, lap))
        assert first == again == await hub.control(OWNER, lap)
        await hub.stop()
        hub = world.hub()
        await hub.start()
        assert await hub.control(OWNER, lap) == first
        assert hub.room(session).base.laps == 1
        await hub.stop()

    run(scene())


def test_refusals_say_whose_fault_it_is() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=INTERVALS)
        reply = await hub.control(OWNER, do(view.session, Action.PAUSE))
        assert (reply.ok, reply.code) == (False, "illegal_input")
        reply = await hub.control(OWNER, do("none", Action.PAUSE))
        assert reply.code == "not_found"
        reply = await hub.control(STRANGER, do(view.session, Action.START))
        assert reply.code == "denied"
        reply = await hub.control(OWNER, do(view.session, Action.TRIM))
        assert (reply.code, "trim_pct" in reply.detail) == ("bad_input", True)
        with pytest.raises(Conflict, match="Ann is in the session"):
            await hub.create_session(OWNER, workout=None)
        with pytest.raises(Denied):
            await hub.create_session(STRANGER, workout=None, athletes=["bob"])
        with pytest.raises(NotFound):
            await hub.create_session(OWNER, workout=None, athletes=["zoe"])
        nobody = Principal("l", Role.OWNER)
        with pytest.raises(UserError, match="needs an athlete"):
            await hub.create_session(nobody, workout=None)

    on_a_hub(ride)


def test_an_athlete_moves_a_solo_ride_but_not_a_class() -> None:
    async def ride(world: World, hub: Live) -> None:
        bob = Principal("l", Role.ATHLETE, "bob")
        solo = await hub.create_session(bob, workout=None)
        assert (await hub.control(bob, do(solo.session, Action.START))).ok
        assert (await hub.control(bob, do(solo.session, Action.STOP))).ok
        group = await hub.create_session(OWNER, workout=None, athletes=["ann", "bob"])
        assert (await hub.control(OWNER, do(group.session, Action.START))).ok
        assert (await hub.control(bob, do(group.session, Action.STOP))).code == "denied"
        assert (await hub.control(bob, do(group.session, Action.LAP, athlete="bob"))).ok
        assert (
            await hub.control(bob, do(group.session, Action.LAP, athlete="ann"))
        ).code == "denied"
        shown = hub.view(bob, group.session).athletes
        assert [athlete.ftp_w for athlete in shown] == [None, 300]  # Ann's is not Bob's business

    on_a_hub(ride)


def test_with_a_full_disk_pause_and_stop_still_act_and_are_saved_later() -> None:
    async def ride(world: World, hub: Live) -> None:
        session = await started(hub)
        await asyncio.sleep(10)
        world.sessions.full = True
        reply = await hub.control(OWNER, do(session, Action.LAP))
        assert (reply.ok, reply.code) == (False, "disk_full")
        lines = len(world.sessions.logs[session])
        reply = await hub.control(OWNER, do(session, Action.PAUSE))
        assert (reply.ok, reply.code) == (True, "volatile")
        assert hub.view(OWNER, session).status == "paused"
        assert len(world.sessions.logs[session]) == lines
        world.sessions.full = False
        await asyncio.sleep(2)
        assert len(world.sessions.logs[session]) == lines + 2
        wire, _ = watch(hub, f"session:{session}")
        snapshot = next(m for m in wire.take() if isinstance(m, Snapshot))
        assert snapshot.offset == lines + 2

    on_a_hub(ride)


def test_nothing_takes_effect_before_it_is_durable() -> None:
    async def ride(world: World, hub: Live) -> None:
        session = await started(hub)
        await asyncio.sleep(10)
        world.sessions.append_s = 0.2
        pause = asyncio.create_task(hub.control(OWNER, do(session, Action.PAUSE)))
        await asyncio.sleep(0.1)
        assert hub.view(OWNER, session).status == "running"
        assert (await pause).effect_at_ms == NOON_MS + 10_000  # yet it counts from when it was said
        assert hub.view(OWNER, session).lanes[0].ridden_ms == 9_500

    on_a_hub(ride)


def test_ten_minutes_without_a_pedal_stroke_end_a_ride_and_it_can_go_on() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub, STEADY)
        for second in range(1, 61):
            await asyncio.sleep(1)
            power(hub, "meter", 150, NOON_MS + second * 1000)
        for second in range(61, 600, 2):
            await asyncio.sleep(2)
            power(hub, "meter", 0, NOON_MS + second * 1000)
        assert hub.view(OWNER, session).status == "running"
        await asyncio.sleep(65)
        ended = world.finished[0]
        assert (ended.end_cause, ended.ended_at_ms) == ("idle", NOON_MS + 60_000)
        view = await hub.reopen(OWNER, session)
        assert (view.status, view.lanes[0].ridden_ms) == ("paused", 59_500)
        assert world.sessions.rows[session].status is SessionStatus.OPEN
        assert (await hub.control(OWNER, do(session, Action.RESUME))).ok
        await asyncio.sleep(1)
        assert hub.view(OWNER, session).status == "running"

    on_a_hub(ride)


def test_who_cannot_be_heard_is_not_idle() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub, STEADY)
        power(hub, "meter", 150, NOON_MS + 1000)
        hub.on_gateway("gw", False, "silent")
        await asyncio.sleep(1_500)
        assert hub.view(OWNER, session).status == "running"
        hub.on_gateway("gw", True)
        await asyncio.sleep(590)
        assert hub.view(OWNER, session).status == "running"
        await asyncio.sleep(20)
        assert hub.view(OWNER, session).status == "finished"

    on_a_hub(ride)


def test_a_hub_that_comes_back_does_not_take_its_own_absence_for_idleness() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        session = await started(hub, STEADY)
        await hub.stop()
        await asyncio.sleep(900)
        hub = world.hub()
        await hub.start()
        await asyncio.sleep(590)
        assert hub.view(OWNER, session).status == "running"
        await asyncio.sleep(20)
        assert hub.view(OWNER, session).status == "finished"
        await hub.stop()

    run(scene())


def test_the_trainer_gets_its_plan_ahead_and_again_each_minute() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        assert world.gateways.assignments[-1][1].sensors[0].athlete_id == "ann"
        session = await started(hub, STEADY)
        plan = world.gateways.plan
        start = NOON_MS + 500
        assert plan.steps == (
            PlanStep(NOON_MS, FreeTarget()),
            PlanStep(start, PowerTarget(160)),
        )
        assert (plan.trainer, plan.lease, plan.cap_w) == ("kickr", 1, 500)
        count = len(world.gateways.plans)
        await asyncio.sleep(125)
        assert len(world.gateways.plans) == count + 3  # as it began, and twice since
        assert world.gateways.plan.rev > plan.rev
        assert world.gateways.plan.until_at_ms >= NOON_MS + 125_000 + 600_000
        await hub.control(OWNER, do(session, Action.TRIM, trim_pct=50))
        assert world.gateways.plan.steps[-1].target == PowerTarget(80)
        await hub.control(OWNER, do(session, Action.PAUSE))
        assert (world.gateways.plan.steps, world.gateways.plan.reason) == ((), "paused")
        await hub.control(OWNER, do(session, Action.RESUME))
        assert world.gateways.plan.steps
        await hub.control(OWNER, do(session, Action.STOP))
        assert (world.gateways.plan.steps, world.gateways.plan.reason) == ((), "stopped")

    on_a_hub(ride)


def test_a_stop_that_no_gateway_heard_is_said_by_the_next_hub() -> None:
    """Gateway cut off, stop, hub killed: the gateway still follows the plan of an hour's ride."""

    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        session = await started(hub, STEADY)
        hub.on_gateway("gw", False, "no_beat")
        await hub.control(OWNER, do(session, Action.STOP))
        await asyncio.sleep(5)
        await hub.stop()
        world.gateways.plans.clear()
        again = world.hub()
        await again.start()
        announce(again, KICKR)
        await asyncio.sleep(5)
        (said,) = world.gateways.plans
        assert said[0] == "gw"
        assert (said[1].trainer, said[1].steps, said[1].reason) == ("kickr", (), "free")
        await again.stop()

    on_a_hub(ride)


def test_the_end_releases_every_trainer_however_busy_the_loop_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "SLICE_NS", -1)  # one trainer in each turn of the loop
    make_activities = World.make_activities

    async def in_some_turns(world: World, ended: Session) -> Mapping[str, str]:
        for _ in range(20):
            await asyncio.sleep(0)
        return await make_activities(world, ended)

    monkeypatch.setattr(World, "make_activities", in_some_turns)

    async def ride(world: World, hub: Live) -> None:
        names = {f"rider{i}": f"t{i}" for i in range(8)}
        for name in names:
            await hub.athlete_changed(replace(BOB, athlete_id=name))
        announce(hub, *(sensor(one, SensorKind.TRAINER) for one in names.values()))
        for athlete, trainer in names.items():
            await hub.assign(OWNER, trainer, athlete)
        view = await hub.create_session(
            OWNER, workout=STEADY, workout_id="w", athletes=tuple(names)
        )
        await hub.control(OWNER, do(view.session, Action.START))
        await asyncio.sleep(1)
        await hub.control(OWNER, do(view.session, Action.STOP))
        await asyncio.sleep(5)
        last = {plan.trainer: plan.steps for _, plan in world.gateways.plans}
        assert last == dict.fromkeys(names.values(), ())

    on_a_hub(ride)


def test_the_ride_goes_on_after_a_calibration_whose_end_was_not_answered() -> None:
    """The gateway may have dropped its plan, and only its word was lost."""

    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        await started(hub, STEADY)
        await asyncio.sleep(2)
        world.gateways.plans.clear()
        world.gateways.refusal = "expired"
        with pytest.raises(Unavailable):
            await hub.trainers.cancel(OWNER, "kickr")
        assert world.gateways.plan.steps[-1].target == PowerTarget(160)

    on_a_hub(ride)


def test_a_trainer_is_set_free_and_asked_for_again() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        session = await started(hub, STEADY)
        await hub.control(OWNER, do(session, Action.FREE_TRAINER))
        assert world.gateways.plan.reason == "free"
        await hub.control(OWNER, do(session, Action.RETRY_TRAINER))
        assert world.gateways.plan.steps
        gateway, command = world.gateways.commands[-1]
        assert (gateway, command.op, command.sensor_id) == ("gw", CommandOp.RETRY, "kickr")
        await hub.unassign(OWNER, "kickr")
        assert (world.gateways.plan.steps, world.gateways.plan.reason) == ((), "free")
        assert world.gateways.assignments[-1][1].sensors == ()

    on_a_hub(ride)


def test_a_target_from_an_assumed_ftp_never_steers() -> None:
    async def ride(world: World, hub: Live) -> None:
        await hub.athlete_changed(replace(ANN, ftp_assumed=True))
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        session = await started(hub, STEADY)
        plan = world.gateways.plan
        assert (plan.steps, plan.reason) == ((), "no_ftp")
        await hub.athlete_changed(replace(ANN, ftp_w=250))
        assert world.gateways.plan.steps[-1].target == PowerTarget(200)
        assert hub.view(OWNER, session).athletes[0].ftp_w == 250

    on_a_hub(ride)


def test_a_sensor_is_one_athletes_until_it_is_swapped() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        with pytest.raises(NotFound):
            await hub.assign(OWNER, "ghost", "ann")
        await hub.assign(OWNER, "meter", "ann")
        with pytest.raises(Conflict) as taken:
            await hub.assign(OWNER, "meter", "bob")
        assert (taken.value.code, taken.value.athlete_id) == ("taken", "ann")  # type: ignore[attr-defined]
        held = await hub.assign(OWNER, "meter", "bob", swap=True)
        assert (held.lease, held.gateway) == (2, "gw")
        assert [held.athlete_id for held in hub.assignments(OWNER)] == ["bob"]
        row = hub.sensors_view(OWNER).sensors[0]
        assert (row.athlete, row.athlete_name) == ("bob", "Bob")
        with pytest.raises(Denied):
            await hub.assign(STRANGER, "meter", "ann", swap=True)

    on_a_hub(ride)


def test_a_sensor_whose_gateway_is_gone_goes_to_one_that_sees_it() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        announce(hub, METER, gateway="other")
        await asyncio.sleep(0.01)
        assert hub.assignments(OWNER)[0].gateway == "gw"  # it still sees it
        assert world.gateways.assignments[-1][0] == "other"
        assert world.gateways.assignments[-1][1].elsewhere == ("meter",)
        hub.on_gateway("gw", False, "silence")
        await asyncio.sleep(3)
        assert hub.assignments(OWNER)[0].gateway == "gw"  # it may be back, and have it still
        announce(hub, METER, gateway="other")
        await asyncio.sleep(3)
        held = hub.assignments(OWNER)[0]
        assert (held.gateway, held.lease) == ("other", 2)
        assert [view.up for view in hub.gateways_view(OWNER)] == [False, True]
        assert world.assignments.held["meter"].lease == 2  # and so it is for the next hub
        told = dict(world.gateways.assignments)
        assert [held.lease for held in told["other"].sensors] == [2]
        assert told["other"].elsewhere == ()
        hub.on_gateway("gw", True)
        gateway, last = world.gateways.assignments[-1]
        assert (gateway, last.sensors, last.elsewhere) == ("gw", (), ("meter",))

    on_a_hub(ride)


def test_a_trainer_that_changes_gateways_gets_its_plan_there_at_once() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        announce(hub, replace(KICKR, link=LinkStatus.SEEN), gateway="other")
        await started(hub, STEADY)
        await asyncio.sleep(1)
        was, plan = world.gateways.plans[-1]
        assert (was, plan.lease) == ("gw", 1)
        hub.on_gateway("gw", False, "gateway_stopping")
        announce(hub, replace(KICKR, link=LinkStatus.SEEN), gateway="other")
        await asyncio.sleep(0.5)
        gateway, plan = world.gateways.plans[-1]
        assert (gateway, plan.lease) == ("other", 2)
        assert plan.steps

    on_a_hub(ride)


def test_what_a_gateway_says_of_a_trainer_that_another_steers_is_no_news() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        announce(hub, replace(KICKR, link=LinkStatus.SEEN), gateway="other")
        session = await started(hub, STEADY)

        def shown() -> TrainerStatus | None:
            (athlete,) = hub.view(OWNER, session).athletes
            return None if athlete.trainer is None else athlete.trainer.status

        hub.on_trainers("gw", Trainers((TrainerState("kickr", TrainerStatus.FOLLOWING),)))
        hub.on_trainers("other", Trainers((TrainerState("kickr", TrainerStatus.LOST),)))
        assert shown() is TrainerStatus.FOLLOWING
        hub.on_trainers("gw", Trainers((TrainerState("kickr", TrainerStatus.LOST),)))
        assert shown() is TrainerStatus.LOST

    on_a_hub(ride)


def test_a_dead_gateway_whose_riders_are_heard_by_another_keeps_no_ride_open() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        announce(hub, replace(METER, link=LinkStatus.SEEN), gateway="other")
        session = await started(hub, STEADY)
        hub.on_gateway("gw", False, "silent")
        for _ in range(10):
            await asyncio.sleep(1)
            announce(hub, replace(METER, link=LinkStatus.SEEN), gateway="other")
        assert hub.assignments(OWNER)[0].gateway == "other"
        await asyncio.sleep(620)
        assert hub.view(OWNER, session).status == "finished"  # idle, not unheard
        (absence,) = world.finished[0].absences
        assert absence.ends_at_ms is not None
        assert absence.ends_at_ms - absence.begins_at_ms < 15_000

    on_a_hub(ride)


def test_a_sensor_that_cannot_be_handed_over_is_tried_again() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        announce(hub, replace(METER, link=LinkStatus.SEEN), gateway="other")
        world.assignments.full = True
        hub.on_gateway("gw", False, "gateway_stopping")
        await asyncio.sleep(2)
        assert hub.assignments(OWNER)[0].gateway == "gw"
        world.assignments.full = False
        announce(hub, replace(METER, link=LinkStatus.SEEN), gateway="other")
        await asyncio.sleep(2)
        assert hub.assignments(OWNER)[0].gateway == "other"

    on_a_hub(ride)


def test_a_strangers_strap_is_connected_by_one_gateway_too() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        announce(hub, METER, gateway="other")
        await asyncio.sleep(0.01)
        told = dict(world.gateways.assignments)
        assert (told["gw"].elsewhere, told["other"].elsewhere) == ((), ("meter",))
        assert hub.assignments(OWNER) == ()

    on_a_hub(ride)


def test_the_heart_under_a_strap_that_is_nobodys_is_not_everybodys_to_see() -> None:
    async def ride(world: World, hub: Live) -> None:
        rider, coach = Principal("login-3", Role.ATHLETE, "bob"), Principal("login-4", Role.COACH)
        strap = sensor("strap", SensorKind.HEART_RATE)
        toy = replace(sensor("toy", SensorKind.HEART_RATE), simulated=True)
        announce(hub, KICKR, strap, toy)
        power(hub, "kickr", 120, NOON_MS)
        heart(hub, "strap", 151, NOON_MS)
        heart(hub, "toy", 99, NOON_MS)
        watt, beats = {Metric.POWER_W: 120}, {Metric.HEART_RATE_BPM: 151}
        wire, _ = watch(hub, "sensors", who=rider)
        (listed,) = [one.view for one in wire.take() if isinstance(one, SensorsState)]
        for shown in (hub.sensors_view(rider), hub.sensors_view(coach), listed):
            last = {row.sensor: row.last for row in shown.sensors}
            assert last == {"kickr": watt, "strap": {}, "toy": {Metric.HEART_RATE_BPM: 99}}
        owners = {row.sensor: row.last for row in hub.sensors_view(OWNER).sensors}
        assert (owners["kickr"], owners["strap"]) == (watt, beats)

    on_a_hub(ride)


def test_viewers_hear_of_everything_in_the_order_of_the_log() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR, METER)
        await hub.assign(OWNER, "kickr", "ann")
        view = await hub.create_session(OWNER, workout=INTERVALS)
        wire, peer = watch(hub, f"session:{view.session}")
        messages = wire.take()
        await hub.control(OWNER, do(view.session, Action.START))
        await asyncio.sleep(1.5)
        power(hub, "kickr", 100, NOON_MS + 1_500)
        await hub.assign(OWNER, "meter", "ann")
        hub.on_trainers("gw", Trainers((TrainerState("kickr", TrainerStatus.ELSEWHERE),)))
        await attend(peer, 60)
        await hub.control(OWNER, do(view.session, Action.STOP))
        await asyncio.sleep(0.1)
        messages += wire.take()
        causes = [body.cause for body in bodies(messages, Timeline)]  # type: ignore[attr-defined]
        assert causes == ["start", "phase", "phase", "stop"]
        revisions = [body.lane.rev for body in bodies(messages, Timeline)]  # type: ignore[attr-defined]
        assert revisions == sorted(revisions)
        (trainer,) = bodies(messages, TrainerChanged)
        assert trainer.trainer.status is TrainerStatus.ELSEWHERE  # type: ignore[attr-defined]
        sources = bodies(messages, Membership)[-1].athletes[0].sources  # type: ignore[attr-defined]
        assert [source.name for source in sources[Metric.POWER_W]] == ["KICKR"]
        (finished,) = bodies(messages, Finished)
        assert finished.activities == {"ann": "activity-of-ann"}  # type: ignore[attr-defined]
        offsets = [message.offset for message in messages if isinstance(message, Event)]
        assert offsets == sorted(offsets)

    on_a_hub(ride)


def test_a_switch_of_source_is_told_and_a_preference_remembered() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR, METER)
        await hub.assign(OWNER, "kickr", "ann")
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub)
        wire, _ = watch(hub, f"session:{session}")
        for tenth in range(10):
            await asyncio.sleep(0.1)
            power(hub, "kickr", 100, NOON_MS + tenth * 100, lease=1)
            power(hub, "meter", 110, NOON_MS + tenth * 100, lease=2)
        assert (await hub.prefer(OWNER, Prefer("k", "ann", Metric.POWER_W, "meter"))).ok
        assert (await hub.prefer(OWNER, Prefer("k", "ann", Metric.POWER_W, "kickr"))).ok
        await asyncio.sleep(0.1)
        switches = bodies(wire.take(), SourceSwitched)
        assert [(s.name, s.cause) for s in switches][-1] == ("KICKR", "chosen")  # type: ignore[attr-defined]
        assert world.athletes.preferred == {("ann", Metric.POWER_W): "kickr"}
        assert hub.room(session).base.choices[-1].sensor_id == "kickr"
        reply = await hub.prefer(OWNER, Prefer("k", "ann", Metric.POWER_W, "ghost"))
        assert reply.code == "not_found"
        assert (await hub.prefer(STRANGER, Prefer("k", "ann", Metric.POWER_W))).code == "denied"

    on_a_hub(ride)


def test_a_ride_taken_up_again_knows_what_was_chosen_meanwhile() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, KICKR, METER)
        await hub.assign(OWNER, "kickr", "ann")
        await hub.assign(OWNER, "meter", "ann")
        assert (await hub.prefer(OWNER, Prefer("k", "ann", Metric.POWER_W, "kickr"))).ok
        session = await started(hub, STEADY)
        power(hub, "meter", 150, NOON_MS + 1000, lease=2)
        await asyncio.sleep(1)
        power(hub, "meter", 0, NOON_MS + 2000, lease=2)
        for second in range(4, 664, 2):
            await asyncio.sleep(2)
            power(hub, "meter", 0, NOON_MS + second * 1000, lease=2)
        assert world.finished
        for metric, sensor_id in ((Metric.POWER_W, ""), (Metric.CADENCE_RPM, "meter")):
            assert (await hub.prefer(OWNER, Prefer("k", "ann", metric, sensor_id))).ok
        assert len(hub.room(session).base.choices) == 1
        await hub.reopen(OWNER, session)
        log = hub.room(session).base.choices
        assert {(one.metric, one.sensor_id) for one in log[1:]} == {
            (Metric.POWER_W, ""),
            (Metric.CADENCE_RPM, "meter"),
        }

    on_a_hub(ride)


def test_averages_survive_a_restart_from_what_was_recorded() -> None:
    async def scene() -> None:
        world = World()

        async def recorded(session: object, athlete: str) -> list[Second]:
            return [Second(200.0, 36.0)] * 60

        hub = world.hub()
        await hub.start()
        session = await started(hub, STEADY)
        await asyncio.sleep(60.6)
        await hub.stop()
        lines = len(world.sessions.logs[session])
        hub = world.hub(recorded=recorded)
        await hub.start()
        wire, _ = watch(hub, f"session:{session}")
        await asyncio.sleep(0.6)
        assert len(world.sessions.logs[session]) == lines  # a restart is no news
        (state,) = [m for m in wire.take() if type(m).__name__ == "State"][:1]
        work_kj, distance_m = state.rows[0][-2:]  # type: ignore[union-attr]
        assert (work_kj, distance_m) == (12.0, 600)
        await hub.stop()

    run(scene())


def test_a_gateway_is_asked_to_look_again() -> None:
    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        hub.on_beat("gw", UpBeat(5_000))
        hub.rescan(OWNER, "gw")
        assert world.gateways.commands[-1][1].op is CommandOp.RESCAN
        with pytest.raises(NotFound):
            hub.rescan(OWNER, "none")
        with pytest.raises(Denied):
            hub.rescan(STRANGER, "gw")

    on_a_hub(ride)


def test_a_ride_taken_up_again_goes_on_with_the_sums_of_what_was_ridden() -> None:
    async def recorded(session: object, athlete: str) -> list[Second]:
        return [Second(100.0, 30.0)] * 60

    async def ride(world: World, hub: Live) -> None:
        announce(hub, METER)
        await hub.assign(OWNER, "meter", "ann")
        session = await started(hub, STEADY)
        await asyncio.sleep(60.5)
        power(hub, "meter", 100, NOON_MS + 60_500)
        await asyncio.sleep(601)
        await hub.reopen(OWNER, session)
        await hub.control(OWNER, do(session, Action.RESUME))
        wire, peer = watch(hub, f"session:{session}")
        for _ in range(10):
            await attend(peer, 1)
            power(hub, "meter", 100, hub.now_us() // 1000)
        states = [message for message in wire.take() if isinstance(message, State)]
        work_kj = states[-1].rows[0][-2]
        assert isinstance(work_kj, float)
        assert 6.7 <= work_kj <= 7.0  # the ten idle minutes are not in it, the ten seconds are

    on_a_hub(ride, recorded=recorded)


def test_a_wall_clock_that_was_set_is_followed_only_when_nobody_rides() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        session = await started(hub, STEADY)
        await hub.stop()
        world.drift_ms = 3_600_000
        hub = world.hub()
        await hub.start()
        assert hub.now_us() // 1000 == NOON_MS
        await hub.control(OWNER, do(session, Action.STOP))
        await asyncio.sleep(1)
        await hub.stop()
        hub = world.hub()
        await hub.start()
        assert hub.now_us() // 1000 == NOON_MS + 3_600_000 + 1_000
        await hub.stop()

    run(scene())


def test_the_owner_is_named_while_the_page_is_open_and_may_sign_out() -> None:
    async def ride(world: World, hub: Live) -> None:
        nameless = replace(OWNER, athlete_id="")
        wire, _ = watch(hub, who=nameless)
        other, _ = watch(hub, who=STRANGER)
        await hub.athlete_changed(ANN)
        assert [message.athlete for message in wire.take()] == ["", "ann"]  # type: ignore[union-attr]
        assert len(other.take()) == 1
        hub.dismiss(OWNER.login_id)
        assert wire.closed == (CloseCode.EXPIRED, "signed out")
        assert other.closed is None

    on_a_hub(ride)


def test_who_is_meant_is_the_only_rider_where_nobody_is_named() -> None:
    async def ride(world: World, hub: Live) -> None:
        session = await started(hub, STEADY)
        nameless = replace(OWNER, athlete_id="")
        assert (await hub.control(nameless, do(session, Action.TRIM, trim_pct=80))).ok
        assert hub.view(OWNER, session).athletes[0].trim_pct == 80
        elsewhere = do(session, Action.TRIM, trim_pct=80, athlete="bob")
        assert (await hub.control(OWNER, elsewhere)).code == "not_found"

    on_a_hub(ride)


def test_a_log_that_cannot_be_read_keeps_nobody_elses_ride_from_going_on() -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        broken = await started(hub, STEADY)
        whole = await hub.create_session(OWNER, workout=STEADY, athletes=["bob"])
        await hub.stop()
        line = world.sessions.logs[broken][0]
        world.sessions.logs[broken][0] = replace(line, body=b"{")

        async def unreadable(session: object, athlete: str) -> list[Second]:
            raise DiskFull("planted")

        hub = world.hub(recorded=unreadable)
        await hub.start()
        assert [view.session for view in hub.open_sessions(OWNER)] == [whole.session]
        await hub.stop()

    run(scene())


def test_a_client_that_asks_too_much_at_once_is_told_so() -> None:
    async def ride(world: World, hub: Live) -> None:
        session = await started(hub, None)
        wire, peer = watch(hub, *(f"athlete:{name}" for name in ("ann", "bob")))
        for number in range(CHANNELS_MAX):
            peer.receive(CODEC.encode(Subscribe(f"session:{session}")))  # again is no other one
            peer.receive(CODEC.encode(Unsubscribe(f"none:{number}")))
        world.sessions.append_s = 0.1
        for _ in range(COMMANDS_MAX + 1):
            peer.receive(CODEC.encode(do(session, Action.LAP)))
        busy = [message for message in wire.take() if isinstance(message, Reply)]
        assert [reply.code for reply in busy] == ["busy"]
        await asyncio.sleep(2)
        done = [message for message in wire.take() if isinstance(message, Reply)]
        assert [reply.ok for reply in done] == [True] * COMMANDS_MAX

    on_a_hub(ride)


def test_a_hub_holds_so_many_clients_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.live.peers.PEERS_MAX", 2)

    async def ride(world: World, hub: Live) -> None:
        wires = [watch(hub)[0] for _ in range(3)]
        assert [wire.closed and wire.closed[0] for wire in wires] == [None, None, 4029]

    on_a_hub(ride)


def test_a_rider_may_come_to_a_session_only_once() -> None:
    async def ride(world: World, hub: Live) -> None:
        view = await hub.create_session(OWNER, workout=None, athletes=["ann", "ann", "bob"])
        assert [athlete.athlete for athlete in view.athletes] == ["ann", "bob"]

    on_a_hub(ride)


def test_a_disk_that_is_full_refuses_a_new_session() -> None:
    async def ride(world: World, hub: Live) -> None:
        world.sessions.full = True
        with pytest.raises(DiskFull):
            await hub.create_session(OWNER, workout=None)
        assert hub.open_sessions(OWNER) == ()

    on_a_hub(ride)
