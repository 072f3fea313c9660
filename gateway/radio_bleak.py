"""The radio through bleak: on the operating system's Bluetooth, or on the simulator's air.

Facts behind the choices, each found by experiment (bleak 3.1, bluetoothd 5.66):

- A second scanner in one process is refused: there is one, and it runs on while sensors connect.
- Connecting by an address text, or by a device object from an earlier scan, fails with "removed
  from BlueZ": the newest object from the scanner is used, and a new BleakClient each time, for a
  used one may notify twice.
- `disconnect()` takes 2 s and may hang; it is bounded, and it is called after a device-initiated
  loss too, or the client's D-Bus connection leaks.
- AcquireNotify and a disconnect without stop_notify crash bluetoothd: bleak >= 3.1 uses
  StartNotify by itself, and nothing here asks for anything else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakCharacteristicNotFoundError

from gateway.link_events import Failure
from gateway.profiles import SERVICES
from gateway.radio import Advertisement, RadioError
from gateway.radio_errors import IN_PROGRESS, translated
from gateway.uuids import long, short

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

START_S = 15.0
CLOSE_S = 5.0
CALL_S = 10.0  # a read, a write, a subscription: a device may take as long as ATT lets it, 30 s
DEVICES_MAX = 512  # remembered from the scan; the one not heard for longest is forgotten
AIR_PREFIX = "air:"

log = structlog.get_logger()

# Connections


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Whatever goes wrong in the block, and its taking too long, is a RadioError."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        raise translated(error) from error


class BleakConnection:
    def __init__(self, client: BleakClient) -> None:
        self._client = client
        self._by_char: dict[str, BleakGATTCharacteristic] = {}
        self._properties: dict[str, frozenset[str]] = {}
        self._closed = False

    async def open(self, timeout_s: float) -> None:
        # bleak's own timeout covers neither its first look at BlueZ nor its last word to it: with
        # a bluetoothd that hangs, its `connect` never returns, not even when it is cancelled.
        async with _within(timeout_s + CLOSE_S):
            await self._client.connect(timeout=timeout_s)
            for characteristic in self._client.services.characteristics.values():
                self._by_char.setdefault(short(characteristic.uuid), characteristic)
        self._by_char.pop("", None)
        self._properties = {c: frozenset(x.properties) for c, x in self._by_char.items()}

    @property
    def characteristics(self) -> Mapping[str, frozenset[str]]:
        return self._properties

    async def read(self, char: str) -> bytes:
        async with _within(CALL_S):
            return bytes(await self._client.read_gatt_char(self._characteristic(char)))

    async def write(self, char: str, data: bytes) -> None:
        async with _within(CALL_S):
            # FE-C's and Immediate Alert's take commands only; they have no response to wait for.
            response = "write" in self._properties.get(char, ())
            await self._client.write_gatt_char(self._characteristic(char), data, response)

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        def deliver(_: BleakGATTCharacteristic, data: bytearray) -> None:
            if not self._closed:
                on_value(bytes(data))

        async with _within(CALL_S):
            await self._client.start_notify(self._characteristic(char), deliver)

    async def close(self) -> bool:
        self._closed = True
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._client.disconnect()
        except Exception:
            return False
        return True

    def _characteristic(self, char: str) -> BleakGATTCharacteristic:
        found = self._by_char.get(char)
        if found is None:
            raise BleakCharacteristicNotFoundError(char)
        return found


# The radio


@dataclass(frozen=True, slots=True)
class Backends:
    """bleak's plug-in points; None everywhere: the operating system's own."""

    scanner: type[Any] | None = None
    client: type[Any] | None = None
    adapter: type[Any] | None = None
    radio: Any = None


@dataclass(frozen=True, slots=True)
class Control:
    """What is asked of an adapter beside bleak; each takes its name ("hci1").

    `connected`: addresses of what it holds. It and `power_cycle` raise RadioError.
    """

    power_cycle: Callable[[str], Awaitable[None]]
    end_discovery: Callable[[str], Awaitable[None]]
    connected: Callable[[str], Awaitable[frozenset[str]]]


class BleakRadio:
    """`adapter` "": the one that bleak chooses. `control` None: the system offers none."""

    def __init__(
        self,
        backends: Backends,
        *,
        name: str,
        adapter: str,
        simulated: bool,
        address: str = "",
        control: Control | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.simulated = simulated
        self._backends = backends
        self._control = control
        self._adapter = adapter
        self._away: RadioError | None = None
        self._scanner: BleakScanner | None = None
        self._devices: OrderedDict[str, BLEDevice] = OrderedDict()

    @property
    def _bluez(self) -> Any:
        return {"adapter": self._adapter} if self._adapter else {}

    def plugged(self, adapter: str) -> None:
        """The system has it under this name now."""
        self._away = None
        self.name = self._adapter = adapter

    def unplugged(self, why: RadioError) -> None:
        """The system does not have it now; a scan says why."""
        self._away = why

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        await self.stop_scan()
        if self._away is not None:
            raise self._away
        try:
            await self._start(on_advertisement, everything)
        except RadioError as error:
            if error.problem != IN_PROGRESS.problem or self._control is None:
                raise
            # A scan of this process that could not be stopped: ended by force, then once more.
            await self._control.end_discovery(self._adapter)
            await self._start(on_advertisement, everything)

    async def _start(
        self, on_advertisement: Callable[[Advertisement], None], everything: bool
    ) -> None:
        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            services = frozenset(filter(None, map(short, data.service_uuids)))
            if not everything or not services.isdisjoint(SERVICES):
                self._remember(device)
            name = data.local_name or device.name or ""
            on_advertisement(Advertisement(device.address, name, services, data.rssi))

        scanner = BleakScanner(
            heard,
            None if everything else [long(service) for service in SERVICES],
            # Without duplicates BlueZ tells only of changes, and a sensor that is back after a
            # loss with the same signal would never be heard.
            bluez=self._bluez | {"filters": {"DuplicateData": True}},
            backend=self._backends.scanner,
        )
        try:
            async with asyncio.timeout(START_S):
                await scanner.start()
        except Exception as error:
            raise translated(error) from error
        self._scanner = scanner

    async def stop_scan(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await scanner.stop()
        except Exception as error:
            # A scan that cannot be stopped ends with its adapter or its D-Bus connection.
            log.info("stop_scan", error=type(error).__name__)

    async def orphans(self) -> list[Advertisement]:
        try:
            async with asyncio.timeout(START_S):
                adapter = await BleakAdapter.get(bluez=self._bluez, backend=self._backends.adapter)
                devices = await adapter.get_connected_devices([long(s) for s in SERVICES])
        except NotImplementedError:
            return []
        except Exception as error:
            raise translated(error) from error
        if devices and self._control is not None:
            # bleak goes on listing what a bluetoothd that was killed held; connecting to it hangs.
            there = await self._control.connected(self._adapter)
            devices = [device for device in devices if device.address in there]
        for device in devices:
            self._remember(device)
        return [Advertisement(d.address, d.name or "", frozenset(), None) for d in devices]

    def connection(self, address: str, on_gone: Callable[[], None]) -> BleakConnection:
        device = self._devices.get(address)
        if device is None:
            raise RadioError(Failure.DEVICE_GONE, "gone", "not heard")
        return BleakConnection(
            BleakClient(
                device,
                disconnected_callback=lambda _: on_gone(),
                bluez=self._bluez,
                # A cached table of a strap with new firmware has handles that are no longer there.
                winrt={"use_cached_services": False},
                backend=self._backends.client,
            )
        )

    async def power_cycle(self) -> None:
        await self.stop_scan()
        if self._backends.radio is not None:
            await self._backends.radio.close()  # a simulated one: unplugged, until the next scan
        elif self._control is not None:
            await self._control.power_cycle(self._adapter)
        else:
            raise RadioError(Failure.TRANSIENT, "unsupported", "no way to switch it")

    async def close(self) -> None:
        await self.stop_scan()
        if self._backends.radio is not None:
            await self._backends.radio.close()

    def _remember(self, device: BLEDevice) -> None:
        self._devices[device.address] = device
        self._devices.move_to_end(device.address)
        if len(self._devices) > DEVICES_MAX:
            self._devices.popitem(last=False)


def open_radio(spec: str, adapter: str = "", control: Control | None = None) -> BleakRadio:
    """One adapter of `os`, or of `air:TRANSPORT` with the simulator's extra installed.

    On the air `adapter` names a new one. Raises ValueError with what to write instead, ImportError
    without that extra.
    """
    if spec == "os":
        name = adapter or "default"
        return BleakRadio(Backends(), name=name, adapter=adapter, simulated=False, control=control)
    if not spec.startswith(AIR_PREFIX):
        raise ValueError(f"{spec!r} is no radio: write os, or air:unix:/path/air.sock")
    from firmware_sim import bleak_air  # the one place of the gateway that knows the simulator

    name = adapter or "air"
    air = bleak_air.backends(spec.removeprefix(AIR_PREFIX), name=f"gateway {name}")
    backends = Backends(air.scanner, air.client, air.adapter, air.radio)
    return BleakRadio(backends, name=name, adapter="", simulated=True)
