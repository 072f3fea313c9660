"""Wahoo's control of a trainer: a026e005-0a7d-4ab3-97fa-f1500f9feb8b, in Cycling Power (0x1818).

Never published. Unlock, ERG and grade are settled by captured writes; resistance, simulation, wind
and spin-down follow what several open programs agree on. Numbers are little-endian. A write is
answered by an indication: result (01 is success), op code, and what it was set to.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from gateway.gatt.layout import Nonsense

CONTROL_POINT = "e005"

UNLOCK_CODE = b"\xee\xfc"
SUCCESS = 1
FULL_RESISTANCE = 0x3FFF  # the field falls from here, at 0 %, to 0 at 100 %
STEEPEST_PCT = 100.0
FASTEST_WIND_MPS = 32.767


class Op(IntEnum):
    UNLOCK = 0x20
    RESISTANCE = 0x40
    ERG = 0x42
    SIMULATION = 0x43
    GRADE = 0x46
    WIND = 0x47
    SPIN_DOWN = 0x49
    SPIN_DOWN_RESULT = 0x5A


def unlock() -> bytes:
    return bytes([Op.UNLOCK]) + UNLOCK_CODE


def resistance(level_pct: float) -> bytes:
    return bytes([Op.RESISTANCE]) + _u16((1 - level_pct / 100) * FULL_RESISTANCE, FULL_RESISTANCE)


def erg(power_w: int) -> bytes:
    return bytes([Op.ERG]) + _u16(power_w)


def simulation(weight_kg: float, crr: float, cw_kg_m: float) -> bytes:
    """Mass 0.01 kg, Crr 0.0001, wind resistance 0.001."""
    return (
        bytes([Op.SIMULATION]) + _u16(weight_kg * 100) + _u16(crr * 10_000) + _u16(cw_kg_m * 1000)
    )


def grade(grade_pct: float) -> bytes:
    """-100 to 100 % on 0 to 65535; 0 % is 32768: rounded half up, not truncated."""
    kept = min(max(grade_pct, -STEEPEST_PCT), STEEPEST_PCT)
    return bytes([Op.GRADE]) + int((kept / 100 + 1) * 0xFFFF / 2 + 0.5).to_bytes(2, "little")


def wind(wind_mps: float) -> bytes:
    return bytes([Op.WIND]) + _u16((wind_mps + FASTEST_WIND_MPS) * 1000)


def spin_down() -> bytes:
    return bytes([Op.SPIN_DOWN])


class Response(msgspec.Struct, frozen=True):
    op: int
    success: bool
    parameter: bytes


def response(data: bytes) -> Response | Nonsense:
    if len(data) < 2:
        return Nonsense(f"{len(data)} bytes are too few for a response")
    return Response(data[1], data[0] == SUCCESS, data[2:])


def _u16(value: float, most: int = 0xFFFF) -> bytes:
    return min(max(round(value), 0), most).to_bytes(2, "little")
