"""The page of figures has a place for each bench, and a bench writes there and nowhere else."""

from __future__ import annotations

import re

import pytest
from bench.__main__ import BENCHES, LONG
from bench.machine import described
from bench.page import PAGE, put
from bench.table import Row, render

TEXT = (
    "# Figures\n<!-- bench: a -->\nold\n<!-- end: a -->\nmore <!-- bench: b -->\n<!-- end: b -->\n"
)


def test_a_block_is_replaced_and_the_rest_stays() -> None:
    once = put(TEXT, "a", "new\nlines\n")
    assert once == TEXT.replace("old", "new\nlines")
    assert put(once, "a", "old") == TEXT
    assert put(TEXT, "b", "x").endswith("more <!-- bench: b -->\nx\n<!-- end: b -->\n")


@pytest.mark.parametrize("name", ["c", ""])
def test_a_place_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"no place for '{name}'"):
        put(TEXT, name, "new")


def test_every_bench_has_its_place() -> None:
    places = re.findall(r"<!-- bench: (\S+) -->", PAGE.read_text())
    assert sorted(places) == sorted(["machine", *BENCHES, *LONG])
    for name in places:
        put(PAGE.read_text(), name, "")


def test_the_machine_is_described() -> None:
    assert re.fullmatch(r"\d+ cores of .+; Python 3\..+, uvloop .+\.", described())


def test_a_row_says_whether_it_meets_its_target() -> None:
    rows = [Row("a", "1", "≥ 2", False), Row("b", "2", "≥ 2", True, "peer"), Row("c", "3")]
    assert render(rows, markdown=True).splitlines()[2:] == [
        "| a | 1 | ≥ 2 | NOT met |  |",
        "| b | 2 | ≥ 2 | met | peer |",
        "| c | 3 |  |  |  |",
    ]
