"""Heart rates held by steering power: Derny against a tuned PID, on riders neither has met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.heart_pid import Pid, Tuned, tune
from bench.heart_riders import Felt, Group, Outcome, Ride, Watts, Worn, group, outcome, ride
from bench.table import Row, render
from firmware_sim.athlete import Physique
from hub.core import heart_control
from hub.core.heart_control import HeartControl, Limits
from hub.core.heart_model import Gain, kept_gain, usual_gain
from hub.core.target import Thresholds
from hub.wire.values import MetricValue, Quality

RIDERS = 30
TUNING_SEEDS = range(1000, 1024)
HIDDEN_SEEDS = range(7_000, 7_000 + RIDERS)
OVERSHOOT_BPM = 3.0
AGED_S, GONE_S = 5, 15  # hub.core.sources.STALENESS of heart rate


class Derny:
    """HeartControl for each rider of a group; `gains` as kept from an earlier ride."""

    def __init__(self, riders: Group, gains: list[Gain] | None = None) -> None:
        self._limits = [Limits(int(ftp), int(2.5 * ftp)) for ftp in riders.ftp_w]
        self._gains = gains or [_usual(each) for each in riders.physiques]
        self._states: list[HeartControl] | None = None

    @property
    def learned(self) -> list[Gain]:
        return [state.model.learned for state in self._states or []]

    def observe(self, felt: Felt) -> None:
        self._states = [
            heart_control.observed(state, felt.at_s * 1000, _heart(felt, i), float(felt.power_w[i]))
            for i, state in enumerate(self._begun(felt))
        ]

    def ask(self, felt: Felt) -> Watts:
        asked_w, states = [], []
        for i, state in enumerate(self._begun(felt)):
            goal_bpm = float(felt.goal_bpm[i])
            state, command = heart_control.advance(
                state,
                felt.at_s * 1000,
                _heart(felt, i),
                float(felt.power_w[i]),
                (goal_bpm, goal_bpm),
                self._limits[i],
            )
            states.append(state)
            asked_w.append(command.power_w)
        self._states = states
        return np.array(asked_w, float)

    def _begun(self, felt: Felt) -> list[HeartControl]:
        return self._states or [
            heart_control.begun(felt.at_s * 1000, gain, _heart(felt, i), float(felt.power_w[i]))
            for i, gain in enumerate(self._gains)
        ]


def _usual(rider: Physique) -> Gain:
    gain = usual_gain(Thresholds(ftp_w=int(rider.ftp_w), max_hr_bpm=int(rider.max_hr_bpm)))
    if gain is None:
        raise ValueError("a simulated rider has thresholds")
    return gain


def _heart(felt: Felt, i: int) -> MetricValue:
    age_s = felt.at_s - felt.heard_s[i]
    quality = Quality.LIVE if age_s <= AGED_S else Quality.AGED
    if age_s > GONE_S:
        return MetricValue(None, int(felt.heard_s[i]) * 1000, "strap", Quality.GONE)
    return MetricValue(float(felt.bpm[i]), int(felt.heard_s[i]) * 1000, "strap", quality)


class Comparison(NamedTuple):
    """`again`: Derny on a second ride of the same riders, with the gains that the first taught."""

    derny: Ride
    again: Ride
    fast: Ride
    calm: Ride


@cache
def tuned() -> Tuned:
    return tune(group(TUNING_SEEDS), seed=1)


@cache
def compare(worn: Worn, seeds: range = HIDDEN_SEEDS) -> Comparison:
    riders = group(seeds)
    first = Derny(riders)
    derny = ride(riders, first, worn)
    again = ride(riders, Derny(riders, [kept_gain(gain) for gain in first.learned]), worn)
    peers = (
        Pid(riders.ftp_w, riders.max_hr_bpm, np.repeat(np.array([gains]), len(seeds), axis=0).T)
        for gains in tuned()
    )
    return Comparison(derny, again, *(ride(riders, peer, worn) for peer in peers))


# Name, how it is summed up, and its target for Derny.
FIGURES: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
    ("overshoot p50 / p90, bpm", lambda one: _p50_p90(one.overshoot_bpm, 1)),
    ("settling p50 / p90, s", lambda one: _p50_p90(one.settling_s, 0)),
    ("time within 3 bpm, %", lambda one: f"{100 * one.in_band.mean():.0f}"),
    ("worst slew, W/s", lambda one: f"{one.slew_w_per_s.max():.0f}"),
    ("watts moved, W/min", lambda one: f"{one.unrest_w_per_min.mean():.0f}"),
    ("worst rise while blind, W", lambda one: f"{one.blind_rise_w.max(initial=0):.0f}"),
)


def rows() -> list[Row]:
    return [row for worn in Worn for row in _rows(worn, compare(worn))]


def _rows(worn: Worn, compared: Comparison) -> Iterator[Row]:
    derny, again, fast, calm = map(outcome, compared)
    p90_bpm = float(np.quantile(derny.overshoot_bpm, 0.9))
    for name, figure in FIGURES:
        if "blind" in name and worn is not Worn.FAULTY:
            continue
        aimed = "overshoot" in name
        yield Row(
            f"heart rate held, {worn}: {name}",
            f"{figure(derny)} (second ride {figure(again)})",
            f"p90 ≤ {OVERSHOOT_BPM:.0f}" if aimed else "",
            p90_bpm <= OVERSHOOT_BPM if aimed else None,
            f"PID fast {figure(fast)}, calm {figure(calm)}",
        )


def _p50_p90(values: NDArray[np.float64], digits: int) -> str:
    low, high = np.quantile(values, (0.5, 0.9))
    return f"{low:.{digits}f} / {high:.{digits}f}"


def main() -> None:
    print("PID gains p / i / d:", tuned())
    print(render(list(rows())))


if __name__ == "__main__":
    main()
