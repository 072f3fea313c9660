"""The hub's end alone: who may come in, what is taken, where readings lie in time."""

from __future__ import annotations

import json

import msgspec
import pytest
from uplink_world import World

from hub.wire.codec import DecodeError
from hub.wire.uplink import (
    DOWN,
    PROTOCOL_VERSION,
    UP,
    Ack,
    Batch,
    ClockOffset,
    DownBeat,
    DownBye,
    Gap,
    Hello,
    Refuse,
    Retire,
    Retired,
    Rewind,
    StreamAck,
    StreamHeader,
    UpBeat,
    UpBye,
    Welcome,
)
from hub.wire.uplink_events import Event, Forget, GatewayDown, GatewayUp, Send, Took
from hub.wire.uplink_hub import HubUplink
from hub.wire.uplink_session import HubRules
from hub.wire.values import Measurement, Reading

S = 1_000_000
OPEN = StreamHeader("e1", "boot", 1_000, 900_000, 1, 1, sealed=False)


def hub(durable: dict[tuple[str, str], int] | None = None, rules: HubRules | None = None):
    return HubUplink("hub", "site", durable or {}, rules)


def hello(name: str = "garage", instance: str = "i1", streams=(OPEN,), version=PROTOCOL_VERSION):
    return UP.encode(Hello(version, name, instance, "test", "boot", tuple(streams)))


def batch(from_seq: int, count: int, epoch: str = "e1", at_ms: int = 2_000) -> bytes:
    readings = tuple(
        Reading(f"r{from_seq + i}", at_ms, "2a37", Measurement()) for i in range(count)
    )
    return UP.encode(Batch(epoch, from_seq, readings))


def said(events: list[Event]) -> list:
    return [DOWN.decode(event.frame) for event in events if isinstance(event, Send)]


def took(events: list[Event]) -> list[Took]:
    return [event for event in events if isinstance(event, Took)]


def names(event: Took) -> list[str]:
    return [placed.reading.sensor_id for placed in event.readings]


def test_a_gateway_is_welcomed_with_what_is_durable() -> None:
    uplink = hub({("garage", "e0"): 7})
    sealed = StreamHeader("e0", "boot", 0, 0, 5, 9, sealed=True)
    events = uplink.receive(b"p", hello(streams=(sealed, OPEN)), 0)
    acks = (StreamAck("e0", 7), StreamAck("e1", 0))
    assert said(events) == [Welcome(PROTOCOL_VERSION, "hub", "site", acks)]
    assert [e.gateway for e in events if isinstance(e, GatewayUp)] == ["garage"]
    assert uplink.gateways_up == ("garage",) and uplink.is_up("garage")


def test_the_key_names_the_gateway_not_its_own_word() -> None:
    uplink = hub()
    uplink.receive(b"p", hello("imposter"), 0, user_id="garage")
    assert uplink.gateways_up == ("garage",)


def test_another_version_is_refused_for_good() -> None:
    (refuse,) = said(hub().receive(b"p", hello(version=2), 0))
    assert isinstance(refuse, Refuse) and refuse.code == "version" and refuse.retry_ms is None


def test_a_second_live_instance_is_refused_soon_then_seldom_and_the_first_is_probed() -> None:
    uplink = hub()
    uplink.receive(b"p1", hello(), 0)
    events = uplink.receive(b"p2", hello(instance="i2"), 2 * S)
    probe, refuse = events
    assert isinstance(probe, Send) and probe.peer == b"p1"
    assert isinstance(DOWN.decode(probe.frame), DownBeat)
    assert isinstance(refuse, Send) and refuse.peer == b"p2"
    assert said([refuse])[0].code == "duplicate_gateway" and said([refuse])[0].retry_ms == 300
    again = said(uplink.receive(b"p3", hello(instance="i2"), 2 * S + 300_000))
    assert again[-1].retry_ms == 5_000
    assert uplink.is_up("garage")


def test_a_frozen_instance_is_replaced_after_three_silent_seconds() -> None:
    uplink = hub()
    uplink.receive(b"p1", hello(), 0)
    uplink.receive(b"p1", UP.encode(UpBeat(1)), 1 * S)
    assert said(uplink.receive(b"p2", hello(instance="i2"), 4 * S - 1))[-1].code
    events = uplink.receive(b"p2", hello(instance="i2"), 4 * S)
    assert GatewayDown("garage", "replaced") in events
    # Thawed, it is nobody any more.
    assert said(uplink.receive(b"p1", batch(1, 1), 4 * S)) == [DownBye("no_hello", 0)]


def test_the_same_process_on_a_new_connection_takes_over_at_once() -> None:
    uplink = hub()
    uplink.receive(b"p1", hello(), 0)
    uplink.receive(b"p1", batch(1, 4), 0)
    events = uplink.receive(b"p2", hello(), 1)
    assert not any(isinstance(event, GatewayDown) for event in events)
    # What was received and not yet committed is a duplicate, not a second recording.
    assert took(uplink.receive(b"p2", batch(1, 4), 2)) == []
    assert uplink.counts["duplicate"] == 1


def test_only_the_next_number_is_taken_and_a_skip_asked_for_once() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    (first,) = took(uplink.receive(b"p", batch(1, 3), 0))
    assert names(first) == ["r1", "r2", "r3"] and first.token is not None
    events = uplink.receive(b"p", batch(7, 2), 0)
    assert said(events) == [Rewind("e1", 4)]
    (preview,) = took(events)
    assert preview.token is None and [p.reading.sensor_id for p in preview.fresh] == ["r7", "r8"]
    assert said(uplink.receive(b"p", batch(9, 1), 0)) == []
    assert said(uplink.receive(b"p", batch(10, 1), 1 * S)) == [Rewind("e1", 4)]
    (rest,) = took(uplink.receive(b"p", batch(2, 8), 1 * S))  # overlaps: its new part is taken
    assert names(rest) == [f"r{i}" for i in range(4, 10)]
    assert rest.fresh == ()  # r10 was shown: nothing older is shown after it


def test_the_ack_waits_for_the_commit_and_acks_of_one_flush_are_one() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    tokens = [took(uplink.receive(b"p", batch(n, 1), 0))[0].token for n in (1, 2, 3)]
    assert said(uplink.flush()) == []
    for token in tokens:
        uplink.committed(token)
    assert said(uplink.flush()) == [Ack("e1", 3)]
    assert said(uplink.flush()) == []


def test_a_failed_commit_rolls_back_holds_and_asks_again_with_longer_holds() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    first = took(uplink.receive(b"p", batch(1, 2), 0))[0].token
    second = took(uplink.receive(b"p", batch(3, 2), 0))[0].token
    uplink.commit_failed(first, 0)
    uplink.commit_failed(second, 0)  # of the same fall: the hold does not grow
    (held,) = took(uplink.receive(b"p", batch(5, 1), 1_000))
    assert held.token is None and len(held.fresh) == 1
    uplink.tick(199_000)
    assert Rewind("e1", 1) in said(uplink.tick(200_000))
    (again,) = took(uplink.receive(b"p", batch(1, 5), 200_000))
    assert names(again) == ["r1", "r2", "r3", "r4", "r5"] and again.fresh == ()
    uplink.commit_failed(again.token, 200_000)
    uplink.receive(b"p", UP.encode(UpBeat(1)), 300_000)
    assert not any(isinstance(m, Rewind) for m in said(uplink.tick(1_199_000)))
    assert Rewind("e1", 1) in said(uplink.tick(1_200_000))


def test_gaps_are_recorded_under_their_numbers() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    (gap,) = took(uplink.receive(b"p", UP.encode(Gap("e1", 1, 40, "spool_full")), 0))
    assert gap.gap_reason == "spool_full" and gap.readings == ()
    assert (gap.token.from_seq, gap.token.to_seq) == (1, 40)
    (after,) = took(uplink.receive(b"p", batch(41, 1), 0))
    assert after.token.from_seq == 41


def test_what_another_hub_acknowledged_is_a_gap_here_and_what_was_retired_is_nothing() -> None:
    uplink = hub({("garage", "e0"): 10})
    lost = StreamHeader("e0", "boot", 0, 0, 31, 40, sealed=True)
    retired = StreamHeader("e9", "boot", 0, 0, 21, 21, sealed=True)
    (gap,) = took(uplink.receive(b"p", hello(streams=(lost, retired, OPEN)), 0))
    assert gap.gap_reason == "acked_before"
    assert (gap.token.from_seq, gap.token.to_seq) == (11, 30)


def test_retire_waits_for_the_last_commit_and_is_confirmed_when_forgotten() -> None:
    uplink = hub()
    sealed = StreamHeader("e0", "boot", 0, 0, 1, 3, sealed=True)
    uplink.receive(b"p", hello(streams=(sealed, OPEN)), 0)
    token = took(uplink.receive(b"p", batch(1, 2, "e0"), 0))[0].token
    assert uplink.receive(b"p", UP.encode(Retire("e0")), 0) == []
    assert uplink.committed(token) == [Forget("garage", "e0")]
    assert said(uplink.retired("garage", "e0")) == [Retired("e0")]
    assert said(uplink.receive(b"p", UP.encode(Retire("e0")), 0)) == [Retired("e0")]


def test_readings_lie_by_the_wall_until_the_clock_of_their_boot_is_measured() -> None:
    uplink = hub()
    old = StreamHeader("e0", "boot-0", 500, 100_000, 1, 2, sealed=True)
    uplink.receive(b"p", hello(streams=(old, OPEN)), 0)
    (guess,) = took(uplink.receive(b"p", batch(1, 1, at_ms=2_000), 0))
    assert (guess.readings[0].at_ms, guess.readings[0].time_estimated) == (901_000, True)
    uplink.receive(b"p", UP.encode(ClockOffset("boot", 777_000_000, 100)), 0)
    (sure,) = took(uplink.receive(b"p", batch(2, 1, at_ms=3_000), 0))
    assert (sure.readings[0].at_ms, sure.readings[0].time_estimated) == (780_000, False)
    (other,) = took(uplink.receive(b"p", batch(1, 1, "e0", at_ms=600), 0))
    assert (other.readings[0].at_ms, other.readings[0].time_estimated) == (100_100, True)


def test_a_silent_gateway_is_down_and_begins_again() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    assert not any(isinstance(e, GatewayDown) for e in uplink.tick(3 * S - 1))
    assert GatewayDown("garage", "silent") in uplink.tick(3 * S)
    assert not uplink.is_up("garage") and uplink.send("garage", DownBeat(1)) == []


def test_beats_go_out_each_second() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    beats = []
    for ms in range(0, 2_950, 50):
        beats += [m for m in said(uplink.tick(ms * 1_000)) if isinstance(m, DownBeat)]
    assert [beat.at_ms for beat in beats] == [0, 1_000, 2_000]


def test_a_bye_is_down_with_its_reason() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    events = uplink.receive(b"p", UP.encode(UpBye("gateway_stopping")), 0)
    assert events == [GatewayDown("garage", "gateway_stopping")]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"nonsense", "malformed"),
        (batch(1, 1, "never-listed"), "unknown_stream"),
        (batch(0, 1), "unknown_stream"),
        (UP.encode(Gap("e1", 9, 3, "spool_full")), "unknown_stream"),
    ],
)
def test_who_breaks_the_rules_begins_again(frame: bytes, reason: str) -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    events = uplink.receive(b"p", frame, 0)
    assert said(events)[0].reason == reason
    assert GatewayDown("garage", reason) in events


def test_gateways_streams_and_uncommitted_readings_are_bounded() -> None:
    uplink = hub(rules=HubRules(gateways_max=1, streams_max=2, unacked_max=4))
    (refuse,) = said(uplink.receive(b"p", hello(streams=(OPEN,) * 3), 0))
    assert refuse.code == "too_many"
    uplink.receive(b"p", hello(), 0)
    (refuse,) = said(uplink.receive(b"q", hello("other"), 0))
    assert refuse.code == "too_many"
    assert took(uplink.receive(b"p", batch(1, 4), 0))[0].token is not None
    assert took(uplink.receive(b"p", batch(5, 1), 0))[0].token is None
    assert uplink.counts["held"] == 1


def test_a_gateway_that_is_away_and_owes_nothing_makes_room() -> None:
    uplink = hub(rules=HubRules(gateways_max=1))
    uplink.receive(b"p", hello(), 0)
    token = took(uplink.receive(b"p", batch(1, 1), 0))[0].token
    uplink.lost(b"p", "unreachable")
    assert said(uplink.receive(b"q", hello("other"), 0))[0].code == "too_many"
    uplink.committed(token)
    assert isinstance(said(uplink.receive(b"q", hello("other"), 0))[0], Welcome)
    uplink.lost(b"q", "unreachable")
    # Its numbers are remembered all the same.
    (welcome,) = [m for m in said(uplink.receive(b"p", hello(), 0)) if isinstance(m, Welcome)]
    assert welcome.acks == (StreamAck("e1", 1),)


def test_stopping_tells_everybody() -> None:
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    assert said(uplink.stop(500)) == [DownBye("hub_stopping", 500)]


def test_fusion_sees_each_reading_once_however_often_it_is_sent() -> None:
    world = World()
    world.steps(600)
    for i in range(30):
        world.append(f"r{i}")
    world.commits_fail = True
    world.steps(3_000)
    world.commits_fail = False
    world.steps(8_000)
    assert [p.reading.sensor_id for p in world.fresh()] == [f"r{i}" for i in range(30)]
    assert world.recorded() == [f"r{i}" for i in range(30)]


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63, 2**70])
@pytest.mark.parametrize("field", ["at_ms", "lease", "power_w", "energy_kj", "from_seq"])
def test_a_number_that_no_database_takes_spoils_nothing_but_its_own_batch(
    field: str, number: int
) -> None:
    """Committed beside others it would fail theirs too, or be stored and never be folded."""
    uplink = hub()
    uplink.receive(b"p", hello(), 0)
    reading: dict[str, object] = {"sensor_id": "r", "at_ms": 5, "char": "2a37", "m": {}}
    frame: dict[str, object] = {"t": "batch", "epoch": "e1", "from_seq": 1, "readings": [reading]}
    whole = UP.encode(UP.decode(json.dumps(frame)))
    holder = {"at_ms": reading, "lease": reading, "from_seq": frame}.get(field, reading["m"])
    assert isinstance(holder, dict)
    holder[field] = number
    events = uplink.receive(b"p", json.dumps(frame).encode(), 0)
    assert took(events) == [] and said(events) == [DownBye("malformed", 1_000)]
    uplink.receive(b"p", hello(), 0)
    assert len(took(uplink.receive(b"p", whole, 0))) == 1


def test_no_clock_places_a_reading_beyond_what_a_database_takes() -> None:
    for message in (
        {"t": "offset", "boot_id": "b", "offset_us": 2**60, "round_trip_us": 1},
        {"t": "gap", "epoch": "e1", "from_seq": 1, "to_seq": 2**63, "reason": "x"},
    ):
        with pytest.raises(DecodeError, match="bad_field"):
            UP.decode(json.dumps(message))
    shape = msgspec.to_builtins(UP.decode(hello()))
    shape["streams"][0]["wall_ms"] = 2**60
    with pytest.raises(DecodeError, match="bad_field"):
        UP.decode(json.dumps(shape))
