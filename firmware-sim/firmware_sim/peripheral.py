"""Carries a pure device to the air: a Bumble GATT server that speaks the device's bytes."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from bumble import att, core, gatt, hci
from bumble.core import AdvertisingData
from bumble.device import Connection, Device
from bumble.transport.common import AsyncPipeSink

from firmware_sim.air.controller import AirController
from firmware_sim.air.link import Air
from firmware_sim.devices.gatt import Characteristic, Emission, Property, Refused
from firmware_sim.devices.sensor import Sensor

DEFAULT_ADVERTISING_MS = 100
# Flags of an advertisement: general discoverable, no BR/EDR (CSS Part A, 1.3).
_FLAGS = b"\x06"
# Indications wait for the central's confirmation; beyond this many the oldest has no reader.
MAX_UNCONFIRMED = 16
MAX_SHORT_UUID = 0xFFFF

Delivered = Callable[[Sensor, int, bytes], None]


class Peripheral:
    """One sensor on the air.

    Args:
        address: random device address, six bytes as text; may be changed with `readdress`.
        clock_ms: simulated time, for the device's answers.
        delivered: is told what a subscriber is sent.

    `answer` takes what a write makes the device send: `send`, unless somebody comes between.
    """

    def __init__(
        self,
        air: Air,
        sensor: Sensor,
        address: str,
        clock_ms: Callable[[], int],
        *,
        advertising_ms: int = DEFAULT_ADVERTISING_MS,
        delivered: Delivered | None = None,
    ) -> None:
        self.sensor = sensor
        self._air = air
        self._clock_ms = clock_ms
        self._delivered = delivered
        self.answer: Callable[[list[Emission]], None] = self.send
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted = False
        self._stopped = False
        self._commanding = asyncio.Lock()
        self.controller = AirController(sensor.identity.name, air)
        sink = AsyncPipeSink(self.controller)
        random_address = hci.Address(address, hci.Address.RANDOM_DEVICE_ADDRESS)
        device = Device.with_hci(sensor.identity.name, random_address, self.controller, sink)
        device.advertising_interval_min = device.advertising_interval_max = advertising_ms
        device.advertising_data = self._advertising_data()
        device.scan_response_data = bytes(
            AdvertisingData(
                [(AdvertisingData.Type.COMPLETE_LOCAL_NAME, sensor.identity.name.encode())]
            )
        )
        self._characteristics: dict[int, gatt.Characteristic[bytes]] = {}
        for service in sensor.services:
            device.add_service(
                gatt.Service(
                    _uuid(service.uuid),
                    [self._characteristic(each) for each in service.characteristics],
                )
            )
        device.on(Device.EVENT_CONNECTION, self._on_connection)
        self._device = device

    # Life

    async def start(self) -> None:
        await self._device.power_on()
        await self.advertise()

    async def stop(self) -> None:
        """Vanish from the air; a connected central sees the link time out."""
        self._stopped = True
        async with self._commanding:
            self._air.remove_controller(self.controller)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def connected(self) -> bool:
        return bool(self.controller.le_connections)

    @property
    def listened(self) -> bool:
        """Whether somebody has subscribed to what it measures."""
        measures = [
            self._characteristics[each.uuid].handle
            for service in self.sensor.own_services
            for each in service.characteristics
            if each.properties & Property.NOTIFY
        ]
        return any(
            configured.get(handle, b"\0\0")[0] & 0x01
            for configured in self._device.gatt_server.subscribers.values()
            for handle in measures
        )

    async def advertise(self) -> None:
        """Be visible whenever not connected."""
        self._wanted = True
        await self._command(self._apply_advertising)

    async def hide(self) -> None:
        """Stop advertising; a connection is kept."""
        self._wanted = False
        await self._command(self._apply_advertising)

    async def readdress(self, address: str) -> None:
        """Advertise under a new random address. Call it only while not connected."""
        new = hci.Address(address, hci.Address.RANDOM_DEVICE_ADDRESS)
        await self._command(partial(self._apply_advertising, new))

    async def disconnect(self) -> None:
        """End the link from the sensor's side, as a device that is switched off does."""
        await self._command(self._end_links)

    async def _command(self, commands: Callable[[], Awaitable[None]]) -> None:
        """Run a sequence of HCI commands to its end, whatever becomes of the caller.

        Sequences must not interleave, and Bumble takes the answer to a cancelled command badly.
        """
        task = self._spawn(self._in_turn(commands))
        if task is not None:
            await asyncio.shield(task)

    async def _in_turn(self, commands: Callable[[], Awaitable[None]]) -> None:
        async with self._commanding:
            if not self._stopped:
                await commands()

    async def _apply_advertising(self, address: hci.Address | None = None) -> None:
        await self._device.stop_advertising()
        if address is not None:
            self._device.random_address = address
            await self._device.send_sync_command(
                hci.HCI_LE_Set_Random_Address_Command(random_address=address)
            )
        if self._wanted and not self.connected:
            await self._device.start_advertising()

    async def _end_links(self) -> None:
        reason = hci.HCI_REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR
        for connection in list(self._device.connections.values()):
            with contextlib.suppress(core.BaseBumbleError):
                await connection.disconnect(reason)

    def set_level(self, level_dbm: int) -> None:
        """How loud the sensor is at the gateway; too low, and its links are lost."""
        self.controller.level_dbm = level_dbm
        for connection in list(self.controller.le_connections.values()):
            central = self._air.find_le_controller(connection.peer_address)
            if central is None or not self._air.hears(self.controller, central):
                self._air.drop_links(self.controller)
                return

    def _on_connection(self, connection: Connection) -> None:
        connection.on(Connection.EVENT_DISCONNECTION, lambda _reason: self._on_disconnection())

    def _on_disconnection(self) -> None:
        self.sensor.disconnected()
        self._spawn(self._in_turn(self._apply_advertising))

    # Values

    def send(self, emissions: list[Emission]) -> None:
        """Notify or indicate to whoever has subscribed."""
        for emission in emissions:
            characteristic = self._characteristics[emission.uuid]
            bits = 0x02 if characteristic.properties & Property.INDICATE else 0x01
            for connection, configured in list(self._device.gatt_server.subscribers.items()):
                state = configured.get(characteristic.handle)
                if state and state[0] & bits:
                    self._send(connection, characteristic, emission, indicate=bits == 0x02)

    def _send(
        self,
        connection: att.Bearer,
        characteristic: gatt.Characteristic[bytes],
        emission: Emission,
        indicate: bool,
    ) -> None:
        server = self._device.gatt_server
        if not indicate:
            value = emission.value[: connection.att_mtu - 3]
            pdu = att.ATT_Handle_Value_Notification(
                attribute_handle=characteristic.handle, attribute_value=value
            )
            server.send_gatt_pdu(connection, bytes(pdu))
        elif len(self._tasks) < MAX_UNCONFIRMED:
            self._spawn(self._indicate(connection, characteristic, emission.value))
        else:
            return
        if self._delivered is not None:
            self._delivered(self.sensor, emission.uuid, emission.value)

    async def _indicate(
        self, connection: att.Bearer, characteristic: gatt.Characteristic[bytes], value: bytes
    ) -> None:
        # No confirmation, or the link lost while waiting for it: there is nobody to tell.
        with contextlib.suppress(TimeoutError, core.BaseBumbleError):
            await self._device.gatt_server.indicate_subscriber(connection, characteristic, value)

    def _characteristic(self, wanted: Characteristic) -> gatt.Characteristic[bytes]:
        """Bumble enforces no READ and WRITE properties: the device is asked, and may refuse."""
        uuid = wanted.uuid

        def read(_connection: object) -> bytes:
            if not wanted.properties & Property.READ:
                raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)
            with _refusals():
                return self.sensor.read(uuid)

        def write(_connection: object, value: bytes) -> None:
            if not wanted.properties & (Property.WRITE | Property.WRITE_WITHOUT_RESPONSE):
                raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
            self._require_indications(wanted)
            with _refusals():
                self.answer(self.sensor.write(uuid, bytes(value), self._clock_ms()))

        characteristic = self._characteristics[uuid] = gatt.Characteristic(
            _uuid(uuid),
            gatt.Characteristic.Properties(int(wanted.properties)),
            gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE,
            gatt.CharacteristicValue(read=read, write=write),
        )
        return characteristic

    def _require_indications(self, wanted: Characteristic) -> None:
        """FTMS 1.0, 4.16.2: a control point without indications switched on refuses every write."""
        if not wanted.properties & Property.INDICATE:
            return
        handle = self._characteristics[wanted.uuid].handle
        for configured in self._device.gatt_server.subscribers.values():
            if configured.get(handle, b"\0\0")[0] & 0x02:
                return
        raise att.ATT_Error(0xFD)

    def _advertising_data(self) -> bytes:
        short = [uuid for uuid in self.sensor.advertised if uuid <= MAX_SHORT_UUID]
        own = [uuid for uuid in self.sensor.advertised if uuid > MAX_SHORT_UUID]
        uuids = b"".join(struct.pack("<H", uuid) for uuid in short)
        structures: list[tuple[int, bytes]] = [
            (AdvertisingData.Type.FLAGS, _FLAGS),
            (AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, uuids),
        ]
        if own:
            long = b"".join(uuid.to_bytes(16, "little") for uuid in own)
            kind = AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
            structures.append((kind, long))
        for uuid, data in self.sensor.service_data.items():
            structures.append(
                (AdvertisingData.Type.SERVICE_DATA_16_BIT_UUID, struct.pack("<H", uuid) + data)
            )
        return bytes(AdvertisingData(structures))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        if self._stopped:
            coroutine.close()
            return None
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _uuid(number: int) -> core.UUID:
    if number <= MAX_SHORT_UUID:
        return core.UUID.from_16_bits(number)
    return core.UUID.from_bytes(number.to_bytes(16, "little"))


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        raise att.ATT_Error(int(refusal.code)) from refusal
