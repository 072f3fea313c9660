"""Characteristics and services by four hex digits: the SIG's numbers, and makers' own UUIDs."""

from __future__ import annotations

_BASE_UUID = "-0000-1000-8000-00805f9b34fb"

# Makers' UUIDs that mean something here, under names that the SIG's characteristics do not use.
VENDOR = {
    "6e40fec1-b5a3-f393-e0a9-e50e24dcca9e": "fec1",  # Tacx FE-C: the service
    "6e40fec2-b5a3-f393-e0a9-e50e24dcca9e": "fec2",  # pages from the trainer
    "6e40fec3-b5a3-f393-e0a9-e50e24dcca9e": "fec3",  # pages to it
    "a026e005-0a7d-4ab3-97fa-f1500f9feb8b": "e005",  # Wahoo: control of a trainer
}
_UUIDS = {name: uuid for uuid, name in VENDOR.items()}


def short(uuid: str) -> str:
    """Four hex digits of a UUID of the SIG or of VENDOR; "" of any other."""
    uuid = uuid.lower()
    if uuid.startswith("0000") and uuid.endswith(_BASE_UUID):
        return "" if uuid[4:8] in _UUIDS else uuid[4:8]
    return VENDOR.get(uuid, "")


def long(char: str) -> str:
    return _UUIDS.get(char) or f"0000{char}{_BASE_UUID}"
