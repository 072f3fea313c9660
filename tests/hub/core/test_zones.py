"""Zones and the tracker that keeps them from flickering."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice, heart_zones_of
from hub.core.zones import Zones, ZoneTracker, power_zones


@pytest.mark.parametrize(
    ("watts", "number", "name"),
    [
        (0, 1, "Recovery"),
        (109, 1, "Recovery"),
        (110, 2, "Endurance"),
        (149.9, 2, "Endurance"),
        (150, 3, "Tempo"),
        (180, 4, "Threshold"),
        (210, 5, "VO2max"),
        (240, 6, "Anaerobic"),
        (300, 7, "Sprint"),
        (1500, 7, "Sprint"),
    ],
)
def test_a_zone_includes_its_lower_bound(watts: float, number: int, name: str):
    zone = power_zones(200).lookup(watts)
    assert (zone.number, zone.name) == (number, name)


@pytest.mark.parametrize(
    ("bpm", "number"), [(60, 1), (100, 1), (120, 2), (140, 3), (160, 4), (180, 5), (200, 5)]
)
def test_five_heart_rate_zones(bpm: float, number: int):
    zones = heart_zones_of(Thresholds(max_hr_bpm=200), ZoneChoice())
    assert zones is not None
    assert zones.lookup(bpm).number == number


@given(st.integers(50, 500), st.floats(0, 3000))
def test_zones_leave_no_hole(ftp_w: int, watts: float):
    zone = power_zones(ftp_w).lookup(watts)
    assert zone.low <= watts
    assert zone.above is None or watts < zone.above


@pytest.mark.parametrize(
    ("lows", "names"), [([], []), ([1], ["a", "b"]), ([1, 1], ["a", "b"]), ([2, 1], ["a", "b"])]
)
def test_a_table_that_is_none_is_refused(lows: list[float], names: list[str]):
    with pytest.raises(ValueError, match=r"bound"):
        Zones(lows, names)


def test_the_shown_zone_does_not_flicker_on_a_bound():
    tracker = ZoneTracker(power_zones(200))  # Tempo begins at 150 W
    shown = [tracker.update(149 if t % 500 else 151, t).number for t in range(0, 10_000, 250)]
    assert set(shown) == {3}


def test_a_clear_step_out_shows_at_once_and_a_small_one_after_two_seconds():
    tracker = ZoneTracker(power_zones(200))
    assert tracker.update(140, 0).number == 2
    assert tracker.update(152.9, 100).number == 2
    assert tracker.update(153, 200).number == 3
    assert tracker.update(149, 1000).number == 3
    assert tracker.update(148, 2999).number == 3
    assert tracker.update(149, 3000).number == 2
    assert tracker.update(147, 3100).number == 2


def test_coming_back_in_starts_the_two_seconds_again():
    tracker = ZoneTracker(power_zones(200))
    tracker.update(140, 0)
    tracker.update(151, 100)
    tracker.update(149, 1900)
    assert tracker.update(151, 2200).number == 2
    assert tracker.update(151, 4200).number == 3
