"""The gateway's connection to the hub: a line around the session of `hub.wire`.

One connection is one session. When the session ends, for whatever reason, the connection goes with
all that it still holds and a new one takes its place: no old frame reaches a new session, in either
direction.

Every turn ends by looking again, and a timer looks at least every 100 ms.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.clock import BootClock, Clock
from gateway.hub_address import WEBSOCKET
from gateway.keys import GatewayKey
from gateway.uplink_line import Fate, Line, News
from gateway.uplink_zmq import ZmqLine
from hub.wire.uplink import (
    AdapterState,
    Assignments,
    Command,
    CommandReply,
    Plan,
    SensorState,
    TrainerState,
)
from hub.wire.uplink_gateway import GatewayIdentity, GatewaySession, LinkDown, LinkUp
from hub.wire.uplink_session import EdgeTime, GatewayRules, Spool
from hub.wire.values import Reading

LOOK_US = 100_000  # look at the line at least so often
BLOCKED_US = 50_000  # and so often while it takes nothing
FRAMES_PER_TURN = 64
LAG_WINDOW_US = 1_000_000
REFUSED_MS = 5_000  # an unknown key is shown again so often
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger("gateway.uplink")


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    hub: str  # "tcp://HOST:PORT" or "wss://HOST/uplink"
    name: str  # of this gateway, for people
    software: str = "derny"
    rules: GatewayRules = GatewayRules()
    key: GatewayKey | None = None  # None: a hub of a test


def line_to(settings: UplinkSettings) -> Line:
    """Over what the address says. Raises UplinkError."""
    if not settings.hub.startswith(WEBSOCKET):
        return ZmqLine(settings.hub, settings.key)
    from gateway.uplink_ws import WebSocketLine  # brings TLS and X25519 along

    return WebSocketLine(settings.hub, settings.key)


def boot_id() -> str:
    """Names this boot of the machine; where the system does not, this process."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"process-{secrets.token_hex(8)}"


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Uplink:
    """Readings, states and answers up; plans, assignments and commands down.

    Everything may be called before `run` and while the hub is away: readings wait in the spool,
    states travel when there is a link. `on_plan`, `on_assignments` and `on_command` are called in
    the loop as messages arrive; after each link-up the hub says everything that holds again.
    `on_link(up, reason)` tells changes of the link. What a callback raises ends `run`.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        spool: Spool,
        *,
        on_plan: Callable[[Plan], None],
        on_assignments: Callable[[Assignments], None],
        on_command: Callable[[Command], None],
        on_link: Callable[[bool, str], None] = lambda up, reason: None,
        clock: Clock | None = None,
        wall: Callable[[], int] = wall_ms,
        boot: str | None = None,
    ) -> None:
        self._settings = settings
        self._on_plan = on_plan
        self._on_assignments = on_assignments
        self._on_command = on_command
        self._on_link = on_link
        self._clock = BootClock() if clock is None else clock
        self._wall = wall
        identity = GatewayIdentity(
            settings.name, secrets.token_hex(8), settings.software, boot or boot_id()
        )
        self._session = GatewaySession(
            identity, spool, lambda: secrets.token_hex(8), self._at(), settings.rules
        )
        self._line: Line | None = None
        self._open = False
        self._closed_until_us = 0  # no connection before
        self._unsent: bytes | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_us = 0
        self._soon = False
        self._told: tuple[bool, str] | None = None
        self._lag_us = 0
        self._lag_since_us = 0

    @property
    def link_up(self) -> bool:
        return self._session.link_up

    @property
    def counts(self) -> Counter[str]:
        """Totals by fault: malformed_…, out_of_turn, rewind, stalled."""
        return self._session.counts

    def hub_now_ms(self) -> int | None:
        """Hub time as last measured, also while the hub is away; None before the first measure."""
        return self._session.hub_now_ms(self._clock.now_us())

    def append(self, reading: Reading) -> int:
        """Spools a reading, `at_ms` on this machine's boot clock; returns its number."""
        seq = self._session.append(reading, self._clock.now_us())
        self._wake()
        return seq

    def set_sensor(self, state: SensorState) -> None:
        self._session.set_sensor(state)
        self._wake()

    def remove_sensor(self, sensor_id: str) -> None:
        self._session.remove_sensor(sensor_id)
        self._wake()

    def set_trainer(self, state: TrainerState) -> None:
        self._session.set_trainer(state)
        self._wake()

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None:
        self._session.set_adapters(adapters)
        self._wake()

    def reply(self, reply: CommandReply) -> None:
        """Answers a command; one that has expired meanwhile was answered already."""
        self._session.reply(reply)
        self._wake()

    async def run(self) -> None:
        """Until cancelled, then says Bye. Raises UplinkError for an address that cannot be."""
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        try:
            self._line = line_to(self._settings)
            self._turn()
            await self._done
        finally:
            await self._end()

    # the line

    def _close(self) -> None:
        self._unsent = None
        if self._line is not None and self._open:
            self._open = False
            self._line.close()

    async def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        line, self._line = self._line, None
        if line is None:
            return
        if self._open:
            self._session.stop("gateway_stopping")
            with suppress(Exception):  # the farewell is a courtesy
                self._send(line)
        await line.end()
        self._loop = None

    # the loop

    def _at(self) -> EdgeTime:
        return EdgeTime(self._clock.now_us(), self._wall())

    def _turn(self) -> None:
        """Takes what came, does what is due, sends what goes, and looks again."""
        line = self._line
        if line is None or self._done is None or self._done.done():
            return
        self._soon = False
        try:
            if not self._open and self._clock.now_us() >= self._closed_until_us:
                self._open = True
                line.open(self._turn)
            more = self._take_news(line) or self._receive(line)
            for event in self._session.tick(self._at()):
                self._handle(event)
            blocked = self._send(line)
            more = more or (self._open and line.waiting())
        except Exception as error:  # a broken uplink must not look like a quiet one
            self._done.set_exception(error)
            return
        self._rest(more, blocked)

    def _rest(self, more: bool, blocked: bool) -> None:
        assert self._loop is not None
        if more:
            self._soon = True
            self._loop.call_soon(self._turn)
        at = self._at()
        wake_us = at.boot_us + BLOCKED_US if blocked else self._session.wake_us(at)
        self._arm(min(wake_us, at.boot_us + LOOK_US), at.boot_us)

    def _wake(self) -> None:
        """Something new is to be sent: be there when it is due."""
        if not self._open or self._soon or self._unsent is not None:
            return
        at = self._at()
        wake_us = self._session.wake_us(at)
        if wake_us < self._timer_us and self._session.link_up:
            self._arm(wake_us, at.boot_us)

    def _arm(self, wake_us: int, now_us: int) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer_us = wake_us
        self._timer = self._loop.call_later(max(0, wake_us - now_us) / 1e6, self._on_timer)

    def _on_timer(self) -> None:
        now_us = self._clock.now_us()
        if now_us - self._lag_since_us > LAG_WINDOW_US:
            self._lag_us, self._lag_since_us = 0, now_us
        self._lag_us = max(self._lag_us, now_us - self._timer_us)
        self._session.loop_lag_ms = self._lag_us // 1_000
        self._turn()

    # in and out

    def _take_news(self, line: Line) -> bool:
        """Ends the session if its connection broke; True if there was news."""
        news = line.news() if self._open else None
        if news is None:
            return False
        match news.fate:
            case Fate.TURNED_AWAY:
                self._turned_away(news)
            case Fate.FAILING:
                self._tell(False, news.code, news.detail)
            case Fate.LOST:
                # None if it broke before a Hello: the line tries again by itself.
                for event in self._session.lost("disconnected", self._at()):
                    self._handle(event)
        return True

    def _turned_away(self, news: News) -> None:
        """The hub does not take this key: a later connection may fare better."""
        at = self._at()
        self._close()
        self._closed_until_us = at.boot_us + REFUSED_MS * 1_000
        self._session.refused(news.code, news.detail, REFUSED_MS, at)
        self._tell(False, news.code, news.detail)

    def _receive(self, line: Line) -> bool:
        """True if the budget ended before the frames did."""
        for _ in range(FRAMES_PER_TURN):
            frame = line.receive() if self._open else None
            if frame is None:
                return False
            for event in self._session.receive(frame, self._at()):
                self._handle(event)
        return True

    def _send(self, line: Line) -> bool:
        """Sends what is due; True if the line took less than there was."""
        for _ in range(FRAMES_PER_TURN):
            if not self._open:
                return False
            if not line.takes():
                return True
            frame = self._unsent or self._session.next_frame(self._at())
            if frame is None:
                return False
            self._unsent = None if line.send(frame) else frame
            if self._unsent is not None:
                return True
        return False

    def _handle(self, event: LinkUp | LinkDown | Plan | Assignments | Command) -> None:
        match event:
            case Plan():
                self._on_plan(event)
            case Assignments():
                self._on_assignments(event)
            case Command():
                self._on_command(event)
            case LinkUp():
                self._tell(True, event.hub)
            case LinkDown():
                self._close()
                self._closed_until_us = event.retry_us
                self._tell(False, event.reason, event.detail)

    def _tell(self, up: bool, reason: str, detail: str = "") -> None:
        if self._told == (up, reason):
            return
        self._told = (up, reason)
        say = log.warning if detail else log.info
        say("uplink", up=up, reason=reason, detail=detail, hub=self._settings.hub)
        self._on_link(up, reason)
