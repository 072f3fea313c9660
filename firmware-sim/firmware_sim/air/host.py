"""A central's host stack on the air: what a Bluetooth adapter and its driver are to bleak.

One `AirHost` is one adapter. Its errors are bleak's, because bleak's users are its only callers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import core, hci
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt_client import CharacteristicProxy, DescriptorProxy
from bumble.transport.common import StreamPacketSink, StreamPacketSource

from firmware_sim.transport import Transport, UnixTransport

T = TypeVar("T")

ATT_MTU = 247
DISCONNECT_TIMEOUT_S = 5.0


class _Source(StreamPacketSource):
    """Bumble's H4 source, which also tells that the other end has gone."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_transport_lost()


class AirHost:
    """An adapter: scans for any number of listeners, connects one device at a time."""

    def __init__(self, device: Device, source: _Source, sink: StreamPacketSink) -> None:
        self._device = device
        self._source = source
        self._sink = sink
        self._listeners: dict[Callable[[Advertisement], None], bool] = {}
        self._scan_lock = asyncio.Lock()
        # A controller has one pending connection; a second one would be COMMAND_DISALLOWED.
        self._connect_lock = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self.links: dict[str, AirLink] = {}
        self.closed = False
        device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        source.terminated.add_done_callback(lambda _: self._on_unplugged())

    @classmethod
    async def open(cls, where: Transport, name: str = "adapter") -> AirHost:
        """Plug an adapter in.

        Raises:
            BleakBluetoothNotAvailableError: no air answers at `where`.
        """
        loop = asyncio.get_running_loop()
        try:
            if isinstance(where, UnixTransport):
                stream, source = await loop.create_unix_connection(_Source, where.path)
            else:
                stream, source = await loop.create_connection(_Source, where.host, where.port)
        except OSError as error:
            raise _unavailable(f"no air at {where}: {error.strerror or error}") from error
        sink = StreamPacketSink(stream)
        address = hci.Address.generate_static_address()
        device = Device.with_hci(name, address, source, sink)
        try:
            await device.power_on()
        except core.BaseBumbleError as error:
            sink.close()
            raise _unavailable(f"the air at {where} closed the connection") from error
        except BaseException:
            sink.close()
            raise
        return cls(device, source, sink)

    async def close(self) -> None:
        """Unplug the adapter; its links end as by a supervision timeout."""
        if not self.closed:
            self._sink.close()
            await self.wait_closed()
        if self._background:
            await asyncio.wait(self._background)

    async def wait_closed(self) -> None:
        """Until the adapter is unplugged, by `close` or by the air's end."""
        await asyncio.wait([self._source.terminated])

    def _on_unplugged(self) -> None:
        self.closed = True
        for link in list(self.links.values()):
            link.on_lost()

    # Scanning

    async def listen(self, listener: Callable[[Advertisement], None], active: bool) -> None:
        self._listeners[listener] = active
        await self._apply_scan()

    async def unlisten(self, listener: Callable[[Advertisement], None]) -> None:
        if self._listeners.pop(listener, None) is not None and not self.closed:
            await self._apply_scan()

    async def _apply_scan(self) -> None:
        """One scan serves all listeners; it asks for scan responses as soon as one wants them."""
        async with self._scan_lock:
            active = any(self._listeners.values())
            with _translated():
                if self._device.is_scanning:
                    if self._listeners and (self._device.scanning_is_passive != active):
                        return
                    await self._device.stop_scanning()
                if self._listeners:
                    await self._device.start_scanning(active=active, filter_duplicates=False)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        for listener in list(self._listeners):
            listener(advertisement)

    # Connecting

    async def connect(self, address: hci.Address) -> AirLink:
        """Connect, waiting for an advertisement of `address` for as long as the caller waits.

        Raises:
            BleakError: this adapter holds the device already, or the attempt failed.
        """
        key = address_text(address)
        if key in self.links:
            raise BleakError(f"{key} is already connected through this adapter")
        await self._connect_lock.acquire()
        attempt = asyncio.ensure_future(self._device.connect(address, timeout=None))
        try:
            connection = await asyncio.shield(attempt)
        except asyncio.CancelledError:
            if attempt.cancelled():  # not our caller: the adapter was unplugged
                self._connect_lock.release()
                raise _unavailable("the adapter was unplugged") from None
            await asyncio.shield(self._spawn(self._abandon(attempt)))
            raise
        except core.BaseBumbleError as error:
            self._connect_lock.release()
            raise BleakError(f"{key}: connection failed ({error})") from error
        self._connect_lock.release()
        link = self.links[key] = AirLink(self, connection)
        return link

    async def _abandon(self, attempt: asyncio.Future[Connection]) -> None:
        """Cancel a pending connection; it may have been made in the meantime."""
        try:
            with contextlib.suppress(core.BaseBumbleError):
                await self._device.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
            await asyncio.wait([attempt])
            if not attempt.cancelled() and attempt.exception() is None:
                with contextlib.suppress(core.BaseBumbleError):
                    await attempt.result().disconnect()
        finally:
            self._connect_lock.release()

    def _spawn(self, coroutine: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


class AirLink:
    """One connection of an adapter to a device, with what was discovered on it."""

    def __init__(self, host: AirHost, connection: Connection) -> None:
        self._host = host
        self._connection = connection
        self.address = address_text(connection.peer_address)
        self.peer = Peer(connection)
        self.service_uuids: frozenset[str] = frozenset()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.on(Connection.EVENT_DISCONNECTION, lambda _reason: self.on_lost())
        # The link may have gone between the controller's event and this line.
        if connection.handle not in host._device.connections:
            self.on_lost()

    def on_lost(self) -> None:
        self._host.links.pop(self.address, None)
        if not self.lost.done():
            self.lost.set_result(None)

    @property
    def mtu(self) -> int:
        return int(self._connection.att_mtu)

    async def disconnect(self) -> None:
        """End the link; returns when it is gone, at the latest after `DISCONNECT_TIMEOUT_S`."""
        if self.lost.done():
            return
        with contextlib.suppress(core.BaseBumbleError, asyncio.TimeoutError):
            await asyncio.wait_for(self._connection.disconnect(), DISCONNECT_TIMEOUT_S)
        self.on_lost()

    async def call(self, transaction: Awaitable[T]) -> T:
        """Run an ATT transaction; it fails at once when the link is lost (ATT waits 30 s).

        A transaction whose caller gives up runs on: its answer carries no handle, and would be
        taken for the answer to the next one.

        Raises:
            BleakGATTProtocolError: the device refused.
            BleakError: the link is lost.
        """
        task = asyncio.ensure_future(transaction)
        task.add_done_callback(_retrieve)
        ends: set[asyncio.Future[Any]] = {task, self.lost}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise BleakError("disconnected")
        if task.cancelled():
            raise BleakError("disconnected")
        with _translated():
            return task.result()

    async def read(self, attribute: CharacteristicProxy[bytes] | DescriptorProxy) -> bytes:
        return bytes(await self.call(attribute.read_value()))

    async def write(
        self,
        attribute: CharacteristicProxy[bytes] | DescriptorProxy,
        value: bytes,
        with_response: bool,
    ) -> None:
        await self.call(attribute.write_value(value, with_response=with_response))


def address_text(address: hci.Address) -> str:
    return str(address.to_string(False))


def _retrieve(task: asyncio.Future[T]) -> None:
    if not task.cancelled():
        task.exception()


def _unavailable(message: str) -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError(message, BleakBluetoothNotAvailableReason.NO_BLUETOOTH)


class _translated:
    """Bumble's errors become bleak's."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, core.ProtocolError):
            raise BleakGATTProtocolError(error.error_code or 0) from error
        if isinstance(error, TimeoutError):
            raise BleakError("the device did not answer") from error
        if isinstance(error, core.BaseBumbleError):
            raise BleakError(str(error)) from error
