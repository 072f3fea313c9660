"""Who is there, who sees one's numbers, and whom one shares them with."""

from __future__ import annotations

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.staged_ride import now_ms
from playwright.sync_api import Page, expect

from hub.auth.grants import Part
from hub.wire.live_to_client import Presence
from hub.wire.live_views import CoachView, WatcherView

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

EVA = WatcherView("Eva", "coach", 2)
WALL = WatcherView("", "display", 1)


def box(page: Page, grantee: str, words: str) -> None:
    page.get_by_test_id(f"share-{grantee}").get_by_text(words).click()


def test_a_rider_sees_that_the_coach_has_gone_and_who_looks(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page(f"#/ride/{session.session}")
    expect(page.get_by_test_id("power-value")).to_be_visible()
    expect(page.get_by_test_id("seen-by")).to_have_count(0)

    gone = CoachView("Eva", away_since_ms=now_ms() - 130_000)
    hub.show(Presence(session.channel, now_ms(), gone, (EVA, WALL), 3))
    expect(page.get_by_test_id("coach-away")).to_contain_text("Eva has been away")
    expect(page.get_by_test_id("seen-by")).to_have_text("3")
    page.get_by_test_id("seen-by").click()
    words = page.get_by_test_id("seen-by-words")
    expect(words).to_have_text("Eva, on 2 screens · A screen in the room")

    hub.show(Presence(session.channel, now_ms(), CoachView("Eva")))
    expect(page.get_by_test_id("coach-away")).to_have_count(0)
    expect(words).to_have_text("Nobody looks right now.")


def test_what_is_touched_is_shared_and_what_failed_is_not(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page("#/profile", size=(390, 844))
    expect(page.get_by_test_id("sharing")).to_be_visible()
    heart = page.get_by_test_id("share-role:coach").get_by_label("Heart rate")
    expect(heart).not_to_be_checked()
    box(page, "role:coach", "Heart rate")
    expect(heart).to_be_checked()
    box(page, "role:coach", "Power")
    expect(page.get_by_test_id("share-role:coach").get_by_label("Power")).to_be_checked()
    assert set(hub.stage.grants["role:coach"].parts) == {Part.HEART_RATE, Part.POWER}

    hub.stage.full = True
    box(page, "role:coach", "Weight")
    expect(page.get_by_test_id("problem")).to_contain_text("disk is full")
    expect(page.get_by_test_id("share-role:coach").get_by_label("Weight")).not_to_be_checked()

    hub.stage.full = False
    for words in ("Heart rate", "Power"):
        label = page.get_by_test_id("share-role:coach").get_by_label(words)
        box(page, "role:coach", words)
        expect(label).not_to_be_checked()
    assert "role:coach" not in hub.stage.grants
    assert session.view()
