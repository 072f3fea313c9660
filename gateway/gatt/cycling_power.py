"""Cycling Power Service 1.1 (0x1818): 0x2A63 CP Measurement, 0x2A65 CP Feature.

0x2A63 (CPS 3.2): flags u16, power, then the optional fields in bit order. The wheel's event time
counts 1/2048 s here (wraps at 32 s), the crank's 1/1024 s (64 s). Bit 1 says whether the balance
refers to the left pedal, bit 3 where the torque comes from; bit 12 carries no data.
"""

from __future__ import annotations

import msgspec

from gateway.gatt.layout import FF, S_7FFF, Field, Layout, Nonsense, Values
from gateway.gatt.revolutions import CounterSpec

TORQUE_PRESENT = 1 << 2
TORQUE_AT_CRANK = 1 << 3

# fmt: off
MEASUREMENT = (
    #     name                   bit   size unit   per_unit
    Field("power_w",             None, 2,   "W",   signed=True, absent=S_7FFF),
    Field("balance_pct",         0,    1,   "%",   2, absent=FF),
    Field("accumulated_torque_nm", 2,  2,   "N m", 32),
    Field("wheel_revs",          4,    4,   "1"),
    Field("wheel_time_s",        4,    2,   "s",   2048),
    Field("crank_revs",          5,    2,   "1"),
    Field("crank_time_s",        5,    2,   "s",   1024),
    Field("",                    6,    4,   "N"),       # extreme forces, s16 s16
    Field("",                    7,    4,   "N m"),     # extreme torques, s16 s16 of 1/32
    Field("",                    8,    3,   "deg"),     # extreme angles, u12 u12
    Field("",                    9,    2,   "deg"),     # top dead spot
    Field("",                    10,   2,   "deg"),     # bottom dead spot
    Field("energy_kj",           11,   2,   "kJ"),
)

FEATURES = (  # CPS 3.1, bit by bit
    "balance", "accumulated_torque", "wheel_revolutions", "crank_revolutions",
    "extreme_magnitudes", "extreme_angles", "dead_spots", "accumulated_energy",
    "offset_indicator", "offset_compensation", "content_masking", "multiple_locations",
    "crank_length", "chain_length", "chain_weight", "span_length",
    "torque_based", "direction", "factory_date", "enhanced_offset",
)
# fmt: on

WHEEL = CounterSpec(revs_wrap=1 << 32, time_wrap_s=32)
CRANK = CounterSpec(revs_wrap=1 << 16, time_wrap_s=64)


class PowerFeatures(msgspec.Struct, frozen=True):
    """What a power meter says it can do (0x2A65). Sensors often set too few bits."""

    features: tuple[str, ...]


def torque_source(flags: int) -> Values:
    if flags & TORQUE_PRESENT:
        return {"torque_source": "crank" if flags & TORQUE_AT_CRANK else "wheel"}
    return {}


def measurement() -> Layout:
    return Layout(2, MEASUREMENT, facts=torque_source)


def features(data: bytes) -> PowerFeatures | Nonsense:
    """0x2A65: u32 of bits."""
    if len(data) < 4:
        return Nonsense(f"{len(data)} bytes are too few for 32 feature bits")
    bits = int.from_bytes(data[:4], "little")
    return PowerFeatures(tuple(name for i, name in enumerate(FEATURES) if bits >> i & 1))
