"""The client library in the kill journeys: follows one session and logs all it is told.

    CLIENT_COOKIE=... python -m journeys.kills_client http://HOST:PORT SESSION LOG

Each line is one thing, written at once; a client that is started anew reads there where it stood,
as a page does with its storage.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from hub.client import LinkChanged, Login, connect
from hub.wire.live_from_client import Resume
from hub.wire.live_to_client import Event, Gap, Snapshot, State


def boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def events(log: Path) -> list[dict[str, Any]]:
    """What a client has logged; a last line that a kill has torn is left out."""
    if not log.exists():
        return []
    lines = log.read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def stood(log: Path) -> Resume | None:
    """Epoch and offset of the last event or snapshot."""
    epoch, offset = "", -1
    for told in events(log):
        epoch, offset = told.get("epoch", epoch), told.get("offset", offset)
    return Resume(epoch, offset) if epoch else None


async def follow(login: Login, session: str, resume: Resume | None, log: TextIO) -> None:
    """Until it is killed."""
    async with connect(login, name="kills") as client:
        channel = await client.subscribe(f"session:{session}", 4, resume)
        first = True
        async for told in client:
            match told:
                case LinkChanged():
                    first = True
                case State():
                    if first and any(row.get("power_w") for row in channel.rows.values()):
                        first = False
                        say(log, t="state")
                case Event(offset=offset, body=body):
                    kind = str(body.__struct_config__.tag)
                    cause = getattr(body, "cause", None)
                    say(log, t="event", offset=offset, e=kind, cause=cause)
                case Snapshot(epoch=epoch, offset=offset):
                    say(log, t="snapshot", epoch=epoch, offset=offset)
                case Gap():
                    say(log, t="gap")


def say(log: TextIO, **told: Any) -> None:
    log.write(json.dumps({"boot_ms": boot_ms()} | told) + "\n")


def main(base: str, session: str, path: str) -> None:
    login = Login(base, os.environ["CLIENT_COOKIE"])
    with Path(path).open("a", buffering=1) as log:
        say(log, t="born")
        asyncio.run(follow(login, session, stood(Path(path)), log))


if __name__ == "__main__":
    main(*sys.argv[1:])
