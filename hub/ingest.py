"""Where gateways come in: by ZeroMQ or over a line, and the hub's end of the uplink behind both.

A batch goes to fusion at once and to the journal; the ack waits for the commit. Whatever is sent,
the socket is looked at again afterwards, and a tick looks at least every 100 ms.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from hub.gateway_desk import GatewayDesk
from hub.gateway_lines import GatewayLines
from hub.gateway_socket import GatewaySocket
from hub.journal_port import Journal, JournalEntry, PlacedReading
from hub.wire.uplink import (
    DOWN,
    STOP_RETRY_MS,
    Adapters,
    Assignments,
    Command,
    CommandReply,
    Hello,
    Plan,
    Refuse,
    Sensors,
    StreamHeader,
    Trainers,
    UpBeat,
)
from hub.wire.uplink_events import Event, Forget, GatewayDown, GatewayUp, Said, Send, Took
from hub.wire.uplink_hub import HubUplink
from hub.wire.uplink_proof import NOT_ALLOWED, RETRY_MS
from hub.wire.uplink_session import HubRules
from hub.wire.uplink_stream import Token
from hub.zap import Door

LOOPBACK = ("tcp://127.0.0.1:", "tcp://[::1]:")
LOOK_S = 0.1
FLOOD_US = 500_000
STALL_US = 1_000_000  # a tick so late: what came on a line meanwhile is heard before the next

log = structlog.get_logger("hub.ingest")
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    bind: str = "tcp://127.0.0.1:7320"  # port 0: the system chooses, see `Ingest.address`
    hub: str = "derny"
    site: str = ""
    rules: HubRules = HubRules()


OnReadings = Callable[[str, StreamHeader, Sequence[PlacedReading], bool], None]


@dataclass(frozen=True, slots=True)
class IngestCallbacks:
    """Who is told. All are called in the loop and must be quick; what they raise is logged.

    `readings(gateway, header, readings, backfill)`: new ones, at once, before they are durable.
    `backfilled`: of sealed epochs, once they are.
    """

    readings: OnReadings
    sensors: Callable[[str, Sensors], None] = lambda gateway, message: None
    trainers: Callable[[str, Trainers], None] = lambda gateway, message: None
    adapters: Callable[[str, Adapters], None] = lambda gateway, message: None
    beat: Callable[[str, UpBeat], None] = lambda gateway, message: None
    backfilled: Callable[[str, Sequence[PlacedReading]], None] = lambda gateway, readings: None
    gateway_up: Callable[[str, Hello], None] = lambda gateway, hello: None
    gateway_down: Callable[[str, str], None] = lambda gateway, reason: None


class Ingest:
    """The hub's side of every gateway.

    `hub_us` reads hub time in us. Plans and assignments are kept, newest wins, and said again
    whenever the gateway comes back; so are commands until their deadline.

    `door` knows the keys: a gateway is who its key says, whatever it calls itself. Without one
    (tests) everybody comes in and the name counts; such an uplink listens on this machine only.
    """

    def __init__(
        self,
        settings: IngestSettings,
        journal: Journal,
        hub_us: Callable[[], int],
        callbacks: IngestCallbacks,
        door: Door | None = None,
    ) -> None:
        if door is None and not settings.bind.startswith(LOOPBACK):
            raise ValueError("without keys the uplink listens on this machine only")
        self._settings = settings
        self._door = door
        self._journal = journal
        self._hub_us = hub_us
        self._callbacks = callbacks
        self._desk = GatewayDesk()
        self._uplink: HubUplink | None = None
        self._socket: GatewaySocket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush_soon = False
        self._ticked_us = 0
        self._looked_us = 0
        self._stalled = False
        self._retiring: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.address = ""  # as bound
        # Since the start: readings, backfill and durable ones, batches, faults.
        self.counts: Counter[str] = Counter()
        # Where gateways come in over another transport; who has no key does not.
        self.lines = GatewayLines(
            self._name_of, self._knows, self._take_line, self._refuse, self._lost_line
        )

    async def start(self) -> None:
        """Binds and listens. Raises BindError if the address is taken or is none."""
        self._loop = asyncio.get_running_loop()
        settings = self._settings
        durable = await self._journal.durable_seqs()
        uplink = HubUplink(settings.hub, settings.site, durable, settings.rules)
        uplink.counts = self.counts
        socket = GatewaySocket(self._door, self.counts, uplink.knows, self._take, self._refuse)
        self.address = socket.open(settings.bind)
        self._uplink, self._socket = uplink, socket
        self._tick()

    async def stop(self) -> None:
        """Says Bye, closes the socket. What was handed to the journal may still be committed."""
        if self._socket is None or self._loop is None or self._uplink is None:
            return
        self._handle(self._uplink.tick(self._hub_us()))
        self._handle(self._uplink.stop(STOP_RETRY_MS))
        self.lines.close()
        socket, self._socket = self._socket, None
        if self._timer is not None:
            self._timer.cancel()
        socket.close()
        self._desk.close()
        for task in list(self._retiring.values()):
            task.cancel()
        await asyncio.gather(*self._retiring.values(), return_exceptions=True)
        await socket.term()

    @property
    def public_key(self) -> bytes | None:
        """What a gateway must know of this hub (Z85); None without keys."""
        return None if self._door is None else self._door.public

    def cut_off(self, gateway: str) -> None:
        """Its key was taken away: the connection that stands is worth nothing from now on."""
        if self._uplink is None or self._socket is None:
            return
        self._handle(self._uplink.send(gateway, _not_allowed()))
        self._handle(self._uplink.revoke(gateway))
        self.lines.sweep()
        self._socket.look_again()

    # down

    @property
    def gateways_up(self) -> tuple[str, ...]:
        return () if self._uplink is None else self._uplink.gateways_up

    def send_plan(self, gateway: str, plan: Plan) -> None:
        """Replaces the plan of this trainer; said now, and again when the gateway comes back."""
        self._desk.keep_plan(gateway, plan)
        self._send(gateway, plan)

    def send_assignments(self, gateway: str, assignments: Assignments) -> None:
        """Replaces the gateway's assignments; said now, and again when it comes back."""
        self._desk.keep_assignments(gateway, assignments)
        self._send(gateway, assignments)

    def send_command(self, gateway: str, command: Command) -> asyncio.Future[CommandReply]:
        """The answer; `expired` if none came by the deadline, `busy` if too many are under way."""
        wait_ms = command.deadline_at_ms - self._hub_us() // 1_000
        answer, new = self._desk.ask(gateway, command, wait_ms)
        if new:
            self._send(gateway, command)
        return answer

    def _send(self, gateway: str, message: Plan | Assignments | Command) -> None:
        if self._uplink is not None and self._socket is not None:
            self._handle(self._uplink.send(gateway, message))
            self._socket.look_again()

    # the loop

    def _tick(self) -> None:
        if self._socket is None or self._loop is None or self._uplink is None:
            return
        self._timer = self._loop.call_later(LOOK_S, self._tick)
        # What waits in the socket was sent in time, however late this loop is: it is heard first.
        # But a flood must not keep the beats of the others.
        drained = self._socket.drain()
        self._socket.answer_keys()
        now_us = self._hub_us()
        was_stalled, self._stalled = self._stalled, now_us - self._looked_us >= STALL_US
        self._looked_us = now_us
        if self._stalled and not was_stalled and self.lines:
            return  # the loop itself reads lines, after this
        if drained or now_us - self._ticked_us >= FLOOD_US:
            self._ticked_us = now_us
            self._handle(self._uplink.tick(now_us))
            self.lines.sweep()
            self._socket.look_again()

    def _take(self, peer: bytes, frame: bytes, user_id: str | None) -> None:
        if self._uplink is not None:
            self._handle(self._uplink.receive(peer, frame, self._hub_us(), user_id))

    def _refuse(self, peer: bytes) -> None:
        self._put(Send(peer, DOWN.encode(_not_allowed())))

    # lines

    def _name_of(self, key: str) -> str | None:
        return None if self._door is None else self._door.name_of(key)

    def _knows(self, peer: bytes) -> bool:
        return self._uplink is not None and self._uplink.knows(peer)

    def _take_line(self, peer: bytes, frame: bytes, name: str | None) -> None:
        self._take(peer, frame, name)
        if self._socket is not None:
            self._socket.look_again()

    def _lost_line(self, peer: bytes) -> None:
        if self._uplink is not None:
            self._handle(self._uplink.lost(peer, "disconnected"))

    def _flush(self) -> None:
        self._flush_soon = False
        if self._socket is not None and self._uplink is not None:
            self._handle(self._uplink.flush())
            self._socket.look_again()

    # events

    def _handle(self, events: list[Event]) -> None:
        waiting = deque(events)
        while waiting:
            event = waiting.popleft()
            match event:
                case Took():
                    self._took(event)
                case Send():
                    waiting += self._put(event)
                case Said():
                    self._said(event.gateway, event.message)
                case GatewayUp():
                    log.info("gateway up", gateway=event.gateway, software=event.hello.software)
                    self._call(self._callbacks.gateway_up, event.gateway, event.hello)
                    waiting += self._say_again(event.gateway)
                case GatewayDown():
                    log.warning("gateway down", gateway=event.gateway, reason=event.reason)
                    self._call(self._callbacks.gateway_down, event.gateway, event.reason)
                case Forget():
                    self._forget(event.gateway, event.epoch)

    def _took(self, took: Took) -> None:
        if took.fresh:
            self.counts["backfill" if took.backfill else "readings"] += len(took.fresh)
            try:
                self._callbacks.readings(took.gateway, took.header, took.fresh, took.backfill)
            except Exception:
                self._callback_failed()
        token = took.token
        if token is None:
            return
        header = took.header
        entry = JournalEntry(
            took.gateway,
            header.epoch,
            header.boot_id,
            token.from_seq,
            token.to_seq,
            took.readings,
            took.gap_reason,
            took.backfill,
        )
        self._journal.append(entry).add_done_callback(partial(self._committed, token, entry))

    def _committed(self, token: Token, entry: JournalEntry, commit: asyncio.Future[None]) -> None:
        if self._uplink is None:
            return
        if commit.cancelled() or commit.exception() is not None:
            self._uplink.commit_failed(token, self._hub_us())
            return
        self.counts["durable"] += len(entry.readings)
        if entry.backfill and entry.readings:
            self._call(self._callbacks.backfilled, entry.gateway, entry.readings)
        events = self._uplink.committed(token)
        if self._socket is None or self._loop is None:
            return  # stopped: the gateway hears of it at its next Hello
        if events:
            self._handle(events)
        if not self._flush_soon:
            self._flush_soon = True
            self._loop.call_soon(self._flush)

    def _put(self, send: Send) -> list[Event]:
        """Hands a frame to its transport; a gateway that takes none is given up."""
        assert self._uplink is not None
        if self._socket is None:
            return []
        way = self.lines if send.peer in self.lines else self._socket
        problem = way.send(send.peer, send.frame)
        return self._uplink.lost(send.peer, problem) if problem else []

    def _say_again(self, gateway: str) -> list[Event]:
        assert self._uplink is not None
        events: list[Event] = []
        for message in self._desk.held(gateway, self._hub_us() // 1_000):
            events += self._uplink.send(gateway, message)
        return events

    def _said(
        self, gateway: str, message: Sensors | Trainers | Adapters | CommandReply | UpBeat
    ) -> None:
        match message:
            case Sensors():
                self._call(self._callbacks.sensors, gateway, message)
            case Trainers():
                self._call(self._callbacks.trainers, gateway, message)
            case Adapters():
                self._call(self._callbacks.adapters, gateway, message)
            case UpBeat():
                self._call(self._callbacks.beat, gateway, message)
            case CommandReply():
                self._desk.answer(gateway, message)

    def _call(self, callback: Callable[[str, M], None], gateway: str, message: M) -> None:
        try:
            callback(gateway, message)
        except Exception:
            self._callback_failed()

    def _callback_failed(self) -> None:
        """A fault of the hub must not cost the gateway its readings."""
        self.counts["callback_failed"] += 1
        log.exception("a listener of ingest failed")

    def _forget(self, gateway: str, epoch: str) -> None:
        key = (gateway, epoch)
        if key not in self._retiring and self._loop is not None:
            task = self._loop.create_task(self._retire(gateway, epoch))
            self._retiring[key] = task
            task.add_done_callback(lambda _: self._retiring.pop(key, None))

    async def _retire(self, gateway: str, epoch: str) -> None:
        try:
            await self._journal.retire(gateway, epoch)
        except Exception:
            self.counts["retire_failed"] += 1  # the gateway asks again in its next session
            log.exception("a stream could not be retired", gateway=gateway)
            return
        if self._uplink is not None and self._socket is not None:
            self._handle(self._uplink.retired(gateway, epoch))
            self._socket.look_again()


def _not_allowed() -> Refuse:
    return Refuse("not_allowed", NOT_ALLOWED, RETRY_MS)
