"""A watch that broadcasts heart rate: a strap on the wrist whose address changes."""

from __future__ import annotations

from firmware_sim.devices.heart_rate_strap import WRIST, HeartRateStrap


class BroadcastWatch(HeartRateStrap):
    """Watches use private addresses, renewed every 15 minutes: the default of the Core
    specification's resolvable private address timeout (Vol 3, Part C, appendix A).
    """

    kind = "broadcast_watch"
    address_period_ms = 15 * 60_000
    battery_life_h = 12.0
    location = WRIST
