"""What every command that draws in a terminal needs."""

from __future__ import annotations

import io
import sys

# By number of the zone; 0: none.
ZONE_COLOURS = ("bright_black", "white", "blue", "green", "yellow", "dark_orange", "red", "magenta")


def clean(text: str) -> str:
    """Without what would steer the terminal: names and files from elsewhere are not trusted."""
    text = text.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in text)


def never_refuse_a_letter() -> None:
    """A terminal that cannot show a name shows a question mark, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
