"""Ids that sort by the time they were made and that nobody can guess."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
TIME_BITS, RANDOM_BITS = 48, 80
LENGTH = 26


def new_id(now_ms: int) -> str:
    """A ULID: 48 bits of `now_ms`, 80 random bits, 26 characters."""
    number = (now_ms & ((1 << TIME_BITS) - 1)) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))
