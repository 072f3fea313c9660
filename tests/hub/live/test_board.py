"""What the Sensors screen shows of what gateways say."""

from __future__ import annotations

from collections.abc import Iterable

from live_fakes import NOON_MS, sensor
from msgspec.structs import replace

from hub.live.board import GATEWAYS_MAX, SENSORS_MAX, Board
from hub.store.rows import Assignment
from hub.wire.live_views import SensorsView
from hub.wire.uplink import AdapterState, LinkStatus, SensorKind, TrainerState, TrainerStatus
from hub.wire.values import Measurement, Metric

T = NOON_MS
STRAP = sensor("strap", SensorKind.HEART_RATE)
HELD = {"strap": Assignment(sensor_id="strap", athlete_id="ann", lease=1, gateway="a", from_ms=0)}


def board(*gateways: str) -> Board:
    made = Board()
    for name in gateways:
        made.gateway(name, True, "", T)
    return made


def view(made: Board, *, shows: Iterable[Metric] = Metric) -> SensorsView:
    return made.view(HELD, str.title, lambda athlete: frozenset(shows))


def test_a_sensor_shows_its_last_values_and_whose_it_is() -> None:
    made = board("a")
    made.beat("a", 50_000, T)
    made.sensors("a", [replace(STRAP, seen_boot_ms=49_000)], whole=True, now=T)
    made.heard("strap", "2a37", Measurement(heart_rate_bpm=120, contact=True), T + 500)
    made.heard("ghost", "2a37", Measurement(heart_rate_bpm=120), T)
    made.heard("strap", "2a19", Measurement(battery_pct=5), T + 900)
    (row,) = view(made).sensors
    assert (row.name, row.athlete, row.athlete_name) == ("STRAP", "ann", "Ann")
    assert (row.last, row.last_at_ms) == ({Metric.HEART_RATE_BPM: 120}, T + 500)
    assert row.seen_at_ms == T + 500
    (row,) = view(made, shows=()).sensors
    assert (row.last, row.last_at_ms) == ({}, 0)  # another's heart


def test_speed_of_a_foot_pod_is_told_in_kmh() -> None:
    made = board("a")
    made.sensors("a", [sensor("pod", SensorKind.RUN)], whole=True, now=T)
    made.heard("pod", "2a53", Measurement(speed_mps=2.5), T)
    (row,) = view(made).sensors
    assert row.last == {Metric.SPEED_KMH: 9.0}


def test_of_several_gateways_the_one_with_the_best_link_is_shown() -> None:
    made = board("a", "b")
    made.sensors("a", [replace(STRAP, link=LinkStatus.SEEN)], whole=True, now=T)
    assert made.nearest("strap") == "a"
    made.sensors("b", [STRAP], whole=True, now=T)
    assert made.nearest("strap") == "b"
    made.sensors("a", [replace(STRAP, rssi_dbm=-40)], whole=False, now=T)
    assert made.nearest("strap") == "a"  # both live, this one louder
    made.gateway("a", False, "silence", T + 1)
    assert made.nearest("strap") == "b"
    made.gateway("b", False, "silence", T + 2)
    assert made.nearest("strap") == ""
    assert view(made).sensors[0].link is LinkStatus.ABSENT


def test_a_gateway_that_says_everything_forgets_what_it_left_out() -> None:
    made = board("a", "b")
    other = sensor("pod", SensorKind.CADENCE)
    made.sensors("a", [STRAP, other], whole=True, now=T)
    made.sensors("b", [STRAP], whole=True, now=T)
    made.sensors("a", [], whole=True, now=T)
    assert [row.sensor for row in view(made).sensors] == ["strap"]
    assert made.state("pod") is None


def test_a_trainer_is_news_only_when_a_person_would_see_a_difference() -> None:
    made = board("a")
    made.sensors("a", [sensor("kickr", SensorKind.TRAINER)], whole=True, now=T)
    follows = TrainerState("kickr", TrainerStatus.FOLLOWING)
    assert made.trainer_view("kickr", None).status is TrainerStatus.LOST
    assert made.trainer(follows) is True
    assert made.trainer(replace(follows, plan_rev=2)) is False
    assert made.trainer_view("kickr", T + 9).follows_until_at_ms == T + 9
    assert made.trainer(replace(follows, status=TrainerStatus.ELSEWHERE)) is True
    assert made.trainer_view("kickr", T + 9).follows_until_at_ms is None
    made.gateway("a", False, "silence", T)
    assert made.kinds("kickr") == (SensorKind.TRAINER,)


def test_gateways_and_their_radios_are_shown() -> None:
    made = board("a")
    made.adapters("a", (AdapterState("hci0", False, "powered_off"),), T)
    made.gateway("a", False, "silence", T + 9)
    made.gateway("a", False, "silence", T + 99)
    (gateway,) = made.gateways_view()
    assert (gateway.up, gateway.since_at_ms, gateway.reason) == (False, T + 9, "silence")
    assert gateway.adapters[0].problem == "powered_off"


def test_the_radios_that_are_there_say_how_many_more_sensors_fit() -> None:
    made = board("a", "b")
    assert view(made).free_slots is None  # no radio has said what it takes
    off = AdapterState("hci0", False, "powered_off", slots=8, free_slots=8)
    made.adapters("a", (off, AdapterState("hci1", True, slots=8, used=1, free_slots=7)), T)
    made.adapters("b", (AdapterState("hci0", True, slots=5, used=5),), T)
    assert view(made).free_slots == 7
    made.gateway("a", False, "silence", T + 1)
    assert view(made).free_slots == 0
    made.sensors("b", [replace(STRAP, adapter="hci0")], whole=True, now=T)
    assert [row.adapter for row in view(made).sensors] == ["hci0"]


def test_every_change_is_a_new_version() -> None:
    made = board("a")
    versions = [made.version]
    made.sensors("a", [STRAP], whole=True, now=T)
    versions.append(made.version)
    made.heard("strap", "2a37", Measurement(heart_rate_bpm=120), T)
    versions.append(made.version)
    made.gateway("a", False, "", T)
    versions.append(made.version)
    assert versions == sorted(set(versions))


def test_it_is_bounded() -> None:
    made = board("a")
    crowd = [sensor(f"s{i}", SensorKind.POWER) for i in range(SENSORS_MAX + 5)]
    made.sensors("a", crowd, whole=True, now=T)
    assert len(view(made).sensors) == SENSORS_MAX
    for i in range(GATEWAYS_MAX + 5):
        made.gateway(f"g{i}", True, "", T)
    assert len(made.gateways_view()) == GATEWAYS_MAX


def test_when_it_is_full_the_sensor_that_left_longest_ago_makes_room() -> None:
    """Watches change their address: a gateway that is never restarted meets thousands."""
    made = board("a")
    gone = [
        replace(sensor(f"s{i}", SensorKind.POWER), link=LinkStatus.ABSENT)
        for i in range(SENSORS_MAX)
    ]
    for i, state in enumerate(gone):
        made.sensors("a", [state], whole=False, now=T + i)
    assert made.sensors("a", [sensor("new", SensorKind.POWER)], whole=False, now=T + 9_999)
    ids = {row.sensor for row in view(made).sensors}
    assert len(ids) == SENSORS_MAX and "new" in ids and "s0" not in ids
