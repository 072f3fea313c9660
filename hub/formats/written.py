"""What writing a workout file gives: its bytes, and what the format could not say."""

from __future__ import annotations

from typing import Literal

import msgspec

from hub.core.workout import Workout

LOSSES_MAX = 100  # one more says that there were more


class Written(msgspec.Struct, frozen=True):
    """`warnings`: what the workout holds and the file does not, each once, for a person."""

    data: bytes
    warnings: tuple[str, ...] = ()


class Losses:
    """Collects what a format cannot say, each once, and no more than a person reads."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def tell(self, text: str) -> None:
        if len(self._told) < LOSSES_MAX:
            self._told[text] = None
        elif len(self._told) == LOSSES_MAX:
            self._told["there is more that is lost"] = None

    def tell_of(self, workout: Workout, *unsaid: Literal["author", "test", "say"]) -> None:
        """What few formats have a place for, as far as this workout holds it."""
        if "author" in unsaid and workout.author:
            self.tell("its author")
        if "test" in unsaid and workout.test:
            self.tell("that it is an FTP test")
        if "say" in unsaid and any(text.say for step in workout.steps for text in step.texts):
            self.tell("that texts are spoken")

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._told)
