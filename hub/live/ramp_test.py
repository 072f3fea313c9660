"""One athlete's ramp test under way: its riding seconds in, its end out. Pure."""

from __future__ import annotations

from hub.core import interval
from hub.core.ramp_end import RampEnd, RampWatch, in_ramp
from hub.core.workout import Workout


class RampTest:
    def __init__(self) -> None:
        self._watch = RampWatch()
        self._since_ms = 0

    def ridden_since(self, resumed_at_ms: int) -> None:
        """The riding time that lasts began then: after a pause the legs have time to come back."""
        if resumed_at_ms != self._since_ms:
            self._since_ms = resumed_at_ms
            self._watch.resumed()

    def second(
        self,
        workout: Workout,
        index: int,
        power_w: float | None,
        cadence_rpm: float | None,
        target_w: float | None,
    ) -> None:
        """A second of riding in the step `index`; only those of a ramp count."""
        if workout.test == "ramp" and in_ramp(interval.step_at(workout, index)):
            self._watch.second(power_w, cadence_rpm, target_w)

    def ended(self) -> RampEnd | None:
        """Said once: it may be undone, and only legs that fail again end it again."""
        end = self._watch.end
        if end is not None:
            self._watch.resumed()
        return end
