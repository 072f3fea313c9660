"""Connections that have not said yet who they are: few, from one address and in all."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

STRANGERS_MAX = 500  # in all: 6 MB
STRANGERS_EACH = 100  # from one network's address, which may be that of a whole studio
PREFIX_BITS = 64  # of IPv6: what one household or one attacker has is a whole subnet (RFC 6177)

T = TypeVar("T")


class Strangers(Generic[T]):
    """`T`: the connection."""

    def __init__(self) -> None:
        self._address: dict[T, str] = {}
        self._count: Counter[str] = Counter()

    def has_room(self, address: str) -> bool:
        return len(self._address) < STRANGERS_MAX and self._count[whose(address)] < STRANGERS_EACH

    def came(self, one: T, address: str) -> None:
        self._address[one] = whose(address)
        self._count[whose(address)] += 1

    def gone(self, one: T) -> None:
        """It is known now, or has left. Of one that is no stranger: nothing."""
        address = self._address.pop(one, None)
        if address is not None:
            self._count[address] -= 1
            if not self._count[address]:
                del self._count[address]


def whose(address: str) -> str:
    """What addresses of one party have in common; what is no IP address is itself."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Address(int(ip) >> PREFIX_BITS << PREFIX_BITS))
