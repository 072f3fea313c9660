"""One client of `/live`: its messages in, the answers to its outbox. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from msgspec.structs import replace

from hub.auth.principal import Principal
from hub.core.errors import Denied, DernyError, NotFound
from hub.live.outbox import Outbox, Wire, ws_text
from hub.wire.codec import DecodeError
from hub.wire.live import CHANNELS_MAX, CloseCode
from hub.wire.live_client import COMMANDS_MAX
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Clock,
    Control,
    Fired,
    FromClient,
    Hello,
    Prefer,
    Refresh,
    Subscribe,
    Unsubscribe,
)
from hub.wire.live_to_client import (
    TO_CLIENT,
    Bye,
    ClockReply,
    Error,
    Refreshed,
    Reply,
    ToClient,
    Welcome,
)
from hub.wire.live_versions import is_for, may_say, why_not

MALFORMED_MAX = 10  # then it is no client of ours
PACE_US = 10_000  # between two messages in the long run: an honest client says two a second
BURST = 500  # at once
REFRESH_MS = 1_000  # between two: a signature costs as much as a hundred messages


class Host(Protocol):
    """The hub as a client meets it."""

    build: str

    def now_us(self) -> int: ...

    def admit(self, peer: Peer, token: str) -> None:
        """Give the peer a principal. Raises Denied."""

    def refresh(self, peer: Peer, token: str) -> None:
        """Let the peer go on for as long as this token. Raises Denied."""

    def fired(self, outbox: Outbox, cue: Fired) -> None: ...

    def subscribe(self, outbox: Outbox, principal: Principal, wish: Subscribe) -> None: ...

    def unsubscribe(self, outbox: Outbox, channel: str) -> None: ...

    async def control(self, principal: Principal, command: Control) -> Reply: ...

    async def prefer(self, principal: Principal, command: Prefer) -> Reply: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...

    def malformed(self, code: str) -> None:
        """Counts a refused message."""

    def gone(self, peer: Peer) -> None: ...


class Peer:
    """`principal` None: it has yet to say who it is. `ends_at_ms`: then it is sent away."""

    __slots__ = (
        "_commands",
        "_greeted",
        "_host",
        "_malformed",
        "_paced_us",
        "_refreshed_us",
        "_wishes",
        "ends_at_ms",
        "expires_at_ms",
        "outbox",
        "principal",
    )

    def __init__(
        self,
        host: Host,
        wire: Wire,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._host = host
        self.outbox = Outbox(wire, soon)
        self.principal: Principal | None = None
        self.expires_at_ms = 0
        self.ends_at_ms = 0
        self._wishes: tuple[Subscribe, ...] = ()
        self._commands = 0
        self._malformed = 0
        self._paced_us = 0  # when the messages so far would be over at PACE_US each
        self._refreshed_us = 0
        self._greeted = False

    def receive(self, frame: bytes) -> None:
        """One whole message. Never raises for what a client may send."""
        received_us = self._host.now_us()
        if not self._is_paced(received_us):
            return
        try:
            message = FROM_CLIENT.decode(frame)
        except DecodeError as error:
            self._refuse(error.code, error.detail)
            return
        try:
            self._handle(message, received_us)
        except DernyError as error:
            self._answer(Error(error.code, str(error), getattr(message, "channel", "")))

    def pinged(self) -> bool:
        """Whether a ping of the protocol below is answered: it counts as a message."""
        return self._is_paced(self._host.now_us()) and self.outbox.takes_frames

    def become(self, principal: Principal) -> None:
        """The login acts as another athlete or in another role now.

        What it watches is granted anew, or ends with an `error` of that channel.
        """
        self.principal = principal
        self.outbox.withdraw()
        if not self._greeted:
            return
        self._welcome(principal)
        wishes, self._wishes = self._wishes, ()
        for wish in wishes:
            try:
                self._subscribe(principal, wish)
            except DernyError as error:
                self._host.unsubscribe(self.outbox, wish.channel)
                self._answer(Error(error.code, str(error), wish.channel))

    def lost(self) -> None:
        """The connection is gone, however it ended."""
        for wish in self._wishes:
            self._host.unsubscribe(self.outbox, wish.channel)
        self._wishes = ()
        self.outbox.lost()
        self._host.gone(self)

    def dismiss(self, code: CloseCode, reason: str, retry_ms: int | None) -> None:
        """Says goodbye and closes. `retry_ms` None: do not come back by yourself."""
        self.outbox.close(code, reason, _frame(Bye(reason, retry_ms)))

    def _is_paced(self, received_us: int) -> bool:
        self._paced_us = max(self._paced_us, received_us) + PACE_US
        if self._paced_us - received_us <= BURST * PACE_US:
            return True
        self._refuse("too_often", f"more than {BURST} messages came at once")
        return False

    def _handle(self, message: FromClient, received_us: int) -> None:
        match message:
            case Clock(sent_ms=sent_ms):
                answered_us = self._host.now_us()
                self._answer(ClockReply(sent_ms, received_us / 1000, answered_us / 1000))
            case Hello():
                self._greet(message)
            case _ if not self._greeted or self.principal is None:
                self._refuse("no_hello", "say hello first")
            case Ack(n=n):
                self.outbox.acked(n)
            case Fired(session=session):
                self._require(f"session:{session}")
                self._host.fired(self.outbox, message)
            case Subscribe():
                self._subscribe(self.principal, message)
            case Unsubscribe(channel=channel):
                self._wishes = tuple(wish for wish in self._wishes if wish.channel != channel)
                self._host.unsubscribe(self.outbox, channel)
            case Control():
                self._command(message.key, self._host.control(self.principal, message))
            case Prefer():
                self._command(message.key, self._host.prefer(self.principal, message))
            case Refresh(token=token):
                self._refresh(token, received_us)

    def _require(self, channel: str) -> None:
        """Raises NotFound."""
        if all(wish.channel != channel for wish in self._wishes):
            raise NotFound(f"this connection is not subscribed to {channel!r}")

    def _greet(self, hello: Hello) -> None:
        problem = why_not(hello.v)
        if problem:
            self._answer(Error("version", problem))
            self.dismiss(CloseCode.VERSION, "protocol version", None)
            return
        if self.principal is None:
            try:
                self._host.admit(self, hello.token)
            except Denied as error:
                self._turn_away(error)
                return
        self.outbox.version = hello.v
        self._greeted = True
        assert self.principal is not None
        self._welcome(self.principal)

    def _turn_away(self, error: Denied) -> None:
        self._answer(Error(error.code, str(error)))
        code = CloseCode.EXPIRED if error.code == "expired_token" else CloseCode.FORBIDDEN
        self.dismiss(code, error.message, None)

    def _welcome(self, principal: Principal) -> None:
        self._answer(
            Welcome(
                self.outbox.version,
                self._host.now_us() // 1000,
                self._host.build,
                principal.role.value,
                principal.athlete_id,
                self.expires_at_ms,
            )
        )

    def _refresh(self, token: str, received_us: int) -> None:
        if not may_say(self.outbox.version, "refresh"):
            self._answer(Error("no_token", "this connection was let in by its cookie"))
            return
        if received_us - self._refreshed_us < REFRESH_MS * 1000:
            self._refuse("too_often", "a connection is refreshed once a second at most")
            return
        self._refreshed_us = received_us
        self._host.refresh(self, token)
        self._answer(Refreshed(self.expires_at_ms))

    def _subscribe(self, principal: Principal, wish: Subscribe) -> None:
        others = tuple(other for other in self._wishes if other.channel != wish.channel)
        if len(others) >= CHANNELS_MAX:
            detail = f"a socket holds {CHANNELS_MAX} channels: unsubscribe one"
            self._answer(Error("too_many_channels", detail, wish.channel))
            return
        self._host.subscribe(self.outbox, principal, wish)
        self._wishes = (*others, replace(wish, resume=None))

    def _command(self, key: str, work: Coroutine[Any, Any, Reply]) -> None:
        if self._commands >= COMMANDS_MAX:
            work.close()
            detail = f"{COMMANDS_MAX} commands are under way: wait for their replies"
            self._answer(Reply(key, False, "busy", detail))
            return
        self._commands += 1
        self._host.spawn(self._carry_out(work))

    async def _carry_out(self, work: Coroutine[Any, Any, Reply]) -> None:
        try:
            self._answer(await work)
        finally:
            self._commands -= 1

    def _refuse(self, code: str, detail: str) -> None:
        self._host.malformed(code)
        self._malformed += 1
        self._answer(Error(code, detail))
        if self._malformed >= MALFORMED_MAX:
            self.dismiss(CloseCode.PROTOCOL, "too many messages that are none", None)

    def _answer(self, message: ToClient) -> None:
        if is_for(self.outbox.version, type(message)):
            self.outbox.send(_frame(message))


def _frame(message: ToClient) -> bytes:
    return ws_text(TO_CLIENT.encode(message))
