"""Where `web/` and `config/` lie: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def _find(name: str) -> Path:
    packed = HERE / name
    return packed if packed.is_dir() else HERE.parent / name


def web_dir() -> Path:
    return _find("web")


def config_dir() -> Path:
    return _find("config")
