"""`derny watch`: what it shows at an instant, as a wall and as lines, and which session."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from live_fakes import NOON_MS
from rich.console import Console
from typer.testing import CliRunner

from hub.cli import app
from hub.client.core import Core
from hub.client.cues import Rung
from hub.client.state import Channel
from hub.core.errors import NotFound, UserError
from hub.watch.plain import cue_line, interval_line, rider_line, stamped
from hub.watch.scene import FLASH_MS, LOG_LINES, Scene
from hub.watch.wall import wall
from hub.watch.words import clock, line_of
from hub.watch_cli import _chosen
from hub.wire.live_events import (
    EventBody,
    Finished,
    Lapped,
    Membership,
    Message,
    SourceSwitched,
    Timeline,
    TrainerChanged,
    Trimmed,
)
from hub.wire.live_rows import QUALITIES
from hub.wire.live_to_client import TO_CLIENT, Fields, Snapshot, State, Welcome
from hub.wire.live_views import (
    AthleteView,
    LaneView,
    PhaseView,
    SessionView,
    TargetView,
    TrainerView,
)
from hub.wire.uplink import TrainerStatus
from hub.wire.values import Cue, CueKind, Metric

CHANNEL = "session:s1"
STEER = "\x1b]0;mine\x07"  # a guest's name that would steer the terminal
NAMES = {"ann": "Ann", "bob": f"Bob{STEER}"}
FIELDS = (
    "athlete", "power_w", "power_w.at_ms", "power_w.q", "heart_rate_bpm", "heart_rate_bpm.at_ms",
    "heart_rate_bpm.q", "cadence_rpm", "cadence_rpm.at_ms", "cadence_rpm.q", "power_3s_w",
    "power_zone", "heart_rate_zone", "target_dimension", "target_low", "target_high",
)  # fmt: skip


def phase(i: int, name: str, begins_s: int, ends_s: int) -> PhaseView:
    begins_ms, ends_ms = NOON_MS + begins_s * 1000, NOON_MS + ends_s * 1000
    length_ms = ends_ms - begins_ms
    target = TargetView("ftp", 0.9, 0.9)
    return PhaseView(i, name, "work", begins_ms, ends_ms, begins_s * 1000, length_ms, target)


def lane(status: str = "running") -> LaneView:
    phases = (phase(0, "Warm up", 0, 60), phase(1, "Hard", 60, 120))
    return LaneView("group", status, 1, NOON_MS, None, 0, NOON_MS, 0, phases, ())


def scene_of(*rows: tuple[Any, ...], status: str = "running") -> Scene:
    """Ann and Bob, heard at NOON_MS; the local clock is hub time."""
    core = Core("test", lambda: 0.5)
    channel: Channel = core.subscribe(CHANNEL)
    core.opened(NOON_MS)
    trainer = TrainerView("t", "KICKR", TrainerStatus.HOLDING_BACK)
    athletes = (
        AthleteView("ann", "Ann", 100, trainer=trainer),
        AthleteView("bob", NAMES["bob"], 100),
    )
    view = SessionView("s1", "Class", "w", status, (lane(status),), athletes)
    for message in (
        Welcome(2, NOON_MS, "0", "owner", "", NOON_MS + 900_000),
        Snapshot(CHANNEL, "e", 1, view),
        Fields(CHANNEL, FIELDS, QUALITIES),
        State(CHANNEL, 1, NOON_MS, True, rows),
    ):
        core.received(TO_CLIENT.encode(message), NOON_MS, NOON_MS)
    return Scene(core, channel)


def row(athlete: str, *, denied: bool = False) -> tuple[Any, ...]:
    q = 4 if denied else 0
    cells = (230, NOON_MS, q, 151, NOON_MS, q, 92, NOON_MS, q, 221, 4, 3, "power_w", 225, 225)
    return (athlete, *((None if denied and i % 3 == 0 else cell) for i, cell in enumerate(cells)))


def drawn(scene: Scene, after_ms: int) -> str:
    console = Console(file=io.StringIO(), width=110, record=True)
    console.print(wall(scene, NOON_MS + after_ms, NOON_MS + after_ms))
    return console.export_text()


def line_with(text: str, word: str) -> str:
    (line,) = [one for one in text.splitlines() if word in one]
    return line


def test_a_rider_is_one_line_with_zones_and_what_is_asked() -> None:
    text = drawn(scene_of(row("ann"), row("bob", denied=True)), 500)
    words = " ".join(line_with(text, "Ann").split())
    assert words == "Ann 221 W Z4 225 W 151 bpm Z3 92 rpm holding back"
    assert "not shared" in line_with(text, "Bob")
    assert "\x1b" not in text and "\x07" not in text
    assert line_with(text, "Warm up").split()[:3] == ["1:00", "Warm", "up"]


def test_numbers_fade_with_their_age_and_go_while_the_hub_is_away() -> None:
    scene = scene_of(row("ann"))
    scene.core.lost(NOON_MS + 100)
    at = {s: drawn(scene, s * 1000) for s in (4, 7, 12, 61)}
    assert "221 W 4 s ago" in at[4] and "151 bpm " in at[4] and "151 bpm 4" not in at[4]
    assert "151 bpm 7 s ago" in at[7]
    assert "221 W" not in at[12] and "151 bpm 12 s ago" in at[12]
    assert "hub away for 61 s" in at[61]
    assert "Hard" in line_with(at[61], "ridden") and "0:59" in line_with(at[61], "ridden")


def test_who_finds_no_room_is_counted() -> None:
    scene = scene_of(row("ann"))
    console = Console(file=io.StringIO(), width=110, record=True)
    console.print(wall(scene, NOON_MS, NOON_MS, height=11))
    text = console.export_text()
    assert "Ann" in text and "Bob" not in text and "and 1 more" in text
    assert len(text.splitlines()) <= 11


def test_a_cue_flashes_and_a_missed_one_does_not() -> None:
    scene = scene_of(row("ann"))
    scene.rang(NOON_MS, Rung("group", Cue(1, CueKind.COUNTDOWN, NOON_MS, "<3>"), 4.0, False))
    assert "<3>" in drawn(scene, FLASH_MS - 1)
    assert "<3>" not in drawn(scene, FLASH_MS)
    scene.rang(NOON_MS, Rung("group", Cue(2, CueKind.COUNTDOWN, NOON_MS, "<2>"), 1_500.0, True))
    assert "<2>" not in drawn(scene, 0)
    heights = {len(drawn(scene, ms).splitlines()) for ms in (0, FLASH_MS)}
    assert len(heights) == 1  # nothing jumps


def test_the_log_keeps_the_newest() -> None:
    scene = scene_of(row("ann"))
    for number in range(LOG_LINES + 2):
        scene.note(NOON_MS, f"lap {number}")
    scene.note(NOON_MS, "")
    text = drawn(scene, 3_000)
    assert "lap 1\n" not in text and "0:03 ago  lap 2" in text and f"lap {LOG_LINES + 1}" in text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (Timeline(lane(), "start"), "started"),
        (Timeline(lane(), "phase"), ""),
        (Lapped("", NOON_MS, 3), "lap 3"),
        (Lapped("ann", NOON_MS, 3), "lap 3, Ann"),
        (Trimmed("ann", 95), "Ann: intensity 95 %"),
        (Trimmed("", 95, "work"), "everybody: intensity 95 % (work)"),
        (
            SourceSwitched("ann", Metric.POWER_W, "x", "KICKR", "lost", NOON_MS),
            "Ann: power from KICKR (lost)",
        ),
        (
            TrainerChanged("ann", TrainerView("t", "K", TrainerStatus.LOST, "gateway_away")),
            "Ann: trainer lost (gateway_away)",
        ),
        (Message("Last one!", NOON_MS), "coach: Last one!"),
        (Message("Sit up", NOON_MS, "ann"), "to Ann: Sit up"),
        (Finished(NOON_MS, "idle", {}), "finished: nobody pedalled"),
        (Membership(()), ""),
    ],
)
def test_each_event_has_its_words(body: EventBody, words: str) -> None:
    assert line_of(body, NAMES) == words


def test_lines_say_the_same() -> None:
    scene = scene_of(row("ann"))
    (ann, bob) = scene.lines(NOON_MS + 4_000)
    assert rider_line(ann) == "Ann: 221 (4 s old) W Z4, 151 bpm Z3, 92 (4 s old) rpm, asked 225 W"
    assert rider_line(bob).endswith(": - W, - bpm, - rpm")
    assert "\x1b" not in stamped(1_234.0, rider_line(bob))
    assert stamped(1_234.0, "x").strip() == "1.234  x"
    rung = Rung("group", Cue(1, CueKind.FINISH, NOON_MS), 0.31, False)
    assert cue_line(rung) == "cue finish (0.3 ms late)"
    assert cue_line(rung._replace(missed=True, late_ms=2_000.0)) == "cue finish (missed by 2000 ms)"
    assert interval_line("running", "Hard", 61_000) == "running: Hard, 1:01 left"
    assert interval_line("ready", "", None) == "ready"


def test_a_countdown_is_rounded_up() -> None:
    assert [clock(ms) for ms in (0, 1, 1_000, 59_001, 3_600_000, None)] == [
        "0:00", "0:01", "0:01", "1:00", "1:00:00", "",
    ]  # fmt: skip


def sessions(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"session": name, "status": status, "title": "T"} for name, status in pairs]


def test_without_a_name_it_takes_the_only_one_that_is_open_or_running() -> None:
    assert _chosen("", sessions(("aaaa1", "ready"))) == "aaaa1"
    assert _chosen("", sessions(("aaaa1", "ready"), ("bbbb1", "running"))) == "bbbb1"
    with pytest.raises(NotFound, match="no session is open"):
        _chosen("", [])


def test_of_several_it_prints_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert _chosen("", sessions(("aaaa1", "running"), ("bbbb1", "running"))) == ""
    said = capsys.readouterr().out
    assert "aaaa1  running   T" in said and "derny watch SESSION" in said


def test_a_name_may_be_the_beginning_of_one() -> None:
    several = sessions(("aaaa1", "running"), ("aaaa2", "ready"), ("bbbb1", "ready"))
    assert _chosen("aaaa2", several) == "aaaa2"
    assert _chosen("bbbb", several) == "bbbb1"
    with pytest.raises(UserError, match="begins 2 sessions"):
        _chosen("aaaa", several)
    for wrong in ("bbb", "cccc1"):
        with pytest.raises(NotFound):
            _chosen(wrong, several)


def test_without_a_hub_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    done = CliRunner().invoke(app, ["watch", "--plain"])
    assert "no hub answers with this data folder" in str(done.exception)
    log = CliRunner().invoke(app, ["watch", "--log-cues", str(tmp_path)])
    assert "cannot be written" in str(log.exception)


def test_a_cue_that_is_logged_is_one_line_of_json() -> None:
    from hub.watch.app import cue_json

    rung = Rung("group", Cue(131, CueKind.PHASE, NOON_MS, "Hard", 1), 0.3, False)
    told = json.loads(cue_json(rung, NOON_MS + 0.3, 17.0, 0.25))
    assert told["i"] == 131 and told["fired_at_ms"] == NOON_MS + 0.3 and told["bound_ms"] == 0.25
