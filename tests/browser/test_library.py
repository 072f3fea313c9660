"""The library, one workout, and the athlete's figures in a real browser."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from browser.fake_hub import FakeHub
from browser.fake_library import over_unders
from browser.kinds import OpenPage
from browser.staged_room import workouts
from msgspec.structs import replace
from playwright.sync_api import Locator, Page, expect

from hub.core.target import Aim, FreeRide, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDuration,
    Step,
    StepKind,
    StepText,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.formats.repeats import Block, fold

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
    expect(steps.locator(".suspect")).to_contain_text("bpm")  # by a threshold that is assumed
    expect(page.get_by_test_id("by")).to_contain_text("265 W")
    expect(page.get_by_test_id("file")).to_have_count(2)


def step(page: Page, name: str, at: int = 0) -> Locator:
    return page.get_by_test_id("step").filter(has=page.locator("b", has_text=name)).nth(at)


def newest(hub: FakeHub) -> Workout:
    return hub.stage.library.kept["w"][-1]


def test_every_part_of_a_step_is_changed(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.library.kept["w"] = [over_unders()]
    page = open_page("#/library/w")
    page.get_by_test_id("edit").click()
    page.get_by_label("Name").fill("Mine")
    warm = step(page, "Warm-up")
    warm.get_by_test_id("step-open").click()
    warm.get_by_label("Length, min:s").fill("7:75")
    warm.get_by_label("Length, min:s").press("Enter")
    assert "like 8:30" in warm.get_by_label("Length").evaluate("one => one.validationMessage")
    warm.get_by_label("Length, min:s").fill("12")
    warm.get_by_label("Ends from").fill("80")
    warm.get_by_label("Cadence").check()
    warm.get_by_label("rpm from").fill("88")
    warm.get_by_test_id("add-line").click()
    warm.get_by_label("At, min:s").fill("1:30")
    warm.get_by_label("Line", exact=True).fill("Easy breath")
    warm.get_by_label("Spoken").check()

    cool = step(page, "Cool-down")
    cool.get_by_test_id("step-open").click()
    cool.get_by_label("Ends by").select_option("a heart rate")
    cool.get_by_role("spinbutton", name="Heart rate").fill("110")
    cool.get_by_label("At most, min:s").fill("15:00")
    cool.get_by_label("Target").select_option("RPE, 0 to 10")
    cool.get_by_label("From").fill("2")
    cool.get_by_label("to", exact=True).fill("3")
    cool.get_by_label("Kind").select_option("Easy")
    page.get_by_test_id("save").click()
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()

    *middle, last = newest(hub).steps[1:]
    assert newest(hub).name == "Mine" and tuple(middle) == over_unders().steps[1:-1]
    assert newest(hub).steps[0] == Step(
        "Warm-up",
        StepKind.WARMUP,
        ForDuration(720_000),
        Aim(Unit.FTP, 0.45, 0.45, 0.8, 0.8),
        CadenceRange(88, 95),
        (StepText(90_000, "Easy breath", True),),
    )
    assert last == Step(
        "",
        StepKind.RECOVERY,
        UntilHeartRate(aim(Unit.BPM, 110), above=False),
        Aim(Unit.RPE, 2, 3),
        at_most_ms=900_000,
    )


def test_steps_are_moved_doubled_repeated_and_taken_away(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.library.kept["w"] = [over_unders()]
    warm, under, over, *_, easy = over_unders().steps[:8]
    cool = over_unders().steps[-1]
    page = open_page("#/library/w")
    page.get_by_test_id("edit").click()
    expect(page.get_by_test_id("loop")).to_have_count(2)
    expect(page.get_by_test_id("step")).to_have_count(7)  # each round of a repeat once
    page.get_by_test_id("times").nth(1).fill("2")
    page.get_by_test_id("times").nth(1).press("Enter")
    expect(page.get_by_test_id("edit-sum")).to_contain_text("13 steps")
    page.get_by_test_id("dissolve").nth(0).click()
    step(page, "Over").get_by_test_id("step-open").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(step(page, "Over").get_by_test_id("step-open")).to_be_focused()
    easy_step = step(page, "Easy")
    easy_step.get_by_test_id("step-down").click()  # into the repeat
    expect(page.get_by_test_id("loop").get_by_test_id("step")).to_have_count(3)
    page.get_by_test_id("loop").get_by_test_id("wrap").last.click()  # a repeat in a repeat
    expect(page.get_by_test_id("loop")).to_have_count(2)
    step(page, "Warm-up").get_by_test_id("step-open").click()
    step(page, "Warm-up").get_by_test_id("duplicate").click()
    step(page, "Cool-down").get_by_test_id("step-open").click()
    step(page, "Cool-down").get_by_test_id("remove").click()
    page.get_by_test_id("add-step").click()
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("edit-form")).to_be_hidden()
    added = Step("", StepKind.WORK, ForDuration(300_000), aim(Unit.FTP, 0.75))
    inner = (easy, under, over) * 2
    assert newest(hub).steps == (warm, warm, over, under, *inner * 2, added)
    assert cool not in newest(hub).steps


def test_the_page_finds_the_repeats_that_files_have(open_page: OpenPage) -> None:
    """As hub.formats.repeats does: the page and a file say a workout in the same words."""
    page = open_page()
    steps = {name: Step(name, StepKind.WORK, UntilLap(), FreeRide()) for name in "abc"}
    draw = random.Random(7)
    for letters in ["a", "aaaa", "abab", "aabaab" * 2, *(_words(draw) for _ in range(40))]:
        plan = [steps[letter] for letter in letters]
        found = page.evaluate(
            """async (steps) => {
              const { fold, unroll, count, isLoop } = await import("/web/step_tree.js");
              const said = (node) =>
                isLoop(node) ? [node.times, node.nodes.map(said)] : node.step.name;
              const nodes = fold(steps);
              const names = unroll(nodes).map((one) => one.name);
              return [nodes.map(said), names.join(""), count(nodes)];
            }""",
            msgspec.to_builtins(plan),
        )
        assert found == [_said(fold(plan)), letters, len(letters)]


def _words(draw: random.Random) -> str:
    return "".join(draw.choices("abc", k=draw.randint(1, 24)))


def _said(blocks: tuple[Block, ...]) -> list[Any]:
    return [
        block.name if isinstance(block, Step) else [block.times, _said(block.blocks)]
        for block in blocks
    ]


def test_who_comes_late_is_told_and_chooses(hub: FakeHub, open_page: OpenPage) -> None:
    hub.stage.library.kept["w"] = [over_unders()]
    page = open_page("#/library/w")

    def late(name: str) -> None:
        page.get_by_test_id("edit").click()
        theirs = replace(newest(hub), description=f"Changed before {name}")
        hub.stage.library.kept["w"].append(theirs)
        page.get_by_label("Name").fill(name)
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("problem")).to_contain_text("changed description meanwhile")
        assert newest(hub) == theirs

    late("Late")
    expect(page.get_by_label("Name")).to_have_value("Late")  # nothing that was typed is lost
    page.get_by_test_id("take-theirs").click()
    expect(page.get_by_test_id("workout-page")).to_contain_text("Changed before Late")
    late("Later")
    page.get_by_test_id("keep-mine").click()
    expect(page.get_by_role("heading", name="Later")).to_be_visible()
    assert newest(hub).description == "Changed before Late"

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

    page.get_by_test_id("own-power_bounds_pct").click()
    page.get_by_label("Z3 Tempo from, %").fill("95")  # above Z4
    page.get_by_test_id("save-figures").click()
    threshold = page.get_by_label("Z4 Threshold from, %")
    assert "more than 95 %" in threshold.evaluate("one => one.validationMessage")
    threshold.fill("97.5")
    page.get_by_test_id("save-figures").click()
    expect(page.get_by_test_id("power-zones")).to_contain_text("258–278")  # 97.5 to 105 %
    zones = said(hub, "PUT", f"{path}/today")[-1]["zones"]
    assert zones["power_bounds_pct"] == [55, 95, 97.5, 105, 120, 150]
    assert zones["heart"] == "friel" and zones["heart_bounds_pct"] == []
    page.get_by_test_id("own-power_bounds_pct").click()

    page.get_by_text("since …").click()
    page.get_by_test_id("date").fill("2026-09-01")
    page.get_by_text("measure the rides").click()
    form.get_by_label("FTP, W").fill("250")
    page.get_by_test_id("save-figures").click()
    expect(page.get_by_test_id("said")).to_contain_text("being measured")
    (sent,) = said(hub, "PUT", f"{path}/2026-09-01")
    assert (sent["ftp_w"], sent["recompute"]) == (250, True)
    expect(page.get_by_test_id("versions").get_by_role("listitem")).to_have_count(3)
