"""What a rider's body does at an instant: the truth that every sensor of theirs measures. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Body:
    """Power, cadence and heart rate, and the beats since the body was last asked.

    `cadence_rpm` is what the body does over and over, a minute: turns of a crank on a bicycle,
    strokes on a rower, steps on a treadmill or cross trainer.
    `rr_ms` are the intervals that ended since then, oldest first.
    """

    power_w: float = 0.0
    cadence_rpm: float = 0.0
    heart_rate_bpm: float = 60.0
    rr_ms: tuple[float, ...] = ()
