"""`derny-gateway doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gateway import log
from gateway.doctor.finding import Finding, Level
from gateway.doctor.gather import gather
from gateway.doctor.rules import findings, is_well

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def doctor_command(
    radio: Annotated[
        str | None, typer.Option(help="os, or air:unix:/path/air.sock for the simulator.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option(help="The hub's uplink, tcp://HOST:PORT or wss://HOST/uplink.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A gateway.toml to use instead of the default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, no addresses.")] = False,
) -> None:
    """Check what a gateway needs of this machine, and say what to do about what is missing."""
    log.configure()
    found = findings(gather(radio, hub, config))
    if as_json:
        typer.echo(json.dumps([one.told() for one in found], ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(0 if is_well(found) else 1)


def _print(found: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(one.check) for one in found)
    for one in found:
        what = f"{one.what}, {one.private}" if one.private else one.what
        line = Text.assemble(
            (one.level.value.ljust(9), STYLES[one.level]), one.check.ljust(width + 2), what
        )
        console.print(line)
        if one.do:
            console.print(Text(f"{'':9}{'':{width + 2}}{one.whose}: {one.do}"))
