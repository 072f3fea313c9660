"""A trainer that is connected and may be steered: what steering writes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.dialects.port import Dialect
from gateway.profiles import ALERT_LEVEL
from gateway.radio import Connection

MILD_ALERT = bytes([1])


class Machine(Protocol):
    """Of one connection, dead with it."""

    sensor_id: str
    facts: Mapping[str, bytes]
    """What was read on connect, by characteristic."""
    dialect: Dialect
    adopted: bool
    """Its link is older than this attempt: a process that died had it."""

    async def write(self, char: str, data: bytes) -> None:
        """To one of the dialect's characteristics. Raises RadioError."""

    @property
    def can_identify(self) -> bool: ...

    async def identify(self) -> None:
        """Blinks, beeps, whatever it does for Immediate Alert. Raises RadioError."""


class ConnectedMachine:
    """A `Machine` over a radio's connection."""

    def __init__(
        self,
        sensor_id: str,
        facts: Mapping[str, bytes],
        dialect: Dialect,
        connection: Connection,
        *,
        adopted: bool,
    ) -> None:
        self.sensor_id = sensor_id
        self.facts = facts
        self.dialect = dialect
        self.adopted = adopted
        self._connection = connection

    async def write(self, char: str, data: bytes) -> None:
        await self._connection.write(char, data)

    @property
    def can_identify(self) -> bool:
        return ALERT_LEVEL in self._connection.characteristics

    async def identify(self) -> None:
        await self._connection.write(ALERT_LEVEL, MILD_ALERT)
