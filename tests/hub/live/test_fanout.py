"""Two lanes to many clients: shared frames, clients that do not keep up, and what they missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, pairwise
from typing import Any

import pytest
from clock import run
from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import NOON_MS, FakeWire, payloads, same_turn

from hub.core.fusion import Sensor
from hub.live.audience import DEAD_ACK_MS, STALE_ACK_MS, Masks
from hub.live.fanout import CLIENTS_PER_CHECK, SLICE_NS, SLOTS, Fanout
from hub.live.gauges import Gauges
from hub.live.outbox import PENDING_BYTES_MAX, Outbox, ws_text
from hub.live.room import STORY_BYTES_MAX, STORY_EVENTS_MAX, Story
from hub.live.row_mask import FULL_MASK
from hub.wire.live import CloseCode
from hub.wire.live_events import EVENT, Lapped
from hub.wire.live_rows import QUALITIES
from hub.wire.uplink import SensorKind
from hub.wire.values import Measurement, Quality, Reading

T = NOON_MS
METER = Sensor("meter", (SensorKind.POWER,))


class Stand:
    """A fan-out over some athletes, and its clients."""

    def __init__(self, *athletes: str) -> None:
        loop = asyncio.get_running_loop()
        self.loop = loop
        self.gauges = {name: Gauges(name) for name in athletes}
        self.fanout = Fanout(self.now_ms, self.gauges.get)

    def now_ms(self) -> int:
        return T + round(self.loop.time() * 1000)

    def ride(self, athlete: str, power_w: int) -> None:
        now = self.now_ms()
        reading = Reading("meter", now, "2a63", Measurement(power_w=power_w))
        self.gauges[athlete].ingest(METER, reading, now, backfill=False)

    def client(self, rows: Masks, rate_hz: int = 4, channel: str = "session:s") -> Client:
        client = Client()
        self.fanout.subscribe(client.outbox, channel, rate_hz, rows)
        return client


class TalkingWire(FakeWire):
    """Does `on_write` after each write."""

    def __init__(self) -> None:
        super().__init__()
        self.on_write: Callable[[], object] = lambda: None

    def write(self, frames: bytes) -> None:
        super().write(frames)
        self.on_write()


class Client:
    def __init__(self) -> None:
        self.wire = TalkingWire()
        self.outbox = Outbox(self.wire, same_turn)

    def states(self) -> list[dict[str, Any]]:
        data, self.wire.writes = b"".join(self.wire.writes), []
        return [json.loads(payload) for payload in payloads(data)]

    def ack(self) -> list[dict[str, Any]]:
        states = self.states()
        if states:
            self.outbox.acked(states[-1]["n"])
        return states


def on_a_stand(test: Callable[[Stand], Awaitable[None]], *athletes: str) -> None:
    async def scene() -> None:
        stand = Stand(*(athletes or ("ann", "bob")))
        await test(stand)
        stand.fanout.close()

    run(scene())


BOTH: Masks = (("ann", FULL_MASK), ("bob", FULL_MASK))


def test_an_audience_shares_the_very_same_bytes() -> None:
    async def test(stand: Stand) -> None:
        one, two = stand.client(BOTH), stand.client(BOTH)
        other = stand.client(BOTH, rate_hz=1)
        await asyncio.sleep(1.1)
        assert one.wire.writes[0] is two.wire.writes[0]
        assert other.wire.writes[0] is not one.wire.writes[0]
        assert len(stand.fanout.audiences) == 2

    on_a_stand(test)


def test_what_cannot_be_served_in_time_does_not_pile_up() -> None:
    """A loop that is too slow leaves ticks out."""

    async def test(stand: Stand) -> None:
        stand.fanout._elapsed_ns = count(0, SLICE_NS).__next__
        client = stand.client(BOTH)
        stand.ride("bob", 222)
        for _ in range(4 * SLOTS):
            stand.fanout._tick()  # and the loop did not get to the rest of the last one
        assert len(stand.fanout._work) == 1
        await asyncio.sleep(0.3)
        assert client.states()[-1]["rows"][-1][:2] == ["bob", 222]

    on_a_stand(test)


def test_work_may_ask_for_more_work() -> None:
    async def test(stand: Stand) -> None:
        done = []

        def more() -> Iterator[None]:
            yield
            done.append("second")

        def work() -> Iterator[None]:
            stand.fanout.spread(more())
            yield
            done.append("first")

        stand.fanout.spread(work())
        await asyncio.sleep(0.1)
        assert done == ["first", "second"]

    on_a_stand(test)


def test_first_a_whole_frame_then_only_rows_that_changed() -> None:
    async def test(stand: Stand) -> None:
        client = stand.client(BOTH)
        await asyncio.sleep(0.6)
        (first,) = client.ack()
        assert (first["t"], first["channel"], first["whole"]) == ("state", "session:s", True)
        assert [row[0] for row in first["rows"]] == ["ann", "bob"]
        stand.ride("bob", 222)
        await asyncio.sleep(0.3)
        (then,) = client.ack()
        assert (then["whole"], [row[:2] for row in then["rows"]]) == (False, [["bob", 222]])
        assert then["n"] > first["n"]
        await asyncio.sleep(1)
        assert client.states() == []  # nothing changed, nothing said

    on_a_stand(test)


def test_a_number_that_nobody_renews_changes_on_its_own() -> None:
    async def test(stand: Stand) -> None:
        client = stand.client((("ann", FULL_MASK),))
        stand.ride("ann", 222)
        qualities = []
        for _ in range(12):
            await asyncio.sleep(1)
            qualities += [QUALITIES[state["rows"][0][3]] for state in client.ack()]
        assert qualities == [Quality.LIVE, Quality.AGED, Quality.GONE]

    on_a_stand(test)


def test_each_viewer_sees_what_is_granted() -> None:
    async def test(stand: Stand) -> None:
        stand.ride("ann", 100)
        stand.ride("bob", 200)
        ann = stand.client((("ann", FULL_MASK), ("bob", 0)))
        coach = stand.client(BOTH)
        await asyncio.sleep(0.3)
        denied = QUALITIES.index(Quality.DENIED)
        rows = ann.ack()[0]["rows"]
        assert [row[1:4] for row in rows] == [[100, T, 0], [None, 0, denied]]
        assert [row[1] for row in coach.ack()[0]["rows"]] == [100, 200]

    on_a_stand(test)


@pytest.mark.parametrize(("rate_hz", "frames"), [(1, 10), (2, 20), (3, 20), (4, 40)])
def test_a_tick_per_rate(rate_hz: int, frames: int) -> None:
    async def test(stand: Stand) -> None:
        client = stand.client((("ann", FULL_MASK),), rate_hz)
        count = 0
        for i in range(100):
            stand.ride("ann", i)
            await asyncio.sleep(0.1)
            count += len(client.ack())
        assert abs(count - frames) <= 1

    on_a_stand(test)


def test_audiences_are_spread_over_the_period() -> None:
    async def test(stand: Stand) -> None:
        for channel in range(10):
            stand.client(BOTH, channel=f"session:{channel}")
        slots = {audience.slot for audience in stand.fanout.audiences.values()}
        assert slots == set(range(SLOTS // 4))

    on_a_stand(test)


def test_a_stalled_reader_is_left_out_then_whole_then_cut_off() -> None:
    async def test(stand: Stand) -> None:
        good, stalled = stand.client(BOTH), stand.client(BOTH)
        for i in range(40):  # four seconds
            stand.ride("ann", i)
            await asyncio.sleep(0.1)
            good.ack()
        got = stalled.states()
        assert len(got) == STALE_ACK_MS / 250 + 1  # no more was written to it
        assert stand.fanout.conflated_count == 16 - len(got)
        stalled.outbox.acked(got[-1]["n"])
        await asyncio.sleep(0.3)
        (whole,) = stalled.states()
        assert (whole["whole"], [row[0] for row in whole["rows"]]) == (True, ["ann", "bob"])
        assert whole["rows"][0][1] == 39
        count = 0
        for i in range(DEAD_ACK_MS // 100 + 5):
            stand.ride("ann", i)
            await asyncio.sleep(0.1)
            count += len(good.ack())
        assert stalled.wire.aborted
        assert count >= 40  # the other one never noticed

    on_a_stand(test)


def test_a_full_socket_is_not_written_to() -> None:
    async def test(stand: Stand) -> None:
        client = stand.client(BOTH)
        client.outbox.pause()
        await asyncio.sleep(1)
        assert client.wire.writes == []
        client.outbox.resume()
        await asyncio.sleep(0.3)
        assert [state["whole"] for state in client.states()] == [True]

    on_a_stand(test)


def test_who_unsubscribes_gets_nothing_and_an_empty_audience_goes() -> None:
    async def test(stand: Stand) -> None:
        client = stand.client(BOTH)
        stand.fanout.unsubscribe(client.outbox, "session:s")
        stand.fanout.unsubscribe(client.outbox, "session:s")
        await asyncio.sleep(1)
        assert client.wire.writes == []
        assert stand.fanout.audiences == {}

    on_a_stand(test)


def test_a_row_that_cannot_be_made_costs_only_its_own_audience() -> None:
    async def test(stand: Stand) -> None:
        def broken(now: int) -> None:
            raise ValueError("planted")

        bob = stand.client((("bob", FULL_MASK),))
        ann = stand.client((("ann", FULL_MASK),))
        stand.gauges["bob"] = type("Broken", (), {"refresh": staticmethod(broken)})()  # type: ignore[assignment]
        await asyncio.sleep(0.6)
        assert bob.states() == []
        assert len(ann.states()) == 1

    on_a_stand(test)


def test_an_ack_frees_what_it_covers_and_nothing_else() -> None:
    async def test(stand: Stand) -> None:
        client = stand.client(BOTH)

        async def rides(s: float) -> list[dict[str, Any]]:
            for i in range(round(s * 10)):
                stand.ride("ann", i)
                await asyncio.sleep(0.1)
            return client.states()

        sent = await rides(3)
        client.outbox.acked(sent[0]["n"])
        assert await rides(1) == []  # the second is as old
        client.outbox.acked(sent[-1]["n"])
        client.outbox.acked(1)
        assert [state["whole"] for state in await rides(0.5)] == [True, False]

    on_a_stand(test)


def test_a_number_from_ahead_is_no_free_pass() -> None:
    async def test(stand: Stand) -> None:
        liar = stand.client(BOTH)
        for i in range(300):
            stand.ride("ann", i)
            await asyncio.sleep(0.1)
            if i == 10:
                liar.outbox.acked(1 << 40)
        assert len(liar.states()) <= 30 / 10 * 4 + 2 * STALE_ACK_MS / 250 + 2
        assert liar.wire.aborted

    on_a_stand(test)


def test_who_acks_in_time_is_never_late_however_long_nothing_was_said() -> None:
    async def test(stand: Stand) -> None:
        clients = [stand.client(BOTH) for _ in range(3)]
        for second in range(120):
            if second % 40 < 10:
                stand.ride("ann", second)
            await asyncio.sleep(1)
            for client in clients:
                client.ack()
        assert stand.fanout.conflated_count == 0

    on_a_stand(test)


def test_states_of_several_channels_are_one_write_and_events_go_before_them() -> None:
    async def test(stand: Stand) -> None:
        wire = FakeWire()
        outbox = Outbox(wire, stand.loop.call_soon)
        for channel in ("session:s", "session:t", "athlete:ann"):
            stand.fanout.subscribe(outbox, channel, 4, BOTH)
        await asyncio.sleep(0.6)
        (wholes,) = wire.writes
        assert [json.loads(text)["whole"] for text in payloads(wholes)] == [True] * 3
        stand.ride("ann", 222)
        await asyncio.sleep(0.3)
        (_, states) = wire.writes
        assert len(payloads(states)) == 3
        stand.fanout.unsubscribe(outbox, "session:t")
        stand.fanout.unsubscribe(outbox, "athlete:ann")
        outbox.pause()
        outbox.send(ws_text(b"event"))
        outbox.resume()
        stand.ride("ann", 223)
        await asyncio.sleep(0.3)
        assert [len(payloads(write)) for write in wire.writes] == [3, 3, 1, 1]
        assert payloads(wire.writes[2]) == [b"event"]

    on_a_stand(test)


class Clockwork:
    """`elapsed_ns` by which each slice is over after CLIENTS_PER_CHECK clients."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        self.ns += SLICE_NS
        return self.ns


def test_what_changes_between_two_slices_counts_and_nobody_gets_a_frame_twice() -> None:
    async def test(stand: Stand) -> None:
        stand.fanout = Fanout(stand.now_ms, stand.gauges.get, Clockwork())
        clients = [stand.client(BOTH) for _ in range(3 * CLIENTS_PER_CHECK)]
        await asyncio.sleep(0.6)
        for client in clients:
            client.ack()
        *_, goes, pauses, told = clients

        def change() -> None:
            stand.fanout.unsubscribe(goes.outbox, "session:s")
            pauses.outbox.pause()
            told.outbox.send(ws_text(b'{"event":1}'))

        clients[0].wire.on_write = change
        stand.ride("ann", 222)
        await asyncio.sleep(0.3)
        assert [len(client.states()) for client in clients[:-3]] == [1] * (len(clients) - 3)
        assert goes.states() == pauses.states() == []
        event, state = told.states()
        assert (event, state["whole"]) == ({"event": 1}, False)

    on_a_stand(test)


def test_a_socket_that_fails_is_cut_off_and_costs_the_others_nothing() -> None:
    async def test(stand: Stand) -> None:
        clients = [stand.client(BOTH) for _ in range(5)]
        await asyncio.sleep(0.6)
        for client in clients:
            client.ack()
        broken = clients[2]

        def fail() -> None:
            raise RuntimeError("planted")

        broken.wire.on_write = fail
        stand.ride("ann", 222)
        await asyncio.sleep(0.3)
        assert broken.wire.aborted
        assert [len(client.states()) for client in clients if client is not broken] == [1] * 4

    on_a_stand(test)


DOINGS = (
    "ack",
    "ack",
    "ack",
    "old ack",
    "lie",
    "pause",
    "resume",
    "event",
    "leave",
    "more",
    "less",
)
Doing = tuple[str, int]  # what the client does, and for how many 50 ms the riders go on


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DOINGS), st.integers(1, 14)), min_size=8, max_size=30))
def test_whatever_a_client_does_it_misses_no_frame_without_a_whole_one(doings: list[Doing]) -> None:
    async def test(stand: Stand) -> None:
        good, client = stand.client(BOTH), stand.client(BOTH)
        told: list[dict[str, Any]] = []
        heard: list[dict[str, Any]] = []
        power_w = 0
        for doing, periods in doings:
            do(stand, client, doing, heard)
            for _ in range(periods):
                power_w += 1
                stand.ride("ann", power_w)
                await asyncio.sleep(0.05)
                told += good.ack()
                heard += [s for s in client.states() if s.get("channel") == "session:s"]
        assert [state["whole"] for state in told] == [True] * bool(told) + [False] * (len(told) - 1)
        frames = [state["n"] for state in told]
        assert all(state["whole"] for state in heard[:1])
        for before, after in pairwise(heard):
            assert after["n"] > before["n"]
            assert after["whole"] or after["n"] == next(n for n in frames if n > before["n"])

    on_a_stand(test)


def do(stand: Stand, client: Client, doing: str, heard: list[dict[str, Any]]) -> None:
    outbox, newest = client.outbox, max((state.get("n", 0) for state in heard), default=0)
    match doing:
        case "ack":
            outbox.acked(newest)
        case "old ack":
            outbox.acked(newest // 2)
        case "lie":
            outbox.acked(1 << 40)
        case "pause":
            outbox.pause()
        case "resume":
            outbox.resume()
        case "event":
            outbox.send(ws_text(b"{}"))
        case "leave":
            stand.fanout.unsubscribe(outbox, "session:s")
            stand.fanout.subscribe(outbox, "session:s", 4, BOTH)
        case "more":
            stand.fanout.subscribe(outbox, "athlete:bob", 4, (("bob", FULL_MASK),))
        case "less":
            stand.fanout.unsubscribe(outbox, "athlete:bob")


# The event lane


def test_events_of_one_turn_are_one_write() -> None:
    wire, turns = FakeWire(), []
    outbox = Outbox(wire, turns.append)
    outbox.send(ws_text(b"1"))
    outbox.send(ws_text(b"2"))
    assert outbox.offer(ws_text(b"3"))
    assert wire.writes == []
    for turn in turns:
        turn()
    (data,) = wire.writes
    assert payloads(data) == [b"1", b"2", b"3"]
    assert len(turns) == 1


def test_events_wait_for_a_full_socket_up_to_a_bound() -> None:
    wire = FakeWire()
    outbox = Outbox(wire, same_turn)
    outbox.pause()
    outbox.send(b"x" * 1000)
    assert wire.writes == []
    assert outbox.write_unacked(b"y") is False
    outbox.resume()
    assert len(wire.writes) == 1
    outbox.pause()
    for _ in range(PENDING_BYTES_MAX // 1000 + 1):
        outbox.send(b"x" * 1000)
    assert wire.overflows == 1
    outbox.close(CloseCode.SLOW, "too slow", b"goodbye")
    assert wire.writes[-1] == b"goodbye"  # although the socket is full
    outbox.send(b"x")
    outbox.abort()
    assert not wire.aborted  # once is enough


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_frame_has_the_length_that_it_says(length: int) -> None:
    assert payloads(ws_text(b"x" * length)) == [b"x" * length]


def body(number: int, size: int = 0) -> bytes:
    return EVENT.encode(Lapped("a" * size, T, number))


def test_a_story_tells_what_came_after_an_offset() -> None:
    story = Story()
    for offset in (3, 5, 8):
        story.add(offset, body(offset))
    missed = story.since(3)
    assert missed == [(5, Lapped("", T, 5)), (8, Lapped("", T, 8))]
    assert story.since(8) == []


@pytest.mark.parametrize("size", [0, STORY_BYTES_MAX // 100])
def test_a_story_is_bounded_and_says_when_it_has_forgotten(size: int) -> None:
    story = Story()
    for offset in range(1, STORY_EVENTS_MAX + 11):
        story.add(offset, body(offset, size))
    assert story.since(5) is None
    kept = story.since(STORY_EVENTS_MAX)
    assert kept is not None
    assert [offset for offset, _ in kept] == list(
        range(STORY_EVENTS_MAX + 1, STORY_EVENTS_MAX + 11)
    )
