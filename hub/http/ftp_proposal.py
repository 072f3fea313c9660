"""/api/activities/{activity}/ftp: what the ride of an FTP test proposes, and using it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.activity.ftp import proposal_of
from hub.activity.record import Activity
from hub.auth.policy import Act, Object, may
from hub.auth.principal import Principal
from hub.core.errors import Conflict, Denied, NotFound, UserError
from hub.core.ftp_test import Proposal
from hub.http.bodies import read, reply
from hub.http.principals import principal_of
from hub.people import FtpW, People
from hub.store.activities import Activities


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """`ftp_w`: the proposal as it was read.

    `since`: a date, and rides since then are measured by it; "": from today by the hub's calendar.
    `decline`: what was is kept, and this proposal is answered.
    """

    ftp_w: FtpW
    since: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    decline: bool = False


class FtpRoutes:
    def __init__(
        self, activities: Activities, people: People, recompute: Callable[[], None]
    ) -> None:
        """`recompute`: say that rides wait to be measured anew."""
        self._activities = activities
        self._people = people
        self._recompute = recompute

    def routes(self) -> list[Route]:
        path = "/api/activities/{activity}/ftp"
        return [
            Route(path, self.show, methods=["GET"]),
            Route(path, self.answer, methods=["PUT"]),
        ]

    async def show(self, request: Request) -> Response:
        principal = principal_of(request)
        ride, proposal = await self._proposal(principal, request.path_params["activity"])
        return reply(self._body(principal, ride, proposal))

    async def answer(self, request: Request) -> Response:
        """Saying it twice does it once: a version of figures is replaced by its like."""
        principal = principal_of(request)
        wanted = await read(request, Answer)
        if wanted.decline and wanted.since:
            raise UserError("what is declined counts since no day", remedy="leave `since` out")
        ride, proposal = await self._proposal(principal, request.path_params["activity"])
        if not self._may_use(principal, ride):
            raise Denied("this ride changes nobody's FTP" if ride.demo else "this FTP is not yours")
        if proposal.ftp_w != wanted.ftp_w:
            raise Conflict(
                "the ride was rebuilt, and proposes another FTP now", remedy="look at it again"
            )
        if not wanted.decline:
            await self._set(ride, wanted, principal.login_id)
        declined_w = wanted.ftp_w if wanted.decline else None
        await self._activities.decline_ftp(ride.activity_id, declined_w)
        return reply(self._body(principal, replace(ride, declined_ftp_w=declined_w), proposal))

    async def _set(self, ride: Activity, wanted: Answer, by: str) -> None:
        """From then up to now: also in the versions that began meanwhile."""
        athlete_id, sport = ride.athlete_id, _sport(ride)
        since = wanted.since or self._people.today()
        begun = self._people.versions(athlete_id, sport)
        later = [version.valid_from for version in begun if version.valid_from > since]
        for date in (since, *later):
            figures = self._people.on(athlete_id, sport, date)
            thresholds = replace(figures.thresholds, ftp_w=wanted.ftp_w, ftp_assumed=False)
            await self._people.set_figures(
                athlete_id,
                sport,
                date,
                replace(figures, thresholds=thresholds),
                by,
                recompute=bool(wanted.since),
            )
        if wanted.since:
            self._recompute()

    async def _proposal(self, principal: Principal, activity_id: str) -> tuple[Activity, Proposal]:
        """Raises NotFound, also for a ride that the principal may not see."""
        ride = await self._activities.get(activity_id)
        if not may(principal, Act.SEE_ACTIVITY, _object(ride)):
            raise NotFound(f"no activity {activity_id!r}")
        whole = await self._activities.whole(ride)
        proposal = await asyncio.to_thread(proposal_of, whole)
        if proposal is None:
            raise NotFound("this ride was no FTP test")
        return whole.activity, proposal

    def _body(self, principal: Principal, ride: Activity, proposal: Proposal) -> dict[str, Any]:
        known = self._people.now(ride.athlete_id, _sport(ride)).thresholds
        body: dict[str, Any] = msgspec.to_builtins(proposal)
        body["current_w"] = None if known.ftp_assumed else known.ftp_w
        body["declined"] = proposal.ftp_w is not None and proposal.ftp_w == ride.declined_ftp_w
        body["may_use"] = self._may_use(principal, ride)
        return body

    def _may_use(self, principal: Principal, ride: Activity) -> bool:
        return not ride.demo and may(principal, Act.EDIT_ATHLETE, _object(ride))


def _object(ride: Activity) -> Object:
    return Object(ride.athlete_id, ride.demo)


def _sport(ride: Activity) -> str:
    return "bike" if ride.workout is None else ride.workout.sport
