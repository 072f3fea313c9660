"""What the garbage collector walks: not what lives as long as the hub or as a connection.

A full pass over what 3000 clients hold takes 60 ms, in which no cue is on time. So what has stayed
is frozen, and no pass looks at it again. What is frozen and then becomes garbage that only a pass
would find stays until a thaw, which waits until nobody rides. Clients leave none of it: see
`hub.http.live_socket`.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

LOOK_S = 0.25
CAME_MANY = 250  # since the last freeze: not to wait for a quiet moment, 5 ms of a full pass
CAME_FEW = 20
QUIET_LOOKS = 4  # in which nobody came
WENT_MANY = 1_000  # since the last thaw: time for one when nobody rides, 0.1 s and more
WENT_MAX = 20_000  # the same, whoever rides; were each to leave 5 KB, 100 MB

PASSES_MAX = 1_000  # between two looks; beyond, the oldest go untold

YOUNG = 1  # generations 0 and 1: what a freeze must not keep for ever, and quickly collected


class Step(Enum):
    REST = "rest"
    FREEZE = "freeze"
    THAW = "thaw"  # and freeze again what is left


class Plan:
    """What to do next, by how many clients have come and gone since the start."""

    def __init__(self) -> None:
        self._came = 0
        self._came_before = 0
        self._went = 0
        self._quiet = 0

    def step(self, came: int, went: int, riding: Callable[[], bool]) -> Step:
        """Call it each LOOK_S. `riding` is asked only when it matters."""
        self._quiet = self._quiet + 1 if came == self._came_before else 0
        self._came_before = came
        gone, new = went - self._went, came - self._came
        settled = self._quiet >= QUIET_LOOKS
        if gone >= WENT_MAX or (gone >= WENT_MANY and settled and not riding()):
            self._came, self._went = came, went
            return Step.THAW
        if new >= CAME_MANY or (new >= CAME_FEW and settled):
            self._came = came
            return Step.FREEZE
        return Step.REST


def freeze() -> None:
    gc.collect(YOUNG)
    gc.freeze()


def thaw() -> None:
    """A full pass over everything."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Garbage:
    """`traffic` tells how many clients have come and gone since the start; `paused` hears of each
    pass: its generation, and for how many seconds it stopped everything.
    """

    def __init__(
        self,
        traffic: Callable[[], tuple[int, int]],
        riding: Callable[[], bool],
        paused: Callable[[int, float], None],
        elapsed_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._traffic = traffic
        self._riding = riding
        self._paused = paused
        self._elapsed_s = elapsed_s
        self._plan = Plan()
        self._began_s = 0.0
        self._passes: deque[tuple[int, float]] = deque(maxlen=PASSES_MAX)

    async def run(self) -> None:
        gc.callbacks.append(self.passing)
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self.look()
        finally:
            gc.callbacks.remove(self.passing)

    def look(self) -> None:
        came, went = self._traffic()
        match self._plan.step(came, went, self._riding):
            case Step.FREEZE:
                freeze()
            case Step.THAW:
                thaw()
        while self._passes:
            self._paused(*self._passes.popleft())

    def passing(self, phase: str, info: dict[str, int]) -> None:
        """For `gc.callbacks`. A pass may begin anywhere, under any lock: it is told of later."""
        if phase == "start":
            self._began_s = self._elapsed_s()
        else:
            self._passes.append((info["generation"], self._elapsed_s() - self._began_s))
