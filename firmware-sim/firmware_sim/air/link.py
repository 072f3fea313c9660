"""The ether: who hears whom, how loud, how late, and what happens when a radio goes away.

Bumble's `LocalLink` hands every packet to everybody at once and for ever. This one adds what a
gateway has to cope with: distance, lost advertisements, latency, the supervision timeout.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from bumble import core, hci, ll
from bumble.controller import Controller
from bumble.link import LocalLink

from firmware_sim.air.controller import AirController
from firmware_sim.floor import loss_db

# At or below this level nothing is heard. The Core specification (Vol 6, Part A, 4.1) asks
# receivers for -70 dBm; common chips reach -95 to -97.
SENSITIVITY_DBM = -96

Rssi = Callable[["AirController", "AirController"], int]
DelaySeconds = Callable[["AirController", "AirController"], float]


def level_at(tx: AirController, rx: AirController) -> int:
    """The default RSSI: what the sending controller is set to, less what the way costs."""
    return tx.level_dbm - loss_db(tx.at_m, rx.at_m)


class Air(LocalLink):
    """All controllers of one room.

    Args:
        rssi: dBm at which the second controller hears the first.
        adv_loss: share of advertising packets that a listener misses, 0 to 1.
        delay_s: how long data travels between two connected controllers; order is kept.
            None delivers in the next turn of the loop.
        rng: where chance comes from.
    """

    def __init__(
        self,
        *,
        rssi: Rssi = level_at,
        adv_loss: float = 0.0,
        delay_s: DelaySeconds | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rssi = rssi
        self.adv_loss = adv_loss
        self.delay_s = delay_s
        self.rng = rng or random.Random(0)
        self._by_address: dict[bytes, AirController] = {}
        self._addresses: dict[AirController, set[bytes]] = {}
        self._listeners: set[AirController] = set()
        self._busy_until: dict[tuple[bytes, bytes], float] = {}

    # Membership

    def add_controller(self, controller: Controller) -> None:
        super().add_controller(controller)
        self.on_address_changed(controller)

    def remove_controller(self, controller: Controller) -> None:
        """The radio has vanished: its peers lose the link as by a supervision timeout."""
        controller = _ours(controller)
        self.controllers.discard(controller)
        self._listeners.discard(controller)
        for address in self._addresses.pop(controller, set()):
            self._forget(address, controller)
        controller.host = None
        self.drop_links(controller)
        controller.le_legacy_advertiser.stop()

    def on_address_changed(self, controller: Controller) -> None:
        controller = _ours(controller)
        addresses = {
            bytes(address)
            for address in (controller.random_address, controller.public_address)
            if bytes(address) != bytes(6)
        }
        for gone in self._addresses.get(controller, set()) - addresses:
            self._forget(gone, controller)
        self._addresses[controller] = addresses
        self._by_address.update(dict.fromkeys(addresses, controller))

    def _forget(self, address: bytes, controller: Controller) -> None:
        # A controller that came later with the same address keeps it.
        if self._by_address.get(address) is controller:
            del self._by_address[address]

    def find_le_controller(self, address: hci.Address) -> AirController | None:
        return self._by_address.get(bytes(address))

    def listen(self, controller: AirController, wanted: bool) -> None:
        """Advertising is handed only to controllers that scan or want to connect."""
        if wanted and controller in self.controllers:
            self._listeners.add(controller)
        else:
            self._listeners.discard(controller)

    # Range

    def hears(self, tx: AirController, rx: AirController) -> bool:
        return self.rssi(tx, rx) > SENSITIVITY_DBM

    def drop_links(
        self,
        controller: Controller,
        reason: int = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR,
    ) -> None:
        """End every connection of `controller`; both sides are told `reason`."""
        for connection in list(controller.le_connections.values()):
            peer = self.find_le_controller(connection.peer_address)
            if peer and (back := peer.le_connections.get(connection.self_address)):
                peer.on_le_disconnected(back, reason)
            controller.on_le_disconnected(connection, reason)
            ends = (bytes(connection.self_address), bytes(connection.peer_address))
            self._busy_until.pop(ends, None)
            self._busy_until.pop(ends[::-1], None)

    # Packets

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: core.PhysicalTransport,
        data: bytes,
    ) -> None:
        # The source must be the address that the connection was made with: Bumble's own takes the
        # random address, and a central with a public one (BlueZ) gets no packet through.
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection is None or receiver is None:
            return
        source = connection.self_address
        self._deliver(
            self._delivery_time(_ours(sender_controller), receiver, source, destination_address),
            receiver.on_link_acl_data,
            source,
            transport,
            data,
        )

    def _delivery_time(
        self,
        tx: AirController,
        rx: AirController,
        source: hci.Address,
        destination: hci.Address,
    ) -> float | None:
        if self.delay_s is None:
            return None
        ends = (bytes(source), bytes(destination))
        at = asyncio.get_running_loop().time() + self.delay_s(tx, rx)
        # Timers of one instant fire in no given order, so each packet gets an instant of its own.
        at = max(at, self._busy_until.get(ends, 0.0) + 1e-6)
        self._busy_until[ends] = at
        return at

    @staticmethod
    def _deliver(at: float | None, callback: Callable[..., None], *args: object) -> None:
        loop = asyncio.get_running_loop()
        if at is None:
            loop.call_soon(callback, *args)
        else:
            loop.call_at(at, callback, *args)

    def send_advertising_pdu(
        self, sender_controller: Controller, packet: ll.AdvertisingPdu
    ) -> None:
        loop = asyncio.get_running_loop()
        sender = _ours(sender_controller)
        if isinstance(packet, ll.ConnectInd):
            loop.call_soon(self._request_connection, sender, packet)
            return
        for listener in self._listeners:
            if listener is sender or not self.hears(sender, listener):
                continue
            if self.adv_loss and self.rng.random() < self.adv_loss:
                continue
            loop.call_soon(listener.on_ll_advertising_pdu, packet)

    def _request_connection(self, central: AirController, packet: ll.ConnectInd) -> None:
        """Hand a connection request over; one that nobody takes up fails, as on a real link."""
        advertiser = self.find_le_controller(packet.advertiser_address)
        if advertiser is not None:
            advertiser.on_ll_advertising_pdu(packet)
            if packet.initiator_address in advertiser.le_connections:
                return
        if connection := central.le_connections.get(packet.advertiser_address):
            central.on_le_disconnected(
                connection, hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
            )


def _ours(controller: Controller) -> AirController:
    assert isinstance(controller, AirController), "an Air takes AirControllers only"
    return controller
