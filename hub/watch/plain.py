"""The same as lines, for a pipe or a log: each begins with hub time since the watching began."""

from __future__ import annotations

from hub.client.cues import Rung
from hub.client.state import Number
from hub.terminal import clean
from hub.watch.scene import Line
from hub.watch.words import clock, cue_words

UNKNOWN = "-"


def stamped(since_ms: float, words: str) -> str:
    return f"{since_ms / 1000:9.3f}  {clean(words)}"


def cue_line(rung: Rung) -> str:
    late = f"missed by {rung.late_ms:.0f} ms" if rung.missed else f"{rung.late_ms:.1f} ms late"
    return f"cue {cue_words(rung.cue)} ({late})"


def rider_line(line: Line) -> str:
    zones = f"Z{line.power_zone}" if line.power_zone else ""
    heart = f"Z{line.heart_zone}" if line.heart_zone else ""
    parts = (
        f"{_number(line.power)} W {zones}".strip(),
        f"{_number(line.heart)} bpm {heart}".strip(),
        f"{_number(line.cadence)} rpm",
        f"asked {line.aim}" if line.aim else "",
    )
    return f"{line.name}: " + ", ".join(part for part in parts if part)


def interval_line(status: str, phase: str, remaining_ms: float | None) -> str:
    left = clock(remaining_ms)
    return f"{status}: {phase}" + (f", {left} left" if left else "") if phase else status


def _number(number: Number) -> str:
    if number.value is None:
        return UNKNOWN
    aged = f" ({number.age_ms / 1000:.0f} s old)" if number.quality == "aged" else ""
    return f"{number.value:.0f}{aged}"
