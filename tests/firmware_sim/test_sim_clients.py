"""`derny-sim clients`: what the devices ask, hear and measure, against a hub that is told."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_fakes import NOON_MS
from told_hub import CHANNEL, VIEW, Visit, hub, run, until
from typer.testing import CliRunner
from websockets.frames import Frame, Opcode

from firmware_sim.cli import app
from firmware_sim.clients import frames
from firmware_sim.clients.device import Device
from firmware_sim.clients.figures import FINENESS, Figures, Spread
from firmware_sim.clients.profiles import PROFILES
from firmware_sim.clients.run import Asked, ClientsError, Summary, _places
from firmware_sim.clients.swarm import Swarm
from hub.client.opening import local_ms
from hub.wire.live_events import Lapped
from hub.wire.live_from_client import Ack, Fired, FromClient, Hello, Resume, Subscribe
from hub.wire.live_to_client import Event, Gap, Snapshot, State
from hub.wire.live_views import LaneView, SessionView
from hub.wire.values import Cue, CueKind


@given(st.lists(st.binary(max_size=70_000), max_size=4), st.integers(1, 4_000))
def test_frames_are_found_however_they_are_cut(payloads: list[bytes], size: int) -> None:
    data = b"".join(
        Frame(Opcode.TEXT, payload).serialize(mask=False) for payload in payloads
    ) + Frame(Opcode.CLOSE, (4029).to_bytes(2, "big")).serialize(mask=False)
    found, rest = [], b""
    for begin in range(0, len(data), size):
        more, rest = frames.frames_in(rest + data[begin : begin + size])
        found += more
    assert [payload for opcode, payload in found if opcode == frames.TEXT] == payloads
    assert found[-1] == (frames.CLOSE, b"\x0f\xbd") and frames.close_code(found[-1][1]) == 4029
    assert rest == b"" and frames.close_code(b"") == 1005


@given(st.lists(st.floats(0.0, 100_000.0), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_a_quantile_is_right_to_its_fineness(values: list[float], share: float) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    ranked = sorted(values)
    exact = ranked[max(-int(-share * len(ranked) // 1), 1) - 1]
    told = spread.quantile(share)
    assert told is not None and exact <= told * 1.000001
    assert told <= max(exact * FINENESS * 1.000001, 0.0101)
    assert spread.told()["max_ms"] == round(max(values), 2)


def test_without_measurements_there_is_no_quantile() -> None:
    assert Spread().told() == {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}


@pytest.mark.parametrize(
    ("profile", "wishes"),
    [
        ("phone", [Subscribe("athlete:ann", 4)]),
        ("watch", [Subscribe("session:s1", 1, None, "watch")]),
        ("web", [Subscribe("session:s1", 2)]),
        ("wall", [Subscribe("session:s1", 4)]),
    ],
)
def test_each_profile_asks_for_what_such_a_device_does(
    profile: str, wishes: list[Subscribe]
) -> None:
    assert PROFILES[profile].wishes("s1", "ann") == wishes


def visited(
    answer: Callable[[Visit, FromClient], Awaitable[None]],
    then: Callable[[Swarm, list[Visit]], Awaitable[None]],
    count: int = 3,
) -> Figures:
    """What `count` pages measure of such a hub, once `then` is done."""
    figures: list[Figures] = []

    async def scene() -> None:
        async with hub(answer) as (base, visits):
            address = urlsplit(base)
            assert address.hostname is not None and address.port is not None
            swarm = Swarm(address.hostname, address.port)
            wishes = PROFILES["web"].wishes("s1", "ann")
            devices = [Device(swarm, wishes, address.netloc, "derny=1") for _ in range(count)]
            try:
                await swarm.enter(devices, 1_000)
                await then(swarm, visits)
                await swarm.settle()
            finally:
                await swarm.leave()
            figures.append(swarm.figures)

    run(scene)
    return figures[0]


def lap(offset: int) -> Event:
    return Event(CHANNEL, offset, Lapped("", NOON_MS, offset))


def heard(visits: list[Visit], kind: type[FromClient]) -> list[Any]:
    return [one for visit in visits for one in visit.heard if isinstance(one, kind)]


def test_events_are_counted_and_a_cut_loses_none() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe) and message.resume is None:
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW), lap(2))
            if visit.number == 0:
                visit.ws.transport.abort()
            else:
                await visit.say(lap(3))
        elif isinstance(message, Subscribe):
            assert message.resume is not None
            await visit.say(*(lap(at) for at in range(message.resume.offset + 1, 4)))

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: swarm.figures.events == 6 and swarm.figures.reconnects)

    figures = visited(answer, then)
    assert (figures.events, figures.lost, figures.doubled, figures.reconnects) == (6, 0, 0, 1)
    assert figures.closes == {1006: 1} and figures.snapshots in (3, 4)


def test_what_one_hears_and_another_does_not_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sim.clients.swarm.SETTLE_S", 0.2)

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW), lap(2))
            if visit.number:
                await visit.say(lap(3))
            await visit.say(lap(4))
            if visit.number == 2:
                await visit.say(lap(3))  # and one comes twice

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: swarm.figures.events == 8 and swarm.figures.doubled)

    figures = visited(answer, then)
    assert (figures.lost, figures.doubled) == (1, 1)


def test_a_gap_begins_the_count_anew() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW), lap(2))
            await visit.say(Gap(CHANNEL), Snapshot(CHANNEL, "f", 7, VIEW), lap(8))

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: swarm.figures.events == 6)

    figures = visited(answer, then)
    assert (figures.gaps, figures.lost, figures.doubled) == (3, 0, 0)


def test_state_frames_are_timed_and_acknowledged() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW))

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: all(device.clock.count for device in swarm.devices))
        swarm.measuring = True
        for visit in visits:
            at_ms = round(NOON_MS + local_ms())
            await visit.say(State(CHANNEL, 41 + visit.number, at_ms, True, (("ann", 1),)))
        await until(lambda: len(heard(visits, Ack)) == 3)

    figures = visited(answer, then)
    assert figures.state_frames == figures.push.count == 3
    assert figures.bytes > 0 and figures.clock_bound.count == 3
    assert figures.push.max_ms < 120_000


def test_cues_ring_on_hub_time_and_the_hub_is_told_how_late() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            now = round(NOON_MS + local_ms())
            cues = (Cue(131, CueKind.PHASE, now + 1_500, "Hard", 1),)
            lane = LaneView("group", "running", 1, now, None, 0, now, 0, (), cues)
            view = SessionView("s1", "Class", "", "running", (lane,), ())
            await visit.say(Snapshot(CHANNEL, "e", 1, view))

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: len(heard(visits, Fired)) == 3)
        assert {(one.session, one.lane, one.i) for one in heard(visits, Fired)} == {
            ("s1", "group", 131)
        }
        assert all(one.late_ms >= 0 for one in heard(visits, Fired))

    figures = visited(answer, then)
    assert figures.cues == figures.cue_late.count == 3


def test_rubbish_from_the_hub_is_counted_and_nothing_ends() -> None:
    rng = random.Random(4)

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Hello):
            for _ in range(20):
                await visit.ws.send(rng.randbytes(rng.randrange(1, 200)).hex())
        if isinstance(message, Subscribe):
            assert message.resume is None or isinstance(message.resume, Resume)
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW), lap(2))

    async def then(swarm: Swarm, visits: list[Visit]) -> None:
        await until(lambda: swarm.figures.events == 3)

    figures = visited(answer, then)
    assert figures.errors["not_json"] + figures.errors["unknown_message"] >= 1
    assert figures.reconnects == 0


def test_the_summary_is_a_table_and_one_json_object() -> None:
    figures = Figures(frames=100, bytes=5_000, events=3, lost=1)
    figures.push.add(2.0)
    summary = Summary(Asked(5, "phone", 10.0, 200.0), 10.0, 0.05, figures, None, "no hub there")
    assert not summary.whole
    told = json.loads(json.dumps(summary.told()))
    assert (told["frames_per_s"], told["lost"], told["push"]["p50_ms"]) == (10.0, 1, 2.0)
    assert "tells nothing of itself: no hub there" in str(summary)


def test_clients_are_dealt_out_over_the_riders_of_the_open_sessions() -> None:
    open_ = [
        {"session": "s1", "athletes": [{"athlete": "ann"}, {"athlete": "bob"}]},
        {"session": "t1", "athletes": [{"athlete": "cleo"}]},
    ]
    asked = Asked(5, "phone", 10.0, 200.0)
    assert _places(asked, open_) == [("s1", "ann"), ("s1", "bob"), ("t1", "cleo")]
    assert _places(Asked(5, "phone", 1.0, 1.0, "t"), open_) == [("t1", "cleo")]
    with pytest.raises(ClientsError, match="no session is open"):
        _places(asked, [])


def test_the_command_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    wrong = CliRunner().invoke(app, ["clients", "--profile", "fridge"])
    assert wrong.exit_code == 2 and "there are phone, watch, web, wall" in wrong.stderr
    away = CliRunner().invoke(app, ["clients", "--n", "1"])
    assert away.exit_code == 2 and "no hub answers" in away.stderr
