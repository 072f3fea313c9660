"""A recorded ride as plain data: what every export writes and every import will give."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hub.core.workout import StepKind, Workout
from hub.wire.uplink import SensorKind

Column = NDArray[np.float64]

SECONDS_MAX = 48 * 3600


class Lap(msgspec.Struct, frozen=True, omit_defaults=True):
    """`[begins_s, ends_s)` in seconds after the start, pauses included; laps follow each other.

    `step` is the index of the workout's step that was ridden; None for a lap of free riding.
    `by_hand`: the athlete or coach ended it, not its length.
    """

    begins_s: int
    ends_s: int
    kind: StepKind | None = None
    step: int | None = None
    by_hand: bool = False


class Pause(msgspec.Struct, frozen=True):
    """`[begins_s, ends_s)` in seconds after the start."""

    begins_s: int
    ends_s: int


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    kind: SensorKind | None = None
    manufacturer: str = ""
    model: str = ""
    battery_pct: int | None = None


class ActivityFile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One ride. Row i of each column is second i after `started_at_unix_ms`; NaN: not measured.

    The columns have equal length, pauses included: elapsed time is their length in seconds.
    `rr_ms` holds (second, intervals of the beats that arrived in it), ascending.
    Raises ValueError when columns, laps or pauses do not fit together, or a value is infinite.
    """

    started_at_unix_ms: int
    name: str
    power_w: Column
    heart_rate_bpm: Column
    cadence_rpm: Column
    speed_kmh: Column
    sport: str = "bike"  # "bike" | "run" | "row"
    laps: tuple[Lap, ...] = ()
    pauses: tuple[Pause, ...] = ()
    devices: tuple[Device, ...] = ()
    rr_ms: tuple[tuple[int, tuple[float, ...]], ...] = ()
    workout: Workout | None = None
    ftp_w: int | None = None
    max_heart_rate_bpm: int | None = None
    rpe: int | None = None  # 1-10
    utc_offset_s: int | None = None  # local time of the ride minus UTC
    software: str = ""

    def __post_init__(self) -> None:
        seconds = len(self.power_w)
        if not 1 <= seconds <= SECONDS_MAX:
            raise ValueError(f"a ride has 1 to {SECONDS_MAX} seconds, not {seconds}")
        if {len(column) for column in self.columns} != {seconds}:
            raise ValueError("the columns of a ride have equal length")
        if any(np.isinf(column).any() for column in self.columns):
            raise ValueError("the columns of a ride are finite numbers or NaN")
        _check_spans("laps", self.laps, seconds)
        _check_spans("pauses", self.pauses, seconds)

    @property
    def columns(self) -> tuple[Column, Column, Column, Column]:
        return self.power_w, self.heart_rate_bpm, self.cadence_rpm, self.speed_kmh

    @property
    def elapsed_s(self) -> int:
        return len(self.power_w)

    def riding(self) -> NDArray[np.bool_]:
        """True for each second that lies in no pause."""
        mask = np.ones(self.elapsed_s, dtype=np.bool_)
        for pause in self.pauses:
            mask[pause.begins_s : pause.ends_s] = False
        return mask


def _check_spans(what: str, spans: tuple[Any, ...], seconds: int) -> None:
    """Spans are in order, do not overlap and lie within the ride."""
    at_s = 0
    for span in spans:
        if not at_s <= span.begins_s <= span.ends_s <= seconds:
            raise ValueError(f"the {what} of a ride are in order and within its {seconds} s")
        at_s = span.ends_s
