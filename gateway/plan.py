"""The targets ahead of one trainer, by the hub's time.

A plan is whole and idempotent (DESIGN section 4): the newest revision under the newest lease
counts, alone. It is carried out with or without the hub, to its end; then the trainer is free.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isfinite
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.dialects.port import mode_of, value_of
from hub.wire.uplink import Mode, Plan
from hub.wire.values import GradeTarget, PlanStep, PowerTarget, ResistanceTarget, Target

# Ten minutes ahead hold a few dozen steps; a whole workout a few hundred.
MAX_STEPS = 2000
# A track sprinter's peak is about 2500 W; what is far above is a mistake, not a target.
MOST_POWER_W = 4000

# What a target may be, by mode: least, most, unit.
LIMITS: dict[Mode, tuple[float, float, str]] = {
    Mode.POWER: (0, MOST_POWER_W, "W"),
    Mode.GRADE: (-40, 40, "% grade"),  # the steepest street is 35 %
    Mode.RESISTANCE: (0, 100, "% resistance"),
}
WIND_MPS_MAX = 35.0  # a hurricane; FTMS holds 32.767
# A ramp's steps in one unit.
RAMP_STEPS: dict[Mode, int] = {Mode.POWER: 1, Mode.GRADE: 10, Mode.RESISTANCE: 1}


class Release(msgspec.Struct, frozen=True):
    """Steer nothing. `reason`: "no_plan", "not_begun", "plan_ended", or the hub's own word."""

    reason: str


class Refused(msgspec.Struct, frozen=True):
    """A plan that is not carried out. `code`: "stale_lease", "stale_rev" or "bad_plan"."""

    code: str
    reason: str


class _Ramp(NamedTuple):
    """Whole steps from one instant to another, rounded half up."""

    begun: int
    from_ms: int
    end: int
    to_ms: int

    def at(self, now_ms: int) -> int:
        took = self.to_ms - self.from_ms
        risen = (self.end - self.begun) * (now_ms - self.from_ms)
        return self.begun + (2 * risen + took) // (2 * took)

    def changes_after(self, now_ms: int) -> int:
        """The first instant at which the whole steps differ from those of `now_ms`."""
        took = self.to_ms - self.from_ms
        slope = self.end - self.begun
        gone = self.at(now_ms) - self.begun
        if slope > 0:
            return self.from_ms - (-(took * (2 * gone + 1)) // (2 * slope))
        return self.from_ms + took * (1 - 2 * gone) // (-2 * slope) + 1


class HeldPlan:
    """What one trainer is to do. All times are hub ms."""

    def __init__(self, lease: int = 0) -> None:
        self._lease = lease
        self._plan: Plan | None = None
        self._rev = -1
        self._released = "no_plan"
        self._starts: list[int] = []

    @property
    def rev(self) -> int:
        """Revision last taken; -1 before the first."""
        return self._rev

    @property
    def plan(self) -> Plan | None:
        """The plan in force."""
        return self._plan

    def take(self, plan: Plan) -> Refused | None:
        """A plan from the hub; None: taken, or known already."""
        if plan.lease < self._lease:
            return Refused("stale_lease", f"lease {plan.lease} is over, {self._lease} holds")
        if plan.lease == self._lease and plan.rev < self._rev:
            return Refused("stale_rev", f"rev {plan.rev} is older than {self._rev}")
        if plan.lease == self._lease and plan.rev == self._rev:
            return None
        if wrong := _wrong(plan):
            return Refused("bad_plan", wrong)
        self._lease, self._rev = plan.lease, plan.rev
        self._plan = plan if plan.steps else None
        self._released = plan.reason or "free"
        self._starts = [step.at_ms for step in plan.steps]
        return None

    def renew(self, lease: int) -> None:
        """The trainer is held under a new lease: a plan of the old one ends now."""
        if lease > self._lease:
            self._lease, self._rev = lease, -1
            self.drop("no_plan")

    def drop(self, reason: str) -> None:
        """Release the trainer. The hub's next revision counts again, this one does not."""
        self._plan, self._released, self._starts = None, reason, []

    def target_at(self, hub_now_ms: int) -> Target | Release:
        plan = self._plan
        if plan is None:
            return Release(self._released)
        if hub_now_ms >= plan.until_at_ms:
            return Release("plan_ended")
        i = bisect_right(self._starts, hub_now_ms) - 1
        if i < 0:
            return Release("not_begun")
        ramp = self._ramp(plan, i)
        target = plan.steps[i].target
        return target if ramp is None else _at_steps(target, ramp.at(hub_now_ms))

    def deadline(self, hub_now_ms: int) -> int | None:
        """The next instant at which `target_at` may differ; None: never."""
        plan = self._plan
        if plan is None or hub_now_ms >= plan.until_at_ms:
            return None
        i = bisect_right(self._starts, hub_now_ms) - 1
        end_ms = self._end_ms(plan, i)
        ramp = self._ramp(plan, i) if i >= 0 else None
        return end_ms if ramp is None else min(end_ms, ramp.changes_after(hub_now_ms))

    def _end_ms(self, plan: Plan, i: int) -> int:
        return self._starts[i + 1] if i + 1 < len(self._starts) else plan.until_at_ms

    def _ramp(self, plan: Plan, i: int) -> _Ramp | None:
        step = plan.steps[i]
        begun, end = _steps_of(step.target), _steps_of(step.ramp_to)
        if begun is None or end is None or begun == end:
            return None
        return _Ramp(begun, step.at_ms, end, self._end_ms(plan, i))


def _steps_of(target: Target | None) -> int | None:
    mode, value = mode_of(target), value_of(target)
    return None if mode is None or value is None else round(value * RAMP_STEPS[mode])


def _at_steps(target: Target, steps: int) -> Target:
    match target:
        case PowerTarget():
            return PowerTarget(steps)
        case GradeTarget():
            return replace(target, grade_pct=steps / RAMP_STEPS[Mode.GRADE])
        case ResistanceTarget():
            return ResistanceTarget(steps / RAMP_STEPS[Mode.RESISTANCE])
    return target


def _wrong(plan: Plan) -> str:
    """What makes a plan one that must not be carried out; "" if nothing."""
    if len(plan.steps) > MAX_STEPS:
        return f"{len(plan.steps)} steps are more than {MAX_STEPS}"
    starts = [step.at_ms for step in plan.steps]
    if any(later <= earlier for earlier, later in zip(starts, starts[1:], strict=False)):
        return "steps are not in order of time"
    if starts and plan.until_at_ms < starts[-1]:
        return "the plan ends before its last step begins"
    if plan.cap_w < 0:
        return f"a cap of {plan.cap_w} W is below 0"
    return next((wrong for step in plan.steps if (wrong := _wrong_step(step))), "")


def _wrong_step(step: PlanStep) -> str:
    for target in (step.target, step.ramp_to):
        if target is not None and (wrong := _wrong_target(target)):
            return wrong
    mode = mode_of(step.target)
    if step.ramp_to is not None and (mode is None or mode_of(step.ramp_to) is not mode):
        return "a ramp needs targets of one kind at both ends"
    return ""


def _wrong_target(target: Target) -> str:
    mode, value = mode_of(target), value_of(target)
    if mode is None or value is None:
        return ""
    low, high, unit = LIMITS[mode]
    if not low <= value <= high:
        return f"a target of {value} {unit} is not between {low} and {high}"
    if isinstance(target, GradeTarget):
        road = (target.wind_mps, target.crr, target.cw_kg_m)
        if not all(map(isfinite, road)) or abs(target.wind_mps) > WIND_MPS_MAX:
            return f"a wind of {target.wind_mps} m/s is none"
    return ""
