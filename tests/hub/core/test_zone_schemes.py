"""Every scheme's published bounds, own bounds with their checks, and versions by date."""

from __future__ import annotations

import msgspec
import pytest

from hub.core.figures import Figures, Version, figures_on, until
from hub.core.target import Thresholds
from hub.core.zone_schemes import (
    SCHEMES,
    Scheme,
    ZoneChoice,
    heart_ranges,
    heart_zones_of,
    power_ranges,
    power_zones_of,
)

ADA = Thresholds(ftp_w=200, max_hr_bpm=200, rest_hr_bpm=50, lthr_bpm=100)


@pytest.mark.parametrize(
    ("scheme", "bounds"),
    [
        (Scheme.MAX_HR, (120, 140, 160, 180)),
        (Scheme.KARVONEN, (140, 155, 170, 185)),  # 50 + p * 150
        (Scheme.FRIEL, (81, 90, 94, 100, 103, 106)),
        (Scheme.SEILER, (160, 180)),
    ],
)
def test_heart_rate_by_each_scheme(scheme: Scheme, bounds: tuple[float, ...]) -> None:
    zones = heart_zones_of(ADA, ZoneChoice(heart=scheme))
    assert zones is not None
    assert zones.bounds == pytest.approx(bounds)
    assert len(zones.zones) == len(SCHEMES[scheme].names) == len(bounds) + 1


@pytest.mark.parametrize(
    ("bpm", "number"),
    [(80.9, 1), (81, 2), (89.5, 2), (90, 3), (93.5, 3), (94, 4), (99.9, 4), (100, 5), (102.5, 5),
     (103, 6), (105.9, 6), (106, 7)],
)  # fmt: skip
def test_friels_zones_have_no_holes(bpm: float, number: int) -> None:
    zones = heart_zones_of(ADA, ZoneChoice(heart=Scheme.FRIEL))
    assert zones is not None and zones.lookup(bpm).number == number


@pytest.mark.parametrize("scheme", [one for one in Scheme if one is not Scheme.COGGAN])
def test_without_what_a_scheme_needs_there_are_no_zones(scheme: Scheme) -> None:
    for field in SCHEMES[scheme].needs:
        lacking = msgspec.structs.replace(ADA, **{field: None})
        assert heart_zones_of(lacking, ZoneChoice(heart=scheme)) is None
    assert power_zones_of(Thresholds(), ZoneChoice()) is None


def test_own_bounds_are_per_cent_of_the_anchor() -> None:
    choice = ZoneChoice(
        heart_bounds_pct=(60, 75, 85, 95), power_bounds_pct=(56, 76, 91, 106, 121, 151)
    )
    power, heart = power_zones_of(ADA, choice), heart_zones_of(ADA, choice)
    assert power is not None and power.bounds == pytest.approx((112, 152, 182, 212, 242, 302))
    assert heart is not None and heart.bounds == pytest.approx((120, 150, 170, 190))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"heart": "coggan"}, "divides power"),
        ({"power_bounds_pct": [55, 75]}, "6 bounds"),
        ({"power_bounds_pct": [55, 75, 75, 105, 120, 150]}, "ascend"),
        ({"heart_bounds_pct": [40, 70, 80, 90]}, "ascend from 50"),
        ({"heart": "seiler", "heart_bounds_pct": [80, 400]}, "between 20 and 300"),
        ({"heart": "seiler", "heart_bounds_pct": [float("nan"), 90]}, "between 20 and 300"),
    ],
)
def test_own_bounds_are_checked(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(wrong, ZoneChoice)


# What a workout's "zone 2" means (docs/decisions/0023)

PUBLISHED = ZoneChoice()
FRIEL, SEILER = ZoneChoice(heart=Scheme.FRIEL), ZoneChoice(heart=Scheme.SEILER)
MAX_ONLY = Thresholds(max_hr_bpm=200)
LTHR_ONLY = Thresholds(lthr_bpm=180)
OF_MAX = ((100, 120), (120, 140), (140, 160), (160, 180), (180, 200))
OF_LTHR = ((72.9, 145.8), (145.8, 162), (162, 169.2), (169.2, 180), (180, 200))  # 5a to 5c in one


@pytest.mark.parametrize(
    ("athlete", "choice", "ranges"),
    [
        (MAX_ONLY, PUBLISHED, OF_MAX),
        (
            MAX_ONLY,
            ZoneChoice(heart_bounds_pct=(60, 75, 85, 95)),
            ((100, 120), (120, 150), (150, 170), (170, 190), (190, 200)),
        ),
        (
            ADA,
            ZoneChoice(heart=Scheme.KARVONEN),
            ((125, 140), (140, 155), (155, 170), (170, 185), (185, 200)),
        ),
        (LTHR_ONLY, FRIEL, OF_LTHR),
        (LTHR_ONLY, PUBLISHED, OF_LTHR),  # the scheme cannot count: by what is known
        (LTHR_ONLY, SEILER, OF_LTHR),
        (MAX_ONLY, SEILER, OF_MAX),  # three zones say nothing of five
        (MAX_ONLY, FRIEL, OF_MAX),
        (
            Thresholds(lthr_bpm=100, max_hr_bpm=112),
            FRIEL,
            ((40.5, 81), (81, 90), (90, 94), (94, 100), (100, 112)),
        ),
        (Thresholds(ftp_w=200), FRIEL, None),
        (Thresholds(rest_hr_bpm=50), ZoneChoice(heart=Scheme.KARVONEN), None),
    ],
)
def test_a_workouts_heart_zone_is_of_five(
    athlete: Thresholds, choice: ZoneChoice, ranges: tuple[tuple[float, float], ...] | None
) -> None:
    found = heart_ranges(athlete, choice)
    assert found == (None if ranges is None else tuple(pytest.approx(one) for one in ranges))


def test_a_top_zone_whose_own_bound_is_above_the_maximum_is_no_wider_than_its_bound() -> None:
    found = heart_ranges(MAX_ONLY, ZoneChoice(heart_bounds_pct=(60, 75, 85, 105)))
    assert found is not None and found[-1] == (210, 210)


def test_a_workouts_power_zone_is_the_athletes_own_of_seven() -> None:
    own = ZoneChoice(power_bounds_pct=(50, 70, 85, 100, 115, 140))
    published, found = power_ranges(ADA, PUBLISHED), power_ranges(ADA, own)
    assert published is not None and published[3] == pytest.approx((180, 210))
    assert found is not None and found[3] == pytest.approx((170, 200))
    assert found[-1] == pytest.approx((280, 336))
    assert power_ranges(MAX_ONLY, own) is None


# Versions


def version(valid_from: str, ftp_w: int) -> Version:
    return Version(valid_from, Figures(Thresholds(ftp_w=ftp_w, max_hr_bpm=190, lthr_bpm=170)))


HISTORY = {"bike": (version("2026-01-10", 200), version("2026-03-01", 220))}


@pytest.mark.parametrize(
    ("date", "ftp_w"),
    [("2025-06-01", 200), ("2026-01-10", 200), ("2026-02-28", 200), ("2026-03-01", 220),
     ("2027-01-01", 220)],
)  # fmt: skip
def test_a_version_counts_from_its_date_on(date: str, ftp_w: int) -> None:
    assert figures_on(HISTORY, "bike", date).thresholds.ftp_w == ftp_w


def test_a_sport_of_which_nothing_is_known_has_the_body_and_no_threshold() -> None:
    figures = figures_on(HISTORY, "run", "2026-03-01").thresholds
    assert figures == Thresholds(max_hr_bpm=190)
    assert figures_on({}, "run", "2026-03-01") == Figures()


def test_a_version_ends_where_the_next_begins() -> None:
    assert until(HISTORY["bike"], "2026-01-10") == "2026-03-01"
    assert until(HISTORY["bike"], "2026-03-01") is None
