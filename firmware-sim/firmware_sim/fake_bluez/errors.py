"""The errors of BlueZ, as it words them. bleak tells some of them apart by their text alone."""

from __future__ import annotations

BLUEZ = "org.bluez.Error."
UNKNOWN_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"

# Core specification Vol 3, Part F, 3.4.1.1, to the name and text that BlueZ has for the code; any
# other is "Failed" with the code in the text.
_OF_ATT: dict[int, tuple[str, str]] = {
    0x02: ("NotPermitted", "Read not permitted"),
    0x03: ("NotPermitted", "Write not permitted"),
    0x05: ("NotPermitted", "Not paired"),
    0x06: ("NotSupported", "Operation is not supported"),
    0x07: ("InvalidArguments", "Invalid offset"),
    0x08: ("NotAuthorized", "Operation Not Authorized"),
    0x0C: ("NotPermitted", "Not paired"),
    0x0D: ("InvalidArguments", "Invalid Length"),
    0x0F: ("NotPermitted", "Not paired"),
}

# What Device1.Connect says of a link that did not come about, since BlueZ 5.63.
ABORTED = "le-connection-abort-by-local"
CANCELLED = "br-connection-canceled"
FULL = "le-connection-concurrent-connection-limit"
NO_MEMORY = "le-connection-memory-allocation"
REFUSED = "le-connection-refused"


class BlueZError(Exception):
    """A call's error reply. `name` is whole ("org.bluez.Error.Failed")."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


def failed(text: str) -> BlueZError:
    return BlueZError(BLUEZ + "Failed", text)


def in_progress() -> BlueZError:
    return BlueZError(BLUEZ + "InProgress", "Operation already in progress")


def not_ready() -> BlueZError:
    return BlueZError(BLUEZ + "NotReady", "Resource Not Ready")


def not_connected() -> BlueZError:
    return BlueZError(BLUEZ + "NotConnected", "Not Connected")


def does_not_exist() -> BlueZError:
    return BlueZError(BLUEZ + "DoesNotExist", "Does Not Exist")


def not_supported() -> BlueZError:
    return BlueZError(BLUEZ + "NotSupported", "Operation is not supported")


def unknown(member: str, signature: str, interface: str) -> BlueZError:
    """libdbus: of an object that is not there, and of a method that it does not have."""
    text = f'Method "{member}" with signature "{signature}" on interface "{interface}"'
    return BlueZError(UNKNOWN_OBJECT, f"{text} doesn't exist\n")


def of_att(code: int) -> BlueZError:
    """A device's refusal, by its ATT error code."""
    if code in _OF_ATT:
        name, text = _OF_ATT[code]
        return BlueZError(BLUEZ + name, text)
    return failed(f"Operation failed with ATT error: 0x{code:02x}")
