"""Event streams and polls: the messages of /live for what only reads. On virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from clock import run
from live_fakes import INTERVALS, NOON_MS, OWNER, World, announce, power, sensor
from starlette.applications import Starlette
from starlette.types import ASGIApp

from hub.auth.principal import Admission
from hub.core.errors import UserError
from hub.http import live_poll, live_stream
from hub.http.live_poll import PollRoutes
from hub.http.live_reader import payloads_of, resume_of
from hub.http.live_stream import BEAT_S, STALL_S, StreamRoutes
from hub.live.outbox import PENDING_BYTES_MAX, ws_text
from hub.live.service import Live
from hub.wire.live_from_client import Action, Control, Resume
from hub.wire.uplink import SensorKind

METER = sensor("meter", SensorKind.POWER, name="Assioma")
LET_IN = Admission(OWNER, NOON_MS + 86_400_000)


class Web:
    """Says one request to the routes, as a server would, and keeps what comes back."""

    def __init__(self, hub: Live) -> None:
        self.app: ASGIApp = Starlette(
            routes=[*StreamRoutes(hub).routes(), *PollRoutes(hub).routes()]
        )

    def get(self, path: str, query: str, **headers: str) -> Exchange:
        return Exchange(self.app, path, query, headers)


class Exchange:
    def __init__(self, app: ASGIApp, path: str, query: str, headers: dict[str, str]) -> None:
        self.status = 0
        self.body = b""
        self.gone = asyncio.Event()
        self.stalls = False
        self._asked = False
        raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {"principal": OWNER, "admission": LET_IN},
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if self.gone.is_set():
            raise OSError("the client has gone")
        if self.stalls:
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")

    async def leave(self) -> None:
        self.gone.set()
        await asyncio.wait([self.task])

    async def answer(self) -> Any:
        await self.task
        return json.loads(self.body) if self.body else None

    def told(self) -> list[dict[str, Any]]:
        lines = self.body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def ids(self) -> list[str]:
        lines = self.body.decode().splitlines()
        return [line[4:] for line in lines if line.startswith("id: ")]


def on_the_web(scene: Callable[[World, Live, Web, str], Awaitable[None]]) -> None:
    async def play() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        try:
            announce(hub, METER)
            await hub.assign(OWNER, "meter", "ann")
            view = await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")
            await scene(world, hub, Web(hub), view.session)
        finally:
            await hub.stop()

    run(play())


async def do(hub: Live, session: str, action: Action, key: str = "") -> None:
    assert (await hub.control(OWNER, Control(key or action.value, session, action))).ok


def causes(messages: list[dict[str, Any]]) -> list[str]:
    """Why the lane moved, each time."""
    bodies = (message["body"] for message in messages if message["t"] == "event")
    return [body["cause"] for body in bodies if body["e"] == "timeline"]


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["t"] for message in messages]


def test_a_stream_brings_what_live_brings() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        stream = web.get("/live/events", f"channel=session:{session}&rate_hz=2")
        await asyncio.sleep(2)
        power(hub, "meter", 211, hub.now_us() // 1000)
        await do(hub, session, Action.START)
        await asyncio.sleep(2)
        assert stream.status == 200
        assert kinds(stream.told())[:3] == ["welcome", "fields", "snapshot"]
        assert causes(stream.told())[0] == "start"
        rows = [row for m in stream.told() if m["t"] == "state" for row in m["rows"]]
        assert rows[-1][:2] == ["ann", 211]
        await stream.leave()
        assert hub.client_count == 0

    on_the_web(scene)


def test_a_stream_that_comes_back_misses_nothing() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        stream = web.get("/live/events", f"channel=session:{session}")
        await asyncio.sleep(2)
        await stream.leave()
        await do(hub, session, Action.START)
        await asyncio.sleep(3)
        await do(hub, session, Action.PAUSE)
        back = web.get("/live/events", f"channel=session:{session}", last_event_id=stream.ids()[-1])
        await asyncio.sleep(2)
        assert causes(back.told())[:2] == ["start", "pause"]
        assert "snapshot" not in kinds(back.told())
        await back.leave()

    on_the_web(scene)


def test_a_silent_stream_says_that_it_lives() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        stream = web.get("/live/events", f"channel=session:{session}")
        await asyncio.sleep(2)
        said = len(stream.body)
        await asyncio.sleep(2 * BEAT_S + 1)
        assert stream.body[said:] == b":\n\n" * 2
        await stream.leave()

    on_the_web(scene)


def test_the_hub_says_goodbye_with_when_to_come_back() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        stream = web.get("/live/events", f"channel=session:{session}")
        await asyncio.sleep(2)
        await hub.stop()
        await stream.task
        assert stream.told()[-1]["t"] == "bye"
        assert f"retry: {stream.told()[-1]['retry_ms']}\n" in stream.body.decode()

    on_the_web(scene)


def test_what_piles_up_for_a_stream_that_is_not_read_is_bounded() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        stream = web.get("/live/events", f"channel=session:{session}")
        await asyncio.sleep(0.1)
        stream.stalls = True
        (peer,) = hub.peers
        for _ in range(2 * PENDING_BYTES_MAX // 1_000):
            peer.outbox.send(ws_text(b'{"t":"gap","channel":"%s"}' % (b"x" * 970)))
            await asyncio.sleep(0.01)
        assert peer.outbox.closed
        assert peer.outbox._pending_bytes <= PENDING_BYTES_MAX + 2_000
        await asyncio.sleep(STALL_S)
        assert stream.task.done()
        assert len(hub.peers) == 0

    on_the_web(scene)


def test_a_channel_that_is_none_is_refused_before_anything_is_streamed() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        for path in ("/live/events", "/live/poll"):
            asked = web.get(path, "channel=session:none")
            assert (await asked.answer())["code"] == "not_found"
            assert asked.status == 404
        assert hub.client_count == 0

    on_the_web(scene)


def test_streams_and_polls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "STREAMS_MAX", 1)
    monkeypatch.setattr(live_poll, "POLLS_MAX", 0)

    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        first = web.get("/live/events", f"channel=session:{session}")
        await asyncio.sleep(1)
        for path in ("/live/events", "/live/poll"):
            with pytest.raises(Exception, match="too many"):
                await web.get(path, f"channel=session:{session}").task
        await first.leave()

    on_the_web(scene)


def test_a_poll_tells_all_and_then_only_news() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        asked = f"channel=session:{session}&wait=25"
        first = await web.get("/live/poll", asked).answer()
        assert kinds(first["messages"]) == ["fields", "snapshot", "state"]

        begun_s = asyncio.get_running_loop().time()
        nothing = web.get("/live/poll", f"{asked}&rev={first['rev']}")
        assert await nothing.answer() is None
        assert nothing.status == 304
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(25)

        waiting = web.get("/live/poll", f"{asked}&rev={first['rev']}")
        await asyncio.sleep(5)
        await do(hub, session, Action.START)
        news = await waiting.answer()
        assert causes(news["messages"])[-1] == "start"
        assert hub.client_count == 0

    on_the_web(scene)


def test_what_happened_between_two_polls_is_told() -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        asked = f"channel=session:{session}"
        first = await web.get("/live/poll", asked).answer()
        await do(hub, session, Action.START)
        await asyncio.sleep(10)
        await do(hub, session, Action.SKIP)
        await asyncio.sleep(10)
        second = await web.get("/live/poll", f"{asked}&rev={first['rev']}").answer()
        assert causes(second["messages"])[:2] == ["start", "skip"]

    on_the_web(scene)


@pytest.mark.parametrize("channel", ["sensors", "seats", "athlete:ann"])
def test_every_channel_can_be_polled(channel: str) -> None:
    async def scene(world: World, hub: Live, web: Web, session: str) -> None:
        first = await web.get("/live/poll", f"channel={channel}").answer()
        again = web.get("/live/poll", f"channel={channel}&wait=3&rev={first['rev']}")
        assert await again.answer() is None and again.status == 304

    on_the_web(scene)


@pytest.mark.parametrize("position", ["x", "e.", ".3", "e.-1", "e.1e3", "e.²", "e." + "9" * 99])
def test_a_position_that_is_none(position: str) -> None:
    with pytest.raises(UserError):
        resume_of(position)


def test_a_position() -> None:
    assert resume_of("") is None
    assert resume_of("a.b.12") == Resume("a.b", 12)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_payloads_of_frames(length: int) -> None:
    payloads = [b"x" * length, b"{}"]
    assert list(payloads_of(b"".join(map(ws_text, payloads)))) == payloads
