"""The same effort in another measure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.equivalents import HIGHEST_SHARE, LEVELS, asked, effort
from hub.core.target import (
    Aim,
    Dimension,
    FreeRide,
    MaxEffort,
    Resolved,
    StepTarget,
    Thresholds,
    Unit,
    aim,
)

STRAP = Thresholds(lthr_bpm=160, max_hr_bpm=180)
MAX_ONLY = Thresholds(max_hr_bpm=180)
NOTHING = Thresholds()


def told(
    target: StepTarget, athlete: Thresholds, *, length_s: int | None = 600, trim_pct: int = 100
) -> tuple[Dimension, tuple[float, float]] | None:
    length_ms = None if length_s is None else length_s * 1000
    one = asked(target, athlete, trim_pct, length_ms=length_ms, has_power=False)
    return None if one is None else (one.dimension, one.begin)


def bpm(low: float, high: float) -> object:
    return Dimension.HEART_RATE_BPM, pytest.approx((low, high))


@pytest.mark.parametrize(
    ("share", "lthr"),
    [(0.50, (0.50, 0.68)), (0.65, (0.69, 0.83)), (0.80, (0.84, 0.94)), (1.0, (0.95, 1.05))],
)
def test_a_share_of_ftp_is_its_levels_heart_rate(share: float, lthr: tuple[float, float]) -> None:
    assert told(aim(Unit.FTP, share), STRAP) == bpm(lthr[0] * 160, lthr[1] * 160)


def test_where_the_threshold_is_not_known_it_is_a_guide_from_the_maximum() -> None:
    assert told(aim(Unit.FTP, 0.8), MAX_ONLY) == bpm(0.84 * 162, 0.94 * 162)
    assert told(aim(Unit.FTP, 1.1), MAX_ONLY) == bpm(1.06 * 162, 1.11 * 162)


def test_no_heart_is_asked_beyond_its_maximum() -> None:
    athlete = Thresholds(lthr_bpm=175, max_hr_bpm=180)
    assert told(aim(Unit.FTP, 1.1), athlete) == bpm(180, 180)


def test_what_heart_rate_cannot_tell_is_told_by_feel() -> None:
    feel = Dimension.RPE
    assert told(aim(Unit.FTP, 1.3), STRAP) == (feel, (8, 9))  # the table has no heart rate there
    assert told(aim(Unit.FTP, 1.0), STRAP, length_s=60) == (feel, (4, 5))  # and it has a lag
    assert told(aim(Unit.FTP, 1.0), NOTHING) == (feel, (4, 5))
    assert told(aim(Unit.FTP, 1.8), NOTHING) == (feel, (10, 10))


def test_a_range_that_ends_where_a_level_begins_is_not_in_it() -> None:
    assert told(Aim(Unit.FTP, 0.56, 0.75), NOTHING) == (Dimension.RPE, (2, 3))
    assert told(aim(Unit.POWER_ZONE, 2), NOTHING) == (Dimension.RPE, (2, 3))
    assert told(Aim(Unit.FTP, 0.56, 0.76), NOTHING) == (Dimension.RPE, (2, 4))


def test_trim_moves_the_effort() -> None:
    assert told(aim(Unit.FTP, 1.0), NOTHING, trim_pct=80) == (Dimension.RPE, (3, 4))


def test_watts_need_an_ftp_to_say_how_hard_they_are() -> None:
    assert told(aim(Unit.WATT, 200), NOTHING) is None
    known = Thresholds(ftp_w=250, max_hr_bpm=180)
    assert told(aim(Unit.WATT, 200), known) == bpm(0.84 * 162, 0.94 * 162)


def test_who_has_power_and_an_ftp_is_asked_for_watts() -> None:
    one = asked(aim(Unit.FTP, 0.9), Thresholds(ftp_w=200), has_power=True)
    assert one == Resolved(Dimension.POWER_W, (180, 180), (180, 180))
    one = asked(aim(Unit.FTP, 0.9), STRAP, length_ms=600_000, has_power=True)
    assert one is not None and one.dimension is Dimension.HEART_RATE_BPM


@pytest.mark.parametrize("target", [FreeRide(), MaxEffort()])
def test_what_asks_for_nothing_stays_so(target: StepTarget) -> None:
    assert asked(target, STRAP, has_power=False) is None


def test_another_measure_is_never_certain() -> None:
    one = asked(aim(Unit.FTP, 0.9), STRAP, has_power=False)
    assert one is not None and not one.certain


@given(st.sampled_from(Unit), st.floats(0, 1), st.integers(50, 150), st.booleans())
def test_whoever_rides_gets_a_range_in_order(
    unit: Unit, part: float, trim_pct: int, has_power: bool
) -> None:
    from hub.core.target import UNITS

    lowest, highest = UNITS[unit].bounds
    value = lowest + (highest - lowest) * part
    for athlete in (STRAP, MAX_ONLY, NOTHING, Thresholds(ftp_w=200, weight_kg=70)):
        one = asked(aim(unit, value), athlete, trim_pct, has_power=has_power)
        for low, high in (one.begin, one.end) if one else ():
            assert low <= high
    shares = effort(aim(unit, value))
    assert shares is None or all(0 <= share <= 3 for share in shares)


def test_efforts_of_the_levels_own_bands_are_their_middles() -> None:
    for level in LEVELS[:5]:
        assert level.lthr is not None
        middle = (level.low + level.high) / 2
        assert effort(Aim(Unit.LTHR, *level.lthr)) == pytest.approx((middle, middle), abs=1e-3)
    assert effort(aim(Unit.POWER_ZONE, 7)) == ((1.5 + HIGHEST_SHARE) / 2,) * 2
    assert effort(aim(Unit.FTP, 0.5, 0.9)) == (0.5, 0.9)
    assert effort(aim(Unit.WATT, 200)) is None  # whose?
    assert effort(aim(Unit.GRADE_PCT, 4)) is None
