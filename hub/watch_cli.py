"""`derny watch`: lets itself in at this machine's hub, and out again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from hub.admin import ask
from hub.core.errors import ConfigError, Denied, NotFound, Unavailable, UserError
from hub.paths import admin_socket_path, data_dir
from hub.terminal import clean, never_refuse_a_letter

if TYPE_CHECKING:
    from hub.client import Login

ID_CHARS_MIN = 4
LOG_OUT_S = 2.0


def watch(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="Its id or the beginning of it.")
    ] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a wall, as without a terminal.")
    ] = False,
    log_cues: Annotated[
        Path | None, typer.Option(help="Write each cue, as it fires, to this file as JSON lines.")
    ] = None,
) -> None:
    """Watch a session in the terminal; without a name the one that is open."""
    never_refuse_a_letter()
    stopped = contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError)
    with _opened(log_cues) as file, stopped:
        asyncio.run(_watch(session, plain or not sys.stdout.isatty(), file))


async def _watch(wanted: str, plain: bool, cue_log: TextIO | None) -> None:
    from rich.console import Console

    from hub.client import ClientError, Refused, log_in
    from hub.watch.app import watch as show

    _end_on_sigterm()
    try:
        # Asked here and at once used up: the link is on no command line and in no log.
        login = await log_in(ask(admin_socket_path(data_dir()), "link"))
        try:
            session = _chosen(wanted, await login.get("/api/sessions"))
            if session:
                await show(login, session, Console(), plain=plain, cue_log=cue_log)
        finally:
            await _log_out(login)
    except Refused as error:
        raise Denied(str(error) or "the hub lets this watcher in no more") from None
    except ClientError as error:
        raise Unavailable(str(error)) from None


async def _log_out(login: Login) -> None:
    """A hub that is away keeps the login until it expires."""
    from hub.client import ClientError

    with contextlib.suppress(ClientError, TimeoutError):
        async with asyncio.timeout(LOG_OUT_S):
            await login.end()


def _chosen(wanted: str, sessions: list[dict[str, Any]]) -> str:
    """The id of the session to watch; "": a list was printed instead.

    Raises NotFound and UserError.
    """
    if wanted:
        found = [one["session"] for one in sessions if one["session"].startswith(wanted)]
        if wanted in found:
            return wanted
        if not found or len(wanted) < ID_CHARS_MIN:
            raise NotFound(
                f"no open session {wanted!r}", remedy="`derny watch` without a name lists them"
            )
        if len(found) > 1:
            raise UserError(f"{wanted!r} begins {len(found)} sessions", remedy="give more of it")
        return str(found[0])
    if not sessions:
        raise NotFound("no session is open", remedy="start one on the page")
    running = [one for one in sessions if one["status"] == "running"]
    for several in (sessions, running):
        if len(several) == 1:
            return str(several[0]["session"])
    for one in sessions:
        typer.echo(f"{one['session']}  {one['status']:8}  {clean(one['title'])}")
    typer.echo("Several are open: derny watch SESSION")
    return ""


def _end_on_sigterm() -> None:
    """As Ctrl-C does: the terminal is given back, and the login ends."""
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextlib.contextmanager
def _opened(path: Path | None) -> Any:
    if path is None:
        yield None
        return
    try:
        file = open(path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise ConfigError(str(path), "", problem, remedy="name another with --log-cues") from None
    with file:
        yield file
