"""What the room's sensors give away about who sits where: pedals, loudness, hearts and legs.

Keeps what the rules of seats_pedal, seats_straps and seats_swaps are asked about. Times are hub ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.live import seats_pedal
from hub.live.board import Board
from hub.live.ports import Memory, Placed
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.seats import Seats
from hub.live.seats_pedal import Asking, Pedal, Verdict, Which
from hub.live.seats_straps import LEVELS_MAX, Merge, Strap, merge
from hub.live.seats_swaps import WINDOW_S, swapped
from hub.store.rows import KnownSensor
from hub.wire.uplink import LinkStatus, SensorKind, SensorState
from hub.wire.values import Metric, MetricValue, Quality

LEVELS_OF_MAX = 1_024  # straps; for one more, the one heard longest ago is forgotten
COMPARE_EVERY_S = 60
TIMES_IN_A_ROW = 2  # a swap is said when it was seen so often


class Pair(NamedTuple):
    """Two riders of a session who probably wear each other's strap."""

    session: str
    first: str
    second: str


class _Follow:
    """One rider's last minutes: power and heart rate a second, in a ring."""

    __slots__ = ("count", "ring", "strap")

    def __init__(self) -> None:
        self.strap = ""
        self.count = 0
        self.ring = np.full((2, WINDOW_S), np.nan)

    def add(self, power_w: float, heart_bpm: float) -> None:
        self.ring[:, self.count % WINDOW_S] = power_w, heart_bpm
        self.count += 1

    def seconds(self) -> NDArray[np.float64]:
        """Oldest first."""
        return np.roll(self.ring, -self.count, axis=1)


class Watch:
    def __init__(self, seats: Seats, roster: Roster, board: Board, memory: Memory) -> None:
        self._seats = seats
        self._roster = roster
        self._board = board
        self._memory = memory
        self._pedals: dict[str, Pedal] = {}  # by bike
        self._decided: dict[str, int] = {}  # by bike: the beginning that was decided about
        self._levels: dict[str, deque[int]] = {}  # by strap
        self._follows: dict[str, _Follow] = {}  # by athlete
        self._suspected: dict[Pair, int] = {}  # how often in a row

    # What gateways say

    def heard(self, readings: Sequence[Placed]) -> None:
        bike_of = self._seats.bike_of
        if not bike_of:
            return
        for reading, at_ms, estimated in readings:
            bike = bike_of.get(reading.sensor_id)
            if bike is None or estimated:
                continue  # who began first is not told by a guess
            m = reading.m
            pedal = seats_pedal.heard(self._pedals.get(bike), at_ms, m.power_w, m.cadence_rpm)
            if pedal is not None:
                self._pedals[bike] = pedal

    def seen(self, states: Iterable[SensorState]) -> None:
        for state in states:
            if SensorKind.HEART_RATE not in state.kinds or state.rssi_dbm is None:
                continue
            levels = self._levels.pop(state.sensor_id, None)
            if levels is None and len(self._levels) >= LEVELS_OF_MAX:
                del self._levels[next(iter(self._levels))]
            levels = deque(maxlen=LEVELS_MAX) if levels is None else levels
            levels.append(state.rssi_dbm)
            self._levels[state.sensor_id] = levels

    # Pedals

    def is_moving(self, bike: str, now: int) -> bool:
        pedal = self._pedals.get(bike)
        return pedal is not None and seats_pedal.is_moving(pedal, now)

    def decide(self, asking: Mapping[str, Asking], now: int) -> tuple[Verdict, ...]:
        """About bikes without a rider; each beginning is decided about once."""
        if not asking:
            return ()
        pedals = {
            bike: pedal
            for bike, pedal in self._pedals.items()
            if bike in self._seats.bikes
            and self._decided.get(bike) != pedal.moving_ms
            and not self._seats.rider_of(bike)
        }
        verdicts = seats_pedal.decide(asking, pedals, now)
        for verdict in verdicts:
            for bike in verdict.bikes if isinstance(verdict, Which) else (verdict.bike,):
                self._decided[bike] = pedals[bike].moving_ms or 0
        return verdicts

    # Straps

    def wearers(self) -> set[str]:
        """Athletes who have a strap, here or away."""
        return {
            held.athlete_id
            for sensor_id, held in self._roster.held.items()
            if sensor_id not in self._seats.bike_of
            and SensorKind.HEART_RATE in self._kinds(sensor_id)
        }

    def straps(self) -> Iterator[Strap]:
        """Those that are heard."""
        for sensor_id, levels in self._levels.items():
            state = self._board.state(sensor_id)
            known = self._memory.known(sensor_id)
            if state is None or state.link is LinkStatus.ABSENT:
                continue
            if sensor_id in self._seats.bike_of:
                continue  # a machine's own contacts, not a strap
            held = self._roster.held.get(sensor_id)
            if held is None and known is not None and known.is_merged:
                held = self._roster.held.get(known.alias_of)  # whose it is, it will be again
            athlete = "" if held is None else held.athlete_id
            yield Strap(sensor_id, state.name, athlete, tuple(levels))

    def merges(self) -> Iterator[tuple[str, Merge]]:
        """Sensors that are nobody's, and the ones that are away whose place they take."""
        holders = {sensor_id: held.athlete_id for sensor_id, held in self._roster.held.items()}
        alike: dict[str, list[KnownSensor]] = {}  # by what could make two sensors one
        for sensor_id in holders:
            known = self._memory.known(sensor_id)
            if known is not None:
                for key in {known.serial_tag, known.name} - {""}:
                    alike.setdefault(key, []).append(known)
        here = {sensor_id for sensor_id in self._board.ids() if self._is_here(sensor_id)}
        for sensor_id in sorted(here):
            met = self._memory.known(sensor_id)
            if sensor_id in holders or sensor_id in self._seats.bike_of or met is None:
                continue
            if met.is_merged:  # answered before: its athlete need not be asked
                athlete = holders.get(met.alias_of)
                if athlete is not None:
                    yield sensor_id, Merge(met.alias_of, athlete, sure=True)
                continue
            away = [*alike.get(met.serial_tag, ()), *alike.get(met.name, ())]
            found = merge(met, away, holders, here)
            if found is not None:
                yield sensor_id, found

    def _is_here(self, sensor_id: str) -> bool:
        state = self._board.state(sensor_id)
        return state is not None and state.link is not LinkStatus.ABSENT

    def _kinds(self, sensor_id: str) -> tuple[SensorKind, ...]:
        known = self._memory.known(sensor_id)
        return self._board.kinds(sensor_id) or (known.kinds if known is not None else ())

    # Hearts and legs

    def follow(self, rooms: Iterable[Room], now: int) -> None:
        """Once a second: the numbers of everybody who rides in company."""
        riding: set[str] = set()
        for room in rooms:
            if room.is_running and len(room.base.riders) > 1:
                riding |= room.base.riders.keys()
        self._follows = {a: kept for a, kept in self._follows.items() if a in riding}
        for athlete in riding:
            self._note(athlete, now)

    def _note(self, athlete_id: str, now: int) -> None:
        gauges = self._roster.gauges(athlete_id)
        if gauges is None:
            return
        kept = self._follows.setdefault(athlete_id, _Follow())
        power = gauges.fusion.value(Metric.POWER_W, now)
        heart = gauges.fusion.value(Metric.HEART_RATE_BPM, now)
        if heart.source and heart.source != kept.strap:
            kept.strap, kept.count = heart.source, 0
        kept.add(_live(power), _live(heart))

    def strap_of(self, athlete_id: str) -> str:
        """The sensor that gives the heart rate just now."""
        kept = self._follows.get(athlete_id)
        return "" if kept is None else kept.strap

    def compare(self, room: Room) -> list[Pair]:
        """Pairs seen TIMES_IN_A_ROW. 200 riders take a few milliseconds, once a minute."""
        full = [
            (athlete, kept)
            for athlete in sorted(room.base.riders)
            if (kept := self._follows.get(athlete)) is not None and kept.count >= WINDOW_S
        ]
        if len(full) < 2:
            return []
        seconds = np.stack([kept.seconds() for _, kept in full])
        found = swapped(seconds[:, 0], seconds[:, 1])
        seen = {Pair(room.session_id, full[i][0], full[j][0]) for i, j, _ in found}
        for pair in [p for p in self._suspected if p.session == room.session_id and p not in seen]:
            del self._suspected[pair]
        for pair in seen:
            self._suspected[pair] = self._suspected.get(pair, 0) + 1
        return [pair for pair in sorted(seen) if self._suspected[pair] >= TIMES_IN_A_ROW]


def _live(value: MetricValue) -> float:
    """NaN for a number that is not live."""
    live = value.quality is Quality.LIVE and value.value is not None
    return float(value.value or 0) if live else float("nan")
