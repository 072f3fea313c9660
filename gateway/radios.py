"""All adapters that this gateway uses: those that are named, or every one that is found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from gateway import bluez
from gateway.identity import without_addresses
from gateway.link_events import Failure
from gateway.profiles import SERVICES
from gateway.radio import Radio, RadioError, Watcher
from gateway.radio_bleak import AIR_PREFIX, BleakRadio, Control, open_radio
from gateway.uuids import long

ADAPTERS_MAX = 16


class FixedRadios:
    """Adapters that are what they are: the simulator's, and those of systems with only one."""

    def __init__(self, radios: Sequence[Radio]) -> None:
        self._radios = tuple(radios)

    async def look(self) -> Sequence[Radio]:
        return self._radios

    async def watch(self, watcher: Watcher) -> None:
        await asyncio.Event().wait()


class BluezRadios:
    """Linux. `wanted`: addresses or names ("hci1") of the adapters to use; none: all there are."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        services = frozenset(long(service) for service in SERVICES)
        self._control = Control(
            partial(_power_cycle, services), bluez.end_discovery, bluez.connected
        )
        # By what it is wanted as, or by address.
        self._radios: dict[str, BleakRadio] = {name: self._new(name) for name in self._wanted}
        self._placeholder: BleakRadio | None = None  # says what is wrong while there is none

    async def look(self) -> Sequence[Radio]:
        try:
            self._match(await bluez.adapters())
        except RadioError as error:
            for radio in self._radios.values():
                radio.unplugged(error)
        if self._radios:
            return tuple(self._radios.values())
        if self._placeholder is None:
            self._placeholder = open_radio("os", control=self._control)
        return (self._placeholder,)

    async def watch(self, watcher: Watcher) -> None:
        await bluez.watch(watcher)

    def _match(self, there: Sequence[bluez.Adapter]) -> None:
        """Each adapter to its radio; a radio without one is away."""
        here: dict[str, bluez.Adapter] = {}
        for adapter in there:
            key = self._key(adapter)
            if key is not None and (key in self._radios or len(self._radios) < ADAPTERS_MAX):
                here[key] = adapter
                if key not in self._radios:
                    self._radios[key] = self._new(key)
        for key, radio in self._radios.items():
            adapter_here = here.get(key)
            if adapter_here is None:
                radio.unplugged(RadioError(Failure.ADAPTER_DOWN, "no_adapter", "unplugged"))
            else:
                radio.plugged(adapter_here.name)
                radio.address = adapter_here.address

    def _key(self, adapter: bluez.Adapter) -> str | None:
        if not self._wanted:
            return adapter.address
        names = {adapter.address.lower(), adapter.name.lower()}
        return next((wanted for wanted in self._wanted if wanted.lower() in names), None)

    def _new(self, key: str) -> BleakRadio:
        radio = open_radio("os", control=self._control)
        radio.address = key
        radio.name = without_addresses(key, "adapter")  # until it is there and has a name
        return radio


async def _power_cycle(services: frozenset[str], name: str) -> None:
    await bluez.power_cycle(name, services)


def open_radios(spec: str, adapters: Sequence[str] = ()) -> FixedRadios | BluezRadios:
    """`os`, or `air:TRANSPORT`, where `adapters` are names of new ones; none: one.

    Raises ValueError with what to write instead, ImportError without the simulator's extra.
    """
    if spec == "os" and sys.platform == "linux":
        return BluezRadios(adapters)
    if spec.startswith(AIR_PREFIX) and adapters:
        return FixedRadios([open_radio(spec, name) for name in adapters])
    return FixedRadios([open_radio(spec)])
