"""What many clients measured, in bounded memory: counts and spreads. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

FINENESS = 1.02  # each bucket reaches so much further than the one before: quantiles within 2 %
LEAST_MS = 0.01


class Spread:
    """Counts in buckets that grow by FINENESS. A quantile is the upper bound of its bucket."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.max_ms = 0.0

    def add(self, ms: float) -> None:
        self.count += 1
        self.max_ms = max(self.max_ms, ms)
        self._buckets[0 if ms <= LEAST_MS else math.ceil(math.log(ms / LEAST_MS, FINENESS))] += 1

    def quantile(self, share: float) -> float | None:
        """None: nothing was measured."""
        left = max(math.ceil(share * self.count), 1)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(LEAST_MS * FINENESS**bucket, self.max_ms)
        return None

    def told(self) -> dict[str, float | int | None]:
        def at(share: float) -> float | None:
            ms = self.quantile(share)
            return None if ms is None else round(ms, 2)

        return {
            "count": self.count,
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "max_ms": round(self.max_ms, 2) if self.count else None,
        }


@dataclass
class Figures:
    """`began_s` and `ended_s` on the loop's clock: while all that was asked for was connected."""

    frames: int = 0
    state_frames: int = 0
    bytes: int = 0
    events: int = 0
    snapshots: int = 0
    gaps: int = 0
    doubled: int = 0  # events that came twice
    lost: int = 0  # events that some client of a session heard and another never did
    reconnects: int = 0
    refusals: int = 0  # connections that were not made
    closes: Counter[int] = field(default_factory=Counter)  # by code
    errors: Counter[str] = field(default_factory=Counter)  # of the hub, by code
    cues: int = 0
    cues_missed: int = 0
    push: Spread = field(default_factory=Spread)  # tick of the audience -> frame here
    cue_late: Spread = field(default_factory=Spread)
    clock_bound: Spread = field(default_factory=Spread)
    connect: Spread = field(default_factory=Spread)  # opening -> welcome
