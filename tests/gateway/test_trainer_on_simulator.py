"""The decoder, the trainer and the plan against the simulator's smart trainer, byte for byte.

The two share no code: one side was written to the specification's server, the other to its client.
"""

from __future__ import annotations

from collections import deque

import pytest

from firmware_sim.devices import fitness_machine
from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import Emission, Refused
from firmware_sim.devices.sensor import Identity
from firmware_sim.devices.smart_trainer import SmartTrainer
from gateway.control_point import Write
from gateway.dialects.ftms import Ftms
from gateway.gatt.decoder import CHARS, Decoder
from gateway.gatt.fitness_machine_control import (
    MachineFeatures,
    PowerRange,
    features,
    power_range,
)
from gateway.plan import HeldPlan
from gateway.trainer import Output, Steering, Trainer
from hub.wire.uplink import Mode, Plan, TrainerStatus
from hub.wire.values import FreeTarget, Measurement, PlanStep, PowerTarget

STEP_MS = 50


class Room:
    """One rider on one simulated trainer, steered by a plan; hub time is the room's time."""

    def __init__(self) -> None:
        self.machine = SmartTrainer(Identity("KICKR"))
        found = power_range(self.machine.read(fitness_machine.POWER_RANGE))
        assert isinstance(found, PowerRange)
        self.trainer = Trainer(Ftms(), found, 400)
        self.trainer.regained(0)
        self.decoder = Decoder("KICKR")
        self.plan = HeldPlan()
        self.now = 0
        self.cadence_rpm = 85.0
        self.will_w = 100.0
        self.measured = Measurement()
        self.steering: Steering | None = None
        self._pending: deque[Emission] = deque()

    def take(self, rev: int, *steps: PlanStep, until_ms: int, reason: str = "") -> None:
        assert (
            self.plan.take(
                Plan(
                    trainer="t",
                    lease=1,
                    rev=rev,
                    until_at_ms=until_ms,
                    cap_w=400,
                    steps=steps,
                    reason=reason,
                )
            )
            is None
        )

    def run(self, until_ms: int) -> None:
        while self.now < until_ms:
            self.now += STEP_MS
            demand_w = self.machine.demand_w(Body(self.will_w, self.cadence_rpm))
            power_w = (self.will_w if demand_w is None else demand_w) if self.cadence_rpm else 0
            for emission in self.machine.advance(Body(power_w, self.cadence_rpm), self.now):
                self.hear(emission)
            while self._pending:
                self.hear(self._pending.popleft())
            self.do(self.trainer.desired(self.plan.target_at(self.now), self.now))
            self.do(self.trainer.tick(self.now))

    def hear(self, emission: Emission) -> None:
        char = f"{emission.uuid:04x}"
        if char in ("2ad9", "2ada"):
            self.do(self.trainer.heard(char, emission.value, self.now))
        elif char in CHARS:
            measured = self.decoder.feed(char, emission.value, self.now)
            assert isinstance(measured, Measurement)
            if char == "2ad2":
                self.measured = measured
                self.do(self.trainer.measurement(measured.power_w, measured.cadence_rpm, self.now))

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Steering):
                self.steering = output
                continue
            assert isinstance(output, Write)
            try:
                emissions = self.machine.write(int(output.char, 16), output.data, self.now)
            except Refused:
                self.do(self.trainer.written(False, self.now))
                continue
            self._pending.extend(emissions)
            self.do(self.trainer.written(True, self.now))


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
