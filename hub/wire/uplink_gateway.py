"""The gateway's end of the uplink: one session after another over one spool. Sans-I/O.

The shell offers time and frames (`receive`, `tick`, `lost`), pulls frames while the socket takes
them (`next_frame`) and comes back at `wake_us`. Pulling means that nothing is made before it can be
sent: live readings never queue behind old ones, and a clock question is stamped as it leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hub.wire.codec import DecodeError
from hub.wire.uplink import (
    DOWN,
    PROTOCOL_VERSION,
    UP,
    Ack,
    AdapterState,
    Assignments,
    ClockOffset,
    ClockPing,
    ClockPong,
    Command,
    CommandReply,
    Down,
    DownBeat,
    DownBye,
    Hello,
    Plan,
    Refuse,
    Retired,
    Rewind,
    SensorState,
    TrainerState,
    Up,
    UpBeat,
    UpBye,
    Welcome,
)
from hub.wire.uplink_board import CommandDesk, StateBoard
from hub.wire.uplink_clock import OffsetWindow
from hub.wire.uplink_sender import StreamSender
from hub.wire.uplink_session import PHASES, EdgeTime, GatewayRules, Phase, Spool, Step
from hub.wire.values import Reading

US = 1_000
OFFSET_STEP_US = 500  # a smaller change of the clock offset is not worth a message
PINGS_OPEN_MAX = 8


@dataclass(frozen=True, slots=True)
class LinkUp:
    hub: str
    site: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The session is over. `reason`: a code of Refuse or Bye, "silence", "version" or the shell's.

    Said also for every try that fails. The shell takes a new connection; what the old one still
    holds is worth nothing.
    """

    reason: str
    detail: str
    retry_us: int


Event = LinkUp | LinkDown | Plan | Assignments | Command


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """`name` for people, `instance` random per process, `boot_id` of the operating system."""

    name: str
    instance: str
    software: str
    boot_id: str


class GatewaySession:
    """All sessions of one gateway process.

    `new_epoch` gives a fresh random name per call. Every reading is appended to `spool` before it
    can be sent.
    """

    def __init__(
        self,
        identity: GatewayIdentity,
        spool: Spool,
        new_epoch: Callable[[], str],
        at: EdgeTime,
        rules: GatewayRules | None = None,
    ) -> None:
        self._identity = identity
        self._spool = spool
        self._new_epoch = new_epoch
        self._rules = rules or GatewayRules()
        self._sender = StreamSender(spool, self._rules)
        self._board = StateBoard(self._rules.sensors_max, self._rules.state_interval_ms)
        self._desk = CommandDesk(self._rules.commands_max)
        self._clock = OffsetWindow()
        self._offset_us = next(
            (c.offset_us for c in spool.clocks() if c.boot_id == identity.boot_id), None
        )
        self._phase = Phase.DOWN
        self._retry_us = at.boot_us
        self._failures = 0
        self._heard_us = at.boot_us
        self._beat_us = 0
        self._ping_us = 0
        self._burst_left = 0
        self._pings: set[int] = set()
        self._offsets: list[ClockOffset] = []  # to be reported
        self._reported_us: int | None = None
        self._bye: str | None = None
        self.loop_lag_ms = 0  # the shell's, for the beat
        self.counts: Counter[str] = Counter()
        self._sender.open(new_epoch(), identity.boot_id, at.boot_us, at.wall_ms)

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def link_up(self) -> bool:
        return self._phase is Phase.UP

    @property
    def resent(self) -> int:
        return self._sender.resent

    def hub_now_ms(self, boot_us: int) -> int | None:
        """Hub time as last measured; goes on without the hub. None before the first measure."""
        return None if self._offset_us is None else (boot_us + self._offset_us) // US

    def append(self, reading: Reading, boot_us: int) -> int:
        """Spools a reading and returns its number in the open epoch."""
        seq = self._spool.append(reading)
        self._sender.appended(boot_us)
        return seq

    def set_sensor(self, state: SensorState) -> None:
        self._board.set_sensor(state)

    def remove_sensor(self, sensor_id: str) -> None:
        self._board.remove_sensor(sensor_id)

    def set_trainer(self, state: TrainerState) -> None:
        self._board.set_trainer(state)

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None:
        self._board.set_adapters(adapters)

    def reply(self, reply: CommandReply) -> None:
        self._desk.reply(reply)

    def receive(self, frame: bytes, at: EdgeTime) -> list[Event]:
        """Takes one frame of the hub. Frames that are no message are counted, never raised."""
        try:
            message = DOWN.decode(frame)
        except DecodeError as error:
            self.counts[f"malformed_{error.code}"] += 1
            return []
        self._heard_us = at.boot_us
        return self._take(message, at)

    def lost(self, reason: str, at: EdgeTime) -> list[Event]:
        """The transport broke."""
        return self._leave(Step.LOST, reason, "", at, None)

    def refused(self, code: str, detail: str, retry_ms: int, at: EdgeTime) -> list[Event]:
        """The hub lets this key not even say Hello."""
        return self._leave(Step.REFUSE, code, detail, at, retry_ms)

    def tick(self, at: EdgeTime) -> list[Event]:
        """What time alone brings: silence, retries, overdue acks, late commands, the age bound."""
        now_us = at.boot_us
        self._spool.maintain(now_us // US)
        self._desk.expire(self.hub_now_ms(now_us))
        if self._phase is Phase.REFUSED and now_us >= self._retry_us:
            self._move(Step.RETRY)
        if self._phase not in (Phase.UP, Phase.GREETING):
            return []
        if now_us - self._heard_us >= self._rules.silence_ms * US:
            return self._leave(Step.SILENCE, "silence", "no beat from the hub", at, None)
        if self._phase is Phase.UP and self._sender.tick(now_us):
            self._move(Step.STALLED)  # the link is fine: no event, a new Hello at once
            self.counts["stalled"] += 1
            self._retry_us = now_us
        return []

    def stop(self, reason: str) -> None:
        """The last frame is a Bye; nothing is taken or sent after it."""
        if self._phase is Phase.UP:
            self._bye = reason
        self._move(Step.STOP)

    def next_frame(self, at: EdgeTime) -> bytes | None:
        """The most urgent frame to send now, if any. Call only when the socket takes one."""
        message = self._next(at)
        return None if message is None else UP.encode(message)

    def wake_us(self, at: EdgeTime) -> int:
        """When to call `tick` and `next_frame` again at the latest, boot us."""
        now_us = at.boot_us
        if self._phase in (Phase.DOWN, Phase.REFUSED):
            return max(now_us, self._retry_us)
        silent_us = self._heard_us + self._rules.silence_ms * US
        if self._phase is not Phase.UP:
            return max(now_us, silent_us)
        if self._offsets or self._desk.waiting():
            return now_us
        times = (self._sender.wake_us(now_us), self._board.wake_us(now_us))
        known = [time for time in times if time is not None]
        return max(now_us, min(silent_us, self._beat_us, self._ping_us, *known))

    # receiving

    def _take(self, message: Down, at: EdgeTime) -> list[Event]:
        match message:
            case Welcome():
                return self._welcome(message, at)
            case Refuse():
                retry_ms = message.retry_ms
                retry_ms = self._rules.refused_ms if retry_ms is None else retry_ms
                return self._leave(Step.REFUSE, message.code, message.detail, at, retry_ms)
            case DownBye():
                return self._leave(Step.BYE, message.reason, "", at, message.retry_ms)
        if self._phase is not Phase.UP:
            self.counts["out_of_turn"] += 1
            return []
        return self._take_up(message, at)

    def _take_up(self, message: Down, at: EdgeTime) -> list[Event]:
        match message:
            case Ack():
                self._sender.acked(message.epoch, message.durable_seq, at.boot_us)
            case Rewind():
                self.counts["rewind"] += 1
                self._sender.rewind(message.epoch, message.next_seq, at.boot_us)
            case Retired():
                self._sender.retired(message.epoch)
            case ClockPong():
                self._measure(message, at.boot_us)
            case Plan() | Assignments():
                return [message]  # their revisions are the owner's business
            case Command():
                if self._desk.take(message, lambda: self.hub_now_ms(at.boot_us)):
                    return [message]
            case DownBeat():
                pass  # that it came is what it says
        return []

    def _welcome(self, welcome: Welcome, at: EdgeTime) -> list[Event]:
        if welcome.version != PROTOCOL_VERSION:
            detail = f"the hub speaks version {welcome.version}, this gateway {PROTOCOL_VERSION}"
            return self._leave(Step.REFUSE, "version", detail, at, self._rules.refused_ms)
        if not self._move(Step.WELCOME):
            return []
        self._failures = 0
        self._sender.start(welcome.acks, at.boot_us)
        self._board.say_all()
        self._beat_us = self._ping_us = at.boot_us
        self._burst_left = self._rules.clock_burst
        self._pings.clear()
        self._reported_us = None
        self._offsets = [c for c in self._spool.clocks() if c.boot_id != self._identity.boot_id]
        return [LinkUp(welcome.hub, welcome.site)]

    def _measure(self, pong: ClockPong, boot_us: int) -> None:
        if pong.sent_boot_us not in self._pings:
            self.counts["out_of_turn"] += 1
            return
        self._pings.discard(pong.sent_boot_us)
        times = (pong.sent_boot_us, pong.received_us, pong.answered_us, boot_us)
        best = self._clock.best(boot_us) if self._clock.add(*times) else None
        if best is None:
            return
        self._offset_us = best.offset_us
        self._sender.release()
        told_us = self._reported_us
        if told_us is None or abs(best.offset_us - told_us) >= OFFSET_STEP_US:
            self._reported_us = best.offset_us
            report = ClockOffset(self._identity.boot_id, best.offset_us, best.round_trip_us)
            self._spool.remember_clock(report)
            self._offsets.append(report)

    # sending

    def _next(self, at: EdgeTime) -> Up | None:
        if self._phase is Phase.UP:
            return self._next_up(at.boot_us)
        if self._phase is Phase.DOWN and at.boot_us >= self._retry_us:
            return self._hello(at)
        if self._bye is not None:
            bye, self._bye = UpBye(self._bye), None
            return bye
        return None

    def _next_up(self, boot_us: int) -> Up | None:
        reply = self._desk.next()
        if reply is not None:
            return reply
        if boot_us >= self._beat_us:
            self._beat_us = boot_us + self._rules.beat_ms * US
            return UpBeat(boot_us // US, self._spool.kept, self.loop_lag_ms)
        if boot_us >= self._ping_us:
            return self._ping(boot_us)
        if self._offsets:
            return self._offsets.pop(0)
        return (
            self._sender.next_live(boot_us)
            or self._board.next(boot_us)
            or self._sender.next_retire(boot_us)
            or self._sender.next_backfill(boot_us)
        )

    def _hello(self, at: EdgeTime) -> Hello:
        self._move(Step.HELLO)
        who = self._identity
        self._heard_us = at.boot_us  # the hub has so long to answer
        self._sender.open(self._new_epoch(), who.boot_id, at.boot_us, at.wall_ms)
        return Hello(
            PROTOCOL_VERSION,
            who.name,
            who.instance,
            who.software,
            who.boot_id,
            self._spool.headers(),
            self._offset_us,
        )

    def _ping(self, boot_us: int) -> ClockPing:
        burst = self._burst_left > 0
        self._burst_left -= burst
        wait_ms = self._rules.clock_burst_ms if burst else self._rules.clock_ms
        self._ping_us = boot_us + wait_ms * US
        if len(self._pings) >= PINGS_OPEN_MAX:
            self._pings.discard(min(self._pings))
        self._pings.add(boot_us)
        return ClockPing(boot_us)

    # phases

    def _leave(
        self, step: Step, reason: str, detail: str, at: EdgeTime, retry_ms: int | None
    ) -> list[Event]:
        if not self._move(step):
            return []
        if retry_ms is None:
            back_off = self._rules.hello_backoff_ms
            retry_ms = back_off[min(self._failures, len(back_off) - 1)]
        self._failures += 1
        # The hub may ask for patience, not for silence.
        retry_ms = min(max(0, retry_ms), self._rules.refused_ms)
        self._retry_us = at.boot_us + retry_ms * US
        return [LinkDown(reason, detail, self._retry_us)]

    def _move(self, step: Step) -> bool:
        after = PHASES.get((self._phase, step))
        if after is None:
            self.counts["out_of_turn"] += 1
            return False
        self._phase = after
        return True
