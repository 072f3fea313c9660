"""`derny workout`: what it prints and writes, and one line for whatever is no workout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.core.errors import UserError
from hub.formats.workout_file import read_workout
from hub.workout_chart import HEIGHT, columns, rows
from hub.workout_cli import app

CLI = CliRunner()
ROOT = Path(__file__).parents[2]
FOUR = b"""<workout_file><name>Four</name><author>Ann</author><description>Why</description>
<workout><SteadyState Duration="240" PowerLow="0.9" PowerHigh="0.95" Cadence="90">
<textevent timeoffset="5" message="Settle in"/></SteadyState>
<Cheer/><IntervalsT Repeat="2" OnDuration="60" OffDuration="60" OnPower="1.2" OffPower="0.5"/>
<MaxEffort Duration="10"/><Cooldown Duration="60" PowerLow="0.6" PowerHigh="0.4"/>
</workout></workout_file>"""
TEXT = b"- 1km 5:00/km Pace\n- Z2 HR press lap\n- 10m 140bpm"


def run(*arguments: str, stdin: bytes | None = None) -> str:
    """What it prints on stdout; errors of ours come through, as `derny` prints them."""
    result = CLI.invoke(app, list(arguments), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(data: bytes, *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("show", "-", "--json", *arguments, stdin=data))
    return told


def test_the_json_of_a_workout():
    told = shown(FOUR, "--ftp", "250")
    assert list(told) == [
        "name", "author", "description", "sport", "duration_s", "distance_m", "steps",
        "training_load", "intensity_factor", "work_kj", "warnings",
    ]  # fmt: skip
    assert (told["name"], told["author"], told["description"]) == ("Four", "Ann", "Why")
    assert (told["sport"], told["duration_s"], told["distance_m"]) == ("bike", 550, 0)
    assert told["warnings"] == [{"line": 4, "text": "<Cheer> is unknown; left out"}]
    first, *_, longest, last = told["steps"]
    assert first == {
        "kind": "work", "begin_s": 0, "duration_s": 240,
        "target": {"type": "power_pct_ftp", "low": 90.0, "high": 95.0},
        "cadence_rpm": [90, 90], "texts": [{"at_s": 5, "text": "Settle in"}],
    }  # fmt: skip
    assert [step["begin_s"] for step in told["steps"]] == [0, 240, 300, 360, 420, 480, 490]
    assert longest["target"] == {"type": "max"}
    assert last["target"] == {
        "type": "power_pct_ftp", "low": 60.0, "high": 60.0, "end_low": 40.0, "end_high": 40.0
    }  # fmt: skip
    assert told["work_kj"] == 114  # 250 W x (240 x 0.925 + 120 x 1.2 + 120 x 0.5 + 60 x 0.5)
    assert 0.9 < told["intensity_factor"] < 1.0
    assert told["training_load"] == pytest.approx(540 / 36 * told["intensity_factor"] ** 2, abs=0.1)


def test_without_an_ftp_load_is_known_where_all_power_is_a_share_of_it():
    with_ftp, without = shown(FOUR, "--ftp", "250"), shown(FOUR)
    assert without["work_kj"] is None
    for key in ("training_load", "intensity_factor"):
        assert without[key] == with_ftp[key]
    assert shown(b"- 10m 200w")["training_load"] is None
    assert shown(b"- 10m 200w")["work_kj"] == 120
    assert shown(b"- 10m 200w", "--ftp", "200")["intensity_factor"] == 1
    assert shown(TEXT)["training_load"] is None


def test_steps_that_do_not_end_by_time():
    told = shown(TEXT)
    assert (told["sport"], told["distance_m"], told["duration_s"]) == ("run", 1000, 600)
    by_distance, by_lap, by_time = told["steps"]
    assert (by_distance["begin_s"], by_distance["distance_m"]) == (0, 1000)
    assert (by_lap["begin_s"], by_lap["until"]) == (None, {"type": "lap"})
    assert (by_time["begin_s"], by_time["duration_s"]) == (None, 600)
    assert [step["target"]["type"] for step in told["steps"]] == [
        "speed_kmh", "heart_rate_zone", "heart_rate_bpm",
    ]  # fmt: skip
    told = shown(b'steps = [{ work = "250 kJ" }, { work = "heart rate below 120 bpm" }]')
    assert [step["until"] for step in told["steps"]] == [
        {"type": "work", "work_kj": 250},
        {"type": "heart_rate_below",
         "target": {"type": "heart_rate_bpm", "low": 120, "high": 120}},
    ]  # fmt: skip


def test_the_page_for_people(tmp_path: Path):
    file = tmp_path / "four.zwo"
    file.write_bytes(FOUR)
    page = run("show", str(file), "--ftp", "250")
    assert "Four, by Ann" in page and "114 kJ" in page and "█" in page
    assert "90-95 % FTP, 90 rpm" in page and "0:05  Settle in" in page
    assert "doubtful: line 4: <Cheer> is unknown; left out" in page
    assert "\x1b" not in page  # no colours where there is no terminal


def test_a_file_does_not_steer_the_terminal():
    page = run("show", "-", stdin=b"# \x1b]0;mine\x07\x1b[2J\n\n- Hop\x1b[31m 5m 75%")
    assert "\x1b" not in page and "mine" in page


def test_the_profile_is_as_tall_as_the_effort():
    workout = read_workout(
        b"- 5m 50%\n- 5m 100%\n- 5m freeride\n- 5m ramp 0-120%", "", None
    ).workout
    drawn = columns(workout, None, 40)
    assert [drawn[at].effort for at in (5, 15, 25)] == [0.5, 1.0, 0.5]
    assert [drawn[at].zone for at in (5, 15, 25)] == [1, 4, 0]
    assert drawn[30].effort < drawn[35].effort < drawn[39].effort
    picture = rows(drawn)
    assert [pct for pct, _ in picture] == [120, 105, 90, 75, 60, 45, 30, 15]
    heights = ["".join(sign for sign, _ in signs)[15] for _, signs in picture]
    assert (len(picture), heights.count("█"), heights.count(" ")) == (HEIGHT, 6, 1)
    assert "".join(sign for sign, _ in picture[-1][1])[25] == "·"


DOWNHILL = b'steps = [{ work = "1 min", target = "-40 % grade" }]'


@pytest.mark.parametrize(
    "data", [b"- 1s 0%", b"- 24h 300%\n- 1s 1%", TEXT, b"1000x\n- 1s 50%", DOWNHILL]
)
def test_any_workout_has_a_profile(data: bytes):
    workout = read_workout(data, "", None).workout
    for width in (10, 94):
        assert len(columns(workout, None, width)) == width
        assert len(rows(columns(workout, 250, width))) == HEIGHT


@pytest.mark.parametrize("extension", ["zwo", "erg", "mrc", "toml", "txt"])
def test_convert_there_and_back(tmp_path: Path, extension: str):
    out = tmp_path / f"out.{extension}"
    line = "# Name\n\n- 5m 50%\n- 10m ramp 60-90%\n- 1m 120%"
    told = run("convert", "-", str(out), "--ftp", "200", stdin=line.encode())
    assert told == f"{out}: Name, {out.stat().st_size} bytes\n"
    back = shown(out.read_bytes(), "--ftp", "200")
    assert [step["duration_s"] for step in back["steps"]] == [300, 600, 60]
    low = [step["target"]["low"] for step in back["steps"]]
    assert low == [50, 60, 120]
    assert back["steps"][1]["target"]["end_low"] == 90


def test_convert_says_what_is_lost_and_replaces_nothing(tmp_path: Path):
    out = tmp_path / "out.zwo"
    result = CLI.invoke(app, ["convert", "-", str(out)], input=TEXT, catch_exceptions=False)
    assert result.exit_code == 0 and "lost: " in result.stderr
    before = out.read_bytes()
    with pytest.raises(UserError, match="exists already"):
        run("convert", "-", str(out), stdin=b"- 5m 50%")
    assert out.read_bytes() == before
    run("convert", "-", str(out), "--force", stdin=b"- 5m 50%")
    assert out.read_bytes() != before


@pytest.mark.parametrize("name", ["out.json", "out.docx", "out"])
def test_convert_into_what_cannot_be_written(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="no workout can be written|has no extension"):
        run("convert", "-", str(tmp_path / name), stdin=b"- 5m 50%")
    assert list(tmp_path.iterdir()) == []


def rubbish(folder: Path) -> dict[str, Path]:
    files = {
        "empty.zwo": b"", "binary.zwo": bytes(range(256)) * 40, "prose.txt": b"Dear diary,",
        "large.zwo": b" " * 10_000_000 + FOUR, "path.zwo": b"../there/four.zwo",
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {**{name: folder / name for name in files}, "folder": folder, "missing": folder / "no",
            "long": folder / ("x" * 300)}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    ["empty.zwo", "binary.zwo", "prose.txt", "large.zwo", "path.zwo", "folder", "missing", "long"],
)
def test_what_is_no_workout_is_one_error(tmp_path: Path, kind: str):
    file = rubbish(tmp_path)[kind]
    for command in (("show", str(file)), ("convert", str(file), str(tmp_path / "out.zwo"))):
        with pytest.raises(UserError) as error:
            run(*command)
        assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert not (tmp_path / "out.zwo").exists()


def test_every_dirty_file_is_shown_or_one_error():
    shown_files = 0
    for file in sorted((ROOT / "tests" / "golden" / "workouts").iterdir()):
        try:
            told = json.loads(run("show", str(file), "--json", "--ftp", "250"))
            assert told["steps"] and run("show", str(file))
            shown_files += 1
        except UserError as error:
            assert "\n" not in str(error)
    assert shown_files > 60


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        run("show", str(tmp_path / "four.zwo"))


@pytest.mark.parametrize("name", ["file/out.zwo", "no/out.zwo", f"{'x' * 300}.zwo", ".zwo/x.zwo"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        run("convert", "-", str(tmp_path / name), stdin=b"- 5m 50%")


def derny(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "hub", *arguments], capture_output=True, check=False, cwd=ROOT,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_command_itself(tmp_path: Path):
    """Status 0 with doubts, 2 with one line on stderr, and no letter that it stumbles over."""
    done = derny("workout", "show", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"derny: ") and done.stderr.count(b"\n") == 1
    file = tmp_path / "über.txt"
    file.write_text("# Über 5 → 4\n\n- 5m 75% blah\n", encoding="utf-8")
    done = derny("workout", "show", str(file), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?ber 5" in done.stdout and b"doubtful: line 3" in done.stdout
