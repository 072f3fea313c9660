"""Battery Service 1.0 (0x180F): 0x2A19 Battery Level, one byte, 0 to 100 %."""

from __future__ import annotations

from gateway.gatt.layout import Nonsense, Values


def level(data: bytes) -> Values | Nonsense:
    if not data:
        return Nonsense("0 bytes hold no battery level")
    if data[0] > 100:
        return Nonsense(f"battery level {data[0]} is above 100 %")
    return {"battery_pct": data[0]}
