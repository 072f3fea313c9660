"""Pedal to claim: whose is the bike that has just begun to turn? Pure; times are hub ms.

A rider's page says "start pedalling" and asks for as long as it shows that. A bike without a rider
whose cranks begin to turn meanwhile is theirs. Where two begin together, or two people ask, no
clock can tell who is who: then they are asked, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

# What counts as pedalling: above the drift of an unloaded meter, below anybody's warm-up.
MOVING_W = 25
MOVING_RPM = 30
REST_MS = 3_000  # still for so long before, or silent: trainers fall asleep
STOP_MS = 2_000  # a bike's sensors do not all see the first turn at once
HOLD_MS = 2_000  # turning for so long: not a pedal that was moved to get on
EARLY_MS = 5_000  # begun so shortly before the page asked is meant, too
TOGETHER_MS = 4_000  # two bikes that begin within this are one question
CHOICES_MAX = 4  # bikes in one question


class Pedal(NamedTuple):
    """A bike's cranks. `moving_ms`: since when they turn, after a rest; None: they do not."""

    heard_ms: int
    still_ms: int | None
    moving_ms: int | None


class Asking(NamedTuple):
    """A rider without a bike asks, from `since_ms` to `until_ms`."""

    since_ms: int
    until_ms: int


class Claim(NamedTuple):
    athlete: str
    bike: str


class Which(NamedTuple):
    """One of `bikes` may be the athlete's; only the athlete knows."""

    athlete: str
    bikes: tuple[str, ...]


Verdict = Claim | Which


def heard(
    pedal: Pedal | None, at_ms: int, power_w: float | None, cadence_rpm: float | None
) -> Pedal | None:
    """After a reading of one of the bike's sensors. One that tells neither changes nothing."""
    if power_w is None and cadence_rpm is None:
        return pedal
    turns = (power_w or 0) >= MOVING_W or (cadence_rpm or 0) >= MOVING_RPM
    if pedal is not None and at_ms < pedal.heard_ms:
        return pedal  # late: what came after it is known already
    if not turns:
        still_ms = at_ms if pedal is None or pedal.still_ms is None else pedal.still_ms
        moving_ms = None if pedal is None or at_ms - still_ms >= STOP_MS else pedal.moving_ms
        return Pedal(at_ms, still_ms, moving_ms)
    if pedal is None or at_ms - pedal.heard_ms >= REST_MS:
        return Pedal(at_ms, None, at_ms)
    if pedal.moving_ms is not None:
        return Pedal(at_ms, None, pedal.moving_ms)
    rested = pedal.still_ms is not None and at_ms - pedal.still_ms >= REST_MS
    return Pedal(at_ms, None, at_ms if rested else None)


def is_moving(pedal: Pedal, now: int) -> bool:
    return pedal.moving_ms is not None and now - pedal.heard_ms < REST_MS


def decide(
    asking: Mapping[str, Asking], pedals: Mapping[str, Pedal], now: int
) -> tuple[Verdict, ...]:
    """What follows from the bikes that have just begun.

    Args:
        asking: riders without a bike, by athlete.
        pedals: bikes without a rider about which nothing was decided since they began.
    """
    begun = {
        bike: pedal.moving_ms
        for bike, pedal in pedals.items()
        if pedal.moving_ms is not None and is_moving(pedal, now)
    }
    verdicts: list[Verdict] = []
    settled: set[str] = set()
    for bike, at_ms in sorted(begun.items(), key=lambda item: (item[1], item[0])):
        ripe = now - at_ms >= max(HOLD_MS, TOGETHER_MS)
        meant = [who for who, span in sorted(asking.items()) if _meant(span, at_ms)]
        if bike in settled or not ripe or not meant:
            continue
        together = tuple(_together(begun, at_ms))[:CHOICES_MAX]
        settled |= set(together)
        if len(meant) == 1 and together == (bike,):
            verdicts.append(Claim(meant[0], bike))
        else:
            verdicts += (Which(who, together) for who in meant)
    return tuple(verdicts)


def _meant(span: Asking, at_ms: int) -> bool:
    return span.since_ms - EARLY_MS <= at_ms <= span.until_ms


def _together(begun: Mapping[str, int], at_ms: int) -> Iterator[str]:
    return (bike for bike, other_ms in begun.items() if abs(other_ms - at_ms) <= TOGETHER_MS)
