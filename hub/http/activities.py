"""/api/activities: recorded rides, and the file that takes them elsewhere.

A season of rides or the seconds of one are many milliseconds of encoding: that is done beside the
loop, which has somebody's interval to change.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.activity import Activity, Streams, to_fit
from hub.activity.measure import figures_of
from hub.auth.policy import Act, Object, may
from hub.core.errors import NotFound
from hub.core.zone_schemes import heart_zones_of, power_zones_of
from hub.formats.fit import write_activity
from hub.http.bodies import attachment, empty, file_name, read, reply
from hub.http.principals import principal_of
from hub.live.service import Live
from hub.live.views import zones_view
from hub.store.activities import Activities


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """What the athlete may change; what is absent stays."""

    title: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    rpe: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None  # Borg CR10
    saved: bool | None = None


def body_of(activity: Activity) -> dict[str, Any]:
    """The wire's names: `activity`, `session` and `athlete` are ids, times are Unix ms.

    With the zones of the summary's seconds, by the figures that it is measured by.
    """
    body: dict[str, Any] = msgspec.to_builtins(activity)
    for name in ("activity", "session", "athlete"):
        body[name] = body.pop(f"{name}_id")
    body["started_at_ms"] = body.pop("started_unix_ms")
    del body["ended_at_ms"]  # hub time means nothing outside
    figures = figures_of(activity)
    known = figures.thresholds, figures.zones
    body["power_zones"] = msgspec.to_builtins(zones_view(power_zones_of(*known)))
    body["heart_zones"] = msgspec.to_builtins(zones_view(heart_zones_of(*known)))
    return body


def summary_of(activity: Activity) -> dict[str, Any]:
    """A row of the list: without what only one ride's own page shows."""
    body = body_of(activity)
    for name in ("workout", "devices", "laps", "gaps", "sources", "power_zones", "heart_zones"):
        del body[name]
    return body


def stream_body(streams: Streams) -> dict[str, Any]:
    columns = msgspec.structs.asdict(streams)
    return {"t_s": list(range(len(streams.power_w))), **columns}


class ActivityRoutes:
    def __init__(self, activities: Activities, live: Live) -> None:
        self._activities = activities
        self._live = live

    def routes(self) -> list[Route]:
        one = "/api/activities/{activity}"
        return [
            Route("/api/activities", self.list, methods=["GET"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.edit, methods=["PATCH"]),
            Route(one, self.discard, methods=["DELETE"]),
            Route(f"{one}/streams", self.streams, methods=["GET"]),
            Route(f"{one}/file.fit", self.file, methods=["GET"]),
            Route(f"{one}/resume", self.resume, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        principal = principal_of(request)
        rides = await self._activities.list(demo=request.query_params.get("demo") == "1")
        seen = [ride for ride in rides if may(principal, Act.SEE_ACTIVITY, _object(ride))]
        return await asyncio.to_thread(lambda: reply([summary_of(ride) for ride in seen]))

    async def show(self, request: Request) -> Response:
        return reply(body_of(await self._find(request, Act.SEE_ACTIVITY)))

    async def edit(self, request: Request) -> Response:
        ride = await self._find(request, Act.EDIT_ACTIVITY)
        wanted = msgspec.structs.asdict(await read(request, Edit))
        return reply(body_of(await self._activities.edit(ride.activity_id, **wanted)))

    async def discard(self, request: Request) -> Response:
        ride = await self._find(request, Act.EDIT_ACTIVITY)
        await self._activities.discard(ride.activity_id)
        return empty()

    async def streams(self, request: Request) -> Response:
        ride = await self._find(request, Act.SEE_ACTIVITY)
        streams = await self._activities.streams(ride)
        return await asyncio.to_thread(lambda: reply(stream_body(streams)))

    async def file(self, request: Request) -> Response:
        ride = await self._find(request, Act.SEE_ACTIVITY)
        whole = await self._activities.whole(ride)
        data = await asyncio.to_thread(
            lambda: write_activity(to_fit(whole.activity, whole.streams))
        )
        return attachment(data, "application/vnd.ant.fit", file_name(ride.title, "ride", "fit"))

    async def resume(self, request: Request) -> Response:
        ride = await self._find(request, Act.EDIT_ACTIVITY)
        return reply(await self._live.reopen(principal_of(request), ride.session_id))

    async def _find(self, request: Request, act: Act) -> Activity:
        """An activity that the principal may not see is as absent as one that never was."""
        activity_id = request.path_params["activity"]
        ride = await self._activities.get(activity_id)
        if not may(principal_of(request), act, _object(ride)):
            raise NotFound(f"no activity {activity_id!r}")
        return ride


def _object(ride: Activity) -> Object:
    return Object(ride.athlete_id, ride.demo)
