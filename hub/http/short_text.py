"""A client's text frame that came alone and whole, which nearly all do: acks, clock, commands."""

from __future__ import annotations

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where it can be

FIN_TEXT = 0x81  # RFC 6455 §5.2: FIN, no extension, opcode 1
MASKED = 0x80
HEADER_BYTES = 6  # two, and the masking key
PAYLOAD_BYTES_MAX = 125


def short_text(data: bytes) -> bytes | None:
    """Its payload, if `data` is one masked text frame of up to 125 bytes and nothing else."""
    length = len(data) - HEADER_BYTES
    if not 0 <= length <= PAYLOAD_BYTES_MAX or data[0] != FIN_TEXT or data[1] != MASKED | length:
        return None
    return apply_mask(data[HEADER_BYTES:], data[2:HEADER_BYTES])
