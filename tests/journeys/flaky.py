"""A full studio on a bad day: what goes wrong, and how many seconds of it were not recorded."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from house import wait_until
from journeys.kills_house import RESTART_S, boot_ms
from journeys.metronome import Metronome
from journeys.studio_house import PATIENCE_S, RADIOS, SPOTS, StudioHouse
from journeys.truth import Frame, Verdict, compare, sent
from msgspec.structs import replace

from firmware_sim import chaos, places, scenario
from firmware_sim.faults import RULES, Kind

LOST_S_PER_FAULT = 5.0
LAST_S = max(RULES[kind].for_s for kind in (Kind.WALK_AWAY, Kind.DROP))  # longest fault
MADE_GOOD_S = (5, 15, 30)
KILL_EVERY_S = (18.0, 26.0)
PULLED_S = 8.0


@dataclass
class Trouble:
    """One thing that goes wrong. `touched`: the sensors it may cost seconds, by name."""

    kind: str
    about: str  # a sensor, a radio or a gateway
    at_s: float  # since the first one could be
    for_s: float
    began_ms: int = 0  # boot clock
    touched: frozenset[str] = frozenset()


@dataclass
class Stream:
    """One metric of one rider: a sensor's characteristic."""

    sensor: str
    char: str
    on_air_s: int = 0  # seconds in which something whole could be heard
    lost: list[int] = field(default_factory=list)  # of those, boot s: nothing was recorded
    allowed_s: float = 0.0
    faults: int = 0

    @property
    def too_much(self) -> bool:
        return len(self.lost) > self.allowed_s


@dataclass
class Report:
    seed: int
    troubles: list[Trouble] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    settled_ms: int = 0  # from the end of the last fault until every sensor was live
    slowness: float = 1.0
    seconds: int = 0

    @property
    def lost_s(self) -> int:
        return sum(len(stream.lost) for stream in self.streams)


def troubles(seed: int, seconds: float) -> list[Trouble]:
    """What happens in `seconds`, of which the last LAST_S begin nothing new."""
    until_s = seconds - LAST_S
    plan = scenario.parse(places.scenarios()["flaky-20"].read_text(encoding="utf-8"))
    assert plan.chaos is not None
    plan = replace(plan, chaos=replace(plan.chaos, quiet_s=0.0))
    schedule = chaos.schedule(plan, random.Random(f"{seed}/flaky"))
    faults = [
        Trouble(each.kind.value, each.sensor, each.at_ms / 1000, RULES[each.kind].for_s)
        for each in takewhile(lambda each: each.at_ms < until_s * 1000, schedule)
    ]
    return sorted([*faults, *_kills(seed, until_s)], key=lambda trouble: trouble.at_s)


def _kills(seed: int, until_s: float) -> Iterator[Trouble]:
    """A radio pulled, a gateway killed, by turns and at either end of the room."""
    dice = random.Random(f"{seed}/kills")
    at_s = dice.uniform(*KILL_EVERY_S) / 2
    while at_s < until_s:
        radio = f"{dice.choice(SPOTS)}/{dice.randrange(RADIOS)}"
        yield Trouble(Kind.UNPLUG.value, radio, at_s, PULLED_S)
        at_s += dice.uniform(*KILL_EVERY_S)
        if at_s < until_s:
            yield Trouble("kill", dice.choice(SPOTS), at_s, RESTART_S)
            at_s += dice.uniform(*KILL_EVERY_S)


def run(house: StudioHouse, seed: int, seconds: float, say: Callable[[str], None]) -> Report:
    """Breaks things for so long, waits until all is well, and counts what is missing."""
    report = Report(seed, troubles(seed, seconds), seconds=round(seconds))
    with Metronome() as metronome:
        began_ms = boot_ms()
        for trouble in report.troubles:
            time.sleep(max(0.0, trouble.at_s - (boot_ms() - began_ms) / 1000))
            _strike(house, trouble)
            say(f"{trouble.at_s:6.1f} s  {trouble.kind} {trouble.about}")
        time.sleep(max(0.0, seconds - (boot_ms() - began_ms) / 1000))
        over_ms = boot_ms()
        house.settle("after the last fault every sensor is live again")
        report.settled_ms = boot_ms() - over_ms
        ended_ms = boot_ms()
        _caught_up(house, ended_ms)
        log = sent(house.air_log)
        report.verdict = compare(log, house.database.readings(), house.database.names())
        judge(report, log, (began_ms, ended_ms), metronome.slowness)
        report.slowness = metronome.slowness(began_ms, ended_ms)
    return report


def _strike(house: StudioHouse, trouble: Trouble) -> None:
    trouble.began_ms = boot_ms()
    if trouble.kind == "kill":
        trouble.touched = frozenset(house.held_by(trouble.about))
        gateway = house.gateways[trouble.about]
        gateway.kill()
        time.sleep(RESTART_S)
        gateway.start()
    elif trouble.kind == Kind.UNPLUG:
        # Which of the gateway's radios it is, only the room knows.
        trouble.touched = frozenset(house.held_by(trouble.about.partition("/")[0]))
        house.inject(trouble.kind, trouble.about, trouble.for_s)
        trouble.touched &= {
            name for name, sensor in house.status().items() if not sensor["connected"]
        }
    else:
        trouble.touched = frozenset((trouble.about,))
        house.inject(trouble.kind, trouble.about, trouble.for_s)


def _caught_up(house: StudioHouse, ended_ms: int) -> None:
    """Until what was measured then is stored, of every sensor: what came before it is too."""

    def is_stored() -> bool:
        names, newest = house.database.names(), dict.fromkeys(house.status(), 0)
        for reading in house.database.readings():
            name = names.get(reading.sensor_id, "")
            if name in newest:
                newest[name] = max(newest[name], reading.at_ms)
        return min(newest.values()) >= ended_ms

    wait_until(is_stored, PATIENCE_S, "every reading is stored")


def judge(
    report: Report,
    log: Sequence[Frame],
    within_ms: tuple[int, int],
    slowness: Callable[[int, int], float],
) -> None:
    """Counts the seconds on the air (`log`) of which the report's verdict misses everything."""
    missing = {frame.n for frame in report.verdict.missing}
    seconds: dict[tuple[str, str], dict[int, list[Frame]]] = defaultdict(lambda: defaultdict(list))
    for frame in log:
        if within_ms[0] <= frame.at_ms < within_ms[1]:
            seconds[frame.sensor, frame.char][frame.at_ms // 1000].append(frame)
    for (sensor, char), frames in sorted(seconds.items()):
        stream = Stream(sensor, char, len(frames))
        stream.lost = [s for s, heard in frames.items() if all(f.n in missing for f in heard)]
        mine = [trouble for trouble in report.troubles if sensor in trouble.touched]
        stream.faults = len(mine)
        stream.allowed_s = sum(LOST_S_PER_FAULT * _slower(t, slowness) for t in mine)
        report.streams.append(stream)


def _slower(trouble: Trouble, slowness: Callable[[int, int], float]) -> float:
    """While it lasted and was made good, which itself takes longer on a slow machine."""
    over_ms = trouble.began_ms + round(trouble.for_s * 1000)
    return max(slowness(trouble.began_ms, over_ms + s * 1000) for s in MADE_GOOD_S)


def table(reports: Sequence[Report]) -> str:
    """Markdown: a row a kind of trouble, then the sums."""
    kinds = list(dict.fromkeys(t.kind for report in reports for t in report.troubles))
    rows = ["| what went wrong | times | sensors touched |", "|---|---|---|"]
    for kind in kinds:
        those = [t for report in reports for t in report.troubles if t.kind == kind]
        rows.append(f"| {kind} | {len(those)} | {sum(len(t.touched) for t in those)} |")
    streams = [stream for report in reports for stream in report.streams]
    on_air = sum(stream.on_air_s for stream in streams)
    lost = sum(len(stream.lost) for stream in streams)
    faults = sum(stream.faults for stream in streams)
    worst = max(streams, key=lambda s: len(s.lost) / max(1, s.faults))
    return "\n".join(
        [
            *rows,
            "",
            f"{sum(report.seconds for report in reports)} s with seeds "
            f"{', '.join(str(report.seed) for report in reports)}; the machine did everything "
            f"{max(report.slowness for report in reports):.1f} times as slowly as an idle one",
            f"{on_air} seconds on the air in {len(streams)} streams, {on_air - lost} recorded",
            f"{lost} lost to {faults} faults of a stream: {lost / max(1, faults):.2f} s each; "
            f"at worst {len(worst.lost)} to {worst.faults} ({worst.sensor}, {worst.char})",
            "every sensor live again "
            f"{max(report.settled_ms for report in reports) / 1000:.1f} s after the last fault",
        ]
    )


def losses(report: Report) -> str:
    """Each stream that lost anything: when, and what touched it."""
    rows = []
    for stream in report.streams:
        if stream.lost:
            when = [
                f"{t.kind} {t.began_ms / 1000:.1f}+{t.for_s:.0f}"
                for t in report.troubles
                if stream.sensor in t.touched
            ]
            rows.append(f"{stream.sensor} {stream.char}: {stream.lost} of {', '.join(when)}")
    return "\n".join(rows)


def check(report: Report) -> None:
    too_much = [stream for stream in report.streams if stream.too_much]
    assert not too_much, too_much
    assert not report.verdict.doubled, report.verdict.doubled
    assert report.troubles and report.streams
