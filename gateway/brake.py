"""What of ours a trainer's brake holds, and the writes that are still to come for it. Pure."""

from __future__ import annotations

from collections import deque

from gateway.dialects.port import (
    Dialect,
    Holds,
    Outcome,
    Procedure,
    Purpose,
    mode_of,
    value_of,
)
from hub.wire.uplink import Mode
from hub.wire.values import Target

REFRESH_MS = 60_000  # the same target is written again no sooner, unless the trainer strayed
STRAY_WRITES = 2  # rewrites of one target that the trainer reports differently
# How far apart what is held and what was asked may be: a level goes through the machine's grid.
SAME = {Mode.POWER: 0.0, Mode.GRADE: 0.01, Mode.RESISTANCE: 2.5}


class Brake:
    """Times are any steady ms.

    `engaged`: it may hold a target of ours. `accepted`: the last that the trainer took.
    `refused`: the last that it did not.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.engaged = False
        self.accepted: Target | None = None
        self.refused: Target | None = None
        self._accepted_ms = 0
        self._holds: Target | None = None  # all of it, and nothing was written behind it
        self._engaged_before = False  # the order that is under way
        self._ahead: deque[Procedure] = deque()  # the rest of an order, or of a release
        self._way = 0  # of the dialect's releases: the one that worked is kept
        self._unsupported: set[Mode] = set()
        self._stray_writes = 0

    @property
    def held(self) -> Target | None:
        return self.accepted if self.engaged else None

    def modes(self) -> tuple[Mode, ...]:
        """That the trainer takes, as far as is known."""
        return tuple(mode for mode in Mode if mode in self._dialect.modes() and self.takes(mode))

    def takes(self, mode: Mode | None) -> bool:
        return mode not in self._unsupported

    def deadline(self, now_ms: int) -> int | None:
        """When what it holds is to be said again."""
        due_ms = self._accepted_ms + REFRESH_MS
        return due_ms if self.accepted is not None and due_ms > now_ms else None

    # What to write

    def order(self, goal: Target, now_ms: int) -> Procedure | None:
        """The next write towards `goal`; None: it is there, or the trainer has refused it."""
        if self._ahead and self._ahead[0].target == goal:
            return self._ahead.popleft()
        fresh = now_ms - self._accepted_ms < REFRESH_MS
        if goal == self.refused or (goal == self._holds and fresh):
            return None
        self._ahead = deque(self._dialect.order(goal, self._holds))
        self._engaged_before, self.engaged, self._holds = self.engaged, True, None
        return self._ahead.popleft()

    def release(self) -> Procedure:
        """The next write towards letting go."""
        if not self._ahead or self._ahead[0].purpose is not Purpose.RELEASE:
            self._ahead = deque(self._dialect.releases()[self._way])
        self._holds = None
        return self._ahead.popleft()

    def interrupted(self) -> None:
        """The last write may not have arrived: what belongs together is written from its start."""
        self._ahead.clear()

    # What became of it

    def taken(self, target: Target | None, now_ms: int) -> None:
        """One write of an order was accepted; the target is, with the last of them."""
        if self._ahead and self._ahead[0].target == target:
            return
        if target != self.accepted:
            self._stray_writes = 0
        self.accepted = self._holds = target
        self._accepted_ms, self.refused = now_ms, None

    def turned_down(self, procedure: Procedure, outcome: Outcome) -> bool:
        """A target was not accepted. False: the same may be tried again, later."""
        self._ahead.clear()
        if outcome in (Outcome.INVALID, Outcome.UNSUPPORTED):
            other = self._dialect.otherwise(procedure)
            if other is not None:
                self._ahead.append(other)
                return True
        return self.taken_back(procedure.target, outcome)

    def taken_back(self, target: Target | None, outcome: Outcome) -> bool:
        """False: the same may be tried again, later."""
        mode = mode_of(target)
        if outcome is Outcome.UNSUPPORTED and mode is not None:
            self._unsupported.add(mode)
            self.engaged = self._engaged_before
        elif outcome is Outcome.INVALID:
            self.refused = target
        else:
            return False
        return True

    def letting_go(self) -> bool:
        """One write of a release was accepted. True: there is another."""
        if self._ahead:
            return True
        self.engaged = False
        self.forget()
        return False

    def held_fast(self) -> bool:
        """A way to let go has failed. True: it was the last; the first comes next."""
        self._ahead.clear()
        self._way = (self._way + 1) % len(self._dialect.releases())
        return self._way == 0

    def strays(self, held: Holds, now_ms: int) -> None:
        """The trainer says what it holds; if that is not ours, ours is written again, twice."""
        ours = self.accepted is None or _is_same(held, self.accepted)
        if not ours and self._stray_writes < STRAY_WRITES:
            self._stray_writes += 1
            self._accepted_ms = now_ms - REFRESH_MS

    def unsure(self) -> None:
        """What it holds is not known any more: it is written anew."""
        self._ahead.clear()
        self.accepted = self._holds = None

    def forget(self) -> None:
        """The same, and what was refused may be taken now."""
        self.unsure()
        self.refused = None

    def retry(self) -> None:
        """Kinds of target that were refused for good are tried once more."""
        self._unsupported.clear()


def _is_same(held: Holds, accepted: Target) -> bool:
    mode, value = mode_of(accepted), value_of(accepted)
    if held.mode is None or held.mode is not mode or value is None:
        return False
    return held.value is None or abs(held.value - value) <= SAME[held.mode]
