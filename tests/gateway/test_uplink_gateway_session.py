"""The gateway's end alone: phases, pace, clock, state and commands, on virtual time."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from uplink_world import HUB_AHEAD_US, World

from hub.wire.uplink import (
    DOWN,
    UP,
    AdapterState,
    Assignments,
    Batch,
    Command,
    CommandOp,
    CommandReply,
    DownBeat,
    DownBye,
    Hello,
    LinkStatus,
    Plan,
    Refuse,
    Retire,
    SensorKind,
    Sensors,
    SensorState,
    Trainers,
    TrainerState,
    TrainerStatus,
    UpBeat,
    UpBye,
    Welcome,
)
from hub.wire.uplink_events import Said
from hub.wire.uplink_gateway import LinkDown, LinkUp
from hub.wire.uplink_session import PHASES, GatewayRules, Phase, phase_table


def up(rules: GatewayRules | None = None) -> World:
    world = World(gateway_rules=rules)
    world.steps(600)
    assert world.gateway.link_up
    world.hub_events.clear()
    return world


def deliver(world: World, message: object) -> None:
    world.gateway_did(world.gateway.receive(DOWN.encode(message), world.at))


def sensor(name: str, link: LinkStatus = LinkStatus.LIVE) -> SensorState:
    return SensorState(name, name, (SensorKind.HEART_RATE,), link)


def said(world: World, kind: type) -> list:
    return [e.message for e in world.hub_events if isinstance(e, Said) and type(e.message) is kind]


def test_the_table_of_phases_prints_and_leads_out_of_every_phase_but_the_last() -> None:
    table = phase_table()
    assert table.splitlines()[1].split()[:2] == ["down", "greeting"]
    for phase in Phase:
        leaves = any(before is phase for before, _ in PHASES)
        assert leaves is (phase is not Phase.STOPPED)


def test_hello_seals_what_was_gathered_and_live_begins_a_new_epoch() -> None:
    world = World()
    world.append("before")
    world.pump_gateway()
    (hello,) = world.on_the_way()
    assert isinstance(hello, Hello)
    assert [(s.sealed, s.next_seq) for s in hello.streams] == [(True, 2), (False, 1)]
    world.append("after")
    world.steps(600)
    backfill = {
        e.readings[0].reading.sensor_id: e.backfill
        for e in world.hub_events
        if getattr(e, "readings", ())
    }
    assert backfill == {"before": True, "after": False}


def test_live_waits_for_company_or_its_interval() -> None:
    world = up(GatewayRules(live_interval_ms=50))
    for i in range(20):
        world.append(f"r{i}")
    world.pump_gateway()
    assert [len(m.readings) for m in world.on_the_way() if isinstance(m, Batch)] == [16]
    world.now_us += 49_000
    world.pump_gateway()
    assert len([m for m in world.on_the_way() if isinstance(m, Batch)]) == 1
    world.now_us += 1_000
    world.pump_gateway()
    assert [len(m.readings) for m in world.on_the_way() if isinstance(m, Batch)] == [16, 4]


def test_an_interval_of_zero_sends_at_once_and_wakes_at_once() -> None:
    world = up(GatewayRules(live_interval_ms=0))
    world.append("r0")
    assert world.gateway.wake_us(world.at) == world.now_us
    world.pump_gateway()
    assert [m.readings[0].sensor_id for m in world.on_the_way() if isinstance(m, Batch)] == ["r0"]


def test_live_goes_first_and_backfill_keeps_its_share() -> None:
    world = World(gateway_rules=GatewayRules(backfill_per_s=320))
    for i in range(1_000):
        world.append(f"old{i}")
    world.steps(600)
    world.hub_events.clear()
    world.append("new")
    world.steps(1_000)
    fresh = [placed.reading.sensor_id for placed in world.fresh()]
    assert 250 <= sum(name.startswith("old") for name in fresh) <= 390
    assert fresh.index("new") <= 60  # 50 ms of waiting, not 3 s of old readings


def test_without_acks_it_goes_back_and_with_a_full_window_live_goes_on_in_a_new_epoch() -> None:
    world = up(GatewayRules(live_window=32, live_interval_ms=0))
    world.auto_commit = False
    for i in range(100):
        world.append(f"r{i}")
        world.steps(10)
    assert len(world.fresh()) == 32
    world.steps(4_000)
    assert world.gateway.counts["stalled"] >= 1
    assert len(world.fresh()) > 32
    world.auto_commit = True
    world.steps(8_000)
    assert world.recorded() == [f"r{i}" for i in range(100)]


def test_silence_of_the_hubs_loop_is_link_down_after_three_seconds() -> None:
    world = up()
    deliver(world, DownBeat(1))
    world.link = False
    world.now_us += 2_900_000
    world.pump_gateway()
    assert world.gateway.link_up
    world.now_us += 200_000
    world.pump_gateway()
    assert not world.gateway.link_up
    assert world.link_changes() == ["up", "silence"]


def test_a_hub_that_never_answers_is_asked_less_and_less_often() -> None:
    world = World()
    hellos = []
    for _ in range(300):
        world.now_us += 100_000
        world.pump_gateway()
        hellos += [world.now_us for m in world.on_the_way() if isinstance(m, Hello)]
        world.up.clear()
    waits_ms = [(b - a) // 1_000 for a, b in pairwise(hellos)]
    assert waits_ms[0] <= 3_200 and waits_ms == sorted(waits_ms) and waits_ms[-1] >= 8_000


def test_refused_it_waits_as_told_or_a_minute_for_a_human() -> None:
    world = up()
    deliver(world, Refuse("duplicate_gateway", "another one", 5_000))
    assert world.gateway.phase is Phase.REFUSED
    down = world.gateway_events[-1]
    assert isinstance(down, LinkDown) and down.retry_us == world.now_us + 5_000_000
    world.now_us += 4_900_000
    world.pump_gateway()
    assert not world.up
    world.now_us += 100_000
    world.pump_gateway()
    assert isinstance(world.on_the_way()[0], Hello)
    deliver(world, Refuse("not_allowed", "unknown key", None))
    assert world.gateway_events[-1].retry_us == world.now_us + 60_000_000


def test_no_hub_can_ask_for_more_than_a_minute_or_for_the_past() -> None:
    world = up()
    deliver(world, DownBye("hub_stopping", 10**15))
    assert world.gateway_events[-1].retry_us == world.now_us + 60_000_000
    world = up()
    deliver(world, DownBye("hub_stopping", -5))
    assert world.gateway_events[-1].retry_us == world.now_us


def test_a_hub_of_another_version_is_left_alone() -> None:
    world = World()
    world.pump_gateway()
    deliver(world, Welcome(99, "hub", "site", ()))
    assert world.gateway.phase is Phase.REFUSED
    assert "version 99" in world.gateway_events[-1].detail


def test_a_bye_says_when_to_return() -> None:
    world = up()
    deliver(world, DownBye("hub_stopping", 700))
    assert world.gateway_events[-1] == LinkDown("hub_stopping", "", world.now_us + 700_000)


def test_stop_says_bye_once_and_nothing_after_it() -> None:
    world = up()
    world.append("r0")
    world.up.clear()
    world.gateway.stop("gateway_stopping")
    world.pump_gateway()
    assert world.on_the_way() == [UpBye("gateway_stopping")]
    assert world.gateway.phase is Phase.STOPPED


def test_beats_carry_the_load() -> None:
    world = up()
    world.gateway.loop_lag_ms = 7
    world.steps(2_000)
    beats = said(world, UpBeat)
    assert 2 <= len(beats) <= 3 and beats[-1].loop_lag_ms == 7


def test_the_clock_is_measured_reported_and_outlives_the_link() -> None:
    world = up()
    hub_ms = (world.now_us + HUB_AHEAD_US) // 1_000
    assert world.gateway.hub_now_ms(world.now_us) == hub_ms
    world.cut()
    world.link = False
    world.now_us += 60_000_000
    assert world.gateway.hub_now_ms(world.now_us) == hub_ms + 60_000
    # Another process of the same boot knows it from the spool, before any link.
    world.kill_gateway()
    assert world.gateway.hub_now_ms(world.now_us) == hub_ms + 60_000


def test_states_are_latest_wins_gathered_and_whole_after_a_welcome() -> None:
    world = up()
    for rssi in range(5):
        world.gateway.set_sensor(SensorState("a", "a", (), LinkStatus.LIVE, rssi_dbm=-rssi))
    world.gateway.set_sensor(sensor("b"))
    world.gateway.set_trainer(TrainerState("t", TrainerStatus.FREE))
    world.gateway.set_adapters((AdapterState("hci0", powered=True),))
    world.steps(300)
    (rows,) = said(world, Sensors)
    assert not rows.whole and [s.rssi_dbm for s in rows.sensors] == [-4, None]
    world.gateway.set_sensor(sensor("b"))  # the same again is no news
    world.steps(300)
    assert len(said(world, Sensors)) == 1
    world.cut()
    world.steps(600)
    assert said(world, Sensors)[-1].whole and len(said(world, Sensors)[-1].sensors) == 2
    assert said(world, Trainers)[-1].trainers[0].sensor_id == "t"
    world.gateway.remove_sensor("a")
    world.steps(300)
    assert said(world, Sensors)[-1] == Sensors((sensor("b"),), whole=True)


def test_sensors_are_bounded_and_an_absent_one_makes_room() -> None:
    world = up(GatewayRules(sensors_max=2))
    world.gateway.set_sensor(sensor("live"))
    world.gateway.set_sensor(sensor("gone", LinkStatus.ABSENT))
    world.gateway.set_sensor(sensor("new"))
    world.steps(300)
    assert [s.sensor_id for s in said(world, Sensors)[-1].sensors] == ["live", "new"]


def test_plans_and_assignments_pass_through_untouched() -> None:
    world = up()
    world.gateway_events.clear()
    plan = Plan("t", 1, 3, 9, 200, ())
    for message in (plan, plan, Assignments(2, ())):
        deliver(world, message)
    assert world.gateway_events == [plan, plan, Assignments(2, ())]


def command(world: World, id_: str, in_ms: int) -> Command:
    deadline_ms = world.hub_us // 1_000 + in_ms
    return Command(id_, CommandOp.RESCAN, deadline_ms)


def test_a_command_is_carried_out_once_and_answered_again_when_asked_again() -> None:
    world = up()
    world.gateway_events.clear()
    ask = command(world, "c1", 5_000)
    deliver(world, ask)
    deliver(world, ask)
    assert world.gateway_events == [ask]
    world.gateway.reply(CommandReply("c1", True))
    world.steps(50)
    deliver(world, ask)
    world.steps(50)
    assert said(world, CommandReply) == [CommandReply("c1", True)] * 2
    assert world.gateway_events == [ask]


def test_a_command_past_its_deadline_is_dropped_and_said_so() -> None:
    world = up()
    world.gateway_events.clear()
    deliver(world, command(world, "late", -1))
    slow = command(world, "slow", 1_000)
    deliver(world, slow)
    world.steps(1_500)
    world.gateway.reply(CommandReply("slow", True))  # too late: it was answered
    world.steps(100)
    assert [(r.id, r.code) for r in said(world, CommandReply)] == [
        ("late", "expired"),
        ("slow", "expired"),
    ]
    assert world.gateway_events == [slow]


def test_commands_under_way_are_bounded() -> None:
    world = up(GatewayRules(commands_max=1))
    deliver(world, command(world, "c1", 5_000))
    deliver(world, command(world, "c2", 5_000))
    world.steps(50)
    assert [(r.id, r.code) for r in said(world, CommandReply)] == [("c2", "busy")]


def test_rubbish_from_the_hub_is_counted_and_does_not_keep_the_link_up() -> None:
    world = up()
    assert world.gateway.receive(b"{", world.at) == []
    assert world.gateway.counts["malformed_not_json"] == 1
    world.link = False
    for _ in range(40):
        world.now_us += 100_000
        world.gateway_did(world.gateway.receive(b"{", world.at))
        world.pump_gateway()
    assert not world.gateway.link_up


def test_a_sealed_epoch_retires_and_again_until_the_hub_has_heard() -> None:
    world = World()
    world.append("r0")
    world.steps(600)
    world.append("r1")
    world.cut()
    retires = 0
    for _ in range(1_200):  # every Retire is lost on the way
        world.now_us += 10_000
        world.pump_gateway()
        kept = [frame for frame in world.up if not isinstance(UP.decode(frame[1]), Retire)]
        retires += len(world.up) - len(kept)
        world.up = deque(kept)
        world.steps(10)
        if retires >= 3:
            break
    assert retires >= 3
    world.steps(10_000)
    assert len(world.spool.headers()) == 1
    assert LinkUp("hub", "site") in world.gateway_events
