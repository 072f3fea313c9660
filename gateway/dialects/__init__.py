"""The protocols that trainers are steered by, and which of them a trainer is spoken to in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from gateway.dialects.ftms import Ftms
from gateway.dialects.port import Dialect
from gateway.dialects.tacx import TacxFec
from gateway.dialects.wahoo import Wahoo
from gateway.gatt import quirks


class Row(NamedTuple):
    name: str
    needs: frozenset[str]  # characteristics
    make: Callable[[str], Dialect]  # from the model


# The first that fits is spoken.
DIALECTS = (
    Row(Ftms.name, frozenset({"2ad9"}), Ftms),
    Row(TacxFec.name, frozenset({"fec2", "fec3"}), lambda _: TacxFec()),
    Row(Wahoo.name, frozenset({"e005"}), lambda _: Wahoo()),
)


def dialect_of(characteristics: Collection[str], model: str) -> Dialect | None:
    """None: it cannot be steered. `model`: advertised name and model."""
    fitting = [row for row in DIALECTS if row.needs <= set(characteristics)]
    better = quirks.dialect(model)
    row = next((row for row in fitting if row.name == better), next(iter(fitting), None))
    return None if row is None else row.make(model)
