"""The ride: honest numbers, a countdown that needs no hub, and every control."""

from __future__ import annotations

import re

import msgspec
import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.staged_activity import activity_json
from browser.staged_ride import CADENCE, CLOCK, HEART, POWER, Session, now_ms
from browser.staged_room import sensor, trainer
from playwright.sync_api import Error, Page, expect

from hub.wire import live, live_events, live_from_client, live_views
from hub.wire.uplink import LinkStatus, TrainerStatus
from hub.wire.values import Metric

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

HUB = "document.querySelector('derny-app').hub"
FREEZE_TRIES = 20
BEFORE_RECOVERY_S = 600 + 240 + 480  # the first threshold interval ends here


def controls(hub: FakeHub) -> list[str]:
    return [call[1] for call in hub.stage.calls if call[0] == "CONTROL"]


def jump(hub: FakeHub, session: Session, to_s: float) -> None:
    """The lane is elsewhere from now on."""
    lane = session.lane
    lane.ridden_ms, lane.as_of_ms, lane.rev = int(to_s * 1000), now_ms(), lane.rev + 1
    hub.tell(session, live_events.Timeline(lane.view(), "skip"))


def timed(hub: FakeHub, open_page: OpenPage, at: str, size: tuple[int, int] = (1280, 800)) -> Page:
    """A page whose clock the test may put forward, with a context and so a cache of its own."""
    hub.stage.patient = False
    page = open_page("web/icon.svg", size=size, alone=True)
    page.clock.install()
    page.goto(f"{hub.url}/{at}")
    return page


def freeze(page: Page) -> None:
    """Page and hub stand still at one instant; from now on only the test puts the page forward."""
    # The page is put forward by half a second: an answer would tell it so.
    page.evaluate(f"{HUB}.clock.learn = () => {{}}")
    for _ in range(FREEZE_TRIES):
        try:
            # Fails when by the time it arrives the page is further.
            page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 0.5)
        except Error:
            continue
        CLOCK.stand(round(page.evaluate(f"{HUB}.clock.now()")))
        return
    raise AssertionError("the page's clock does not stand")


def pass_the_change(hub: FakeHub, page: Page, session: Session) -> None:
    """From 5 s before the recovery to 1 s into it, without a word of the hub in between."""
    freeze(page)
    jump(hub, session, BEFORE_RECOVERY_S - 5)
    drawn(page, session)
    expect(page.get_by_test_id("countdown")).to_have_text("0:05")
    hub.stage.silent = True
    page.clock.run_for(6_000)


def drawn(page: Page, session: Session) -> None:
    """A frozen page has heard of the lane as it is, and drawn it."""
    heard = f"""([channel, rev]) =>
      {HUB}.store.sessions.get(channel)?.view?.lanes.some((lane) => lane.rev === rev)"""
    page.wait_for_function(heard, arg=[session.channel, session.lane.rev])
    page.clock.run_for(20)  # a frame


def watch(page: Page, testid: str) -> None:
    """Notes every text that this element shows, however briefly."""
    page.evaluate(
        """(id) => {
          window.seen = [];
          const look = () => {
            const element = document.querySelector(`[data-testid=${id}]`);
            const text = element.textContent.replace(/\\s+/g, ' ').trim();
            if (text !== window.seen.at(-1)) window.seen.push(text);
          };
          const what = { subtree: true, childList: true, characterData: true };
          new MutationObserver(look).observe(document.body, what);
          look();
        }""",
        testid,
    )


def seen(page: Page) -> list[str]:
    return page.evaluate("window.seen")


def seconds(text: str | None) -> int:
    minutes, seconds = (text or "").split(":")
    return int(minutes) * 60 + int(seconds)


def test_live_numbers_stand_crisp_with_zone_target_and_next(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride()
    page = open_page("#/ride/r1")
    power = page.get_by_test_id("power")
    expect(power).to_have_attribute("data-quality", "live")
    expect(power).to_contain_text("268")
    expect(page.get_by_role("region", name="Power", exact=True)).to_contain_text("Z4")
    expect(page.get_by_test_id("target")).to_have_text("265")
    expect(page.get_by_test_id("weighted-power")).to_have_text("221")
    expect(page.get_by_test_id("on-target")).to_have_text("94")
    expect(page.get_by_test_id("interval")).to_contain_text("interval 2 of 4 · 8:00")
    expect(page.get_by_test_id("next")).to_contain_text("Recovery · 4:00")
    expect(page.get_by_test_id("heart-value")).to_have_text("164")
    expect(page.get_by_test_id("cadence-note")).to_have_text("target 85–95")


def test_the_interval_changes_on_time_after_three_two_one(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(BEFORE_RECOVERY_S - 60)
    page = timed(hub, open_page, "#/ride/r1")
    expect(page.get_by_test_id("phase")).to_have_text("Threshold")
    watch(page, "interval")
    pass_the_change(hub, page, session)
    expect(page.get_by_test_id("phase")).to_have_text("Recovery")
    expect(page.get_by_test_id("spoken")).to_have_text("Recovery, 133 W, 4 min")
    expect(page.get_by_test_id("target")).to_have_text("133")
    shown = seen(page)
    counted = ["Recovery in 133 W 3", "Recovery in 133 W 2", "Recovery in 133 W 1"]
    assert [text for text in shown if " in " in text] == counted
    assert shown[shown.index(counted[-1]) + 1].startswith("Recovery 4:00")


def test_tones_are_laid_ahead_and_the_screen_stays_lit(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(BEFORE_RECOVERY_S - 60)
    page = timed(hub, open_page, "#/ride/r1")
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    page.mouse.click(600, 300)  # a browser sounds only after a tap
    page.wait_for_function(f"() => {HUB}.wake.lock?.released === false")
    page.evaluate(f"{HUB}.beeper.context.suspend()")  # no tone ends while the test looks
    freeze(page)
    jump(hub, session, BEFORE_RECOVERY_S - 4.4)
    drawn(page, session)
    page.clock.run_for(600)
    laid = f"[...{HUB}.beeper.laid.keys()]"
    assert page.evaluate(f"{laid}.length") == 4
    gaps = page.evaluate(f"{laid}.sort().map((at, i, all) => at - (all[i - 1] ?? at))")
    assert gaps == [0, 1_000, 1_000, 1_000]
    page.keyboard.press("m")
    page.wait_for_function(f"() => {laid}.length === 0")


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_tones_sound_unseen_and_are_laid_anew_on_return_without_a_hub(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride(BEFORE_RECOVERY_S - 60)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    page.mouse.click(600, 300)
    hub.stage.closed = True
    hub.drop(1012)
    expect(page.get_by_test_id("link")).to_have_text("Reconnecting")
    beeper = f"{HUB}.beeper"
    assert page.evaluate(f"{beeper}.laid.size") == 0
    hide(page, True)
    before = page.evaluate_handle(f"(() => [...{beeper}.laid.values()])()")
    assert page.evaluate("tones => tones.length", before) == 4
    page.evaluate(f"{beeper}.context.suspend()")  # as phones do: its clock stands still
    hide(page, False)
    kept = f"tones => tones.filter((one) => [...{beeper}.laid.values()].includes(one)).length"
    assert page.evaluate(kept, before) == 0
    page.wait_for_function(f"() => {beeper}.context.state === 'running'")


def test_a_mute_sensor_ages_then_goes_and_comes_back(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    rider = ride().riders["me"]
    page = open_page("#/ride/r1")
    heart = page.get_by_test_id("heart")
    expect(heart).to_have_attribute("data-quality", "live")
    rider.age_ms[HEART] = 6_000
    expect(heart).to_have_attribute("data-quality", "aged")
    expect(page.get_by_test_id("heart-value")).to_have_text("164")
    expect(page.get_by_test_id("heart-note")).to_have_text(re.compile(r"^\d+ s ago$"))
    rider.age_ms[HEART] = 48_000
    expect(heart).to_have_attribute("data-quality", "gone")
    expect(page.get_by_test_id("heart-value")).to_have_text("–")
    expect(page.get_by_test_id("heart-note")).to_have_text(re.compile(r"^no signal 0:\d\d$"))
    del rider.age_ms[HEART]
    expect(heart).to_have_attribute("data-quality", "live")


def test_absent_and_unshared_metrics_say_so(open_page: OpenPage, ride: StageRide) -> None:
    rider = ride().riders["me"]
    del rider.numbers[CADENCE]
    rider.denied.add(HEART)
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("cadence-note")).to_have_text("no cadence sensor")
    expect(page.get_by_test_id("heart-note")).to_have_text("not shared")


def test_a_sensor_that_says_nothing_is_named(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    numbers = ride().riders["me"].numbers
    for metric in (HEART, CADENCE, POWER):
        del numbers[metric]
    hub.stage.sensors = [
        sensor("KICKR 4F2A", "trainer", {}, athlete="me"),
        sensor("Pulse Strap 31", "heart_rate", {}, athlete="me", link=LinkStatus.SILENT),
    ]
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("heart-note")).to_have_text("Pulse Strap 31 · no signal")
    expect(page.get_by_test_id("power-note")).to_have_text("KICKR 4F2A · no value yet")
    expect(page.get_by_test_id("cadence-note")).to_have_text("no cadence sensor")
    hub.stage.sensors = [sensor("KICKR 4F2A", "trainer", {}, athlete="me", link=LinkStatus.ABSENT)]
    expect(page.get_by_test_id("cadence-note")).to_have_text("KICKR 4F2A · no signal")
    expect(page.get_by_test_id("heart-note")).to_have_text("no heart rate sensor")


def test_without_a_gateway_no_sensor_is_said_to_be_missing(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    rider = ride().riders["me"]
    del rider.numbers[POWER], rider.numbers[CADENCE]
    rider.age_ms[HEART] = 48_000
    hub.stage.gateway_up = False
    page = open_page("#/ride/r1")
    notes = [page.get_by_test_id(f"{metric}-note") for metric in ("power", "heart", "cadence")]
    for note in notes:
        expect(note).to_have_text("gateway is away")
    hub.stage.gateway_up = True
    texts = ["no power meter", re.compile(r"no signal 0:\d\d"), "no cadence sensor"]
    for note, text in zip(notes, texts, strict=True):
        expect(note).to_have_text(text)


def test_without_the_hub_the_countdown_goes_on_and_numbers_go(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    until_ms = now_ms() + 140_000
    ride(trainer=trainer(TrainerStatus.FOLLOWING, follows_until_at_ms=until_ms))
    page = timed(hub, open_page, "#/ride/r1")
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    hub.stage.closed = True
    freeze(page)
    before_s = seconds(page.get_by_test_id("countdown").text_content())
    hub.drop(1012)
    page.wait_for_function(f"() => {HUB}.wire.status === 'away'")
    page.clock.run_for(20)  # a frame
    expect(page.get_by_test_id("link")).to_have_text("Reconnecting")
    page.clock.fast_forward(4_000)
    page.clock.run_for(20)
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "aged")
    for _ in range(4):
        page.clock.fast_forward(4_000)
    page.clock.run_for(20)
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "gone")
    expect(page.get_by_test_id("power").locator(".num")).to_have_text("–")
    banner = page.get_by_test_id("hub-away")
    expect(banner).to_contain_text("Hub away · trainer follows the plan until 31:3")
    assert seconds(page.get_by_test_id("countdown").text_content()) <= before_s - 20
    hub.stage.closed = False
    CLOCK.go_on()
    page.clock.resume()
    page.clock.fast_forward(15_000)
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    expect(banner).to_be_hidden()


def test_a_silent_hub_counts_as_lost(hub: FakeHub, open_page: OpenPage, ride: StageRide) -> None:
    ride()
    page = timed(hub, open_page, "#/ride/r1")
    expect(page.get_by_test_id("ride")).to_have_attribute("data-link", "live")
    hub.stage.silent = True
    page.clock.run_for(5_000)
    expect(page.get_by_test_id("ride")).to_have_attribute("data-link", "away")


def test_events_are_resumed_where_they_broke_off(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("ride")).to_be_visible()
    hub.tell(session, live_events.Message("Two to go", now_ms()))
    expect(page.get_by_test_id("notice")).to_have_text("Two to go")
    hub.stage.closed = True
    hub.drop(1012)
    expect(page.get_by_test_id("ride")).to_have_attribute("data-link", "away")
    hub.stage.closed = False
    expect(page.get_by_test_id("ride")).to_have_attribute("data-link", "live")
    last = [wish for wish in hub.subscribed if wish.channel == "session:r1"][-1]
    assert last.resume == live_from_client.Resume("e1", 1)


def test_a_revoked_sign_in_does_not_come_back(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride()
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("ride")).to_be_visible()
    before = len(hub.subscribed)
    hub.drop(live.CloseCode.EXPIRED)
    expect(page.get_by_test_id("no-link")).to_be_visible()
    assert len(hub.subscribed) == before


def test_a_session_that_is_gone_says_so(open_page: OpenPage) -> None:
    page = open_page("#/ride/never")
    expect(page.get_by_test_id("session-gone")).to_contain_text("This ride is not here any more")


def test_a_trainer_taken_elsewhere_can_be_asked_again(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride(trainer=trainer(TrainerStatus.ELSEWHERE))
    page = open_page("#/ride/r1")
    banner = page.get_by_test_id("trainer-banner")
    expect(banner).to_contain_text(
        "KICKR 4F2A is controlled by another app. Close it there, then Retry. Recording continues."
    )
    page.get_by_test_id("retry-trainer").click()
    hub.tell(session, live_events.TrainerChanged("me", trainer(TrainerStatus.FOLLOWING)))
    expect(banner).to_be_hidden()
    assert controls(hub) == ["retry_trainer"]


def test_a_trainer_that_holds_back_says_why(open_page: OpenPage, ride: StageRide) -> None:
    ride(trainer=trainer(TrainerStatus.HOLDING_BACK, reason="low_cadence"))
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("trainer-hint")).to_have_text("Low cadence: target eased")


def test_power_can_be_taken_from_another_source(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    sources = {
        POWER: (
            live_views.SourceView("s-assioma", "ASSIOMA 1234", True, False),
            live_views.SourceView("s-kickr", "KICKR 4F2A", False, False),
        )
    }
    session = ride(sources=sources)
    page = open_page("#/ride/r1")
    source = page.get_by_test_id("source")
    expect(source).to_contain_text("Power from ASSIOMA 1234")
    expect(source).to_contain_text("KICKR 4F2A also available")
    source.click()
    page.get_by_test_id("source-option").filter(has_text="KICKR").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    hub.tell(session, live_events.SourceSwitched("me", POWER, "s-kickr", "KICKR 4F2A", "chosen", 0))
    expect(source).to_contain_text("Power from KICKR 4F2A")
    expect(page.get_by_test_id("notice")).to_have_text("Power now from KICKR 4F2A")
    (wish,) = hub.stage.prefers
    assert (wish.athlete, wish.metric, wish.sensor_id) == ("me", Metric.POWER_W, "s-kickr")


def test_the_top_line_names_sensors_as_riders_do(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride(trainer=trainer(TrainerStatus.FOLLOWING))
    hub.stage.sensors = [
        sensor("KICKR 4F2A", "trainer", {}, athlete="me"),
        sensor("Cadence 77", "cadence", {}, battery=18, athlete="me"),
        sensor("TICKR 09", "heart_rate", {}, athlete="d0"),
    ]
    page = open_page("#/ride/r1")
    devices = page.get_by_test_id("device")
    expect(devices).to_have_text(["Trainer ERG", "Cadence sensor · battery 18 %"])


def test_the_whole_ride_by_keyboard(hub: FakeHub, open_page: OpenPage, ride: StageRide) -> None:
    ride(None)
    page = open_page("#/ride/r1")
    shown = page.get_by_test_id("ride")
    expect(shown).to_have_attribute("data-status", "ready")
    page.keyboard.press(" ")
    expect(shown).to_have_attribute("data-status", "running")
    expect(page.get_by_test_id("phase")).to_have_text("Warm-up")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_test_id("trim")).to_contain_text("101 %")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("trim")).to_contain_text("100 %")
    page.keyboard.press("l")
    expect(page.get_by_test_id("notice")).to_have_text("Lap 1")
    page.keyboard.press("s")
    expect(page.get_by_test_id("phase")).to_have_text("Easy")
    page.keyboard.press(" ")
    expect(shown).to_have_attribute("data-status", "paused")
    page.keyboard.press(" ")
    expect(shown).to_have_attribute("data-status", "running")
    expected = ["start", "trim", "trim", "lap", "skip", "pause", "resume"]
    assert controls(hub) == expected


def test_every_control_is_reached_by_tab(open_page: OpenPage, ride: StageRide) -> None:
    ride()
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("ride")).to_be_visible()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.testid"))
    wanted = {
        "back",
        "trim-down",
        "trim-up",
        "main-action",
        "lap",
        "skip",
        "finish",
        "mute",
        "full",
    }
    assert wanted <= reached


def test_space_on_a_button_reached_by_tab_presses_that_button(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride()
    page = open_page("#/ride/r1")
    page.get_by_test_id("trim-up").focus()
    page.keyboard.press("Tab")  # to Pause
    page.keyboard.press("Tab")  # to Lap
    page.keyboard.press(" ")
    expect(page.get_by_test_id("notice")).to_have_text("Lap 1")
    assert controls(hub) == ["lap"]


def test_finishing_asks_once_and_leads_to_the_end(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    ride()
    page = open_page("#/ride/r1")
    page.get_by_test_id("finish").click()
    page.get_by_role("button", name="Keep riding").click()
    assert controls(hub) == []
    page.get_by_test_id("finish").click()
    page.get_by_test_id("finish-confirm").click()
    expect(page.get_by_test_id("end")).to_be_visible()
    assert controls(hub) == ["stop"]


def test_who_is_done_at_their_own_pace_sees_the_ride(
    hub: FakeHub, open_page: OpenPage, ride: StageRide
) -> None:
    session = ride()
    session.pace = "self"
    hub.stage.activities["a1"] = activity_json("a1")
    page = open_page("#/ride/r1")
    expect(page.get_by_test_id("ride")).to_be_visible()
    (rider,) = session.riders.values()
    done = msgspec.structs.replace(rider.view, activity="a1")
    hub.tell(session, live_events.Membership((done,)))
    expect(page.get_by_test_id("end")).to_be_visible()


def test_a_reload_keeps_the_trace(open_page: OpenPage, ride: StageRide) -> None:
    ride(30)
    page = open_page("#/ride/r1", trace_s=20)
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    lengths = page.evaluate("document.querySelector('derny-ride').trace.power_w.length")
    assert lengths >= 30


def test_without_an_ftp_targets_are_zones(open_page: OpenPage, ride: StageRide) -> None:
    ride(ftp_w=200, ftp_assumed=True)
    page = open_page("#/ride/r1")
    hero = page.get_by_role("region", name="Power", exact=True)
    expect(hero).to_contain_text("By feel")
    expect(hero).not_to_contain_text("% of FTP")
    expect(page.get_by_test_id("next")).to_contain_text("Z1")


def test_the_wrist_page_counts_down(hub: FakeHub, open_page: OpenPage, ride: StageRide) -> None:
    session = ride(BEFORE_RECOVERY_S - 60)
    page = timed(hub, open_page, "#/watch/r1", (192, 192))
    face = page.get_by_test_id("watch")
    expect(face).to_contain_text("Threshold")
    watch(page, "watch")
    pass_the_change(hub, page, session)
    expect(face).to_contain_text("no link, cues stored")
    expect(face).to_contain_text("3:5")
    flashed = [text for text in seen(page) if " in " in text]
    assert flashed == ["Recovery in 3 133 W", "Recovery in 2 133 W", "Recovery in 1 133 W"]


def test_a_ride_on_a_wrist_is_the_wrist_page(open_page: OpenPage, ride: StageRide) -> None:
    ride()
    page = open_page("#/ride/r1", size=(239, 240))
    expect(page.get_by_test_id("watch")).to_contain_text("Threshold")
    expect(page.get_by_test_id("ride")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_test_id("power")).to_have_attribute("data-quality", "live")
    expect(page.get_by_test_id("watch")).to_have_count(0)
    page.set_viewport_size({"width": 192, "height": 192})
    expect(page.get_by_test_id("watch")).to_contain_text("bpm")
    expect(page.get_by_test_id("ride")).to_have_count(0)
