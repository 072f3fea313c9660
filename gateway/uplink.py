"""The gateway's connection to the hub: ZeroMQ DEALER around the session of `hub.wire`.

One socket is one session. When the session ends, for whatever reason, the socket goes with all that
it still holds and a new one with a new random routing id takes its place: no old frame reaches a
new session, in either direction.

The socket's FD is edge-triggered, and sending or reading EVENTS takes the edge away (pyzmq #2173):
every turn ends by looking again, and a timer looks at least every 100 ms.
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
import zmq
from zmq.utils.monitor import recv_monitor_message

from gateway.clock import BootClock, Clock
from gateway.keys import GatewayKey
from hub.wire.codec import FRAME_BYTES_MAX
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

LOOK_US = 100_000  # look at the socket at least so often
BLOCKED_US = 50_000  # and so often while it takes nothing
FRAMES_PER_TURN = 64
LAG_WINDOW_US = 1_000_000
BYE_LINGER_MS = 100
MONITORED = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
REFUSED_MS = 5_000  # an unknown key is shown again so often
UNKNOWN_KEY = (
    "this hub does not know this key: on the hub run `derny gateway add NAME` and bring the file"
    " it writes here"
)
WRONG_HUB = "the far side is no Derny hub, or not the one that this key was made for"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

OPTIONS = {
    zmq.IMMEDIATE: 1,  # nothing queues for a hub that is not there
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: FRAME_BYTES_MAX,
    zmq.HEARTBEAT_IVL: 1_000,
    zmq.HEARTBEAT_TIMEOUT: 3_000,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.HANDSHAKE_IVL: 3_000,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 500,  # a hub that comes back is found at once (decisions/0013)
    zmq.SNDHWM: 256,
    zmq.RCVHWM: 1_000,
}

log = structlog.get_logger("gateway.uplink")


class UplinkError(ValueError):
    """The hub's address is none that ZeroMQ can connect to."""


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    hub: str  # "tcp://HOST:PORT"
    name: str  # of this gateway, for people
    software: str = "derny"
    rules: GatewayRules = GatewayRules()
    key: GatewayKey | None = None  # None: a hub of a test


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
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._fds: tuple[int, ...] = ()
        self._closed_until_us = 0  # after a refused key: no socket before
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
        self._context = zmq.Context()
        try:
            self._open()
            self._turn()
            await self._done
        finally:
            self._end()

    # the socket

    def _open(self) -> None:
        assert self._context is not None and self._loop is not None
        socket = self._context.socket(zmq.DEALER)
        for option, value in OPTIONS.items():
            socket.setsockopt(option, value)
        socket.setsockopt(zmq.ROUTING_ID, secrets.token_bytes(16))
        if self._settings.key is not None:
            self._settings.key.set_on(socket)
        self._socket = socket
        self._monitor = socket.get_monitor_socket(MONITORED)
        self._monitor.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(self._settings.hub)
        except zmq.ZMQError as error:
            raise UplinkError(
                f"hub address {self._settings.hub!r}: {error.strerror}; want tcp://HOST:PORT"
            ) from None
        self._fds = (int(socket.getsockopt(zmq.FD)), int(self._monitor.getsockopt(zmq.FD)))
        for fd in self._fds:
            self._loop.add_reader(fd, self._turn)

    def _close(self, linger_ms: int = 0) -> None:
        socket, monitor = self._socket, self._monitor
        self._socket = self._monitor = self._unsent = None
        for fd in self._fds:
            if self._loop is not None:
                self._loop.remove_reader(fd)
        self._fds = ()
        if socket is not None and monitor is not None:
            socket.disable_monitor()
            monitor.close(linger=0)
            socket.close(linger=linger_ms)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._session.stop("gateway_stopping")
            with suppress(zmq.ZMQError):
                self._send()
        self._close(BYE_LINGER_MS)
        if self._context is not None:
            self._context.term()
            self._context = None
        self._loop = None

    # the loop

    def _at(self) -> EdgeTime:
        return EdgeTime(self._clock.now_us(), self._wall())

    def _turn(self) -> None:
        """Takes what came, does what is due, sends what goes, and looks again."""
        if self._context is None or self._done is None or self._done.done():
            return
        self._soon = False
        try:
            if self._socket is None and self._clock.now_us() >= self._closed_until_us:
                self._open()
            more = self._take_monitor() or self._receive()
            for event in self._session.tick(self._at()):
                self._handle(event)
            blocked = self._send()
            more = more or bool(self._readable())
        except Exception as error:  # a broken uplink must not look like a quiet one
            self._done.set_exception(error)
            return
        self._rest(more, blocked)

    def _readable(self) -> int:
        return 0 if self._socket is None else _events(self._socket) & zmq.POLLIN

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
        if self._socket is None or self._soon or self._unsent is not None:
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

    def _take_monitor(self) -> bool:
        """Ends the session if the transport broke; True if it did."""
        if self._monitor is None or not _events(self._monitor) & zmq.POLLIN:
            return False
        what = recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"]
        if what in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL):
            self._turned_away(known=what != zmq.EVENT_HANDSHAKE_FAILED_AUTH)
            return True
        if what == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._tell(False, "handshake", WRONG_HUB)  # or it went just now: the socket tries on
            return True
        events = self._session.lost("disconnected", self._at())
        if not events:  # it broke before a Hello: the socket tries again by itself
            return True
        for event in events:
            self._handle(event)
        return True

    def _turned_away(self, known: bool) -> None:
        """The hub does not take this key: libzmq gives the socket up, a later one may fare better.

        (`known`: it broke for another reason, as with a hub that speaks without keys.)
        """
        code, detail = ("handshake", WRONG_HUB) if known else ("not_allowed", UNKNOWN_KEY)
        at = self._at()
        self._close()
        self._closed_until_us = at.boot_us + REFUSED_MS * 1_000
        self._session.refused(code, detail, REFUSED_MS, at)
        self._tell(False, code, detail)

    def _receive(self) -> bool:
        """True if the budget ended before the frames did."""
        for _ in range(FRAMES_PER_TURN):
            if self._socket is None:
                return False
            try:
                frame = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return False
            for event in self._session.receive(frame, self._at()):
                self._handle(event)
        return True

    def _send(self) -> bool:
        """Sends what is due; True if the socket took less than there was."""
        for _ in range(FRAMES_PER_TURN):
            if self._socket is None:
                return False
            if not _events(self._socket) & zmq.POLLOUT:
                return True
            frame = self._unsent or self._session.next_frame(self._at())
            if frame is None:
                return False
            try:
                self._socket.send(frame, zmq.NOBLOCK)
                self._unsent = None
            except zmq.Again:
                self._unsent = frame
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
                self._open()
                self._tell(False, event.reason, event.detail)

    def _tell(self, up: bool, reason: str, detail: str = "") -> None:
        if self._told == (up, reason):
            return
        self._told = (up, reason)
        say = log.warning if detail else log.info
        say("uplink", up=up, reason=reason, detail=detail, hub=self._settings.hub)
        self._on_link(up, reason)


def _events(socket: zmq.Socket[bytes]) -> int:
    return int(socket.getsockopt(zmq.EVENTS))
