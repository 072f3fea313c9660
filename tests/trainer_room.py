"""One rider on one simulated trainer, steered by a plan, in virtual time, byte for byte."""

from __future__ import annotations

from collections import deque

from firmware_sim.devices.body import Body
from firmware_sim.devices.braked import Braked
from firmware_sim.devices.gatt import Emission, Refused, short
from firmware_sim.devices.manners import MANNERS
from firmware_sim.devices.sensor import Identity
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.devices.tacx_trainer import TacxTrainer
from firmware_sim.devices.wahoo_trainer import WahooTrainer
from gateway import profiles
from gateway.control_point import Write
from gateway.dialects import dialect_of
from gateway.gatt.decoder import CHARS, Decoder
from gateway.gatt.fitness_machine_control import PowerRange, power_range
from gateway.plan import HeldPlan
from gateway.trainer import Output, Steering, Trainer
from hub.wire.uplink import Plan
from hub.wire.values import Measurement, PlanStep

STEP_MS = 50
MACHINES: dict[str, type[Braked]] = {
    "ftms": SmartTrainer,
    "tacx_fec": TacxTrainer,
    "wahoo": WahooTrainer,
}


def machine_of(protocol: str, manners: str = "good") -> Braked:
    return MACHINES[protocol](Identity("Trainer 1"), manners=MANNERS[manners])


class Room:
    """`wrote`: every write with its time; `cap_w` is the plan's."""

    def __init__(self, machine: Braked | None = None, *, cap_w: int = 400) -> None:
        self.machine = machine or SmartTrainer(Identity("KICKR"))
        self.uuids = {
            short(each.uuid): each.uuid
            for service in self.machine.services
            for each in service.characteristics
        }
        dialect = dialect_of(self.uuids, "Trainer 1")
        assert dialect is not None
        self.dialect = dialect
        facts = self._facts()
        dialect.knows(facts)
        found = power_range(facts.get(profiles.POWER_RANGE, b""))
        self.trainer = Trainer(dialect, found if isinstance(found, PowerRange) else None, cap_w)
        self.decoder = Decoder("Trainer 1")
        self.plan = HeldPlan()
        self.now = 0
        self.cadence_rpm = 85.0
        self.will_w = 100.0
        self.measured = Measurement()
        self.steering: Steering | None = None
        self.told: list[Steering] = []
        self.wrote: list[tuple[int, bytes]] = []
        self._cap_w = cap_w
        self._pending: deque[Emission] = deque()
        self.do(self.trainer.regained(0))

    def _facts(self) -> dict[str, bytes]:
        facts = {}
        for char in profiles.READ_ON_CONNECT:
            try:
                facts[char] = self.machine.read(self.uuids[char])
            except (KeyError, Refused):
                continue
        return facts

    def take(self, rev: int, *steps: PlanStep, until_ms: int, reason: str = "") -> None:
        plan = Plan("t", 1, rev, until_ms, self._cap_w, steps, reason)
        assert self.plan.take(plan) is None

    def run(self, until_ms: int) -> None:
        while self.now < until_ms:
            self.now += STEP_MS
            cadence_rpm = 0.0 if self.machine.brake.rider_rests else self.cadence_rpm
            demand_w = self.machine.demand_w(Body(self.will_w, cadence_rpm))
            power_w = (self.will_w if demand_w is None else demand_w) if cadence_rpm else 0
            for emission in self.machine.advance(Body(power_w, cadence_rpm), self.now):
                self.hear(emission)
            while self._pending:
                self.hear(self._pending.popleft())
            self.do(self.trainer.desired(self.plan.target_at(self.now), self.now))
            self.do(self.trainer.tick(self.now))

    def hear(self, emission: Emission) -> None:
        char = short(emission.uuid)
        if char in (self.dialect.answers, *self.dialect.tells):
            self.do(self.trainer.heard(char, emission.value, self.now))
        if char not in CHARS:
            return
        measured = self.decoder.feed(char, emission.value, self.now)
        assert isinstance(measured, Measurement), measured
        if char in self.dialect.measures_by() and measured.power_w is not None:
            self.measured = measured
            self.do(self.trainer.measurement(measured.power_w, measured.cadence_rpm, self.now))

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Steering):
                self.steering = output
                self.told.append(output)
        for output in outputs:  # answered at once, so told before
            if isinstance(output, Write):
                self.wrote.append((self.now, output.data))
                self._carry_out(output)

    def _carry_out(self, write: Write) -> None:
        try:
            emissions = self.machine.write(self.uuids[write.char], write.data, self.now)
        except Refused:
            self.do(self.trainer.written(False, self.now))
            return
        self._pending.extend(emissions)
        self.do(self.trainer.written(True, self.now))
