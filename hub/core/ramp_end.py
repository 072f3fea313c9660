"""When a ramp test has ended: the legs no longer give what the step asks for.

A rider on a trainer that holds power is on target until the very end; then cadence collapses, the
trainer eases, and power falls away from the target for good. That is a spell of seconds below a
share of the target, and not one second, because a power meter's seconds scatter by 10 % and more.

One push a second, live; `ramp_end` gives the same answer from the columns of a finished ride.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import msgspec

from hub.core.metrics import Column
from hub.core.workout import Step, StepKind

FAILED_SHARE = 0.85  # of the target: a step of the ramp below it, and more
FAILED_RPM = 40.0  # nobody turns a hard ramp so slowly and goes on
FAILED_S = 10  # so many of the last ...
SPELL_S = 12
FIRST_S = 180  # earlier than this nobody is at the end: a bottle, a shoe
GRACE_S = 15  # after a pause the trainer comes back gradually, and so do the legs


def in_ramp(step: Step) -> bool:
    """Whether the step of a ramp test is part of its ramp: all that is no easy riding around it."""
    return step.kind not in (StepKind.WARMUP, StepKind.COOLDOWN)


class RampEnd(msgspec.Struct, frozen=True):
    """Riding seconds since the ramp began: when the legs failed, and when that was certain."""

    at_s: int
    noticed_s: int


class RampWatch:
    """Call `second` once for each second of riding time in the ramp.

    `resumed`: after a pause, and when the end was told, for it may be undone. A second without
    power or target says nothing: a lost power meter ends no test.
    """

    def __init__(self) -> None:
        self._seconds = 0
        self._quiet_until_s = FIRST_S
        self._spell: deque[bool] = deque(maxlen=SPELL_S)
        self.end: RampEnd | None = None

    def resumed(self) -> None:
        self.end = None
        self._spell.clear()
        self._quiet_until_s = max(self._quiet_until_s, self._seconds + GRACE_S)

    def second(
        self, power_w: float | None, cadence_rpm: float | None, target_w: float | None
    ) -> RampEnd | None:
        """The end, from the second on in which it is certain."""
        self._seconds += 1
        quiet = self._seconds <= self._quiet_until_s
        self._spell.append(not quiet and _has_failed(power_w, cadence_rpm, target_w))
        if self.end is None and sum(self._spell) >= FAILED_S:
            spell = list(self._spell)
            began_s = self._seconds - len(spell) + spell.index(True)
            self.end = RampEnd(began_s, self._seconds)
        return self.end


def ramp_end(
    power_w: Column, cadence_rpm: Column, target_w: Column, resumed_s: Collection[int] = ()
) -> RampEnd | None:
    """Of a finished ramp: columns of its riding seconds; `resumed_s`: before which a pause was."""
    watch = RampWatch()
    seconds = zip(power_w.tolist(), cadence_rpm.tolist(), target_w.tolist(), strict=True)
    for second, values in enumerate(seconds):
        if second in resumed_s:
            watch.resumed()
        end = watch.second(*(None if value != value else value for value in values))
        if end is not None:
            return end
    return None


def _has_failed(power_w: float | None, cadence_rpm: float | None, target_w: float | None) -> bool:
    if power_w is None or not target_w:
        return False
    if power_w < FAILED_SHARE * target_w:
        return True
    return cadence_rpm is not None and cadence_rpm < FAILED_RPM
