"""One athlete's row: what is in it, when it changes, and what is left of it without a grant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from live_fakes import NOON_MS, STEADY
from msgspec.structs import replace

from hub.auth.grants import EVERYTHING, Grant, Part
from hub.core.figures import Figures
from hub.core.fusion import Sensor
from hub.core.live_metrics import Second
from hub.core.target import Aim, Thresholds, Unit, aim
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    Until,
    UntilHeartRate,
    Workout,
)
from hub.core.zone_schemes import Scheme, ZoneChoice
from hub.live import inputs
from hub.live import session as log
from hub.live.gauges import Gauges
from hub.live.inputs import Entry, Rider
from hub.live.row_mask import DERIVED_FROM, FULL_MASK
from hub.live.session import Session
from hub.live.sight import shown_athlete, shown_event
from hub.wire.live_events import (
    EventBody,
    Finished,
    Lapped,
    Membership,
    Message,
    SourceSwitched,
    Trimmed,
)
from hub.wire.live_rows import DERIVED_FIELDS, QUALITIES, ROW_FIELDS
from hub.wire.live_views import AthleteView
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Metric, Quality, Reading

T = NOON_MS
FIGURES = Figures(Thresholds(ftp_w=200, max_hr_bpm=190))
METER = Sensor("meter", (SensorKind.POWER,))
POD = Sensor("pod", (SensorKind.SPEED,))
STRAP = Sensor("strap", (SensorKind.HEART_RATE,))


def watts(gauges: Gauges, power_w: int, at_ms: int, *, backfill: bool = False) -> None:
    reading = Reading("meter", at_ms, "2a63", Measurement(power_w=power_w, cadence_rpm=88.4))
    gauges.ingest(METER, reading, at_ms, backfill=backfill)


def row(gauges: Gauges, now: int, mask: int = FULL_MASK) -> dict[str, Any]:
    gauges.refresh(now)
    return dict(zip(ROW_FIELDS, json.loads(gauges.fragment(mask)), strict=True))


def mask_of(*metrics: Metric) -> int:
    return sum(1 << list(Metric).index(metric) for metric in set(metrics))


def session(
    workout: Workout = STEADY,
    now: int = T,
    rider: Rider = Rider(athlete="ann", name="Ann", ftp_w=200),  # noqa: B008
) -> Session:
    made = log.fold(
        [
            Entry(T, inputs.Create("s", "", "e", "w", workout)),
            Entry(T, inputs.Join(rider)),
            Entry(T, inputs.Start()),
        ]
    )
    assert made is not None
    return log.at(made, now)


def quality(cells: dict[str, Any], metric: str) -> Quality:
    return QUALITIES[cells[f"{metric}.q"]]


def test_numbers_come_with_time_quality_and_zone() -> None:
    gauges = Gauges("ann")
    gauges.measure_by(FIGURES)
    assert quality(row(gauges, T), "power_w") is Quality.NONE
    watts(gauges, 205, T)
    reading = Reading("strap", T, "2a37", Measurement(heart_rate_bpm=120))
    gauges.ingest(STRAP, reading, T, backfill=False)
    cells = row(gauges, T + 100)
    assert (cells["power_w"], cells["power_w.at_ms"]) == (205, T)
    assert (cells["power_3s_w"], cells["power_zone"]) == (205, 4)
    assert (cells["cadence_rpm"], cells["heart_rate_bpm"], cells["heart_rate_zone"]) == (88, 120, 2)
    assert cells["target_w"] is None
    assert quality(cells, "power_w") is Quality.LIVE


@pytest.mark.parametrize(
    ("zones", "power_zone", "heart_zone"),
    [
        (ZoneChoice(), 4, 4),  # 190 W of 200; 160 bpm of 190
        (ZoneChoice(heart=Scheme.FRIEL), 4, 5),  # at the threshold: 5a
        (ZoneChoice(heart=Scheme.SEILER), 4, 2),
        (ZoneChoice(power_bounds_pct=(40, 50, 60, 70, 80, 90)), 7, 4),
    ],
)
def test_a_zone_is_of_the_scheme_that_the_athlete_chose(
    zones: ZoneChoice, power_zone: int, heart_zone: int
) -> None:
    gauges = Gauges("ann")
    gauges.measure_by(Figures(Thresholds(ftp_w=200, max_hr_bpm=190, lthr_bpm=160), zones))
    watts(gauges, 190, T)
    reading = Reading("strap", T, "2a37", Measurement(heart_rate_bpm=160))
    gauges.ingest(STRAP, reading, T, backfill=False)
    cells = row(gauges, T + 100)
    assert (cells["power_zone"], cells["heart_rate_zone"]) == (power_zone, heart_zone)


def test_in_a_session_the_figures_of_its_sport_count_and_change_at_once() -> None:
    """By bike 200 W, in the session 400, then 100; after it 200 again."""
    gauges = Gauges("ann")
    gauges.measure_by(Figures(Thresholds(ftp_w=200)))
    watts(gauges, 200, T)
    seen = [row(gauges, T)["power_zone"]]
    for ftp_w in (400, 100):
        gauges.ride(session(rider=Rider(athlete="ann", name="Ann", ftp_w=ftp_w)))
        seen.append(row(gauges, T)["power_zone"])
    gauges.ride(None)
    assert [*seen, row(gauges, T)["power_zone"]] == [4, 1, 7, 4]


def test_a_zone_that_is_told_again_does_not_begin_to_flicker() -> None:
    gauges = Gauges("ann")
    gauges.measure_by(Figures(Thresholds(ftp_w=200)))
    seen = []
    for power_w, at_ms in ((145, 0), (151, 4_000)):  # Tempo begins at 150: 1 W beyond is not yet
        gauges.ride(session())
        watts(gauges, power_w, T + at_ms)
        seen.append(row(gauges, T + at_ms)["power_zone"])
    assert seen == [2, 2]


def test_numbers_age_and_go_without_a_new_reading_and_the_row_says_so() -> None:
    gauges = Gauges("ann")
    watts(gauges, 210, T)
    seen = []
    for now in range(T, T + 12_000, 250):
        cells = row(gauges, now)
        seen.append((quality(cells, "power_w"), cells["power_w"], gauges.version))
    kinds = list(dict.fromkeys(quality for quality, _, _ in seen))
    assert kinds == [Quality.LIVE, Quality.AGED, Quality.GONE]
    assert seen[-1][1] is None
    assert seen[-1][2] == 3  # changed as it aged and as it went, and not in between


def test_a_row_that_does_not_change_is_encoded_once() -> None:
    gauges = Gauges("ann")
    watts(gauges, 210, T)
    gauges.refresh(T)
    first = gauges.fragment(FULL_MASK)
    gauges.refresh(T + 10)
    assert gauges.fragment(FULL_MASK) is first


def test_backfill_never_touches_the_live_numbers() -> None:
    gauges = Gauges("ann")
    watts(gauges, 210, T, backfill=True)
    assert quality(row(gauges, T), "power_w") is Quality.NONE
    assert gauges.pedalled_at_ms == 0


def test_pedalling_is_power_or_cadence() -> None:
    gauges = Gauges("ann")
    gauges.ingest(METER, Reading("meter", T, "2a63", Measurement(power_w=0)), T, backfill=False)
    assert gauges.pedalled_at_ms == 0
    watts(gauges, 0, T + 1)
    assert gauges.pedalled_at_ms == T + 1


def ridden(gauges: Gauges, seconds: int, begin: int = 0) -> dict[str, Any]:
    for second in range(begin, begin + seconds):
        watts(gauges, 160, T + second * 1000)
        gauges.refresh(T + second * 1000 + 600)
    return row(gauges, T + (begin + seconds) * 1000)


def test_a_ride_adds_up_second_by_second() -> None:
    gauges = Gauges("ann")
    gauges.ride(session())
    cells = ridden(gauges, 60)
    assert cells["target_w"] == 160
    assert (cells["interval_average_w"], cells["weighted_power_w"]) == (160, 160)
    assert (cells["on_target_pct"], cells["work_kj"]) == (100, 9.6)


def test_a_loop_that_was_away_does_not_make_up_the_seconds() -> None:
    gauges = Gauges("ann")
    gauges.ride(session())
    watts(gauges, 100, T)
    gauges.refresh(T + 500)
    watts(gauges, 100, T + 20_000)
    assert row(gauges, T + 20_000)["work_kj"] == 0.3  # the three last seconds of twenty


def test_a_ride_caught_up_is_a_ride_without_a_gap() -> None:
    gauges = Gauges("ann")
    gauges.catch_up(
        session(), [Second(160.0, 30.0)] * 50, T + 60_000
    )  # the last ten seconds were not recorded
    cells = ridden(gauges, 40, begin=60)
    assert (cells["work_kj"], cells["distance_m"]) == (14.4, 417)


def test_a_hub_that_was_away_shows_the_interval_as_if_it_had_stayed() -> None:
    """Two steps of 60 s, 75 s ridden: the average and on-target are those of the second step."""
    steps = tuple(
        Step(name, StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, share))
        for name, share in (("easy", 0.5), ("hard", 0.8))
    )
    gauges = Gauges("ann")
    recorded = [Second(100.0, 30.0)] * 60 + [Second(150.0)] * 5 + [Second(160.0)] * 10
    gauges.catch_up(session(Workout("two", steps), T + 75_000), recorded, T + 75_000)
    cells = row(gauges, T + 75_000)
    assert (cells["interval_average_w"], cells["on_target_pct"]) == (157, 67)
    gauges.ride(session(Workout("two", steps), T + 76_000))
    watts(gauges, 160, T + 76_000)
    assert row(gauges, T + 76_000)["interval_average_w"] == 157  # it goes on, it does not begin


def one_step(target: Aim) -> Workout:
    return Workout("w", (Step("x", StepKind.WORK, ForDuration(600_000), target),))


def beats(gauges: Gauges, bpm: int, seconds: int, begin: int = 0) -> dict[str, Any]:
    for second in range(begin, begin + seconds):
        at_ms = T + second * 1000
        reading = Reading("strap", at_ms, "2a37", Measurement(heart_rate_bpm=bpm + second % 2))
        gauges.ingest(STRAP, reading, at_ms, backfill=False)
        watts(gauges, 160, at_ms)
        gauges.refresh(at_ms + 600)
    return row(gauges, T + (begin + seconds) * 1000)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (aim(Unit.BPM, 141), 76),
        (Aim(Unit.MAX_HR, 0.7, 0.75), 76),
        (aim(Unit.RPM, 85), 100),
        (aim(Unit.RPM, 95), 0),
        (aim(Unit.FTP, 0.8), 100),
        (aim(Unit.RPE, 5), None),
        (aim(Unit.KMH, 12), None),  # nobody measures it
        (aim(Unit.GRADE_PCT, 3), None),
    ],
)
def test_on_target_counts_what_the_phase_asks_for(target: Aim, expected: int | None) -> None:
    gauges = Gauges("ann")
    ann = Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190)
    gauges.ride(session(one_step(target), rider=ann))
    beats(gauges, 140, 31)
    cells = beats(gauges, 150, 10, begin=31)
    assert cells["on_target_pct"] == expected


def test_on_target_by_heart_is_the_hearts() -> None:
    """Who may see watts and no heart rate learns nothing of it."""
    gauges = Gauges("ann")
    gauges.ride(session(one_step(aim(Unit.BPM, 141))))
    assert beats(gauges, 140, 20)["on_target_pct"] == 100
    masks = {metric: 1 << list(Metric).index(metric) for metric in Metric}
    watts_alone = FULL_MASK & ~masks[Metric.HEART_RATE_BPM]
    assert row(gauges, T + 20_000, watts_alone)["on_target_pct"] is None
    both = masks[Metric.POWER_W] | masks[Metric.HEART_RATE_BPM]
    assert row(gauges, T + 20_000, both)["on_target_pct"] == 100


@pytest.mark.parametrize(
    "target",
    [
        Aim(Unit.MAX_HR, 0.7, 0.75),  # of a maximum that is the heart's
        aim(Unit.FTP, 0.8),  # nobody measures power: the same effort by heart rate
    ],
)
def test_what_is_asked_of_the_heart_is_the_hearts(target: Aim) -> None:
    gauges = Gauges("ann")
    hard = Step("hard", StepKind.WORK, ForDuration(3_600_000), target)
    ann = Rider(athlete="ann", name="Ann", ftp_w=200, max_hr_bpm=190)
    gauges.ride(session(Workout("w", (hard, hard)), rider=ann))
    asked = [name for name in DERIVED_FIELDS if name.startswith(("target_", "next_"))]
    asked.remove("target_w")
    everything = row(gauges, T + 1_000)
    assert everything["target_dimension"] == everything["next_dimension"] == "heart_rate_bpm"
    assert everything["target_low"] and everything["next_low"]
    watts_alone = row(gauges, T + 1_000, mask_of(Metric.POWER_W))
    assert [watts_alone[name] for name in asked] == [None] * 6
    both = row(gauges, T + 1_000, mask_of(Metric.POWER_W, Metric.HEART_RATE_BPM))
    assert [both[name] for name in asked] == [everything[name] for name in asked]


@pytest.mark.parametrize(
    ("until", "metric"),
    [
        (UntilHeartRate(aim(Unit.BPM, 170), True), Metric.HEART_RATE_BPM),
        (ForDistance(50_000), Metric.SPEED_KMH),
        (ForWork(500), Metric.POWER_W),
    ],
)
def test_what_is_left_is_of_the_metric_that_it_counts(until: Until, metric: Metric) -> None:
    """Whoever knows the bound, and workouts are no secret, would know the number."""
    gauges = Gauges("ann")
    gauges.ride(session(Workout("w", (Step("on", StepKind.WORK, until, aim(Unit.FTP, 0.8)),))))
    beats(gauges, 140, 5)
    assert row(gauges, T + 5_000)["until_left"] is not None
    others = mask_of(*(one for one in Metric if one is not metric))
    assert row(gauges, T + 5_000, others)["until_left"] is None
    assert row(gauges, T + 5_000, mask_of(Metric.POWER_W, metric))["until_left"] is not None


def test_an_undone_skip_takes_no_metre_of_the_interval_away() -> None:
    mile = Step("mile", StepKind.WORK, ForDistance(500), aim(Unit.FTP, 0.8))
    said = [
        Entry(T, inputs.Create("s", "", "e", "w", Workout("w", (mile, mile)))),
        Entry(T, inputs.Join(Rider(athlete="ann", name="Ann", ftp_w=200))),
        Entry(T, inputs.Start()),
    ]
    gauges = Gauges("ann")

    def roll(seconds: range) -> float:
        made = log.fold(said)
        assert made is not None
        for second in seconds:
            at_ms = T + second * 1000
            pod = Reading("pod", at_ms, "2a53", Measurement(speed_kmh=36.0))
            gauges.ride(log.at(made, at_ms))
            gauges.ingest(POD, pod, at_ms, backfill=False)
            gauges.refresh(at_ms)
        return float(row(gauges, T + seconds[-1] * 1000)["until_left"])

    assert roll(range(31)) == pytest.approx(200, abs=10)
    said.append(Entry(T + 30_000, inputs.Skip(0)))
    assert roll(range(31, 36)) == pytest.approx(450, abs=10)
    said.append(Entry(T + 35_000, inputs.Undo()))
    assert roll(range(36, 41)) == pytest.approx(100, abs=10)


def test_who_wears_a_strap_alone_trains_while_the_heart_is_heard() -> None:
    gauges = Gauges("ann")
    beat = Reading("strap", T, "2a37", Measurement(heart_rate_bpm=120))
    gauges.ingest(STRAP, beat, T, backfill=False)
    assert (gauges.trained_at_ms, gauges.pedalled_at_ms) == (T, 0)
    gauges.ingest(METER, Reading("meter", T, "2a63", Measurement(power_w=0)), T, backfill=False)
    gauges.ingest(STRAP, replace(beat, at_ms=T + 9), T + 9, backfill=False)
    assert gauges.trained_at_ms == T  # there are pedals, and they stand


def test_another_session_begins_at_nothing() -> None:
    gauges = Gauges("ann")
    gauges.ride(session())
    ridden(gauges, 10)
    gauges.ride(None)
    assert row(gauges, T + 11_000)["work_kj"] is None


def test_without_a_grant_a_metric_and_all_that_follows_from_it_is_denied() -> None:
    gauges = Gauges("ann")
    gauges.measure_by(FIGURES)
    gauges.ride(session())
    ridden(gauges, 40)
    nothing = row(gauges, T + 40_000, mask=0)
    assert nothing.pop("athlete") == "ann"
    assert {quality(nothing, metric) for metric in Metric} == {Quality.DENIED}
    assert not any(value for name, value in nothing.items() if not name.endswith(".q"))
    only_heart = row(gauges, T + 40_000, mask=1 << list(Metric).index(Metric.HEART_RATE_BPM))
    assert quality(only_heart, "heart_rate_bpm") is Quality.NONE
    assert quality(only_heart, "power_w") is Quality.DENIED
    assert set(DERIVED_FROM) == set(DERIVED_FIELDS)


def test_what_a_viewer_hears_of_others() -> None:
    ann = AthleteView("ann", "Ann", 90, ftp_w=200, max_hr_bpm=190)
    granted = {"bob": EVERYTHING}
    secret: list[EventBody] = [
        Lapped("ann", T, 1),
        Trimmed("ann", 90),
        SourceSwitched("ann", Metric.POWER_W, "p", "P", "lost", T),
    ]
    assert [shown_event(body, granted) for body in secret] == [None] * 3
    assert [shown_event(body, {"ann": EVERYTHING}) for body in secret] == secret
    assert shown_event(Lapped("", T, 1), granted) == Lapped("", T, 1)
    assert shown_event(Message("go", T), granted) == Message("go", T)
    shown = shown_event(Membership((ann,)), granted)
    assert shown == Membership((AthleteView("ann", "Ann", 100),))
    finished = Finished(T, "stop", {"ann": "a1", "bob": "a2"})
    assert shown_event(finished, granted) == Finished(T, "stop", {"bob": "a2"})


def test_an_activity_goes_with_no_grant() -> None:
    everything_granted = {"ann": Grant("ann", "role:display", tuple(Part)).mask}
    finished = Finished(T, "stop", {"ann": "a1"})
    assert shown_event(finished, everything_granted) == Finished(T, "stop", {})
    ann = AthleteView("ann", "Ann", 90, ftp_w=200, weight_kg=60.0, activity="a1")
    assert shown_athlete(ann, everything_granted) == replace(ann, activity="")
    assert shown_athlete(ann, {"ann": EVERYTHING}) == ann
