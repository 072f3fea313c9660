"""Taking a bike, joining by its code, answering questions, naming the room's bikes."""

from __future__ import annotations

import pytest
from browser.fake_hub import BIKE_CODE, FakeHub, demo_class, home_sensors, sensor, studio, workouts
from browser.kinds import OpenPage, StageRide
from playwright.sync_api import Locator, Page, expect

from hub.wire import live_views

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]


def bike(page: Page, name: str) -> Locator:
    row = page.get_by_test_id("bike")
    return row.filter(has=page.get_by_text(name, exact=True))


def calls(hub: FakeHub, method: str, path: str) -> list[object]:
    return [body for how, where, body in hub.stage.calls if (how, where) == (method, path)]


def test_the_page_waits_for_pedals_and_takes_a_bike_from_the_list(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page("#/seat")
    expect(page.get_by_test_id("claim")).to_contain_text("Start pedalling")
    expect(page.get_by_test_id("waiting")).to_have_text("Waiting for a bike that starts to turn")
    expect(bike(page, "Bike 6")).to_contain_text("somebody pedals")
    expect(bike(page, "Bike 8")).to_contain_text("trainer asleep")
    bike(page, "Bike 4").get_by_test_id("sit").click()
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 4")
    expect(page.get_by_test_id("to-class")).to_have_attribute("href", "#/ride/demo")
    (said,) = calls(hub, "PUT", "/api/bikes/b4/rider")
    assert isinstance(said, dict) and len(said["key"]) > 8
    page.get_by_test_id("leave").click()
    expect(page.get_by_test_id("claim")).to_be_visible()
    page.get_by_test_id("back").click()
    expect(page.get_by_test_id("start")).to_be_visible()
    assert calls(hub, "DELETE", "/api/bikes/asking")


def test_the_bike_that_the_hub_gives_shows_by_itself(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio()
    page = open_page("#/seat")
    expect(page.get_by_test_id("claim")).to_be_visible()
    hub.stage.seats = studio(mine="b6")
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 6")


def test_a_taken_bike_is_swapped_or_asked_for(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio()
    hub.stage.me["role"] = "athlete"
    page = open_page("#/seat")
    row = bike(page, "Bike 5")
    expect(row).not_to_contain_text("Sofia")
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("taken")).to_contain_text("This bike is taken.")
    row.get_by_test_id("choose-another").click()
    expect(row.get_by_test_id("taken")).to_be_hidden()
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("swap")).to_have_text("Ask to swap")
    row.get_by_test_id("swap").click()
    expect(page.get_by_test_id("waiting")).to_contain_text("Waiting for the answer")
    hub.stage.seats = studio()  # the answer was no
    expect(page.get_by_test_id("problem")).to_contain_text("They stay on that bike")
    hub.stage.me["role"] = "owner"
    row.get_by_test_id("sit").click()
    expect(row.get_by_test_id("swap")).to_have_text("Swap")
    row.get_by_test_id("swap").click()
    expect(page.get_by_test_id("seated")).to_contain_text("Bike 5")


QUESTIONS = (
    live_views.AskView("q1", live_views.AskKind.WHICH_BIKE, bikes=("b4", "b6")),
    live_views.AskView("q2", live_views.AskKind.STRAP, name="HRM 4F2"),
    live_views.AskView("q3", live_views.AskKind.SAME_STRAP, name="FR 265", other="FR 265"),
    live_views.AskView("q4", live_views.AskKind.GIVE_UP, bikes=("b4",)),
    live_views.AskView("q5", live_views.AskKind.SWAPPED, athletes=("",)),
)


def test_each_question_has_its_words_and_its_answers(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.seats = studio(asks=QUESTIONS)
    page = open_page("#/seat")
    asks = page.get_by_test_id("ask")
    expect(asks).to_have_count(5)
    for i, words in enumerate(
        (
            "Which bike are you on?",
            "Is HRM 4F2 yours?",
            "Is FR 265 the one you wore before?",
            "Somebody else says they sit on Bike 4",
            "You and another rider may wear each other's strap",
        )
    ):
        expect(asks.nth(i)).to_contain_text(words)
    asks.nth(0).get_by_role("button", name="Bike 6").click()
    expect(asks).to_have_count(4)
    asks.nth(0).get_by_test_id("ask-yes").click()
    expect(asks).to_have_count(3)
    asks.nth(0).get_by_test_id("ask-no").click()
    expect(asks).to_have_count(2)
    assert calls(hub, "POST", "/api/asks/q1") == [{"yes": True, "bike": "b6"}]
    assert calls(hub, "POST", "/api/asks/q2") == [{"yes": True, "bike": ""}]
    assert calls(hub, "POST", "/api/asks/q3") == [{"yes": False, "bike": ""}]


def test_who_scans_a_bike_joins_with_a_name_and_sits_there(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page(f"#bike={BIKE_CODE}", signed_in=False)
    expect(page.get_by_test_id("join")).to_be_visible()
    assert BIKE_CODE not in page.url
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("problem")).to_contain_text("Enter a name")
    page.get_by_label("Name").fill("Zoe")
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")
    assert calls(hub, "POST", "/api/join") == [{"bike": BIKE_CODE, "name": "Zoe", "ftp_w": None}]


def test_who_is_signed_in_and_scans_a_bike_sits_there_at_once(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.seats = studio()
    page = open_page(f"#bike={BIKE_CODE}")
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")
    page.evaluate("code => { location.hash = `bike=${code}` }", BIKE_CODE)  # scanned again
    expect(page.get_by_test_id("seated")).to_contain_text("You sit on Bike 7")


def test_a_wrong_code_says_so(open_page: OpenPage) -> None:
    page = open_page("#bike=guessed", signed_in=False)
    page.get_by_label("Name").fill("Zoe")
    page.get_by_test_id("join-now").click()
    expect(page.get_by_test_id("problem")).to_contain_text("no bike's here")


def test_the_owner_names_bikes_and_opens_a_class(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = [
        *home_sensors(),
        *(sensor(f"Tacx {i}", "trainer", {}, battery=None) for i in range(2)),
    ]
    hub.stage.workouts = workouts()
    page = open_page()
    page.get_by_test_id("bikes-link").click()
    page.get_by_test_id("name-all").click()
    expect(page.get_by_test_id("bike")).to_have_count(3)
    expect(bike(page, "Bike 2")).to_contain_text("Tacx 0")
    page.get_by_test_id("add-bike").click()
    form = page.get_by_test_id("bike-form")
    expect(form.get_by_label("Name")).to_have_value("Bike 4")
    form.get_by_label("Cadence 77").check()
    page.get_by_test_id("save-bike").click()
    expect(bike(page, "Bike 4")).to_contain_text("Cadence 77")
    assert calls(hub, "POST", "/api/bikes")[-1] == {"name": "Bike 4", "sensors": ["s-cadence-77"]}
    page.get_by_label("Title").fill("Tuesday class")
    page.get_by_label("Workout").select_option("tempo")
    page.get_by_test_id("open-class").click()
    body = {"workout": "tempo", "title": "Tuesday class", "open": True}
    expect(page.get_by_test_id("open-class")).to_be_enabled()
    assert calls(hub, "POST", "/api/sessions")[-1] == body
    hub.stage.sessions["demo"] = demo_class()
    hub.stage.seats = studio()
    expect(page.get_by_test_id("rider")).to_have_count(6)
    expect(page.get_by_test_id("class-next")).to_have_text("Pause")
    page.get_by_test_id("edit").first.click()
    page.get_by_test_id("remove-bike").click()
    expect(page.get_by_test_id("bike")).to_have_count(7)


def test_a_coach_changes_the_interval_of_the_class_takes_it_back_and_speaks(
    hub: FakeHub, open_page: OpenPage
) -> None:
    hub.stage.sessions["demo"] = demo_class()
    hub.stage.seats = studio()
    page = open_page("#/bikes")
    page.get_by_test_id("class-extend").click()
    expect(page.get_by_test_id("undo-toast")).to_be_visible()
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("undo-toast")).to_be_hidden()
    page.get_by_label("Message to everybody").fill("Last one!")
    page.get_by_test_id("class-say").click()
    expect(page.get_by_label("Message to everybody")).to_have_value("")
    page.get_by_test_id("class-skip").click()
    expect(page.get_by_test_id("undo-toast")).to_contain_text("Skipped")
    said = [call[1:] for call in hub.stage.calls if call[0] == "CONTROL"]
    assert said == [("extend", 60), ("undo", None), ("message", None), ("skip", None)]


def test_in_a_class_the_coach_leads_and_riders_have_their_intensity(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride(at_s=None).open = True
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("main-action")).to_have_text("Start")  # the owner's own page
    hub.stage.me["role"] = "athlete"
    page.reload()
    expect(page.get_by_test_id("led")).to_have_text("The coach starts the class")
    expect(page.get_by_test_id("main-action")).to_be_hidden()
    expect(page.get_by_test_id("finish")).to_be_hidden()
    page.keyboard.press("Space")
    page.get_by_test_id("trim-up").click()
    expect(page.get_by_test_id("trim")).to_contain_text("101 %")
    assert [call for call in hub.stage.calls if call[1] == "start"] == []


def test_the_start_page_leads_to_the_bike(hub: FakeHub, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_test_id("link")).to_have_text("Live")
    expect(page.get_by_test_id("seat-banner")).to_be_hidden()
    hub.stage.seats = studio()
    expect(page.get_by_test_id("seat-banner")).to_contain_text("Tuesday class is open.")
    page.get_by_test_id("take-seat").click()
    expect(page.get_by_test_id("seats")).to_be_visible()
