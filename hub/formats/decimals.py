"""Numbers as files write them, with a comma or a point, and as we write them. Pure."""

from __future__ import annotations

import math


def decimal(text: str) -> float:
    """Of digits that a pattern has found; infinite where they are too many."""
    return float(text.replace(",", "."))


def finite(text: str) -> float | None:
    """None: no number, or an endless one."""
    try:
        number = decimal(text.strip())
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def number_text(value: float) -> str:
    """Without an exponent and without needless zeros."""
    text = f"{value:.8f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
