"""What can be made to go wrong with the emulated BlueZ, per call, as a table. Pure.

A fault waits for the call that it belongs to, strikes it, and is used up. An error alone is
answered before the call does anything; what a fault without one does is in `adapter` and `device`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware_sim.fake_bluez import errors
from firmware_sim.fake_bluez.errors import BLUEZ

MAX_PLANNED = 64
MAX_TIMES = 10_000
LOSS = "loss"  # no call: a link that ends


class Kind(StrEnum):
    SCAN_BUSY = "scan_busy"
    SCAN_DEAF = "scan_deaf"
    SCAN_HANGS = "scan_hangs"
    SCAN_STOP_BUSY = "scan_stop_busy"
    SCAN_FORGETS = "scan_forgets"
    CONNECT_ABORTED = "connect_aborted"
    CONNECT_ABORTED_QUIETLY = "connect_aborted_quietly"
    CONNECT_HANGS = "connect_hangs"
    CONNECT_BUSY = "connect_busy"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_FULL = "connect_full"
    CONNECT_NO_MEMORY = "connect_no_memory"
    CONNECT_FORGOTTEN = "connect_forgotten"
    SERVICES_LOST = "services_lost"
    SERVICES_NEVER = "services_never"
    DISCONNECT_SLOW = "disconnect_slow"
    DISCONNECT_HANGS = "disconnect_hangs"
    LOSS_UNTOLD = "loss_untold"
    NOTIFY_REFUSED = "notify_refused"
    NOTIFY_DEAF = "notify_deaf"
    READ_BUSY = "read_busy"
    READ_FAILS = "read_fails"
    READ_HANGS = "read_hangs"
    WRITE_BUSY = "write_busy"
    WRITE_FAILS = "write_fails"
    WRITE_HANGS = "write_hangs"
    SWITCH_BUSY = "switch_busy"
    NO_REPLY = "no_reply"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Rule:
    """The call that a kind strikes ("" any of Device1 and the attributes), and what is answered.

    `error`: name and text of an error reply. `hangs`: no answer at all.
    """

    call: str
    help: str
    error: tuple[str, str] | None = None
    hangs: bool = False


_BUSY = (BLUEZ + "InProgress", "Operation already in progress")
_UNLIKELY = (BLUEZ + "Failed", "Operation failed with ATT error: 0x0e")
_START, _STOP = "Adapter1.StartDiscovery", "Adapter1.StopDiscovery"
_CONNECT, _DISCONNECT = "Device1.Connect", "Device1.Disconnect"
_NOTIFY = "GattCharacteristic1.StartNotify"
_READ, _WRITE = "GattCharacteristic1.ReadValue", "GattCharacteristic1.WriteValue"

RULES: dict[Kind, Rule] = {
    Kind.SCAN_BUSY: Rule(_START, "a scan is said to run already", _BUSY),
    Kind.SCAN_DEAF: Rule(_START, "the scan starts and finds nothing until it is started anew"),
    Kind.SCAN_HANGS: Rule(_START, "no answer", hangs=True),
    Kind.SCAN_STOP_BUSY: Rule(_STOP, "the scan ends, yet the answer is InProgress"),
    Kind.SCAN_FORGETS: Rule(_STOP, "devices that are not connected are forgotten at once"),
    Kind.CONNECT_ABORTED: Rule(
        _CONNECT, "connected for an instant, then le-connection-abort-by-local"
    ),
    Kind.CONNECT_ABORTED_QUIETLY: Rule(
        _CONNECT,
        "le-connection-abort-by-local without ever having been connected",
        (BLUEZ + "Failed", errors.ABORTED),
    ),
    Kind.CONNECT_HANGS: Rule(_CONNECT, "no answer until a Disconnect"),
    Kind.CONNECT_BUSY: Rule(_CONNECT, "a connect is said to be under way", _BUSY),
    Kind.CONNECT_REFUSED: Rule(_CONNECT, "the device refuses", (BLUEZ + "Failed", errors.REFUSED)),
    Kind.CONNECT_FULL: Rule(
        _CONNECT, "the controller holds no more links", (BLUEZ + "Failed", errors.FULL)
    ),
    Kind.CONNECT_NO_MEMORY: Rule(
        _CONNECT, "the controller has no memory left", (BLUEZ + "Failed", errors.NO_MEMORY)
    ),
    Kind.CONNECT_FORGOTTEN: Rule(_CONNECT, "the device has just been forgotten"),
    Kind.SERVICES_LOST: Rule(_CONNECT, "the link is lost before the services are known"),
    Kind.SERVICES_NEVER: Rule(_CONNECT, "connected, but the services are never resolved"),
    Kind.DISCONNECT_SLOW: Rule(_DISCONNECT, "2 s more than it takes anyway"),
    Kind.DISCONNECT_HANGS: Rule(_DISCONNECT, "no answer, and the link stays", hangs=True),
    Kind.LOSS_UNTOLD: Rule(LOSS, "the link ends and Connected stays true"),
    Kind.NOTIFY_REFUSED: Rule(
        _NOTIFY, "notifications are somebody else's", (BLUEZ + "NotPermitted", "Notify acquired")
    ),
    Kind.NOTIFY_DEAF: Rule(_NOTIFY, "it succeeds, and nothing ever comes"),
    Kind.READ_BUSY: Rule(_READ, "another operation is under way", _BUSY),
    Kind.READ_FAILS: Rule(_READ, "the device has an unlikely error", _UNLIKELY),
    Kind.READ_HANGS: Rule(_READ, "no answer", hangs=True),
    Kind.WRITE_BUSY: Rule(_WRITE, "another operation is under way", _BUSY),
    Kind.WRITE_FAILS: Rule(_WRITE, "the device has an unlikely error", _UNLIKELY),
    Kind.WRITE_HANGS: Rule(_WRITE, "no answer", hangs=True),
    Kind.SWITCH_BUSY: Rule(
        "Properties.Set", "bluetoothd is switching the adapter itself", (BLUEZ + "Busy", "")
    ),
    Kind.NO_REPLY: Rule(
        "",
        "the bus gives up waiting for bluetoothd",
        ("org.freedesktop.DBus.Error.NoReply", "Did not receive a reply"),
    ),
    Kind.DENIED: Rule(
        "",
        "the bus's policy forbids it",
        ("org.freedesktop.DBus.Error.AccessDenied", "Rejected send message"),
    ),
}
_ANY_OF = ("Device1.", "GattCharacteristic1.", "GattDescriptor1.")


class FaultError(ValueError):
    """A fault that cannot be; the message says what may be asked."""


@dataclass(slots=True)
class _Planned:
    kind: Kind
    left: int
    where: str


class Faults:
    """Those that wait for their call."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def plan(self, kind: str, times: int = 1, address: str = "") -> None:
        """Let the next `times` calls that `kind` belongs to go wrong.

        Args:
            address: only those on this device; "" on any.

        Raises:
            FaultError: unknown kind, a number out of range, or too many planned.
        """
        try:
            known = Kind(kind)
        except ValueError:
            known_kinds = ", ".join(Kind)
            message = f"no fault of BlueZ is called {kind!r}: choose one of {known_kinds}"
            raise FaultError(message) from None
        if not 1 <= times <= MAX_TIMES:
            raise FaultError(f"a fault strikes from 1 to {MAX_TIMES} times, not {times}")
        if len(self._planned) >= MAX_PLANNED:
            raise FaultError(f"{MAX_PLANNED} faults are planned already: wait until some strike")
        self._planned.append(_Planned(known, times, address.upper().replace(":", "_")))

    def clear(self) -> None:
        self._planned.clear()

    def waiting(self) -> dict[str, int]:
        """How many strikes are still planned, by kind."""
        left: dict[str, int] = {}
        for each in self._planned:
            left[each.kind] = left.get(each.kind, 0) + each.left
        return left

    def strike(self, call: str, path: str) -> Kind | None:
        """The fault that `call` on the object at `path` runs into; it is used up."""
        for each in self._planned:
            if _belongs(RULES[each.kind].call, call) and each.where in path:
                each.left -= 1
                if not each.left:
                    self._planned.remove(each)
                return each.kind
        return None


def _belongs(to: str, call: str) -> bool:
    return to == call if to else call.startswith(_ANY_OF)
