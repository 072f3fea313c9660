"""The matrix role x act x owner, against the table and against what must never be."""

from __future__ import annotations

import pytest

from hub.auth.policy import RULES, Act, Object, Scope, may
from hub.auth.principal import Principal, Role

OWN, OTHERS, DEMO = Object("a"), Object("b"), Object("b", demo=True)
ALLOWS = {
    None: (False, False, False),
    Scope.ANY: (True, True, True),
    Scope.OWN: (True, False, False),
    Scope.OWN_OR_DEMO: (True, False, True),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", Act)
def test_every_cell_of_the_matrix(role: Role, act: Act) -> None:
    who = Principal("login", role, "a")
    assert tuple(may(who, act, on) for on in (OWN, OTHERS, DEMO)) == ALLOWS[RULES.get((role, act))]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_nobody_but_the_owner_of_the_hub_sees_anothers_metrics(role: Role) -> None:
    assert not may(Principal("login", role, "a"), Act.SEE_METRICS, OTHERS)


@pytest.mark.parametrize("act", Act)
def test_a_gateway_acts_on_nothing_here(act: Act) -> None:
    assert not may(Principal("login", Role.GATEWAY), act, Object())


def test_no_athlete_is_not_the_same_as_another_without_an_athlete() -> None:
    assert not may(Principal("login", Role.ATHLETE), Act.SEE_METRICS, Object(""))
