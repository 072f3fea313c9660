"""Training zones: which band of intensity a number is in, and a steady answer for a screen.

Sources: power - Coggan's seven levels, bounds in % of FTP (Allen & Coggan, "Training and Racing
with a Power Meter"); heart rate - five bands in % of maximum heart rate (Polar and Garmin
default), the same shares of heart-rate reserve (Karvonen 1957), Friel's seven in % of lactate
threshold heart rate, and three by the two ventilatory thresholds (Seiler 2010). Friel prints
integers (81-89, 90-93, 94-99, 100-102, 103-106), which leave holes: a zone begins where its first
number stands, and the top one at 106. Seiler gives no shares; 80 and 90 % of maximum heart rate
are the middle of what is published.

Convention: a zone includes its lower bound and excludes its upper one. 75 % of FTP is Tempo, not
Endurance; the top zone is open. The printed integer tables leave this to the reader.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec


class Zone(msgspec.Struct, frozen=True):
    """`number` counts from 1. In the table's own unit; `above` None: no upper bound."""

    number: int
    name: str
    low: float
    above: float | None


class Zones:
    """A table of zones over one quantity, ascending and without holes.

    Values below the lowest bound belong to the lowest zone: 40 % of maximum heart rate is still
    recovery. `lookup` is O(log n).
    """

    def __init__(self, lows: Sequence[float], names: Sequence[str]) -> None:
        """`lows[i]` is where zone `names[i]` begins. Raises ValueError when not ascending."""
        if len(lows) != len(names) or not lows:
            raise ValueError("as many bounds as names, and at least one")
        if any(a >= b for a, b in pairwise(lows)):
            raise ValueError("the bounds of zones ascend")
        aboves = (*lows[1:], None)
        self.zones = tuple(
            Zone(i + 1, name, low, above)
            for i, (name, low, above) in enumerate(zip(names, lows, aboves, strict=True))
        )
        self.lows = tuple(lows)
        self._bounds = self.lows[1:]

    def lookup(self, value: float) -> Zone:
        return self.zones[bisect_right(self._bounds, value)]

    @property
    def bounds(self) -> tuple[float, ...]:
        """Where the second and every later zone begins."""
        return self._bounds


POWER_NAMES = ("Recovery", "Endurance", "Tempo", "Threshold", "VO2max", "Anaerobic", "Sprint")
POWER_LOW_PCT = (0, 55, 75, 90, 105, 120, 150)

HEART_NAMES = ("Very light", "Light", "Moderate", "Hard", "Maximum")
HEART_LOW_PCT = (50, 60, 70, 80, 90)

FRIEL_NAMES = (
    "Recovery", "Aerobic", "Tempo", "Subthreshold", "Superthreshold", "Aerobic capacity",
    "Anaerobic capacity",
)  # fmt: skip
FRIEL_LOW_PCT = (0, 81, 90, 94, 100, 103, 106)

SEILER_NAMES = ("Low", "Threshold", "High")
SEILER_LOW_PCT = (0, 80, 90)


def power_zones(ftp_w: float) -> Zones:
    """Coggan's seven, in watts."""
    return Zones([pct * ftp_w / 100 for pct in POWER_LOW_PCT], POWER_NAMES)


class ZoneTracker:
    """The zone to show: follows the value without flicker.

    A new zone is shown once the value has been at least `margin` beyond the shown zone, or
    anywhere outside it for `hold_ms` (3 W and 2 s for power: riding on a bound would otherwise
    change the colour several times a second).
    """

    def __init__(self, zones: Zones, *, margin: float = 3.0, hold_ms: int = 2000) -> None:
        self._zones = zones
        self._margin = margin
        self._hold_ms = hold_ms
        self._shown: Zone | None = None
        self._outside_since_ms: int | None = None

    def update(self, value: float, now: int) -> Zone:
        """The zone to show for `value` at `now` (ms, any monotonic clock)."""
        zone = self._zones.lookup(value)
        if self._shown is None or zone is self._shown:
            return self._show(zone)
        if self._outside_since_ms is None:
            self._outside_since_ms = now
        held = now - self._outside_since_ms >= self._hold_ms
        if held or _distance(self._shown, value) >= self._margin:
            return self._show(zone)
        return self._shown

    def _show(self, zone: Zone) -> Zone:
        self._shown = zone
        self._outside_since_ms = None
        return zone


def _distance(zone: Zone, value: float) -> float:
    """How far outside `zone` a value is."""
    if value < zone.low:
        return zone.low - value
    return 0.0 if zone.above is None else value - zone.above
