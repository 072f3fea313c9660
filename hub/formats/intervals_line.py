"""One step line of intervals.icu's workout text: `- [cue] 10m 75-85% 90rpm`. Pure.

Rules (forum.intervals.icu/t/123701): `m` is minutes and `mtr` metres; what stands before the first
length is a cue; before `<!>` stand cues at times (`Sit up 30^Stand <!> 10m 75%`, in s). Shares of
pace are of speed: 110 % is faster. Beyond those rules RPE, bpm, W/kg and km/h are understood, and
lengths such as "10 min" or "1:30".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hub.core.target import FreeRide, MaxEffort, StepTarget, Unit
from hub.core.workout import CadenceRange, StepKind, StepText, Until, UntilLap
from hub.formats.decimals import decimal
from hub.formats.imported import TEXT_CHARS_MAX
from hub.formats.lengths import MILE_M, YARD_M, for_metres, for_seconds, ranged

CUE_EDGES = " -:,"
TARGET_WORDS_MAX = 12  # a longer target has no sense, and a long line would take long
UNKNOWN_MAX = 20  # words; what follows so many is prose
LONG_S = 5 * 3600  # a step above it is more likely metres taken for minutes

# One character for one: what a word processor makes of hyphens, quotes and times signs.
PLAIN = str.maketrans("–—−‑’‘′´”“″×\u00a0\u202f\t", "----''''\"\"\"x   ")

N = r"\d+(?:[.,]\d+)?"
END = r"(?![\w%'\":/.]|,\d)"
TIME = re.compile(
    rf"(?=\d)(?:(?P<h>{N})\s?h(?:rs?|ours?)?)?\s?"
    rf"(?:(?P<m>{N})\s?m(?:in(?:ute)?s?)?|(?<=h)(?P<bare_m>[0-5]\d))?\s?"
    rf"(?:(?P<s>{N})\s?s(?:ec(?:ond)?s?)?|(?<=m)(?P<bare>\d\d))?{END}",
    re.IGNORECASE,
)
QUOTED = re.compile(
    rf"(?:(?P<m>{N})'(?!')(?:(?P<s>\d{{1,2}})(?:\"|'')?)?|(?P<only>{N})(?:\"|''))(?![\w%])"
)
COLONS = re.compile(
    r"(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,3}):(?P<s>\d\d)(?!\s*(?:/|-|pace)|[\w:%])", re.IGNORECASE
)
DISTANCE = re.compile(
    rf"(?P<n>{N})\s?(?P<unit>mtrs?|meters?|metres?|km|miles?|mi|yards?|yrds?|yds?)(?![\w/])",
    re.IGNORECASE,
)
DISTANCES = {"m": 1.0, "k": 1000.0, "mi": MILE_M, "y": YARD_M}

PACE_OF = {
    "km": 1000.0, "mi": MILE_M, "100m": 100.0, "100y": 100 * YARD_M, "500m": 500.0, "400m": 400.0,
    "250m": 250.0,
}  # fmt: skip
PACE_UNIT = rf"(?:/\s?(?P<of>{'|'.join(PACE_OF)}))"
TO = r"\s*(?:-|to)\s*"

VALUE = rf"(?P<a>{N})"
UPTO = rf"(?:{TO}(?P<b>{N})\s?"  # closed by each pattern after its unit


@dataclass(slots=True)
class StepLine:
    """What a line says; `doubts` are for its line number. `until` None: no length."""

    until: Until | None = None
    target: StepTarget | None = None
    cadence: CadenceRange | None = None
    kind: StepKind | None = None
    cue: str = ""
    texts: tuple[StepText, ...] = ()
    times: int = 1
    by_pace: str = ""  # "km", "500m": how a pace was given; "%" a share of it
    doubts: list[str] = field(default_factory=list)

    def doubt(self, text: str) -> None:
        self.doubts.append(text)


def parse_step_line(text: str) -> StepLine:
    """A line without its bullet."""
    line = StepLine()
    if "<!>" in text:
        prompts, text = text.split("<!>", 1)
        line.texts = tuple(_prompts(prompts))
    if (times := re.match(r"\s*(\d{1,4})\s?[xX×](?:\s+(?=\S)|(?=\d))", text)) is not None:
        line.times, text = int(times[1]), text[times.end() :]
    plain = text.translate(PLAIN)
    length = first_length(plain)
    if length is None:
        _parse_open(line, text, plain)
        return line
    start, end, read = length
    line.until = read(line)
    before = StepLine()
    if plain[:start].strip() and not _parse_words(before, plain[:start]):
        # A target before the length and no word: "75% 10m"
        line.target, line.cadence, line.kind = before.target, before.cadence, before.kind
        line.by_pace = before.by_pace
    else:
        line.cue = text[:start].strip(CUE_EDGES)
    for word in _parse_words(line, plain[end:]):
        line.doubt(f"{word[:40]!r} is not understood; left out")
    return line


def _prompts(text: str) -> Iterator[StepText]:
    """`First 33^Second 60^Third`: s from the begin of the step."""
    offset_ms, at = 0, 0
    for mark in [*re.finditer(r"(\d{1,6})\^", text), None]:
        words = text[at : len(text) if mark is None else mark.start()].strip()
        if words:
            yield StepText(offset_ms, words[:TEXT_CHARS_MAX])
        if mark is not None:
            offset_ms, at = int(mark[1]) * 1000, mark.end()


# Lengths


Read = Callable[[StepLine], Until | None]


def first_length(plain: str) -> tuple[int, int, Read] | None:
    """Where the first length begins and ends, and how it is read."""
    for begin in re.finditer(r"(?<![\w.,/:^])\d", plain):
        for pattern, read in LENGTHS:
            match = pattern.match(plain, begin.start())
            if match is not None and match.end() > match.start():
                return match.start(), match.end(), _bound(read, match)
    return None


def _bound(read: Callable[[re.Match[str], StepLine], Until | None], match: re.Match[str]) -> Read:
    return lambda line: read(match, line)


def _read_time(match: re.Match[str], line: StepLine) -> Until | None:
    h, m, s = (_number(match[key]) for key in ("h", "m", "s"))
    m += _number(match["bare_m"])
    seconds = 3600 * h + 60 * m + s + _number(match["bare"])
    if m * 60 > LONG_S and not h:
        line.doubt(f"{m:g} minutes; metres are written mtr")
    return for_seconds(seconds, line.doubt)


def _read_quoted(match: re.Match[str], line: StepLine) -> Until | None:
    seconds = 60 * _number(match["m"]) + _number(match["s"]) + _number(match["only"])
    return for_seconds(seconds, line.doubt)


def _read_colons(match: re.Match[str], line: StepLine) -> Until | None:
    seconds = 3600 * _number(match["h"]) + 60 * _number(match["m"]) + _number(match["s"])
    line.doubt(f"{match[0]} is read as {'hours:' if match['h'] else ''}minutes:seconds")
    return for_seconds(seconds, line.doubt)


def _read_distance(match: re.Match[str], line: StepLine) -> Until | None:
    unit = match["unit"].lower()
    metres = DISTANCES["mi" if unit.startswith("mi") else unit[0]]
    return for_metres(_number(match["n"]) * metres, line.doubt)


LENGTHS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], StepLine], Until | None]], ...] = (
    (TIME, _read_time),
    (QUOTED, _read_quoted),
    (DISTANCE, _read_distance),
    (COLONS, _read_colons),
)


def _parse_open(line: StepLine, text: str, plain: str) -> None:
    """A line without a length: one that ends by the lap button, or none at all."""
    press = LAP.search(plain)
    if press is None:
        return
    before = plain[: press.start()]
    words = [0, *(match.start() for match in re.finditer(r"(?<=\s)\S", before)), len(before)]
    for begin in words[-TARGET_WORDS_MAX:]:  # the longest end of it that is all targets
        read = StepLine(until=UntilLap(), times=line.times, texts=line.texts)
        if not _parse_words(read, before[begin:]):
            break
    line.until, line.target, line.cadence = read.until, read.target, read.cadence
    line.kind, line.by_pace, line.doubts = read.kind, read.by_pace, read.doubts
    line.cue = text[:begin].strip(CUE_EDGES)
    for word in _parse_words(line, plain[press.end() :]):
        line.doubt(f"{word[:40]!r} is not understood; left out")


# What stands after the length


def _parse_words(line: StepLine, plain: str) -> list[str]:
    """Takes what it knows, and answers the words that it does not."""
    ramp = RAMP.search(plain) is not None
    plain = RAMP.sub(" ", plain)
    unknown: list[str] = []
    at = 0
    while at < len(plain) and len(unknown) < UNKNOWN_MAX:
        if plain[at] in " ,;()@":
            at += 1
            continue
        for pattern, read in WORDS:
            match = pattern.match(plain, at)
            if match is not None and match.end() > at:
                read(match, line, ramp)
                at = match.end()
                break
        else:
            word = re.compile(r"\S+").match(plain, at)
            unknown.append(plain[at:] if word is None else word[0])
            at = len(plain) if word is None else word.end()
    return unknown


def _aim(line: StepLine, target: StepTarget | None) -> None:
    if target is None:
        return
    if line.target is not None:
        line.doubt("one more target; left out")
        return
    line.target = target


def _read_share(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    of = re.sub(r"\W", "", match["of"] or "").lower()
    unit = SHARE_OF.get(of)
    if unit is None:
        line.doubt(f"{match[0]!r} depends on the athlete's records; ridden without a target")
        return
    if unit is Unit.THRESHOLD_SPEED:
        line.by_pace = "%"
    first = _number(match["a"]) / 100
    second = _number(match["b"]) / 100 if match["b"] else first
    _aim(line, ranged(unit, first, second, line.doubt, ramp=ramp))


def _reads(unit: Unit) -> Callable[[re.Match[str], StepLine, bool], None]:
    def read(match: re.Match[str], line: StepLine, ramp: bool) -> None:
        first = _number(match["a"])
        second = _number(match["b"]) if match["b"] else first
        _aim(line, ranged(unit, first, second, line.doubt, ramp=ramp))

    return read


def _read_zone(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    of = (match["of"] or "").lower()
    if of == "pace":
        line.by_pace = "%"
        line.doubt(f"{match[0]!r}: zones of pace are not known here; ridden without a target")
        return
    unit = Unit.HEART_ZONE if of in ("hr", "lthr") else Unit.POWER_ZONE
    first, second = float(match["a"]), float(match["b"] or match["a"])
    _aim(line, ranged(unit, first, second, line.doubt, ramp=ramp))


def _read_custom_zone(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    line.doubt(f"{match[0]!r}: the athlete's own zones are not known; ridden without a target")


def _read_pace(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    of = (match["of"] or match["of_a"] or "").lower()
    if not of:
        line.doubt(f"{match[0]!r} is read as minutes per km")
    line.by_pace = of or "km"
    metres = PACE_OF[line.by_pace]
    times = [60 * int(match["am"]) + int(match["as"])]
    times.append(60 * int(match["bm"]) + int(match["bs"]) if match["bm"] else times[0])
    if min(times) < 1:
        line.doubt(f"{match[0]!r} is no pace; left out")
        return
    first, second = (metres / seconds * 3.6 for seconds in times)
    _aim(line, ranged(Unit.KMH, first, second, line.doubt, ramp=ramp))


def _read_cadence(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    first = _number(match["a"])
    low, high = sorted((first, _number(match["b"]) if match["b"] else first))
    if not 0 < low <= high <= 250:
        line.doubt(f"a cadence of {low:g} to {high:g} is left out")
        return
    line.cadence = CadenceRange(round(low), round(high))


def _read_free(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    _aim(line, FreeRide())


def _read_max(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    _aim(line, MaxEffort())


def _read_lap(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    line.until = UntilLap()  # the length beside it is what the author reckons with


def _read_intensity(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    line.kind = INTENSITIES.get(match["kind"].lower())
    if line.kind is None:
        line.doubt(f"{match[0]!r} is not known; left out")


def _read_setting(match: re.Match[str], line: StepLine, ramp: bool) -> None:
    """`power=3s` and its like concern a head unit's screen."""


def _number(text: str | None) -> float:
    return decimal(text) if text else 0.0


SHARE_OF = {
    "": Unit.FTP, "ftp": Unit.FTP, "hr": Unit.MAX_HR, "maxhr": Unit.MAX_HR, "hrmax": Unit.MAX_HR,
    "lthr": Unit.LTHR, "hrr": Unit.HRR, "pace": Unit.THRESHOLD_SPEED,
}  # fmt: skip
INTENSITIES = {
    "warmup": StepKind.WARMUP, "active": StepKind.WORK, "interval": StepKind.WORK,
    "recovery": StepKind.RECOVERY, "rest": StepKind.RECOVERY, "cooldown": StepKind.COOLDOWN,
    "free": StepKind.FREE,
}  # fmt: skip

RAMP = re.compile(r"(?<!\w)ramp(?!\w)", re.IGNORECASE)
LAP = re.compile(r"(?<!\w)(?:press\s+lap|lap\s+press)(?!\w)", re.IGNORECASE)

# First match wins.
WORDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], StepLine, bool], None]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), read)
    for pattern, read in (
        (
            rf"{VALUE}\s?%?{UPTO})?%\s*(?:of\s+)?(?P<of>(?:max\s?hr|hr\s?max|lthr|hrr|hr|ftp|pace"
            rf"|mmp(?:\s+{N}[hms]+)?)\b)?",
            _read_share,
        ),
        (rf"{VALUE}\s?(?:w/kg|wkg)?{UPTO})?(?:w/kg|wkg)(?!\w)", _reads(Unit.WATT_PER_KG)),
        (rf"{VALUE}\s?w?{UPTO})?w(?:atts?)?(?![\w/])", _reads(Unit.WATT)),
        (rf"{VALUE}\s?(?:rpm)?{UPTO})?rpm(?!\w)", _read_cadence),
        (rf"{VALUE}\s?(?:bpm)?{UPTO})?bpm(?!\w)(?:\s+HR\b)?", _reads(Unit.BPM)),
        (rf"{VALUE}\s?(?:km/h|kph|kmh)?{UPTO})?(?:km/h|kph|kmh)(?!\w)", _reads(Unit.KMH)),
        (rf"rpe\s*{VALUE}{UPTO})?(?![\w%])", _reads(Unit.RPE)),
        (
            rf"(?P<am>\d{{1,3}}):(?P<as>\d\d)(?:{PACE_UNIT.replace('of', 'of_a')})?"
            rf"(?:{TO}(?P<bm>\d{{1,3}}):(?P<bs>\d\d))?{PACE_UNIT}?(?:\s*pace\b)?",
            _read_pace,
        ),
        (r"CZ\d(?:\s?-\s?C?Z?\d)?(?!\w)", _read_custom_zone),
        (
            r"Z(?P<a>\d)(?:\s?-\s?Z?(?P<b>\d))?(?!\w)(?:\s*(?P<of>hr|lthr|pace|power)\b)?",
            _read_zone,
        ),
        (r"free\s?-?ride(?!\w)", _read_free),
        (r"(?:max\s?effort|max|all[ -]out)(?!\w)", _read_max),
        (LAP.pattern, _read_lap),
        (r"intensity=(?P<kind>\w+)", _read_intensity),
        (r"(?:power|hr|pace|lap|hidepower)(?:=\w+)?(?!\w)", _read_setting),
    )
)
