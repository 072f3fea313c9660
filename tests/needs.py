"""What some tests need from the machine: how to find it, and the command that installs it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    present: Callable[[], bool]
    install: str  # Debian and Ubuntu


def chromium_path() -> str | None:
    return os.environ.get("DERNY_CHROMIUM") or shutil.which("chromium")


def libfaketime_path() -> Path | None:
    """Where Debian's package puts it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def may_mount() -> bool:
    """Only root may, and not in every container: tried."""
    if os.name != "posix" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True
        ).returncode:
            return False
        return subprocess.run(["umount", folder], capture_output=True).returncode == 0


ASYNCAPI = Path(__file__, "../../.venv/npm/node_modules/@asyncapi/specs/schemas").resolve()

NEEDS = {
    "asyncapi": Need(ASYNCAPI.exists, "make setup"),
    "chromium": Need(lambda: chromium_path() is not None, "apt install chromium fonts-inter"),
    "faketime": Need(lambda: libfaketime_path() is not None, "apt install faketime"),
    "tmpfs": Need(functools.cache(may_mount), "run as root, where mounting is allowed"),
    "dbus": Need(lambda: shutil.which("dbus-daemon") is not None, "apt install dbus"),
    "vendor": Need(
        lambda: Path(__file__, "../../web/vendor/.stamp").resolve().exists(), "make setup"
    ),
}
