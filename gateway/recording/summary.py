"""What came of a replay: by sensor its link's states, its readings, and what went wrong. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from hub.wire.uplink import AdapterState, SensorState, TrainerState
from hub.wire.values import Reading

STEPS_MAX = 500  # of a sensor's link, or a trainer's steering; later ones are only counted

_JSON = msgspec.json.Encoder()


class Steps:
    """What something went through, one after the other."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.more = 0
        self._last = ""

    def add(self, step: str) -> None:
        if step == self._last:
            return
        self._last = step
        if len(self.shown) < STEPS_MAX:
            self.shown.append(step)
        else:
            self.more += 1


class SensorSummary:
    def __init__(self) -> None:
        self.name = ""
        self.kinds: tuple[str, ...] = ()
        self.links = Steps()
        self.steering = Steps()
        self.readings: Counter[str] = Counter()
        self.nonsense = 0
        self._digest = hashlib.sha256()

    def reading(self, reading: Reading) -> None:
        self.readings[reading.char] += 1
        self._digest.update(reading.char.encode() + _JSON.encode(reading.m))

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": self.name,
            "kinds": list(self.kinds),
            "links": self.links.shown,
            "readings": dict(sorted(self.readings.items())),
            "digest": self._digest.hexdigest()[:16] if self.readings else "",
            "nonsense": self.nonsense,
        }
        if self.steering.shown:
            told["steering"] = self.steering.shown
        if self.links.more or self.steering.more:
            told["more_steps"] = self.links.more + self.steering.more
        return told


class Summary:
    """`digest` is over all that was measured, without its times: the same readings, the same."""

    def __init__(self) -> None:
        self.sensors: dict[int, SensorSummary] = {}
        self._adapters = Steps()
        self._count = 0
        self._ended: dict[str, Any] = {}

    def reading(self, reading: Reading, device: int) -> int:
        self._of(device).reading(reading)
        self._count += 1
        return self._count

    def sensor(self, state: SensorState, device: int) -> None:
        sensor = self._of(device)
        sensor.name = state.name
        sensor.kinds = tuple(kind.value for kind in state.kinds)
        sensor.nonsense = state.nonsense_count
        sensor.links.add(f"{state.link.value} {state.problem}".rstrip())

    def trainer(self, state: TrainerState, device: int) -> None:
        # Without its target: a ramp would be a step a second.
        self._of(device).steering.add(f"{state.status.value} {state.reason}".rstrip())

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        self._adapters.add(", ".join(f"{s.name} {s.problem or 'up'}" for s in states))

    def close(self, last_us: int, differences: Mapping[str, int], *, torn: bool) -> None:
        self._ended = {
            "seconds": round(last_us / 1e6),
            "torn": torn,
            "differences": dict(sorted(differences.items())),
        }

    def told(self) -> dict[str, Any]:
        sensors = {str(device): self.sensors[device].told() for device in sorted(self.sensors)}
        return {**self._ended, "adapters": self._adapters.shown, "sensors": sensors}

    def lines(self) -> list[str]:
        """For people. Without anybody's measurements."""
        ended = self._ended
        torn = ", its end is missing or damaged" if ended["torn"] else ""
        lines = [f"{ended['seconds']} s{torn}", *(f"adapters: {a}" for a in self._adapters.shown)]
        for device, sensor in sorted(self.sensors.items()):
            kinds = ", ".join(sensor.kinds) or "kind unknown"
            lines.append(f"{device}: {sensor.name or 'nameless'} ({kinds})")
            read = ", ".join(f"{char} {n}" for char, n in sorted(sensor.readings.items()))
            lines.append(f"   readings: {read or 'none'}; nonsense: {sensor.nonsense}")
            lines.append(f"   link: {' > '.join(sensor.links.shown)}")
            if sensor.steering.shown:
                lines.append(f"   steering: {' > '.join(sensor.steering.shown)}")
        for what, count in ended["differences"].items():
            lines.append(f"otherwise than recorded: {what}, {count} times")
        return lines

    def _of(self, device: int) -> SensorSummary:
        return self.sensors.setdefault(device, SensorSummary())
