"""A recorded ride by other figures: only what depends on them changes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from rides import DEVICES, bike, by_time, heart, log_of, session_of

from hub.activity import Recorded, build, ride_of
from hub.activity.measure import figures_of, measured
from hub.core.figures import Figures
from hub.core.target import Thresholds
from hub.core.zone_schemes import Scheme, ZoneChoice
from hub.live.inputs import Input, Pause, Resume


def record(*said: tuple[float, Input], figures: Figures | None = None) -> Recorded:
    log = log_of(*said)
    ride = ride_of(session_of(log), log, "ann")
    assert ride is not None
    readings = by_time(heart(range(-5, 260), bpm=150), bike(range(-5, 260)))
    return build(ride, readings, DEVICES, figures=figures)


PAUSED = ((60, Pause()), (100, Resume()))
OTHER = Figures(
    Thresholds(ftp_w=200, lthr_bpm=150, max_hr_bpm=180, rest_hr_bpm=50),
    ZoneChoice(heart=Scheme.FRIEL),
)


def test_by_the_figures_that_it_has_it_is_what_it_is() -> None:
    made = record(*PAUSED)
    assert measured(made, figures_of(made.activity)) == made.activity


def test_measuring_anew_is_building_by_those_figures() -> None:
    assert measured(record(*PAUSED), OTHER) == record(*PAUSED, figures=OTHER).activity


def test_what_depends_on_figures_changes_and_the_rest_stays() -> None:
    made = record(*PAUSED).activity
    anew = measured(record(*PAUSED), OTHER)
    assert (made.ftp_w, anew.ftp_w) == (250, 200)
    assert (made.summary.intensity, anew.summary.intensity) == (0.8, 1.0)
    assert anew.summary.load == pytest.approx(made.summary.load * 250**2 / 200**2, abs=0.1)
    assert anew.summary.power_zones_s[3] == sum(made.summary.power_zones_s)  # at FTP: Threshold
    assert anew.summary.heart_rate_zones_s[4] == sum(made.summary.heart_rate_zones_s)  # at LTHR
    assert len(anew.summary.heart_rate_zones_s) == 7
    same = ("average_power_w", "work_kj", "distance_m", "energy_kcal")
    assert all(getattr(anew.summary, name) == getattr(made.summary, name) for name in same)
    assert anew.laps == made.laps
    assert replace(measured(Recorded(anew, record(*PAUSED).streams), figures_of(made))) == made
