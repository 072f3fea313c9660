"""Who is there, who sees one's numbers, and whom one shares them with."""

from __future__ import annotations

import msgspec
import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.staged_ride import now_ms
from browser.staged_room import studio
from playwright.sync_api import Page, expect

from hub.auth.grants import Grant, Part
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


HOUR_MS = 3_600_000


def test_a_rider_of_a_class_is_asked_once_and_nothing_is_shared_before(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    session.open = True
    hub.stage.me["role"] = "athlete"
    hub.stage.seats = msgspec.structs.replace(studio(mine="b4"), session=session.session)
    page = open_page("#/seat")
    expect(page.get_by_test_id("seated")).to_be_visible()
    offer = page.get_by_test_id("share-offer")
    expect(offer).to_have_count(0)
    session.coach = CoachView("Eva", role="coach")
    hub.show(Presence(session.channel, now_ms(), session.coach))
    expect(offer).to_contain_text("Let the coach see power and heart rate for this class?")
    assert not hub.stage.grants
    page.get_by_test_id("share-no").click()
    expect(offer).to_be_hidden()
    assert not hub.stage.grants
    page.get_by_test_id("to-class").click()
    expect(page.get_by_test_id("seen-by")).to_be_visible()
    expect(offer).to_have_count(0)

    session.session = "r2"  # another class, another question
    hub.stage.sessions["r2"] = session
    page.goto(f"{hub.url}/#/ride/r2")
    hub.stage.full = True
    page.get_by_test_id("share-yes").click()
    expect(offer).to_contain_text("The disk is full.")
    hub.stage.full = False
    asked_at_ms = now_ms()
    page.get_by_test_id("share-yes").click()
    expect(offer).to_be_hidden()
    made = hub.stage.grants["role:coach"]
    assert set(made.parts) == {Part.POWER, Part.HEART_RATE}
    assert made.until_ms is not None
    assert asked_at_ms + 11 * HOUR_MS < made.until_ms < now_ms() + 13 * HOUR_MS

    page.get_by_test_id("seen-by").click()  # in a class it is there while nobody looks
    expect(page.get_by_test_id("seen-by-words")).to_have_text("Nobody looks right now.")
    coach = page.get_by_test_id("share-role:coach")
    expect(coach.locator("legend")).to_contain_text("until")
    expect(coach.get_by_label("Heart rate")).to_be_checked()
    box(page, "role:coach", "Heart rate")
    expect(coach.get_by_label("Heart rate")).not_to_be_checked()
    changed = hub.stage.grants["role:coach"]
    assert (changed.parts, changed.until_ms) == ((Part.POWER,), made.until_ms)
    assert ("GET", "/api/athletes/me/grants", None) in hub.stage.calls


def test_who_needs_no_grant_or_was_told_before_is_not_asked(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    session.open = True
    hub.stage.me["role"] = "athlete"
    gone_at_ms = now_ms() - 130_000
    session.coach = CoachView("", gone_at_ms, role="owner")  # who sees all without a grant
    page = open_page(f"#/ride/{session.session}")
    for held in (), (Part.CADENCE,):
        if held:
            session.coach = CoachView("Eva", gone_at_ms, role="coach")
            hub.stage.grants["role:coach"] = Grant("me", "role:coach", held)
            page.reload()
        expect(page.get_by_test_id("coach-away")).to_be_visible()
        page.get_by_test_id("seen-by").click()
        cadence = page.get_by_test_id("share-role:coach").get_by_label("Cadence")
        expect(cadence).to_be_checked(checked=bool(held))  # by now the page has asked the hub
        expect(page.get_by_test_id("share-offer")).to_have_count(0)


def test_the_wrist_says_for_a_while_that_the_coach_has_gone(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page(f"#/watch/{session.session}", size=(192, 192))
    place = page.get_by_test_id("whereabouts")
    expect(place).to_have_text("2 of 4")
    gone = CoachView("Eva", away_since_ms=now_ms() + 60_000)  # told for long enough to be read
    hub.show(Presence(session.channel, now_ms(), gone))
    expect(place).to_have_text("Coach away")
    hub.show(Presence(session.channel, now_ms(), CoachView("Eva", now_ms() - 40_000)))
    expect(place).to_have_text("2 of 4")
