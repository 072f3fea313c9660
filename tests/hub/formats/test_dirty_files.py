"""Files as dirty as real ones: what tests/golden/workouts/expected.toml says of each is so."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.core.errors import UserError
from hub.core.workout import Step, StepKind, Workout
from hub.formats.step_kinds import name_of
from hub.formats.target_text import target_text
from hub.formats.until_text import clock_text, until_text
from hub.formats.workout_file import read_workout

FOLDER = Path(__file__).parents[2] / "golden" / "workouts"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())


def said(step: Step) -> str:
    parts = [step.kind.value, until_text(step.until), target_text(step.target)]
    if step.cadence is not None:
        low, high = step.cadence.low_rpm, step.cadence.high_rpm
        parts.append(f"@{low}" if low == high else f"@{low}-{high}")
    parts += [f'"{clock_text(text.offset_ms)} {text.text}"' for text in step.texts]
    if step.name not in {name_of(kind, step.target) for kind in StepKind}:
        parts.append(f"({step.name})")
    return " ".join(parts)


def test_every_file_has_its_expectation():
    assert {path.name for path in FOLDER.iterdir()} - {"expected.toml"} == EXPECTED.keys()
    assert len(EXPECTED) >= 60


@pytest.mark.parametrize("file_name", EXPECTED)
def test_a_dirty_file(file_name: str):
    expected, data = EXPECTED[file_name], (FOLDER / file_name).read_bytes()
    if "error" in expected:
        with pytest.raises(UserError) as caught:
            read_workout(data, file_name)
        assert expected["error"] in str(caught.value)
        return
    imported = read_workout(data, file_name)
    assert imported.workout.name == expected["name"]
    kept = msgspec.json.decode(msgspec.json.encode(imported.workout), type=Workout)
    assert kept == imported.workout
    assert [said(step) for step in imported.workout.steps] == expected["steps"]
    texts = [
        f"line {warning.line}: {warning.text}" if warning.line else warning.text
        for warning in imported.warnings
    ]
    told = expected.get("warnings", [])
    assert all(any(words in text for text in texts) for words in told)
    assert all(any(words in text for words in told) for text in texts)
