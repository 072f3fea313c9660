"""FTP tests: what the ridden power says of threshold power, how sure that is, and why.

All shares are population means, and an athlete may be several per cent beside them; a proposal is
never taken over without being asked. Sources:

ramp   75 % of the best minute of a ramp of about 6 % of FTP a minute. That minute is R. Stern's
       maximal aerobic power (MAP, 1996); he puts threshold at 72-77 % of it
       (www.cyclecoach.com, "Is the MAP (ramp) test a valid estimator of FTP?").
20min  95 % of the best 20 minutes, ridden after five minutes all out that empty what is anaerobic
       (Allen and Coggan, "Training and Racing with a Power Meter"). Against maximal lactate steady
       state: bias 1.4 %, limits of agreement 9.2 % (Borszcz et al. 2019, doi
       10.1123/ijspp.2018-0572). Without the five minutes before it comes out too high.
2x8    90 % of the mean of two efforts of 8 minutes, 10 minutes apart (Carmichael's field test,
       Klika et al. 2007; he takes the better one, the mean forgives no bad pacing). Equal to power
       at 4 mmol/l lactate (Gavin et al. 2012, doi 10.1519/JSC.0b013e318220b4eb).

Columns are 1 Hz over riding time, pauses cut out, NaN where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
import numpy as np

from hub.core.metrics import Column, hold_dropouts
from hub.core.ramp_end import RampEnd
from hub.core.target import round_half_up
from hub.core.workout import FtpTest

FTP_W_MIN, FTP_W_MAX = 30, 700  # outside it is the power meter

# What may be missing of an effort: 24 s of 20 minutes, 1 s of a minute.
MISSING_SHARE_MAX = 0.02
# Pedals that turn for so long without power: the power meter is broken.
POWERLESS_RPM, POWERLESS_S = 30.0, 4
COASTED_S = 5
PAUSE_S_MAX = 30  # legs that have rested for longer say nothing of an effort
# Trainers smooth what they report while they hold power; across a step of the ramp nobody does.
SMOOTHED_S, FROZEN_S = 20, 75
RAMP_S_MIN = 300  # 8 to 12 minutes are best (Buchfuhrer et al. 1983)
LAST_S = 90  # the best minute of a ramp lies at its end
BLOW_OUT_S = 300
UNEVEN_SHARE, SPLIT_SHARE = 0.07, 0.12
JUMP_SHARE = 0.20


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"  # nothing is proposed


SEVERITY = tuple(Confidence)


class Rule(NamedTuple):
    window_s: int
    efforts: int
    share: float


RULES: Mapping[FtpTest, Rule] = {
    "ramp": Rule(60, 1, 0.75),
    "20min": Rule(1200, 1, 0.95),
    "2x8": Rule(480, 2, 0.90),
}


class Effort(msgspec.Struct, frozen=True):
    """What of the ride was the test: riding seconds `begins_s` up to, not including, `ends_s`.

    `whole`: ridden to its planned end.
    """

    begins_s: int
    ends_s: int
    whole: bool = True


class Pause(msgspec.Struct, frozen=True):
    """Before riding second `at_s` the ride stood still for `length_s`."""

    at_s: int
    length_s: int


class Window(msgspec.Struct, frozen=True):
    """The best stretch of an effort. `mean_w`: unrounded, of the seconds that were measured."""

    begins_s: int
    ends_s: int
    mean_w: float
    missing_s: int = 0


class Doubt(NamedTuple):
    """Because of `text` the proposal is worth `confidence` at most."""

    confidence: Confidence
    text: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """`ftp_w` None: nothing can be said, and `doubts` say why. `was_w`: what was known before.

    `windows`: what it was measured on. `ended_s`: of a ramp, the riding second of it in which the
    legs failed.
    """

    test: FtpTest
    ftp_w: int | None
    was_w: int | None
    reasoning: str
    confidence: Confidence
    doubts: tuple[str, ...]
    windows: tuple[Window, ...] = ()
    ended_s: int | None = None


class Ridden(NamedTuple):
    """A test as it was ridden, for the rules that doubt it."""

    test: FtpTest
    power_w: Column
    efforts: Sequence[Effort]
    windows: Sequence[Window]
    pauses: Sequence[Pause]
    ftp_w: int
    was_w: int | None
    end: RampEnd | None


def propose(
    test: FtpTest,
    power_w: Column,
    cadence_rpm: Column,
    efforts: Sequence[Effort],
    *,
    pauses: Sequence[Pause] = (),
    was_w: int | None = None,
    end: RampEnd | None = None,
) -> Proposal:
    """`efforts`: the ramp from its first step on, the 20 minutes, the two times 8. `was_w`: None
    when the athlete never said one. `end`: of a ramp. Raises KeyError for `test` "".
    """
    rule = RULES[test]
    power_w = hold_dropouts(_without_lies(power_w, cadence_rpm))
    windows: list[Window] = []
    problem = "" if len(efforts) >= rule.efforts else _too_few(rule, len(efforts))
    for effort in efforts[: rule.efforts]:
        window = _best(power_w, effort, rule.window_s)
        if window is None:
            problem = problem or _why_none(power_w, effort, rule.window_s)
        else:
            windows.append(window)
    ended_s = None if end is None else end.at_s
    if problem:
        return _refused(test, was_w, (problem,), tuple(windows), ended_s)
    mean_w = sum(window.mean_w for window in windows) / rule.efforts
    ftp_w = round_half_up(mean_w * rule.share)
    ridden = Ridden(test, power_w, efforts, windows, pauses, ftp_w, was_w, end)
    doubts = [doubt for doubter in DOUBTERS for doubt in doubter(ridden)]
    worst = max((SEVERITY.index(doubt.confidence) for doubt in doubts), default=0)
    texts = tuple(doubt.text for doubt in doubts)
    if SEVERITY[worst] is Confidence.NONE:
        return _refused(test, was_w, texts, tuple(windows), ended_s)
    return Proposal(
        test=test,
        ftp_w=ftp_w,
        was_w=was_w,
        reasoning=_reasoning(test, windows, rule.share),
        confidence=SEVERITY[worst],
        doubts=texts,
        windows=tuple(windows),
        ended_s=ended_s,
    )


def _refused(
    test: FtpTest,
    was_w: int | None,
    why: tuple[str, ...],
    windows: tuple[Window, ...],
    ended_s: int | None,
) -> Proposal:
    return Proposal(
        test=test,
        ftp_w=None,
        was_w=was_w,
        reasoning="",
        confidence=Confidence.NONE,
        doubts=why,
        windows=windows,
        ended_s=ended_s,
    )


def _reasoning(test: FtpTest, windows: Sequence[Window], share: float) -> str:
    first, last = (f"{round_half_up(window.mean_w)} W" for window in (windows[0], windows[-1]))
    match test:
        case "ramp":
            return f"best minute {first} × {share:.2f}"
        case "20min":
            return f"best 20 minutes {first} × {share:.2f}"
        case _:
            return f"mean of {first} and {last} over 8 minutes × {share:.2f}"


# The best stretch


def _without_lies(power_w: Column, cadence_rpm: Column) -> Column:
    """Zeros in a row while the pedals turn were never measured."""
    lies = np.zeros(len(power_w), dtype=np.bool_)
    for begin, end in _runs((power_w == 0) & (cadence_rpm >= POWERLESS_RPM)):
        lies[begin:end] = end - begin >= POWERLESS_S
    return np.where(lies, np.nan, power_w)


def _best(power_w: Column, effort: Effort, window_s: int) -> Window | None:
    """The strongest stretch with at most MISSING_SHARE_MAX missing; None: there is none."""
    column = power_w[effort.begins_s : effort.ends_s]
    if len(column) < window_s:
        return None
    missing = np.isnan(column)
    counts = _sums(missing.astype(np.float64), window_s)
    means = _sums(np.where(missing, 0.0, column), window_s) / np.maximum(window_s - counts, 1)
    whole = counts <= MISSING_SHARE_MAX * window_s
    if not whole.any():
        return None
    best = int(np.argmax(np.where(whole, means, -np.inf)))
    begins_s = effort.begins_s + best
    return Window(begins_s, begins_s + window_s, float(means[best]), int(counts[best]))


def _sums(column: Column, window_s: int) -> Column:
    total = np.concatenate(([0.0], np.cumsum(column)))
    return total[window_s:] - total[:-window_s]


def _runs(mask: Column) -> list[tuple[int, int]]:
    """(begin, end) of each run of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _too_few(rule: Rule, ridden: int) -> str:
    return "the test was not ridden" if not ridden else f"only {ridden} of {rule.efforts} efforts"


def _why_none(power_w: Column, effort: Effort, window_s: int) -> str:
    ridden_s = effort.ends_s - effort.begins_s
    if ridden_s < window_s:
        return f"too short: {_clock(ridden_s)} of {_clock(window_s)} were ridden"
    missing_s = int(np.count_nonzero(np.isnan(power_w[effort.begins_s : effort.ends_s])))
    return f"power was missing for {_clock(missing_s)} of the effort"


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


# What makes a proposal doubtful


def _missing(ridden: Ridden) -> Iterator[Doubt]:
    missing_s = sum(window.missing_s for window in ridden.windows)
    if missing_s:
        yield Doubt(Confidence.MEDIUM, f"power was missing for {_clock(missing_s)}")


def _pauses(ridden: Ridden) -> Iterator[Doubt]:
    """In a ramp a rest at any time before helps the minute that counts."""
    ramp = ridden.test == "ramp"
    for effort, window in zip(ridden.efforts, ridden.windows, strict=False):
        begins_s = effort.begins_s if ramp else window.begins_s
        paused = [pause for pause in ridden.pauses if begins_s < pause.at_s < window.ends_s]
        paused_s = sum(pause.length_s for pause in paused)
        if paused_s:
            worth = Confidence.LOW if paused_s <= PAUSE_S_MAX else Confidence.NONE
            yield Doubt(worth, f"a pause of {_clock(paused_s)} in the effort: the legs rested")


def _frozen(ridden: Ridden) -> Iterator[Doubt]:
    same = np.diff(ridden.power_w) == 0
    longest = max(
        (
            end - begin + 1
            for begin, end in _runs(same)
            for window in ridden.windows
            if begin < window.ends_s and end >= window.begins_s and ridden.power_w[begin] > 0
        ),
        default=0,
    )
    if longest >= FROZEN_S:
        yield Doubt(
            Confidence.NONE, f"power did not change for {_clock(longest)}: the value was frozen"
        )
    elif longest >= SMOOTHED_S:
        yield Doubt(
            Confidence.MEDIUM,
            f"power did not change for {_clock(longest)}: the trainer reports a smoothed value",
        )


def _coasted(ridden: Ridden) -> Iterator[Doubt]:
    zeros = sum(
        int(np.count_nonzero(ridden.power_w[window.begins_s : window.ends_s] == 0))
        for window in ridden.windows
    )
    if zeros > COASTED_S:
        yield Doubt(Confidence.LOW, f"nobody pedalled for {_clock(zeros)} of the effort")


def _ramp(ridden: Ridden) -> Iterator[Doubt]:
    if ridden.test != "ramp":
        return
    effort, window = ridden.efforts[0], ridden.windows[0]
    ends_s = effort.ends_s if ridden.end is None else effort.begins_s + ridden.end.at_s
    if window.ends_s - effort.begins_s < RAMP_S_MIN:
        lasted = _clock(window.ends_s - effort.begins_s)
        yield Doubt(Confidence.LOW, f"the ramp lasted only {lasted}: begin lower next time")
    if ends_s - window.ends_s > LAST_S:
        before = _clock(ends_s - window.ends_s)
        yield Doubt(Confidence.MEDIUM, f"the best minute was over {before} before the end")
    if effort.whole and ridden.end is None:
        yield Doubt(Confidence.LOW, "the ramp ended before you did: it is at least this")


def _blow_out(ridden: Ridden) -> Iterator[Doubt]:
    if ridden.test != "20min":
        return
    effort, window = ridden.efforts[0], ridden.windows[0]
    before = _best(ridden.power_w, Effort(0, effort.begins_s), BLOW_OUT_S)
    if before is None or before.mean_w < window.mean_w:
        yield Doubt(
            Confidence.MEDIUM, "without five minutes all out before it, 95 % are likely too much"
        )


def _uneven(ridden: Ridden) -> Iterator[Doubt]:
    if ridden.test != "2x8":
        return
    first_w, second_w = (window.mean_w for window in ridden.windows)
    apart = abs(first_w - second_w) / max(first_w, second_w, 1.0)
    if apart > UNEVEN_SHARE:
        worth = Confidence.LOW if apart > SPLIT_SHARE else Confidence.MEDIUM
        yield Doubt(worth, f"the two efforts are {apart:.0%} apart")


def _jump(ridden: Ridden) -> Iterator[Doubt]:
    if not ridden.was_w:
        return
    change = ridden.ftp_w / ridden.was_w - 1
    if abs(change) > JUMP_SHARE:
        way = "above" if change > 0 else "below"
        yield Doubt(
            Confidence.LOW,
            f"{abs(change):.0%} {way} what it was: is the power meter calibrated?",
        )


def _implausible(ridden: Ridden) -> Iterator[Doubt]:
    if not FTP_W_MIN <= ridden.ftp_w <= FTP_W_MAX:
        yield Doubt(
            Confidence.NONE, f"{ridden.ftp_w} W is nobody's threshold: check the power meter"
        )


DOUBTERS: tuple[Callable[[Ridden], Iterator[Doubt]], ...] = (
    _missing,
    _pauses,
    _frozen,
    _coasted,
    _ramp,
    _blow_out,
    _uneven,
    _jump,
    _implausible,
)
