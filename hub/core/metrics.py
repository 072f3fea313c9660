"""What a finished ride amounts to.

Every function takes 1 Hz columns: float arrays with one value for each second of riding time
(pauses cut out), NaN where nothing was measured. Results are None where a figure has no meaning.

The names are our own: "Normalized Power", "Intensity Factor" and "Training Stress Score" are marks
of TrainingPeaks; weighted power, intensity and load follow the published definitions (Coggan, in
Allen & Coggan, "Training and Racing with a Power Meter").
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from hub.core.zones import Zones

Column = NDArray[np.float64]

WINDOW_S = 30
DROPOUT_S_MAX = 3

# kcal = kJ / 4.184 / efficiency; 24 % is the usual figure for cycling (20-25 % in trained riders).
GROSS_EFFICIENCY = 0.24
KJ_PER_KCAL = 4.184


def hold_dropouts(column: Column) -> Column:
    """Each value stays for up to 3 s of a gap; what is missing for longer stays NaN.

    Only past values are used, so that a live figure and the later one agree.
    """
    seconds = np.arange(len(column))
    measured = ~np.isnan(column)
    last = np.maximum.accumulate(np.where(measured, seconds, -1))
    held = (last >= 0) & (seconds - last <= DROPOUT_S_MAX)
    return np.where(held, column[np.maximum(last, 0)], np.nan)


def weighted_power(power_w: Column) -> float | None:
    """Fourth-power mean of the 30 s trailing mean, in watts (Coggan's normalised power).

    Only full windows without a gap count, zeros stay in, dropouts up to 3 s are held. Partial
    windows at the start would miss what devices show on short rides by several watts.
    """
    means = _full_window_means(hold_dropouts(power_w), WINDOW_S)
    if not len(means):
        return None
    return float(np.mean(means**4) ** 0.25)


def intensity(weighted_power_w: float, ftp_w: float) -> float:
    """Weighted power as a share of threshold power."""
    return weighted_power_w / ftp_w


def load(seconds: float, weighted_power_w: float, ftp_w: float) -> float:
    """100 for an hour at threshold. `seconds` is riding time.

    Garmin devices count only seconds with a full 30 s window and show up to 3.4 % less.
    """
    return seconds * weighted_power_w * intensity(weighted_power_w, ftp_w) / (ftp_w * 3600) * 100


def work_kj(power_w: Column) -> float:
    """Mechanical work; a second without a value adds nothing."""
    return float(np.nansum(power_w)) / 1000


def energy_kcal(work_kj: float) -> float:
    """An estimate of metabolic energy at 24 % gross efficiency."""
    return work_kj / KJ_PER_KCAL / GROSS_EFFICIENCY


def distance_m(speed_kmh: Column) -> float:
    return float(np.nansum(speed_kmh)) / 3.6


def time_in_zones(column: Column, zones: Zones) -> tuple[int, ...]:
    """Seconds in each zone, lowest first; seconds without a value are in none."""
    values = column[~np.isnan(column)]
    index = np.searchsorted(zones.bounds, values, side="right")
    return tuple(int(n) for n in np.bincount(index, minlength=len(zones.zones)))


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures of one ride. None: not measured, too short, or a threshold is unknown."""

    elapsed_s: float
    riding_s: int
    moving_s: int
    average_power_w: float | None = None
    max_power_w: float | None = None
    weighted_power_w: float | None = None
    intensity: float | None = None
    load: float | None = None
    work_kj: float | None = None
    energy_kcal: float | None = None
    average_heart_rate_bpm: float | None = None
    max_heart_rate_bpm: float | None = None
    average_cadence_rpm: float | None = None
    max_cadence_rpm: float | None = None
    average_speed_kmh: float | None = None
    max_speed_kmh: float | None = None
    distance_m: float | None = None
    power_zone_s: tuple[int, ...] = ()
    heart_rate_zone_s: tuple[int, ...] = ()


def summarize(
    *,
    elapsed_s: float,
    power_w: Column,
    heart_rate_bpm: Column,
    cadence_rpm: Column,
    speed_kmh: Column,
    ftp_w: float | None = None,
    power_zones: Zones | None = None,
    heart_zones: Zones | None = None,
) -> Summary:
    """All figures of a ride from its columns, which have equal length; `elapsed_s` has the pauses.

    Average cadence leaves out coasting (zeros), as head units do; every other mean keeps zeros.
    """
    weighted = weighted_power(power_w)
    riding_s = len(power_w)
    work = None if np.isnan(power_w).all() else work_kj(power_w)
    return Summary(
        elapsed_s=elapsed_s,
        riding_s=riding_s,
        moving_s=_moving_s(power_w, cadence_rpm, speed_kmh),
        average_power_w=_mean(power_w),
        max_power_w=_max(power_w),
        weighted_power_w=weighted,
        intensity=intensity(weighted, ftp_w) if weighted is not None and ftp_w else None,
        load=load(riding_s, weighted, ftp_w) if weighted is not None and ftp_w else None,
        work_kj=work,
        energy_kcal=None if work is None else energy_kcal(work),
        average_heart_rate_bpm=_mean(heart_rate_bpm),
        max_heart_rate_bpm=_max(heart_rate_bpm),
        average_cadence_rpm=_mean(cadence_rpm[cadence_rpm > 0]),
        max_cadence_rpm=_max(cadence_rpm),
        average_speed_kmh=_mean(speed_kmh),
        max_speed_kmh=_max(speed_kmh),
        distance_m=None if np.isnan(speed_kmh).all() else distance_m(speed_kmh),
        power_zone_s=time_in_zones(power_w, power_zones) if power_zones else (),
        heart_rate_zone_s=time_in_zones(heart_rate_bpm, heart_zones) if heart_zones else (),
    )


def _full_window_means(column: Column, window_s: int) -> Column:
    """Trailing means over `window_s` values, only where none of them is NaN."""
    if window_s < 1 or len(column) < window_s:
        return np.empty(0)
    missing = np.isnan(column)
    sums = _window_sums(np.where(missing, 0.0, column), window_s)
    gapless = _window_sums(missing.astype(np.float64), window_s) == 0
    means: Column = sums[gapless] / window_s
    return means


def _window_sums(column: Column, window_s: int) -> Column:
    total = np.concatenate(([0.0], np.cumsum(column)))
    return total[window_s:] - total[:-window_s]


def _moving_s(*columns: Column) -> int:
    """Seconds in which anything turned; all of them when nothing that turns was measured."""
    if all(np.isnan(column).all() for column in columns):
        return len(columns[0])
    return int(np.count_nonzero(np.any([column > 0 for column in columns], axis=0)))


def _mean(column: Column) -> float | None:
    values = column[~np.isnan(column)]
    return float(values.mean()) if len(values) else None


def _max(column: Column) -> float | None:
    values = column[~np.isnan(column)]
    return float(values.max()) if len(values) else None
