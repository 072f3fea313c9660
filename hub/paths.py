"""Where the state of this machine's Derny lies: all of it under one folder.

`$DERNY_DATA`, else the platform's folder for a user's application data. Folders are made 0700:
they hold keys and heart data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hub.core.errors import ConfigError

DATABASE_NAME = "derny.db"
SOCKET_PATH_MAX = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS

# platform prefix -> (variable that names the user's data folder, the folder without it)
USER_DATA = {
    "win32": ("LOCALAPPDATA", "~/AppData/Local"),
    "darwin": ("", "~/Library/Application Support"),
    "": ("XDG_DATA_HOME", "~/.local/share"),
}


def data_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The data folder, made when absent. Raises ConfigError when it cannot be made or entered."""
    folder = Path(environ["DERNY_DATA"]) if environ.get("DERNY_DATA") else _user(environ, platform)
    try:
        return private_folder(folder.expanduser().absolute())
    except RuntimeError:  # of pathlib, for a "~" that is nobody's
        problem, remedy = "no such user's home", "write the folder out in DERNY_DATA"
        raise ConfigError(str(folder), "", problem, remedy=remedy) from None


def database_path(data: Path) -> Path:
    return data / DATABASE_NAME


def lock_path(data: Path) -> Path:
    return data / "lock"


def admin_socket_path(data: Path) -> Path:
    return data / "admin.sock"


def keys_dir(data: Path) -> Path:
    """CURVE keys, sealing keys: the folder, made when absent."""
    return private_folder(data / "keys")


def private_folder(folder: Path) -> Path:
    """`folder`, made 0700 when absent. Raises ConfigError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            str(folder),
            "",
            f"cannot be used as a folder for data: {error.strerror}",
            remedy="name another one with DERNY_DATA",
        ) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(
            str(folder),
            "",
            "this user may not write there",
            remedy="name another folder with DERNY_DATA",
        )
    return folder


def _user(environ: Mapping[str, str], platform: str) -> Path:
    variable, fallback = USER_DATA.get(platform, USER_DATA[""])
    return Path(environ.get(variable) or fallback) / "derny"
