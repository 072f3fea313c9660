"""The one table of a run: a row per figure, with its target and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`met` None: there is no target, the figure is for information."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    peer: str = ""  # the same by a peer, in the same run

    @property
    def mark(self) -> str:
        if self.met is None:
            return ""
        return "met" if self.met else "NOT met"


HEADER = ("what", "measured", "target", "", "a peer in the same run")


def render(rows: Sequence[Row], *, markdown: bool = False) -> str:
    cells = [(row.what, row.measured, row.target, row.mark, row.peer) for row in rows]
    widths = [max(len(line[i]) for line in (HEADER, *cells)) for i in range(len(HEADER))]
    rule = tuple("-" * width for width in widths)
    lines = [HEADER, rule, *cells]
    if markdown:
        return "\n".join("| " + " | ".join(line) + " |" for line in [HEADER, ("---",) * 5, *cells])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
