"""Who may see which metrics of whom, until when. Pure: `now` is hub time in ms.

A grant is an athlete's own word. Whoever has none sees a name and no number (`hub.auth.policy` says
who needs no grant: the athlete, and the owner of the hub).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from hub.auth.principal import Principal, Role
from hub.core.errors import UserError
from hub.wire.values import Metric


class Part(StrEnum):
    """What can be granted by itself: the live metrics, and the weight that watts per kg rest on."""

    POWER = Metric.POWER_W.value
    HEART_RATE = Metric.HEART_RATE_BPM.value
    CADENCE = Metric.CADENCE_RPM.value
    SPEED = Metric.SPEED_KMH.value
    WEIGHT = "weight_kg"


BITS: dict[Part, int] = {
    **{Part(metric.value): 1 << i for i, metric in enumerate(Metric)},
    Part.WEIGHT: 1 << len(Metric),
}
# Of who needs no grant; no grant has the bit beside: whose activity it is goes with none.
EVERYTHING = sum(BITS.values()) | 1 << len(BITS)

# Who a grant may name beside single athletes: whoever has that role here.
ROLES = (Role.COACH, Role.VIEWER, Role.DISPLAY)


class Grant(msgspec.Struct, frozen=True):
    """`grantee`: "role:coach", "role:viewer", "role:display" or "athlete:ID"."""

    athlete_id: str
    grantee: str
    parts: tuple[Part, ...]
    until_ms: int | None = None  # None: until it is taken back

    @property
    def mask(self) -> int:
        return sum(BITS[part] for part in set(self.parts))

    def holds(self, now: int) -> bool:
        return self.until_ms is None or now < self.until_ms


def require_grantee(grantee: str) -> None:
    """Raises UserError."""
    kind, _, name = grantee.partition(":")
    if kind == "athlete" and name:
        return
    if kind == "role" and name in ROLES:
        return
    known = ", ".join(f"role:{role}" for role in ROLES)
    raise UserError(f"{grantee!r} can be granted nothing", remedy=f"name {known} or athlete:ID")


class Grants:
    """All of the hub's, by athlete."""

    def __init__(self) -> None:
        self._grants: dict[str, dict[str, Grant]] = {}

    def load(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            self.put(grant)

    def put(self, grant: Grant) -> None:
        self._grants.setdefault(grant.athlete_id, {})[grant.grantee] = grant

    def remove(self, athlete_id: str, grantee: str) -> None:
        of_athlete = self._grants.get(athlete_id, {})
        of_athlete.pop(grantee, None)
        if not of_athlete:
            self._grants.pop(athlete_id, None)

    def of(self, athlete_id: str, now: int) -> tuple[Grant, ...]:
        """Those that hold, in the order of whom they are for."""
        held = self._grants.get(athlete_id, {})
        return tuple(held[name] for name in sorted(held) if held[name].holds(now))

    def mask(self, principal: Principal, athlete_id: str, now: int) -> int:
        """BITS of what this principal was granted, over all that they are."""
        held = self._grants.get(athlete_id)
        if held is None:
            return 0
        names = [f"role:{principal.role}"]
        if principal.athlete_id:
            names.append(f"athlete:{principal.athlete_id}")
        mask = 0
        for name in names:
            grant = held.get(name)
            if grant is not None and grant.holds(now):
                mask |= grant.mask
        return mask

    def has_ended(self, now: int) -> bool:
        return any(not grant.holds(now) for grant in self._all())

    def expire(self, now: int) -> list[Grant]:
        """Those that hold no more, which are forgotten."""
        over = [grant for grant in self._all() if not grant.holds(now)]
        for grant in over:
            self.remove(grant.athlete_id, grant.grantee)
        return over

    def _all(self) -> Iterator[Grant]:
        return (grant for held in self._grants.values() for grant in held.values())
