"""Which adapter connects which sensor. Pure: the shell (`supervisor.py`) says what is, and acts.

Theory of operation
-------------------
`plan(sensors, adapters)` looks at everything at once and names only what is to be done now: who
begins to connect where, who waits for which adapter, who gets no slot, and who makes room. It
remembers nothing; after its plan is carried out it plans nothing new.

1. A link that lives is never moved for a better signal: a move is a gap in a ride. A sensor moves
   when its adapter dies, for then it asks again and the dead one is not a candidate.
2. Sensors that ask are served in order of `turn`: those of somebody's ride first, then trainers and
   straps, then power meters, then pods; among equals who came first. The order is strict: a slot
   that is kept for one who waits is not given to one behind.
3. Of the adapters that hear a sensor and have a free slot, the best score wins: signal in dB, less
   what speaks against the adapter. The one that held it last has STAY_DB in hand.
4. One connect at a time per adapter (bluetoothd aborts others). A busy adapter costs BUSY_DB; if
   it is the best all the same, the sensor waits for it.
5. With every slot taken, a sensor of somebody's ride takes the place of one that is nobody's.
6. An adapter that still closes its link to a sensor is not offered to it: a second client on the
   same device loses its link when the first one disconnects (bluetoothd 5.66).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.wire.uplink import SensorKind

STAY_DB = 6.0  # hysteresis: signals swing by so much when a rider moves
BUSY_DB = 6.0
FAILURE_DB = 8.0  # each failure of this sensor at this adapter, lately
FAILURES_COUNTED = 5
LOAD_DB = 6.0  # with every slot taken; less in proportion
LAST_SLOT_DB = 4.0  # kept for a sensor that no other adapter hears
UNKNOWN_DBM = -100.0  # a sensor found connected says no signal

_MACHINES = frozenset(
    {SensorKind.TRAINER, SensorKind.TREADMILL, SensorKind.ROWER, SensorKind.CROSS_TRAINER}
)


@dataclass(frozen=True, slots=True)
class AdapterView:
    """One adapter now. `used` counts links being opened and being closed too."""

    adapter_id: str
    up: bool
    slots: int
    used: int
    connecting: bool = False


@dataclass(frozen=True, slots=True)
class EarView:
    """How one adapter hears one sensor: smoothed signal, failures there lately."""

    rssi_dbm: float = UNKNOWN_DBM
    failures: int = 0


@dataclass(frozen=True, slots=True)
class SensorView:
    """One sensor now. `ears`: by adapter, those alone that have heard it lately."""

    sensor_id: str
    assigned: bool = False
    kinds: tuple[SensorKind, ...] = ()
    asked_ms: int | None = None  # since when it asks for a connection; None: it does not
    holder: str | None = None  # the adapter that holds it
    leaving: frozenset[str] = frozenset()  # adapters that close a link to it: slots still taken
    last: str | None = None  # the adapter that held it last
    ears: Mapping[str, EarView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """`begin`, `wait`: adapter by sensor. `refused`: sensors that get no slot. `evict`: sensors to
    let go of, so that one of `wait` gets theirs."""

    begin: Mapping[str, str]
    wait: Mapping[str, str]
    refused: frozenset[str]
    evict: frozenset[str]


def importance(kinds: Iterable[SensorKind]) -> int:
    """0 is served first."""
    kinds = frozenset(kinds)
    if not kinds.isdisjoint(_MACHINES) or SensorKind.HEART_RATE in kinds:
        return 0
    return 1 if not kinds or SensorKind.POWER in kinds else 2


def turn(sensor: SensorView) -> tuple[bool, int, int, str]:
    """Smaller is served earlier."""
    return (
        not sensor.assigned,
        importance(sensor.kinds),
        sensor.asked_ms or 0,
        sensor.sensor_id,
    )


def free_slots(adapter: AdapterView) -> int:
    """Sensors that this adapter could take now."""
    return max(0, adapter.slots - adapter.used) if adapter.up else 0


def score_db(ear: EarView, adapter: AdapterView, *, stays: bool) -> float:
    """The higher the better."""
    score = ear.rssi_dbm
    score -= FAILURE_DB * min(ear.failures, FAILURES_COUNTED)
    score -= LOAD_DB * adapter.used / max(1, adapter.slots)
    if adapter.connecting:
        score -= BUSY_DB
    if free_slots(adapter) == 1:
        score -= LAST_SLOT_DB
    return score + STAY_DB if stays else score


def plan(sensors: Sequence[SensorView], adapters: Sequence[AdapterView]) -> Plan:
    desks = {adapter.adapter_id: _Desk(adapter) for adapter in adapters if adapter.up}
    begin: dict[str, str] = {}
    wait: dict[str, str] = {}
    refused: set[str] = set()
    evict: set[str] = set()
    for adapter_id in (each for sensor in sensors for each in sensor.leaving):
        if adapter_id in desks:
            desks[adapter_id].leaving += 1
    asking = (s for s in sensors if s.asked_ms is not None and s.holder is None)
    for sensor in sorted(asking, key=turn):
        hearing = [
            desks[adapter_id]
            for adapter_id in sorted(sensor.ears.keys() - sensor.leaving)
            if adapter_id in desks
        ]
        if not hearing:
            continue  # no adapter that works hears it now: not the slots are what it lacks
        free = [desk for desk in hearing if desk.free() > 0]
        if free:
            best = max(free, key=lambda desk: desk.score_db(sensor))
            (wait if best.connecting else begin)[sensor.sensor_id] = best.adapter_id
            best.take(begins=not best.connecting)
        elif (cleared := _cleared(sensor, hearing, sensors, evict)) is not None:
            cleared.leaving -= 1
            wait[sensor.sensor_id] = cleared.adapter_id
        else:
            refused.add(sensor.sensor_id)
    return Plan(begin, wait, frozenset(refused), frozenset(evict))


class _Desk:
    """An adapter as it will be with what the plan has given away so far."""

    __slots__ = ("_kept", "_view", "adapter_id", "connecting", "leaving")

    def __init__(self, view: AdapterView) -> None:
        self._view = view
        self._kept = 0  # slots given away by this plan
        self.adapter_id = view.adapter_id
        self.connecting = view.connecting
        self.leaving = 0  # slots that come free soon, and that nobody waits for yet

    def free(self) -> int:
        return self._view.slots - self._view.used - self._kept

    def take(self, *, begins: bool) -> None:
        self._kept += 1
        self.connecting |= begins

    def score_db(self, sensor: SensorView) -> float:
        now = AdapterView(
            self.adapter_id,
            up=True,
            slots=self._view.slots,
            used=self._view.used + self._kept,
            connecting=self.connecting,
        )
        return score_db(sensor.ears[self.adapter_id], now, stays=sensor.last == self.adapter_id)


def _cleared(
    sensor: SensorView, hearing: list[_Desk], sensors: Sequence[SensorView], evict: set[str]
) -> _Desk | None:
    """A full adapter on which a slot comes free for `sensor`; None: it must do without."""
    if not sensor.assigned:
        return None
    for desk in hearing:
        if desk.leaving > 0:
            return desk
    by_id = {desk.adapter_id: desk for desk in hearing}
    strangers = [
        held
        for held in sensors
        if held.holder in by_id and not held.assigned and held.sensor_id not in evict
    ]
    if not strangers:
        return None
    least = max(strangers, key=turn)
    evict.add(least.sensor_id)
    desk = by_id[least.holder or ""]
    desk.leaving += 1
    return desk
