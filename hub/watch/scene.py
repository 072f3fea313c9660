"""What a watcher sees at an instant, from what the client knows; no terminal. Pure."""

from __future__ import annotations

from collections import deque

import msgspec

from hub.client.core import Core
from hub.client.cues import Rung
from hub.client.state import Channel, Number, Row
from hub.client.timeline import Position, position
from hub.client.told import Status
from hub.wire.live_views import AthleteView, LaneView
from hub.wire.values import Metric

FLASH_MS = 900
LOG_LINES = 6
METRICS = (Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM)


class Line(msgspec.Struct, frozen=True):
    """One rider. Zones count from 1; 0: none. `aim` is what is asked now, in words."""

    name: str
    power: Number
    heart: Number
    cadence: Number
    power_zone: int = 0
    heart_zone: int = 0
    aim: str = ""
    trainer: str = ""


class Scene:
    """One session. `log` and the flash are kept here; all else is asked of `core` when drawn."""

    def __init__(self, core: Core, channel: Channel) -> None:
        self.core = core
        self.channel = channel
        self.log: deque[tuple[float, str]] = deque(maxlen=LOG_LINES)  # hub ms, words
        self._flash: tuple[float, Rung] | None = None

    def note(self, now_ms: float, words: str) -> None:
        if words:
            self.log.append((now_ms, words))

    def rang(self, now_ms: float, rung: Rung) -> None:
        if not rung.missed:
            self._flash = (now_ms, rung)

    def flash(self, now_ms: float) -> Rung | None:
        """The cue that is shown at `now_ms` of hub time."""
        if self._flash is None or now_ms - self._flash[0] >= FLASH_MS:
            return None
        return self._flash[1]

    def link(self, local_ms: float) -> str:
        """How it stands with the hub."""
        core = self.core
        if core.status is Status.LIVE:
            bound_ms = core.clock.error_ms(local_ms)
            return "live" if bound_ms is None else f"live, clock ± {bound_ms:.1f} ms"
        if core.status is Status.AWAY:
            away_s = (local_ms - core.heard_ms) / 1000
            return f"hub away for {away_s:.0f} s; countdown and cues go on"
        return f"{core.status}{': ' if core.reason else ''}{core.reason}"

    def lanes(self, now_ms: float) -> list[tuple[LaneView, Position]]:
        view = self.channel.session
        return [(lane, position(lane, now_ms)) for lane in (view.lanes if view else ())]

    def lines(self, now_ms: float) -> list[Line]:
        view = self.channel.session
        return [self._line(one, now_ms) for one in (view.athletes if view else ())]

    def _line(self, athlete: AthleteView, now_ms: float) -> Line:
        row = self.channel.rows.get(athlete.athlete, EMPTY)
        power, heart, cadence = (row.number(metric, now_ms) for metric in METRICS)
        if power.value is not None:
            power = row.number(Metric.POWER_W, now_ms, "power_3s_w")
        trainer = athlete.trainer
        return Line(
            athlete.name,
            power,
            heart,
            cadence,
            _zone(row, "power_zone") if power.value is not None else 0,
            _zone(row, "heart_rate_zone") if heart.value is not None else 0,
            aim(row),
            "" if trainer is None else trainer.status.replace("_", " "),
        )


EMPTY = Row((), {}, ())
UNITS = {
    "power_w": "W",
    "heart_rate_bpm": "bpm",
    "cadence_rpm": "rpm",
    "grade_pct": "%",
    "resistance_pct": "%",
    "speed_kmh": "km/h",
    "rpe": "RPE",
}


def aim(row: Row) -> str:
    """What is asked of a rider now: "220 W", "140-150 bpm"; "": nothing."""
    dimension, low, high = (
        row.get("target_dimension"),
        row.get("target_low"),
        row.get("target_high"),
    )
    if not isinstance(dimension, str) or low is None:
        return ""
    amount = f"{low:g}" if low == high or high is None else f"{low:g}-{high:g}"
    return f"{amount} {UNITS.get(dimension, dimension)}"


def _zone(row: Row, column: str) -> int:
    zone = row.get(column)
    return int(zone) if isinstance(zone, int | float) else 0
