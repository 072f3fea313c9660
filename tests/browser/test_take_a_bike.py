"""Two newcomers in a room that was just named: real hub, real gateway, real BLE bytes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from house import House, free_port, wait_until
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

PEDALS, SCANS, STRAP = "KICKR CORE 7A01", "KICKR CORE 7B02", "Polar H10 A10001"
PATIENCE_MS = 60_000


def begin_to_pedal(home: House, trainer: str) -> None:
    """Its rider sits still in this scenario; a shorter rest replaces the long one."""
    words = ("fault", "rest", trainer, "--for", "4")
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", *words],
        capture_output=True, text=True, env=home.environment(), timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def code_on(home: House, trainer: str) -> str:
    """What the QR code of the bike with this trainer holds: no route tells it in words."""
    sensors = home.call("GET", "/api/sensors")["sensors"]
    sensor = next(one["sensor"] for one in sensors if one["name"] == trainer)
    query = "SELECT code FROM bikes JOIN bike_sensors USING (bike_id) WHERE sensor_id = ?"
    with closing(sqlite3.connect(f"file:{home.data / 'derny.db'}?mode=ro", uri=True)) as database:
        (code,) = database.execute(query, (sensor,)).fetchone()
    return str(code)


def holders(home: House) -> dict[str, str]:
    """Athlete of each sensor that is somebody's, by its name."""
    sensors = home.call("GET", "/api/sensors")["sensors"]
    return {one["name"]: one["athlete"] for one in sensors if one.get("athlete")}


def new_page(browser: Browser, errors: list[str]) -> Page:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def test_one_pedals_one_scans_and_the_end_of_the_class_frees_both(
    browser: Browser, tmp_path: Path
) -> None:
    home = House(tmp_path, free_port(), free_port(), ("--demo", "--scenario", "newcomers"))
    errors: list[str] = []
    try:
        home.start()
        owner = new_page(browser, errors)
        owner.goto(home.link)
        home.link = home.derny("link").stdout.strip()  # one for the test itself
        home.login()
        owner.get_by_test_id("skip-form").click()
        owner.get_by_test_id("bikes-link").click()
        owner.get_by_test_id("name-all").filter(has_text="3 trainers").click()
        expect(owner.get_by_test_id("bike")).to_have_count(3)
        owner.get_by_test_id("open-class").click()
        expect(owner.get_by_test_id("class")).to_have_attribute("data-status", "ready")

        owner.goto(f"{home.base}/#/seat")
        owner.get_by_test_id("begin").click()
        expect(owner.get_by_test_id("waiting")).to_contain_text("Waiting for a bike")
        begin_to_pedal(home, PEDALS)
        expect(owner.get_by_test_id("seated")).to_be_visible(timeout=PATIENCE_MS)
        ask = owner.get_by_test_id("ask").filter(has_text=f"Is {STRAP} yours?")
        ask.get_by_test_id("ask-yes").click()
        expect(owner.get_by_test_id("seated")).to_contain_text(f"Heart rate from {STRAP}")

        guest = new_page(browser, errors)
        guest.goto(f"{home.base}/#bike={code_on(home, SCANS)}")
        guest.get_by_label("Name").fill("Zoe")
        guest.get_by_test_id("join-now").click()
        expect(guest.get_by_test_id("seated")).to_be_visible()
        expect(guest.get_by_test_id("bikes-link")).to_be_hidden()

        owner.goto(f"{home.base}/#/bikes")
        expect(owner.get_by_test_id("rider")).to_have_count(2)
        owner.get_by_test_id("class-end").click()
        owner.get_by_test_id("class-end-confirm").click()
        expect(owner.get_by_test_id("no-class")).to_be_visible()
        expect(guest.get_by_test_id("claim")).to_be_visible(timeout=PATIENCE_MS)
        wait_until(
            lambda: not holders(home).keys() & {PEDALS, SCANS}, PATIENCE_MS / 1000, "bikes free"
        )
        assert STRAP in holders(home)  # a strap stays its athlete's
        assert errors == []
    finally:
        for context in browser.contexts:
            context.close()
        if home.process is not None and home.process.poll() is None:
            home.stop()
