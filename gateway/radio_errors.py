"""Every exception of bleak, of D-Bus and of what lies below them has a class; the class decides."""

from __future__ import annotations

from dataclasses import dataclass

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from gateway.link_events import Failure
from gateway.radio import RadioError


@dataclass(frozen=True, slots=True)
class _Class:
    failure: Failure
    problem: str


_GONE = _Class(Failure.DEVICE_GONE, "gone")
_TRANSIENT = _Class(Failure.TRANSIENT, "transient")
_PROTOCOL = _Class(Failure.PROTOCOL, "protocol")
_SLOTS = _Class(Failure.OUT_OF_SLOTS, "no_free_slot")
IN_PROGRESS = _Class(Failure.TRANSIENT, "in_progress")
_NO_ADAPTER = _Class(Failure.ADAPTER_DOWN, "no_adapter")
_BROKEN = _Class(Failure.ADAPTER_DOWN, "adapter_error")
_OFF = _Class(Failure.ADAPTER_DOWN, "powered_off")
_NO_SERVICE = _Class(Failure.ADAPTER_DOWN, "no_bluetooth_service")
_DENIED = _Class(Failure.ADAPTER_DOWN, "no_permission")
_DENIED_BY_DEVICE = _Class(Failure.PROTOCOL, "protocol")

_Why = BleakBluetoothNotAvailableReason
NOT_AVAILABLE: dict[BleakBluetoothNotAvailableReason, _Class] = {
    _Why.NO_BLUETOOTH: _NO_ADAPTER,
    _Why.NO_BLE_CENTRAL_ROLE: _NO_ADAPTER,
    _Why.POWERED_OFF: _OFF,
    _Why.DENIED_BY_USER: _DENIED,
    _Why.DENIED_BY_SYSTEM: _DENIED,
    _Why.DENIED_BY_UNKNOWN: _DENIED,
    _Why.UNKNOWN: _NO_SERVICE,
}
DBUS: dict[str, _Class] = {
    "org.bluez.Error.NotReady": _OFF,
    "org.bluez.Error.InProgress": IN_PROGRESS,
    "org.bluez.Error.DoesNotExist": _GONE,
    "org.bluez.Error.NotSupported": _PROTOCOL,
    "org.bluez.Error.NotPermitted": _PROTOCOL,
    "org.bluez.Error.InvalidArguments": _PROTOCOL,
    "org.bluez.Error.InvalidOffset": _PROTOCOL,
    "org.bluez.Error.NotAuthorized": _DENIED_BY_DEVICE,
    "org.bluez.Error.AuthenticationFailed": _DENIED_BY_DEVICE,
    "org.bluez.Error.AuthenticationCanceled": _DENIED_BY_DEVICE,
    "org.bluez.Error.AuthenticationRejected": _DENIED_BY_DEVICE,
    "org.bluez.Error.AuthenticationTimeout": _TRANSIENT,
    "org.bluez.Error.ConnectionAttemptFailed": _TRANSIENT,
    "org.bluez.Error.NotConnected": _TRANSIENT,
    "org.bluez.Error.AlreadyConnected": _TRANSIENT,
    "org.bluez.Error.NotAvailable": _TRANSIENT,
    "org.bluez.Error.Failed": _TRANSIENT,
    "org.freedesktop.DBus.Error.UnknownObject": _GONE,
    "org.freedesktop.DBus.Error.UnknownMethod": _GONE,  # of an object that is no longer there
    "org.freedesktop.DBus.Error.AccessDenied": _DENIED,
    "org.freedesktop.DBus.Error.ServiceUnknown": _NO_SERVICE,
    "org.freedesktop.DBus.Error.NameHasNoOwner": _NO_SERVICE,
    "org.freedesktop.DBus.Error.Spawn.ChildExited": _NO_SERVICE,
    "org.freedesktop.DBus.Error.NoServer": _NO_SERVICE,
    "org.freedesktop.DBus.Error.Disconnected": _NO_SERVICE,
    "org.freedesktop.DBus.Error.UnknownInterface": _GONE,
    "org.freedesktop.DBus.Error.UnknownProperty": _GONE,
    "org.freedesktop.DBus.Error.InvalidArgs": _PROTOCOL,
    "org.freedesktop.DBus.Error.NoReply": _TRANSIENT,
    "org.freedesktop.DBus.Error.Timeout": _TRANSIENT,
    "org.freedesktop.DBus.Error.TimedOut": _TRANSIENT,
    # The bus daemon's bound, often 256 connections a user: somebody leaks them.
    "org.freedesktop.DBus.Error.LimitsExceeded": _Class(Failure.TRANSIENT, "bus_full"),
}
# What bluetoothd and the kernel say, inside org.bluez.Error.Failed, when the controller is full:
# strerror of what the kernel answers, since BlueZ 5.63 a word of its own (src/error.c).
FULL = (
    "limit exceeded",
    "limited resources",
    "cannot allocate",
    "no resources",
    "too many",
    "concurrent-connection-limit",
    "connection-memory-allocation",
)
# What they say there when the controller is gone, off or wedged; of a device they never say it.
BROKEN = (
    "input/output error",
    "no such device",
    "not powered",
    "not-powered",
    "network is down",
)
# In org.bluez.Error.NotPermitted: another client's, until the link ends. A new link has it.
HELD = ("notify acquired",)
# Plain BleakError texts that mean that the device object is stale.
STALE = (
    "was not found",
    "not found. it may have been removed",
    "removed from bluez",
    "' not found",
)


def classify(error: BaseException) -> tuple[Failure, str]:
    """The class of any exception of bleak or of what lies below it, and the problem in a word."""
    found = _classify(error)
    return found.failure, found.problem


def _classify(error: BaseException) -> _Class:
    match error:
        case TimeoutError():
            return _Class(Failure.TRANSIENT, "timeout")
        case BleakBluetoothNotAvailableError():
            return NOT_AVAILABLE.get(error.reason, _NO_SERVICE)
        case BleakDeviceNotFoundError():
            return _GONE
        case BleakGATTProtocolError():
            busy = error.code is BleakGATTProtocolErrorCode.INSUFFICIENT_RESOURCE
            return _SLOTS if busy else _PROTOCOL
        case BleakCharacteristicNotFoundError():
            return _PROTOCOL
        case BleakDBusError():
            if _says(error, FULL):
                return _SLOTS
            if error.dbus_error == "org.bluez.Error.Failed" and _says(error, BROKEN):
                return _BROKEN
            if _says(error, HELD):
                return _Class(Failure.TRANSIENT, "notify_held")
            return DBUS.get(error.dbus_error, _TRANSIENT)
        case BleakError():
            if _says(error, ("adapter '",)):
                return _NO_ADAPTER  # unplugged
            return _GONE if _says(error, STALE) else _TRANSIENT
        case PermissionError():
            return _DENIED
        case FileNotFoundError() | ConnectionRefusedError():
            return _NO_SERVICE  # the system bus's socket
        case OSError() | EOFError():
            return _TRANSIENT
    return _Class(Failure.BUG, "bug")


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)


def translated(error: BaseException) -> RadioError:
    failure, problem = classify(error)
    return RadioError(failure, problem, type(error).__name__)
