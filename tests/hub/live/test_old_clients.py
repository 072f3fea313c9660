"""Clients of an older protocol version are served as they were: recorded conversations, replayed.

The recordings in tests/golden/live are never made anew: a client that was written against them is
still out there. What may differ is what such a client ignores or only shows (docs/reference/
live-protocol.md, "Versions"): more fields, more columns, other sentences, other times of a tick.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from live_conversation import Line, play, read

from hub.wire.live import PROTOCOL_VERSION, PROTOCOL_VERSION_MIN

GOLDEN = Path(__file__).parents[2] / "golden" / "live"

# Sentences for people, and numbers that only order or place things: of the same type, no more.
LOOSE = {"detail", "reason", "retry_ms", "rev", "offset"}


def differences(then: Any, now: Any, at: str = "") -> list[str]:
    """What a client of then would miss or mistake in what is said now."""
    if isinstance(then, dict) and isinstance(now, dict):
        lost = [f"{at}.{key} is gone" for key in then.keys() - now.keys()]
        for key in then.keys() & now.keys():
            if key not in LOOSE:
                lost += differences(then[key], now[key], f"{at}.{key}")
            elif type(then[key]) is not type(now[key]):
                lost.append(f"{at}.{key} was {then[key]!r}, is {now[key]!r}")
        return lost
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        return [one for i, pair in pairs for one in differences(*pair, f"{at}[{i}]")]
    return [] if then == now else [f"{at} was {then!r}, is {now!r}"]


def heard(script: list[Line], kind: str) -> list[Line]:
    return [line["hear"] for line in script if line.get("hear", {}).get("t") == kind]


def without_numbers(script: list[Line]) -> list[Line]:
    """State frames come by the tick, and what they hold is told by `fields`: looked at apart."""
    return [line for line in script if line.get("hear", {}).get("t") not in ("state", "fields")]


def columns(script: list[Line]) -> dict[str, set[str]]:
    """Types that were seen in each column, as a client reads them: by the names in `fields`."""
    names = {line["channel"]: line["fields"] for line in heard(script, "fields")}
    seen: dict[str, set[str]] = defaultdict(set)
    for frame in heard(script, "state"):
        for row in frame["rows"]:
            for name, cell in zip(names[frame["channel"]], row, strict=True):
                seen[name].add("number" if isinstance(cell, int | float) else type(cell).__name__)
    return seen


def test_every_version_that_is_served_beside_this_one_has_its_recording() -> None:
    versions = range(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION)
    assert {path.stem for path in GOLDEN.glob("*.jsonl")} == {f"v{version}" for version in versions}


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_client_of_then_is_understood_and_understands(golden: Path) -> None:
    then = read(golden.read_text(encoding="utf-8"))
    now = play(then)
    assert differences(without_numbers(then), without_numbers(now)) == []
    told, shown = columns(then), columns(now)
    assert told.keys() <= shown.keys()
    for name, kinds in told.items():
        assert kinds <= shown[name], name
    for before, after in zip(heard(then, "fields"), heard(now, "fields"), strict=True):
        known = len(before["qualities"])
        assert (before["channel"], before["qualities"]) == (
            after["channel"],
            after["qualities"][:known],
        )


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({"t": "x", "a": [1, {"b": 2}], "more": 1}, []),
        ({"t": "x", "a": [1, {}]}, [".a[1].b is gone"]),
        ({"t": "x", "a": [1, {"b": "2"}]}, [".a[1].b was 2, is '2'"]),
        ({"t": "x", "a": [1]}, [".a was [1, {'b': 2}], is [1]"]),
        ({"t": "y", "a": [1, {"b": 2}]}, [".t was 'x', is 'y'"]),
    ],
)
def test_what_such_a_client_would_miss_is_found(now: Line, found: list[str]) -> None:
    assert differences({"t": "x", "a": [1, {"b": 2}]}, now) == found
