"""What differs between two versions of a workout, and what a workout must keep to. Pure."""

from __future__ import annotations

from itertools import zip_longest

from hub.core.errors import UserError
from hub.core.figures import SPORTS
from hub.core.workout import STEP_MS_MAX, Workout
from hub.formats.imported import DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, TEXTS_MAX

HEAD = ("name", "description", "author", "sport", "test")


def changed(old: Workout, new: Workout) -> list[str]:
    """Names of what differs: "name", …, and "steps.3" for the fourth step."""
    head = [name for name in HEAD if getattr(old, name) != getattr(new, name)]
    steps = enumerate(zip_longest(old.steps, new.steps))
    return head + [f"steps.{i}" for i, (before, after) in steps if before != after]


def check(workout: Workout) -> Workout:
    """`workout`, when it keeps to the bounds. Raises UserError, naming the field."""
    if not workout.name.strip():
        raise UserError("a workout has a name", remedy="give it one")
    for name, chars_max in (
        ("name", NAME_CHARS_MAX),
        ("author", NAME_CHARS_MAX),
        ("description", DESCRIPTION_CHARS_MAX),
    ):
        if len(getattr(workout, name)) > chars_max:
            raise UserError(f"{name} has more than {chars_max} characters", remedy="shorten it")
    if workout.sport not in SPORTS:
        raise UserError(f"sport is one of {', '.join(SPORTS)}, not {workout.sport!r}")
    if any(len(step.name) > NAME_CHARS_MAX for step in workout.steps):
        raise UserError(f"a step's name has more than {NAME_CHARS_MAX} characters")
    if sum(len(step.texts) for step in workout.steps) > TEXTS_MAX:
        raise UserError(f"a workout has at most {TEXTS_MAX} texts")
    if any(text.offset_ms > STEP_MS_MAX for step in workout.steps for text in step.texts):
        raise UserError("a text comes within a day of its step's beginning")
    return workout
