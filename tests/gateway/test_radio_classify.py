"""Every exception of bleak has a class, and the class decides what happens next."""

from __future__ import annotations

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from gateway.link_events import Failure
from gateway.radio_errors import NOT_AVAILABLE, classify
from gateway.uuids import long, short

Why = BleakBluetoothNotAvailableReason


def not_available(reason: BleakBluetoothNotAvailableReason) -> BleakError:
    return BleakBluetoothNotAvailableError("no", reason)


def dbus(name: str, text: str = "") -> BleakDBusError:
    return BleakDBusError(name, [text] if text else [])


@pytest.mark.parametrize(
    ("error", "failure", "problem"),
    [
        (TimeoutError(), Failure.TRANSIENT, "timeout"),
        (not_available(Why.NO_BLUETOOTH), Failure.ADAPTER_DOWN, "no_adapter"),
        (not_available(Why.NO_BLE_CENTRAL_ROLE), Failure.ADAPTER_DOWN, "no_adapter"),
        (not_available(Why.POWERED_OFF), Failure.ADAPTER_DOWN, "powered_off"),
        (not_available(Why.DENIED_BY_USER), Failure.ADAPTER_DOWN, "no_permission"),
        (dbus("org.bluez.Error.NotReady"), Failure.ADAPTER_DOWN, "powered_off"),
        (
            dbus("org.freedesktop.DBus.Error.ServiceUnknown"),
            Failure.ADAPTER_DOWN,
            "no_bluetooth_service",
        ),
        (
            dbus("org.freedesktop.DBus.Error.Spawn.ChildExited"),
            Failure.ADAPTER_DOWN,
            "no_bluetooth_service",
        ),
        (
            dbus("org.freedesktop.DBus.Error.AccessDenied"),
            Failure.ADAPTER_DOWN,
            "no_permission",
        ),
        (FileNotFoundError("/run/dbus"), Failure.ADAPTER_DOWN, "no_bluetooth_service"),
        (PermissionError(), Failure.ADAPTER_DOWN, "no_permission"),
        (BleakDeviceNotFoundError("C0:DE:00:00:00:01"), Failure.DEVICE_GONE, "gone"),
        (
            BleakError("device 'dev_C0_DE_00_00_00_01' not found"),
            Failure.DEVICE_GONE,
            "gone",
        ),
        (
            BleakError(
                "Device with address C0:DE:00:00:00:01 was not found. It may have been removed "
                "from BlueZ when scanning stopped."
            ),
            Failure.DEVICE_GONE,
            "gone",
        ),
        (dbus("org.freedesktop.DBus.Error.UnknownObject"), Failure.DEVICE_GONE, "gone"),
        (
            dbus("org.bluez.Error.Failed", "le-connection-abort-by-local"),
            Failure.TRANSIENT,
            "transient",
        ),
        (dbus("org.bluez.Error.InProgress"), Failure.TRANSIENT, "in_progress"),
        (
            dbus("org.bluez.Error.Failed", "Input/output error"),
            Failure.ADAPTER_DOWN,
            "adapter_error",
        ),
        (BleakError("adapter 'hci1' not found"), Failure.ADAPTER_DOWN, "no_adapter"),
        (dbus("org.bluez.Error.NotAuthorized"), Failure.PROTOCOL, "protocol"),
        (dbus("org.freedesktop.DBus.Error.LimitsExceeded"), Failure.TRANSIENT, "bus_full"),
        (
            dbus("org.bluez.Error.Failed", "Connection Limit Exceeded"),
            Failure.OUT_OF_SLOTS,
            "no_free_slot",
        ),
        (
            dbus("org.bluez.Error.Failed", "le-connection-concurrent-connection-limit"),
            Failure.OUT_OF_SLOTS,
            "no_free_slot",
        ),
        (
            dbus("org.bluez.Error.Failed", "le-connection-memory-allocation"),
            Failure.OUT_OF_SLOTS,
            "no_free_slot",
        ),
        (
            dbus("org.bluez.Error.Failed", "le-connection-adapter-not-powered"),
            Failure.ADAPTER_DOWN,
            "adapter_error",
        ),
        (
            dbus("org.bluez.Error.Failed", "Cannot allocate memory"),
            Failure.OUT_OF_SLOTS,
            "no_free_slot",
        ),
        (BleakError("failed to discover services, device disconnected"), Failure.TRANSIENT, None),
        (BleakError("Not connected"), Failure.TRANSIENT, None),
        (BleakGATTProtocolError(0x80), Failure.PROTOCOL, "protocol"),
        (BleakGATTProtocolError(0x11), Failure.OUT_OF_SLOTS, "no_free_slot"),
        (BleakCharacteristicNotFoundError("2a19"), Failure.PROTOCOL, "protocol"),
        (EOFError(), Failure.TRANSIENT, None),
        (KeyError("x"), Failure.BUG, "bug"),
    ],
)
def test_each_error_has_its_class(
    error: BaseException, failure: Failure, problem: str | None
) -> None:
    found, said = classify(error)
    assert found is failure
    assert said == (problem or "transient")


def test_every_reason_of_bleak_is_known() -> None:
    assert set(NOT_AVAILABLE) == set(BleakBluetoothNotAvailableReason)


def test_uuids_are_shortened_only_when_they_are_of_the_sig() -> None:
    assert short(long("2a37")) == short(long("2a37").upper()) == "2a37"
    assert short("6E40FEC1-B5A3-F393-E0A9-E50E24DCCA9E") == "fec1"
    assert long("fec1") == "6e40fec1-b5a3-f393-e0a9-e50e24dcca9e"
    assert short("0000fec1-0000-1000-8000-00805f9b34fb") == ""  # a member's number, not Tacx's
    assert short("6e40fec9-b5a3-f393-e0a9-e50e24dcca9e") == ""
