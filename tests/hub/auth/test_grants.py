"""Who may see what of whom, until when."""

from __future__ import annotations

import pytest

from hub.auth.grants import BITS, EVERYTHING, Grant, Grants, Part, require_grantee
from hub.auth.principal import Principal, Role
from hub.core.errors import UserError
from hub.live.row_mask import FULL_MASK
from hub.wire.values import Metric

COACH = Principal("login-1", Role.COACH)
CLARA = Principal("login-2", Role.ATHLETE, "clara")
NOW = 1_000


def of(*grants: Grant) -> Grants:
    made = Grants()
    made.load(grants)
    return made


def test_the_bits_are_those_of_the_rows() -> None:
    for i, metric in enumerate(Metric):
        assert BITS[Part(metric.value)] == 1 << i
    assert EVERYTHING & FULL_MASK == FULL_MASK
    assert not BITS[Part.WEIGHT] & FULL_MASK


def test_no_grant_makes_anybody_the_athlete() -> None:
    mask = Grant("ann", "role:coach", tuple(Part)).mask
    assert mask == sum(BITS.values()) and mask != EVERYTHING


def test_without_a_grant_nothing_is_seen() -> None:
    assert of().mask(COACH, "ann", NOW) == 0
    other = Grant("bob", "role:coach", tuple(Part))
    assert of(other).mask(COACH, "ann", NOW) == 0


def test_a_grant_is_for_whom_it_names() -> None:
    held = of(
        Grant("ann", "role:coach", (Part.POWER,)),
        Grant("ann", "athlete:clara", (Part.HEART_RATE, Part.WEIGHT)),
    )
    assert held.mask(COACH, "ann", NOW) == BITS[Part.POWER]
    assert held.mask(CLARA, "ann", NOW) == BITS[Part.HEART_RATE] | BITS[Part.WEIGHT]
    both = Principal("login-3", Role.COACH, "clara")
    assert held.mask(both, "ann", NOW) == sum(
        BITS[part] for part in (Part.POWER, Part.HEART_RATE, Part.WEIGHT)
    )


def test_an_athlete_without_a_name_is_granted_nothing() -> None:
    assert of(Grant("ann", "athlete:", tuple(Part))).mask(COACH, "ann", NOW) == 0


def test_a_grant_ends() -> None:
    held = of(Grant("ann", "role:coach", (Part.POWER,), until_ms=NOW + 5))
    assert held.mask(COACH, "ann", NOW + 4) and not held.has_ended(NOW + 4)
    assert not held.mask(COACH, "ann", NOW + 5) and held.has_ended(NOW + 5)
    assert held.of("ann", NOW + 5) == ()
    assert [grant.grantee for grant in held.expire(NOW + 5)] == ["role:coach"]
    assert held.expire(NOW + 5) == []


def test_a_newer_grant_replaces() -> None:
    held = of(Grant("ann", "role:coach", tuple(Part)))
    held.put(Grant("ann", "role:coach", (Part.SPEED,)))
    assert held.mask(COACH, "ann", NOW) == BITS[Part.SPEED]
    held.remove("ann", "role:coach")
    held.remove("ann", "role:coach")
    assert held.mask(COACH, "ann", NOW) == 0


def test_a_part_said_twice_counts_once() -> None:
    assert Grant("ann", "role:coach", (Part.POWER, Part.POWER)).mask == BITS[Part.POWER]


@pytest.mark.parametrize("grantee", ["role:coach", "role:viewer", "role:display", "athlete:x"])
def test_whom_a_grant_may_name(grantee: str) -> None:
    require_grantee(grantee)


@pytest.mark.parametrize(
    "grantee", ["", "coach", "role:", "role:owner", "role:gateway", "athlete:"]
)
def test_whom_it_may_not(grantee: str) -> None:
    with pytest.raises(UserError):
        require_grantee(grantee)
