"""A recorded ride measured by other figures: what depends on thresholds and zones, and no more."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from hub.activity.build import PAUSED
from hub.activity.figures import shown, summary_of
from hub.activity.record import Activity, Recorded
from hub.activity.track import Array
from hub.core.figures import Figures
from hub.core.target import Thresholds
from hub.wire.values import Metric


def measured(recorded: Recorded, figures: Figures) -> Activity:
    """The activity as if `figures` had counted on its day. Targets and laps stay as ridden."""
    activity, streams = recorded.activity, recorded.streams
    columns: dict[Metric, Array] = {
        metric: np.array(getattr(streams, metric), dtype=np.float64)  # None becomes NaN
        for metric in Metric
    }
    riding = np.ones(len(streams.power_w), dtype=np.bool_)
    for gap in activity.gaps:
        if gap.metric is None and gap.reason == PAUSED:
            riding[gap.begins_s : gap.begins_s + gap.duration_s] = False
    summary = shown(summary_of(columns, riding, figures))
    return replace(with_figures(activity, figures), summary=summary)


def with_figures(activity: Activity, figures: Figures) -> Activity:
    athlete = figures.thresholds
    return replace(
        activity,
        ftp_w=athlete.ftp_w,
        ftp_assumed=athlete.ftp_assumed,
        max_hr_bpm=athlete.max_hr_bpm,
        lthr_bpm=athlete.lthr_bpm,
        rest_hr_bpm=athlete.rest_hr_bpm,
        zones=figures.zones,
    )


def figures_of(activity: Activity) -> Figures:
    """What it was measured by."""
    return Figures(
        Thresholds(
            ftp_w=activity.ftp_w,
            ftp_assumed=activity.ftp_assumed,
            max_hr_bpm=activity.max_hr_bpm,
            lthr_bpm=activity.lthr_bpm,
            rest_hr_bpm=activity.rest_hr_bpm,
        ),
        activity.zones,
    )
