"""Staged people, sensors, bikes and workouts: what a room of the browser tests holds."""

from __future__ import annotations

from typing import Any

from browser.staged_ride import (
    CADENCE,
    HEART,
    POWER,
    Lane,
    Rider,
    Session,
    Step,
    now_ms,
    threshold_steps,
)

from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice, heart_zones_of, power_zones_of
from hub.live.views import zones_view
from hub.wire import live_views
from hub.wire.uplink import (
    LinkStatus,
    SensorKind,
    TrainerStatus,
)
from hub.wire.values import Metric


def sensor(
    name: str, kind: str, last: dict[Metric, float], *, battery: int | None = 80, **more: Any
) -> live_views.SensorView:
    return live_views.SensorView(
        sensor=f"s-{name.lower().replace(' ', '-')}",
        name=name,
        kinds=(SensorKind(kind),),
        link=more.pop("link", LinkStatus.LIVE),
        gateway="local",
        seen_at_ms=now_ms(),
        rssi_dbm=more.pop("rssi_dbm", -62),
        battery_pct=battery,
        last=last,
        **more,
    )


def athlete_json(name: str, **more: Any) -> dict[str, Any]:
    known = {"athlete": "me", "name": name, "ftp_w": None, "ftp_assumed": False}
    return known | {"max_hr_bpm": None, "weight_kg": None, "demo": False} | more


def athlete_view(
    me: dict[str, Any],
    *,
    zones: ZoneChoice = ZoneChoice(),  # noqa: B008
    lthr_bpm: int | None = None,
    **more: Any,
) -> live_views.AthleteView:
    known = {k: me[k] for k in ("athlete", "name", "ftp_w", "ftp_assumed", "max_hr_bpm")} | more
    figures = Thresholds(ftp_w=known["ftp_w"], max_hr_bpm=known["max_hr_bpm"], lthr_bpm=lthr_bpm)
    bounds = {
        "power_zones": zones_view(power_zones_of(figures, zones)),
        "heart_zones": zones_view(heart_zones_of(figures, zones)),
    }
    return live_views.AthleteView(**({"trim_pct": 100} | bounds | known))


def ride_session(
    view: live_views.AthleteView, steps: list[Step], *, at_s: float | None = None
) -> Session:
    """A ride of one; `at_s` seconds into it, or ready to start."""
    rider = Rider(
        view,
        numbers={POWER: 268, HEART: 164, CADENCE: 92, Metric.SPEED_KMH: 34.2},
        derived={"interval_average_w": 264, "weighted_power_w": 221, "on_target_pct": 94},
    )
    lane = Lane(steps)
    if at_s is not None:
        lane = Lane(steps, "running", int(at_s * 1000), now_ms())
    return Session("r1", "4 × 8 Threshold", lane, {view.athlete: rider})


def demo_class() -> Session:
    names = ["Sofia R.", "Jonas W.", "Aiko T.", "Liam M.", "Zeynep K.", "Omar H."]
    powers, hearts = [243, 287, 201, 268, 171, 331], [152, 171, 164, 159, 141, 176]
    riders = {}
    for i, (name, power_w, bpm) in enumerate(zip(names, powers, hearts, strict=True)):
        figures = {"ftp_w": 250, "max_hr_bpm": 188}
        view = athlete_view(athlete_json(name, athlete=f"d{i}", demo=True, **figures), demo=True)
        numbers = {POWER: power_w, HEART: bpm, CADENCE: 84 + 2 * i}
        riders[view.athlete] = Rider(view, numbers)
    lane = Lane(threshold_steps(), "running", 900_000, now_ms())
    return Session("demo", "Demo class", lane, riders, demo=True)


def trainer(status: TrainerStatus, **more: Any) -> live_views.TrainerView:
    return live_views.TrainerView("s-kickr-4f2a", "KICKR 4F2A", status, **more)


def workout_json(workout: str, title: str, intensity: float, steps: list[Step]) -> dict[str, Any]:
    phases = [
        {
            "name": step.name,
            "kind": step.kind,
            "duration_ms": None if step.seconds is None else int(step.seconds * 1000),
            "effort": None if step.begin is None else (step.begin, step.end or step.begin),
        }
        for step in steps
    ]
    total = sum(int((step.seconds or 0) * 1000) for step in steps)
    known = {"workout": workout, "title": title, "description": "", "duration_ms": total}
    return known | {"intensity": intensity, "phases": phases}


def workouts() -> list[dict[str, Any]]:
    warm = Step("Warm-up", "warmup", 480, 0.45, 0.75)
    cool = Step("Cool-down", "cooldown", 300, 0.6, 0.4)
    hard = [Step("Over", "work", 120, 1.18), Step("Easy", "recovery", 120, 0.5)] * 5
    sprints = [Step("Sprint", "work", 20, 1.7), Step("Easy", "recovery", 160, 0.55)] * 6
    tempo = [Step("Tempo", "work", 900, 0.85), Step("Easy", "recovery", 240, 0.55)] * 2
    return [
        workout_json("4x8", "4 × 8 Threshold", 0.84, threshold_steps()),
        workout_json("5x2", "5 × 2 VO2max", 0.88, [warm, *hard, cool]),
        workout_json("tempo", "Tempo blocks", 0.79, [warm, *tempo, cool]),
        workout_json("sprints", "Six sprints", 0.81, [warm, *sprints, cool]),
        workout_json("easy", "Easy hour", 0.62, [warm, Step("Easy", "work", 2700, 0.65), cool]),
    ]


def home_sensors() -> list[live_views.SensorView]:
    return [
        sensor("KICKR 4F2A", "trainer", {POWER: 182}, battery=None, rssi_dbm=-51),
        sensor("Pulse Strap 31", "heart_rate", {HEART: 118}, battery=64),
        sensor("ASSIOMA 1234", "power", {POWER: 179}, battery=88, rssi_dbm=-70),
        sensor("Cadence 77", "cadence", {CADENCE: 88}, battery=18, rssi_dbm=-83),
        sensor(
            "TICKR 09",
            "heart_rate",
            {HEART: 131},
            athlete="d0",
            athlete_name="Sofia R.",
            rssi_dbm=-79,
        ),
    ]


def studio(*, mine: str = "", asks: tuple[live_views.AskView, ...] = ()) -> live_views.SeatsView:
    """Eight bikes, some with riders, and a class that is open."""
    riders = {"b2": "Sofia R.", "b3": "Jonas W.", "b5": ""}
    bikes = []
    for i in range(1, 9):
        bike = f"b{i}"
        state = live_views.BikeState.TAKEN if bike in riders else live_views.BikeState.FREE
        state = live_views.BikeState.YOURS if bike == mine else state
        name = riders.get(bike, "")
        bikes.append(
            live_views.BikeView(
                bike,
                f"Bike {i}",
                state,
                here=i != 8,
                moving=i == 6,
                athlete=name and f"a{i}",
                athlete_name=name,
                sensors=(f"s-kickr-{i}",),
            )
        )
    return live_views.SeatsView(tuple(bikes), asks, "demo", "Tuesday class")
