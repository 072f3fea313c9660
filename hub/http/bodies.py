"""JSON in and out of a route: validated by msgspec, bounded, with errors that say whose fault."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hub.core.errors import Conflict, Denied, DernyError, NotFound, Unavailable, UserError

BODY_BYTES_MAX = 64 * 1024
NAME_CHARS_MAX = 80
T = TypeVar("T")

# The first class that fits decides.
STATUS: tuple[tuple[type[DernyError], int], ...] = (
    (NotFound, 404),
    (Denied, 403),
    (Conflict, 409),
    (UserError, 400),
    (Unavailable, 503),
    (DernyError, 500),
)


def reply(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def empty(status: int = 204) -> Response:
    return Response(status_code=status)


def problem(status: int, code: str, detail: str) -> Response:
    return reply({"code": code, "detail": detail}, status)


def error_reply(error: DernyError) -> Response:
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    return problem(status, error.code, str(error))


async def read(request: Request, shape: type[T], bytes_max: int = BODY_BYTES_MAX) -> T:
    """The body as `shape`. Raises UserError, naming the field, for anything else."""
    body = await read_bytes(request, bytes_max)
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the body is not what this route takes: {error}") from None


async def read_bytes(request: Request, bytes_max: int) -> bytes:
    """The body as it stands. Raises UserError when it breaks off or has more than `bytes_max`."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > bytes_max:
                problem = f"the body has more than {bytes_max} bytes"
                raise UserError(problem, remedy="send less")
    except ClientDisconnect:
        raise UserError("the body broke off", remedy="send it again") from None
    return bytes(body)


def query(request: Request, shape: type[T]) -> T:
    """What stands behind `?` as `shape`. Raises UserError, naming the field, for anything else."""
    try:
        return msgspec.convert(dict(request.query_params), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise UserError(f"the query is not what this route takes: {error}") from None


def attachment(data: bytes, media_type: str, name: str) -> Response:
    """A file to keep."""
    disposition = f'attachment; filename="{name}"'
    return Response(data, media_type=media_type, headers={"content-disposition": disposition})


def file_name(title: str, otherwise: str, extension: str) -> str:
    """Safe in a header and on every file system; letters lose their accents.

    `otherwise`: the name where nothing of the title is left.
    """
    title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()[:NAME_CHARS_MAX].rstrip("-")
    return f"{stem or otherwise}.{extension}"
