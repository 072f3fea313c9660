"""The library, one workout, and the athlete's figures in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from browser.fake_hub import FakeHub, workouts
from browser.fake_library import over_unders
from browser.kinds import OpenPage
from msgspec.structs import replace
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


def said(hub: FakeHub, method: str, path: str) -> list[Any]:
    return [body for m, p, body in hub.stage.calls if (m, p) == (method, path)]


def test_a_file_is_brought_its_doubts_are_read_and_it_is_opened(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.workouts = workouts()
    page: Page = open_page()
    page.get_by_test_id("library-link").click()
    expect(page.get_by_test_id("card")).to_have_count(5)
    page.locator("input[type=file]").set_input_files(
        {"name": "x.zwo", "mimeType": "text/xml", "buffer": b"<workout_file/>"}
    )
    expect(page.get_by_test_id("warning")).to_have_count(2)
    expect(page.get_by_test_id("warning").first).to_contain_text("Line 12")
    expect(page.get_by_test_id("card")).to_have_count(6)
    page.get_by_test_id("open-brought").click()
    steps = page.get_by_test_id("steps")
    expect(steps).to_contain_text("119 → 199 W")  # 45 to 75 % of 265 W
    expect(steps).to_contain_text("needs a figure of yours")  # LTHR
    expect(page.get_by_test_id("by")).to_contain_text("265 W")
    expect(page.get_by_test_id("file")).to_have_count(2)


def test_a_workout_is_changed_and_who_comes_late_is_told(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.library.kept["w"] = [over_unders()]
    page = open_page("#/library/w")
    page.get_by_test_id("edit").click()
    page.get_by_label("Name").fill("Mine")
    page.get_by_label("Minutes").nth(1).fill("2.5")
    page.get_by_label("% of FTP").first.fill("92")
    page.get_by_test_id("save").click()
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()
    newest = hub.stage.library.kept["w"][-1]
    assert newest.name == "Mine" and newest.steps[2:] == over_unders().steps[2:]
    assert newest.steps[1].until.duration_ms == 150_000
    assert newest.steps[1].target.low == newest.steps[1].target.high == 0.92

    page.get_by_test_id("edit").click()
    hub.stage.library.kept["w"].append(replace(newest, description="Changed elsewhere"))
    page.get_by_label("Name").fill("Late")
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("problem")).to_contain_text("changed description meanwhile")
    assert hub.stage.library.kept["w"][-1].name == "Mine"

    page.get_by_role("button", name="Close").click()
    page.get_by_test_id("delete").click()
    page.get_by_test_id("really-delete").click()
    expect(page.get_by_test_id("library")).to_be_visible()
    assert "w" not in hub.stage.library.kept


def test_what_came_with_derny_is_copied_not_changed(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.library.kept["w"] = [over_unders()]
    hub.stage.library.editable = False
    page = open_page("#/library/w")
    expect(page.get_by_test_id("edit")).to_have_count(0)
    page.get_by_test_id("copy").click()
    page.wait_for_url("**/#/library/w1")
    assert hub.stage.library.kept["w1"] == [over_unders()]


def test_figures_count_from_today_or_since(hub: FakeHub, open_page: OpenPage) -> None:
    page = open_page("#/profile")
    me = hub.stage.me["athlete"]["athlete"]
    path = f"/api/athletes/{me}/thresholds/bike"
    form = page.get_by_test_id("figures-form")
    expect(form.get_by_label("FTP, W")).to_have_value("265")
    expect(page.get_by_test_id("power-zones")).to_contain_text("239–278")  # 90 to 105 %
    form.get_by_label("Threshold heart rate, bpm").fill("170")
    form.get_by_label("Heart rate zones").select_option("friel")
    page.get_by_test_id("save-figures").click()
    expect(page.get_by_test_id("said")).to_have_text("Saved.")
    (sent,) = said(hub, "PUT", f"{path}/today")
    assert (sent["lthr_bpm"], sent["zones"]["heart"], sent["recompute"]) == (170, "friel", False)
    expect(page.get_by_test_id("heart-zones").get_by_role("listitem")).to_have_count(7)

    page.get_by_text("since …").click()
    page.get_by_test_id("date").fill("2026-09-01")
    page.get_by_text("measure the rides").click()
    form.get_by_label("FTP, W").fill("250")
    page.get_by_test_id("save-figures").click()
    expect(page.get_by_test_id("said")).to_contain_text("being measured")
    (sent,) = said(hub, "PUT", f"{path}/2026-09-01")
    assert (sent["ftp_w"], sent["recompute"]) == (250, True)
    expect(page.get_by_test_id("versions").get_by_role("listitem")).to_have_count(3)
