"""`derny gateway`: which gateways the hub lets in.

With a hub running it is asked through its admin socket; without one the command takes the lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hub.admin import ask
from hub.core.errors import ConfigError, UserError
from hub.paths import admin_socket_path, data_dir, keys_dir, lock_path
from hub.private_file import write_private

if TYPE_CHECKING:
    from hub.gateway_keys import GatewayKeys

STATES = {True: "connected", False: "away", None: ""}

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As screens show it.")]


@app.command("add")
def add_gateway(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the key file here; without it: NAME.key.")
    ] = None,
) -> None:
    """Let a gateway on another machine in: writes its key file, to be brought there."""
    from hub.gateway_keys import check_name

    check_name(name)  # before it names a file
    path = out or Path(f"{name}.key")
    _check_place(path)
    text = _do("gateway_add", name, lambda keys: keys.add(name))
    try:
        write_private(path, text)
    except ConfigError:
        _remove(name)  # a key that is nowhere helps nobody
        raise
    typer.echo(f"{path}: the key of gateway {name}. Bring it to that machine as")
    typer.echo("keys/gateway.key in its data folder, and let nobody else see it.")


@app.command("list")
def list_gateways(
    json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """The gateways that this hub lets in, and which of them are connected."""
    from hub.gateway_keys import GatewayRow, listing

    text = _do("gateway_list", "", lambda keys: listing(keys.list(), None))
    if json:
        typer.echo(text)
        return
    for row in msgspec.json.decode(text, type=list[GatewayRow]):
        typer.echo(f"{row.name:<24}{row.key}…  {STATES[row.connected]}".rstrip())


@app.command("remove")
def remove_gateway(name: Name) -> None:
    """Let a gateway in no more; if it is connected, it is cut off at once."""
    _remove(name)
    typer.echo(f"{name} is not let in any more. What it has not sent yet stays on its disk.")


@app.command("counts")
def count_messages() -> None:
    """What the running hub has counted of its gateways' messages since it started."""
    counted = msgspec.json.decode(ask(admin_socket_path(data_dir()), "gateway_counts"))
    for what, times in sorted(counted.items()):
        typer.echo(f"{what:<24}{times:>10}")


def _check_place(path: Path) -> None:
    elsewhere = "give another place with --out"
    try:
        taken = path.exists()
    except OSError as error:  # a name too long
        raise UserError(f"{path}: {error.strerror}", remedy=elsewhere) from None
    if taken:
        raise UserError(f"{path} exists already", remedy=elsewhere)
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path} cannot be written", remedy=elsewhere)


def _remove(name: str) -> None:
    def remove(keys: GatewayKeys) -> str:
        keys.remove(name)
        return name

    _do("gateway_remove", name, remove)


def _do(verb: str, about: str, alone: Callable[[GatewayKeys], str]) -> str:
    """By the hub that runs, else by `alone` while no hub can start."""
    # Imported here: what `--help` does without.
    from hub.gateway_keys import GatewayKeys
    from hub.store.errors import HubRunning
    from hub.store.lock import DataLock

    data = data_dir()
    try:
        with DataLock(lock_path(data)):
            return alone(GatewayKeys(keys_dir(data)))
    except HubRunning:
        return ask(admin_socket_path(data), verb, about)
