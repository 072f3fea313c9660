"""/api/sessions: people doing a workout now."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.core.errors import Conflict, Denied, IllegalInput, NotFound, Unavailable
from hub.http.bodies import problem, read, reply
from hub.http.principals import principal_of
from hub.library import Library
from hub.live.inputs import Pace
from hub.live.service import Live
from hub.store.errors import DiskFull, StoreBusy, StoreClosed, StoreFailed
from hub.wire.live_from_client import MESSAGE_CHARS_MAX, Action, Control, Key, Prefer
from hub.wire.values import Metric, Target

ATHLETES_MAX = 200

# What `Reply.code` means in HTTP; any other refusal is 400.
STATUS = {
    NotFound.code: 404,
    Denied.code: 403,
    **dict.fromkeys((Conflict.code, IllegalInput.code), 409),
    **dict.fromkeys(
        (kind.code for kind in (Unavailable, DiskFull, StoreBusy, StoreClosed, StoreFailed)), 503
    ),
}


class NewSession(msgspec.Struct, forbid_unknown_fields=True):
    workout: str | None = None
    title: Annotated[str, msgspec.Meta(max_length=80)] = ""
    athletes: Annotated[tuple[str, ...], msgspec.Meta(max_length=ATHLETES_MAX)] = ()
    open: bool = False
    pace: Pace = Pace.GROUP
    auto_start: bool = False
    auto_pause: bool = False


class NewControl(msgspec.Struct, forbid_unknown_fields=True):
    key: Key
    athlete: Annotated[str, msgspec.Meta(max_length=80)] = ""
    trim_pct: Annotated[int, msgspec.Meta(ge=50, le=150)] | None = None
    target: Target | None = None
    kind: Annotated[str, msgspec.Meta(max_length=16)] = ""
    to: Annotated[int, msgspec.Meta(ge=0, le=1_000)] | None = None
    by_s: Annotated[int, msgspec.Meta(ge=-3_600, le=3_600)] | None = None
    text: Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)] = ""


class NewSource(msgspec.Struct, forbid_unknown_fields=True):
    key: Key
    sensor_id: Annotated[str, msgspec.Meta(max_length=80)] = ""


class SessionRoutes:
    def __init__(self, live: Live, library: Library) -> None:
        self._live = live
        self._library = library

    def routes(self) -> list[Route]:
        return [
            Route("/api/sessions", self.list, methods=["GET"]),
            Route("/api/sessions", self.create, methods=["POST"]),
            Route("/api/sessions/{session}", self.show, methods=["GET"]),
            Route("/api/sessions/{session}/cues", self.cues, methods=["GET"]),
            Route("/api/sessions/{session}/{action}", self.control, methods=["POST"]),
            Route("/api/athletes/{athlete}/sources/{metric}", self.prefer, methods=["PUT"]),
        ]

    async def list(self, request: Request) -> Response:
        return reply(self._live.open_sessions(principal_of(request)))

    async def create(self, request: Request) -> Response:
        wanted = await read(request, NewSession)
        principal = principal_of(request)
        workout = None
        if wanted.workout is not None:
            workout = (await self._library.find(principal, wanted.workout)).workout
        view = await self._live.create_session(
            principal,
            workout=workout,
            workout_id=wanted.workout or "",
            title=wanted.title,
            athletes=wanted.athletes,
            open=wanted.open,
            pace=wanted.pace,
            auto_start=wanted.auto_start,
            auto_pause=wanted.auto_pause,
        )
        return reply(view, 201)

    async def show(self, request: Request) -> Response:
        return reply(self._live.view(principal_of(request), request.path_params["session"]))

    async def cues(self, request: Request) -> Response:
        session_id = request.path_params["session"]
        return reply(self._live.spread(principal_of(request), session_id))

    async def control(self, request: Request) -> Response:
        try:
            action = Action(request.path_params["action"])
        except ValueError:
            raise NotFound(f"a session has no action {request.path_params['action']!r}") from None
        wanted = await read(request, NewControl)
        answer = await self._live.control(
            principal_of(request),
            Control(
                wanted.key,
                request.path_params["session"],
                action,
                wanted.athlete,
                wanted.trim_pct,
                wanted.target,
                wanted.kind,
                wanted.to,
                wanted.by_s,
                wanted.text,
            ),
        )
        return reply(answer, 200 if answer.ok else STATUS.get(answer.code, 400))

    async def prefer(self, request: Request) -> Response:
        try:
            metric = Metric(request.path_params["metric"])
        except ValueError:
            known = ", ".join(Metric)
            return problem(404, "not_found", f"no such metric; there are {known}")
        wanted = await read(request, NewSource)
        answer = await self._live.prefer(
            principal_of(request),
            Prefer(wanted.key, request.path_params["athlete"], metric, wanted.sensor_id),
        )
        return reply(answer, 200 if answer.ok else STATUS.get(answer.code, 400))
