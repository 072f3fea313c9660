"""A recorded ride: what is stored, listed, shown and exported."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from hub.core.workout import StepKind, Workout
from hub.core.zone_schemes import ZoneChoice
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric

Column = list[float | None]

# Parts of one unit that a column keeps: finer than any sensor says it.
RESOLUTION: Mapping[str, int] = {
    "power_w": 1,
    "heart_rate_bpm": 1,
    "cadence_rpm": 2,
    "speed_kmh": 100,
    "distance_m": 10,
}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of `hub.core.metrics.Summary`, rounded as they are shown."""

    average_power_w: int | None = None
    max_power_w: int | None = None
    weighted_power_w: int | None = None
    intensity: float | None = None
    load: float | None = None
    work_kj: float | None = None
    average_heart_rate_bpm: int | None = None
    max_heart_rate_bpm: int | None = None
    average_cadence_rpm: int | None = None
    distance_m: float | None = None
    energy_kcal: int | None = None
    power_zones_s: tuple[int, ...] = (0,) * 7
    heart_rate_zones_s: tuple[int, ...] = (0,) * 5


class Lap(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds after the ride's start, pauses included; laps follow each other without a hole.

    `step`: index in the workout; None in a free ride. `by_hand`: somebody ended it before its
    time. `target_w`: the mean of its target for this athlete.
    """

    name: str
    begins_s: int
    duration_s: int
    riding_s: int
    kind: StepKind | None = None
    step: int | None = None
    by_hand: bool = False
    target_w: int | None = None
    average_power_w: int | None = None
    max_power_w: int | None = None
    average_heart_rate_bpm: int | None = None
    max_heart_rate_bpm: int | None = None
    average_cadence_rpm: int | None = None
    distance_m: float | None = None


class Gap(msgspec.Struct, frozen=True):
    """Seconds without a number, and why: "paused", "sensor lost", "computer slept 3:12", …

    `metric` None: of every metric.
    """

    begins_s: int
    duration_s: int
    reason: str
    metric: Metric | None = None


class SourceUse(msgspec.Struct, frozen=True):
    """From `begins_s` on the metric came from this sensor."""

    metric: Metric
    sensor: str
    name: str
    begins_s: int


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    sensor: str
    name: str
    kinds: tuple[SensorKind, ...] = ()
    manufacturer: str = ""
    model: str = ""
    battery_pct: int | None = None


class Streams(msgspec.Struct, frozen=True, kw_only=True):
    """Columns on the 1 Hz grid: row i is second i from the ride's start; None is a gap.

    `rr_ms`: (second, intervals of the beats that arrived in it), ascending.
    """

    power_w: Column
    heart_rate_bpm: Column
    cadence_rpm: Column
    speed_kmh: Column
    distance_m: Column
    rr_ms: list[tuple[int, list[float]]] = []


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded ride without its streams. `saved`, `title`, `note`, `rpe` and `declined_ftp_w` are
    the athlete's own.

    `elapsed_s` counts from start to end, `riding_s` without the pauses, `moving_s` while anything
    turned. `version` counts how often it was built, more readings having come in. `estimated_s`:
    seconds with a reading that was placed by a gateway's wall clock, which nobody had compared.
    """

    activity_id: str
    session_id: str
    athlete_id: str
    title: str
    started_at_ms: int  # hub time, as is `ended_at_ms`
    ended_at_ms: int
    started_unix_ms: int
    elapsed_s: int
    riding_s: int
    moving_s: int
    end_cause: str  # "workout" | "stop" | "idle"
    version: int = 1
    estimated_s: int = 0
    demo: bool = False
    saved: bool = False
    note: str = ""
    rpe: int | None = None  # 1-10
    declined_ftp_w: int | None = None  # an FTP test's proposal that the athlete turned down
    rider_ftp_w: int | None = None  # said by then, whatever the ride is measured by since
    ftp_w: int | None = None
    ftp_assumed: bool = False  # nobody has said it
    max_hr_bpm: int | None = None
    lthr_bpm: int | None = None
    rest_hr_bpm: int | None = None
    zones: ZoneChoice = ZoneChoice()  # by which the seconds in zones are told
    workout: Workout | None = None  # None: a free ride
    summary: Summary = Summary()
    laps: tuple[Lap, ...] = ()
    gaps: tuple[Gap, ...] = ()
    sources: tuple[SourceUse, ...] = ()
    devices: tuple[Device, ...] = ()


class Recorded(msgspec.Struct, frozen=True):
    activity: Activity
    streams: Streams


def activity_id(session_id: str, athlete_id: str) -> str:
    """The same ride always gets the same id, however often it is built."""
    digest = hashlib.sha256(f"{session_id}/{athlete_id}".encode()).digest()
    return base64.b32encode(digest).decode()[:26]
