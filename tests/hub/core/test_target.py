"""What a target means to one athlete."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.target import (
    PUBLISHED,
    UNITS,
    Aim,
    Dimension,
    FreeRide,
    MaxEffort,
    Resolved,
    Thresholds,
    Unit,
    aim,
    middle_at,
    range_at,
    resolve,
    round_half_up,
)
from hub.core.zone_schemes import Scheme, ZoneChoice

RIDER = Thresholds(
    ftp_w=250, max_hr_bpm=190, lthr_bpm=170, rest_hr_bpm=50, weight_kg=70.0, threshold_kmh=15.0
)


@pytest.mark.parametrize(
    ("target", "dimension", "low", "high"),
    [
        (Aim(Unit.FTP, 0.9, 0.95), Dimension.POWER_W, 225, 237.5),
        (Aim(Unit.WATT, 200, 200), Dimension.POWER_W, 200, 200),
        (Aim(Unit.WATT_PER_KG, 3, 3), Dimension.POWER_W, 210, 210),
        (Aim(Unit.POWER_ZONE, 4, 4), Dimension.POWER_W, 225, 262.5),
        (Aim(Unit.POWER_ZONE, 2, 3), Dimension.POWER_W, 137.5, 225),
        (Aim(Unit.POWER_ZONE, 7, 7), Dimension.POWER_W, 375, 450),
        (Aim(Unit.MAX_HR, 0.7, 0.8), Dimension.HEART_RATE_BPM, 133, 152),
        (Aim(Unit.LTHR, 1.0, 1.0), Dimension.HEART_RATE_BPM, 170, 170),
        (Aim(Unit.HRR, 0.5, 0.6), Dimension.HEART_RATE_BPM, 120, 134),
        (Aim(Unit.HEART_ZONE, 2, 2), Dimension.HEART_RATE_BPM, 114, 133),
        (Aim(Unit.BPM, 140, 150), Dimension.HEART_RATE_BPM, 140, 150),
        (Aim(Unit.RPE, 6, 7), Dimension.RPE, 6, 7),
        (Aim(Unit.RPM, 90, 95), Dimension.CADENCE_RPM, 90, 95),
        (Aim(Unit.GRADE_PCT, 4, 4), Dimension.GRADE_PCT, 4, 4),
        (Aim(Unit.RESISTANCE_PCT, 30, 30), Dimension.RESISTANCE_PCT, 30, 30),
        (Aim(Unit.KMH, 10, 12), Dimension.SPEED_KMH, 10, 12),
        (Aim(Unit.THRESHOLD_SPEED, 0.9, 0.9), Dimension.SPEED_KMH, 13.5, 13.5),
    ],
)
def test_each_unit_for_a_rider(target: Aim, dimension: Dimension, low: float, high: float):
    resolved = resolve(target, RIDER)
    assert resolved is not None
    assert resolved.dimension is dimension
    assert resolved.begin == pytest.approx((low, high))
    assert resolved.end == resolved.begin


@pytest.mark.parametrize(
    ("target", "zones", "low", "high"),
    [
        (Aim(Unit.HEART_ZONE, 5, 5), PUBLISHED, 171, 190),
        (Aim(Unit.HEART_ZONE, 2, 2), ZoneChoice(heart=Scheme.FRIEL), 137.7, 153),
        (Aim(Unit.HEART_ZONE, 2, 4), ZoneChoice(heart=Scheme.FRIEL), 137.7, 170),
        (Aim(Unit.HEART_ZONE, 2, 2), ZoneChoice(heart=Scheme.KARVONEN), 134, 148),
        (
            Aim(Unit.POWER_ZONE, 4, 4),
            ZoneChoice(power_bounds_pct=(50, 70, 85, 100, 115, 140)),
            212.5,
            250,
        ),
        (Aim(Unit.LTHR, 0.9, 0.9), ZoneChoice(heart=Scheme.KARVONEN), 153, 153),
    ],
)
def test_a_target_by_zone_is_the_athletes_own_zone(
    target: Aim, zones: ZoneChoice, low: float, high: float
):
    resolved = resolve(target, RIDER, zones=zones)
    assert resolved is not None
    assert resolved.begin == pytest.approx((low, high))


def test_a_heart_zone_needs_no_maximum():
    resolved = resolve(aim(Unit.HEART_ZONE, 4), Thresholds(lthr_bpm=170))
    assert resolved is not None
    assert resolved.begin == pytest.approx((159.8, 170))
    assert resolved.certain


def test_an_unknown_threshold_heart_rate_is_assumed_of_the_maximum_and_said_so():
    resolved = resolve(aim(Unit.LTHR, 0.9), Thresholds(max_hr_bpm=190))
    assert resolved is not None
    assert (resolved.begin, resolved.certain) == (pytest.approx((153.9, 153.9)), False)
    known = resolve(aim(Unit.LTHR, 0.9), Thresholds(max_hr_bpm=190, lthr_bpm=160))
    assert known is not None
    assert (known.begin, known.certain) == (pytest.approx((144, 144)), True)
    assert resolve(aim(Unit.LTHR, 0.9), Thresholds(rest_hr_bpm=50)) is None


def test_every_unit_is_in_the_table():
    assert set(UNITS) == set(Unit)


@pytest.mark.parametrize("unit", [u for u in Unit if resolve(aim(u, 1), Thresholds()) is None])
def test_an_unknown_threshold_leaves_it_to_feel(unit: Unit):
    assert resolve(aim(unit, 1), RIDER) is not None


def test_no_target_resolves_to_none():
    assert resolve(FreeRide(), RIDER) is None
    assert resolve(MaxEffort(), RIDER) is None


def test_what_rests_on_an_assumed_ftp_is_not_certain():
    guess = Thresholds(ftp_w=200, ftp_assumed=True)
    for unit, certain in ((Unit.FTP, False), (Unit.POWER_ZONE, False), (Unit.WATT, True)):
        resolved = resolve(aim(unit, 1), guess)
        assert resolved is not None
        assert resolved.certain is certain


def test_trim_scales_power_and_not_the_heart():
    power, heart = (resolve(aim(u, 1.0), RIDER, 80) for u in (Unit.FTP, Unit.LTHR))
    assert power is not None
    assert heart is not None
    assert (power.begin, heart.begin) == ((200, 200), (170, 170))


@pytest.mark.parametrize("trim_pct", [49, 151])
def test_a_trim_out_of_bounds_is_refused(trim_pct: int):
    with pytest.raises(ValueError, match="trim is 50 to 150"):
        resolve(aim(Unit.FTP, 1.0), RIDER, trim_pct)


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [(0.9, 0.8, None), (-0.1, 0.5, None), (0.5, 3.1, None), (0.5, 0.6, 0.7)],
)
def test_an_aim_outside_its_unit_is_refused(low: float, high: float, end: float | None):
    with pytest.raises(ValueError):
        Aim(Unit.FTP, low, high, end)


def test_a_ramp_is_linear_and_stays_within_its_step():
    ramp = Resolved(Dimension.POWER_W, (100, 110), (200, 220))
    assert [range_at(ramp, t, 1000)[0] for t in (-5, 0, 250, 1000, 2000)] == [
        100, 100, 125, 200, 200,
    ]  # fmt: skip
    assert middle_at(ramp, 500, 1000) == 157.5
    assert range_at(ramp, 500, None) == (100, 110)


@pytest.mark.parametrize(
    ("share", "ftp_w", "trim_pct", "watts"),
    [(0.55, 100, 100, 55), (1.15, 100, 100, 115), (0.75, 250, 100, 188), (1.0, 250, 97, 243)],
)
def test_watts_are_whole_and_half_rounds_up(share: float, ftp_w: int, trim_pct: int, watts: int):
    resolved = resolve(aim(Unit.FTP, share), Thresholds(ftp_w=ftp_w), trim_pct)
    assert resolved is not None
    assert round_half_up(middle_at(resolved, 0, None)) == watts


@given(st.floats(0, 3), st.floats(0, 3), st.floats(0, 1))
def test_a_ramp_never_leaves_its_ends(begin: float, end: float, part: float):
    resolved = resolve(aim(Unit.FTP, begin, end), RIDER)
    assert resolved is not None
    low, high = sorted((begin * 250, end * 250))
    assert low - 1e-6 <= middle_at(resolved, round(part * 60_000), 60_000) <= high + 1e-6
