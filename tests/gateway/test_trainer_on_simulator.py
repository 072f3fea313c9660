"""The decoder, the trainer and the plan against the simulator's smart trainer, byte for byte.

The two share no code: one side was written to the specification's server, the other to its client.
"""

from __future__ import annotations

import pytest
from trainer_room import MACHINES, Room, machine_of

from firmware_sim.devices import fitness_machine
from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import Erg, Level, Slope
from firmware_sim.devices.sensor import Identity
from firmware_sim.devices.smart_trainer import SmartTrainer
from gateway.control_point import Write
from gateway.gatt.fitness_machine_control import MachineFeatures, features
from gateway.plan import Release
from gateway.trainer import Steering
from hub.wire.uplink import Mode, SpinDownPhase, TrainerStatus
from hub.wire.values import (
    FreeTarget,
    GradeTarget,
    PlanStep,
    PowerTarget,
    ResistanceTarget,
    Target,
)

FREE = (None, Slope(0.0), Level(0))  # what a trainer holds that nobody steers
ALL = pytest.mark.parametrize("protocol", MACHINES)


def hold(at_ms: int, power_w: int) -> PlanStep:
    return PlanStep(at_ms=at_ms, target=PowerTarget(power_w))


def test_a_ride_to_the_end_of_its_plan() -> None:
    room = Room()
    ramp = PlanStep(at_ms=60_000, target=PowerTarget(150), ramp_to=PowerTarget(250))
    room.take(1, hold(0, 150), hold(30_000, 300), ramp, until_ms=120_000)
    room.run(29_000)
    assert room.steering == Steering(TrainerStatus.FOLLOWING, PowerTarget(150), "", tuple(Mode))
    assert room.measured.power_w == pytest.approx(150, abs=2)
    assert room.measured.cadence_rpm == 85.0
    room.run(40_000)
    assert room.measured.power_w == pytest.approx(300, abs=2)
    room.run(90_000)
    assert room.measured.power_w == pytest.approx(200, abs=6)
    room.run(130_000)  # nobody says stop: the plan is over
    assert room.steering == Steering(TrainerStatus.FREE, FreeTarget(), "plan_ended", tuple(Mode))
    assert room.machine.demand_w(Body(100, 85)) is None


def test_pause_lets_go_and_resume_takes_again() -> None:
    room = Room()
    room.take(1, hold(0, 250), until_ms=600_000)
    room.run(20_000)
    room.take(2, until_ms=600_000, reason="paused")
    room.run(22_000)
    assert room.steering == Steering(TrainerStatus.FREE, FreeTarget(), "paused", tuple(Mode))
    assert room.machine.demand_w(Body(100, 85)) is None
    room.take(3, hold(0, 250), until_ms=600_000)
    room.run(40_000)
    assert room.measured.power_w == pytest.approx(250, abs=2)


def test_a_rider_who_stops_is_let_go() -> None:
    room = Room()
    room.take(1, hold(0, 250), until_ms=600_000)
    room.run(20_000)
    room.cadence_rpm = 0.0
    room.run(26_000)
    assert room.machine.demand_w(Body(0, 0)) is None
    assert room.steering is not None and room.steering.reason == "not_pedalling"
    room.cadence_rpm = 80.0
    room.run(45_000)
    assert room.steering.status is TrainerStatus.FOLLOWING


def test_another_app_takes_the_trainer() -> None:
    room = Room()
    room.take(1, hold(0, 200), until_ms=600_000)
    room.run(20_000)
    for emission in room.machine.seize(60_000):
        room.hear(emission)
    room.run(30_000)
    assert room.steering is not None and room.steering.status is TrainerStatus.ELSEWHERE
    room.run(61_000)
    assert room.steering.status is TrainerStatus.ELSEWHERE
    room.do(room.trainer.retry(room.now))
    room.run(80_000)
    assert room.steering == Steering(TrainerStatus.FOLLOWING, PowerTarget(200), "", tuple(Mode))


def test_its_features_say_what_it_can() -> None:
    machine = SmartTrainer(Identity("KICKR"))
    found = features(machine.read(fitness_machine.FITNESS_MACHINE_FEATURE))
    assert isinstance(found, MachineFeatures)
    assert {"power", "cadence"} <= set(found.features)
    assert "power" in found.targets


# Every protocol


@ALL
@pytest.mark.parametrize(
    ("target", "held"),
    [
        (PowerTarget(180), Erg(180)),
        (GradeTarget(grade_pct=2.5), Slope(2.5)),
        (GradeTarget(grade_pct=-4.0, wind_mps=3.0), Slope(-4.0)),
        (ResistanceTarget(35), Level(350)),
    ],
)
def test_each_kind_of_target_in_each_protocol(
    protocol: str, target: Target, held: Erg | Slope | Level
) -> None:
    room = Room(machine_of(protocol))
    room.take(1, PlanStep(0, target), until_ms=30_000)
    room.run(20_000)
    assert room.steering is not None
    assert (room.steering.status, room.steering.target) == (TrainerStatus.FOLLOWING, target)
    assert room.machine.brake.held == held
    room.run(40_000)
    assert room.steering.status is TrainerStatus.FREE
    assert room.machine.brake.held in FREE


@ALL
def test_kinds_follow_each_other_and_each_ramps_in(protocol: str) -> None:
    room = Room(machine_of(protocol))
    steps = (
        PlanStep(0, PowerTarget(200)),
        PlanStep(30_000, GradeTarget(grade_pct=6), GradeTarget(grade_pct=2)),
        PlanStep(60_000, ResistanceTarget(20), ResistanceTarget(50)),
        PlanStep(90_000, PowerTarget(150)),
    )
    room.take(1, *steps, until_ms=120_000)
    room.run(29_000)
    assert room.measured.power_w == pytest.approx(200, abs=3)
    room.run(31_500)
    assert isinstance(room.machine.brake.held, Slope) and room.machine.brake.held.grade_pct < 2.5
    room.run(59_500)
    assert room.machine.brake.held == Slope(pytest.approx(2.1, abs=0.11))
    room.run(75_000)
    assert room.machine.brake.held == Level(pytest.approx(350, abs=11))
    room.run(118_000)
    assert room.machine.brake.held == Erg(150)
    room.run(130_000)
    assert room.machine.brake.held in FREE


@ALL
def test_a_spin_down_in_mid_ride(protocol: str) -> None:
    room = Room(machine_of(protocol))
    room.take(1, PlanStep(0, PowerTarget(180)), until_ms=600_000)
    room.run(15_000)
    code, outputs = room.trainer.calibrate(room.now)
    room.do(outputs)
    assert code == "" and room.trainer.calibrate(room.now)[0] == "busy"
    room.run(200_000)
    phases = list(dict.fromkeys(s.spin_down.phase for s in room.told if s.spin_down is not None))
    asked, speed_up, coast, done = list(SpinDownPhase)[:4]
    assert phases == (
        [asked, speed_up, done] if protocol == "wahoo" else [asked, speed_up, coast, done]
    )
    assert room.steering is not None and room.steering.spin_down is not None
    assert room.steering.spin_down.spin_down_ms == pytest.approx(10_000, abs=1_500)
    speeds = {s.spin_down.speed_high_kmh for s in room.told if s.spin_down is not None}
    assert (35.0 in speeds) == (protocol != "wahoo")
    assert any(s.reason == "spin_down" for s in room.told)
    assert room.machine.brake.held == Erg(180), "the ride goes on"


@ALL
def test_a_spin_down_that_nobody_rides_fails_and_lets_go(protocol: str) -> None:
    room = Room(machine_of(protocol))
    room.cadence_rpm = 0.0
    room.do(room.trainer.calibrate(0)[1])
    room.run(200_000)
    assert room.steering is not None and room.steering.spin_down is not None
    assert room.steering.spin_down.phase is SpinDownPhase.FAILED
    assert room.steering.status is TrainerStatus.FREE
    assert room.machine.brake.held in FREE


@ALL
@pytest.mark.parametrize("manners", ["late", "very_late", "deaf", "failing"])
def test_a_trainer_with_bad_manners_is_steered_and_let_go(protocol: str, manners: str) -> None:
    room = Room(machine_of(protocol, manners))
    steps = PlanStep(0, PowerTarget(150)), PlanStep(120_000, PowerTarget(220))
    room.take(1, *steps, until_ms=240_000)
    room.run(239_000)
    if (protocol, manners) != ("ftms", "very_late"):  # its answers are never in time
        assert room.machine.brake.held == Erg(220)
    room.run(400_000)
    assert room.steering is not None and room.steering.target == FreeTarget()
    if (protocol, manners) != ("ftms", "very_late"):
        assert room.steering.status is TrainerStatus.FREE
    assert room.machine.brake.held in FREE


def test_levels_in_one_byte_are_found_out() -> None:
    room = Room(machine_of("ftms", "one_byte_level"))
    steps = PlanStep(0, ResistanceTarget(20)), PlanStep(30_000, ResistanceTarget(80))
    room.take(1, *steps, until_ms=60_000)
    room.run(29_000)
    assert room.machine.brake.held == Level(200)
    sizes = [len(data) for _, data in room.wrote if data[0] == 4]
    assert sizes[0] == 3 and set(sizes[1:]) == {2}
    room.run(50_000)
    assert room.machine.brake.held == Level(255), "all that a byte holds"


@ALL
def test_what_a_trainer_does_not_take_is_said_and_the_rest_still_goes(protocol: str) -> None:
    room = Room(machine_of(protocol, "power_only"))
    room.take(
        1, PlanStep(0, ResistanceTarget(40)), PlanStep(20_000, PowerTarget(150)), until_ms=90_000
    )
    room.run(19_000)
    if protocol == "wahoo":  # its answer is yes or no, without a reason
        assert room.steering is not None and room.steering.target == FreeTarget()
    else:
        assert room.steering is not None
        assert room.steering.status is TrainerStatus.UNSTEERABLE
        assert room.steering.reason == "no_resistance_targets"
        assert Mode.RESISTANCE not in room.steering.modes
    room.run(40_000)
    assert room.machine.brake.held == Erg(150)


@ALL
def test_a_trainer_without_grades_is_let_go_of_all_the_same(protocol: str) -> None:
    room = Room(machine_of(protocol, "no_grade"))
    steps = PlanStep(0, PowerTarget(150)), PlanStep(20_000, GradeTarget(grade_pct=3))
    room.take(1, *steps, until_ms=40_000)
    room.run(39_000)
    if protocol != "wahoo":  # its answer is yes or no, without a reason
        assert room.steering is not None and room.steering.reason == "no_grade_targets"
        assert room.machine.brake.held in FREE
    room.run(60_000)
    assert room.steering is not None and room.steering.target == FreeTarget()
    assert room.machine.brake.held in FREE


@pytest.mark.parametrize("protocol", ["tacx_fec", "wahoo"])
def test_a_release_that_is_taken_back_half_way_is_followed_by_the_target(
    protocol: str,
) -> None:
    machine = machine_of(protocol)
    room = Room(machine)
    room.take(1, PlanStep(0, PowerTarget(150)), until_ms=600_000)
    room.run(20_000)
    outputs = room.trainer.desired(Release("stopped"), room.now)
    (begun,) = (output for output in outputs if isinstance(output, Write))
    count = len(room.wrote)
    room.trainer.desired(PowerTarget(150), room.now)  # while the write is under way
    machine.write(room.uuids[begun.char], begun.data, room.now)
    room.do(room.trainer.written(True, room.now))
    room.run(30_000)
    assert room.steering is not None and room.steering.status is TrainerStatus.FOLLOWING
    assert len(room.wrote) > count, "the first write of the release may have let go of it"


def test_features_that_are_not_there_promise_everything() -> None:
    assert set(Room(machine_of("ftms", "no_features")).dialect.modes()) == set(Mode)
    assert set(Room(machine_of("ftms", "power_only")).dialect.modes()) == {Mode.POWER}


@ALL
def test_a_trainer_left_to_another_app_is_let_go_once_and_then_left_alone(
    protocol: str,
) -> None:
    room = Room(machine_of(protocol))
    room.take(1, PlanStep(0, PowerTarget(180)), until_ms=600_000)
    room.run(15_000)
    room.do(room.trainer.leave_alone(True, room.now))
    room.run(20_000)
    assert room.steering is not None
    assert (room.steering.status, room.steering.reason) == (TrainerStatus.FREE, "read_only")
    assert room.machine.brake.held in FREE
    count = len(room.wrote)
    assert room.trainer.calibrate(room.now)[0] == "read_only"
    room.run(120_000)
    assert len(room.wrote) == count
    room.do(room.trainer.leave_alone(False, room.now))
    room.run(140_000)
    assert room.machine.brake.held == Erg(180)
