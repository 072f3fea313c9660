"""Staged rides: a clock that a test may stop, lanes tied to it, and what flows for each rider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.core.zones import Zones
from hub.wire import live_events, live_from_client, live_rows, live_views
from hub.wire.staleness import STALENESS
from hub.wire.values import Cue, CueKind, Metric, Quality

HUB_EPOCH_MS = 1_700_000_000_000


POWER, HEART, CADENCE = Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM


class StagedClock:
    """Hub time: the machine's, until a test makes it stand."""

    def __init__(self) -> None:
        self._stands_at_ms: int | None = None

    def now_ms(self) -> int:
        if self._stands_at_ms is not None:
            return self._stands_at_ms
        return HUB_EPOCH_MS + time.monotonic_ns() // 1_000_000

    def stand(self, at_ms: int) -> None:
        self._stands_at_ms = at_ms

    def go_on(self) -> None:
        self._stands_at_ms = None


CLOCK = StagedClock()


now_ms = CLOCK.now_ms


@dataclass
class Step:
    name: str
    kind: str
    seconds: float | None
    begin: float | None
    end: float | None = None
    set_index: int = 0
    set_count: int = 0
    cadence_rpm: tuple[int, int] | None = None
    text: str = ""
    target: live_views.TargetView | None = None  # instead of a share of FTP
    until: str = "time"
    until_amount: float | None = None
    cap_s: float | None = None  # at the latest, where `seconds` is None


def _target(step: Step) -> live_views.TargetView:
    if step.target is not None:
        return step.target
    if step.begin is None:
        return live_views.TargetView("free")
    end = step.begin if step.end is None else step.end
    ends = (None, None) if step.end is None else (step.end, step.end)
    return live_views.TargetView("ftp", step.begin, step.begin, *ends, effort=(step.begin, end))


def threshold_steps() -> list[Step]:
    """4 x 8 min at threshold, with a ramp and openers before it: the ride of the mock-up."""
    steps = [Step("Warm-up", "warmup", 600, 0.45, 0.75)]
    for i, (seconds, share) in enumerate(
        [(60, 0.55), (30, 1.25), (60, 0.5), (30, 1.25), (60, 0.5)]
    ):
        opener = i % 2 == 1
        steps.append(Step("Opener" if opener else "Easy", "work", seconds, share, None, 0, 0))
    for i in range(4):
        steps.append(Step("Threshold", "work", 480, 1.0, None, i + 1, 4, (85, 95)))
        steps.append(Step("Recovery", "recovery", 240 if i < 3 else 300, 0.5))
    steps.append(Step("Cool-down", "cooldown", 420, 0.6, 0.4))
    return steps


@dataclass
class Lane:
    """Riding time tied to hub time at one point, as the real engine ties it."""

    steps: list[Step]
    status: str = "ready"
    ridden_ms: int = 0
    as_of_ms: int = 0
    rev: int = 1
    undo_until_ms: int | None = None

    def ridden(self, now: int) -> int:
        return self.ridden_ms + (now - self.as_of_ms if self.status == "running" else 0)

    def anchor(self, now: int, status: str) -> None:
        self.ridden_ms, self.as_of_ms, self.status = self.ridden(now), now, status
        self.rev += 1

    def index(self, ridden_ms: int) -> int:
        ends_ms = 0.0
        for i, step in enumerate(self.steps):
            if step.seconds is None:
                return i
            ends_ms += step.seconds * 1000
            if ridden_ms < ends_ms:
                return i
        return len(self.steps) - 1

    def view(self) -> live_views.LaneView:
        now = now_ms()
        ridden_ms = self.ridden(now)
        phases = []
        at_ms = 0
        for i, step in enumerate(self.steps):
            length_ms = None if step.seconds is None else int(step.seconds * 1000)
            begins_at_ms = now + at_ms - ridden_ms
            phases.append(
                live_views.PhaseView(
                    i=i,
                    name=step.name,
                    kind=step.kind,
                    begins_at_ms=begins_at_ms,
                    ends_at_ms=None if length_ms is None else begins_at_ms + length_ms,
                    ridden_ms=at_ms,
                    duration_ms=length_ms,
                    target=_target(step),
                    ramp_ms=0 if step.end is None else length_ms or 0,
                    until=step.until,
                    until_amount=step.until_amount,
                    ends_by_at_ms=begins_at_ms + int(step.cap_s * 1000) if step.cap_s else None,
                    cadence_rpm=step.cadence_rpm,
                    set_index=step.set_index,
                    set_count=step.set_count,
                    texts=(live_views.TextView(0, step.text),) if step.text else (),
                )
            )
            at_ms += length_ms or 0
        return live_views.LaneView(
            lane="all",
            status=self.status,
            rev=self.rev,
            started_at_ms=None if self.status == "ready" else now - ridden_ms,
            paused_at_ms=self.as_of_ms if self.status == "paused" else None,
            ridden_ms=ridden_ms,
            as_of_ms=now,
            phase=-1 if self.status == "ready" else self.index(ridden_ms),
            phases=tuple(phases),
            cues=self._cues(phases, now),
            undo_until_at_ms=self.undo_until_ms,
        )

    def _cues(self, phases: list[live_views.PhaseView], now: int) -> tuple[Cue, ...]:
        """As the hub lays them: only while running, and none behind an open end."""
        cues: list[Cue] = []
        for i, phase in enumerate(phases):
            if phase.ends_at_ms is None or self.status != "running":
                break
            kind = CueKind.PHASE if i + 1 < len(phases) else CueKind.FINISH
            for before_s in (3, 2, 1):
                at_ms = phase.ends_at_ms - before_s * 1000
                if at_ms > phase.begins_at_ms:
                    cues.append(Cue(len(cues), CueKind.COUNTDOWN, at_ms, str(before_s), i + 1))
            cues.append(Cue(len(cues), kind, phase.ends_at_ms, "", i + 1))
        return tuple(cue for cue in cues if cue.at_ms > now)[: live_views.CUES_MAX]


@dataclass
class Rider:
    """What flows for one athlete; the values of a metric in `age_ms` are always so old."""

    view: live_views.AthleteView
    numbers: dict[Metric, float] = field(default_factory=dict)
    age_ms: dict[Metric, int] = field(default_factory=dict)
    denied: set[Metric] = field(default_factory=set)
    derived: dict[str, float | str] = field(default_factory=dict)

    def row(self, now: int, target_w: float | None) -> tuple[Any, ...]:
        cells: list[Any] = [self.view.athlete]
        for metric in Metric:
            cells += self._cell(metric, now)
        power_w = self.numbers.get(POWER, 0)
        known = {
            "power_3s_w": power_w,
            "power_zone": _zone(self.view.power_zones, power_w),
            "heart_rate_zone": _zone(self.view.heart_zones, self.numbers.get(HEART, 0)),
            "target_w": target_w,
        }
        known |= self.derived
        return (*cells, *(known.get(name) for name in live_rows.DERIVED_FIELDS))

    def _cell(self, metric: Metric, now: int) -> tuple[Any, int, int]:
        if metric in self.denied:
            return None, 0, live_rows.QUALITIES.index(Quality.DENIED)
        if metric not in self.numbers:
            return None, 0, live_rows.QUALITIES.index(Quality.NONE)
        age_ms, limits = self.age_ms.get(metric, 40), STALENESS[metric]
        quality = Quality.LIVE if age_ms <= limits.fresh_ms else Quality.AGED
        if age_ms > limits.keep_ms:
            quality = Quality.GONE
        value = None if quality is Quality.GONE else self.numbers[metric]
        return value, now - age_ms, live_rows.QUALITIES.index(quality)


def _zone(zones: live_views.ZonesView | None, value: float) -> int | None:
    return None if zones is None else Zones(zones.lows, zones.names).lookup(value).number


@dataclass
class Session:
    session: str
    title: str
    lane: Lane
    riders: dict[str, Rider]
    workout: str = "4x8"
    demo: bool = False
    activity: str = ""
    open: bool = False
    pace: str = "group"
    lanes: dict[str, Lane] = field(default_factory=dict)  # of own paces, by athlete
    offset: int = 0
    coach: live_views.CoachView | None = None  # told to whoever subscribes

    @property
    def channel(self) -> str:
        return f"session:{self.session}"

    def view(self) -> live_views.SessionView:
        return live_views.SessionView(
            session=self.session,
            title=self.title,
            workout=self.workout,
            status=self.lane.status,
            lanes=tuple(self.lane_views()),
            athletes=tuple(rider.view for rider in self.riders.values()),
            demo=self.demo,
            activity=self.activity,
            open=self.open,
            pace=self.pace,
        )

    def lane_views(self) -> Iterator[live_views.LaneView]:
        if not self.lanes:
            yield self.lane.view()
        for athlete in self.lanes:
            yield self.lane_view(athlete)

    def lane_view(self, athlete: str) -> live_views.LaneView:
        if athlete not in self.lanes:
            return self.lane.view()
        return msgspec.structs.replace(self.lanes[athlete].view(), lane=athlete)

    def trim(self, said: live_from_client.Control) -> live_events.Trimmed:
        athlete = "" if said.athlete == "*" else said.athlete
        trim_pct = said.trim_pct or 100
        for rider in [self.riders[athlete]] if athlete else self.riders.values():
            trims = {**rider.view.trims, said.kind: trim_pct}
            change = {"trims": trims} if said.kind else {"trim_pct": trim_pct}
            rider.view = msgspec.structs.replace(rider.view, **change)
        return live_events.Trimmed(athlete, trim_pct, said.kind)

    def rows(self) -> tuple[tuple[Any, ...], ...]:
        now = now_ms()
        lane = self.lane.view()
        effort = lane.phases[lane.phase].target.effort if lane.phase >= 0 else None
        share = effort[0] if effort else None
        rows = []
        for rider in self.riders.values():
            ftp_w = rider.view.ftp_w
            target_w = share * ftp_w * rider.view.trim_pct / 100 if share and ftp_w else None
            rows.append(rider.row(now, target_w))
        return tuple(rows)
