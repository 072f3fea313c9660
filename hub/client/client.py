"""The socket around `core`: connects, comes back, hands messages over and waits for replies."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from hub.client.bell import Bell, OnCue
from hub.client.commands import Command
from hub.client.core import CUT, Core
from hub.client.cues import Rung
from hub.client.errors import ClientError, Refused, Unanswered
from hub.client.inbox import Inbox
from hub.client.login import Login
from hub.client.opening import ENDS, ended, live_url, local_ms, opening, wall_ms
from hub.client.state import Channel
from hub.client.told import Status, Told
from hub.wire.live_from_client import Action, Control, Prefer, Resume
from hub.wire.live_to_client import Reply
from hub.wire.values import Metric

REPLY_S = 10.0
REFRESH_REST_S = 10.0

# Gives an access token (`POST /api/token`). Raises Refused when there is none any more, ClientError
# when it may work later.
GetToken = Callable[[], Awaitable[str]]


class Client:
    """One connection that comes back by itself. Use as `async with`, and iterate.

    Iteration gives the hub's messages (`hub.wire.live_to_client`) and `LinkChanged`, each event
    once and in order over any cut. A `State` only says that `channels[…].rows` are others now:
    the newest stands for all that the caller was too slow for. It ends with `close()`, and raises
    Refused when the hub lets nobody come back.
    """

    def __init__(
        self,
        base: str,
        *,
        cookie: str = "",
        token: GetToken | None = None,
        name: str = "python",
    ) -> None:
        self._url = live_url(base)
        self._cookie = cookie
        self._get_token = token
        self._core = Core(name, random.random, with_token=token is not None)
        self._refreshing: asyncio.Task[None] | None = None
        self._ws: ClientConnection | None = None
        self._sending = asyncio.Lock()
        self._inbox = Inbox()
        self._over = False
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        self._bells: list[Bell] = []
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up. Commands that wait for a reply raise Unanswered."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._end()

    # What is known

    @property
    def status(self) -> Status:
        return self._core.status

    @property
    def core(self) -> Core:
        """All that is known, pure: `channels`, `sensors`, `seats`, `clock`, `welcome`, `reason`."""
        return self._core

    def hub_ms(self) -> float:
        """Hub time now; goes on while the hub is away."""
        return self._core.clock.now_ms(local_ms())

    def error_ms(self) -> float | None:
        """Bound of its error; None: not measured yet."""
        return self._core.clock.error_ms(local_ms())

    # Wishes

    async def subscribe(
        self, channel: str, rate_hz: int = 2, resume: Resume | None = None
    ) -> Channel:
        """`session:ID`, `athlete:ID`, `sensors` or `seats`, now and after every reconnect.

        What it holds comes with time: look at it when a message of this channel came. `resume`:
        where an earlier process stood (`Channel.resume`).
        """
        known = self._core.subscribe(channel, rate_hz, resume)
        await self._flush()
        return known

    async def unsubscribe(self, channel: str) -> None:
        self._core.unsubscribe(channel)
        await self._flush()

    def ring(self, channel: Channel, on_cue: OnCue, lane: str = "") -> None:
        """Call `on_cue` at the instant of each cue of a session, link or no link.

        `lane`: only of this one, where each rider has an own. The hub is told how late it was.
        """
        session = channel.name.removeprefix("session:")

        def rung(one: Rung) -> None:
            on_cue(one)
            self._core.fired(session, one.lane, one.cue.i, one.late_ms)

        self._bells.append(Bell(channel, self.hub_ms, rung, lane))

    async def control(
        self, session: str, action: Action, *, key: str = "", within_s: float = REPLY_S, **more: Any
    ) -> Reply:
        """Start, lap, trim ...: `more` are the fields of `Control`.

        It is done once, whatever happens to the connection: said again under the same key when the
        hub is back. Raises Unanswered after `within_s`, Refused, and TooMany.
        """
        return await self._ask(Control(key or new_key(), session, action, **more), within_s)

    async def prefer(
        self, athlete: str, metric: Metric, sensor_id: str, *, within_s: float = REPLY_S
    ) -> Reply:
        """Take this metric from this sensor; "": by precedence again. Raises as `control`."""
        return await self._ask(Prefer(new_key(), athlete, metric, sensor_id), within_s)

    async def _ask(self, command: Command, within_s: float) -> Reply:
        if self._over:
            raise Refused(self._core.reason or "this client is closed")
        reply = self._replies.get(command.key)
        if reply is None:  # else somebody waits for the same one already
            self._core.command(command)
            reply = self._replies[command.key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                await self._flush()
                return await asyncio.shield(reply)
        except TimeoutError:
            what = command.action if isinstance(command, Control) else "prefer"
            raise Unanswered(f"no answer to {what} within {within_s:g} s") from None
        finally:
            self._core.commands.done(command.key)
            self._replies.pop(command.key, None)

    # Iteration

    def __aiter__(self) -> AsyncIterator[Told]:
        return self

    async def __anext__(self) -> Told:
        return await self._inbox.take()

    def _hand_over(self, news: Iterable[Told | Reply]) -> None:
        for told in news:
            if not isinstance(told, Reply):
                self._inbox.put(told)
                continue
            waiting = self._replies.get(told.key)
            if waiting is not None and not waiting.done():
                waiting.set_result(told)
        for bell in self._bells:
            bell.look()

    # The connection

    async def _run(self) -> None:
        """A fault of ours or of the caller's `token` ends it, and is raised by the iteration."""
        fault: Exception | None = None
        try:
            while self.status is not Status.REFUSED:
                await asyncio.sleep(max(self._core.retry_at_ms - local_ms(), 0) / 1000)
                code, reason = await self._connection()
                if code is not None:
                    self._hand_over(self._core.lost(local_ms(), code, reason))
        except Exception as error:
            fault = error
        finally:
            self._end(fault)

    async def _connection(self) -> tuple[int | None, str]:
        """From its opening to its end: the close code and what was said; None: refused."""
        try:
            async with opening(self._url, self._cookie) as ws:
                if self._get_token is not None:
                    self._core.token = await self._get_token()
                self._ws = ws
                self._core.opened(local_ms())
                await self._talk(ws)
        except ENDS as error:
            code, reason = ended(error)
            if code is None:
                self._hand_over(self._core.refused(reason))
            return code, reason
        finally:
            self._ws = None
            if self._refreshing is not None:
                self._refreshing.cancel()
                self._refreshing = None
        return CUT, "the hub fell silent"

    async def _talk(self, ws: ClientConnection) -> None:
        """Returns when the hub is silent; raises ConnectionClosed."""
        while True:
            await self._flush()
            wait_s = max(self._core.due_ms() - local_ms(), 0) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    frame = await ws.recv(decode=False)
                    self._hand_over(self._core.received(frame, local_ms(), wall_ms()))
            if not self._core.beat(local_ms()):
                ws.transport.abort()  # a polite close would wait for a peer that is gone
                return
            self._keep_in()
            await self._inbox.room()

    def _keep_in(self) -> None:
        """Gets another token in time. Raises what the callback raised, unless it may work later."""
        if self._refreshing is not None and self._refreshing.done():
            done, self._refreshing = self._refreshing, None
            done.result()
        if self._refreshing is None and self._core.wants_token(local_ms()):
            self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        """Once in a while: the hub may be slow to take it, or the callback have failed."""
        assert self._get_token is not None
        with contextlib.suppress(ClientError):
            self._core.refresh(await self._get_token())
            await self._flush()
        await asyncio.sleep(REFRESH_REST_S)

    async def _flush(self) -> None:
        """Say what there is to say; a connection that is gone says so where it is read."""
        async with self._sending:
            ws = self._ws
            if ws is None:
                return
            with contextlib.suppress(ConnectionClosed):
                for frame in self._core.to_send():
                    await ws.send(frame, text=True)

    def _end(self, fault: Exception | None = None) -> None:
        if self._over:
            return
        self._over = True
        refused = Refused(self._core.reason) if self.status is Status.REFUSED else None
        self._inbox.end(fault or refused or StopAsyncIteration())
        for bell in self._bells:
            bell.stop()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(fault or refused or Unanswered("hung up meanwhile"))


def new_key() -> str:
    """An idempotency key."""
    return uuid.uuid4().hex


def connect(to: Login | str, *, token: GetToken | None = None, name: str = "python") -> Client:
    """A client of a hub: of a login, or of `http://HOST:PORT` and what gives access tokens.

    `name` is what people see of it.
    """
    if isinstance(to, Login):
        return Client(to.base, cookie=to.cookie, name=name)
    return Client(to, token=token, name=name)
