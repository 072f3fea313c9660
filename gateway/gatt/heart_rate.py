"""Heart Rate Service 1.0 (0x180D): 0x2A37 Heart Rate Measurement, 0x2A38 Body Sensor Location.

0x2A37 (GSS 3.113): flags u8, then the rate as u8 or u16, the energy, and RR intervals of
1/1024 s, oldest first, to the end of the frame. Nine fit 20 bytes. Zero and saturated intervals
are passed on: they are the artefact filter's business, and a hole would shift the others.
"""

from __future__ import annotations

from gateway.gatt.layout import FFFF, Field, Layout, Nonsense, Values

RATE_IS_U16 = 0
CONTACT_DETECTED = 1 << 1
CONTACT_SUPPORTED = 1 << 2

# 0 is a strap without skin or a machine without a strap; 255 is a machine's "not available".
NO_RATE = (0, 0xFF)

# fmt: off
MEASUREMENT = (
    #     name              bit          size unit   per_unit
    Field("heart_rate_bpm", RATE_IS_U16, 1,   "bpm", absent=NO_RATE, when=0),
    Field("heart_rate_bpm", RATE_IS_U16, 2,   "bpm", absent=(0, 0xFFFF)),
    Field("energy_kj",      3,           2,   "kJ",  absent=FFFF),
)
RR_INTERVALS = Field("rr_ms", 4,         2,   "s",   1024)
# fmt: on

BODY_LOCATIONS = ("other", "chest", "wrist", "finger", "hand", "ear lobe", "foot")


def contact(flags: int) -> Values:
    """Skin contact; the "detected" bit means nothing on a strap that cannot tell."""
    if flags & CONTACT_SUPPORTED:
        return {"contact_supported": True, "contact": bool(flags & CONTACT_DETECTED)}
    return {"contact_supported": False}


def measurement() -> Layout:
    return Layout(1, MEASUREMENT, tail=RR_INTERVALS, facts=contact)


def body_location(data: bytes) -> Values | Nonsense:
    """0x2A38: one byte."""
    if not data:
        return Nonsense("0 bytes hold no body location")
    if data[0] >= len(BODY_LOCATIONS):
        return Nonsense(f"body location {data[0]} is reserved")
    return {"body_location": BODY_LOCATIONS[data[0]]}
