"""The values that travel: what a sensor said, what is true of an athlete, what a trainer does."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

# What JSON, SQLite and a double all carry: a greater one would spoil the commit of every gateway.
Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


# Thousands a second wait for a commit. They hold no containers, so they cannot be garbage in a
# circle, and `gc=False` spares the collector from walking them: a sixth of the CPU of ingest.


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One decoded notification. A field the frame does not carry is None and is not encoded."""

    heart_rate_bpm: Whole | None = None
    contact_supported: bool | None = None
    contact: bool | None = None
    energy_kj: Whole | None = None
    rr_ms: tuple[float, ...] | None = None  # oldest first
    body_location: str | None = None
    power_w: Whole | None = None
    balance_pct: float | None = None
    accumulated_torque_nm: float | None = None
    torque_source: str | None = None  # "wheel" | "crank"
    crank_revs: Whole | None = None
    crank_time_s: float | None = None
    wheel_revs: Whole | None = None
    wheel_time_s: float | None = None
    cadence_rpm: float | None = None
    speed_kmh: float | None = None
    average_speed_kmh: float | None = None
    average_cadence_rpm: float | None = None
    average_power_w: Whole | None = None
    distance_m: float | None = None
    resistance: Whole | None = None  # as sent: its unit differs from maker to maker
    energy_kcal: Whole | None = None
    energy_per_hour_kcal: Whole | None = None
    energy_per_minute_kcal: Whole | None = None
    met: float | None = None
    elapsed_s: Whole | None = None
    remaining_s: Whole | None = None
    stroke_rate_spm: float | None = None
    stroke_count: Whole | None = None
    pace_s_per_500m: float | None = None
    step_rate_spm: float | None = None
    stride_count: float | None = None
    incline_pct: float | None = None
    stride_length_m: float | None = None
    speed_mps: float | None = None
    battery_pct: Whole | None = None
    partial: bool | None = None  # True: the frame ended before the fields its flags promise


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One decoded notification of one sensor.

    `at_ms` is the gateway's boot-time clock (CLOCK_BOOTTIME, ms) when the bytes arrived; the hub
    maps it to hub time.
    `lease` is the number under which the gateway held the sensor; fusion ignores a stale one.
    """

    sensor_id: str
    at_ms: Whole
    char: str  # four hex digits of the characteristic, lower case: "2a37"
    m: Measurement
    lease: Whole = 0


class Metric(StrEnum):
    """What the hub fuses, shows, grants and records; the order is the order of row fields."""

    POWER_W = "power_w"
    HEART_RATE_BPM = "heart_rate_bpm"
    CADENCE_RPM = "cadence_rpm"
    SPEED_KMH = "speed_kmh"


class Quality(StrEnum):
    """How far a number may be trusted right now."""

    LIVE = "live"
    AGED = "aged"  # older than the metric's fresh limit: shown faded, with its age
    GONE = "gone"  # older than the metric's keep limit: no number is shown
    NONE = "none"  # no source has ever given it
    DENIED = "denied"  # exists, but this viewer has no grant for it
    SUSPECT = "suspect"  # implausible or frozen


class MetricValue(msgspec.Struct, frozen=True):
    """One metric of one athlete: the value, when it was measured (hub ms), by whom, how good."""

    value: float | None
    at_ms: int
    source: str  # sensor_id; "" with Quality.NONE
    quality: Quality


class Sample(msgspec.Struct, frozen=True):
    """One athlete's fused truth at an instant (hub ms)."""

    athlete_id: str
    at_ms: int
    metrics: dict[Metric, MetricValue]


# What is asked of a trainer. Resolved: no FTP, no zones, no percentages are left in it.


class PowerTarget(msgspec.Struct, frozen=True, tag_field="t", tag="power"):
    power_w: int


class FreeTarget(msgspec.Struct, frozen=True, tag_field="t", tag="free"):
    """No steering: the rider and the bike decide."""


CRR_ASPHALT = 0.004  # rolling resistance of a road tyre on asphalt
CW_HOODS_KG_M = 0.51  # what FE-C page 50 takes for unknown


class GradeTarget(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="grade", kw_only=True
):
    """Feel like this road; the rider decides how hard to ride it.

    `wind_mps` is the head wind, `crr` the rolling resistance, `cw_kg_m` half the air's density
    times the drag area (FTMS 1.0, 4.16.2.18).
    """

    grade_pct: float
    wind_mps: float = 0.0
    crr: float = CRR_ASPHALT
    cw_kg_m: float = CW_HOODS_KG_M


class ResistanceTarget(msgspec.Struct, frozen=True, tag_field="t", tag="resistance"):
    """Brake like a dial at `level_pct` of the machine's own range; faster is harder."""

    level_pct: float


Target = PowerTarget | FreeTarget | GradeTarget | ResistanceTarget


class PlanStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `at_ms` (hub ms) on hold `target`, or ramp linearly to `ramp_to` by the next step.

    Both ends of a ramp are of one kind. A road's wind and surface are those of `target`.
    """

    at_ms: int
    target: Target
    ramp_to: Target | None = None


class CueKind(StrEnum):
    COUNTDOWN = "countdown"  # 3-2-1: fires at `at_ms`, which is the last second before the phase
    PHASE = "phase"
    FINISH = "finish"
    MESSAGE = "message"
    TEXT = "text"  # a line of the workout's author


class Cue(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device does at an instant of hub time, link or no link."""

    i: int  # index in the timeline's cue list
    kind: CueKind
    at_ms: int
    name: str = ""  # of a text: the line
    phase: int = -1
    say: bool = False  # spoken, where the device has a voice
