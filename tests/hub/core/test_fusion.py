"""Fusion: precedence, fall-over and return, staleness, and what never reaches the truth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.fusion import METRICS_OF, Fusion, Sensor, is_moving
from hub.core.sources import (
    PRECEDENCE,
    RETURN_MS,
    Origin,
    SourceSwitched,
    SwitchCause,
)
from hub.wire.staleness import STALENESS
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Metric, Quality, Reading

POWER, HEART, CADENCE = Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM
METER = Sensor("meter", (SensorKind.POWER,))
TRAINER = Sensor("trainer", (SensorKind.TRAINER, SensorKind.POWER))
STRAP = Sensor("strap", (SensorKind.HEART_RATE,))
WATCH = Sensor("watch", (SensorKind.HEART_RATE,))
CHAR = {"meter": "2a63", "trainer": "2ad2", "strap": "2a37", "watch": "2a37"}


def say(fusion: Fusion, sensor: Sensor, at_ms: int, char: str = "", lease: int = 0, **fields):
    reading = Reading(
        sensor.sensor_id, 0, char or CHAR[sensor.sensor_id], Measurement(**fields), lease
    )
    return fusion.ingest(sensor, reading, at_ms)


def stream(fusion: Fusion, sensor: Sensor, begin_ms: int, end_ms: int, **fields):
    """One reading a second, both ends included; everything that switched."""
    switches = ()
    for at_ms in range(begin_ms, end_ms + 1, 1000):
        switches += say(fusion, sensor, at_ms, **fields)
    return switches


def test_nothing_said_is_none():
    sample = Fusion("a").sample(5)
    assert (sample.athlete_id, sample.at_ms) == ("a", 5)
    assert [v.quality for v in sample.metrics.values()] == [Quality.NONE] * 4


@pytest.mark.parametrize("metric", Metric)
def test_a_value_ages_and_goes(metric: Metric):
    fusion, limits = Fusion("a"), STALENESS[metric]
    say(fusion, TRAINER, 0, power_w=200, heart_rate_bpm=140, cadence_rpm=90.0, speed_kmh=30.0)
    seen = [
        fusion.value(metric, age)
        for age in (0, limits.fresh_ms, limits.fresh_ms + 1, limits.keep_ms, limits.keep_ms + 1)
    ]
    assert [v.quality.value for v in seen] == ["live", "live", "aged", "aged", "gone"]
    assert seen[3].value is not None
    assert (seen[4].value, seen[4].at_ms, seen[4].source) == (None, 0, "trainer")


def test_the_power_meter_outranks_the_trainer_once_it_has_held():
    fusion = Fusion("a")
    switches = ()
    for at_ms in range(0, 10_000, 1000):
        switches += say(fusion, TRAINER, at_ms, power_w=190)
        switches += say(fusion, METER, at_ms + 500, power_w=200)
    assert switches == (
        SourceSwitched(POWER, "meter", "trainer", SwitchCause.RETURNED, 500 + RETURN_MS),
    )
    assert fusion.value(POWER, 9_500).value == 200


def test_a_silent_source_is_replaced_and_comes_back_after_holding():
    fusion = Fusion("a")
    say(fusion, METER, 0, power_w=200)
    switches = stream(fusion, TRAINER, 500, 9500, power_w=190)
    assert switches == (SourceSwitched(POWER, "trainer", "meter", SwitchCause.LOST, 3500),)

    switches = ()
    for at_ms in range(10_000, 20_000, 1000):
        switches += say(fusion, METER, at_ms, power_w=200)
        switches += say(fusion, TRAINER, at_ms + 500, power_w=190)
    assert switches == (
        SourceSwitched(POWER, "meter", "trainer", SwitchCause.RETURNED, 10_000 + RETURN_MS),
    )


def test_a_source_that_comes_and_goes_does_not_flap():
    fusion = Fusion("a")
    say(fusion, METER, 0, power_w=200)
    switches = ()
    for at_ms in range(500, 60_000, 1000):
        switches += say(fusion, TRAINER, at_ms, power_w=190)
        if at_ms % 8000 < 4000 and at_ms > 8000:  # four seconds there, four away
            switches += say(fusion, METER, at_ms + 100, power_w=200)
    assert [s.sensor_id for s in switches] == ["trainer"]


def test_a_trainer_s_own_power_service_stands_behind_its_machine_data():
    fusion = Fusion("a")
    for at_ms in range(0, 8000, 1000):
        assert say(fusion, TRAINER, at_ms, char="2a63", power_w=180) == ()
        assert say(fusion, TRAINER, at_ms + 100, char="2ad2", power_w=190) == ()
    assert fusion.value(POWER, 8000).value == 190
    assert [s.origin for s in fusion.sources(POWER, 8000)] == [Origin.MACHINE]


def test_the_athlete_s_choice_acts_at_once_and_outranks_the_table():
    fusion = Fusion("a")
    for at_ms in range(0, 8000, 1000):
        say(fusion, METER, at_ms, power_w=200)
        say(fusion, TRAINER, at_ms, power_w=190)
    assert fusion.prefer(POWER, "trainer", 7100) == (
        SourceSwitched(POWER, "trainer", "meter", SwitchCause.CHOSEN, 7100),
    )
    rows = fusion.sources(POWER, 7100)
    assert [(r.sensor_id, r.chosen, r.preferred) for r in rows] == [
        ("trainer", True, True),
        ("meter", False, False),
    ]
    assert stream(fusion, METER, 7200, 9200, power_w=200) == ()
    assert fusion.prefer(POWER, None, 9300)[0].sensor_id == "meter"
    assert fusion.prefer(POWER, None, 9300) == ()


def test_a_silent_choice_takes_over_only_when_it_has_held():
    fusion = Fusion("a")
    say(fusion, METER, 0, power_w=200)
    assert fusion.prefer(POWER, "trainer", 100) == ()
    switches = ()
    for at_ms in range(1000, 9000, 1000):
        switches += say(fusion, METER, at_ms, power_w=200)
        switches += say(fusion, TRAINER, at_ms, power_w=190)
    assert switches == (
        SourceSwitched(POWER, "trainer", "meter", SwitchCause.RETURNED, 1000 + RETURN_MS),
    )


def test_lost_contact_is_suspect_and_gives_way_to_a_good_source():
    fusion = Fusion("a")
    say(fusion, STRAP, 0, heart_rate_bpm=140, contact_supported=True, contact=True)
    say(fusion, STRAP, 1000, heart_rate_bpm=61, contact_supported=True, contact=False)
    assert fusion.value(HEART, 1000).quality is Quality.SUSPECT
    switches = ()
    for at_ms in range(1500, 8000, 1000):
        switches += say(fusion, WATCH, at_ms, heart_rate_bpm=139)
        switches += say(
            fusion, STRAP, at_ms + 100, heart_rate_bpm=60, contact_supported=True, contact=False
        )
    assert [(s.sensor_id, s.cause) for s in switches] == [("watch", SwitchCause.LOST)]
    assert fusion.value(HEART, 8000).quality is Quality.LIVE


def test_a_strap_without_contact_sensing_is_believed():
    fusion = Fusion("a")
    say(fusion, STRAP, 0, heart_rate_bpm=140, contact_supported=False, contact=False)
    assert fusion.value(HEART, 0).quality is Quality.LIVE


@pytest.mark.parametrize("known_before", [True, False])
def test_a_wrist_stands_behind_a_strap(known_before: bool):
    fusion = Fusion("a")
    watch = Sensor(WATCH.sensor_id, WATCH.kinds, on_wrist=known_before)
    if not known_before:
        say(fusion, watch, 0, char="2a38", body_location="wrist")
    for at_ms in range(0, 8000, 1000):
        say(fusion, watch, at_ms, heart_rate_bpm=130)
        say(fusion, STRAP, at_ms, heart_rate_bpm=140)
    assert fusion.value(HEART, 8000).source == "strap"


@pytest.mark.parametrize(
    "fields",
    [
        {"power_w": 3001},
        {"power_w": -5},
        {"heart_rate_bpm": 0},
        {"heart_rate_bpm": 241},
        {"cadence_rpm": 251.0},
        {"speed_kmh": 655.35},
    ],
)
def test_an_implausible_value_is_dropped_and_the_last_good_one_ages(fields: dict[str, float]):
    fusion = Fusion("a")
    say(fusion, TRAINER, 0, power_w=200, heart_rate_bpm=140, cadence_rpm=90.0, speed_kmh=30.0)
    before = fusion.sample(4000)
    say(fusion, TRAINER, 4000, **fields)
    assert fusion.sample(4000) == before
    assert fusion.implausible_count == 1


def test_what_must_not_touch_the_live_truth():
    fusion = Fusion("a")
    held = Sensor("meter", METER.kinds, lease=3)
    say(fusion, held, 5000, lease=3, power_w=200)
    before = fusion.sample(6000)
    say(fusion, held, 5500, lease=2, power_w=1)  # from the gateway that held it before
    say(fusion, held, 4000, lease=3, power_w=2)  # late
    say(fusion, held, 5000, lease=3, power_w=3)  # twice
    reading = Reading("meter", 0, "2a63", Measurement(power_w=4), 3)
    assert fusion.ingest(held, reading, 5800, backfill=True) == ()
    assert fusion.sample(6000) == before


def test_a_clock_set_back_does_not_silence_a_sensor():
    fusion = Fusion("a")
    say(fusion, METER, 3_600_000, power_w=200)  # placed by a wrong wall clock
    say(fusion, METER, 10_000, power_w=210)
    assert fusion.value(POWER, 10_000).value == 210
    assert fusion.value(POWER, 14_000).quality is Quality.AGED


def test_a_sensor_with_a_clock_far_ahead_does_not_hold_the_word():
    fusion = Fusion("a")
    say(fusion, METER, 3_600_000, power_w=200)
    assert fusion.value(POWER, 0).quality is Quality.GONE
    say(fusion, TRAINER, 1000, power_w=190)
    assert fusion.value(POWER, 1000).value == 190


def test_metrics_come_from_different_sensors_at_once_and_split_records_merge():
    fusion = Fusion("a")
    say(fusion, TRAINER, 0, speed_kmh=30.0)
    say(fusion, TRAINER, 100, power_w=200, cadence_rpm=88.0)
    say(fusion, STRAP, 200, heart_rate_bpm=140)
    values = fusion.sample(300).metrics
    assert {m: (v.value, v.at_ms, v.source) for m, v in values.items()} == {
        POWER: (200, 100, "trainer"),
        HEART: (140, 200, "strap"),
        CADENCE: (88.0, 100, "trainer"),
        Metric.SPEED_KMH: (30.0, 0, "trainer"),
    }


def test_a_foot_pod_s_speed_is_converted():
    fusion = Fusion("a")
    say(fusion, Sensor("pod", (SensorKind.RUN,)), 0, char="2a53", speed_mps=2.5)
    assert fusion.value(Metric.SPEED_KMH, 0).value == 9.0


def test_a_rowers_pace_is_a_speed_and_no_pace_is_none():
    fusion, rower = Fusion("a"), Sensor("rower", (SensorKind.ROWER,))
    say(fusion, rower, 0, char="2ad1", pace_s_per_500m=120, power_w=203, stroke_rate_spm=26.0)
    assert fusion.value(Metric.SPEED_KMH, 0).value == 15.0
    assert fusion.value(POWER, 0).value == 203
    say(fusion, rower, 1_000, char="2ad1", pace_s_per_500m=0, power_w=0)
    assert fusion.value(Metric.SPEED_KMH, 1_000).at_ms == 0
    assert fusion.value(POWER, 1_000).value == 0


@pytest.mark.parametrize(
    ("char", "gives"),
    [
        ("2acd", {Metric.HEART_RATE_BPM, Metric.SPEED_KMH}),
        ("fec2", {POWER, Metric.HEART_RATE_BPM, Metric.SPEED_KMH}),
        ("2ace", {POWER, Metric.HEART_RATE_BPM, Metric.SPEED_KMH}),
        ("2ad1", {POWER, Metric.HEART_RATE_BPM, Metric.SPEED_KMH}),
    ],
)
def test_steps_and_strokes_are_no_cadence_and_a_belts_power_is_nobodys(char: str, gives):
    fusion, machine = Fusion("a"), Sensor("machine", ())
    say(fusion, machine, 0, char=char, power_w=150, heart_rate_bpm=120, speed_kmh=9.0,
        step_rate_spm=160, stroke_rate_spm=28.0)  # fmt: skip
    assert {m for m in Metric if fusion.value(m, 0).quality is not Quality.NONE} == gives


@pytest.mark.parametrize(
    ("char", "fields", "moving"),
    [
        ("2ad2", {"power_w": 90}, True),
        ("2ad2", {"speed_kmh": 12.0, "power_w": 0, "cadence_rpm": 0.0}, False),  # the wheel only
        ("2acd", {"speed_kmh": 9.0}, True),
        ("2acd", {"speed_kmh": 0.0}, False),
        ("2ad1", {"stroke_rate_spm": 22.0}, True),
        ("2ace", {"step_rate_spm": 0}, False),
        ("2a37", {"heart_rate_bpm": 150}, False),
    ],
)
def test_who_trains_and_who_does_not(char: str, fields: dict[str, float], moving: bool):
    assert is_moving(Reading("s", 0, char, Measurement(**fields))) is moving


def test_a_sensor_taken_away_is_replaced():
    fusion = Fusion("a")
    say(fusion, METER, 0, power_w=200)
    say(fusion, METER, 0, char="2a19", battery_pct=18)
    say(fusion, TRAINER, 100, power_w=190)
    assert fusion.battery_pct("meter") == 18
    assert fusion.remove("meter", 200) == (
        SourceSwitched(POWER, "trainer", "meter", SwitchCause.LOST, 200),
    )
    assert fusion.battery_pct("meter") is None
    assert fusion.remove("trainer", 300) == ()
    assert fusion.value(POWER, 300).quality is Quality.NONE


def test_the_screen_s_power_is_a_mean_of_three_seconds_of_one_source():
    fusion = Fusion("a")
    assert fusion.power_3s_w(0) is None
    for at_ms, power_w in ((0, 500), (1000, 100), (2000, 200), (3000, 300)):
        say(fusion, METER, at_ms, power_w=power_w)
    say(fusion, TRAINER, 3000, power_w=900)
    assert fusion.power_3s_w(3000) == 200
    assert fusion.power_3s_w(6001) == 300  # aged: the last value, not a mean of nothing
    assert fusion.power_3s_w(13_001) is None
    say(fusion, TRAINER, 14_000, power_w=100)
    assert fusion.power_3s_w(14_000) == 100


def test_every_way_of_measuring_has_a_place_in_the_precedence():
    for char, metrics in METRICS_OF.items():
        for kinds in ((), (SensorKind.TRAINER,)):
            for location in (None, "wrist"):
                fusion = Fusion("a")
                sensor = Sensor("s", kinds)
                say(fusion, sensor, 0, char="2a38", body_location=location)
                say(fusion, sensor, 0, char=char, power_w=1, heart_rate_bpm=99, cadence_rpm=1.0,
                    speed_kmh=1.0)  # fmt: skip
                assert all(fusion.value(m, 0).source == "s" for m in metrics)
    assert set(PRECEDENCE) == set(STALENESS) == set(Metric)


events = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.sampled_from([METER, TRAINER]),
        st.integers(-10, 3100),
    ),
    max_size=40,
)


@given(events)
def test_a_live_value_is_always_a_recent_reading_of_its_source(script):
    fusion, now, said, source = Fusion("a"), 0, {}, None
    for wait, sensor, power_w in script:
        now += wait
        switches = say(fusion, sensor, now, power_w=power_w)
        if 0 <= power_w <= 3000:
            said.setdefault((sensor.sensor_id, now), power_w)  # twice at an instant: the first
        value = fusion.value(POWER, now)
        if value.quality is Quality.LIVE:
            assert now - value.at_ms <= STALENESS[POWER].fresh_ms
        if value.value is not None:
            assert said[value.source, value.at_ms] == value.value
        if source not in (None, "", value.source):
            assert [s.sensor_id for s in switches] == [value.source]
        else:
            assert switches == ()
        source = value.source
