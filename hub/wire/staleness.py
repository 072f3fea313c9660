"""How long a number stays true, for fusion and for every screen: the hub's word may not come."""

from __future__ import annotations

import msgspec

from hub.wire.values import Metric


class Staleness(msgspec.Struct, frozen=True):
    """Up to `fresh_ms` a value is live, up to `keep_ms` it is shown as aged, then it is gone."""

    fresh_ms: int
    keep_ms: int


# Power, cadence and speed are notified 1-4 times a second and change within one: three missed
# notifications are news, and ten seconds later the number says nothing. Heart rate is notified
# once a second and moves about 1 bpm a second, so it stays true, and worth showing, for longer.
STALENESS: dict[Metric, Staleness] = {
    Metric.POWER_W: Staleness(3_000, 10_000),
    Metric.HEART_RATE_BPM: Staleness(5_000, 15_000),
    Metric.CADENCE_RPM: Staleness(3_000, 10_000),
    Metric.SPEED_KMH: Staleness(3_000, 10_000),
}
