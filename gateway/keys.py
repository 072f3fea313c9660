"""The gateway's CURVE key: one file, made by the hub that it belongs to."""

from __future__ import annotations

import stat
import struct
import sys
import tomllib
from pathlib import Path

import msgspec
import zmq
from zmq.utils import z85

from gateway.errors import ConfigError
from gateway.paths import key_path

KEY_BYTES = 32
REMEDY = "on the hub run `derny gateway add NAME` and bring the file it writes here"


class GatewayKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`public` and `secret` are this gateway's, `hub` is the hub's public key; all Z85.

    What is printed of it holds no key, also inside settings that are printed.
    """

    name: str
    public: str
    secret: str
    hub: str

    def __repr__(self) -> str:
        return f"GatewayKey({self.name!r})"

    def set_on(self, socket: zmq.Socket[bytes]) -> None:
        """The socket then speaks to this hub only. To be set before it connects."""
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public.encode())
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret.encode())
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.hub.encode())

    def shared(self) -> bytes:
        """What X25519 makes of this gateway's secret and the hub's key; the hub has it too."""
        # Imported here: only an uplink over WebSocket needs it.
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )

        secret = X25519PrivateKey.from_private_bytes(z85.decode(self.secret))
        return secret.exchange(X25519PublicKey.from_public_bytes(z85.decode(self.hub)))


def key_of(configured: str, data_dir: Path) -> GatewayKey:
    """The key that `hub.key` names, or else this machine's. Raises ConfigError."""
    return read_key(Path(configured).expanduser() if configured else key_path(data_dir))


def read_key(path: Path) -> GatewayKey:
    """Raises ConfigError: no such file, not to be read by this user or by others too, no key."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), "", "this gateway has no key", REMEDY) from None
    except OSError as error:
        problem = error.strerror or "cannot be read"
        raise ConfigError(str(path), "", problem, "let this user read it") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "", "is no key file", REMEDY) from None
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(str(path), "", "others may read this key", f"chmod 600 {path}")
    try:
        key = msgspec.convert(tomllib.loads(text), GatewayKey)
        if zmq.curve_public(key.secret.encode()) != key.public.encode():
            raise ValueError("the keys do not belong together")
        if len(z85.decode(key.hub)) != KEY_BYTES:
            raise ValueError("the hub's key has another length")
    except (ValueError, KeyError, struct.error, zmq.ZMQError):  # the middle two are z85's
        raise ConfigError(str(path), "", "is no key file", REMEDY) from None
    return key
