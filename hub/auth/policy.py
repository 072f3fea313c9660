"""What may be done by whom: one pure function over one table.

A metric is seen without a grant (`hub.auth.grants`) by the owner of the hub, by the athlete whom it
belongs to, and, of simulated riders, by everybody who is let in.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.auth.principal import Principal, Role


class Act(StrEnum):
    SEE_METRICS = "see_metrics"
    SEE_SENSORS = "see_sensors"
    SEE_SESSION = "see_session"
    CREATE_SESSION = "create_session"
    CONTROL_SESSION = "control_session"
    TRIM = "trim"
    CHOOSE_SOURCE = "choose_source"
    ASSIGN = "assign"
    SEE_SEATS = "see_seats"
    SEE_RIDERS = "see_riders"  # whose bike it is, whose strap
    TAKE_SEAT = "take_seat"  # sit down, stand up, be moved
    MANAGE_BIKES = "manage_bikes"
    OPEN_CLASS = "open_class"
    EDIT_ATHLETE = "edit_athlete"
    SHARE = "share"  # say who may see an athlete's metrics
    SEE_LIBRARY = "see_library"  # what came with the hub, and the house's workouts
    EDIT_LIBRARY = "edit_library"
    SEE_WORKOUT = "see_workout"  # that an athlete keeps
    EDIT_WORKOUT = "edit_workout"
    SEE_ACTIVITY = "see_activity"
    EDIT_ACTIVITY = "edit_activity"
    MANAGE_GATEWAYS = "manage_gateways"
    RUN_DEMO = "run_demo"
    SEE_MACHINE = "see_machine"


class Object(msgspec.Struct, frozen=True):
    """What is acted on, as far as the policy cares: whose it is, and whether it is simulated."""

    athlete_id: str = ""
    demo: bool = False


class Scope(StrEnum):
    ANY = "any"
    OWN = "own"  # the principal's own athlete
    OWN_OR_DEMO = "own_or_demo"


# An absent pair is a no.
RULES: dict[tuple[Role, Act], Scope] = {
    **{(Role.OWNER, act): Scope.ANY for act in Act},
    (Role.COACH, Act.SEE_SENSORS): Scope.ANY,
    (Role.COACH, Act.SEE_SESSION): Scope.ANY,
    (Role.COACH, Act.CREATE_SESSION): Scope.ANY,
    (Role.COACH, Act.CONTROL_SESSION): Scope.ANY,
    (Role.COACH, Act.TRIM): Scope.ANY,
    (Role.COACH, Act.ASSIGN): Scope.ANY,
    (Role.COACH, Act.SEE_SEATS): Scope.ANY,
    (Role.COACH, Act.SEE_RIDERS): Scope.ANY,
    (Role.COACH, Act.TAKE_SEAT): Scope.ANY,
    (Role.COACH, Act.MANAGE_BIKES): Scope.ANY,
    (Role.COACH, Act.OPEN_CLASS): Scope.ANY,
    (Role.COACH, Act.SEE_METRICS): Scope.OWN_OR_DEMO,
    (Role.COACH, Act.SEE_LIBRARY): Scope.ANY,
    (Role.COACH, Act.EDIT_LIBRARY): Scope.ANY,
    (Role.ATHLETE, Act.SEE_SENSORS): Scope.ANY,
    (Role.ATHLETE, Act.SEE_SESSION): Scope.ANY,
    (Role.ATHLETE, Act.CREATE_SESSION): Scope.ANY,
    (Role.ATHLETE, Act.CONTROL_SESSION): Scope.OWN,
    (Role.ATHLETE, Act.TRIM): Scope.OWN,
    (Role.ATHLETE, Act.CHOOSE_SOURCE): Scope.OWN,
    (Role.ATHLETE, Act.ASSIGN): Scope.OWN,
    (Role.ATHLETE, Act.SEE_SEATS): Scope.ANY,
    (Role.ATHLETE, Act.SEE_RIDERS): Scope.OWN_OR_DEMO,
    (Role.ATHLETE, Act.TAKE_SEAT): Scope.OWN,
    (Role.ATHLETE, Act.EDIT_ATHLETE): Scope.OWN,
    (Role.ATHLETE, Act.SHARE): Scope.OWN,
    (Role.ATHLETE, Act.SEE_METRICS): Scope.OWN_OR_DEMO,
    (Role.ATHLETE, Act.SEE_LIBRARY): Scope.ANY,
    (Role.ATHLETE, Act.SEE_WORKOUT): Scope.OWN,
    (Role.ATHLETE, Act.EDIT_WORKOUT): Scope.OWN,
    (Role.ATHLETE, Act.SEE_ACTIVITY): Scope.OWN,
    (Role.ATHLETE, Act.EDIT_ACTIVITY): Scope.OWN,
    (Role.VIEWER, Act.SEE_SESSION): Scope.ANY,
    (Role.VIEWER, Act.SEE_METRICS): Scope.OWN_OR_DEMO,
    (Role.DISPLAY, Act.SEE_SESSION): Scope.ANY,
    (Role.DISPLAY, Act.SEE_METRICS): Scope.OWN_OR_DEMO,
}


def may(principal: Principal, act: Act, on: Object = Object()) -> bool:  # noqa: B008 (frozen)
    """Whether `principal` may do `act` on `on`. Pure; tested as a matrix role x act x owner."""
    scope = RULES.get((principal.role, act))
    if scope is None:
        return False
    if scope is Scope.ANY:
        return True
    own = principal.athlete_id != "" and principal.athlete_id == on.athlete_id
    return own or (scope is Scope.OWN_OR_DEMO and on.demo)
