"""Made-up sessions and what the sensors said in them, for the tests of activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.activity import Device
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.live.inputs import Create, Entry, Input, Join, Pace, Rider, Start
from hub.live.session import Session, at, fold
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Reading

T0 = 1_700_000_000_000  # hub ms at which a session starts
ANN = Rider(athlete="ann", name="Ann", ftp_w=250, max_hr_bpm=190)

STRAP = Device("strap", "H10", (SensorKind.HEART_RATE,))
BIKE = Device("bike", "KICKR", (SensorKind.TRAINER,))
PEDALS = Device("pedals", "Assioma", (SensorKind.POWER,))
DEVICES = (STRAP, BIKE, PEDALS)


def step(name: str, kind: StepKind, seconds: int, begin: float, end: float) -> Step:
    return Step(name, kind, ForDuration(seconds * 1_000), aim(Unit.FTP, begin, end))


WORKOUT = Workout(
    "Two by one",
    (
        step("Warm-up", StepKind.WARMUP, 60, 0.4, 0.6),
        step("Threshold", StepKind.WORK, 60, 1.0, 1.0),
        step("Easy", StepKind.RECOVERY, 30, 0.5, 0.5),
        step("Threshold", StepKind.WORK, 60, 1.0, 1.0),
    ),
)


def log_of(
    *said: tuple[float, Input], riders: Sequence[Rider] = (ANN,), pace: Pace = Pace.GROUP
) -> list[Entry]:
    """A session with its riders, started at T0; `said` is (seconds after T0, input)."""
    created = Create(
        session="s1", title="Tuesday", epoch="e", workout_id="w", workout=WORKOUT, pace=pace
    )
    return [
        Entry(T0 - 60_000, created),
        *(Entry(T0 - 50_000, Join(rider)) for rider in riders),
        Entry(T0, Start()),
        *(Entry(T0 + round(after_s * 1_000), each) for after_s, each in said),
    ]


def session_of(log: Iterable[Entry], after_s: float = 10_000) -> Session:
    session = fold(log)
    assert session is not None
    return at(session, T0 + round(after_s * 1_000))


def placed(after_s: float, sensor: Device, lease: int = 1, **m: object) -> tuple[int, Reading]:
    char = {"strap": "2a37", "bike": "2ad2", "pedals": "2a63"}[sensor.sensor]
    at_ms = T0 + round(after_s * 1_000)
    return at_ms, Reading(sensor.sensor, at_ms - 123, char, Measurement(**m), lease)  # type: ignore[arg-type]


def heart(seconds: Iterable[float], bpm: int = 140) -> list[tuple[int, Reading]]:
    return [placed(s + 0.4, STRAP, heart_rate_bpm=bpm, rr_ms=(428.7,)) for s in seconds]


def bike(seconds: Iterable[float], power_w: int = 200) -> list[tuple[int, Reading]]:
    return [
        placed(s + 0.6, BIKE, power_w=power_w, cadence_rpm=90.0, speed_kmh=36.0) for s in seconds
    ]


def pedals(seconds: Iterable[float], power_w: int = 210) -> list[tuple[int, Reading]]:
    return [placed(s + 0.5, PEDALS, power_w=power_w) for s in seconds]


def by_time(*parts: Sequence[tuple[int, Reading]]) -> list[tuple[int, Reading]]:
    return sorted((each for part in parts for each in part), key=lambda each: each[0])
