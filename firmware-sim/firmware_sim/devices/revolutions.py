"""A magnet that passes a sensor: how often it has, and when it last did."""

from __future__ import annotations


class Revolutions:
    """Counts whole revolutions and times the last one on the device's own clock.

    Args:
        ticks_per_s: unit of the event time: 1024, or 2048 for the wheel of a power meter.
        count: where the counter stands at the start; real ones keep theirs for years.
    """

    def __init__(self, ticks_per_s: int, count: int = 0) -> None:
        self.ticks_per_s = ticks_per_s
        self.count = count
        self._part = 0.0  # of a revolution, since the last whole one
        self._at_ms: float | None = None
        self._event_ms = 0.0

    @property
    def event_ticks(self) -> int:
        """When the last whole revolution ended. It wraps where its field does, not here."""
        return round(self._event_ms * self.ticks_per_s / 1000)

    def advance(self, per_minute: float, now_ms: int) -> None:
        """Turn at `per_minute` until `now_ms`; the first call only sets the clock."""
        if self._at_ms is None:
            self._at_ms = self._event_ms = now_ms
            return
        per_ms = per_minute / 60_000
        turned = self._part + per_ms * (now_ms - self._at_ms)
        whole = int(turned)
        if whole:
            self.count += whole
            self._event_ms = now_ms - (turned - whole) / per_ms
        self._part = turned - whole
        self._at_ms = now_ms
