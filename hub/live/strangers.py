"""Connections that have not said yet who they are: few, from one address and in all."""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

STRANGERS_MAX = 500  # in all: 6 MB
STRANGERS_EACH = 100  # from one address, which may be that of a whole studio

T = TypeVar("T")


class Strangers(Generic[T]):
    """`T`: the connection."""

    def __init__(self) -> None:
        self._address: dict[T, str] = {}
        self._count: Counter[str] = Counter()

    def has_room(self, address: str) -> bool:
        return len(self._address) < STRANGERS_MAX and self._count[address] < STRANGERS_EACH

    def came(self, one: T, address: str) -> None:
        self._address[one] = address
        self._count[address] += 1

    def gone(self, one: T) -> None:
        """It is known now, or has left. Of one that is no stranger: nothing."""
        address = self._address.pop(one, None)
        if address is not None:
            self._count[address] -= 1
            if not self._count[address]:
                del self._count[address]
