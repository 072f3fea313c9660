"""Who is asking."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    OWNER = "owner"
    COACH = "coach"
    ATHLETE = "athlete"
    VIEWER = "viewer"
    DISPLAY = "display"
    GATEWAY = "gateway"


class Principal(msgspec.Struct, frozen=True):
    """An authenticated party. `athlete_id` is the athlete it acts as; "" for none."""

    login_id: str
    role: Role
    athlete_id: str = ""


class Admission(msgspec.Struct, frozen=True):
    """A principal who was let in, and until when."""

    principal: Principal
    expires_at_ms: int  # hub time


HOUSE = Principal("house", Role.OWNER)  # the hub itself, for what it does unasked
