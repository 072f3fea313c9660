"""The columns of a `state` row: one athlete's live numbers."""

from __future__ import annotations

from hub.wire.values import Metric, Quality

# What a `state` row holds, in this order; `fields` announces it, so that clients never guess.
# Each metric is value (null without a live number), measured at, quality (index in QUALITIES).
METRIC_FIELDS: tuple[str, ...] = tuple(
    f"{metric}{suffix}" for metric in Metric for suffix in ("", ".at_ms", ".q")
)
DERIVED_FIELDS = (
    "power_3s_w",
    "power_zone",  # from 1, of the athlete's own zones (ZonesView)
    "heart_rate_zone",
    "target_w",  # now, after trim; null when free
    "phase",  # number of the phase that the next columns are of; null before the start
    "target_dimension",  # hub.core.target.Dimension of the two after it; null: no target
    "target_low",  # what is asked of this athlete now, in watts, bpm, rpm ...
    "target_high",
    "next_dimension",  # the same of the phase after it, at its beginning
    "next_low",
    "next_high",
    "until_left",  # m, kJ or bpm until a phase that ends by them is over
    "interval_average_w",
    "weighted_power_w",
    "on_target_pct",  # of this interval's time
    "held_w",  # what the trainer is asked for so that it holds the heart rate; null: nothing is
    "held_why",  # and why, in words
    "held_brief",  # the same for a small screen
    "work_kj",
    "distance_m",
)
ROW_FIELDS: tuple[str, ...] = ("athlete", *METRIC_FIELDS, *DERIVED_FIELDS)
QUALITIES: tuple[Quality, ...] = tuple(Quality)
