"""Where this machine's Derny keeps its state; the same folder as the hub's, `$DERNY_DATA`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from gateway.errors import ConfigError

FOLDER_NAME_MAX = 128  # file systems take 255; a sign that is no letter of English takes up to 12

HERE = Path(__file__).parent

# platform -> (variable that names the user's data folder, the folder without it)
USER_DATA = {
    "win32": ("LOCALAPPDATA", "~/AppData/Local"),
    "darwin": ("", "~/Library/Application Support"),
    "": ("XDG_DATA_HOME", "~/.local/share"),
}


def data_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The folder, made (0700) when absent. Raises ConfigError when it cannot be used."""
    own = environ.get("DERNY_DATA")
    variable, fallback = USER_DATA.get(platform, USER_DATA[""])
    folder = Path(own) if own else Path(environ.get(variable) or fallback) / "derny"
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            str(folder),
            "",
            f"cannot be used as a folder for data: {error.strerror}",
            "name another one with DERNY_DATA",
        ) from None
    return folder


def spool_dir(data_dir: Path, gateway: str) -> Path:
    """Where the gateway of this name keeps what the hub has not acknowledged."""
    safe = quote(gateway, safe=" ").replace(".", "%2E")  # no name leads out of the folder
    if len(safe) > FOLDER_NAME_MAX:
        safe = f"{safe[:64]}-{sha256(gateway.encode()).hexdigest()[:32]}"
    return data_dir / "spool" / safe


def key_path(data_dir: Path) -> Path:
    """The CURVE key of this machine's gateway."""
    return data_dir / "keys" / "gateway.key"


def packaged_config() -> Path:
    """`gateway.toml` with the defaults: inside a wheel, or beside the package in a checkout."""
    packed = HERE.parent / "hub" / "config" / "gateway.toml"
    return packed if packed.is_file() else HERE.parent / "config" / "gateway.toml"
