"""Made-up rides of FTP tests, as they were recorded."""

from __future__ import annotations

from bench.ftp_riders import WARM_UP_S

from hub.activity.record import Activity, Lap, Recorded, Streams
from hub.core.target import Aim, FreeRide, Unit, aim
from hub.core.workout import ForDuration, FtpTest, Step, StepKind, Workout

WAVE = (3.0, -3.0, 1.0, -1.0)


def step(kind: StepKind, seconds: int, share: float | None) -> Step:
    target = FreeRide() if share is None else aim(Unit.FTP, share)
    return Step(kind.value, kind, ForDuration(seconds * 1000), target)


def ramp() -> Workout:
    rungs = (
        step(StepKind.RECOVERY if n < 1 else StepKind.WORK, 60, 0.5 + 0.1 * n) for n in range(9)
    )
    return Workout(
        "Ramp",
        (step(StepKind.WARMUP, WARM_UP_S, 0.4), *rungs, step(StepKind.COOLDOWN, 300, 0.4)),
        test="ramp",
    )


def effort(test: FtpTest) -> Workout:
    easy, hard = step(StepKind.RECOVERY, 600, 0.5), 1200 if test == "20min" else 480
    efforts = [step(StepKind.FREE, hard, None)] * (1 if test == "20min" else 2)
    between = [each for one in efforts for each in (one, easy)]
    return Workout(test, (step(StepKind.WARMUP, 300, 0.5), *between), test=test)


def recorded(
    workout: Workout | None, ridden: list[tuple[int | None, int, float]], **more: object
) -> Recorded:
    """`ridden`: (step, seconds, watts) one after the other."""
    laps, power = [], []
    for index, seconds, level_w in ridden:
        target_w = None
        if workout is not None and index is not None:
            target = workout.steps[index].target
            target_w = round(250 * target.low) if isinstance(target, Aim) else None
        laps.append(
            Lap(
                name="x",
                begins_s=len(power),
                duration_s=seconds,
                riding_s=seconds,
                step=index,
                target_w=target_w,
            )
        )
        power += [level_w + WAVE[i % 4] for i in range(seconds)]
    none = [None] * len(power)
    known: dict[str, object] = {
        "activity_id": "a", "athlete_id": "ann", "started_unix_ms": 0, "ftp_w": 250,
        "rider_ftp_w": None if more.get("ftp_assumed") else 250, **more,
    }  # fmt: skip
    activity = Activity(
        session_id="s", title="x", started_at_ms=0, ended_at_ms=len(power) * 1000,
        elapsed_s=len(power), riding_s=len(power), moving_s=len(power),
        end_cause="workout", workout=workout, laps=tuple(laps), **known,  # type: ignore[arg-type]
    )  # fmt: skip
    cadence: list[float | None] = [90.0] * len(power)
    return Recorded(
        activity,
        Streams(
            power_w=list(power), heart_rate_bpm=none, cadence_rpm=cadence, speed_kmh=none,
            distance_m=none,
        ),
    )  # fmt: skip


RUNGS: list[tuple[int | None, int, float]] = [
    (1 + n, 60, 125.0 + 25 * n) for n in range(8)
]  # the last at 300 W
