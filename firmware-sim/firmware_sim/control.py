"""The control socket: one JSON object a line in, one out. For `derny-sim fault` and for tests.

    {"op": "fault", "kind": "mute", "sensor": "Polar H10 1F2A3B", "for_s": 10}
    {"ok": true, "fault": {"kind": "mute", "sensor": "...", "at_ms": 81250, "until_ms": 91250, ...}}

    {"op": "status"}
    {"ok": true, "status": {"now_ms": 81250, "riders": [...]}}

    {"op": "mute"}
    {"ok": false, "error": "..."}

`for_s` and `amount` may be left out. Bounds, kept by `control_server`: 4096 bytes a line, 8
connections, 60 s of silence.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from firmware_sim.transport import Transport, UnixTransport

# A status of a hundred sensors is a long line.
MAX_ANSWER_BYTES = 1 << 20
ANSWER_WITHIN_S = 5.0


class FaultRequest(
    msgspec.Struct, frozen=True, tag_field="op", tag="fault", forbid_unknown_fields=True
):
    kind: str
    sensor: str
    for_s: float | None = None
    amount: float | None = None


class StatusRequest(
    msgspec.Struct, frozen=True, tag_field="op", tag="status", forbid_unknown_fields=True
):
    pass


Request = FaultRequest | StatusRequest


class ControlError(Exception):
    """The simulator could not be asked, or refused; the message says why."""


async def ask(where: Transport, request: Request) -> dict[str, Any]:
    """Send one request to a running simulator.

    Raises:
        ControlError: none is running at `where`, it does not answer, or it refuses.
    """
    try:
        question = msgspec.json.encode(request) + b"\n"
    except UnicodeEncodeError:
        raise ControlError("a name is no text: write it in UTF-8") from None
    try:
        if isinstance(where, UnixTransport):
            connection = asyncio.open_unix_connection(where.path, limit=MAX_ANSWER_BYTES)
        else:
            connection = asyncio.open_connection(where.host, where.port, limit=MAX_ANSWER_BYTES)
        reader, writer = await connection
    except OSError as error:
        raise ControlError(
            f"no simulator answers at {where} ({error.strerror or error}): "
            "start one with derny-sim run"
        ) from None
    try:
        writer.write(question)
        line = await asyncio.wait_for(reader.readline(), ANSWER_WITHIN_S)
    except (TimeoutError, OSError):
        raise ControlError(f"the simulator at {where} does not answer") from None
    except ValueError:  # from StreamReader: no line within its limit
        raise _stranger(where) from None
    finally:
        writer.close()
    return _checked(line, where)


def _checked(line: bytes, where: Transport) -> dict[str, Any]:
    """Raises ControlError for a refusal, and for what no simulator says."""
    if not line:
        raise ControlError(f"{where} hangs up: the simulator is busy, or it is another program's")
    try:
        reply = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _stranger(where) from None
    if "ok" not in reply:
        raise _stranger(where)
    if not reply["ok"]:
        raise ControlError(str(reply.get("error", "refused")))
    return reply


def _stranger(where: Transport) -> ControlError:
    return ControlError(f"what answers at {where} is no simulator: choose another with --control")
