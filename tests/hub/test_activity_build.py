"""Readings and a ride become the record: every second has its number or a reason."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rides import (
    BIKE,
    DEVICES,
    STRAP,
    T0,
    bike,
    by_time,
    heart,
    log_of,
    pedals,
    placed,
    session_of,
)

from hub.activity import Placed, Recorded, build, ride_of
from hub.activity.record import Gap, SourceUse
from hub.live.inputs import Away, Choose, Idle, Input, Lap, Pause, Resume, Slept, Stop
from hub.wire.values import Metric


def record(*said: tuple[float, Input], readings: list[Placed]) -> Recorded:
    log = log_of(*said)
    ride = ride_of(session_of(log), log, "ann")
    assert ride is not None
    return build(ride, readings, DEVICES, unix_offset_ms=5_000)


def test_a_whole_ride() -> None:
    both = by_time(heart(range(-5, 210)), bike(range(-5, 210)))
    made = record(readings=both)
    activity, streams = made.activity, made.streams
    assert streams.power_w == [200] * 210
    assert streams.heart_rate_bpm == [140] * 210
    assert streams.cadence_rpm == [90.0] * 210
    assert streams.distance_m[-1] == pytest.approx(2_100)
    assert streams.rr_ms == [(second, [428.7]) for second in range(210)]
    assert (activity.elapsed_s, activity.riding_s, activity.moving_s) == (210, 210, 210)
    assert (activity.started_at_ms, activity.started_unix_ms) == (T0, T0 + 5_000)
    assert activity.gaps == ()
    summary = activity.summary
    assert (summary.average_power_w, summary.weighted_power_w) == (200, 200)
    assert summary.intensity == 0.8
    assert (summary.work_kj, summary.distance_m) == (42.0, 2_100.0)
    assert sum(summary.power_zones_s) == sum(summary.heart_rate_zones_s) == 210
    assert summary.power_zones_s[2] == 210  # 80 % of FTP is Tempo
    assert [device.sensor for device in activity.devices] == ["strap", "bike"]
    assert [(lap.name, lap.begins_s, lap.duration_s, lap.target_w) for lap in activity.laps] == [
        ("Warm-up", 0, 60, 125),
        ("Threshold 1 of 2", 60, 60, 250),
        ("Easy", 120, 30, 125),
        ("Threshold 2 of 2", 150, 60, 250),
    ]
    assert all(lap.average_power_w == 200 for lap in activity.laps)


def test_a_sensor_that_is_lost_leaves_a_gap_of_its_metric_and_says_so() -> None:
    made = record(readings=by_time(heart([*range(50), *range(80, 210)]), bike(range(210))))
    column = made.streams.heart_rate_bpm
    # Its last word was at 49.4 s and counts to the end of second 50; the next came at 80.4 s.
    assert [second for second, bpm in enumerate(column) if bpm is None] == list(range(51, 80))
    assert made.activity.gaps == (Gap(51, 29, "sensor lost", Metric.HEART_RATE_BPM),)
    assert None not in made.streams.power_w


def test_one_lost_notification_is_bridged_and_two_leave_no_gap_in_the_list() -> None:
    one = [s for s in range(210) if s != 100]
    assert None not in record(readings=heart(one)).streams.heart_rate_bpm
    two = [s for s in range(210) if s not in (100, 101)]
    made = record(readings=heart(two))
    assert made.streams.heart_rate_bpm[101] is None
    assert made.activity.gaps == ()


def test_a_metric_that_was_never_there_is_no_gap_and_one_that_comes_late_neither() -> None:
    made = record(readings=by_time(heart(range(100, 210)), bike([])))
    assert set(made.streams.power_w) == {None}
    assert made.activity.gaps == ()
    assert made.activity.summary.average_power_w is None
    assert made.activity.summary.work_kj is None


def test_a_pause_is_no_riding_time_and_its_seconds_say_paused() -> None:
    readings = by_time(heart(range(230)), bike(range(230)))
    made = record((30, Pause()), (50, Resume()), readings=readings)
    assert made.activity.gaps == (Gap(30, 20, "paused"),)
    assert (made.activity.elapsed_s, made.activity.riding_s) == (230, 210)
    assert made.streams.heart_rate_bpm[30:50] == [None] * 20
    assert made.activity.laps[0].duration_s == 80
    assert made.activity.laps[0].riding_s == 60
    assert made.streams.distance_m[-1] == pytest.approx(2_100)
    assert not [s for s, _ in made.streams.rr_ms if 30 <= s < 50]


def test_when_the_computer_slept_that_is_the_reason_of_every_metric() -> None:
    awake = [*range(60), *range(160, 210)]
    made = record((160, Slept(T0 + 60_000)), readings=by_time(heart(awake), bike(awake)))
    (gap,) = made.activity.gaps
    assert (gap.reason, gap.metric) == ("computer slept 1:40", None)
    assert gap.begins_s + gap.duration_s == 160
    assert 60 <= gap.begins_s <= 62


def test_while_the_gateway_was_away_that_is_the_reason() -> None:
    heard = [*range(60), *range(100, 210)]
    log = (64, Away("pi")), (100, Away("pi", on=False))
    made = record(*log, readings=by_time(heart(heard), bike(heard)))
    (gap,) = made.activity.gaps
    assert (gap.reason, gap.metric) == ("gateway away", None)
    assert 60 <= gap.begins_s <= 62 and gap.begins_s + gap.duration_s == 100


def test_a_source_that_falls_silent_is_followed_by_the_next_and_marked() -> None:
    made = record(readings=by_time(pedals(range(100)), bike(range(210))))
    power = [use for use in made.activity.sources if use.metric is Metric.POWER_W]
    assert [(use.sensor, use.name) for use in power] == [("pedals", "Assioma"), ("bike", "KICKR")]
    assert 101 <= power[1].begins_s <= 105
    assert made.streams.power_w[50] == 210
    assert made.streams.power_w[150] == 200


def test_choices_of_the_ride_and_standing_ones_are_followed() -> None:
    readings = by_time(pedals(range(-5, 210)), bike(range(-5, 210)))
    chosen = record((100, Choose("ann", Metric.POWER_W, "bike")), readings=readings)
    assert chosen.streams.power_w[:99] == [210] * 99
    assert set(chosen.streams.power_w[101:]) == {200}
    standing = record((-50, Choose("ann", Metric.POWER_W, "bike")), readings=readings)
    assert set(standing.streams.power_w) == {200}
    taken_back = record(
        (-50, Choose("ann", Metric.POWER_W, "bike")),
        (-1, Choose("ann", Metric.POWER_W, "")),
        readings=readings,
    )
    assert set(taken_back.streams.power_w) == {210}


def test_the_first_source_is_named_from_the_start() -> None:
    made = record(readings=by_time(heart(range(-5, 210)), bike(range(-5, 210))))
    assert SourceUse(Metric.HEART_RATE_BPM, "strap", "H10", 0) in made.activity.sources


def test_what_a_gateway_without_the_lease_still_heard_is_ignored() -> None:
    stale = [placed(s + 0.9, STRAP, lease=1, heart_rate_bpm=99) for s in range(100, 200)]
    fresh = [placed(s + 0.4, STRAP, lease=2, heart_rate_bpm=140) for s in range(90, 210)]
    made = record(readings=by_time(heart(range(90)), stale, fresh))
    assert set(made.streams.heart_rate_bpm) == {140}


def test_laps_pressed_by_hand_split_a_phase() -> None:
    made = record((20, Lap("ann")), (45, Lap("ann")), readings=bike(range(210)))
    first = made.activity.laps[:3]
    assert [(lap.begins_s, lap.duration_s, lap.by_hand) for lap in first] == [
        (0, 20, True),
        (20, 25, True),
        (45, 15, False),
    ]
    ends = [lap.begins_s + lap.duration_s for lap in made.activity.laps]
    assert [lap.begins_s for lap in made.activity.laps] == [0, *ends[:-1]]
    assert ends[-1] == made.activity.elapsed_s


def test_an_idle_tail_is_cut_off() -> None:
    coasting = [placed(s + 0.6, BIKE, power_w=0, cadence_rpm=0.0) for s in range(70, 140)]
    readings = by_time(heart(range(140)), bike(range(70)), coasting)
    made = record((140, Idle(T0 + 90_000)), readings=readings)
    assert made.activity.elapsed_s == 70
    assert len(made.streams.heart_rate_bpm) == 70
    assert made.activity.laps[-1].begins_s + made.activity.laps[-1].duration_s == 70
    assert made.activity.ended_at_ms == T0 + 70_000


def test_late_readings_only_add() -> None:
    live = by_time(heart(range(0, 100)), bike(range(210)))
    late = by_time(live, heart(range(100, 210)))
    before, after = record(readings=live), record(readings=late)
    for was, now in zip(before.streams.heart_rate_bpm, after.streams.heart_rate_bpm, strict=True):
        assert was is None or was == now
    assert None not in after.streams.heart_rate_bpm
    assert after.activity.activity_id == before.activity.activity_id


def test_a_ride_without_any_sensor_is_still_a_ride() -> None:
    made = record((30, Stop()), readings=[])
    assert made.activity.elapsed_s == 30
    assert made.activity.gaps == ()
    assert made.activity.summary.average_heart_rate_bpm is None
    assert made.activity.laps[0].duration_s == 30


def test_the_same_readings_give_the_same_record() -> None:
    readings = by_time(heart(range(150)), pedals(range(100)), bike(range(210)))
    assert record(readings=readings) == record(readings=readings)


def test_laps_never_overlap_however_short() -> None:
    presses = [(20 + n * 0.2, Lap("ann")) for n in range(10)]
    laps = record(*presses, readings=bike(range(210))).activity.laps
    assert all(a.begins_s + a.duration_s == b.begins_s for a, b in pairwise(laps))
    assert all(lap.duration_s > 0 for lap in laps)
