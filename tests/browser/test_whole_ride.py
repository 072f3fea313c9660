"""A rider's whole way in the browser: real hub, real gateway, real BLE bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from re import Pattern

import fitdecode
import pytest
from house import House, free_port
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.needs("chromium")

TINY = """<workout_file><name>Tiny</name><workout>
<SteadyState Duration="25" Power="0.55"/><SteadyState Duration="15" Power="0.85"/>
</workout></workout_file>"""
STRAP, TRAINER = "Polar H10 1F2A3B", "KICKR CORE 4A2C"
LIVE_MS = 20_000


def fault(home: House, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "fault", *words],
        capture_output=True, text=True, env=home.environment(), timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def use(page: Page, name: str) -> None:
    row = page.get_by_test_id("sensor").filter(has_text=name)
    expect(row.get_by_test_id("sensor-last")).to_have_text(re.compile(r"\d"), timeout=LIVE_MS)
    row.get_by_test_id("use").click()
    expect(row.get_by_test_id("use")).not_to_have_text("Use")


def shows(
    page: Page,
    metric: str,
    quality: str,
    value: str | Pattern[str],
    note: str | Pattern[str] | None = None,
) -> None:
    card = page.get_by_test_id(metric)
    expect(card).to_have_attribute("data-quality", quality, timeout=LIVE_MS)
    expect(page.get_by_test_id(f"{metric}-value")).to_have_text(value)
    if note is not None:
        expect(page.get_by_test_id(f"{metric}-note")).to_have_text(note)


def test_from_the_link_to_the_downloaded_fit_file(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "workouts").mkdir()
    (tmp_path / "workouts" / "tiny.zwo").write_text(TINY)
    home = House(tmp_path, free_port(), free_port(), ("--demo", "--scenario", "solo"))
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    try:
        home.start()
        page.goto(home.link)
        form = page.get_by_test_id("profile-form")
        form.get_by_label("Name").fill("Ada")
        form.get_by_label("FTP").fill("200")
        form.get_by_label("Max heart rate").fill("180")
        page.get_by_test_id("save-profile").click()
        use(page, STRAP)
        use(page, TRAINER)
        page.get_by_test_id("workout").filter(has_text="Tiny").click()
        page.get_by_test_id("ride-now").click()
        page.get_by_test_id("main-action").click()

        shows(page, "power", "live", re.compile(r"^\d+$"))
        shows(page, "heart", "live", re.compile(r"^\d+$"))
        expect(page.get_by_test_id("target")).to_have_text("110", timeout=LIVE_MS)

        fault(home, "mute", STRAP, "--for", "600")
        shows(page, "heart", "aged", re.compile(r"^\d+$"), re.compile(r"^\d+ s ago$"))
        shows(page, "heart", "gone", "–", re.compile(r"^no signal 0:\d\d$"))
        shows(page, "power", "live", re.compile(r"^\d+$"), "")  # the others are not touched

        expect(page.get_by_test_id("target")).to_have_text("170", timeout=40_000)
        expect(page.get_by_test_id("end")).to_be_visible(timeout=40_000)
        page.get_by_test_id("title").fill("Seen in a browser")
        with page.expect_download() as caught:
            page.get_by_test_id("download-fit").click()
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("saved")).to_be_visible()
        file = tmp_path / "ride.fit"
        caught.value.save_as(file)
        listed = home.derny("activity", "list")
        assert "Seen in a browser" in listed.stdout
    finally:
        context.close()
        home.stop()
    frames = [
        frame
        for frame in fitdecode.FitReader(str(file))
        if isinstance(frame, fitdecode.FitDataMessage)
    ]
    names = [frame.name for frame in frames]
    assert names.count("record") == 40 and names.count("lap") == 2
    assert errors == []
