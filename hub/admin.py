"""The admin socket: commands of the command line to a running hub, over `$DERNY_DATA/admin.sock`.

Its file mode (0600 in a 0700 folder) is its access control. One JSON line asks, one answers. Where
the folder's name is too long for a socket, the file is a link to one in a private temporary folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from hub.core.errors import DernyError, Unavailable
from hub.paths import SOCKET_PATH_MAX

LINE_BYTES_MAX = 4096
ANSWER_BYTES_MAX = 256 * 1024  # 256 gateways with names of 64 signs
ANSWER_S_MAX = 5.0

Verb = Callable[[str], Awaitable[str]]  # what it is about, "" for nothing


class AdminSocket:
    """Serves the `verbs` by name; each takes one string and gives one."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        self._path = path
        self._verbs = verbs
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._clear()  # what a killed hub left is ours: we hold the data lock
        place = self._path
        if len(os.fsencode(place)) > SOCKET_PATH_MAX:
            place = Path(tempfile.mkdtemp(prefix="derny-")) / self._path.name
            self._path.symlink_to(place)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._answer, str(place), limit=LINE_BYTES_MAX
            )
        finally:
            os.umask(before)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._clear()

    def _clear(self) -> None:
        if self._path.is_symlink():
            place = self._path.readlink()
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
                place.parent.rmdir()
        self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError), contextlib.closing(writer):
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await self._carry_out(await reader.readline())
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()

    async def _carry_out(self, line: bytes) -> dict[str, str]:
        try:
            asked = json.loads(line)
            verb, about = self._verbs[asked["do"]], str(asked.get("about", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": f"not a command; there are {', '.join(self._verbs)}"}
        try:
            return {"ok": await verb(about)}
        except DernyError as error:
            return {"error": str(error)}


def ask(path: Path, verb: str, about: str = "") -> str:
    """Asks a running hub, from the command line. Raises Unavailable when none answers or it
    refuses, which it says in its own words.
    """
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ANSWER_S_MAX)
            link.connect(os.path.realpath(path))
            link.sendall(json.dumps({"do": verb, "about": about}).encode() + b"\n")
            with link.makefile("rb") as lines:
                answer = json.loads(lines.readline(ANSWER_BYTES_MAX) or b"{}")
    except (OSError, ValueError):
        raise Unavailable("no hub answers with this data folder", remedy="run `derny up`") from None
    if "ok" not in answer:
        raise Unavailable(answer.get("error", "the hub gave no answer"))
    return str(answer["ok"])
