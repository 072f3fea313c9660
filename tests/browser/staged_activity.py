"""A staged ride that is over: its activity, its streams, and what an FTP test proposes."""

from __future__ import annotations

from typing import Any

import msgspec
from browser.staged_ride import threshold_steps

from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice, heart_zones_of, power_zones_of
from hub.live.views import zones_view


def ftp_json(**more: Any) -> dict[str, Any]:
    """What a ramp proposes."""
    known = {
        "test": "ramp",
        "ftp_w": 254,
        "was_w": 240,
        "current_w": 240,
        "reasoning": "best minute 339 W × 0.75",
        "confidence": "high",
        "doubts": [],
        "windows": [{"begins_s": 700, "ends_s": 760, "mean_w": 339.2, "missing_s": 0}],
        "ended_s": 460,
        "declined": False,
        "may_use": True,
    }
    return known | more


ADA = Thresholds(ftp_w=265, max_hr_bpm=184), ZoneChoice()


def activity_json(activity: str, **more: Any) -> dict[str, Any]:
    laps = []
    begins_s = 0
    for step in threshold_steps():
        seconds = int(step.seconds or 0)
        share = ((step.begin or 0) + (step.end or step.begin or 0)) / 2
        laps.append(
            {
                "name": step.name,
                "begins_s": begins_s,
                "duration_s": seconds,
                "average_power_w": 265 * share - 1.5,
                "target_w": 265 * share,
                "average_heart_rate_bpm": 110 + 50 * share,
                "average_cadence_rpm": 86 + 6 * share,
            }
        )
        begins_s += seconds
    known = {
        "activity": activity,
        "session": "r1",
        "athlete": "me",
        "title": "4 × 8 Threshold",
        "started_at_ms": 1_763_622_000_000,
        "elapsed_s": 4324,
        "moving_s": 4140,
        "saved": False,
        "demo": False,
        "rpe": None,
        "note": "",
        "end_cause": "stop",
        "summary": {
            "average_power_w": 198.4,
            "max_power_w": 512,
            "weighted_power_w": 221.7,
            "intensity": 0.84,
            "load": 81.2,
            "work_kj": 821,
            "average_heart_rate_bpm": 148,
            "max_heart_rate_bpm": 174,
            "average_cadence_rpm": 89,
            "distance_m": 38_240.0,
            "energy_kcal": 847,
            "power_zones_s": [1180, 640, 160, 1870, 170, 60, 60],
            "heart_rate_zones_s": [240, 610, 980, 1900, 410],
        },
        "laps": laps,
        "power_zones": msgspec.to_builtins(zones_view(power_zones_of(*ADA))),
        "heart_zones": msgspec.to_builtins(zones_view(heart_zones_of(*ADA))),
        "estimated_s": 12,
        "gaps": [
            {
                "begins_s": 33,
                "duration_s": 102,
                "reason": "sensor lost",
                "metric": "heart_rate_bpm",
            },
            {
                "begins_s": 2710,
                "duration_s": 192,
                "reason": "computer slept 3:12",
                "metric": None,
            },
        ],
        "sources": [],
    }
    return known | more


def streams() -> dict[str, Any]:
    """The staged ride at 1 Hz: follows its targets with a little noise, heart rate lagging."""
    power, heart, cadence = trace(4140)
    return {
        "t_s": list(range(len(power))),
        "power_w": power,
        "heart_rate_bpm": heart,
        "cadence_rpm": cadence,
    }


def trace(until_s: int) -> tuple[list[int], list[int], list[int]]:
    """Power, heart rate and cadence per second, the same each time."""
    power, heart, cadence = [], [], []
    power_w, bpm, seed = 120.0, 96.0, 42
    for second in range(until_s):
        share = _share_at(second)
        seed = seed * 16_807 % 2_147_483_647
        noise = seed / 2_147_483_647 - 0.5
        power_w += (share * 265 - power_w) * 0.15 + noise * 9
        bpm += (92 + share * 74 - bpm) * 0.007 + noise * 0.3
        power.append(round(power_w))
        heart.append(round(bpm))
        cadence.append(round(84 + share * 8 + noise * 3))
    return power, heart, cadence


def _share_at(second: int) -> float:
    begins_s = 0.0
    for step in threshold_steps():
        length_s = step.seconds or 0
        if second < begins_s + length_s:
            begin = step.begin or 0
            end = begin if step.end is None else step.end
            return begin + (end - begin) * (second - begins_s) / length_s
        begins_s += length_s
    return 0.4
