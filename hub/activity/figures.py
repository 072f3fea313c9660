"""What a stretch of the ride amounts to, rounded as it is shown."""

from __future__ import annotations

from collections.abc import Mapping

from hub.activity.record import Summary
from hub.activity.track import Array, Mask
from hub.core import metrics
from hub.core.figures import Figures
from hub.core.zone_schemes import heart_zones_of, power_zones_of
from hub.core.zones import Zones
from hub.wire.values import Metric


def summarize(
    columns: Mapping[Metric, Array],
    riding: Mask,
    *,
    ftp_w: int | None = None,
    power_zones: Zones | None = None,
    heart_zones: Zones | None = None,
) -> metrics.Summary:
    """Of the columns' seconds those in which `riding`; pauses have no part in any figure."""
    return metrics.summarize(
        elapsed_s=len(riding),
        power_w=columns[Metric.POWER_W][riding],
        heart_rate_bpm=columns[Metric.HEART_RATE_BPM][riding],
        cadence_rpm=columns[Metric.CADENCE_RPM][riding],
        speed_kmh=columns[Metric.SPEED_KMH][riding],
        ftp_w=ftp_w,
        power_zones=power_zones,
        heart_zones=heart_zones,
    )


def summary_of(columns: Mapping[Metric, Array], riding: Mask, figures: Figures) -> metrics.Summary:
    """Of a whole ride, by the athlete's thresholds and zones."""
    return summarize(
        columns,
        riding,
        ftp_w=figures.thresholds.ftp_w,
        power_zones=power_zones_of(figures.thresholds, figures.zones),
        heart_zones=heart_zones_of(figures.thresholds, figures.zones),
    )


def shown(summary: metrics.Summary) -> Summary:
    return Summary(
        average_power_w=_whole(summary.average_power_w),
        max_power_w=_whole(summary.max_power_w),
        weighted_power_w=_whole(summary.weighted_power_w),
        intensity=_decimals(summary.intensity, 3),
        load=_decimals(summary.load, 1),
        work_kj=_decimals(summary.work_kj, 1),
        average_heart_rate_bpm=_whole(summary.average_heart_rate_bpm),
        max_heart_rate_bpm=_whole(summary.max_heart_rate_bpm),
        average_cadence_rpm=_whole(summary.average_cadence_rpm),
        distance_m=_decimals(summary.distance_m, 1),
        energy_kcal=_whole(summary.energy_kcal),
        power_zones_s=summary.power_zone_s or (0,) * 7,
        heart_rate_zones_s=summary.heart_rate_zone_s or (0,) * 5,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _decimals(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)
