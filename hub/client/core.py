"""One client of `/live` without its socket: what it says, and what it makes of what it hears.

Pure: time is an argument, in ms of any monotonic clock (`now_ms`), and chance is one too. Whoever
owns the socket calls `opened`, `received` and `lost` as things happen, `beat` at `due_ms()` at the
latest, and sends what `to_send()` gives.
"""

from __future__ import annotations

from collections.abc import Callable

from hub.client.clock import HubClock
from hub.client.commands import Command, Commands
from hub.client.state import Channel
from hub.client.told import LinkChanged, Status, Told
from hub.wire import live_client as manners
from hub.wire.codec import DecodeError
from hub.wire.live import ACK_MS, FINAL_CODES, PROTOCOL_VERSION, CloseCode
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Clock,
    Fired,
    FromClient,
    Hello,
    Refresh,
    Resume,
    Subscribe,
    Unsubscribe,
)
from hub.wire.live_to_client import (
    TO_CLIENT,
    Bye,
    ClockReply,
    Error,
    Event,
    Fields,
    Gap,
    Presence,
    Refreshed,
    Reply,
    SeatsState,
    SensorsState,
    Snapshot,
    State,
    ToClient,
    Welcome,
)
from hub.wire.live_views import SeatsView, SensorsView

# Longer than this between two signs of life of this process: it was stopped, not the hub silent.
STALL_MS = 1_500
CUT = 1006  # RFC 6455 §7.1.5: the connection ended without a close frame


OfChannel = Fields | State | Snapshot | Event | Presence | Gap | Error


class Core:
    """`jitter` gives 0 to 1 by chance. `with_token`: no cookie lets this client in but `token`."""

    def __init__(self, name: str, jitter: Callable[[], float], *, with_token: bool = False) -> None:
        self.name = name
        self.with_token = with_token
        self.token = ""  # to be set before `opened`
        self.clock = HubClock()
        self.channels: dict[str, Channel] = {}
        self.commands = Commands()
        self.sensors: SensorsView | None = None
        self.seats: SeatsView | None = None
        self.welcome: Welcome | None = None
        self.status = Status.CONNECTING
        self.reason = ""
        self.retry_at_ms = 0.0  # not before may the socket be opened again
        self.malformed_count = 0
        self._jitter = jitter
        self._out: list[FromClient] = []
        self._open = False
        self._attempts = 0
        self._bye: Bye | None = None
        self._expires_at_ms = 0  # hub time: of the login or the token
        self._ask_count = 0
        self._heard_ms = self._alive_ms = self._acked_ms = self._asked_ms = 0.0
        self._seen = self._acked = 0

    # The caller's wishes

    def subscribe(self, name: str, rate_hz: int = 2, resume: Resume | None = None) -> Channel:
        """Known already: only the rate is another. `resume`: where an earlier process stood."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name, rate_hz, resume)
        channel.rate_hz = rate_hz
        if self.status is Status.LIVE:
            self._say(Subscribe(name, rate_hz, channel.resume))
        return channel

    def unsubscribe(self, name: str) -> None:
        if self.channels.pop(name, None) is not None and self.status is Status.LIVE:
            self._say(Unsubscribe(name))

    def command(self, command: Command) -> None:
        """Until it is answered, or given up with `commands.done`. Raises TooMany."""
        self.commands.add(command)
        self._say_commands()

    def fired(self, session: str, lane: str, i: int, late_ms: float) -> None:
        """Tell the hub how late a cue was, for the spread over all devices."""
        bound_ms = self.clock.error_ms(self._alive_ms)
        if self.status is Status.LIVE and bound_ms is not None and i >= 0:
            self._say(Fired(session, lane, i, min(late_ms, 60_000), min(bound_ms, 60_000)))

    @property
    def heard_ms(self) -> float:
        """When the hub was last heard, by this device's clock."""
        return self._heard_ms

    def wants_token(self, now_ms: float) -> bool:
        """Whether to get another one now, for `refresh`."""
        if not self.with_token or self.status is not Status.LIVE:
            return False
        return self._expires_at_ms - self.clock.now_ms(now_ms) < manners.REFRESH_MS

    def refresh(self, token: str) -> None:
        """A new token of the same login; also said in the next `hello`."""
        self.token = token
        if self.status is Status.LIVE:
            self._say(Refresh(token))

    # The socket's word

    def opened(self, now_ms: float) -> None:
        self._open = True
        self._out = []
        self._heard_ms = self._alive_ms = self._acked_ms = now_ms
        self._say(Hello(PROTOCOL_VERSION, self.name, self.token))
        self._ask_clock(now_ms)

    def received(self, frame: bytes | str, now_ms: float, wall_ms: float) -> list[Told | Reply]:
        """One whole message; what of it is news for the caller."""
        self._heard_ms = self._alive_ms = now_ms
        try:
            message = TO_CLIENT.decode(frame)
        except DecodeError:
            self.malformed_count += 1  # of a later hub: what it means is not for us
            return []
        if isinstance(message, ClockReply):
            sent, received, answered = message.sent_ms, message.received_ms, message.answered_ms
            self.clock.learn(sent, received, answered, now_ms, wall_ms)
            return []
        return self._told(message, now_ms)

    def lost(self, now_ms: float, code: int = CUT, reason: str = "") -> list[Told | Reply]:
        """The connection is gone, or was not made."""
        self._open = False
        self._out = []
        self.commands.cut()
        bye, self._bye = self._bye, None
        if bye is not None:
            reason = bye.reason
        # Who can get another token comes back with it.
        renewable = self.with_token and code == CloseCode.EXPIRED
        if code in FINAL_CODES and not renewable:
            return self.refused(reason)
        if bye is not None and bye.retry_ms is not None:
            wait_ms: float = bye.retry_ms
        else:
            backoff_ms = manners.BACKOFF_MS * manners.BACKOFF_FACTOR ** min(self._attempts, 16)
            wait_ms = min(backoff_ms, manners.BACKOFF_MS_MAX) * (0.5 + self._jitter())
        self._attempts += 1
        self.retry_at_ms = now_ms + wait_ms
        return self._become(Status.AWAY, reason)

    def refused(self, reason: str) -> list[Told | Reply]:
        """For good: who comes back with the same papers gets the same answer."""
        self._open = False
        return self._become(Status.REFUSED, reason)

    # Time

    def beat(self, now_ms: float) -> bool:
        """Acknowledges, asks the clock, watches. False: the link is dead, cut it."""
        stalled_ms = now_ms - self._alive_ms
        if stalled_ms > STALL_MS:
            self._heard_ms += stalled_ms
        self._alive_ms = now_ms
        if not self._open:
            return True
        if now_ms - self._heard_ms > manners.SILENCE_MS:
            return False
        if now_ms - self._acked_ms >= ACK_MS:
            self._acked_ms = now_ms
            if self._seen > self._acked and self.status is Status.LIVE:
                self._acked = self._seen
                self._say(Ack(self._seen))
        if now_ms >= self._clock_due_ms():
            self._ask_clock(now_ms)
        return True

    def due_ms(self) -> float:
        """When `beat` is wanted again."""
        return min(self._clock_due_ms(), self._acked_ms + ACK_MS, self._alive_ms + STALL_MS / 2)

    def to_send(self) -> list[bytes]:
        """Frames for the socket, in order; they are given once."""
        out, self._out = self._out, []
        return [FROM_CLIENT.encode(message) for message in out]

    # What messages mean

    def _told(self, message: ToClient, now_ms: float) -> list[Told | Reply]:
        match message:
            case Welcome():
                return self._welcomed(message, now_ms)
            case Reply(key=key):
                known = self.commands.done(key)
                self._say_commands()
                return [message] if known else []
            case Bye():
                self._bye = message
                return [message]
            case SensorsState(view=view):
                self.sensors = view
                return [message]
            case SeatsState(view=seats):
                self.seats = seats
                return [message]
            case Refreshed(expires_at_ms=expires_at_ms):
                self._expires_at_ms = expires_at_ms
                return []
            case Fields() | State() | Snapshot() | Event() | Presence() | Gap() | Error():
                return self._of_channel(message)
            case _:
                return []

    def _of_channel(self, message: OfChannel) -> list[Told | Reply]:
        if isinstance(message, State):
            self._seen = message.n
        channel = self.channels.get(message.channel)
        if channel is None:  # given up meanwhile
            return [message] if isinstance(message, Error) else []
        match message:
            case Fields():
                channel.announced(message)
                return []
            case State():
                channel.state(message)
            case Snapshot():
                channel.snapshot(message)
            case Presence():
                channel.presence = message
            case Gap():
                channel.gap()
            case Error():
                channel.refused = message
            case Event():
                if not channel.event(message):
                    return []
        return [message]

    def _welcomed(self, welcome: Welcome, now_ms: float) -> list[Told | Reply]:
        again = self.status is Status.LIVE  # the login acts as another athlete now
        self.welcome = welcome
        self._expires_at_ms = welcome.expires_at_ms
        if again:
            return [welcome]
        self.clock.forget()
        self.clock.guess(welcome.hub_ms, now_ms)
        self._attempts = self._seen = self._acked = self._ask_count = 0
        changed = self._become(Status.LIVE)
        for channel in self.channels.values():
            self._say(Subscribe(channel.name, channel.rate_hz, channel.resume))
        self._say_commands()
        return [*changed, welcome]

    def _become(self, status: Status, reason: str = "") -> list[Told | Reply]:
        if status is self.status:
            return []
        self.status, self.reason = status, reason
        return [LinkChanged(status, reason)]

    # What is said

    def _say(self, message: FromClient) -> None:
        self._out.append(message)

    def _say_commands(self) -> None:
        if self.status is Status.LIVE:
            self._out += self.commands.to_say()

    def _clock_due_ms(self) -> float:
        if self._ask_count < manners.CLOCK_SAMPLES_FIRST and self.status is Status.LIVE:
            return self._asked_ms + manners.CLOCK_FIRST_MS
        quiet_ms = max(self._heard_ms, self._asked_ms) + manners.CLOCK_QUIET_MS
        return min(quiet_ms, self._asked_ms + manners.CLOCK_EVERY_MS)

    def _ask_clock(self, now_ms: float) -> None:
        self._asked_ms = now_ms
        self._ask_count += 1
        self._say(Clock(now_ms))
