"""Tacx FE-C over BLE: pages 48 to 51 are written, page 71 tells what became of them.

FE-C knows neither permission nor release. The response to the write is the answer; page 71, asked
for behind each target, can take it back. Letting go is the flat road that a trainer simulates when
it is switched on; one that page 71 says does not simulate gets no resistance, which all must take.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.port import (
    Answer,
    News,
    Outcome,
    Procedure,
    Purpose,
    Refused,
    SpinDownNews,
    SpinDownStep,
)
from gateway.gatt import tacx_fec as fec
from gateway.gatt.tacx_fec import CommandResult, Page
from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target

MODES: dict[int, Mode] = {
    Page.RESISTANCE: Mode.RESISTANCE,
    Page.POWER: Mode.POWER,
    Page.WIND: Mode.GRADE,
    Page.TRACK: Mode.GRADE,
}
RELEASED_MS = 1000  # page 71 says what became of a release by then, or never
_OUTCOMES: dict[int, Outcome] = {
    CommandResult.FAIL: Outcome.FAILED,
    CommandResult.NOT_SUPPORTED: Outcome.UNSUPPORTED,
    CommandResult.REJECTED: Outcome.INVALID,
}


class TacxFec:
    name = "tacx_fec"
    answers = fec.NOTIFY
    tells: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._modes = frozenset(Mode)
        self._was_fast = False

    def measures_by(self) -> frozenset[str]:
        return frozenset({fec.NOTIFY, "2ad2"})

    def modes(self) -> frozenset[Mode]:
        return self._modes

    def knows(self, facts: Mapping[str, bytes]) -> None:
        """Nothing is read of such a trainer: it tells all in its pages."""

    def control(self) -> None:
        return None

    def start(self) -> None:
        return None

    def order(self, target: Target, before: Target | None) -> tuple[Procedure, ...]:
        ask = _written(fec.request(Page.COMMAND_STATUS), target)
        match target:
            case PowerTarget(power_w=power_w):
                return (_written(fec.power(power_w), target), ask)
            case ResistanceTarget(level_pct=level_pct):
                return (_written(fec.resistance(level_pct), target), ask)
            case GradeTarget(grade_pct=grade_pct, wind_mps=wind, crr=crr, cw_kg_m=cw):
                track = _written(fec.track(grade_pct, crr), target)
                air = isinstance(before, GradeTarget) and (before.wind_mps, before.cw_kg_m)
                if air == (wind, cw):
                    return (track, ask)
                return (_written(fec.wind(wind, cw), target), track, ask)
        return ()

    def otherwise(self, procedure: Procedure) -> None:
        return None

    def releases(self) -> tuple[tuple[Procedure, ...], ...]:
        road = GradeTarget(grade_pct=0.0)
        flat = (fec.wind(road.wind_mps, road.cw_kg_m), fec.track(road.grade_pct, road.crr))
        ask = fec.request(Page.COMMAND_STATUS)
        return (
            (
                *(_written(data, purpose=Purpose.RELEASE) for data in flat),
                _written(ask, purpose=Purpose.RELEASE, silence_ms=RELEASED_MS),
            ),
            (_written(fec.resistance(0), purpose=Purpose.RELEASE),),
        )

    def spin_down(self) -> Procedure:
        self._was_fast = False
        return _written(fec.calibrate(), purpose=Purpose.SPIN_DOWN)

    def heard(self, char: str, data: bytes) -> Answer | News | None:
        match fec.fact(data) if char == fec.NOTIFY else None:
            case fec.CommandStatus(page=page, status=status) if page in MODES:
                if status == CommandResult.PASS:
                    return Answer(Page.REQUEST, Outcome.DONE)
                outcome = _OUTCOMES.get(status)
                return None if outcome is None else Refused(MODES[page], outcome, Page.REQUEST)
            case fec.CalibrationUnderWay() as under_way if under_way.spin_down:
                return self._under_way(under_way)
            case fec.CalibrationResult(spun_down=spun_down, spin_down_ms=spin_down_ms):
                step = SpinDownStep.DONE if spun_down else SpinDownStep.FAILED
                return SpinDownNews(step, spin_down_ms=spin_down_ms)
            case fec.Capabilities() as can:
                self._learn(can)
        return None

    def _under_way(self, page: fec.CalibrationUnderWay) -> SpinDownNews:
        """Once fast enough it rolls out, and is too slow again on the way down."""
        self._was_fast = self._was_fast or bool(page.fast_enough)
        step = SpinDownStep.COAST if self._was_fast else SpinDownStep.SPEED_UP
        return SpinDownNews(step, page.target_kmh)

    def _learn(self, can: fec.Capabilities) -> None:
        said = {
            Mode.RESISTANCE: can.resistance,
            Mode.POWER: can.power,
            Mode.GRADE: can.simulation,
        }
        self._modes = frozenset(mode for mode, able in said.items() if able) or frozenset(Mode)


def _written(
    data: bytes,
    target: Target | None = None,
    *,
    purpose: Purpose = Purpose.TARGET,
    silence_ms: int = 0,
) -> Procedure:
    """Answered by the write's response, or so long after it."""
    return Procedure(purpose, fec.WRITE, data, data[4], target, silence_ms=silence_ms)
