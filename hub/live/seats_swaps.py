"""Are two riders wearing each other's strap? Pure statistics over the last minutes.

A heart follows its own legs: within half a minute of a change of power its rate is most of the way
(firmware_sim.athlete quotes the papers). So each heart rate is compared with each rider's power,
smoothed by that delay. Two straps are swapped when both hearts follow the other's legs, and
neither its own. Riders who do the same intervals at the same watts cannot be told apart by this,
and then nothing is said: a wrong word in the middle of a class costs more than a missed one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 300
FOLLOW_S = 30.0  # the fast component of the heart: 25 s upwards, 40 s downwards
SEEN_SHARE = 0.9  # of the window's seconds, with both numbers
POWER_SWING_W = 8.0  # standard deviation of the smoothed power: without change nothing follows
HEART_SWING_BPM = 1.5
FOLLOWS = 0.80  # correlation with the other's legs at least ...
STRAYS = 0.35  # ... and with the own at most
MARGIN = 0.55  # ... and better by so much, for both


class Swapped(NamedTuple):
    """Rows of the two riders, and how much better the other's legs explain the heart (0 to 2)."""

    first: int
    second: int
    margin: float


def swapped(power_w: NDArray[np.float64], heart_bpm: NDArray[np.float64]) -> list[Swapped]:
    """Pairs whose straps are probably swapped, most certain first; nobody is in two pairs.

    Args:
        power_w, heart_bpm: one row a rider, one column a second, oldest first; NaN: no live number.
    """
    follows = following(power_w, heart_bpm)
    own = np.diagonal(follows)
    gain = follows - own[:, None]  # how much better than by the own legs
    margin = np.minimum(gain, gain.T)  # both must be better off; NaN stays, and is no pair
    strays = np.maximum(own[:, None], own[None, :])
    with np.errstate(invalid="ignore"):
        apart = (np.minimum(follows, follows.T) >= FOLLOWS) & (strays <= STRAYS)
        pairs = np.argwhere(np.triu(apart & (margin >= MARGIN), 1))
    found = [Swapped(int(i), int(j), float(margin[i, j])) for i, j in pairs]
    return _each_once(sorted(found, key=lambda pair: -pair.margin))


def following(power_w: NDArray[np.float64], heart_bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each heart (row) with each rider's legs (column); NaN: cannot be told."""
    legs = _standard(_smoothed(power_w), POWER_SWING_W)
    hearts = _standard(heart_bpm, HEART_SWING_BPM)
    seconds = power_w.shape[1]
    # Not `@`: for a few dozen riders BLAS wakes threads that spin beside the hub's loop.
    return np.asarray(np.einsum("is,js->ij", hearts, legs) / seconds)


def _smoothed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """As the heart sees the legs: each second a share of the way to the present power."""
    filled = _filled(rows)
    out = np.empty_like(filled)
    level = filled[:, :1].mean(axis=1)
    for second in range(filled.shape[1]):
        level = level + (filled[:, second] - level) / FOLLOW_S
        out[:, second] = level
    out[~_seen(rows)] = np.nan
    return out


def _standard(rows: NDArray[np.float64], swing_min: float) -> NDArray[np.float64]:
    """Without trend, and in units of their own swing; NaN rows where there is too little of it.

    The trend goes because everybody warms up together: it would make all follow all.
    """
    out = np.full(rows.shape, np.nan)
    known = _seen(rows)
    if not known.any() or rows.shape[1] < 2:
        return out
    values = _filled(rows[known])
    at = np.linspace(-1.0, 1.0, rows.shape[1])
    values = values - values.mean(axis=1, keepdims=True)
    values = values - np.outer(values @ at / (at @ at), at)
    swing = values.std(axis=1)
    swing[swing < swing_min] = np.nan
    out[known] = values / swing[:, None]
    return out


def _seen(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(rows).mean(axis=1) >= SEEN_SHARE)


def _filled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Short gaps hold the row's mean, which takes no side."""
    known = np.isfinite(rows)
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    means = np.where(known, rows, 0.0).sum(axis=1, keepdims=True) / counts
    return np.where(known, rows, means)


def _each_once(pairs: list[Swapped]) -> list[Swapped]:
    met: set[int] = set()
    kept = []
    for pair in pairs:
        if not {pair.first, pair.second} & met:
            met |= {pair.first, pair.second}
            kept.append(pair)
    return kept
