"""One thing that the doctor says of a machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Whose(StrEnum):
    """Who can mend it."""

    COMPUTER = "this computer"
    SETTINGS = "Derny's settings"
    HUB = "the hub"
    NETWORK = "the network"
    BLUEZ = "BlueZ"
    CONTAINER = "the container"


@dataclass(frozen=True, slots=True)
class Finding:
    """`whose` and `do` are empty only where nothing is to be done."""

    check: str
    level: Level
    what: str
    whose: str = ""
    do: str = ""
    private: str = ""  # shown, and never sent: an address

    def told(self) -> dict[str, Any]:
        told = {"check": self.check, "level": self.level.value, "what": self.what}
        return told | {k: v for k, v in (("whose", self.whose), ("do", self.do)) if v}


def ok(check: str, what: str, private: str = "") -> Finding:
    return Finding(check, Level.OK, what, private=private)


def warning(check: str, what: str, whose: Whose, do: str) -> Finding:
    return Finding(check, Level.WARNING, what, whose.value, do)


def problem(check: str, what: str, whose: Whose, do: str) -> Finding:
    return Finding(check, Level.PROBLEM, what, whose.value, do)
