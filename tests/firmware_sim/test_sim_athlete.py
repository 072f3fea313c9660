"""The rider's physiology: known shapes, checked as properties on simulated time."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import pytest

from firmware_sim.athlete import STEP_MS, W_PRIME_J, Athlete, Physique
from firmware_sim.devices.body import Body
from firmware_sim.discipline import CYCLING, ROWING, RUNNING, STEPPING, Discipline

PHYSIQUE = Physique(ftp_w=250, max_hr_bpm=188, rest_hr_bpm=52)
MINUTE_MS = 60_000


def athlete(seed: int = 1, physique: Physique = PHYSIQUE) -> Athlete:
    return Athlete(physique, random.Random(seed))


def ride(
    rider: Athlete,
    from_ms: int,
    to_ms: int,
    target: Callable[[int], float | None] | float | None = None,
) -> list[Body]:
    def target_at(now_ms: int) -> float | None:
        return target(now_ms) if callable(target) else target

    return [rider.advance(t, target_at(t)) for t in range(from_ms + STEP_MS, to_ms + 1, STEP_MS)]


def rmssd(intervals: list[float]) -> float:
    return math.sqrt(
        statistics.fmean((b - a) ** 2 for a, b in zip(intervals, intervals[1:], strict=False))
    )


def beats(bodies: list[Body]) -> list[float]:
    return [interval for body in bodies for interval in body.rr_ms]


def test_the_same_seed_rides_the_same_ride_and_another_one_does_not() -> None:
    first, again, other = (ride(athlete(seed), 0, 5 * MINUTE_MS) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_asking_more_often_changes_nothing() -> None:
    seldom, often = athlete(), athlete()
    rare = [seldom.advance(t, 180) for t in range(0, MINUTE_MS, 1000)]
    dense: list[tuple[float, ...]] = []
    for t in range(0, MINUTE_MS - 999, 50):
        dense.append(often.advance(t, 180).rr_ms)
    assert rare[-1].power_w == often.advance(MINUTE_MS - 1000, 180).power_w
    assert [rr for body in rare for rr in body.rr_ms] == [rr for part in dense for rr in part]


def test_power_follows_a_target_with_a_lag() -> None:
    rider = athlete()
    ride(rider, 0, MINUTE_MS, 100)
    step = ride(rider, MINUTE_MS, 2 * MINUTE_MS, 200)
    assert step[0].power_w < 140
    settled = [body.power_w for body in step[60:]]
    assert statistics.fmean(settled) == pytest.approx(200, rel=0.03)
    assert 0.5 < statistics.stdev(settled) < 12


@pytest.mark.parametrize(("power_w", "rate_bpm"), [(100, 106), (175, 140), (225, 163)])
def test_heart_rate_settles_where_the_power_asks(power_w: float, rate_bpm: float) -> None:
    """Linear in power, 90 % of the maximum at FTP, with a few beats of drift."""
    rider = athlete()
    last = ride(rider, 0, 15 * MINUTE_MS, power_w)[-240:]
    assert statistics.fmean(body.heart_rate_bpm for body in last) == pytest.approx(rate_bpm, abs=4)


def test_heart_rate_lags_power_and_falls_more_slowly_than_it_rises() -> None:
    rider = athlete()
    ride(rider, 0, 5 * MINUTE_MS, 100)
    up = [body.heart_rate_bpm for body in ride(rider, 5 * MINUTE_MS, 15 * MINUTE_MS, 200)]
    down = [body.heart_rate_bpm for body in ride(rider, 15 * MINUTE_MS, 25 * MINUTE_MS, 100)]
    assert up[0] < up[-1] - 30
    assert half_way(up) < half_way(down)
    assert 10 < half_way(up) < 60


def half_way(rates: list[float]) -> float:
    """Seconds until half of the change is done."""
    middle = (rates[0] + rates[-1]) / 2
    rising = rates[-1] > rates[0]
    index = next(i for i, rate in enumerate(rates) if (rate > middle) == rising)
    return index * STEP_MS / 1000


def test_heart_rate_drifts_in_an_hour_of_steady_riding() -> None:
    rider = athlete()
    hour = [body.heart_rate_bpm for body in ride(rider, 0, 60 * MINUTE_MS, 180)]
    at_15, at_60 = hour[15 * 240], hour[-1]
    assert 3 < at_60 - at_15 < 12


def test_nobody_beats_faster_than_the_maximum() -> None:
    rider = athlete()
    assert max(b.heart_rate_bpm for b in ride(rider, 0, 10 * MINUTE_MS, 400)) <= 188


def test_intervals_fill_the_time() -> None:
    rider = athlete()
    bodies = ride(rider, 0, 10 * MINUTE_MS)
    assert sum(beats(bodies)) == pytest.approx(10 * MINUTE_MS, abs=1500)


def test_intervals_agree_with_the_rate() -> None:
    rider = athlete()
    steady = ride(rider, 0, 20 * MINUTE_MS, 150)[-2400:]
    shown = statistics.fmean(body.heart_rate_bpm for body in steady)
    assert 60_000 / statistics.fmean(beats(steady)) == pytest.approx(shown, rel=0.01)


def test_variability_is_large_at_rest_and_small_at_threshold() -> None:
    at_rest = rmssd(beats(ride(athlete(), 0, 5 * MINUTE_MS, 0.0)))
    easy = rmssd(beats(ride(athlete(), 0, 20 * MINUTE_MS, 125)[-2400:]))
    hard = rmssd(beats(ride(athlete(), 0, 20 * MINUTE_MS, 240)[-2400:]))
    assert 20 < at_rest < 90
    assert at_rest > 2 * easy > 2 * hard
    assert 1 < hard < 6


def test_breathing_is_in_the_intervals() -> None:
    """The spectrum at rest has its peak above the slow wave in the band of breathing."""
    intervals = beats(ride(athlete(), 0, 5 * MINUTE_MS, 0.0))
    mean = statistics.fmean(intervals)

    def strength(hz: float) -> float:
        angle = math.tau * hz * mean / 1000
        real = sum((rr - mean) * math.cos(angle * i) for i, rr in enumerate(intervals))
        imaginary = sum((rr - mean) * math.sin(angle * i) for i, rr in enumerate(intervals))
        return math.hypot(real, imaginary)

    breathing = max(strength(hz / 1000) for hz in range(200, 300, 2))
    nowhere = max(strength(hz / 1000) for hz in range(340, 420, 2))
    assert breathing > 4 * nowhere


def test_w_prime_is_spent_above_critical_power_and_comes_back_below() -> None:
    rider = athlete()
    ride(rider, 0, MINUTE_MS, 350)
    spent = W_PRIME_J - rider.w_balance_j
    assert spent == pytest.approx(100 * 60, rel=0.15)
    ride(rider, MINUTE_MS, 11 * MINUTE_MS, 125)
    assert W_PRIME_J - rider.w_balance_j < spent / 10


def test_an_empty_rider_falls_back_to_critical_power_and_slows_down() -> None:
    rider = athlete()
    bodies = ride(rider, 0, 10 * MINUTE_MS, 350)
    fresh, empty = bodies[240], bodies[-240:]
    assert fresh.power_w > 320
    assert statistics.fmean(body.power_w for body in empty) == pytest.approx(250, rel=0.05)
    assert statistics.fmean(b.cadence_rpm for b in empty) < fresh.cadence_rpm - 10
    assert abs(rider.w_balance_j) < 0.05 * W_PRIME_J


def test_will_warms_up_varies_and_rests() -> None:
    rider = athlete()
    powers = [body.power_w for body in ride(rider, 0, 30 * MINUTE_MS)]
    early, later = powers[120:480], powers[1200:]
    assert statistics.fmean(early) < statistics.fmean(later)
    assert 0.5 * 250 < statistics.fmean(later) < 0.9 * 250
    assert statistics.stdev(later) > 10
    assert min(later) < 20


def test_a_habit_of_cadence_is_kept() -> None:
    rider = athlete(physique=Physique(250, 188, 52, cadence_rpm=96))
    cadences = [body.cadence_rpm for body in ride(rider, 0, 5 * MINUTE_MS, 200)[240:]]
    assert statistics.fmean(cadences) == pytest.approx(96, abs=2)
    assert statistics.stdev(cadences) < 4


def test_who_rests_does_not_pedal_whatever_the_brake_asks() -> None:
    athlete = Athlete(Physique(ftp_w=250, max_hr_bpm=185), random.Random(1))
    riding = athlete.advance(60_000, 200.0)
    rested = athlete.advance(75_000, 200.0, resting=True)
    back = athlete.advance(105_000, 200.0)
    assert riding.power_w > 150 and riding.cadence_rpm > 60
    assert rested.power_w == 0 and rested.cadence_rpm == 0
    assert back.power_w > 150


@pytest.mark.parametrize(
    ("discipline", "low", "high"),
    [(CYCLING, 75, 100), (ROWING, 17, 30), (RUNNING, 150, 185), (STEPPING, 85, 120)],
)
def test_each_discipline_has_its_rhythm_and_its_rests(
    discipline: Discipline, low: float, high: float
) -> None:
    for seed in range(5):
        one = athlete(seed, Physique(250, 188, 52, discipline=discipline))
        bodies = ride(one, 0, 30 * MINUTE_MS)[10 * MINUTE_MS // STEP_MS :]
        assert low < statistics.median(body.cadence_rpm for body in bodies) < high
        assert min(body.cadence_rpm for body in bodies) == 0.0
        resting = sum(body.cadence_rpm < low / 2 for body in bodies) / len(bodies)
        assert 0 < resting < 0.06
