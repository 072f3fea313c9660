"""The hub's CURVE key, and the gateways that it lets in: files in the keys folder.

`hub.key` is the hub's pair. `gateways.json` is the allow-list, names and public keys; a gateway's
secret leaves the hub in its key file and is not kept. `gateway.key` is that file for the gateway
of this machine. Whoever changes them holds the data lock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import zmq

from hub.core.errors import ConfigError, Conflict, NotFound, UserError
from hub.private_file import write_private
from hub.zap import Door

GATEWAYS_MAX = 256  # as many as the uplink serves
NAME = re.compile(r"[^\W_][\w .-]{0,63}")
Z85_CHARS = 40
LOCAL_FILE = "gateway.key"

_HUB_TEXT = """\
# Key of this Derny hub. Keep it to yourself: whoever has it can pass for the hub.
public = "{public}"
secret = "{secret}"
"""
_GATEWAY_TEXT = """\
# Key of a Derny gateway. Keep it to yourself: whoever has it can send readings as this gateway.
# It belongs into keys/gateway.key in the gateway's data folder, or where hub.key of its
# gateway.toml says.
name = "{name}"
public = "{public}"
secret = "{secret}"
hub = "{hub}"
"""


class KnownGateway(msgspec.Struct, frozen=True):
    name: str
    public: str  # Z85

    @property
    def fingerprint(self) -> str:
        return self.public[:8]


class GatewayKeys:
    """Makes the hub's key at the first start. Raises ConfigError for files that make no sense.

    `on_removed` is told the name of a gateway that is not let in any more.
    """

    def __init__(self, folder: Path, on_removed: Callable[[str], None] = lambda name: None) -> None:
        self._folder = folder
        self._list = folder / "gateways.json"
        self.on_removed = on_removed
        self._public, self._secret = _hub_pair(folder / "hub.key")
        self._names = {known.public: known.name for known in _read_list(self._list)}

    @property
    def door(self) -> Door:
        return Door(self._public.encode(), self._secret.encode(), self._names.get)

    def list(self) -> tuple[KnownGateway, ...]:
        return tuple(
            KnownGateway(name, public)
            for public, name in sorted(self._names.items(), key=lambda item: item[1])
        )

    def add(self, name: str) -> str:
        """Lets one more gateway in; the content of its key file. Raises UserError, Conflict."""
        check_name(name)
        if name in self._names.values():
            raise Conflict(
                f"there is a gateway {name} already",
                remedy=f"take another name, or `derny gateway remove {name}` first",
            )
        if len(self._names) >= GATEWAYS_MAX:
            raise Conflict(
                f"there are {GATEWAYS_MAX} gateways already",
                remedy="remove one that is not used any more",
            )
        public, secret = _new_pair()
        self._store({**self._names, public: name})
        return _GATEWAY_TEXT.format(name=name, public=public, secret=secret, hub=self._public)

    def remove(self, name: str) -> None:
        """It is not let in any more, and cut off now. Raises NotFound."""
        left = {public: each for public, each in self._names.items() if each != name}
        if len(left) == len(self._names):
            raise NotFound(f"no gateway {name!r}", remedy="`derny gateway list` shows them")
        self._store(left)
        self.on_removed(name)

    def ensure_local(self, name: str) -> None:
        """The gateway of this machine has its key. One that was taken from it stays taken."""
        path = self._folder / LOCAL_FILE
        if path.exists():
            return
        if not NAME.fullmatch(name):
            name = "local"
        if name in self._names.values():
            self.remove(name)  # its file is lost
        write_private(path, self.add(name))

    def _store(self, names: dict[str, str]) -> None:
        known = [KnownGateway(name, public) for public, name in names.items()]
        text = msgspec.json.format(msgspec.json.encode(known)).decode() + "\n"
        write_private(self._list, text)
        self._names.clear()  # the same table: `door` looks into it
        self._names.update(names)


def check_name(name: str) -> None:
    """Raises UserError."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name[:80]!r} is no name for a gateway",
            remedy="take up to 64 letters, digits, spaces, dots and dashes",
        )


class GatewayRow(msgspec.Struct, frozen=True):
    """One line of `derny gateway list`. `connected` None: no hub runs that could tell."""

    name: str
    key: str
    connected: bool | None


def listing(known: Iterable[KnownGateway], up: Iterable[str] | None) -> str:
    """JSON of the rows, for the command line."""
    connected = None if up is None else frozenset(up)
    rows = [
        GatewayRow(
            each.name, each.fingerprint, None if connected is None else each.name in connected
        )
        for each in known
    ]
    return msgspec.json.encode(rows).decode()


def _new_pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode("ascii"), secret.decode("ascii")


def _hub_pair(path: Path) -> tuple[str, str]:
    if not path.exists():
        public, secret = _new_pair()
        write_private(path, _HUB_TEXT.format(public=public, secret=secret))
    try:
        path.chmod(0o600)
        table = tomllib.loads(path.read_text("utf-8"))
        public, secret = str(table["public"]), str(table["secret"])
        if zmq.curve_public(secret.encode()).decode() == public:
            return public, secret
    except OSError as error:
        raise ConfigError(
            str(path),
            "",
            error.strerror or "cannot be used",
            remedy="let this user read and write it",
        ) from None
    except (KeyError, ValueError, zmq.ZMQError):
        pass
    raise ConfigError(
        str(path),
        "",
        "is no key pair",
        remedy="put the hub's key back, or remove the file: every gateway then needs a new key",
    )


def _read_list(path: Path) -> list[KnownGateway]:
    try:
        known = msgspec.json.decode(path.read_bytes(), type=list[KnownGateway])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            str(path),
            "",
            error.strerror or "cannot be read",
            remedy="let this user read and write it",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path),
            "",
            f"is no list of gateways: {error}",
            remedy="put it back from a copy, or remove it and add each gateway again",
        ) from None
    return [each for each in known if len(each.public) == Z85_CHARS]
