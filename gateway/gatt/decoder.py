"""One sensor's notifications, in order -> measurements.

Holds what one frame cannot tell: the counters that turn revolutions into cadence and speed, and
the model's quirks. A record that a machine splits over several frames (Stages SB20, Yesoul S3)
stays split: each measurement holds what its frame carries, and fusion keeps every metric's newest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.gatt import (
    battery,
    cycling_power,
    cycling_speed_cadence,
    fitness_machine,
    heart_rate,
    running_speed_cadence,
    tacx_fec,
)
from gateway.gatt.layout import Layout, Nonsense, Values
from gateway.gatt.quirks import repairs
from gateway.gatt.revolutions import CounterSpec, Revolutions
from hub.wire.values import Measurement

MOST_CRANK_RPM = 200
MOST_WHEEL_RPM = 1000  # 126 km/h on a road wheel

LAYOUTS: dict[str, Callable[[], Layout]] = {
    "2a37": heart_rate.measurement,
    "2a53": running_speed_cadence.measurement,
    "2a5b": cycling_speed_cadence.measurement,
    "2a63": cycling_power.measurement,
    "2acd": fitness_machine.treadmill,
    "2ace": fitness_machine.cross_trainer,
    "2ad1": fitness_machine.rower,
    "2ad2": fitness_machine.indoor_bike,
}

SINGLE_VALUES: dict[str, Callable[[bytes], Values | Nonsense]] = {
    "2a19": battery.level,
    "2a38": heart_rate.body_location,
    "fec2": tacx_fec.measurement,
}

CHARS = frozenset(LAYOUTS) | frozenset(SINGLE_VALUES)
"""Characteristics that become measurements."""


class _Derived(NamedTuple):
    revs: str
    time_s: str
    result: str
    counter: CounterSpec
    most_rpm: float


DERIVED: dict[str, tuple[_Derived, ...]] = {
    char: (
        _Derived("crank_revs", "crank_time_s", "cadence_rpm", service_crank, MOST_CRANK_RPM),
        _Derived("wheel_revs", "wheel_time_s", "speed_kmh", service_wheel, MOST_WHEEL_RPM),
    )
    for char, service_crank, service_wheel in (
        ("2a5b", cycling_speed_cadence.CRANK, cycling_speed_cadence.WHEEL),
        ("2a63", cycling_power.CRANK, cycling_power.WHEEL),
    )
}


class _Rate:
    """A counter, and what one revolution per minute of it is worth in the result's unit."""

    def __init__(self, row: _Derived, per_rpm: float) -> None:
        self.revs = row.revs
        self.time_s = row.time_s
        self.result = row.result
        self.per_rpm = per_rpm
        self.counter = Revolutions(row.counter, row.most_rpm)


class Decoder:
    """State of one connection of one sensor: its counters may start again with the next.

    `model` is its advertised name or model and selects quirks. Without `wheel_circumference_m`
    wheel revolutions give no speed: a guessed wheel would give a number that looks measured.
    """

    def __init__(
        self, model: str | None = None, *, wheel_circumference_m: float | None = None
    ) -> None:
        self._read: dict[str, Callable[[bytes], Values | Nonsense]] = dict(SINGLE_VALUES)
        for char, layout in LAYOUTS.items():
            self._read[char] = layout().repaired(repairs(char, model)).read
        self._rates: dict[str, tuple[_Rate, ...]] = {}
        for char, rows in DERIVED.items():
            self._rates[char] = tuple(
                _Rate(row, per_rpm)
                for row in rows
                if (per_rpm := _per_rpm(row.result, wheel_circumference_m)) is not None
            )

    def feed(self, char: str, data: bytes, at_ms: int) -> Measurement | Nonsense:
        """One notification of `char` (four hex digits, lower case), arrived at `at_ms`.

        Any steady clock will do. Never raises on what a device sends.
        """
        read = self._read.get(char)
        if read is None:
            return Nonsense(f"characteristic {char} is not one that measures")
        values = read(data)
        if isinstance(values, Nonsense):
            return values
        for rate in self._rates.get(char, ()):
            revs, time_s = values.get(rate.revs), values.get(rate.time_s)
            if revs is None or time_s is None:
                continue
            rpm = rate.counter.feed(revs, time_s, at_ms)
            if rpm is not None:
                values[rate.result] = rpm * rate.per_rpm
        return Measurement(**values)

    def idle_at_ms(self) -> int | None:
        """When `idle` has something to say if no frame comes before; None: nothing in sight."""
        due = [rate.counter.idle_at_ms() for rates in self._rates.values() for rate in rates]
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def idle(self, at_ms: int) -> list[tuple[str, Measurement]]:
        """What silence means, by characteristic: 0 cadence or speed, once, when the coast is over.

        A machine that counts the crank in two characteristics may fall silent in one of them.
        """
        ended = []
        for char, rates in self._rates.items():
            values: Values = {}
            for rate in rates:
                rpm = rate.counter.idle(at_ms)
                if rpm is not None:
                    values[rate.result] = rpm
            if values:
                ended.append((char, Measurement(**values)))
        return ended


def _per_rpm(result: str, wheel_circumference_m: float | None) -> float | None:
    if result == "cadence_rpm":
        return 1.0
    if wheel_circumference_m is None:
        return None
    return wheel_circumference_m * 60 / 1000
