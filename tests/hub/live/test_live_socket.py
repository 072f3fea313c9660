"""`/live` on loopback: a real uvicorn, a real client, the hub's neighbours in memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from live_fakes import (
    FOREVER_MS,
    INTERVALS,
    OWNER,
    FakeWire,
    World,
    announce,
    let_in,
    power,
    same_turn,
    sensor,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from hub.auth.principal import Admission
from hub.http.live_socket import make_protocol
from hub.live.clock import HubClock
from hub.live.outbox import ws_text
from hub.live.peer import MALFORMED_MAX, Peer
from hub.live.service import Live
from hub.live.timer import new_alarm
from hub.wire.live import PROTOCOL_VERSION, CloseCode
from hub.wire.live_events import Timeline
from hub.wire.live_from_client import (
    FRAME_BYTES_MAX,
    FROM_CLIENT,
    Ack,
    Action,
    Clock,
    Control,
    FromClient,
    Hello,
    Refresh,
    Resume,
    Subscribe,
    Unsubscribe,
)
from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_to_client import (
    TO_CLIENT,
    Bye,
    ClockReply,
    Error,
    Event,
    Fields,
    Gap,
    Refreshed,
    Reply,
    SensorsState,
    Snapshot,
    State,
    ToClient,
    Welcome,
)
from hub.wire.uplink import SensorKind

WAIT_S = 60


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may stand still; test_peers.py has the five seconds on virtual time."""
    monkeypatch.setattr("hub.live.peers.HELLO_MS", 600_000)


def by_cookie(cookie: str) -> Admission | None:
    return Admission(OWNER, FOREVER_MS) if cookie == "secret" else None


async def hello(request: Request) -> Response:
    return PlainTextResponse("plain")


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text(await ws.receive_text())
    await ws.close()


class Site:
    def __init__(self, world: World, hub: Live, port: int) -> None:
        self.world = world
        self.hub = hub
        self.port = port

    def connect(self, cookie: str = "derny=secret", path: str = "/live", **more: object) -> Any:
        headers = {"Cookie": cookie} if cookie else {}
        url = f"ws://127.0.0.1:{self.port}{path}"
        return connect(url, additional_headers=headers, compression=None, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    world = World()
    world.clock = lambda: HubClock.open(None)  # type: ignore[method-assign]
    hub = world.hub(alarm=new_alarm)
    await hub.start()
    app = Starlette(routes=[Route("/", hello), WebSocketRoute("/echo", echo)])
    config = uvicorn.Config(
        app,
        ws=make_protocol(hub, by_cookie),  # type: ignore[arg-type]
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    started = asyncio.Event()
    startup = server.startup

    async def tell(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = tell  # type: ignore[method-assign]
    serving = asyncio.create_task(server._serve([listener]))
    await started.wait()
    try:
        yield Site(world, hub, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        await hub.stop()
        listener.close()


def on_a_site(test: Callable[[Site], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with asyncio.timeout(WAIT_S), site() as here:
            await test(here)

    asyncio.run(scene())


async def say(ws: ClientConnection, *messages: FromClient) -> None:
    for message in messages:
        await ws.send(FROM_CLIENT.encode(message).decode())


async def hear(ws: ClientConnection, kind: type[ToClient]) -> ToClient:
    """The next message of this kind."""
    while True:
        message = TO_CLIENT.decode(await ws.recv())
        if isinstance(message, kind):
            return message


async def greeted(ws: ClientConnection) -> None:
    await say(ws, Hello(1, "test"))
    welcome = await hear(ws, Welcome)
    assert isinstance(welcome, Welcome)
    assert (welcome.role, welcome.athlete, welcome.build) == ("owner", "ann", "test")


def test_nobody_is_greeted_without_a_cookie_or_a_token_nor_let_in_from_a_foreign_page() -> None:
    async def test(here: Site) -> None:
        for cookie in ("", "derny=wrong", "other=secret"):
            async with here.connect(cookie) as ws:
                await say(ws, Subscribe("sensors"), Hello(PROTOCOL_VERSION, "test"))
                assert await hear(ws, Error) == Error("no_hello", "say hello first")
                denied = await hear(ws, Error)
                assert isinstance(denied, Error) and denied.code == "no_login"
                await ws.wait_closed()
                assert ws.close_code == CloseCode.FORBIDDEN
        with pytest.raises(InvalidStatus) as refused:
            await here.connect(origin="http://evil.example")
        assert refused.value.response.status_code == 403
        assert here.hub.client_count == 0

    on_a_site(test)


def test_a_token_in_hello_lets_a_client_without_a_cookie_in() -> None:
    async def test(here: Site) -> None:
        here.world.tokens["good"] = Admission(OWNER, FOREVER_MS)
        here.world.tokens["newer"] = Admission(OWNER, FOREVER_MS + 1_000)
        async with here.connect("") as ws:
            await say(ws, Hello(PROTOCOL_VERSION, "test", "good"))
            welcome = await hear(ws, Welcome)
            assert isinstance(welcome, Welcome)
            assert (welcome.role, welcome.expires_at_ms) == ("owner", FOREVER_MS)
            await say(ws, Refresh("newer"))
            assert await hear(ws, Refreshed) == Refreshed(FOREVER_MS + 1_000)

    on_a_site(test)


def test_too_many_who_do_not_say_who_they_are_are_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.live.strangers.STRANGERS_EACH", 1)

    async def test(here: Site) -> None:
        async with here.connect(""):
            with pytest.raises(InvalidStatus) as refused:
                await here.connect("")
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "30"
            async with here.connect() as ws:  # who has a cookie is none of them
                await greeted(ws)

    on_a_site(test)


def test_a_name_that_an_attacker_points_at_this_machine_is_turned_away() -> None:
    async def test(here: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(
            b"GET /live HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: derny=secret\r\n\r\n"
        )
        assert b" 421 " in await reader.readline()
        writer.close()
        await writer.wait_closed()

    on_a_site(test)


def test_a_handshake_that_is_none_is_refused() -> None:
    async def test(here: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(
            b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nCookie: derny=secret\r\n\r\n"
        )
        assert b" 4" in await reader.readline()
        assert here.hub.client_count == 0
        writer.close()
        await writer.wait_closed()

    on_a_site(test)


def test_every_other_path_stays_asgi() -> None:
    async def test(here: Site) -> None:
        async with here.connect(path="/echo") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"

    on_a_site(test)


def test_a_ride_over_the_socket() -> None:
    async def test(here: Site) -> None:
        announce(here.hub, sensor("meter", SensorKind.POWER))
        await here.hub.assign(OWNER, "meter", "ann")
        session = (await here.hub.create_session(OWNER, workout=INTERVALS)).session
        channel = f"session:{session}"
        async with here.connect() as ws:
            await greeted(ws)
            await say(ws, Subscribe(channel, 4))
            assert await hear(ws, Fields) == Fields(channel, ROW_FIELDS, QUALITIES)
            snapshot = await hear(ws, Snapshot)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.session.status == "ready"
            state = await hear(ws, State)
            assert isinstance(state, State)
            assert (state.whole, state.rows[0][:2]) == (True, ("ann", None))
            now = here.hub.now_us() // 1000
            power(here.hub, "meter", 220, now)
            state = await hear(ws, State)
            assert isinstance(state, State)
            # Whether it is live and alone in its frame is up to this machine's pace.
            assert state.rows[0][1:3] == (220, now)
            await say(ws, Ack(state.n), Control("k1", session, Action.START))
            event, reply = await hear(ws, Event), await hear(ws, Reply)
            assert isinstance(event, Event)
            assert isinstance(event.body, Timeline)
            assert isinstance(reply, Reply)
            assert (reply.key, reply.ok) == ("k1", True)
            assert event.body.lane.started_at_ms == reply.effect_at_ms
            offset = event.offset
        await here.hub.control(OWNER, Control("k2", session, Action.PAUSE))
        async with here.connect() as ws:  # back after a while
            await greeted(ws)
            await say(ws, Subscribe(channel, resume=Resume(snapshot.epoch, offset)))
            event = await hear(ws, Event)
            assert isinstance(event, Event)
            assert isinstance(event.body, Timeline)
            assert (event.body.cause, event.offset > offset) == ("pause", True)
            await say(ws, Unsubscribe(channel))
            await say(ws, Subscribe(channel, resume=Resume("another-epoch", offset)))
            assert await hear(ws, Gap) == Gap(channel)
            assert isinstance(await hear(ws, Snapshot), Snapshot)
            told = here.hub.delivery()
            assert (told.came, told.resumed, told.gaps) == (2, 1, 1)
            assert told.frames >= 1

    on_a_site(test)


def test_the_clock_is_exchanged_even_before_hello() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            before = here.hub.now_us() / 1000
            await say(ws, Clock(12.5))
            reply = await hear(ws, ClockReply)
            assert isinstance(reply, ClockReply)
            after = here.hub.now_us() / 1000
            assert reply.sent_ms == 12.5
            assert before <= reply.received_ms <= reply.answered_ms <= after

    on_a_site(test)


def test_sensors_are_sent_whole_when_they_change() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            await say(ws, Subscribe("sensors"))
            first = await hear(ws, SensorsState)
            assert isinstance(first, SensorsState)
            assert first.view.sensors == ()
            announce(here.hub, sensor("meter", SensorKind.POWER, name="Assioma"))
            then = await hear(ws, SensorsState)
            assert isinstance(then, SensorsState)
            assert [row.name for row in then.view.sensors] == ["Assioma"]

    on_a_site(test)


def test_malformed_messages_are_refused_with_a_code_and_counted() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            rubbish = ["{", "[]", '{"t":"fly"}', '{"t":"ack","n":-1}', '{"t":"control"}']
            codes = ["not_json", "bad_field", "unknown_message", "bad_field", "bad_field"]
            for frame, code in zip(rubbish, codes, strict=True):
                await ws.send(frame)
                error = await hear(ws, Error)
                assert isinstance(error, Error)
                assert error.code == code
            assert here.hub.counts == {"not_json": 1, "bad_field": 3, "unknown_message": 1}
            for _ in range(MALFORMED_MAX - len(rubbish)):
                await ws.send(b"\x00\xff")
            with pytest.raises(ConnectionClosed):
                while True:
                    await ws.recv()
            assert ws.close_code == CloseCode.PROTOCOL

    on_a_site(test)


def test_pings_count_as_messages() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            assert await (await ws.ping()) >= 0
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ws.ping()
                    await asyncio.sleep(0)  # the hub lives on this loop too
            await ws.wait_closed()
            assert ws.close_code == CloseCode.PROTOCOL

    on_a_site(test)


def test_who_reads_no_pongs_is_given_none() -> None:
    async def scene() -> None:
        hub = World().hub()
        await hub.start()
        peer = hub.accept(let_in(OWNER), FakeWire(), same_turn)
        assert peer.pinged()
        peer.outbox.pause()
        assert not peer.pinged()
        peer.outbox.resume()
        assert peer.pinged()
        await hub.stop()

    asyncio.run(scene())


def test_a_client_that_lets_events_pile_up_is_told_when_to_come_back() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            (peer,) = here.hub.peers
            peer.outbox.pause()  # as its socket says when it is full
            while not peer.outbox.closed:
                peer.outbox.send(ws_text(b"x" * 30_000))
            bye = await hear(ws, Bye)
            assert isinstance(bye, Bye) and bye.retry_ms is not None
            await ws.wait_closed()
            assert ws.close_code == CloseCode.SLOW

    on_a_site(test)


def test_a_message_beyond_the_bound_closes_the_socket() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await ws.send("x" * (FRAME_BYTES_MAX + 1))
            await ws.wait_closed()
            assert ws.close_code == 1009

    on_a_site(test)


def test_fragments_are_put_together() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await ws.send(['{"t":"clock",', '"sent_ms"', ":7}"])
            reply = await hear(ws, ClockReply)
            assert isinstance(reply, ClockReply)
            assert reply.sent_ms == 7

    on_a_site(test)


def clock_frame(sent_ms: int) -> bytes:
    return Frame(Opcode.TEXT, FROM_CLIENT.encode(Clock(sent_ms))).serialize(mask=True)


@pytest.mark.parametrize("cut", [1, 2, 5, 7, 41, 64, 10_000])
def test_messages_are_the_same_however_tcp_cuts_them(cut: int) -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            stream = b"".join(clock_frame(i) for i in range(20))
            for begin in range(0, len(stream), cut):
                ws.transport.write(stream[begin : begin + cut])
                await asyncio.sleep(0)
            ws.transport.write(clock_frame(20))
            for i in range(21):
                reply = await hear(ws, ClockReply)
                assert isinstance(reply, ClockReply)
                assert reply.sent_ms == i

    on_a_site(test)


def test_a_whole_message_between_fragments_is_a_fault() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await ws.send(FROM_CLIENT.encode(Clock(1)).decode())
            await hear(ws, ClockReply)
            begun = Frame(Opcode.TEXT, b'{"t":"clock",', fin=False).serialize(mask=True)
            ws.transport.write(begun)
            await (await ws.ping())  # so that what follows comes alone
            ws.transport.write(clock_frame(2))
            await ws.wait_closed()
            assert ws.close_code == 1002

    on_a_site(test)


def test_hello_comes_first_and_speaks_our_version() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await say(ws, Subscribe("sensors"))
            error = await hear(ws, Error)
            assert isinstance(error, Error)
            assert error.code == "no_hello"
            await say(ws, Hello(99, "from the future"))
            await ws.wait_closed()
            assert ws.close_code == CloseCode.VERSION

    on_a_site(test)


def test_a_channel_that_is_none_is_an_error_and_not_the_end() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            for channel in ("session:none", "athlete:none", "session:", "sensors:x", "else"):
                await say(ws, Subscribe(channel))
                error = await hear(ws, Error)
                assert isinstance(error, Error)
                assert (error.code, error.channel) == ("not_found", channel)
            await say(ws, Subscribe("athlete:ann"))
            assert isinstance(await hear(ws, State), State)

    on_a_site(test)


def test_clients_are_told_when_the_hub_stops_and_forgotten_when_they_go() -> None:
    async def test(here: Site) -> None:
        async with here.connect() as ws:
            await greeted(ws)
            assert here.hub.client_count == 1
            await here.hub.stop()
            bye = await hear(ws, Bye)
            assert isinstance(bye, Bye) and bye.retry_ms is not None
            await ws.wait_closed()
            assert ws.close_code == CloseCode.RESTART
        assert here.hub.client_count == 0

    on_a_site(test)


def test_a_client_that_vanishes_is_forgotten() -> None:
    async def test(here: Site) -> None:
        ws = await here.connect()
        await greeted(ws)
        sock = ws.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left, forget = asyncio.Event(), here.hub.gone

        def gone(peer: Peer) -> None:
            forget(peer)
            left.set()

        here.hub.gone = gone  # type: ignore[method-assign]
        ws.transport.abort()
        await left.wait()
        assert here.hub.client_count == 0
        await ws.wait_closed()

    on_a_site(test)
