"""Fitness Machine Service 1.0: control point 0x2AD9 (4.16), status 0x2ADA (4.17).

Release. Every machine must implement Reset (4.16.2.2), which gives up the target and control
together; Stop is the second choice, the lowest power the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.dialects.port import (
    Answer,
    ControlLost,
    Holds,
    MachineReset,
    News,
    Outcome,
    Procedure,
    Purpose,
    SafetyKey,
    SpinDownNews,
    SpinDownStep,
    Started,
    Stopped,
)
from gateway.gatt import fitness_machine_control as ftms
from gateway.gatt import quirks
from gateway.gatt.fitness_machine_control import Event, Op, SpinDownStatus
from gateway.gatt.layout import Nonsense
from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target

STATUS = "2ada"
FEATURE, RESISTANCE_RANGE, POWER_RANGE = "2acc", "2ad6", "2ad8"

# Bits of 0x2ACC (4.3.1.2), by what they promise. Often left out: a machine without any of them is
# asked, and its result codes are believed.
MODES = {"power": Mode.POWER, "simulation": Mode.GRADE, "resistance": Mode.RESISTANCE}

# Without 0x2AD6: 0 to 100 in steps of 0.1, as JetBlack and Zwift have it.
USUAL_RANGE = ftms.ResistanceRange(0.0, 100.0, 0.1)

_MODES_BY_EVENT: dict[int, Mode | None] = {
    Event.TARGET_POWER: Mode.POWER,
    Event.TARGET_RESISTANCE: Mode.RESISTANCE,
    Event.SIMULATION: Mode.GRADE,
    Event.TARGET_SPEED: None,
    Event.TARGET_INCLINE: None,
    Event.TARGET_HEART_RATE: None,
}
_PLAIN: dict[int, Callable[[], News]] = {
    Event.RESET: MachineReset,
    Event.STOPPED_OR_PAUSED: Stopped,
    Event.STOPPED_BY_SAFETY_KEY: SafetyKey,
    Event.STARTED: Started,
    Event.CONTROL_LOST: ControlLost,
}
_STEPS: dict[int, SpinDownStep] = {
    SpinDownStatus.REQUESTED: SpinDownStep.SPEED_UP,
    SpinDownStatus.STOP_PEDALING: SpinDownStep.COAST,
    SpinDownStatus.SUCCESS: SpinDownStep.DONE,
    SpinDownStatus.ERROR: SpinDownStep.FAILED,
}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


class Ftms:
    name = "ftms"
    answers = ftms.CONTROL_POINT
    tells: tuple[str, ...] = (STATUS,)

    def __init__(self, model: str = "") -> None:
        """`model`: advertised name and model, for the quirks."""
        self._levels = USUAL_RANGE
        self._lowest_w = 0
        self._known_size = self._size = quirks.resistance_level_bytes(model)
        self._modes = frozenset(Mode)

    def measures_by(self) -> frozenset[str]:
        return frozenset({"2ad2"})

    def modes(self) -> frozenset[Mode]:
        return self._modes

    def knows(self, facts: Mapping[str, bytes]) -> None:
        levels = ftms.resistance_range(facts.get(RESISTANCE_RANGE, b""))
        if isinstance(levels, ftms.ResistanceRange) and levels.maximum > levels.minimum:
            self._levels = levels
        span = ftms.power_range(facts.get(POWER_RANGE, b""))
        if isinstance(span, ftms.PowerRange):
            self._lowest_w = max(0, span.min_w)
        features = ftms.features(facts.get(FEATURE, b""))
        if not isinstance(features, Nonsense):
            promised = frozenset(MODES[name] for name in features.targets if name in MODES)
            self._modes = promised or frozenset(Mode)

    def control(self) -> Procedure:
        return _procedure(Purpose.CONTROL, ftms.request_control())

    def start(self) -> Procedure:
        return _procedure(Purpose.START, ftms.start_or_resume())

    def order(self, target: Target, before: Target | None) -> tuple[Procedure, ...]:
        match target:
            case PowerTarget(power_w=power_w):
                data = ftms.set_target_power(power_w)
            case GradeTarget(grade_pct=grade_pct, wind_mps=wind, crr=crr, cw_kg_m=cw):
                data = ftms.set_simulation(grade_pct, wind, crr, cw)
            case ResistanceTarget(level_pct=level_pct):
                data = self._level(level_pct)
            case _:
                return ()
        return (_procedure(Purpose.TARGET, data, target),)

    def otherwise(self, procedure: Procedure) -> Procedure | None:
        """WLT-BK and machines of the present book want resistance in one byte, others refuse it."""
        target = procedure.target
        if not isinstance(target, ResistanceTarget):
            return None
        if self._size == 1:  # no better: the level was refused, not its size
            self._size = self._known_size
            return None
        if not 0 <= self._raw_level(target.level_pct) <= 0xFF:
            return None
        self._size = 1
        return _procedure(Purpose.TARGET, self._level(target.level_pct), target)

    def releases(self) -> tuple[tuple[Procedure, ...], ...]:
        return (
            (_procedure(Purpose.RELEASE, ftms.reset(), gives_up_control=True),),
            (_procedure(Purpose.RELEASE, ftms.stop()),),
            (_procedure(Purpose.RELEASE, ftms.set_target_power(self._lowest_w)),),
        )

    def spin_down(self) -> Procedure:
        return _procedure(Purpose.SPIN_DOWN, ftms.spin_down())

    def heard(self, char: str, data: bytes) -> Answer | News | None:
        if char == ftms.CONTROL_POINT:
            return self._answer(data)
        return self._news(data) if char == STATUS else None

    def _answer(self, data: bytes) -> Answer | None:
        response = ftms.control_response(data)
        if isinstance(response, Nonsense):
            return None
        outcome = _OUTCOMES.get(response.result, Outcome.FAILED)
        speeds = ftms.spin_down_speeds(response.parameter)
        if response.op != Op.SPIN_DOWN or isinstance(speeds, Nonsense):
            return Answer(response.op, outcome)
        return Answer(response.op, outcome, speeds.low_kmh, speeds.high_kmh)

    def _news(self, data: bytes) -> News | None:
        status = ftms.machine_status(data)
        if isinstance(status, Nonsense) or status.partial:
            return None
        if status.event in _PLAIN:
            return _PLAIN[status.event]()
        if status.event == Event.SPIN_DOWN:
            step = _STEPS.get(int(status.value or 0))
            return None if step is None else SpinDownNews(step)
        if status.event not in _MODES_BY_EVENT:
            return None
        mode, value = _MODES_BY_EVENT[status.event], status.value
        if mode is Mode.RESISTANCE and value is not None:
            value = self._level_pct(value)
        return Holds(mode, value)

    def _level(self, level_pct: float) -> bytes:
        """One byte ends at 25.5, and so does a machine that takes no more."""
        raw = self._raw_level(level_pct)
        kept = min(max(raw, 0), 0xFF) if self._size == 1 else raw
        return ftms.set_target_resistance(kept, size=self._size)

    def _raw_level(self, level_pct: float) -> int:
        """On the machine's grid, in steps of 0.1."""
        low, high = self._levels.minimum, self._levels.maximum
        step = self._levels.increment or 0.1
        steps = round((high - low) * min(max(level_pct, 0.0), 100.0) / 100 / step)
        return round(min(low + steps * step, high) * 10)

    def _level_pct(self, level: float) -> float:
        low, high = self._levels.minimum, self._levels.maximum
        return (level - low) / (high - low) * 100


def _procedure(
    purpose: Purpose, data: bytes, target: Target | None = None, *, gives_up_control: bool = False
) -> Procedure:
    return Procedure(purpose, ftms.CONTROL_POINT, data, data[0], target, gives_up_control)
