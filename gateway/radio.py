"""The port to what carries Bluetooth: the operating system's radio, or the air of the simulator.

Addresses live only below and inside the supervisor; nothing with an address in it is logged, stored
or sent. Characteristics are named by four hex digits, lower case ("2a37").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.link_events import Failure


@dataclass(frozen=True, slots=True)
class Advertisement:
    """One device as heard: `services` are four hex digits; empty where they are not known yet."""

    address: str
    name: str
    services: frozenset[str]
    rssi_dbm: int | None


class RadioError(Exception):
    """What went wrong, classed. `problem` says it in one word for people ("powered_off")."""

    def __init__(self, failure: Failure, problem: str, cause: str) -> None:
        super().__init__(f"{problem}: {cause}")
        self.failure = failure
        self.problem = problem
        self.cause = cause  # the class of the exception below, never its text: it names addresses


class Connection(Protocol):
    """One attempt at one device, never used twice. Every call may raise RadioError."""

    async def open(self, timeout_s: float) -> None:
        """Connects and discovers the services."""

    @property
    def characteristics(self) -> Mapping[str, frozenset[str]]:
        """After `open`: properties ("read", "write", "notify", "indicate") by characteristic."""

    async def read(self, char: str) -> bytes: ...

    async def write(self, char: str, data: bytes) -> None:
        """With response, where the characteristic has one."""

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        """Notifications or indications, whichever the characteristic has."""

    async def close(self) -> bool:
        """Frees everything, also after the device itself left. False: it took over 5 s, or failed.

        Slow (bluetoothd: 2.0-2.6 s). Never raises.
        """


class Radio(Protocol):
    """One adapter. At most one scan of it runs in a process: BlueZ refuses a second one."""

    name: str  # for people: "hci1"; it may change when adapters are plugged in anew
    address: str  # its own; "" where the system hides it
    simulated: bool

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        """Raises RadioError; a scan that runs is stopped first.

        `everything`: devices that are no sensors too, to learn whether it hears anything at all.
        """

    async def stop_scan(self) -> None:
        """Never raises."""

    async def orphans(self) -> list[Advertisement]:
        """Supported sensors still connected to the operating system.

        After a crash of this process they do not advertise, so a scan never finds them.
        """

    def connection(self, address: str, on_gone: Callable[[], None]) -> Connection:
        """A new connection to a device heard since the scan began. Raises RadioError."""

    async def power_cycle(self) -> None:
        """Off and on again; every link of it drops. Takes up to 15 s.

        Raises RadioError, also where the system does not let us, and for `in_use`: something
        that is no sensor is connected to it, a headset or a mouse.
        """

    async def close(self) -> None: ...


class Watcher(Protocol):
    """Who is told what no scan and no link tells. Called in the loop; must return at once."""

    def service_gone(self) -> None:
        """The Bluetooth service died: every link is gone, whatever the clients say."""

    def adapters_changed(self) -> None:
        """`look` again: an adapter was plugged in or out, or the service is back."""


class Radios(Protocol):
    """All adapters that this gateway uses."""

    async def look(self) -> Sequence[Radio]:
        """At least one, and the same object for the same adapter each time. Never raises.

        One that is configured, or was there, is listed while it is away: its `start_scan` says
        what is wrong.
        """

    async def watch(self, watcher: Watcher) -> None:
        """Until cancelled."""
