"""The gateway's configuration: one frozen tree, from `gateway.toml` and the command line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from gateway import hub_address
from gateway.errors import ConfigError
from gateway.paths import packaged_config
from gateway.radios import ADAPTERS_MAX
from gateway.supervisor import ConnectPolicy

COMMAND_LINE = "command line"

Name = Annotated[str, msgspec.Meta(max_length=64)]
RadioSpec = Annotated[str, msgspec.Meta(pattern="^(os|air:.+)$")]
Address = Annotated[str, msgspec.Meta(max_length=256)]  # as `hub_address` judges it
# "AA:BB:CC:DD:EE:FF", or a name ("hci1")
Adapter = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|\w{1,16})$")]
Slots = Annotated[int, msgspec.Meta(ge=0, le=256)]


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name = ""


class Hub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: Address = "tcp://127.0.0.1:8421"
    key: str = ""


class Radio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    radio: RadioSpec = "os"
    adapters: Annotated[list[Adapter], msgspec.Meta(max_length=ADAPTERS_MAX)] = []
    connect: ConnectPolicy = ConnectPolicy.ALL
    slots: Slots = 0
    slots_of: dict[Adapter, Slots] = {}


class Uplink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    live_interval_ms: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 50


class Spool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size_mb: Annotated[int, msgspec.Meta(ge=8, le=65_536)] = 256
    age_h: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gateway: Gateway = Gateway()
    hub: Hub = Hub()
    radio: Radio = Radio()
    uplink: Uplink = Uplink()
    spool: Spool = Spool()


# What a value of a key must look like, for the line that tells a person.
REMEDIES = {
    "hub.address": hub_address.REMEDY,
    "radio.radio": 'write "os", or "air:unix:/path/air.sock" for the simulator',
    "radio.adapters": "leave it empty for all there are",
    "radio.adapters[...]": 'write "AA:BB:CC:DD:EE:FF", as `bluetoothctl list` shows it, or "hci1"',
    "radio.connect": 'write "all" or "assigned"',
    "radio.slots": "write 0 to 256; 0: 8, or 100 on the simulator",
    "radio.slots_of[...]": "write 0 to 256; 0: 8, or 100 on the simulator",
}


def load(data_dir: Path, explicit: Path | None = None) -> Settings:
    """`explicit` if given, else `$DERNY_DATA/gateway.toml` if it is there, else the packaged file.

    Raises ConfigError naming file, key and remedy.
    """
    own = data_dir / "gateway.toml"
    path = explicit or (own if own.exists() else packaged_config())
    return check(_read(path), str(path))


def override(settings: Settings, *, radio: str | None, hub: str | None) -> Settings:
    """With what the command line says. Raises ConfigError."""
    table = msgspec.to_builtins(settings)
    if radio is not None:
        table["radio"]["radio"] = radio
    if hub is not None:
        table["hub"]["address"] = hub
    return check(table, COMMAND_LINE)


def check(table: dict[str, object], file: str) -> Settings:
    """Raises ConfigError."""
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        key = place.strip("`.")
        remedy = REMEDIES.get(
            re.sub(r"\[\d+\]$", "[...]", key), "see config/gateway.toml for what it may hold"
        )
        raise ConfigError(file, key, problem, remedy) from None
    problem = hub_address.problem_of(settings.hub.address)
    if problem:
        raise ConfigError(file, "hub.address", problem, hub_address.REMEDY)
    return settings


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = error.strerror or "cannot be read"
        raise ConfigError(str(path), "", problem, "give a readable file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"is not TOML: {error}", "mend this line") from None
