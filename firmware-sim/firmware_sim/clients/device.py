"""One simulated device: a socket, its place in the events, its clock, its cues. No task of its own.

The frames that come most are not decoded: of a state frame two numbers are wanted, and they stand
at its beginning. What many devices are told in the same bytes is decoded once.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from firmware_sim.clients import frames
from firmware_sim.clients.figures import Figures
from hub.client.clock import HubClock
from hub.client.cues import CueTable, Rung
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_client import (
    CLOCK_EVERY_MS,
    CLOCK_QUIET_MS,
    CLOCK_SAMPLES_FIRST,
    SILENCE_MS,
)
from hub.wire.live_events import Timeline
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Clock,
    Fired,
    FromClient,
    Hello,
    Resume,
    Subscribe,
)
from hub.wire.live_to_client import (
    Bye,
    ClockReply,
    Error,
    Event,
    Gap,
    Snapshot,
    ToClient,
    Welcome,
)
from hub.wire.live_views import LaneView
from hub.wire.live_watch import WatchCues, WatchNumbers
from hub.wire.values import Cue

MS_MAX = 60_000.0  # that `fired` takes
OPEN_MS = 10_000  # for the handshake and the welcome
STATE = b'{"t":"state"'
HELLO = Hello(PROTOCOL_VERSION, "derny-sim")


class Swarm(Protocol):
    """What a device shares with the others."""

    figures: Figures
    measuring: bool
    stalled_ms: float  # so long did this process not run, all in all

    def local_ms(self) -> float: ...

    def decoded(self, payload: bytes) -> ToClient | None:
        """None for a message of a later hub."""

    def heard(self, channel: str, offset: int) -> None:
        """A line of a channel's log."""

    def wind(self, device: Device, at_local_ms: float) -> None:
        """Call `device.ring` then."""

    def rang(self, device: Device, rung: Rung) -> None:
        """It fires this cue now."""

    def gone(self, device: Device, code: int | None, retry_ms: int | None) -> None:
        """The connection has ended with this code, or was none."""


class Device(asyncio.Protocol):
    """`wishes` are its channels; where it stood in them it comes back to."""

    def __init__(self, swarm: Swarm, wishes: list[Subscribe], host: str, cookie: str) -> None:
        self._swarm = swarm
        self._wishes = wishes
        self._request = frames.upgrade(host, cookie)
        self.clock = HubClock()
        self.marks: dict[str, Resume] = {}  # by channel
        self.counted: dict[str, tuple[int, int]] = {}  # offset of the snapshot, events since
        self.wound_ms = 0.0  # when it is to ring next
        self._tables: dict[str, CueTable] = {}  # by lane
        self.session = ""
        for wish in wishes:
            kind, _, name = wish.channel.partition(":")
            self.session = name if kind == "session" else self.session
        self._forget()

    def _forget(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._upgraded = False
        self.live = False
        self._retry_ms: int | None = None
        self._seen = self._acked = 0
        self._opened_ms = self._heard_ms = self._asked_ms = self._stalled_ms = 0.0
        self._asked = 0
        self._code = 1006

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._forget()
        self._transport = cast(asyncio.Transport, transport)
        self._opened_ms = self._heard_ms = self._swarm.local_ms()
        self._stalled_ms = self._swarm.stalled_ms
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now_ms = self._heard_ms = self._swarm.local_ms()
        self._stalled_ms = self._swarm.stalled_ms
        if self._rest:
            data = self._rest + data
        if not self._upgraded:
            head, blank, data = data.partition(b"\r\n\r\n")
            if not blank:
                self._rest = head[: frames.HEAD_BYTES_MAX]
                return
            if not frames.accepted(head):
                self._swarm.figures.refusals += 1
                self.abort()
                return
            self._upgraded = True
            self._say(HELLO)
        found, self._rest = frames.frames_in(data)
        if self._swarm.measuring:
            self._swarm.figures.frames += len(found)
            self._swarm.figures.bytes += len(data)
        for opcode, payload in found:
            if opcode == frames.TEXT:
                self._take(payload, now_ms)
            elif opcode == frames.CLOSE:
                self._code = frames.close_code(payload)
                self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        code = self._code if self._upgraded else None
        retry_ms = self._retry_ms
        self._forget()
        self._swarm.gone(self, code, retry_ms)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _say(self, *messages: FromClient) -> None:
        if self._transport is not None and not self._transport.is_closing():
            said = b"".join(frames.text(FROM_CLIENT.encode(message)) for message in messages)
            self._transport.write(said)

    # Messages

    def _take(self, payload: bytes, now_ms: float) -> None:
        if payload.startswith(STATE):
            self._state(payload, now_ms)
            return
        message = self._swarm.decoded(payload)
        figures = self._swarm.figures
        match message:
            case ClockReply(sent_ms=sent, received_ms=received, answered_ms=answered):
                before_ms = self.clock.offset_ms
                self.clock.learn(sent, received, answered, now_ms, now_ms)
                if self.clock.offset_ms != before_ms:  # the same instants are others here
                    self._wind()
            case Event():
                self._event(message)
            case Snapshot(channel=channel, epoch=epoch, offset=offset, session=session):
                figures.snapshots += 1
                self.marks[channel] = Resume(epoch, offset)
                self.counted[channel] = (offset, 0)
                for lane in session.lanes:
                    self._announce(lane, now_ms)
            case WatchCues(cues=cues):
                table = self._tables.setdefault("group", CueTable("group"))
                told = [Cue(one.i, one.kind, one.at_ms, one.name) for one in cues]
                table.replace(told, self.clock.now_ms(now_ms))
                self._wind()
            case WatchNumbers(n=n):
                self._seen = n
            case Welcome():
                figures.connect.add(now_ms - self._opened_ms)
                self.live = True
                self.clock.forget()
                self.clock.guess(message.hub_ms, now_ms)
                self._say(*(self._resumed(wish) for wish in self._wishes))
            case Gap(channel=channel):
                figures.gaps += 1
                self.marks.pop(channel, None)
            case Bye(retry_ms=retry_ms):
                self._retry_ms = retry_ms
            case Error(code=code):
                figures.errors[code] += 1
            case _:
                pass

    def _state(self, payload: bytes, now_ms: float) -> None:
        place = payload.find(b'"n":') + 4
        self._seen = int(payload[place : payload.find(b",", place)])
        if not self._swarm.measuring:
            return
        self._swarm.figures.state_frames += 1
        if self.clock.count:
            at = payload.find(b'"at_ms":', place) + 8
            tick_ms = int(payload[at : payload.find(b",", at)])
            self._swarm.figures.push.add(max(now_ms - self.clock.local_ms(tick_ms), 0.0))

    def _event(self, event: Event) -> None:
        mark = self.marks.get(event.channel)
        figures = self._swarm.figures
        if mark is not None:
            if event.offset > mark.offset:
                self.marks[event.channel] = Resume(mark.epoch, event.offset)
                figures.events += 1
                base, count = self.counted[event.channel]
                self.counted[event.channel] = (base, count + 1)
                self._swarm.heard(event.channel, event.offset)
            elif event.offset < mark.offset:
                figures.doubled += 1
        if isinstance(event.body, Timeline):
            self._announce(event.body.lane, self._heard_ms)

    def _resumed(self, wish: Subscribe) -> Subscribe:
        if wish.profile:
            return wish
        return Subscribe(wish.channel, wish.rate_hz, self.marks.get(wish.channel))

    # Cues

    def _announce(self, lane: LaneView, now_ms: float) -> None:
        table = self._tables.setdefault(lane.lane, CueTable(lane.lane))
        table.announce(lane, self.clock.now_ms(now_ms))
        self._wind()

    def _wind(self) -> None:
        ahead = [at for table in self._tables.values() if (at := table.next_at_ms()) is not None]
        if ahead:
            self._swarm.wind(self, self.clock.local_ms(min(ahead)))

    def ring(self) -> None:
        for table in self._tables.values():
            for rung in table.due(self.clock.now_ms(self._swarm.local_ms())):
                self._swarm.rang(self, rung)
                bound_ms = self.clock.error_ms(self._swarm.local_ms())
                if self.live and bound_ms is not None and rung.cue.i >= 0:
                    late_ms, bound_ms = min(rung.late_ms, MS_MAX), min(bound_ms, MS_MAX)
                    self._say(Fired(self.session, rung.lane, rung.cue.i, late_ms, bound_ms))
        self._wind()

    # Once a second

    def beat(self, now_ms: float) -> None:
        """Acknowledges, asks the clock, and gives up a link that is silent."""
        if self._transport is None:
            return
        silent_ms = now_ms - self._heard_ms - (self._swarm.stalled_ms - self._stalled_ms)
        if silent_ms > (SILENCE_MS if self.live else OPEN_MS):
            self.abort()
            return
        if not self.live:
            return
        said: list[FromClient] = []
        if self._seen > self._acked:
            self._acked = self._seen
            said.append(Ack(self._seen))
        quiet = now_ms - self._heard_ms > CLOCK_QUIET_MS / 2
        if quiet or self._asked < CLOCK_SAMPLES_FIRST or now_ms - self._asked_ms > CLOCK_EVERY_MS:
            self._asked += 1
            self._asked_ms = now_ms
            said.append(Clock(now_ms))
        if said:
            self._say(*said)
