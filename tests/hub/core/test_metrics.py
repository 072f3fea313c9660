"""Metrics against known figures, and the live ones against the later ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import metrics
from hub.core.live_metrics import MeanWindow, RideMetrics, WeightedPower, is_on_target
from hub.core.target import Dimension
from hub.core.zones import HEART_LOW_PCT, HEART_NAMES, Zones, power_zones

NAN = float("nan")


def five(max_bpm: float) -> Zones:
    return Zones([pct * max_bpm / 100 for pct in HEART_LOW_PCT], HEART_NAMES)


def column(*values: float) -> metrics.Column:
    return np.array(values, dtype=np.float64)


def test_steady_power_weighs_what_it_is():
    assert metrics.weighted_power(np.full(600, 200.0)) == pytest.approx(200)


def test_weighted_power_of_a_step_by_hand():
    # 30 s at 100 W, then 30 s at 200 W: full windows have means 100, 100 + 100 k / 30 ..., 200.
    means = [100 + 100 * k / 30 for k in range(31)]
    expected = (sum(m**4 for m in means) / 31) ** 0.25
    power = np.concatenate((np.full(30, 100.0), np.full(30, 200.0)))
    assert metrics.weighted_power(power) == pytest.approx(expected)


def test_zeros_stay_in_and_short_rides_have_no_weighted_power():
    half = metrics.weighted_power(np.tile(column(*[200] * 60, *[0] * 60), 10))
    assert half is not None
    assert 100 < half < 200
    assert metrics.weighted_power(np.full(29, 200.0)) is None
    assert metrics.weighted_power(np.full(30, 200.0)) == pytest.approx(200)


def test_short_dropouts_are_held_and_long_ones_are_not():
    held = metrics.hold_dropouts(column(NAN, 5, NAN, NAN, NAN, NAN, 7))
    np.testing.assert_array_equal(held, column(NAN, 5, 5, 5, 5, NAN, 7))
    power = np.full(100, 200.0)
    power[40:43] = NAN
    assert metrics.weighted_power(power) == pytest.approx(200)
    power[40:80] = NAN  # 43 s, then 20 s: one gapless stretch of 13 windows is left
    assert metrics.weighted_power(power) == pytest.approx(200)
    assert metrics.weighted_power(column()) is None


def test_an_hour_at_threshold_is_a_load_of_100():
    assert metrics.load(3600, 250, 250) == pytest.approx(100)
    assert metrics.load(1800, 200, 250) == pytest.approx(32)
    assert metrics.intensity(200, 250) == 0.8


def test_work_and_energy():
    assert metrics.work_kj(column(*[250] * 3600, NAN)) == 900
    assert metrics.energy_kcal(900) == pytest.approx(896.3, abs=0.1)


def test_time_in_zones_counts_every_measured_second_once():
    power = column(0, 109.9, 110, 150, 299, 300, 2000, NAN)
    assert metrics.time_in_zones(power, power_zones(200)) == (2, 1, 1, 0, 0, 1, 2)
    assert metrics.time_in_zones(column(50, 190), five(200)) == (1, 0, 0, 0, 1)


def test_a_summary():
    seconds = 3600
    summary = metrics.summarize(
        elapsed_s=3700.5,
        power_w=np.full(seconds, 200.0),
        heart_rate_bpm=np.linspace(100, 160, seconds),
        cadence_rpm=column(*[0] * 600, *[90] * 3000),
        speed_kmh=np.full(seconds, 36.0),
        ftp_w=250,
        power_zones=power_zones(250),
        heart_zones=five(190),
    )
    assert summary.riding_s == summary.moving_s == 3600
    assert summary.elapsed_s == 3700.5
    assert summary.load == pytest.approx(64)
    assert summary.intensity == pytest.approx(0.8)
    assert summary.work_kj == 720
    assert summary.distance_m == pytest.approx(36_000)
    assert summary.average_cadence_rpm == 90
    assert summary.average_heart_rate_bpm == pytest.approx(130)
    assert summary.max_heart_rate_bpm == 160
    assert sum(summary.power_zone_s) == sum(summary.heart_rate_zone_s) == 3600


def test_a_summary_of_heart_rate_alone_claims_nothing_else():
    nothing = np.full(100, NAN)
    summary = metrics.summarize(
        elapsed_s=100,
        power_w=nothing,
        heart_rate_bpm=np.full(100, 120.0),
        cadence_rpm=nothing,
        speed_kmh=nothing,
        ftp_w=250,
    )
    assert summary == metrics.Summary(
        elapsed_s=100,
        riding_s=100,
        moving_s=100,
        average_heart_rate_bpm=120,
        max_heart_rate_bpm=120,
    )


streams = st.lists(st.none() | st.integers(0, 1500), max_size=200) | st.lists(
    st.integers(0, 1500), min_size=30, max_size=200
)


@given(streams)
def test_live_weighted_power_is_the_later_one(stream: list[int | None]):
    live = WeightedPower()
    for power_w in stream:
        live.push(power_w)
    later = metrics.weighted_power(column(*(NAN if p is None else p for p in stream)))
    assert live.value == (None if later is None else pytest.approx(later, abs=1e-6))


def test_live_figures_of_an_interval():
    ride = RideMetrics()
    assert (ride.interval_average_w, ride.weighted_power_w, ride.on_target_pct) == (None,) * 3
    ride.phase_began((0, 0))
    for power_w, on_target in ((200, True), (205, True), (260, False), (None, None)):
        ride.second(power_w, 36.0, on_target)
    assert ride.interval_average_w == pytest.approx(665 / 3)
    assert ride.on_target_pct == pytest.approx(200 / 3)
    assert ride.work_kj == pytest.approx(0.665)
    assert ride.distance_m == pytest.approx(40)
    ride.phase_began((1, 4))
    assert (ride.interval_average_w, ride.on_target_pct) == (None, None)
    ride.second(100, None, None)
    assert (ride.interval_average_w, ride.on_target_pct) == (pytest.approx(100), None)
    assert ride.work_kj == pytest.approx(0.765)


def test_a_phase_that_an_undo_brings_back_goes_on():
    ride = RideMetrics()
    ride.phase_began((0, 0))
    for _ in range(30):
        ride.second(200, 36.0, True)
    ride.phase_began((1, 30))
    for _ in range(5):
        ride.second(100, 36.0, False)
    assert (ride.phase_distance_m, ride.on_target_pct) == (50, 0)
    ride.phase_began((0, 0))
    assert (ride.phase_distance_m, ride.phase_work_kj) == (350, pytest.approx(6.5))
    assert ride.on_target_pct == pytest.approx(100 * 30 / 35)
    ride.judged_anew()
    assert ride.on_target_pct is None and ride.phase_distance_m == 350
    for number in range(2, 200):
        ride.phase_began((number, number))
    ride.phase_began((0, 0))  # forgotten: no undo reaches so far
    assert ride.phase_distance_m == 0


@pytest.mark.parametrize(
    ("dimension", "value", "low", "high", "expected"),
    [
        (Dimension.POWER_W, 190, 200, 200, True),
        (Dimension.POWER_W, 189, 200, 200, False),
        (Dimension.POWER_W, 210, 200, 200, True),
        (Dimension.POWER_W, 45, 50, 50, True),
        (Dimension.POWER_W, 44, 50, 50, False),
        (Dimension.POWER_W, 180, 180, 220, True),  # a range stays a range
        (Dimension.POWER_W, 179, 180, 220, False),
        (Dimension.HEART_RATE_BPM, 143, 140, 140, True),
        (Dimension.HEART_RATE_BPM, 144, 140, 140, False),
        (Dimension.HEART_RATE_BPM, 150, 130, 150, True),
        (Dimension.CADENCE_RPM, 84, 90, 90, False),
        (Dimension.SPEED_KMH, 10.5, 10, 10, True),
        (Dimension.SPEED_KMH, 10.6, 10, 10, False),
    ],
)
def test_the_band_around_a_target(
    dimension: Dimension, value: float, low: float, high: float, expected: bool
):
    assert is_on_target(dimension, value, low, high) is expected


def test_a_mean_window_is_bounded_and_forgets():
    window = MeanWindow(1000)
    for at_ms in range(1000):
        window.push(at_ms, at_ms)
    assert window.mean(999) == pytest.approx(sum(range(936, 1000)) / 64)
    assert window.mean(3000) is None
