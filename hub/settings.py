"""The hub's configuration: one frozen tree, from `hub.toml` and nothing else."""

from __future__ import annotations

import tomllib
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec.structs import replace

from hub.assets import config_dir
from hub.core.errors import ConfigError

T = TypeVar("T")
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]  # 0: any free one, printed at start
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8420


class Uplink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8421


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    idle_finish_s: Annotated[int, msgspec.Meta(ge=10, le=7200)] = 600


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    http: Http = Http()
    uplink: Uplink = Uplink()
    session: Session = Session()

    def with_ports(self, http: int | None, uplink: int | None) -> Settings:
        """As given on the command line; None leaves what the file says."""
        return replace(
            self,
            http=self.http if http is None else replace(self.http, port=http),
            uplink=self.uplink if uplink is None else replace(self.uplink, port=uplink),
        )


def load(data_dir: Path, explicit: Path | None = None) -> Settings:
    """`explicit` if given, else `$DERNY_DATA/hub.toml` if it is there, else the packaged file.

    Raises ConfigError naming file, key and remedy.
    """
    own = data_dir / "hub.toml"
    path = explicit or (own if own.exists() else config_dir() / "hub.toml")
    return check(read(path), str(path))


def read(path: Path) -> dict[str, object]:
    """A TOML file. Raises ConfigError when it cannot be read or is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            str(path), "", error.strerror or "cannot be read", remedy="give a readable file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"is not TOML: {error}", remedy="mend this line") from None


def shaped(table: dict[str, object], shape: type[T], file: str, remedy: str) -> T:
    """What a file holds, as `shape`. Raises ConfigError naming the key that does not fit."""
    try:
        return msgspec.convert(table, shape)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        raise ConfigError(file, place.strip("`."), problem, remedy=remedy) from None


def check(table: dict[str, object], file: str) -> Settings:
    remedy = "see config/hub.toml for what it may hold"
    settings = shaped(table, Settings, file, remedy)
    if settings.http.host not in LOOPBACK:
        raise ConfigError(
            file,
            "http.host",
            f'"{settings.http.host}" is not this computer, and what comes from outside needs'
            " accounts and TLS",
            remedy='set it to "127.0.0.1"',
        )
    try:  # ZeroMQ binds to numbers only; any will do: who may come in is a matter of keys
        IPv4Address(settings.uplink.host)
    except ValueError:
        raise ConfigError(
            file,
            "uplink.host",
            f'"{settings.uplink.host}" is no IPv4 address',
            remedy='set it to "127.0.0.1", or for gateways on other machines to "0.0.0.0"',
        ) from None
    return settings
