"""Who may steer a trainer: nobody yet, this gateway, or another app. Pure.

Control taken away is asked for once more. If it goes again soon after, another app wants it: two
apps that fight over a brake are worse than either, so this one waits for `retry`.
"""

from __future__ import annotations

from enum import Enum, auto

REFUSALS = 2  # a machine that missed our last disconnect needs a moment: ask twice
FIGHT_MS = 10_000  # lost again within this: another app wants it


class Holder(Enum):
    NOBODY = auto()
    US = auto()
    ANOTHER = auto()


class Permission:
    """Times are any steady ms."""

    def __init__(self) -> None:
        self.holder = Holder.NOBODY
        self._refusals = 0
        self._lost_ms: int | None = None

    @property
    def ours(self) -> bool:
        return self.holder is Holder.US

    @property
    def elsewhere(self) -> bool:
        return self.holder is Holder.ANOTHER

    def granted(self) -> None:
        self.holder, self._refusals = Holder.US, 0

    def refused(self) -> None:
        self._refusals += 1
        if self._refusals >= REFUSALS:
            self.holder = Holder.ANOTHER

    def taken(self, now_ms: int) -> None:
        """The machine has withdrawn it."""
        fought = self._lost_ms is not None and now_ms - self._lost_ms < FIGHT_MS
        self._lost_ms = now_ms
        self.holder = Holder.ANOTHER if fought else Holder.NOBODY

    def given_up(self) -> None:
        """By a reset, ours or the machine's, or with a silent machine: ask again when needed."""
        self.holder = Holder.NOBODY

    def ask_anew(self) -> None:
        """The rider has closed the other app, or a new ride begins."""
        if self.elsewhere:
            self.holder = Holder.NOBODY
