"""What a rider may set a trainer to by hand. Pure."""

from __future__ import annotations

from hub.core.errors import UserError
from hub.wire.values import FreeTarget, GradeTarget, PowerTarget, ResistanceTarget, Target

# Least and most of each, and its unit. The plan's cap holds besides.
LIMITS: dict[type, tuple[float, float, str]] = {
    PowerTarget: (20, 1_500, "W"),
    GradeTarget: (-10, 20, "%"),  # what trainers can tilt and brake
    ResistanceTarget: (0, 100, "%"),
}


def require_dialled(target: Target) -> None:
    """Raises UserError for what is outside, and for a road whose wind or surface is not usual."""
    match target:
        case PowerTarget(power_w=value) | ResistanceTarget(level_pct=value):
            _require(target, value)
        case GradeTarget(grade_pct=value):
            _require(target, value)
            if target != GradeTarget(grade_pct=value):
                raise UserError("a grade by hand has no wind and asphalt below")
        case FreeTarget():
            return


def _require(target: Target, value: float) -> None:
    low, high, unit = LIMITS[type(target)]
    if not low <= value <= high:  # also where it is no number at all
        raise UserError(f"{value} {unit} is not between {low} and {high}")
