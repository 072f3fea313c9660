"""`derny workout`: workout files, without a hub."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hub.core.errors import UserError
from hub.core.summary import PlanSummary
from hub.core.workout import Workout
from hub.formats.imported import BYTES_MAX, Imported
from hub.formats.target_text import target_text
from hub.formats.until_text import clock_text, until_text
from hub.formats.workout_file import read_workout, write_workout
from hub.formats.workout_json import planned, workout_json
from hub.terminal import ZONE_COLOURS, clean, never_refuse_a_letter
from hub.workout_chart import columns, rows

if TYPE_CHECKING:
    from rich.text import Text

STDIN = Path("-")
WIDTH_MAX = 100  # columns of the chart
AXIS = 6
FTP_W_MAX = 1000
ASCII = str.maketrans("▁▂▃▄▅▆▇█·→–", "..::####.>-")

app = typer.Typer(no_args_is_help=True)

Ftp = Annotated[
    int | None, typer.Option("--ftp", metavar="W", min=1, max=FTP_W_MAX, help="Your FTP in watts.")
]


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workout; - for stdin.")],
    ftp: Ftp = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show a workout: its profile, its steps, its load, and what is doubtful in the file."""
    never_refuse_a_letter()
    imported = _read(file, ftp)
    if json:
        told = workout_json(imported.workout, imported.warnings, ftp)
        typer.echo(msgspec.json.encode(told))  # bytes: UTF-8 whatever the terminal thinks
        return
    _print(imported, ftp)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(metavar="IN", help="A workout; - for stdin.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Its extension says how: zwo erg mrc fit toml txt")
    ],
    ftp: Ftp = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
) -> None:
    """Write a workout in another format, and say what that format cannot hold."""
    never_refuse_a_letter()
    if not out.suffix:
        raise UserError(
            f"{clean(str(out))} has no extension", remedy="name it .zwo, .fit or another"
        )
    imported = _read(file, ftp)
    written = write_workout(imported.workout, out.suffix, ftp)
    _write(out, written.data, force)
    for warning in imported.warnings:
        typer.echo(f"read: {_at_line(warning.line)}{clean(warning.text)}", err=True)
    for text in written.warnings:
        typer.echo(f"lost: {clean(text)}", err=True)
    typer.echo(f"{clean(str(out))}: {clean(imported.workout.name)}, {len(written.data)} bytes")


def _read(file: Path, ftp: int | None) -> Imported:
    """Raises UserError. Never more of a file than a workout can be."""
    if file == STDIN:
        return read_workout(sys.stdin.buffer.read(BYTES_MAX + 1), "", ftp)
    try:
        with file.open("rb") as stream:
            data = stream.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise UserError(f"{clean(str(file))} cannot be read: {reason}") from None
    try:
        return read_workout(data, file.name, ftp)
    except UserError as error:
        raise UserError(
            f"{clean(str(file))}: {clean(error.message)}", remedy=error.remedy
        ) from None


def _write(out: Path, data: bytes, force: bool) -> None:
    """Whole or not at all: a half-written file is never seen under its name."""
    part = out.with_name(out.name + ".part")
    try:
        if out.exists() and not force:
            raise UserError(
                f"{clean(str(out))} exists already", remedy="give another name, or --force"
            )
        part.write_bytes(data)
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UserError(f"{clean(str(out))} cannot be written: {error.strerror}") from None


def _print(imported: Imported, ftp: int | None) -> None:
    from rich.console import Console
    from rich.text import Text

    workout = imported.workout
    console = Console(highlight=False)
    can_blocks = (console.encoding or "").lower().startswith("utf")

    def say(text: Text | str) -> None:
        line = Text(text) if isinstance(text, str) else text
        console.print(line if can_blocks else Text(line.plain.translate(ASCII)), soft_wrap=True)

    by = f", by {workout.author}" if workout.author else ""
    say(Text(clean(f"{workout.name}{by}"), style="bold"))
    if workout.description:
        say(clean(workout.description))
    say(_figures(workout, planned(workout, ftp)))
    say("")
    for line in _chart(workout, ftp, min(console.width, WIDTH_MAX) - AXIS):
        say(line)
    say("")
    for row in _table(workout):
        say(row)
    for warning in imported.warnings:
        say(Text(f"doubtful: {_at_line(warning.line)}{clean(warning.text)}", style="yellow"))


def _figures(workout: Workout, whole: PlanSummary) -> str:
    parts = [workout.sport]
    if whole.duration_s:
        parts.append(clock_text(round(whole.duration_s * 1000)))
    if whole.distance_m:
        parts.append(f"{whole.distance_m / 1000:g} km")
    if whole.training_load is not None and whole.intensity_factor is not None:
        parts.append(f"load {whole.training_load:.0f}, intensity {whole.intensity_factor:.2f}")
    if whole.work_kj is not None:
        parts.append(f"{whole.work_kj:.0f} kJ")
    line = " · ".join(parts)
    return f"{line} (steps without time or power are not counted)" if whole.partial else line


def _chart(workout: Workout, ftp: int | None, width: int) -> list[Text]:
    from rich.text import Text

    lines: list[Text] = []
    for pct, signs in rows(columns(workout, ftp, max(width, 10))):
        line = Text().append(f"{pct:3} % ", "dim")
        for sign, zone in signs:
            line.append(sign, ZONE_COLOURS[zone])
        lines.append(line)
    return lines


def _table(workout: Workout) -> list[str]:
    """A line for each step: when it begins, what it is, how long, what to hold; its texts below."""
    lines = []
    at_ms: int | None = 0
    for step in workout.steps:
        begin = "" if at_ms is None else clock_text(at_ms)
        cadence = step.cadence
        words = [target_text(step.target)]
        if cadence is not None:
            low, high = cadence.low_rpm, cadence.high_rpm
            words.append(f"{low} rpm" if low == high else f"{low}-{high} rpm")
        lines.append(
            f"{begin:>8}  {clean(step.name)[:24]:24}  {until_text(step.until):>10}  "
            + ", ".join(words)
        )
        lines += [f"{clock_text(t.offset_ms):>16}  {clean(t.text)}" for t in step.texts]
        length_ms = getattr(step.until, "duration_ms", None)
        at_ms = None if at_ms is None or length_ms is None else at_ms + length_ms
    return lines


def _at_line(line: int) -> str:
    return f"line {line}: " if line else ""
