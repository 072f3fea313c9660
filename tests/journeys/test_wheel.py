"""The wheel alone, in another folder, with no Node: what somebody gets who only installs Derny."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from house import House, free_port

ROOT = Path(__file__).parents[2]


@pytest.mark.needs("vendor")
def test_the_wheel_serves_the_page_and_the_demo(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    for packed in (
        "hub/web/index.html",
        "hub/web/vendor/lit/index.js",
        "hub/config/hub.toml",
        "hub/config/scenarios/studio-6.toml",
        "hub/config/workouts/first-ride.zwo",
        "firmware_sim/cli.py",
    ):
        assert packed in names
    assert not [name for name in names if "node_modules" in name or name.endswith(".sock")]

    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = WheelHouse(elsewhere, free_port(), free_port(), ("--demo",))
    home.site = site
    try:
        home.start()
        home.login()
        status, page = home.ask("GET", "/")
        assert status == 200 and b"derny-app" in page
        assert home.ask("GET", "/web/vendor/lit/index.js")[0] == 200
        assert home.call("GET", "/api/library")["total"] >= 6
        assert home.call("GET", "/api/me")["demo"]
    finally:
        home.stop()


class WheelHouse(House):
    """Runs what the wheel holds, not the checkout, and finds no program but its own Python."""

    site: Path

    def environment(self) -> dict[str, str]:
        inherited = super().environment()
        return {**inherited, "PYTHONPATH": str(self.site), "PATH": ""}
