"""After the ride: the summary, and what to do with it."""

from __future__ import annotations

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage
from browser.staged_activity import activity_json, ftp_json
from playwright.sync_api import expect

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


def test_the_summary_tells_the_ride(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1")
    page = open_page("#/end/a1")
    summary = page.get_by_test_id("summary")
    expect(summary).to_contain_text("1:09:00")
    expect(summary).to_contain_text("Weighted power")
    expect(summary).to_contain_text("222")
    expect(page.get_by_test_id("zones")).to_contain_text("Threshold")
    expect(page.get_by_test_id("zones")).to_contain_text("239–278")
    expect(page.get_by_test_id("laps").locator("tbody tr")).to_have_count(15)
    expect(page.get_by_test_id("gaps").get_by_role("listitem")).to_have_text(
        [
            "0:12 were placed by the gateway's own clock",
            "Heart rate · 0:33 for 1:42: sensor lost",
            "Everything · 45:10 for 3:12: computer slept 3:12",
        ]
    )
    expect(page.locator("derny-chart canvas")).to_be_visible()
    page.get_by_test_id("as-table").click()
    expect(page.get_by_test_id("stream-table")).to_contain_text("10:12")


def test_saving_keeps_title_effort_and_note(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1")
    page = open_page("#/end/a1")
    page.get_by_test_id("title").fill("Tuesday threshold")
    page.get_by_test_id("rpe-7").check(force=True)
    expect(page.get_by_test_id("end-form")).to_contain_text("7 · very hard")
    page.get_by_test_id("note").fill("Legs were good.")
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("saved")).to_be_visible()
    saved = hub.stage.activities["a1"]
    assert (saved["title"], saved["rpe"], saved["note"], saved["saved"]) == (
        "Tuesday threshold",
        7,
        "Legs were good.",
        True,
    )


def test_the_fit_file_downloads(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1")
    page = open_page("#/end/a1")
    with page.expect_download() as download:
        page.get_by_test_id("download-fit").click()
    assert download.value.suggested_filename == "ride.fit"


def test_discarding_asks_and_goes_back_to_start(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1")
    page = open_page("#/end/a1")
    page.get_by_test_id("discard").click()
    page.get_by_role("button", name="Keep it").click()
    assert "a1" in hub.stage.activities
    page.get_by_test_id("discard").click()
    page.get_by_test_id("discard-confirm").click()
    expect(page.get_by_test_id("start")).to_be_visible()
    assert "a1" not in hub.stage.activities


def test_a_ride_that_ended_by_itself_can_go_on(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", end_cause="idle")
    page = open_page("#/end/a1")
    expect(page.get_by_test_id("ended-idle")).to_contain_text(
        "Ended by itself after 10 minutes without pedalling"
    )
    page.get_by_test_id("resume-ride").click()
    expect(page.get_by_test_id("ride")).to_be_visible()


def test_a_ride_that_is_not_there_says_so(open_page: OpenPage) -> None:
    page = open_page("#/end/a9")
    expect(page.get_by_test_id("activity-gone")).to_contain_text("This ride was discarded.")


def test_a_ramp_test_proposes_an_ftp_and_it_is_used(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", workout={"test": "ramp"})
    hub.stage.ftp = ftp_json()
    page = open_page("#/end/a1")
    card = page.get_by_test_id("ftp")
    expect(card).to_contain_text("FTP 254 W (was 240)")
    expect(page.get_by_test_id("ftp-why")).to_have_text("254 W = best minute 339 W × 0.75.")
    expect(page.get_by_test_id("ftp-ended")).to_have_text("Test ended at 7:40 of the ramp")
    expect(page.get_by_test_id("ftp-confidence")).to_have_text("Confidence: high")
    expect(page.get_by_test_id("ftp-keep")).to_have_text("Keep 240")
    page.get_by_test_id("ftp-use").click()
    expect(page.get_by_test_id("ftp-used")).to_have_text("254 W is in use")
    assert hub.stage.used_ftp == [{"ftp_w": 254}]


def test_an_ftp_is_used_since_a_date_or_not_at_all(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", workout={"test": "20min"})
    hub.stage.ftp = ftp_json(
        test="20min", confidence="medium", doubts=["power was missing for 0:12"]
    )
    page = open_page("#/end/a1")
    expect(page.get_by_test_id("ftp-doubts").get_by_role("listitem")).to_have_text(
        ["power was missing for 0:12"]
    )
    page.get_by_test_id("ftp-since").click()
    page.get_by_test_id("ftp-date").fill("2025-03-01")
    page.get_by_test_id("ftp-use-since").click()
    expect(page.get_by_test_id("ftp-used")).to_be_visible()
    assert hub.stage.used_ftp == [{"ftp_w": 254, "since": "2025-03-01"}]
    hub.stage.ftp = ftp_json()
    page.reload()
    page.get_by_test_id("ftp-keep").click()
    expect(page.get_by_test_id("ftp-kept")).to_have_text("240 W stays")
    page.reload()
    expect(page.get_by_test_id("ftp-kept")).to_have_text("240 W stays")  # it is not asked again
    page.get_by_test_id("ftp-after-all").click()
    page.get_by_test_id("ftp-use").click()
    expect(page.get_by_test_id("ftp-used")).to_be_visible()
    assert hub.stage.used_ftp[1:] == [{"ftp_w": 254, "decline": True}, {"ftp_w": 254}]


def test_a_test_that_says_nothing_says_why(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", workout={"test": "20min"})
    hub.stage.ftp = ftp_json(
        test="20min",
        ftp_w=None,
        confidence="none",
        doubts=["too short: 18:00 of 20:00 were ridden"],
        ended_s=None,
    )
    page = open_page("#/end/a1")
    expect(page.get_by_test_id("ftp")).to_contain_text("No FTP from this test")
    expect(page.get_by_test_id("ftp-doubts")).to_contain_text("18:00 of 20:00")
    expect(page.get_by_test_id("ftp-use")).to_have_count(0)


def test_a_ride_rebuilt_meanwhile_is_told(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", workout={"test": "ramp"})
    hub.stage.ftp = ftp_json()
    page = open_page("#/end/a1")
    expect(page.get_by_test_id("ftp-use")).to_be_visible()
    hub.stage.ftp = ftp_json(ftp_w=250)
    page.get_by_test_id("ftp-use").click()
    expect(page.get_by_test_id("ftp").get_by_role("alert")).to_contain_text("rebuilt")


def test_a_ride_that_was_no_test_proposes_nothing(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.activities["a1"] = activity_json("a1", workout={"name": "x"})
    page = open_page("#/end/a1")
    expect(page.get_by_test_id("end-form")).to_be_visible()
    expect(page.get_by_test_id("ftp")).to_have_count(0)
