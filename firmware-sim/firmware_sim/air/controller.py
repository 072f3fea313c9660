"""One virtual HCI controller, with Bumble's departures from the Core specification put right.

It advertises and scans with the legacy commands only. Bumble announces extended advertising and
link-layer privacy but never sends the events that go with them, which a Linux host waits for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bumble import hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport

if TYPE_CHECKING:
    from bumble.transport.common import TransportSink

    from firmware_sim.air.link import Air
    from firmware_sim.floor import Point

DEFAULT_LEVEL_DBM = -55
ADVERTISING_SLOT_S = 0.000625
# Core specification Vol 6, Part B, 4.4.2.2.1: every event is late by 0-10 ms of chance, so that two
# advertisers do not collide for ever.
MAX_ADVERTISING_DELAY_S = 0.010

_REPORT = hci.HCI_LE_Advertising_Report_Event


class AirAdvertiser(LegacyAdvertiser):
    """Bumble reads the interval's 0.625 ms slots as milliseconds."""

    controller: AirController

    def _on_timer_fired(self) -> None:
        self.send_advertising_data()
        interval_s = self.advertising_interval_min * ADVERTISING_SLOT_S
        delay_s = self.controller.link.rng.uniform(0.0, MAX_ADVERTISING_DELAY_S)
        self.timer_handle = asyncio.get_running_loop().call_later(
            interval_s + delay_s, self._on_timer_fired
        )


class AirController(Controller):
    """A controller on an `Air`.

    `level_dbm` is how loud it is to a listener nearby, `at_m` where in the room it is (None:
    near everybody).
    """

    le_features = Controller.le_features & ~(
        hci.LeFeatureMask.LL_PRIVACY
        | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )
    supported_commands = Controller.supported_commands - {
        hci.HCI_LE_EXTENDED_CREATE_CONNECTION_COMMAND
    }
    # Data length extension: a whole notification in one packet.
    le_acl_data_packet_length = 251
    supported_max_tx_octets = 251
    supported_max_rx_octets = 251

    link: Air

    def __init__(
        self,
        name: str,
        air: Air,
        host_source: object = None,
        host_sink: TransportSink | None = None,
    ) -> None:
        super().__init__(name, host_source=host_source, host_sink=host_sink, link=air)
        self.level_dbm = DEFAULT_LEVEL_DBM
        self.at_m: Point | None = None
        self.le_legacy_advertiser = AirAdvertiser(self)

    # Listening

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        super().on_hci_packet(packet)
        if isinstance(packet, hci.HCI_Command):
            self._tune()

    def _tune(self) -> None:
        wanted = self.le_scan_enable or self.pending_le_connection is not None
        self.link.listen(self, wanted)

    def on_advertising_pdu(self, pdu: ll.AdvInd | ll.AdvExtInd) -> None:
        tx = self.link.find_le_controller(pdu.advertiser_address)
        if tx is None:
            return
        if self.le_scan_enable:
            self._report(pdu, tx)
        pending = self.pending_le_connection
        if pending is not None and pending.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)
            self._tune()

    def _report(self, pdu: ll.AdvInd | ll.AdvExtInd, tx: AirController) -> None:
        """Bumble repeats the advertising data as the scan response; a name there never arrives."""
        reports = [(_REPORT.EventType.ADV_IND, pdu.data)]
        if self.le_scan_type == hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING:
            reports.append((_REPORT.EventType.SCAN_RSP, tx.le_legacy_advertiser.scan_response_data))
        for event_type, data in reports:
            report = _REPORT.Report(
                event_type=event_type,
                address_type=pdu.advertiser_address.address_type,
                address=pdu.advertiser_address,
                data=data,
                rssi=self.link.rssi(tx, self),
            )
            self.send_hci_packet(_REPORT([report]))

    # Commands

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Vol 4, Part E, 7.8.13: a cancelled attempt still ends with Connection Complete (0x02)."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        # After the Command Complete, which goes out when this returns.
        asyncio.get_running_loop().call_soon(
            self.send_hci_packet,
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            ),
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(
        self, _command: hci.HCI_Reset_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Vol 4, Part E, 7.3.2: a reset controller is in standby and has no links."""
        self.link.drop_links(self)
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_acl_data_packet(self, packet: hci.HCI_AclDataPacket) -> None:
        # A host may write to a link whose end it has not been told of yet.
        if self.find_connection_by_handle(packet.connection_handle) is not None:
            super().on_hci_acl_data_packet(packet)

    def on_link_acl_data(
        self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes
    ) -> None:
        # Data may still be under way when its link ends.
        if sender_address in self.le_connections:
            super().on_link_acl_data(sender_address, transport, data)

    def on_le_disconnected(self, connection: Connection, reason: int) -> None:
        # Both sides may end a link in the same turn of the loop: only the first one counts.
        if self.le_connections.get(connection.peer_address) is connection:
            super().on_le_disconnected(connection, reason)
