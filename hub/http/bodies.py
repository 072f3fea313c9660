"""JSON in and out of a route: validated by msgspec, bounded, with errors that say whose fault."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hub.core.errors import Conflict, Denied, DernyError, NotFound, Unavailable, UserError

BODY_BYTES_MAX = 64 * 1024
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


async def read(request: Request, shape: type[T]) -> T:
    """The body as `shape`. Raises UserError, naming the field, for anything else."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                problem = f"the body has more than {BODY_BYTES_MAX} bytes"
                raise UserError(problem, remedy="send less")
    except ClientDisconnect:
        raise UserError("the body broke off", remedy="send it again") from None
    try:
        return msgspec.json.decode(bytes(body) or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the body is not what this route takes: {error}") from None
