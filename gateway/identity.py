"""Names for sensors that tell nobody their address.

A sensor's name is an HMAC of its address under the site's key: the same at every gateway of the
site, different at every other site, and no table of all addresses undoes it without the key.
Where the operating system hides addresses (macOS), the name is one of this gateway only.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from gateway.errors import ConfigError

KEY_BYTES = 32
TAG_HEX = 20  # 80 bits: no two sensors of a site meet by chance
SERIAL_CHARS_MIN = 3  # "0", "1", "--": what makers leave in when they have no serial

_ADDRESS = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")

# What macOS gives instead; the UUIDs of the Bluetooth SIG stay readable.
_PERIPHERAL = re.compile(
    r"\b[0-9A-Fa-f]{8}-(?!0000-1000-8000-00805[fF]9[bB]34[fF][bB])"
    r"[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b"
)


class Identity:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def sensor_id(self, address: str) -> str:
        """20 hex characters; the spelling of the address does not matter."""
        plain = "".join(c for c in address.lower() if c.isalnum())
        return self._tag("address", plain)

    def adapter_id(self, address: str) -> str:
        """20 hex characters, of an adapter of ours; of its name where the system hides it."""
        plain = "".join(c for c in address.lower() if c.isalnum())
        return self._tag("adapter", plain)

    def serial_tag(self, serial: str, model: str) -> str:
        """Recognises a sensor whose address changes; "" for a serial that tells nothing apart."""
        if len(set(serial) - set(" -0")) == 0 or len(serial) < SERIAL_CHARS_MIN:
            return ""
        return self._tag("serial", f"{serial}\0{model}")

    def _tag(self, kind: str, text: str) -> str:
        message = f"{kind}\0{text}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:TAG_HEX]


def without_addresses(text: str, instead: str = "[address]") -> str:
    """`text` with every Bluetooth address in it replaced, in any system's spelling."""
    return _PERIPHERAL.sub(instead, _ADDRESS.sub(instead, text))


def site_identity(data_dir: Path) -> Identity:
    """Under the key in `keys/site`, made (0600) at the first start. Raises ConfigError."""
    path = data_dir / "keys" / "site"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        path.chmod(0o600)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise ConfigError(
            str(path), "", error.strerror or "cannot be used", "let this user read and write it"
        ) from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            str(path),
            "",
            f"is not {2 * KEY_BYTES} hex digits",
            "put the site's key back, or remove the file: every sensor then gets a new name",
        )
    return Identity(key)


def _create(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over a file that another process made meanwhile."""
    draft = path.with_name(f".site-{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
