"""The machine-readable contracts: current, valid, and true of what the pages show."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from needs import ASYNCAPI

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
WIRES = ("live", "uplink")
# A message as a page shows it: a JSON object with a tag.
SHOWN = re.compile(r'^```json\n(\{"t":.*)\n```$', re.MULTILINE)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


@cache
def document(name: str) -> Any:
    return json.loads((REFERENCE / name).read_text(encoding="utf-8"))


def shown(wire: str) -> list[Any]:
    page = (REFERENCE / f"{wire}-protocol.md").read_text(encoding="utf-8")
    return [json.loads(found) for found in SHOWN.findall(page)]


def test_the_documents_are_those_of_the_messages() -> None:
    done = run("docs/asyncapi.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("asyncapi")
def test_they_are_asyncapi() -> None:
    rules = json.loads((ASYNCAPI / "3.0.0.json").read_text(encoding="utf-8"))
    asyncapi = Draft7Validator(rules)
    for wire in WIRES:
        made = document(f"{wire}.asyncapi.json")
        assert [error.message for error in asyncapi.iter_errors(made)] == []
        broken = {**made, "channels": {wire: {**made["channels"][wire], "address": 1}}}
        assert not asyncapi.is_valid(broken)


@pytest.mark.parametrize("wire", WIRES)
def test_every_reference_leads_somewhere(wire: str) -> None:
    made = document(f"{wire}.asyncapi.json")

    def look(node: Any) -> int:
        if isinstance(node, list):
            return sum(map(look, node))
        if not isinstance(node, dict):
            return 0
        if "$ref" in node:
            target = made
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            return 1
        return sum(map(look, node.values()))

    assert look(made) > 50


@pytest.mark.parametrize("wire", WIRES)
def test_what_the_page_shows_is_valid_by_both(wire: str) -> None:
    schema = document(f"{wire}.schema.json")
    Draft202012Validator.check_schema(schema)
    any_message = Draft202012Validator(schema)
    made = document(f"{wire}.asyncapi.json")
    payloads = {
        "anyOf": [message["payload"] for message in made["components"]["messages"].values()],
        "components": made["components"],
    }
    by_asyncapi = Draft7Validator(payloads)
    examples = shown(wire)
    assert len(examples) > 15
    for example in examples:
        assert any_message.is_valid(example), example
        assert by_asyncapi.is_valid(example), example
        wrong = {**example, "t": "none"}
        assert not any_message.is_valid(wrong)
        assert not by_asyncapi.is_valid(wrong)
        without = {"t": example["t"]}
        assert any_message.is_valid(without) == by_asyncapi.is_valid(without)
