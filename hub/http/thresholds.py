"""/api/athletes/{athlete}/thresholds: figures and zones for each sport, since when they count."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.policy import Act, Object, may
from hub.core.errors import Denied, NotFound
from hub.core.figures import SPORTS, Version, until
from hub.core.target import Thresholds
from hub.core.zone_schemes import (
    SCHEMES,
    Scheme,
    ZoneChoice,
    heart_zones_of,
    power_zones_of,
)
from hub.core.zones import Zone, Zones
from hub.http.bodies import read, reply
from hub.http.principals import principal_of
from hub.people import NewFigures, People
from hub.store.rows import Athlete

TODAY = "today"


class VersionBody(msgspec.Struct, frozen=True):
    """`until`: the day on which the next one begins, null: it counts now. Zones in W and bpm."""

    valid_from: str
    until: str | None
    thresholds: Thresholds
    zones: ZoneChoice
    power_zones: tuple[Zone, ...]
    heart_zones: tuple[Zone, ...]


class SchemeBody(msgspec.Struct, frozen=True):
    scheme: Scheme
    title: str
    names: tuple[str, ...]
    lows_pct: tuple[float, ...]
    needs: tuple[str, ...]


class Book(msgspec.Struct, frozen=True):
    """`sports`: versions, newest first."""

    athlete: str
    today: str
    sports: dict[str, list[VersionBody]]
    schemes: tuple[SchemeBody, ...]


class ThresholdRoutes:
    def __init__(self, people: People, ask: Callable[[], None]) -> None:
        """`ask`: say that rides wait to be measured anew."""
        self._people = people
        self._ask = ask

    def routes(self) -> list[Route]:
        book = "/api/athletes/{athlete}/thresholds"
        one = f"{book}/{{sport}}/{{valid_from}}"
        return [
            Route(book, self.show, methods=["GET"]),
            Route(one, self.put, methods=["PUT"]),
            Route(one, self.forget, methods=["DELETE"]),
        ]

    async def show(self, request: Request) -> Response:
        return reply(self._book(self._athlete(request)))

    async def put(self, request: Request) -> Response:
        athlete = self._own(request)
        wanted = await read(request, NewFigures)
        valid_from = request.path_params["valid_from"]
        await self._people.set_figures(
            athlete.athlete_id,
            request.path_params["sport"],
            self._people.today() if valid_from == TODAY else valid_from,
            wanted.figures,
            principal_of(request).login_id,
            recompute=wanted.recompute,
        )
        if wanted.recompute:
            self._ask()
        return reply(self._book(athlete))

    async def forget(self, request: Request) -> Response:
        athlete = self._own(request)
        sport, valid_from = request.path_params["sport"], request.path_params["valid_from"]
        await self._people.forget_figures(athlete.athlete_id, sport, valid_from)
        return reply(self._book(athlete))

    def _athlete(self, request: Request) -> Athlete:
        """One whose figures the principal may not see is as absent as one that never was."""
        athlete_id = request.path_params["athlete"]
        athlete = self._people.get(athlete_id)
        if not may(principal_of(request), Act.SEE_METRICS, Object(athlete_id, athlete.demo)):
            raise NotFound(f"no athlete {athlete_id!r}")
        return athlete

    def _own(self, request: Request) -> Athlete:
        athlete = self._athlete(request)
        if athlete.demo or not may(
            principal_of(request), Act.EDIT_ATHLETE, Object(athlete.athlete_id)
        ):
            raise Denied("these figures are not yours")
        return athlete

    def _book(self, athlete: Athlete) -> Book:
        sports = {}
        for sport in SPORTS:
            versions = self._people.versions(athlete.athlete_id, sport)
            sports[sport] = [
                version_body(each, until(versions, each.valid_from)) for each in reversed(versions)
            ]
        return Book(athlete.athlete_id, self._people.today(), sports, schemes())


def version_body(version: Version, ends: str | None) -> VersionBody:
    thresholds, zones = version.figures.thresholds, version.figures.zones
    return VersionBody(
        version.valid_from,
        ends,
        thresholds,
        zones,
        _listed(power_zones_of(thresholds, zones)),
        _listed(heart_zones_of(thresholds, zones)),
    )


def _listed(zones: Zones | None) -> tuple[Zone, ...]:
    return zones.zones if zones is not None else ()


def schemes() -> tuple[SchemeBody, ...]:
    return tuple(
        SchemeBody(scheme, rule.title, tuple(rule.names), tuple(rule.lows_pct), rule.needs)
        for scheme, rule in SCHEMES.items()
    )
