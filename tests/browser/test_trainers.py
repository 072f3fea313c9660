"""The trainer by hand in a free ride, its calibration, and leaving it to another app."""

from __future__ import annotations

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage
from browser.staged_ride import POWER, Session, Step
from browser.staged_room import home_sensors, ride_session, trainer
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from hub.wire import live_events, live_views
from hub.wire.uplink import Mode, SpinDown, SpinDownPhase, TrainerStatus
from hub.wire.values import GradeTarget, PowerTarget

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

FREE_RIDE = [Step("Free ride", "free", None, None)]
KICKR = "s-kickr-4f2a"


def free_ride(hub: FakeHub, **more: object) -> Session:
    view = live_views.AthleteView(
        "me",
        "Ada Oduya",
        100,
        ftp_w=265,
        max_hr_bpm=184,
        trainer=trainer(TrainerStatus.FREE, modes=(Mode.POWER, Mode.GRADE)),
    )
    session = ride_session(replace(view, **more), FREE_RIDE, at_s=60)
    session.riders["me"].numbers = {POWER: 163}
    hub.stage.sessions[session.session] = session
    return session


def dialled(hub: FakeHub) -> list[str]:
    return [call[1] for call in hub.stage.calls if call[:2] == ("CONTROL", "dial")]


def set_to(page: Page) -> str | None:
    return page.get_by_test_id("dial").get_attribute("data-mode")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (844, 390)])
def test_power_by_hand_begins_at_what_the_legs_do(
    hub: FakeHub, open_page: OpenPage, size: tuple[int, int]
) -> None:
    session = free_ride(hub)
    page = open_page(f"#/ride/{session.session}", size=size)
    expect(page.get_by_test_id("power-value")).to_have_text("163")
    assert set_to(page) == "free"
    page.get_by_test_id("dial-power").click()
    expect(page.get_by_test_id("dial-value")).to_have_text("165")
    expect(page.get_by_test_id("target")).to_have_text("165")
    page.get_by_test_id("dial-up").click()
    expect(page.get_by_test_id("target")).to_have_text("170")
    for button in ("dial-up", "dial-down", "dial-free", "dial-power", "dial-grade"):
        box = page.get_by_test_id(button).bounding_box()
        assert box is not None and box["height"] >= 48 and box["x"] + box["width"] <= size[0]
    page.get_by_test_id("dial-free").click()
    expect(page.get_by_test_id("target")).to_have_text("Free")
    assert len(dialled(hub)) == 3


def test_grade_by_hand_and_what_the_trainer_does_not_take(
    hub: FakeHub, open_page: OpenPage
) -> None:
    session = free_ride(hub, by_hand=GradeTarget(grade_pct=-0.5))
    page = open_page(f"#/ride/{session.session}")
    expect(page.get_by_test_id("dial-value")).to_have_text("−0.5")
    page.get_by_test_id("dial-down").click()
    expect(page.get_by_test_id("dial-value")).to_have_text("−1.0")
    expect(page.get_by_test_id("dial-resistance")).to_be_disabled()
    assert session.riders["me"].view.by_hand == GradeTarget(grade_pct=-1.0)


def test_nobody_dials_where_the_workout_asks_or_another_app_steers(
    hub: FakeHub, open_page: OpenPage
) -> None:
    asked = free_ride(hub, by_hand=PowerTarget(150))
    asked.lane.steps = [Step("Work", "work", 3600, 0.8)]
    page = open_page(f"#/ride/{asked.session}")
    expect(page.get_by_test_id("next")).to_be_visible()
    expect(page.get_by_test_id("target")).to_have_text("212")
    expect(page.get_by_test_id("dial")).to_have_count(0)
    asked.lane.steps = FREE_RIDE
    left = trainer(TrainerStatus.FREE, reason="read_only", read_only=True)
    asked.riders["me"].view = replace(asked.riders["me"].view, trainer=left)
    hub.tell(asked, live_events.Membership((asked.riders["me"].view,)))
    hub.tell(asked, live_events.Timeline(asked.lane.view(), "skip"))
    expect(page.get_by_test_id("trainer-hint")).to_have_text("Another app steers the trainer")
    expect(page.get_by_test_id("dial")).to_have_count(0)


def test_a_calibration_is_led_step_by_step(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = [replace(one, athlete="me") for one in home_sensors()[:1]]
    page = open_page()

    def becomes(run: SpinDown) -> None:
        hub.stage.sensors = [replace(one, spin_down=run) for one in hub.stage.sensors]

    page.get_by_test_id("calibrate").click()
    expect(page.get_by_test_id("spin-title")).to_have_text("One moment")
    becomes(SpinDown(SpinDownPhase.SPEED_UP, 33.0, 35.0))
    expect(page.get_by_test_id("spin-title")).to_have_text("Pedal up to 33–35 km/h")
    becomes(SpinDown(SpinDownPhase.COAST, 33.0, 35.0))
    expect(page.get_by_test_id("spin-title")).to_have_text("Stop pedalling")
    becomes(SpinDown(SpinDownPhase.DONE, spin_down_ms=10_240))
    expect(page.get_by_test_id("spin-result")).to_have_text("Calibrated · rolled out in 10.2 s")
    page.get_by_test_id("calibrate").click()
    page.get_by_test_id("spin-cancel").click()
    expect(page.get_by_test_id("spin-result")).to_have_text("Calibration cancelled.")
    methods = [call[0] for call in hub.stage.calls if "calibration" in call[1]]
    assert methods == ["POST", "POST", "DELETE"]


def test_the_owner_leaves_a_trainer_to_another_app(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.sensors = [replace(one, athlete="me") for one in home_sensors()[:1]]
    page = open_page()
    page.get_by_test_id("read-only").check()
    expect(page.get_by_test_id("trainer-panel")).to_contain_text("Another app steers this trainer")
    expect(page.get_by_test_id("calibrate")).to_be_disabled()
    assert ("PUT", f"/api/trainers/{KICKR}", {"read_only": True}) in hub.stage.calls
    page.get_by_test_id("read-only").uncheck()
    page.get_by_test_id("identify").click()
    expect(page.get_by_role("alert")).to_contain_text("no way to show itself")


def test_the_ride_says_what_a_calibration_asks(hub: FakeHub, open_page: OpenPage) -> None:
    run = SpinDown(SpinDownPhase.COAST)
    rolling = trainer(TrainerStatus.HOLDING_BACK, reason="spin_down", spin_down=run)
    session = free_ride(hub, trainer=rolling)
    page = open_page(f"#/ride/{session.session}")
    expect(page.get_by_test_id("spin-banner")).to_contain_text("Stop pedalling")
