"""Where the simulator finds its scenarios and puts its sockets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from firmware_sim.transport import TcpTransport, Transport, parse

AIR_PORT = 9700
CONTROL_PORT = 9701

# In a checkout, and in an installed wheel.
_HERE = Path(__file__).parent
_SCENARIO_FOLDERS = (
    _HERE.parent.parent / "config" / "scenarios",
    _HERE.parent / "hub" / "config" / "scenarios",
)


def data_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """`$DERNY_DATA`, else Derny's folder in the user's application data."""
    if given := environ.get("DERNY_DATA"):
        return Path(given).expanduser().absolute()
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "derny"


def default_air(platform: str = sys.platform) -> Transport:
    """A unix socket in the data folder; a local port where Python has no such sockets."""
    if platform == "win32":
        return TcpTransport("127.0.0.1", AIR_PORT)
    return parse(f"unix:{data_dir() / 'run' / 'air.sock'}")


def default_control(platform: str = sys.platform) -> Transport:
    if platform == "win32":
        return TcpTransport("127.0.0.1", CONTROL_PORT)
    return parse(f"unix:{data_dir() / 'run' / 'sim.sock'}")


def default_bus() -> Path:
    """The private D-Bus of the emulated BlueZ."""
    return data_dir() / "run" / "bus.sock"


def spot_air(air: Transport, number: int, name: str) -> Transport:
    """Where the gateway that stands at a spot connects: beside the air's own socket.

    `unix:/run/air.sock` has `unix:/run/air-NAME.sock`; `tcp:HOST:9700` the ports that follow it,
    `number` from 1 on. Raises TransportError for a path that is too long.
    """
    if isinstance(air, TcpTransport):
        return parse(f"tcp:{air.host}:{air.port + number}")
    path = Path(air.path)
    return parse(f"unix:{path.with_name(f'{path.stem}-{name}{path.suffix}')}")


def socket_or_path(text: str) -> Transport:
    """A transport, or the path of a unix socket. Raises TransportError."""
    return parse(text if text.startswith(("unix:", "tcp:")) else f"unix:{text}")


def scenarios() -> dict[str, Path]:
    """The scenarios that come with Derny, by name."""
    for folder in _SCENARIO_FOLDERS:
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {}
