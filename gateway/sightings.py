"""Which sensors are in the air, how well each adapter hears them, and who has them. Pure.

Made of what the radios did (`gateway.recording.records`) and of what the supervisor makes of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.recording.records import Heard, Looked, Orphans, Record
from gateway.supervisor import HELD_ELSEWHERE
from hub.wire.uplink import AdapterState, SensorState

LATELY_MS = 10_000
TREND_MS = 4_000  # the signal of so long is held against that of so long before
TREND_DB = 3.0  # less is what an arm in the way makes
SIGNALS_MAX = 64
STEP_DB = 8


class Trend(StrEnum):
    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    UNKNOWN = ""


class Holder(StrEnum):
    FREE = "free"  # it advertises: whoever asks may connect
    HERE = "held here"  # connected to this computer
    ELSEWHERE = "held elsewhere?"  # went quiet at full signal while others are heard
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Ear:
    adapter: str
    rssi_dbm: int
    trend: Trend
    heard_s: float  # ago


@dataclass(frozen=True, slots=True)
class Row:
    """`ears`: the adapter that hears it best comes first. `heard_s` None: not on the air."""

    sensor_id: str
    device: int
    name: str
    kinds: tuple[str, ...]
    holder: Holder
    ears: tuple[Ear, ...]
    heard_s: float | None

    def told(self) -> dict[str, Any]:
        return {
            "sensor": self.sensor_id,
            "name": self.name,
            "kinds": list(self.kinds),
            "holder": self.holder.value,
            "heard_s": self.heard_s,
            "adapters": {
                ear.adapter: {"rssi_dbm": ear.rssi_dbm, "trend": ear.trend.value}
                for ear in self.ears
            },
        }


@dataclass(slots=True)
class _Device:
    heard_us: int | None = None
    held_us: int | None = None  # last listed as connected to this computer
    signals: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)  # by radio: us, dBm


class Sightings:
    def __init__(self) -> None:
        self.adapters: tuple[AdapterState, ...] = ()
        self._devices: dict[int, _Device] = {}
        self._radios: dict[int, str] = {}
        self._states: dict[int, SensorState] = {}

    def happened(self, record: Record) -> None:
        match record:
            case Looked():
                self._radios = {seen.radio: seen.name for seen in record.radios}
            case Heard():
                device = self._devices.setdefault(record.device, _Device())
                device.heard_us = record.at_us
                if record.rssi_dbm is not None:
                    signals = device.signals.setdefault(record.radio, deque(maxlen=SIGNALS_MAX))
                    signals.append((record.at_us, record.rssi_dbm))
            case Orphans():
                for found in record.found:
                    self._devices.setdefault(found.device, _Device()).held_us = record.at_us
            case _:
                pass

    def told(self, device: int, state: SensorState) -> None:
        self._states[device] = state

    def forgotten(self, sensor_id: str) -> None:
        for device in [d for d, state in self._states.items() if state.sensor_id == sensor_id]:
            del self._states[device]
            self._devices.pop(device, None)

    def rows(self, now_us: int) -> list[Row]:
        """The loudest first, then what is not on the air."""
        rows = [self._row(device, state, now_us) for device, state in self._states.items()]
        return sorted(rows, key=lambda row: (-_loudest(row), row.name, row.sensor_id))

    def _row(self, number: int, state: SensorState, now_us: int) -> Row:
        device = self._devices.get(number, _Device())
        ears = [
            Ear(
                self._radios.get(radio, f"radio {radio}"),
                signals[-1][1],
                _trend(signals, now_us),
                _ago_s(signals[-1][0], now_us),
            )
            for radio, signals in device.signals.items()
        ]
        ears.sort(key=lambda ear: (ear.heard_s * 1_000 > LATELY_MS, -ear.rssi_dbm))
        heard_s = None if device.heard_us is None else _ago_s(device.heard_us, now_us)
        kinds = tuple(kind.value for kind in state.kinds)
        holder = _holder(device, state, now_us)
        return Row(state.sensor_id, number, state.name, kinds, holder, tuple(ears), heard_s)


def _holder(device: _Device, state: SensorState, now_us: int) -> Holder:
    heard_us = device.heard_us
    if device.held_us is not None and (heard_us is None or heard_us < device.held_us):
        return Holder.HERE
    if state.problem == HELD_ELSEWHERE:
        return Holder.ELSEWHERE
    lately = heard_us is not None and now_us - heard_us < LATELY_MS * 1_000
    return Holder.FREE if lately else Holder.QUIET


def _trend(signals: deque[tuple[int, int]], now_us: int) -> Trend:
    now, before = [], []
    for at_us, rssi_dbm in signals:
        ago_ms = (now_us - at_us) // 1_000
        if ago_ms < TREND_MS:
            now.append(rssi_dbm)
        elif ago_ms < 2 * TREND_MS:
            before.append(rssi_dbm)
    if not now or not before:
        return Trend.UNKNOWN
    rise = sum(now) / len(now) - sum(before) / len(before)
    if abs(rise) < TREND_DB:
        return Trend.STEADY
    return Trend.RISING if rise > 0 else Trend.FALLING


def _ago_s(at_us: int, now_us: int) -> float:
    return round(max(0, now_us - at_us) / 1e6, 1)


def _loudest(row: Row) -> int:
    """In steps: rows that change places twice a second cannot be read."""
    on_air = row.heard_s is not None and row.heard_s * 1_000 < LATELY_MS
    loudest = max((ear.rssi_dbm for ear in row.ears), default=-999)
    return loudest // STEP_DB - (0 if on_air else 1_000)
