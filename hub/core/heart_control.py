"""Holds a heart rate by steering power: the model looks ahead, the rules only lower. Pure.

Heart rate follows power by 15-40 s, so what is asked now is judged by where it leads: of all steady
powers the one that brings the model's heart rate near the target in `AHEAD_S`. The model's base
takes up what the model does not know, so no integrator is there to wind up. Then, in this order:

- blind: without a heart rate that can be trusted nothing rises. It holds for `HOLD_MS`, then falls
  to a share of FTP that is safe for anybody;
- not followed: nothing rises while the rider does not ride what is asked;
- the cap, and the slew.

A spiral of low cadence, coasting and the ramp-in are the gateway's (gateway/governor.py).
"""

from __future__ import annotations

from enum import StrEnum
from math import exp

import msgspec
from msgspec.structs import replace

from hub.core import heart_model
from hub.core.heart_model import Gain, HeartModel
from hub.wire.values import MetricValue, Quality

# Looks about as far ahead as the fast component lags, and wants this much of the way done by then.
# Sooner (20 s, 10 s) settles 6 s earlier and moves the watts by a third more; a watch that reads
# 8 s late then overshoots (docs/explanation/heart-rate-control.md).
AHEAD_S = 30.0
APPROACH_S = 15.0

# Shares of FTP. Above threshold a heart rate is not held but outrun: it only rises.
CAP_SHARE = 1.05
SAFE_SHARE = 0.5
RISE_PER_S, FALL_PER_S = 0.008, 0.016
BACK_OFF_PER_S = 0.004
LATE_S_MAX = 2.0  # a call that is late slews no further than this

FRESH_MS = 3_000  # a strap speaks once a second
HOLD_MS = 20_000
# A number that has stood still for `STILL_MS` may be a steady heart's or a frozen strap's. Watts
# then rise by `PROBE_SHARE` of FTP at the most: enough to move a heart, which tells the two apart.
# It is frozen when power should have moved it by so much, or when it has stood for long.
# A steady heart behind a watch that means for long may stand longer: it only goes easy, and moves.
STILL_MS = 10_000
PROBE_SHARE = 0.03
FROZEN_MOVED_BPM = 4.0
FROZEN_MS = 120_000
TRUSTED_AFTER_MS = 3_000  # good values in a row before a heart rate that was lost counts again
FOLLOWS_SHARE, FOLLOWS_S = 0.85, 5.0

# A reason stands for so long, and tells the change since the one before; "steady" no longer than
# it is true.
EXPLAINED_MS = 10_000
STEADY_W = 5
# Against its own mean of so long: 1 bpm is a slope of 4 bpm a minute.
TREND_S, TREND_BPM = 15.0, 1.0


class Why(StrEnum):
    STEERS = "steers"
    CAP = "cap"  # the heart rate asks for more than this rider may be asked
    NOT_FOLLOWED = "not_followed"  # the rider does not ride what is asked
    HOLDS = "holds"  # no trusted heart rate: as it was
    BACKS_OFF = "backs_off"  # none for long: down to what is safe


class Trust(StrEnum):
    """Why a heart rate is not steered by."""

    GOOD = "good"
    MISSING = "missing"  # none, aged or gone
    SUSPECT = "suspect"
    FROZEN = "frozen"


class Limits(msgspec.Struct, frozen=True):
    """What one rider may be asked; `cap_w` is the rider's own, by whatever rule."""

    ftp_w: int
    cap_w: int

    @property
    def most_w(self) -> float:
        return float(min(self.cap_w, CAP_SHARE * self.ftp_w))

    @property
    def safe_w(self) -> float:
        return min(SAFE_SHARE * self.ftp_w, self.most_w)


class Command(msgspec.Struct, frozen=True):
    """What the trainer shall hold, and why. `changed_w` since the reason before this one.

    `off_bpm`: above (+) or below (-) the target's range; 0 within. `trend`: -1, 0, 1 falling,
    steady, rising. `blind_s`: how long there has been no heart rate to steer by.
    """

    power_w: int
    why: Why
    trust: Trust = Trust.GOOD
    changed_w: int = 0
    off_bpm: int = 0
    trend: int = 0
    blind_s: int = 0


class HeartControl(msgspec.Struct, frozen=True):
    """One rider's control. Times in hub ms; `asked_w` None: it has not asked for anything yet."""

    model: HeartModel
    asked_w: float | None = None
    ridden_w: float | None = None  # smoothed
    # The heart rate last heard
    bpm: float | None = None
    heard_at_ms: int = 0
    changed_at_ms: int = 0  # when its number last changed
    moved_then_bpm: float = 0.0  # what power had moved it by, at that time
    asked_least_w: float | None = None  # the least that was asked since
    mean_bpm: float | None = None  # the model's, over TREND_S
    trust: Trust = Trust.MISSING
    good_since_ms: int | None = None
    blind_since_ms: int | None = None
    # The reason last given
    told: Command | None = None
    told_at_ms: int = 0


def begun(now_ms: int, gain: Gain, heart: MetricValue, power_w: float | None) -> HeartControl:
    """Before the first step; `gain` as kept from an earlier ride, or `heart_model.usual_gain`."""
    bpm = heart.value if heart.quality is Quality.LIVE else None
    return HeartControl(heart_model.begun(now_ms, gain, power_w or 0.0, bpm), changed_at_ms=now_ms)


def observed(
    state: HeartControl, now_ms: int, heart: MetricValue, power_w: float | None
) -> HeartControl:
    """A second of a step that is not steered by heart rate: the model learns, nothing is asked."""
    state = _heard(_ridden(state, now_ms, power_w), now_ms, heart)
    return replace(state, asked_w=None, asked_least_w=None, told=None)


def advance(
    state: HeartControl,
    now_ms: int,
    heart: MetricValue,
    power_w: float | None,
    target: tuple[float, float],
    limits: Limits,
) -> tuple[HeartControl, Command]:
    """What to ask from `now_ms` on so that the heart rate comes into `target` (low, high; bpm).

    `power_w` is what the rider rides, None when nobody measures it. Call about once a second; the
    same instant again asks for the same.
    """
    seconds = min(max((now_ms - state.model.at_ms) / 1000, 0.0), LATE_S_MAX)
    state = _heard(_ridden(state, now_ms, power_w), now_ms, heart)
    before_w = _before(state, limits)
    least_w = before_w if state.asked_least_w is None else state.asked_least_w
    state = replace(state, asked_least_w=min(least_w, before_w))
    wanted_w, why = _wanted(state, now_ms, before_w, target, limits, seconds)
    rise_w, fall_w = (limits.ftp_w * share * seconds for share in (RISE_PER_S, FALL_PER_S))
    asked_w = min(max(wanted_w, before_w - fall_w), before_w + rise_w, limits.most_w)
    state = replace(state, asked_w=asked_w)
    return _told(state, now_ms, Command(int(asked_w), why, state.trust), target)


# The rider and the heart


def _ridden(state: HeartControl, now_ms: int, power_w: float | None) -> HeartControl:
    seconds = max((now_ms - state.model.at_ms) / 1000, 0.0)
    rides_w = power_w if power_w is not None else state.asked_w or 0.0
    smoothed_w = None
    if power_w is not None:
        before_w = power_w if state.ridden_w is None else state.ridden_w
        smoothed_w = power_w + (before_w - power_w) * exp(-seconds / FOLLOWS_S)
    model = heart_model.passed(state.model, now_ms, rides_w)
    mean_bpm = model.bpm if state.mean_bpm is None else state.mean_bpm
    mean_bpm = model.bpm + (mean_bpm - model.bpm) * exp(-seconds / TREND_S)
    return replace(state, model=model, ridden_w=smoothed_w, mean_bpm=mean_bpm)


def _heard(state: HeartControl, now_ms: int, heart: MetricValue) -> HeartControl:
    bpm, is_new = heart.value, heart.at_ms != state.heard_at_ms
    if bpm is not None and is_new:
        if bpm != state.bpm:
            state = replace(
                state,
                changed_at_ms=now_ms,
                moved_then_bpm=state.model.moved_bpm,
                asked_least_w=state.asked_w,
            )
        state = replace(state, bpm=bpm, heard_at_ms=heart.at_ms)
    trust = _trust(state, now_ms, heart)
    if trust is not Trust.GOOD:
        blind_since_ms = now_ms if state.blind_since_ms is None else state.blind_since_ms
        return replace(state, trust=trust, good_since_ms=None, blind_since_ms=blind_since_ms)
    good_since_ms = now_ms if state.good_since_ms is None else state.good_since_ms
    state = replace(state, trust=trust, good_since_ms=good_since_ms)
    if bpm is not None and is_new:
        state = replace(state, model=heart_model.heard(state.model, bpm))
    if now_ms - good_since_ms >= TRUSTED_AFTER_MS:
        state = replace(state, blind_since_ms=None)
    return state


def _trust(state: HeartControl, now_ms: int, heart: MetricValue) -> Trust:
    if heart.value is not None and heart.quality is Quality.SUSPECT:
        return Trust.SUSPECT
    age_ms = abs(now_ms - heart.at_ms)
    if heart.value is None or heart.quality is not Quality.LIVE or age_ms > FRESH_MS:
        return Trust.MISSING
    same_ms = now_ms - state.changed_at_ms
    if state.trust is Trust.FROZEN and same_ms > 0:
        return Trust.FROZEN  # going easy undoes what power had moved, not the doubt
    moved_bpm = abs(state.model.moved_bpm - state.moved_then_bpm)
    if same_ms >= FROZEN_MS or (same_ms >= STILL_MS and moved_bpm >= FROZEN_MOVED_BPM):
        return Trust.FROZEN
    return Trust.GOOD


# What is asked


def _before(state: HeartControl, limits: Limits) -> float:
    """What was asked last; at the begin of a step what the rider rides anyway."""
    if state.asked_w is not None:
        return min(state.asked_w, limits.most_w)
    ridden_w = limits.safe_w if state.ridden_w is None else state.ridden_w
    return min(max(ridden_w, 0.0), limits.most_w)


def _wanted(
    state: HeartControl,
    now_ms: int,
    before_w: float,
    target: tuple[float, float],
    limits: Limits,
    seconds: float,
) -> tuple[float, Why]:
    if state.blind_since_ms is not None:
        if now_ms - state.blind_since_ms < HOLD_MS:
            return before_w, Why.HOLDS
        lower_w = before_w - BACK_OFF_PER_S * limits.ftp_w * seconds
        return min(before_w, max(lower_w, limits.safe_w)), Why.BACKS_OFF
    wanted_w = max(_power_towards(state.model, (target[0] + target[1]) / 2), 0.0)
    if wanted_w > before_w and not _follows(state, before_w):
        return before_w, Why.NOT_FOLLOWED
    if now_ms - state.changed_at_ms >= STILL_MS and state.asked_least_w is not None:
        probed_w = state.asked_least_w + PROBE_SHARE * limits.ftp_w
        wanted_w = min(wanted_w, max(before_w, probed_w))
    if wanted_w > limits.most_w:
        return limits.most_w, Why.CAP
    return wanted_w, Why.STEERS


def _power_towards(model: HeartModel, goal_bpm: float) -> float:
    by_then_bpm = goal_bpm + (model.bpm - goal_bpm) * exp(-AHEAD_S / APPROACH_S)
    return heart_model.power_for(model, by_then_bpm, AHEAD_S)


def _follows(state: HeartControl, before_w: float) -> bool:
    return state.ridden_w is None or state.ridden_w >= FOLLOWS_SHARE * before_w


# What is said


def _told(
    state: HeartControl, now_ms: int, command: Command, target: tuple[float, float]
) -> tuple[HeartControl, Command]:
    """The command with its reason, which changes at most each EXPLAINED_MS: it is to be read."""
    last = state.told
    fits = last is not None and (last.why, last.trust) == (command.why, command.trust)
    if last is not None and fits and now_ms - state.told_at_ms < EXPLAINED_MS:
        moved_w = abs(command.power_w - last.power_w)
        if last.changed_w != 0 or moved_w < STEADY_W:
            return state, replace(last, power_w=command.power_w)
    blind_ms = 0 if state.blind_since_ms is None else now_ms - state.blind_since_ms
    told = replace(
        command,
        changed_w=0 if last is None else command.power_w - last.power_w,
        off_bpm=_off(state.model.bpm, target),
        trend=_trend(state),
        blind_s=blind_ms // 1000,
    )
    return replace(state, told=told, told_at_ms=now_ms), told


def _off(bpm: float, target: tuple[float, float]) -> int:
    low, high = target
    return round(max(bpm - high, 0.0) + min(bpm - low, 0.0))


def _trend(state: HeartControl) -> int:
    change_bpm = 0.0 if state.mean_bpm is None else state.model.bpm - state.mean_bpm
    return (change_bpm >= TREND_BPM) - (change_bpm <= -TREND_BPM)


_TREND = {-1: " and falling", 0: "", 1: " and rising"}
_BLIND = {
    Trust.MISSING: "no heart rate",
    Trust.SUSPECT: "heart rate in doubt",
    Trust.FROZEN: "heart rate stands still",
}


def say(command: Command) -> str:
    """The command in plain words: "−8 W: heart rate 4 above and rising"."""
    return f"{_change(command.changed_w)}: {_reason(command)}"


_BRIEF_BLIND = {
    Trust.MISSING: "no HR",
    Trust.SUSPECT: "HR in doubt",
    Trust.FROZEN: "HR stands still",
}
_ARROW = {-1: " ↓", 0: "", 1: " ↑"}


def brief(command: Command) -> str:
    """The same where there is room for a few signs: "−8 W: HR +4 ↑"."""
    return f"{_change(command.changed_w)}: {_brief_reason(command)}"


def _brief_reason(command: Command) -> str:
    match command.why:
        case Why.HOLDS | Why.BACKS_OFF:
            what = _BRIEF_BLIND.get(command.trust, "HR back")
            return f"{what}, easy" if command.why is Why.BACKS_OFF else f"{what}, holding"
        case Why.NOT_FOLLOWED:
            return "below target"
        case Why.CAP:
            return "at your limit"
        case Why.STEERS:
            off_bpm = command.off_bpm
            sign = "+" if off_bpm > 0 else "−"
            where = f"{sign}{abs(off_bpm)}" if off_bpm else "on target"
            return f"HR {where}{_ARROW[command.trend]}"


def _change(changed_w: int) -> str:
    if changed_w == 0:
        return "Steady"
    return f"{'+' if changed_w > 0 else '−'}{abs(changed_w)} W"


def _reason(command: Command) -> str:
    match command.why:
        case Why.HOLDS | Why.BACKS_OFF:
            what = _BLIND.get(command.trust, "heart rate just back")
            return f"{what}, going easy" if command.why is Why.BACKS_OFF else f"{what}, holding"
        case Why.NOT_FOLLOWED:
            return "below the watts asked for"
        case Why.CAP:
            return "at your limit, heart rate below"
        case Why.STEERS:
            return f"heart rate {_where(command.off_bpm)}{_TREND[command.trend]}"


def _where(off_bpm: int) -> str:
    if off_bpm == 0:
        return "on target"
    return f"{abs(off_bpm)} {'above' if off_bpm > 0 else 'below'}"
