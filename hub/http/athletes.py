"""/api/me and /api/athletes: who rides here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.policy import Act, Object, may
from hub.core.errors import Denied
from hub.http.bodies import read, reply
from hub.http.principals import principal_of
from hub.live.service import Live
from hub.people import Numbers, People
from hub.store.rows import Athlete
from hub.wire.live_views import GatewayView


class AthleteBody(msgspec.Struct, frozen=True):
    athlete: str
    name: str
    ftp_w: int | None
    ftp_assumed: bool
    max_hr_bpm: int | None
    weight_kg: float | None
    demo: bool


class Radio(msgspec.Struct, frozen=True):
    """`problem`: why no sensor can be heard, "" when all is well."""

    problem: str
    gateways: tuple[GatewayView, ...]


class Me(msgspec.Struct, frozen=True):
    role: str
    athlete: AthleteBody | None
    demo: bool
    radio: Radio
    open_session: str | None


def body_of(athlete: Athlete) -> AthleteBody:
    return AthleteBody(
        athlete.athlete_id,
        athlete.name,
        athlete.ftp_w,
        athlete.ftp_assumed,
        athlete.max_hr_bpm,
        athlete.weight_kg,
        athlete.demo,
    )


def radio_problem(gateways: tuple[GatewayView, ...]) -> str:
    """The first problem of a room in which no radio works."""
    adapters = [adapter for gateway in gateways if gateway.up for adapter in gateway.adapters]
    if any(not adapter.problem for adapter in adapters):
        return ""
    return next((adapter.problem for adapter in adapters), "" if adapters else "no_gateway")


class AthleteRoutes:
    def __init__(self, people: People, live: Live, demo: Callable[[], bool]) -> None:
        self._people = people
        self._live = live
        self._demo = demo

    def routes(self) -> list[Route]:
        return [
            Route("/api/me", self.me, methods=["GET"]),
            Route("/api/me", self.describe, methods=["PUT"]),
            Route("/api/athletes", self.list, methods=["GET"]),
        ]

    async def me(self, request: Request) -> Response:
        principal = principal_of(request)
        own = self._people.get(principal.athlete_id) if principal.athlete_id else None
        gateways = self._live.gateways_view(principal)
        mine = [
            view.session
            for view in self._live.open_sessions(principal)
            if any(one.athlete == principal.athlete_id for one in view.athletes)
        ]
        return reply(
            Me(
                principal.role,
                body_of(own) if own else None,
                self._demo(),
                Radio(radio_problem(gateways), gateways),
                mine[-1] if mine else None,
            )
        )

    async def describe(self, request: Request) -> Response:
        principal = principal_of(request)
        if not may(principal, Act.EDIT_ATHLETE, Object(self._people.owner_id())):
            raise Denied("only the owner's own device may change this")
        return reply(body_of(await self._people.describe_owner(await read(request, Numbers))))

    async def list(self, request: Request) -> Response:
        principal = principal_of(request)
        seen = [
            athlete
            for athlete in self._people.all()
            if may(principal, Act.SEE_METRICS, Object(athlete.athlete_id, athlete.demo))
        ]
        return reply([body_of(athlete) for athlete in seen])
