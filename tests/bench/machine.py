"""What a run was made on, for who reads its figures."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("uvloop", "uvicorn", "websockets", "starlette", "pyzmq", "msgspec", "orjson")


def described() -> str:
    """One sentence of Markdown."""
    cpu = _first("/proc/cpuinfo", r"model name\s*: (.+)") or platform.processor() or "unknown CPU"
    kilobytes = _first("/proc/meminfo", r"MemTotal:\s+(\d+) kB")
    memory = f"{int(kilobytes) / 2**20:.0f} GB, " if kilobytes else ""
    virtual = ", virtual" if _first("/proc/cpuinfo", r"flags.*\b(hypervisor)\b") else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores of {cpu}{virtual}, {memory}{platform.system()} "
        f"{platform.release().partition('-')[0]}; Python {platform.python_version()}, {libraries}."
    )


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _first(file: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(file).read_text())
    except OSError:
        return ""
    return found[1].strip() if found else ""
