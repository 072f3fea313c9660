"""A bleak 3.1 back-end over the virtual radio: `BleakScanner` and `BleakClient` run unchanged.

    radio = bleak_air.backends("unix:/path/air.sock")
    scanner = BleakScanner(on_advertisement, backend=radio.scanner)
    client = BleakClient(device, backend=radio.client)
    adapter = await BleakAdapter.get(backend=radio.adapter)
    ...
    await radio.close()

bleak chooses a back-end by class and knows no instances, so the classes are bound to their air
here. The adapter is plugged in by its first user, once per event loop. Bumble is imported then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bleak.backends.adapter import BaseBleakAdapter
from bleak.backends.characteristic import BleakGATTCharacteristic, GattCharacteristicsFlags
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError

from firmware_sim import transport
from firmware_sim.advertised import Heard, uuid_text

if TYPE_CHECKING:
    from bumble.core import UUID
    from bumble.device import Advertisement

    from firmware_sim.air.host import AirHost, AirLink


class AirRadio:
    """One adapter on one air, plugged in when first needed; one per event loop."""

    def __init__(self, where: transport.Transport, name: str) -> None:
        self.where = where
        self.name = name
        self._hosts: dict[asyncio.AbstractEventLoop, asyncio.Future[AirHost]] = {}

    async def host(self) -> AirHost:
        """The plugged-in adapter.

        Raises:
            BleakBluetoothNotAvailableError: no air answers; the next call tries again.
        """
        loop = asyncio.get_running_loop()
        for ended in [known for known in self._hosts if known.is_closed()]:
            del self._hosts[ended]
        opening = self._hosts.get(loop)
        if opening is None or _is_dead(opening):
            opening = self._hosts[loop] = asyncio.ensure_future(self._open())
        return await asyncio.shield(opening)

    async def _open(self) -> AirHost:
        from firmware_sim.air.host import AirHost

        return await AirHost.open(self.where, self.name)

    async def close(self) -> None:
        opening = self._hosts.pop(asyncio.get_running_loop(), None)
        if opening is not None:
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                await opening.result().close()


def _is_dead(opening: asyncio.Future[AirHost]) -> bool:
    if not opening.done():
        return False
    return opening.cancelled() or opening.exception() is not None or opening.result().closed


@dataclass(frozen=True, slots=True)
class Backends:
    """Classes for bleak's `backend=` parameters, bound to one adapter on one air."""

    scanner: type[ScannerAir]
    client: type[ClientAir]
    adapter: type[AdapterAir]
    radio: AirRadio

    async def close(self) -> None:
        """Unplug the adapter of the running loop. Call it before the loop ends."""
        await self.radio.close()


def backends(spec: str, name: str = "adapter") -> Backends:
    """A new adapter on the air at `spec`; two calls give two adapters.

    Raises:
        TransportError: `spec` is not `unix:PATH` or `tcp:HOST:PORT`.
    """
    radio = AirRadio(transport.parse(spec), name)
    bound: dict[str, Any] = {"radio": radio}
    return Backends(
        scanner=type("ScannerAir", (ScannerAir,), bound),
        client=type("ClientAir", (ClientAir,), bound),
        adapter=type("AdapterAir", (AdapterAir,), bound),
        radio=radio,
    )


class ScannerAir(BaseBleakScanner):
    radio: ClassVar[AirRadio]

    def __init__(
        self,
        detection_callback: Any,
        service_uuids: list[str] | None,
        scanning_mode: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._host: AirHost | None = None
        self._heard: dict[str, Heard] = {}

    async def start(self) -> None:
        self.seen_devices = {}
        self._heard = {}
        host = await self.radio.host()
        await host.listen(self._on_advertisement, self._active)
        self._host = host

    async def stop(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            await host.unlisten(self._on_advertisement)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        address = str(advertisement.address.to_string(False))
        heard = self._heard.setdefault(address, Heard())
        heard.hear([(int(kind), bytes(data)) for kind, data in advertisement.data.ad_structures])
        if not self.is_allowed_uuid(heard.service_uuids):
            return
        data = AdvertisementData(
            local_name=heard.name,
            manufacturer_data=dict(heard.manufacturer_data),
            service_data=dict(heard.service_data),
            service_uuids=list(heard.service_uuids),
            tx_power=heard.tx_power,
            rssi=advertisement.rssi,
            platform_data=(advertisement,),
        )
        details = {"address": advertisement.address}
        device = self.create_or_update_device(address, address, heard.name, details, data)
        self.call_detection_callbacks(device, data)


class ClientAir(BaseBleakClient):
    radio: ClassVar[AirRadio]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        services: set[str] | None = None,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout
        )
        self._device = (
            address_or_ble_device if isinstance(address_or_ble_device, BLEDevice) else None
        )
        self._wanted = services
        self._link: AirLink | None = None
        self._subscribed: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        return (self._device and self._device.name) or self.address

    @property
    def mtu_size(self) -> int:
        return 23 if self._link is None else self._link.mtu

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    # Connection

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """Connect and discover, all within the timeout.

        Raises:
            TimeoutError: the device did not advertise or answer in time.
            BleakDeviceNotFoundError: given an address, nothing by it was heard.
            BleakError: connected already, refused, or lost on the way.
        """
        if self._link is not None:
            raise BleakError("Client is already connected")
        timeout = kwargs.get("timeout", self._timeout)
        deadline = asyncio.get_running_loop().time() + timeout
        if self._device is None:
            self._device = await self._find(timeout)
        async with asyncio.timeout_at(deadline):
            host = await self.radio.host()
            link = await host.connect(self._device.details["address"])
            self._link = link
            link.lost.add_done_callback(lambda _: self._on_lost(link))
            try:
                await self._discover(link)
            except BaseException:
                await link.disconnect()
                raise
        if pair:
            await self.pair()

    async def _find(self, within_s: float) -> BLEDevice:
        """An address alone does not say whether it is public or random: hear it first."""
        found: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()

        def on_advertisement(device: BLEDevice, _data: AdvertisementData) -> None:
            if device.address.upper() == self.address.upper() and not found.done():
                found.set_result(device)

        bound: type[ScannerAir] = type("ScannerAir", (ScannerAir,), {"radio": self.radio})
        scanner = bound(on_advertisement, None, "active")
        await scanner.start()
        try:
            return await asyncio.wait_for(found, within_s)
        except TimeoutError:
            message = f"Device with address {self.address} was not found."
            raise BleakDeviceNotFoundError(self.address, message) from None
        finally:
            await scanner.stop()

    async def disconnect(self) -> None:
        if self._link is not None:
            await self._link.disconnect()
            # `lost` calls back in the next turn of the loop; the caller must see it now.
            if (link := self._link) is not None:
                self._on_lost(link)

    def _on_lost(self, link: AirLink) -> None:
        if self._link is not link:
            return
        self._link = self.services = None
        self._subscribed.clear()
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        link = self._connected()
        await link.call(link.peer.connection.pair())

    async def unpair(self) -> None:
        raise NotImplementedError("the air keeps no bonds")

    def _connected(self) -> AirLink:
        if self._link is None:
            raise BleakError("Not connected")
        return self._link

    # Discovery

    async def _discover(self, link: AirLink) -> None:
        from firmware_sim.air.host import ATT_MTU

        await link.call(link.peer.request_mtu(ATT_MTU))
        services = BleakGATTServiceCollection()
        for service in await link.call(link.peer.discover_services()):
            uuid = _uuid_of(service.uuid)
            if self._wanted and uuid not in self._wanted:
                continue
            bleak_service = BleakGATTService(service, service.handle, uuid)
            services.add_service(bleak_service)
            for proxy in await link.call(service.discover_characteristics()):
                characteristic = self._characteristic(proxy, bleak_service)
                services.add_characteristic(characteristic)
                for descriptor in await link.call(proxy.discover_descriptors()):
                    services.add_descriptor(
                        BleakGATTDescriptor(
                            descriptor,
                            descriptor.handle,
                            _uuid_of(descriptor.type),
                            characteristic,
                        )
                    )
        link.service_uuids = frozenset(service.uuid for service in services)
        self.services = services

    def _characteristic(self, proxy: Any, service: BleakGATTService) -> BleakGATTCharacteristic:
        bits = int(proxy.properties)
        names: list[Any] = [
            flag.name.replace("_", "-") for flag in GattCharacteristicsFlags if bits & flag.value
        ]
        return BleakGATTCharacteristic(
            proxy, proxy.handle, _uuid_of(proxy.uuid), names, lambda: self.mtu_size - 3, service
        )

    # Values

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        return bytearray(await self._connected().read(characteristic.obj))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        return bytearray(await self._connected().read(descriptor.obj))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: Any, response: bool
    ) -> None:
        await self._connected().write(characteristic.obj, bytes(data), response)

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        await self._connected().write(descriptor.obj, bytes(data), True)

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: Callable[[bytearray], Any],
        **kwargs: Any,
    ) -> None:
        link = self._connected()
        if characteristic.handle in self._subscribed:
            raise BleakError(f"notifications of {characteristic.uuid} are already on")

        def deliver(value: bytes) -> None:
            callback(bytearray(value))

        self._subscribed[characteristic.handle] = deliver
        try:
            await link.call(characteristic.obj.subscribe(deliver))
        except BaseException:
            self._subscribed.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        deliver = self._subscribed.pop(characteristic.handle, None)
        if deliver is not None:
            await self._connected().call(characteristic.obj.unsubscribe(deliver))


def _uuid_of(uuid: UUID) -> str:
    return uuid_text(bytes(uuid.to_bytes()))


class AdapterAir(BaseBleakAdapter):
    radio: ClassVar[AirRadio]

    def __init__(self, host: AirHost) -> None:
        self._host = host

    @classmethod
    async def get(cls, **kwargs: Any) -> AdapterAir:
        return cls(await cls.radio.host())

    async def get_connected_devices(self, service_uuids: frozenset[str]) -> list[BLEDevice]:
        return [
            BLEDevice(address, None, {"address": link.peer.connection.peer_address})
            for address, link in self._host.links.items()
            if not service_uuids or service_uuids & link.service_uuids
        ]
