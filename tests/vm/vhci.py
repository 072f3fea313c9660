"""A controller of the air as an adapter of the kernel, through /dev/vhci (module hci_vhci)."""

from __future__ import annotations

from bumble import hci
from bumble.transport.common import Transport
from bumble.transport.vhci import open_vhci_transport

from firmware_sim.air.controller import AirController
from firmware_sim.air.link import Air


class Adapter:
    """`address`: public, six bytes as text; Linux refuses a controller that has none."""

    def __init__(self, air: Air, address: str) -> None:
        self.address = address
        self._air = air
        self._plugged: tuple[AirController, Transport] | None = None

    async def plug(self) -> None:
        if self._plugged is not None:
            return
        transport = await open_vhci_transport(None)
        # The kernel's first command is read when the loop turns: the controller is there by then.
        controller = AirController(
            f"adapter-{self.address[-2:]}",
            self._air,
            host_source=transport.source,
            host_sink=transport.sink,
        )
        controller.public_address = hci.Address(self.address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        self._air.on_address_changed(controller)
        self._plugged = controller, transport

    async def pull(self) -> None:
        """As a dongle: the kernel's adapter goes, and its peers see the link time out."""
        if self._plugged is not None:
            controller, transport = self._plugged
            self._plugged = None
            self._air.remove_controller(controller)
            await transport.close()
