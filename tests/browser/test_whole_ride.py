"""A rider's whole way in the browser: real hub, real gateway, real BLE bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import fitdecode
import pytest
from house import House, free_port
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.needs("chromium")

TINY = """<workout_file><name>Tiny</name><workout>
<SteadyState Duration="25" Power="0.55"/><SteadyState Duration="15" Power="0.85"/>
</workout></workout_file>"""
STRAP, TRAINER = "Polar H10 1F2A3B", "KICKR CORE 4A2C"
RIDE_MS = 120_000
STALLED_S_MAX = 8


def fault(home: House, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "fault", *words],
        capture_output=True, text=True, env=home.environment(), timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def use(page: Page, name: str) -> None:
    row = page.get_by_test_id("sensor").filter(has_text=name)
    expect(row.get_by_test_id("sensor-last")).to_have_text(re.compile(r"\d"))
    row.get_by_test_id("use").click()
    expect(row.get_by_test_id("use")).not_to_have_text("Use")


def note_all(page: Page) -> None:
    """Keeps every text and quality that the ride shows, however briefly."""
    page.evaluate(
        """(ids) => {
          window.shown = {};
          const look = () => {
            for (const id of ids) {
              const element = document.querySelector(`[data-testid=${id}]`);
              if (!element) continue;
              const now = `${element.dataset.quality ?? ''} ${element.textContent.trim()}`.trim();
              const before = window.shown[id] ??= [];
              if (now !== before.at(-1)) before.push(now);
            }
          };
          const what = { subtree: true, childList: true, characterData: true, attributes: true };
          new MutationObserver(look).observe(document.body, what);
          look();
        }""",
        ["power", "heart", "heart-value", "heart-note", "target"],
    )


def in_order(shown: list[str], *patterns: str) -> bool:
    """Whether these are found among the texts, each behind the one before."""
    rest = iter(shown)
    return all(any(re.search(pattern, text) for text in rest) for pattern in patterns)


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
        expect(page.get_by_test_id("heart")).to_have_attribute("data-quality", "live")
        expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
        note_all(page)
        page.get_by_test_id("main-action").click()
        fault(home, "mute", STRAP, "--for", "600")

        expect(page.get_by_test_id("end")).to_be_visible(timeout=RIDE_MS)
        shown = page.evaluate("window.shown")
        assert in_order(shown["target"], "^110$", "^170$"), shown
        assert in_order(shown["heart"], "^live", "^aged", "^gone"), shown
        assert in_order(shown["heart-value"], r"^\d+$", "^–$"), shown
        assert in_order(shown["heart-note"], r"^\d+ s ago$", r"^no signal 0:\d\d$"), shown
        assert not in_order(shown["power"], "^gone"), shown  # the others are not touched
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
    # A second in which no sensor said anything has no record.
    assert 40 - STALLED_S_MAX <= names.count("record") <= 40 and names.count("lap") == 2
    assert errors == []
