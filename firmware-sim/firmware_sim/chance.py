"""Where chance comes from. Pure code is given it; the shell hands over `random.Random(seed)`."""

from __future__ import annotations

from typing import Protocol


class Chance(Protocol):
    """The part of `random.Random` that is used here."""

    def random(self) -> float: ...

    def gauss(self, mu: float, sigma: float) -> float: ...
