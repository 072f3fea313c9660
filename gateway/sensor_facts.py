"""What is known of one sensor: what it advertises, and what it says of itself when asked."""

from __future__ import annotations

from collections.abc import Collection

from gateway import profiles
from gateway.identity import without_addresses
from gateway.link_events import Failure
from gateway.profiles import BATTERY
from gateway.radio import Advertisement, Connection, RadioError
from hub.wire.uplink import SensorKind


class SensorFacts:
    def __init__(self, first: Advertisement) -> None:
        self.name = _name_of(first)
        self.rssi_dbm = first.rssi_dbm
        self.battery_pct: int | None = None
        self.nonsense_count = 0
        self.read: dict[str, bytes] = {}  # on connect, by characteristic
        self._services = first.services.intersection(profiles.SERVICES)
        self._kinds: tuple[SensorKind, ...] = ()
        self._nonsense_from: set[str] = set()

    @property
    def kinds(self) -> tuple[SensorKind, ...]:
        """As found on connect; before that, as advertised."""
        return self._kinds or profiles.kinds_of(self._services)

    @property
    def known_as(self) -> str:
        """For the tables of quirks."""
        return f"{self.name} {self.text(profiles.MODEL)}"

    def text(self, char: str) -> str:
        return profiles.text(self.read.get(char, b""))

    def heard(self, advertisement: Advertisement) -> None:
        self.name = _name_of(advertisement) or self.name
        self._services |= advertisement.services.intersection(profiles.SERVICES)

    async def ask(self, connection: Connection) -> None:
        """Who the sensor is, once; its battery, each time. Raises RadioError."""
        for char in profiles.READ_ON_CONNECT:
            known = char in self.read and char != BATTERY
            if known or "read" not in connection.characteristics.get(char, ()):
                continue
            try:
                self.read[char] = await connection.read(char)
            except RadioError as error:
                if error.failure is not Failure.PROTOCOL:
                    raise  # PROTOCOL: listed, but not readable; nothing here is indispensable
        self.take_battery(self.read.get(BATTERY, b""))

    def measures(self, chars: Collection[str]) -> None:
        """These characteristics notify, or will."""
        self._kinds = profiles.kinds_found(chars, self.read)

    def take_battery(self, data: bytes) -> bool:
        """Whether it has changed."""
        if not data or data[0] > 100 or data[0] == self.battery_pct:
            return False
        self.battery_pct = data[0]
        return True

    def count_nonsense(self, char: str) -> bool:
        """Whether this is the first from the characteristic."""
        self.nonsense_count += 1
        first = char not in self._nonsense_from
        self._nonsense_from.add(char)
        return first


def _name_of(advertisement: Advertisement) -> str:
    """Names travel and are shown: nameless devices are named by their address, some by makers."""
    return profiles.cleaned(without_addresses(advertisement.name, ""))
