"""`derny activity`: recorded rides, read straight from the data folder, hub running or not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from hub.activity.record import Activity, Streams
from hub.core.errors import ConfigError, NotFound, UserError
from hub.paths import data_dir, database_path

if TYPE_CHECKING:
    from hub.store.activities import Damage

T = TypeVar("T")

LATEST = "latest"
CHECKED_MAX = 100_000
WIDTH_MIN = 110  # columns: an id and a title; a narrower terminal wraps its lines itself

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_activities(
    json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Recorded rides, newest first; those of simulated riders are marked."""
    activities = _run(_read_list())
    if json:
        typer.echo(msgspec.json.encode([_row(each) for each in activities]).decode())
        return
    if not activities:
        typer.echo("No rides yet.")
        return
    _print_table(activities)


@app.command()
def export(
    activity: Annotated[str, typer.Argument(metavar="ID", help="From `list`, or `latest`.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.fit", help="Where to write it.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> None:
    """Write a ride as a FIT file."""
    from hub.activity.export import to_fit
    from hub.formats.fit import write_activity

    if file.exists() and not force:
        raise UserError(f"{file} exists already", remedy="give another name, or --force")
    ride, streams = _run(_read_one(activity))
    content = write_activity(to_fit(ride, streams))
    _write(file, content)
    mark = " (demo)" if ride.demo else ""
    typer.echo(f"{file}: {ride.title}{mark}, {_clock(ride.elapsed_s)}, {len(content)} bytes")


@app.command()
def check() -> None:
    """Read every ride and the readings under it; exit 1 if any of it is damaged."""
    damaged, commits = _run(_check())
    for activity, damage in damaged:
        typer.echo(f"{activity.activity_id}  {activity.title}: {_words(damage)}")
    if commits:
        typer.echo(f"{commits} commits of readings are damaged: they are in no ride.")
    if damaged or commits:
        raise typer.Exit(1)
    typer.echo("All rides are whole.")


def _words(damage: Damage) -> str:
    lost = f"{damage.readings} of {damage.chunks} chunks of readings are damaged"
    if damage.streams:
        return f"the ride is damaged, and {lost}"
    return f"{lost}: it stays as it was recorded"


async def _check() -> tuple[list[tuple[Activity, Damage]], int]:
    """The rides that are damaged, and how many commits."""
    from hub.store.activities import ActivityReader
    from hub.store.database import Reader
    from hub.store.journal import set_aside

    path = database_path(data_dir())
    if not path.exists():
        return [], 0
    async with Reader.open(path) as reader:
        activities = ActivityReader(reader)
        found = [
            (each, await activities.damage(each))
            for each in await activities.list(demo=True, limit=CHECKED_MAX)
        ]
        commits = await set_aside(reader)
    damaged = [(each, damage) for each, damage in found if damage.readings or damage.streams]
    return damaged, commits


async def _read_list() -> list[Activity]:
    # Imported here, as below: SQLAlchemy is a third of a second that `--help` does without.
    from hub.store.activities import ActivityReader
    from hub.store.database import Reader

    path = database_path(data_dir())
    if not path.exists():
        return []
    async with Reader.open(path) as reader:
        return await ActivityReader(reader).list(demo=True)


async def _read_one(activity_id: str) -> tuple[Activity, Streams]:
    from hub.store.activities import ActivityReader
    from hub.store.database import Reader

    path = database_path(data_dir())
    if not path.exists():
        raise NotFound("no rides yet", remedy="ride one with `derny up`")
    async with Reader.open(path) as reader:
        activities = ActivityReader(reader)
        if activity_id == LATEST:
            newest = await activities.list(limit=1) or await activities.list(demo=True, limit=1)
            if not newest:
                raise NotFound("no rides yet", remedy="ride one with `derny up`")
            ride = newest[0]
        else:
            ride = await activities.find(activity_id)
        whole = await activities.whole(ride)
        return whole.activity, whole.streams


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all: a half-written file is never seen under its name."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(
            str(file), "", f"cannot be written: {error.strerror}", remedy="name another file"
        ) from None


def _row(activity: Activity) -> dict[str, Any]:
    summary = activity.summary
    return {
        "activity": activity.activity_id,
        "started": _started(activity).isoformat(),
        "athlete": activity.athlete_id,
        "title": activity.title,
        "elapsed_s": activity.elapsed_s,
        "average_power_w": summary.average_power_w,
        "average_heart_rate_bpm": summary.average_heart_rate_bpm,
        "load": summary.load,
        "saved": activity.saved,
        "demo": activity.demo,
    }


def _print_table(activities: list[Activity]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("ID", "Started", "Title", "Time", "Power", "Heart rate", ""):
        table.add_column(heading, no_wrap=heading != "Title", overflow="fold")
    for activity in activities:
        summary = activity.summary
        table.add_row(
            activity.activity_id,
            f"{_started(activity).astimezone():%Y-%m-%d %H:%M}",
            Text(activity.title),
            _clock(activity.elapsed_s),
            _with_unit(summary.average_power_w, "W"),
            _with_unit(summary.average_heart_rate_bpm, "bpm"),
            "demo" if activity.demo else "" if activity.saved else "unsaved",
        )
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    console.print(table)


def _started(activity: Activity) -> datetime:
    return datetime.fromtimestamp(activity.started_unix_ms / 1000, UTC)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _with_unit(value: int | None, unit: str) -> str:
    return "–" if value is None else f"{value} {unit}"
