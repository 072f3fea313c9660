"""A client of /live for the kill journeys: follows one session and logs all it is told.

    CLIENT_COOKIE=... python -m journeys.kills_client ws://HOST:PORT/live SESSION LOG

Each line is one thing, written at once; a client that is started anew reads there where it stood,
as a page does with its storage.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

RETRY_S = 0.2
SILENCE_S_MAX = 3.0


def boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def events(log: Path) -> list[dict[str, Any]]:
    """What a client has logged; a last line that a kill has torn is left out."""
    if not log.exists():
        return []
    lines = log.read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def stood(log: Path) -> dict[str, Any] | None:
    """Epoch and offset of the last event or snapshot."""
    epoch, offset = "", -1
    for told in events(log):
        epoch, offset = told.get("epoch", epoch), told.get("offset", offset)
    return {"epoch": epoch, "offset": offset} if epoch else None


def follow(
    link: ClientConnection, session: str, resume: dict[str, Any] | None, log: TextIO
) -> None:
    """Until the connection breaks."""
    link.send(json.dumps({"t": "hello", "v": 1, "client": "kills"}))
    wanted = {"t": "subscribe", "channel": f"session:{session}", "rate_hz": 4}
    link.send(json.dumps(wanted | ({"resume": resume} if resume else {})))
    first = True
    while True:
        message = json.loads(link.recv(timeout=SILENCE_S_MAX))
        kind = message["t"]
        if kind == "state":
            link.send(json.dumps({"t": "ack", "n": message["n"]}))
            if first and any(row[1] for row in message["rows"]):
                first = False
                say(log, t="state")
        elif kind == "event":
            body = message["body"]
            say(log, t="event", offset=message["offset"], e=body["e"], cause=body.get("cause"))
        elif kind == "snapshot":
            say(log, t="snapshot", epoch=message["epoch"], offset=message["offset"])
        elif kind == "gap":
            say(log, t="gap")


def say(log: TextIO, **told: Any) -> None:
    log.write(json.dumps({"boot_ms": boot_ms()} | told) + "\n")


def main(address: str, session: str, path: str) -> None:
    headers = {"cookie": os.environ["CLIENT_COOKIE"]}
    with Path(path).open("a", buffering=1) as log:
        say(log, t="born")
        while True:
            try:
                with connect(address, additional_headers=headers, open_timeout=2) as link:
                    follow(link, session, stood(Path(path)), log)
            except (OSError, TimeoutError, WebSocketException):
                time.sleep(RETRY_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
