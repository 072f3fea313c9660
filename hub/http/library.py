"""/api/library: workouts to look through, keep, change, and take elsewhere."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.auth.policy import Act, Object, may
from hub.auth.principal import Principal
from hub.core.errors import NotFound, UserError
from hub.core.target import TRIM_PCT_MAX, TRIM_PCT_MIN
from hub.core.workout import Workout
from hub.formats.imported import BYTES_MAX, ImportWarning
from hub.formats.workout_file import FORMATS, read_workout, write_workout
from hub.http.bodies import attachment, empty, file_name, problem, query, read, read_bytes, reply
from hub.http.principals import principal_of
from hub.library import Entry, Library
from hub.library.changes import changed
from hub.library.preview import preview
from hub.library.search import Search
from hub.people import People
from hub.store.errors import Stale
from hub.wire.live_from_client import Key

Id = Annotated[str, msgspec.Meta(max_length=80)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class NewWorkout(msgspec.Struct, forbid_unknown_fields=True):
    key: Key
    workout: Workout


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """`base`: the version that was changed."""

    key: Key
    base: Number
    workout: Workout


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    key: Key
    file: Annotated[str, msgspec.Meta(max_length=300)] = ""


class Which(msgspec.Struct, forbid_unknown_fields=True):
    version: Number | None = None


class ForWhom(msgspec.Struct, forbid_unknown_fields=True):
    athlete: Id = ""
    trim_pct: Annotated[int, msgspec.Meta(ge=TRIM_PCT_MIN, le=TRIM_PCT_MAX)] = 100
    version: Number | None = None


class AsFile(msgspec.Struct, forbid_unknown_fields=True):
    format: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    version: Number | None = None


class FormatBody(msgspec.Struct, frozen=True):
    """`lost`: what the file would not say of this workout; `problem`: why there can be none."""

    format: str
    extension: str
    title: str
    lost: tuple[str, ...] = ()
    problem: str = ""


class LibraryRoutes:
    def __init__(self, library: Library, people: People) -> None:
        self._library = library
        self._people = people

    def routes(self) -> list[Route]:
        one = "/api/library/{workout}"
        return [
            Route("/api/library", self.search, methods=["GET"]),
            Route("/api/library", self.create, methods=["POST"]),
            Route("/api/library/upload", self.upload, methods=["POST"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.edit, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/preview", self.preview, methods=["GET"]),
            Route(f"{one}/formats", self.formats, methods=["GET"]),
            Route(f"{one}/file", self.file, methods=["GET"]),
        ]

    async def search(self, request: Request) -> Response:
        wanted = query(request, Search)
        result = await self._library.search(principal_of(request), wanted)
        return await asyncio.to_thread(reply, result)

    async def create(self, request: Request) -> Response:
        wanted = await read(request, NewWorkout, BYTES_MAX)
        entry = await self._library.create(principal_of(request), wanted.workout, wanted.key)
        return reply(await self._body(entry), 201)

    async def upload(self, request: Request) -> Response:
        """The file as it stands is the body."""
        wanted = query(request, Upload)
        principal = principal_of(request)
        try:
            data = await read_bytes(request, BYTES_MAX)
            imported = await asyncio.to_thread(
                read_workout, data, wanted.file, self._ftp_w(principal)
            )
        except UserError as error:
            return problem(422, "unreadable", str(error))
        entry = await self._library.create(principal, imported.workout, wanted.key)
        return reply(await self._body(entry, imported.warnings), 201)

    async def show(self, request: Request) -> Response:
        return reply(await self._body(await self._find(request, query(request, Which).version)))

    async def edit(self, request: Request) -> Response:
        wanted = await read(request, Edit, BYTES_MAX)
        principal, workout_id = principal_of(request), request.path_params["workout"]
        try:
            entry = await self._library.edit(
                principal, workout_id, wanted.base, wanted.workout, wanted.key
            )
        except Stale as stale:
            newest = await self._library.find(principal, workout_id)
            body = {
                "code": stale.code,
                "detail": str(stale),
                "version": stale.newest,
                "changed": await self._changed_since(principal, newest, wanted.base),
            }
            return reply(body, 409)
        return reply(await self._body(entry))

    async def delete(self, request: Request) -> Response:
        await self._library.delete(principal_of(request), request.path_params["workout"])
        return empty()

    # As somebody has it

    async def preview(self, request: Request) -> Response:
        wanted = query(request, ForWhom)
        principal = principal_of(request)
        entry = await self._find(request, wanted.version)
        athlete_id = wanted.athlete or principal.athlete_id
        figures = self._people.now(self._seen(principal, athlete_id), entry.workout.sport)
        return reply(
            await asyncio.to_thread(
                preview,
                (entry.place.workout_id, entry.place.version),
                entry.workout,
                athlete_id,
                figures,
                wanted.trim_pct,
            )
        )

    def _seen(self, principal: Principal, athlete_id: str) -> str:
        """The athlete, if the principal may know of the figures; "" is nobody, without any."""
        if not athlete_id:
            return ""
        athlete = self._people.get(athlete_id)
        if not may(principal, Act.SEE_METRICS, Object(athlete_id, athlete.demo)):
            raise NotFound(f"no athlete {athlete_id!r}")
        return athlete_id

    # As a file

    async def formats(self, request: Request) -> Response:
        entry = await self._find(request, query(request, Which).version)
        ftp_w = self._ftp_w(principal_of(request))
        return reply(await asyncio.to_thread(_formats, entry.workout, ftp_w))

    async def file(self, request: Request) -> Response:
        wanted = query(request, AsFile)
        entry = await self._find(request, wanted.version)
        ftp_w = self._ftp_w(principal_of(request))
        row = next((row for row in FORMATS if row.name == wanted.format and row.write), None)
        if row is None:
            raise UserError(f"no workout can be written as {wanted.format!r}")
        written = await asyncio.to_thread(write_workout, entry.workout, wanted.format, ftp_w)
        name = file_name(entry.workout.name, "workout", row.extension)
        return attachment(written.data, "application/octet-stream", name)

    def _ftp_w(self, principal: Principal) -> float | None:
        """For formats in watts; an assumed one would be written down as if it were known."""
        figures = self._people.now(principal.athlete_id, "bike").thresholds
        return None if figures.ftp_assumed else figures.ftp_w

    # What is answered

    async def _find(self, request: Request, version: int | None) -> Entry:
        principal = principal_of(request)
        return await self._library.find(principal, request.path_params["workout"], version)

    async def _body(
        self, entry: Entry, warnings: tuple[ImportWarning, ...] | None = None
    ) -> dict[str, Any]:
        """The card, and what stands in the workout."""
        card = await asyncio.to_thread(self._library.card, entry)
        body: dict[str, Any] = msgspec.to_builtins(card)
        versions = await self._library.versions(entry)
        body |= {"content": entry.workout, "at_ms": entry.at_ms, "versions": versions}
        return body if warnings is None else body | {"warnings": warnings}

    async def _changed_since(self, principal: Principal, newest: Entry, base: int) -> list[str]:
        """What others changed; nothing is known of a base that is forgotten or never was."""
        try:
            before = await self._library.find(principal, newest.place.workout_id, base)
        except NotFound:
            return []
        return changed(before.workout, newest.workout)


def _formats(workout: Workout, ftp_w: float | None) -> list[FormatBody]:
    return [
        _format(workout, row.name, row.extension, row.title, ftp_w)
        for row in FORMATS
        if row.write is not None
    ]


def _format(
    workout: Workout, name: str, extension: str, title: str, ftp_w: float | None
) -> FormatBody:
    try:
        written = write_workout(workout, name, ftp_w)
    except UserError as error:
        return FormatBody(name, extension, title, problem=str(error))
    return FormatBody(name, extension, title, written.warnings)
