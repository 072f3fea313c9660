"""The client against the hub's tables, without a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=WEB.parent, check=False
    )


def test_types_and_limits_are_the_hubs() -> None:
    done = run("web/protocol.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("vendor")
def test_the_client_type_checks() -> None:
    assert run("web/vendor.py", "--dev").returncode == 0
    done = run("web/check.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_pins_content_and_names_no_host() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in one for one in packages.values())
    assert not [name for name, one in packages.items() if "resolved" in one]


def test_every_module_that_is_imported_is_served() -> None:
    """An import map entry or a local import that leads nowhere shows only in the browser."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    imports = json.loads(page.split('<script type="importmap">')[1].split("</script>")[0])
    for target in imports["imports"].values():
        assert target.startswith("/web/vendor/")
    for module in [*WEB.glob("*.js"), *WEB.glob("views/*.js")]:
        for line in module.read_text(encoding="utf-8").splitlines():
            if line.startswith("import") and '"./' in line or '"../' in line and "from" in line:
                name = line.split('"')[1]
                if name.startswith("."):
                    assert (module.parent / name).is_file(), f"{module.name}: {name}"
