"""Which sensors are supported, what is read of them and what is expected of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.silence import Stream
from hub.wire.uplink import SensorKind

HEART_RATE, POWER, SPEED_CADENCE, FITNESS_MACHINE, RUNNING = "180d", "1818", "1816", "1826", "1814"
TACX_FEC = "fec1"
SERVICES: dict[str, tuple[SensorKind, ...]] = {
    HEART_RATE: (SensorKind.HEART_RATE,),
    POWER: (SensorKind.POWER,),
    SPEED_CADENCE: (SensorKind.CADENCE, SensorKind.SPEED),
    FITNESS_MACHINE: (SensorKind.TRAINER,),
    RUNNING: (SensorKind.RUN,),
    TACX_FEC: (SensorKind.TRAINER,),
}

# The measuring characteristics, and how often they notify. A strap and a machine notify whether
# or not anything moves; pods and cranks fall silent at rest.
STREAMS = (
    Stream("2a37", 1_000, steady=True),
    Stream("2acd", 1_000, steady=True),
    Stream("2ace", 1_000, steady=True),
    Stream("2ad1", 1_000, steady=True),
    Stream("2ad2", 1_000, steady=True),
    Stream("fec2", 1_000, steady=True),
    Stream("2a63", 1_000, steady=False),
    Stream("2a5b", 1_000, steady=False),
    Stream("2a53", 1_000, steady=False),
)
KINDS_BY_STREAM: dict[str, tuple[SensorKind, ...]] = {
    "2a37": SERVICES[HEART_RATE],
    "2acd": (SensorKind.TREADMILL,),
    "2ace": (SensorKind.CROSS_TRAINER,),
    "2ad1": (SensorKind.ROWER,),
    "2ad2": SERVICES[FITNESS_MACHINE],
    "fec2": SERVICES[TACX_FEC],
    "e005": SERVICES[FITNESS_MACHINE],  # steers a trainer that measures by Cycling Power
    "2a63": SERVICES[POWER],
    "2a5b": SERVICES[SPEED_CADENCE],
    "2a53": SERVICES[RUNNING],
}

# Machines whose target is no power: a plan must not reach a belt that somebody runs on.
UNSTEERED = frozenset({"2acd", "2ace", "2ad1"})

BATTERY = "2a19"
MANUFACTURER, MODEL, SERIAL, FIRMWARE = "2a29", "2a24", "2a25", "2a26"
CSC_FEATURE, POWER_FEATURE = "2a5c", "2a65"
MACHINE_FEATURE, RESISTANCE_RANGE, POWER_RANGE = "2acc", "2ad6", "2ad8"
CONTROL_POINT = "2ad9"
ALERT_LEVEL = "2a06"  # Immediate Alert Service 1.0: makes a device show itself
READ_ON_CONNECT = (
    *(BATTERY, MANUFACTURER, MODEL, SERIAL, FIRMWARE),
    *(CSC_FEATURE, POWER_FEATURE, MACHINE_FEATURE, RESISTANCE_RANGE, POWER_RANGE),
)
# What a probe of a silent link reads: the first that the sensor has.
PROBES = (BATTERY, MODEL, MANUFACTURER, MACHINE_FEATURE, POWER_FEATURE, CSC_FEATURE)

TEXT_MAX = 64  # bytes: a full room of sensors must fit one frame of the uplink


def kinds_of(services: Collection[str]) -> tuple[SensorKind, ...]:
    """As far as the advertisement tells."""
    return _in_order({kind for service in services for kind in SERVICES.get(service, ())})


def kinds_found(streams: Collection[str], read: Mapping[str, bytes]) -> tuple[SensorKind, ...]:
    """After the connection: the features tell a cadence pod from a speed pod.

    CSCS 1.0 3.2 (0x2A5C): bit 0 wheel, bit 1 crank. CPS 1.1 3.1 (0x2A65): bit 3 crank revolutions.
    """
    kinds = {kind for char in streams for kind in KINDS_BY_STREAM.get(char, ())}
    if "2a5b" in streams and len(feature := read.get(CSC_FEATURE, b"")) >= 2:
        pod = {SensorKind.SPEED} if feature[0] & 1 else set()
        if feature[0] & 2:
            pod.add(SensorKind.CADENCE)
        if pod:
            kinds = kinds - {SensorKind.CADENCE, SensorKind.SPEED} | pod
    if "2a63" in streams and len(feature := read.get(POWER_FEATURE, b"")) >= 4 and feature[0] & 8:
        kinds.add(SensorKind.CADENCE)
    return _in_order(kinds)


def streams_of(characteristics: Collection[str]) -> tuple[Stream, ...]:
    """What to listen to. A trainer that has both says the same in FE-C as in Indoor Bike Data."""
    twice = {"fec2"} if "2ad2" in characteristics else set()
    return tuple(s for s in STREAMS if s.char in characteristics and s.char not in twice)


def is_steered(characteristics: Collection[str]) -> bool:
    """Whether a machine with a control point is one that plans are for."""
    return "2ad2" in characteristics or UNSTEERED.isdisjoint(characteristics)


def text(data: bytes) -> str:
    """A Device Information string: UTF-8, often closed or padded with zeros."""
    return cleaned(data.split(b"\0", 1)[0].decode("utf-8", "replace"))


def cleaned(said: str) -> str:
    """What a device says of itself, printable, in at most TEXT_MAX bytes of UTF-8."""
    printable = "".join(c for c in said if c.isprintable()).strip()
    return printable.encode("utf-8", "replace")[:TEXT_MAX].decode("utf-8", "ignore")


def _in_order(kinds: set[SensorKind]) -> tuple[SensorKind, ...]:
    return tuple(kind for kind in SensorKind if kind in kinds)
