"""Simulated riders whose threshold is known ride the FTP tests; what the tests say of it.

Threshold is the simulator's: below it W' comes back, above it W' is spent, and nobody rides above
it on an empty W'. Nothing of it is given to the rule but power and cadence.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from firmware_sim.athlete import Athlete, Physique
from hub.core.ftp_test import Effort, Proposal, propose
from hub.core.metrics import Column
from hub.core.ramp_end import RampEnd, ramp_end
from hub.core.workout import FtpTest

WARM_UP_S, RAMP_BEGIN, RAMP_STEP, RAMP_STEPS = 300, 0.56, 0.06, 24
EASY = 0.5
SECOND_NOISE = 0.02  # of a power meter, from one second to the next


class Rider(NamedTuple):
    """`entered_w`: the FTP that the rider believes in, by which the ramp's steps are set."""

    physique: Physique
    entered_w: float
    pacing: float
    chance: random.Random

    @property
    def threshold_w(self) -> float:
        return self.physique.ftp_w

    @property
    def reserve_j(self) -> float:
        return self.physique.w_prime_j


class Ridden(NamedTuple):
    power_w: Column
    cadence_rpm: Column
    target_w: Column
    efforts: tuple[Effort, ...]


Stretch = tuple[int, float]  # seconds, watts wanted


def rider(seed: int) -> Rider:
    """FTP 140-380 W; W' 8-28 kJ, as trained and untrained people have; believes itself 10 % off."""
    chance = random.Random(f"ftp/{seed}")
    ftp_w = chance.uniform(140, 380)
    w_prime_j = chance.uniform(40, 80) * ftp_w * chance.uniform(0.8, 1.2)
    physique = Physique(ftp_w, chance.uniform(170, 200), w_prime_j=w_prime_j)
    return Rider(physique, ftp_w * chance.uniform(0.9, 1.1), chance.gauss(0.0, 0.03), chance)


def ride(who: Rider, stretches: Iterator[Stretch]) -> Ridden:
    """Second by second; a power meter scatters as `SECOND_NOISE`."""
    athlete = Athlete(who.physique, who.chance)
    power, cadence, target = [], [], []
    for length_s, wanted_w in stretches:
        for _ in range(length_s):
            body = athlete.advance((len(power) + 1) * 1000, wanted_w)
            power.append(max(round(body.power_w * who.chance.gauss(1.0, SECOND_NOISE)), 0))
            cadence.append(round(body.cadence_rpm * 2) / 2)
            target.append(wanted_w)
    return Ridden(*(np.array(column, float) for column in (power, cadence, target)), ())


def ramp(who: Rider) -> Ridden:
    """One minute a step, each 6 % of the FTP that was entered, to the end of the ramp."""
    steps = ((60, (RAMP_BEGIN + RAMP_STEP * n) * who.entered_w) for n in range(RAMP_STEPS))
    ridden = ride(who, iter([(WARM_UP_S, EASY * who.entered_w), *steps]))
    return ridden._replace(efforts=(Effort(WARM_UP_S, len(ridden.power_w)),))


def twenty(who: Rider, *, all_out_before: bool = True) -> Ridden:
    """Five minutes all out, ten easy, then 20 minutes paced as well as this rider can."""
    before = all_out(who, 300) if all_out_before else EASY * who.threshold_w
    begins_s = WARM_UP_S + 900
    stretches = [
        (WARM_UP_S, EASY * who.threshold_w),
        (300, before),
        (600, EASY * who.threshold_w),
        (1200, all_out(who, 1200, 0.6 if all_out_before else 1.0)),
    ]
    ridden = ride(who, iter(stretches))
    return ridden._replace(efforts=(Effort(begins_s, begins_s + 1200),))


def two_by_eight(who: Rider) -> Ridden:
    stretches = [
        (WARM_UP_S, EASY * who.threshold_w),
        (480, all_out(who, 480)),
        (600, EASY * who.threshold_w),
        (480, all_out(who, 480, 0.6)),
    ]
    begins_s = (WARM_UP_S, WARM_UP_S + 1080)
    ridden = ride(who, iter(stretches))
    return ridden._replace(efforts=tuple(Effort(at_s, at_s + 480) for at_s in begins_s))


def all_out(who: Rider, length_s: int, reserve: float = 1.0) -> float:
    """What empties `reserve` of W' in just that time, missed by the rider's pacing."""
    best_w = who.threshold_w + reserve * who.reserve_j / length_s
    return best_w * (1.0 + who.pacing)


def ended(ridden: Ridden) -> RampEnd | None:
    effort = ridden.efforts[0]
    columns = (ridden.power_w, ridden.cadence_rpm, ridden.target_w)
    return ramp_end(*(column[effort.begins_s : effort.ends_s] for column in columns))


def propose_of(test: FtpTest, ridden: Ridden) -> Proposal:
    end = ended(ridden) if test == "ramp" else None
    return propose(test, ridden.power_w, ridden.cadence_rpm, ridden.efforts, end=end)


def proposal_for(test: FtpTest, who: Rider) -> Proposal:
    return propose_of(test, RIDES[test](who))


RIDES: dict[FtpTest, Callable[[Rider], Ridden]] = {
    "ramp": ramp,
    "20min": twenty,
    "2x8": two_by_eight,
}
