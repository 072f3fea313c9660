"""Every recording in tests/golden/recordings, replayed: a bug report is a test.

NAME.rec is what `derny-gateway record` wrote, NAME.json what came of it when it was right:
`derny-gateway replay --instant --json NAME.rec > NAME.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clock import LoopClock, run

from gateway.recording.replay import summarised
from gateway.recording.store import read

FOLDER = Path(__file__).parents[1] / "golden" / "recordings"
FILES = sorted(FOLDER.glob("*.rec"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_gives_what_it_should(path: Path) -> None:
    expected = path.with_suffix(".json")
    assert expected.exists(), f"derny-gateway replay --instant --json {path} > {expected}"
    told = run(summarised(read(path), LoopClock())).told()
    assert json.loads(json.dumps(told)) == json.loads(expected.read_text(encoding="utf-8"))


def test_there_are_recordings_and_nothing_without_one() -> None:
    assert FILES
    assert {path.stem for path in FOLDER.iterdir()} == {path.stem for path in FILES}
