"""Revolution counters -> revolutions per minute (CSC 3.1.1, CPS 3.2.1; field practice).

A sensor sends how often the crank or wheel has turned, and when it last did; both wrap. Sensors
notify faster than a slow crank turns, so an unchanged counter means nothing for a while: the rate
is held, and is 0 once `COAST_MS` pass without a revolution.
"""

from __future__ import annotations

from typing import NamedTuple

# Peers wait 3 to 5 repeats, or 2 to 3 s. A crank at 20 rpm turns every 3 s; slower is standing.
COAST_MS = 3000


class CounterSpec(NamedTuple):
    """Where a counter wraps; the service's file says."""

    revs_wrap: int
    time_wrap_s: int


class Revolutions:
    """One counter of one sensor."""

    def __init__(self, spec: CounterSpec, most_rpm: float) -> None:
        self._spec = spec
        self._most_rpm = most_rpm
        self._revs: int | None = None
        self._time_s = 0.0
        self._moved_ms = 0
        self._rpm: float | None = None

    def feed(self, revs: int, time_s: float, at_ms: int) -> float | None:
        """The rate after a frame that arrived at `at_ms`; None while it cannot be told."""
        if self._revs is None:
            self._start(revs, time_s, at_ms)
            return None
        turns = (revs - self._revs) % self._spec.revs_wrap
        if turns == 0:
            # Some sensors move the time on while nothing turns: only a revolution sets the base.
            return self._hold(at_ms)
        took_s = (time_s - self._time_s) % self._spec.time_wrap_s
        if took_s == 0 or at_ms - self._moved_ms >= self._spec.time_wrap_s * 1000:
            # After a rest that long the time may have wrapped any number of times.
            self._start(revs, time_s, at_ms)
            return None
        rpm = turns * 60 / took_s
        if rpm > self._most_rpm:
            # The counter started again, or frames came out of order: a new base, no number.
            self._start(revs, time_s, at_ms)
            return None
        self._revs, self._time_s, self._moved_ms, self._rpm = revs, time_s, at_ms, rpm
        return rpm

    def idle_at_ms(self) -> int | None:
        """When the rate falls to 0 if nothing more arrives; None: it is 0 or cannot be told.

        A counter that never left 0 tells nothing: a pod without a wheel still announces one
        (Wahoo cadence).
        """
        never_moved = not self._revs and self._rpm is None
        if never_moved or self._rpm == 0:
            return None
        return self._moved_ms + COAST_MS + 1

    def idle(self, at_ms: int) -> float | None:
        """0.0 once when the coast is over, else None."""
        due_ms = self.idle_at_ms()
        if due_ms is None or at_ms < due_ms:
            return None
        self._rpm = 0.0
        return 0.0

    def _hold(self, at_ms: int) -> float | None:
        self.idle(at_ms)
        return self._rpm

    def _start(self, revs: int, time_s: float, at_ms: int) -> None:
        self._revs, self._time_s, self._moved_ms, self._rpm = revs, time_s, at_ms, None
