"""Little-endian integers as firmware writes them: rounded, and saturated at the field's limits."""

from __future__ import annotations


def u8(value: float) -> bytes:
    return _unsigned(value, 1)


def u16(value: float) -> bytes:
    return _unsigned(value, 2)


def u24(value: float) -> bytes:
    return _unsigned(value, 3)


def u32(value: float) -> bytes:
    return _unsigned(value, 4)


def s16(value: float) -> bytes:
    return min(max(round(value), -0x8000), 0x7FFF).to_bytes(2, "little", signed=True)


def wrap16(value: int) -> bytes:
    """A counter that starts again at 0 after 65535."""
    return (value & 0xFFFF).to_bytes(2, "little")


def wrap32(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def _unsigned(value: float, size: int) -> bytes:
    return min(max(round(value), 0), (1 << 8 * size) - 1).to_bytes(size, "little")
