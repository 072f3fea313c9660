"""The zones that an athlete chose, in everything live: rows, views, targets, over a restart."""

from __future__ import annotations

import asyncio
import json

from clock import run
from live_fakes import ANN, NOON_MS, OWNER, World, announce, power, sensor
from msgspec.structs import replace

from hub.core.figures import Figures
from hub.core.target import Thresholds, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, UntilHeartRate, Workout
from hub.core.zone_schemes import Scheme, ZoneChoice
from hub.live.row_mask import FULL_MASK
from hub.live.service import Live
from hub.store.rows import Athlete
from hub.wire.live_from_client import Action, Control
from hub.wire.live_rows import ROW_FIELDS
from hub.wire.live_views import ZonesView
from hub.wire.uplink import SensorKind
from hub.wire.values import PowerTarget

BY_ZONES = Workout(
    "By zones",
    (
        Step("Heart", StepKind.WORK, ForDuration(60_000), aim(Unit.HEART_ZONE, 2)),
        Step("Power", StepKind.WORK, ForDuration(60_000), aim(Unit.POWER_ZONE, 4)),
        Step(
            "Rest", StepKind.WORK, UntilHeartRate(aim(Unit.HEART_ZONE, 4), True), aim(Unit.RPE, 3)
        ),
    ),
)
KICKR = sensor("kickr", SensorKind.TRAINER, SensorKind.POWER)
BOUNDS = (50.0, 70.0, 85.0, 100.0, 115.0, 140.0)
FRIEL = ZoneChoice(heart=Scheme.FRIEL, power_bounds_pct=BOUNDS)
LTHR_ONLY = Figures(Thresholds(ftp_w=200, lthr_bpm=170), FRIEL)
OF_MAX = Figures(Thresholds(ftp_w=200, max_hr_bpm=190))


def with_figures(figures: Figures, sport: str = "bike") -> Athlete:
    return replace(ANN, by_sport={sport: figures})


def zones(hub: Live, session: str) -> tuple[ZonesView | None, ZonesView | None]:
    (rider,) = hub.view(OWNER, session).athletes
    return rider.power_zones, rider.heart_zones


def asked(hub: Live) -> dict[str, object]:
    gauges = hub._roster.gauges("ann")
    assert gauges is not None
    gauges.refresh(hub._clock.now_ms())
    names = ("target_dimension", "target_low", "target_high", "next_low", "next_high")
    row = dict(zip(ROW_FIELDS, json.loads(gauges.fragment(FULL_MASK)), strict=True))
    return {name: row[name] for name in names}


def test_a_chosen_scheme_reaches_views_and_targets_and_a_change_does_at_once() -> None:
    world = World()
    world.athletes.known = [with_figures(LTHR_ONLY)]

    async def ride() -> None:
        hub = world.hub()
        await hub.start()
        announce(hub, KICKR)
        await hub.assign(OWNER, "kickr", "ann")
        power(hub, "kickr", 100, NOON_MS)
        view = await hub.create_session(OWNER, workout=BY_ZONES, workout_id="w")
        watts, bpm = zones(hub, view.session)
        assert watts is not None and watts.lows == (0, 100, 140, 170, 200, 230, 280)
        assert bpm is not None and bpm.names[-1] == "Anaerobic capacity"
        assert bpm.lows == (0, 137.7, 153, 159.8, 170, 175.1, 180.2)
        await hub.control(OWNER, Control("k", view.session, Action.START))
        await asyncio.sleep(1)
        heart_bpm = {"target_dimension": "heart_rate_bpm", "target_low": 138, "target_high": 153}
        assert asked(hub) == heart_bpm | {"next_low": 170, "next_high": 200}
        assert PowerTarget(185) in [step.target for step in world.gateways.plan.steps]
        await hub.athlete_changed(with_figures(OF_MAX))
        watts, bpm = zones(hub, view.session)
        assert watts is not None and watts.lows[3] == 180
        assert bpm is not None and (bpm.names[-1], bpm.lows[1]) == ("Maximum", 114)
        heart_bpm |= {"target_low": 114, "target_high": 133}
        assert asked(hub) == heart_bpm | {"next_low": 180, "next_high": 210}
        await asyncio.sleep(7)  # so long a rider without a strap is waited for
        assert PowerTarget(195) in [step.target for step in world.gateways.plan.steps]
        await hub.stop()

    run(ride())


def test_a_change_in_mid_ride_outlives_the_hub() -> None:
    world = World()

    async def ride() -> None:
        hub = world.hub()
        await hub.start()
        view = await hub.create_session(OWNER, workout=BY_ZONES, workout_id="w")
        await hub.control(OWNER, Control("k", view.session, Action.START))
        await hub.athlete_changed(with_figures(LTHR_ONLY))
        before = zones(hub, view.session)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # kill -9
            task.cancel()
        again = world.hub()
        await again.start()
        assert zones(again, view.session) == before
        assert before[1] is not None and len(before[1].names) == 7
        await asyncio.sleep(1)
        assert asked(again)["target_low"] == 138
        await again.stop()

    run(ride())
