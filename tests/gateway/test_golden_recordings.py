"""Every recording in tests/golden/recordings, replayed: a bug report is a test.

NAME.rec is what `derny-gateway record` wrote, NAME.json what came of it when it was right:
`derny-gateway replay --instant --json NAME.rec > NAME.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clock import LoopClock, run
from typer.testing import CliRunner

from gateway.cli import app
from gateway.errors import GatewayError
from gateway.recording.replay import summarised
from gateway.recording.store import read

FOLDER = Path(__file__).parents[1] / "golden" / "recordings"
FILES = sorted(FOLDER.glob("*.rec"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_gives_what_it_should(path: Path) -> None:
    expected = path.with_suffix(".json")
    assert expected.exists(), f"derny-gateway replay --instant --json {path} > {expected}"
    told = run(summarised(read(path), LoopClock())).told()
    was = json.loads(expected.read_text(encoding="utf-8"))
    # What the code asks of a radio may change; what comes of it may not.
    assert told | {"differences": {}} == was | {"differences": {}}


def test_there_are_recordings_and_nothing_without_one() -> None:
    assert FILES
    assert {path.stem for path in FOLDER.iterdir()} == {path.stem for path in FILES}


def test_the_command_shows_it_for_people_and_for_programs() -> None:
    file = str(FILES[0])
    shown = CliRunner().invoke(app, ["replay", "--instant", file])
    assert shown.exit_code == 0, shown.output
    assert "Strap 1 (heart_rate)" in shown.stdout and "readings: 2a37" in shown.stdout
    told = CliRunner().invoke(app, ["replay", "--instant", "--json", file])
    expected = json.loads(FILES[0].with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads(told.stdout)["sensors"] == expected["sensors"]


def test_what_cannot_be_replayed_is_said_in_a_line(tmp_path: Path) -> None:
    for arguments, words in (
        ([str(tmp_path / "none.rec")], "No such file"),
        (["--instant", "--hub", "tcp://127.0.0.1:1", str(FILES[0])], "a hub lives in real time"),
        (["--speed", "2", "--hub", "tcp://127.0.0.1:1", str(FILES[0])], "leave out --speed"),
    ):
        refused = CliRunner().invoke(app, ["replay", *arguments])
        assert isinstance(refused.exception, GatewayError)
        assert words in str(refused.exception)
