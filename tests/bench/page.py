"""Where the tables stand in docs/reference/performance.md: between two comments each."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "performance.md"


def put(page: str, name: str, block: str) -> str:
    """`page` with `block` between the comments of `name`. Raises ValueError if there are none."""
    begin, end = f"<!-- bench: {name} -->\n", f"<!-- end: {name} -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{PAGE.name} has no place for {name!r}: want {begin.strip()} and {end}")
    return f"{head}{begin}{block.strip()}\n{end}{tail}"
