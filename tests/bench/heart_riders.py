"""Simulated riders who shall hold heart rates, their straps, and what became of it.

All riders of a group ride in lockstep, a second at a time: a controller is given a `Felt` and
answers with watts for each rider.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_sim.athlete import Athlete, Kinetics, Physique
from firmware_sim.devices.body import Body

Watts = NDArray[np.float64]
Bpm = NDArray[np.float64]

WARM_UP_S, WARM_UP_SHARE = 300, 0.5
# Heart-rate steps after the warm-up: share of the maximum, s.
STEPS = ((0.70, 600), (0.82, 600), (0.74, 600), (0.82, 600))
RIDE_S = WARM_UP_S + sum(length for _, length in STEPS)

BEATS_MEANT = 4  # a strap shows the mean of the last few beats
DROPOUTS, DROPOUT_S = 3, (5, 40)
FREEZES, FREEZE_S = 2, (15, 40)
SPIKES, SPIKE_S, SPIKE_BPM = 3, (2, 5), (15, 40)
WATCH_LATE_S = 8


@dataclass(frozen=True)
class Group:
    """`knows`: what the hub knows of each rider; `physiques`: what each rider is."""

    seeds: tuple[int, ...]
    physiques: tuple[Physique, ...]

    @property
    def ftp_w(self) -> Watts:
        return np.array([float(each.ftp_w) for each in self.physiques])

    @property
    def max_hr_bpm(self) -> Bpm:
        return np.array([float(each.max_hr_bpm) for each in self.physiques])


def group(seeds: Sequence[int]) -> Group:
    return Group(tuple(seeds), tuple(physique(seed) for seed in seeds))


def physique(seed: int) -> Physique:
    """Somebody: every figure that the controllers assume is off by as much as in real people."""
    chance = random.Random(f"heart/{seed}")
    fast_up_s = chance.uniform(15, 40)
    kinetics = Kinetics(
        share_at_ftp=chance.uniform(0.84, 0.95),
        on_bike_bpm=chance.uniform(5, 22),
        fast_share=chance.uniform(0.6, 0.85),
        fast_up_s=fast_up_s,
        fast_down_s=fast_up_s * chance.uniform(1.1, 1.8),
        slow_s=chance.uniform(120, 300),
        max_drift=chance.uniform(0.04, 0.15),
        drift_s=chance.uniform(1500, 3500),
    )
    return Physique(
        ftp_w=round(chance.uniform(140, 360)),
        max_hr_bpm=round(chance.uniform(165, 202)),
        rest_hr_bpm=chance.uniform(42, 72),
        kinetics=kinetics,
    )


class Fault(NamedTuple):
    """A strap's trouble from second `begins` to before `ends`."""

    kind: str  # "dropout" | "freeze" | "spike"
    begins: int
    ends: int
    bpm: float = 0.0


def faults(seed: int) -> tuple[Fault, ...]:
    chance = random.Random(f"strap/{seed}")
    found = []
    for kind, count, (low, high) in (
        ("dropout", DROPOUTS, DROPOUT_S),
        ("freeze", FREEZES, FREEZE_S),
        ("spike", SPIKES, SPIKE_S),
    ):
        for _ in range(count):
            begins = chance.randrange(WARM_UP_S, RIDE_S - high)
            bpm = chance.choice((-1, 1)) * chance.uniform(*SPIKE_BPM)
            found.append(Fault(kind, begins, begins + chance.randint(low, high), bpm))
    return tuple(found)


class Worn(StrEnum):
    """What the heart rate comes from."""

    GOOD = "good straps"
    FAULTY = "faulty straps"  # with dropouts, freezes and spikes
    WATCH = "watches"  # WATCH_LATE_S late, and no word of it


class Strap:
    """What one rider's strap says, once a second: its number, and when it was measured."""

    def __init__(self, seed: int, worn: Worn) -> None:
        self._faults = faults(seed) if worn is Worn.FAULTY else ()
        late_s = WATCH_LATE_S if worn is Worn.WATCH else 0
        self._waiting: deque[float] = deque(maxlen=late_s + 1)
        self._beats: list[float] = []
        self._shown = 0.0
        self._at_s = -100

    def says(self, at_s: int, beats: Sequence[float]) -> tuple[float, int]:
        self._beats = [*self._beats, *beats][-BEATS_MEANT:]
        if self._beats:
            self._waiting.append(float(round(60_000 * len(self._beats) / sum(self._beats))))
        active = {fault.kind: fault for fault in self._faults if fault.begins <= at_s < fault.ends}
        if "dropout" in active or not self._beats:
            return self._shown, self._at_s
        if "freeze" not in active:
            self._shown = self._waiting[0]
            if "spike" in active:
                self._shown += round(active["spike"].bpm)
        self._at_s = at_s
        return self._shown, self._at_s


class Felt(NamedTuple):
    """What a controller is told, by rider. `heard_s`: when each `bpm` was measured."""

    at_s: int
    bpm: Bpm
    heard_s: NDArray[np.int64]
    power_w: Watts
    goal_bpm: Bpm


class Controller(Protocol):
    def observe(self, felt: Felt) -> None:
        """A second of the warm-up."""

    def ask(self, felt: Felt) -> Watts: ...


@dataclass
class Ride:
    """Second by second, a column a rider; `true_bpm` is the heart itself, without beats' noise."""

    group: Group
    worn: Worn
    goal_bpm: list[Bpm] = field(default_factory=list)
    true_bpm: list[Bpm] = field(default_factory=list)
    shown_bpm: list[Bpm] = field(default_factory=list)
    asked_w: list[Watts] = field(default_factory=list)


def goals_bpm(max_hr_bpm: Bpm, at_s: int) -> Bpm | None:
    """None in the warm-up."""
    at_s -= WARM_UP_S
    if at_s < 0:
        return None
    for share, length in STEPS:
        if at_s < length:
            return np.round(share * max_hr_bpm)
        at_s -= length
    raise ValueError("the ride is over")


def ride(riders: Group, controller: Controller, worn: Worn) -> Ride:
    """The whole ride on the simulated athlete, a trainer's lag of 1.5 s included."""
    athletes = [
        Athlete(body, random.Random(f"ride/{seed}"))
        for seed, body in zip(riders.seeds, riders.physiques, strict=True)
    ]
    straps = [Strap(seed, worn) for seed in riders.seeds]
    done = Ride(riders, worn)
    asked_w = WARM_UP_SHARE * riders.ftp_w
    bodies = [Body() for _ in athletes]
    for at_s in range(RIDE_S):
        said = [strap.says(at_s, body.rr_ms) for strap, body in zip(straps, bodies, strict=True)]
        goal_bpm = goals_bpm(riders.max_hr_bpm, at_s)
        felt = Felt(
            at_s,
            np.array([bpm for bpm, _ in said]),
            np.array([heard_s for _, heard_s in said]),
            np.array([body.power_w for body in bodies]),
            np.zeros(len(said)) if goal_bpm is None else goal_bpm,
        )
        if goal_bpm is None:
            controller.observe(felt)
        else:
            asked_w = np.floor(controller.ask(felt))
        bodies = [
            _ridden(athlete, at_s, watts) for athlete, watts in zip(athletes, asked_w, strict=True)
        ]
        done.goal_bpm.append(felt.goal_bpm)
        done.true_bpm.append(np.array([body.heart_rate_bpm for body in bodies]))
        done.shown_bpm.append(felt.bpm)
        done.asked_w.append(asked_w)
    return done


def _ridden(athlete: Athlete, at_s: int, watts: float) -> Body:
    return athlete.advance((at_s + 1) * 1000, float(watts))


# What became of it

BAND_BPM = 3.0
SETTLED_S = 60


class Outcome(NamedTuple):
    """Of one group. A value a rider and step; one a rider from `slew_w_per_s` on.

    `overshoot_bpm`: furthest beyond the goal, coming from the side where the step began.
    `settling_s`: until the heart stayed within 3 bpm for a minute; the step's length if it never
    did. `in_band`: share of the step within 3 bpm. `unrest_w_per_min`: how much the watts moved, up
    and down. `blind_rise_w`: the greatest rise of watts while the strap was frozen or away.
    """

    overshoot_bpm: NDArray[np.float64]
    settling_s: NDArray[np.float64]
    in_band: NDArray[np.float64]
    slew_w_per_s: NDArray[np.float64]
    unrest_w_per_min: NDArray[np.float64]
    blind_rise_w: NDArray[np.float64]


def outcome(done: Ride) -> Outcome:
    true, goal, asked = (np.array(one) for one in (done.true_bpm, done.goal_bpm, done.asked_w))
    overshoots, settled, in_band = [], [], []
    begins = WARM_UP_S
    for _, length in STEPS:
        span = slice(begins, begins + length)
        off = true[span] - goal[span]
        came_from_below = off[0] < 0
        beyond = np.where(came_from_below, off, -off)
        overshoots.append(np.maximum(beyond.max(axis=0), 0))
        inside = np.abs(off) <= BAND_BPM
        settled.append(_settling_s(inside))
        in_band.append(inside.mean(axis=0))
        begins += length
    changes_w = np.abs(np.diff(asked[WARM_UP_S:], axis=0))
    seeds = done.group.seeds if done.worn is Worn.FAULTY else ()
    blind = np.array([_blind_rise_w(seed, asked[:, i]) for i, seed in enumerate(seeds)])
    return Outcome(
        np.concatenate(overshoots),
        np.concatenate(settled),
        np.concatenate(in_band),
        changes_w.max(axis=0),
        60 * changes_w.mean(axis=0),
        blind,
    )


def _settling_s(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """First second of the first minute that is all inside, by column."""
    gone = np.cumsum(np.vstack([np.zeros((1, inside.shape[1])), inside]), axis=0)
    whole = gone[SETTLED_S:] - gone[:-SETTLED_S] == SETTLED_S
    first = whole.argmax(axis=0).astype(float)
    return np.where(whole.any(axis=0), first, float(len(inside)))


# Everybody holds what they ask for this long after the strap spoke last.
BLIND_AFTER_S = 11


def _blind_rise_w(seed: int, asked_w: Watts) -> float:
    rises = [0.0]
    for fault in faults(seed):
        blind = asked_w[fault.begins + BLIND_AFTER_S : fault.ends]
        if fault.kind != "spike" and len(blind) and not _spoke(seed, fault):
            rises.append(float((blind - np.minimum.accumulate(blind)).max()))
    return max(rises)


def _spoke(seed: int, blind: Fault) -> bool:
    """Whether another fault ends the silence that this one begins."""
    return any(
        other.kind == "spike" and other.begins < blind.ends and blind.begins < other.ends
        for other in faults(seed)
    )
