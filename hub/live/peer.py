"""One client of `/live`: its messages in, the answers to its outbox. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from hub.auth.principal import Principal
from hub.core.errors import DernyError
from hub.live.outbox import Outbox, Wire, ws_text
from hub.wire.codec import DecodeError
from hub.wire.live import CHANNELS_MAX, PROTOCOL_VERSION, CloseCode
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Clock,
    Control,
    FromClient,
    Hello,
    Prefer,
    Refresh,
    Subscribe,
    Unsubscribe,
)
from hub.wire.live_to_client import TO_CLIENT, Bye, ClockReply, Error, Reply, ToClient, Welcome

MALFORMED_MAX = 10  # then it is no client of ours
COMMANDS_MAX = 8  # under way at once


class Host(Protocol):
    """The hub as a client meets it."""

    build: str

    def now_us(self) -> int: ...

    def subscribe(self, outbox: Outbox, principal: Principal, wish: Subscribe) -> None: ...

    def unsubscribe(self, outbox: Outbox, channel: str) -> None: ...

    async def control(self, principal: Principal, command: Control) -> Reply: ...

    async def prefer(self, principal: Principal, command: Prefer) -> Reply: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...

    def malformed(self, code: str) -> None:
        """Counts a refused message."""

    def gone(self, peer: Peer) -> None: ...


class Peer:
    __slots__ = ("_channels", "_commands", "_host", "_malformed", "greeted", "outbox", "principal")

    def __init__(
        self,
        host: Host,
        principal: Principal,
        wire: Wire,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._host = host
        self.principal = principal
        self.outbox = Outbox(wire, soon)
        self._channels: tuple[str, ...] = ()
        self._commands = 0
        self._malformed = 0
        self.greeted = False

    def receive(self, frame: bytes) -> None:
        """One whole message. Never raises for what a client may send."""
        received_us = self._host.now_us()
        try:
            message = FROM_CLIENT.decode(frame)
        except DecodeError as error:
            self._refuse(error.code, error.detail)
            return
        try:
            self._handle(message, received_us)
        except DernyError as error:
            self._answer(Error(error.code, str(error), getattr(message, "channel", "")))

    def rename(self, principal: Principal) -> None:
        """The login acts as another athlete now: welcome it as that."""
        self.principal = principal
        if self.greeted:
            self._welcome()

    def lost(self) -> None:
        """The connection is gone, however it ended."""
        for channel in self._channels:
            self._host.unsubscribe(self.outbox, channel)
        self._channels = ()
        self.outbox.lost()
        self._host.gone(self)

    def dismiss(self, code: int, reason: str, retry_ms: int | None) -> None:
        self._answer(Bye(reason, retry_ms))
        self.outbox.close(code, reason)

    def _handle(self, message: FromClient, received_us: int) -> None:
        match message:
            case Clock(sent_ms=sent_ms):
                answered_us = self._host.now_us()
                self._answer(ClockReply(sent_ms, received_us / 1000, answered_us / 1000))
            case Hello():
                self._greet(message)
            case _ if not self.greeted:
                self._refuse("no_hello", "say hello first")
            case Ack(n=n):
                self.outbox.acked(n)
            case Subscribe():
                self._subscribe(message)
            case Unsubscribe(channel=channel):
                self._channels = tuple(name for name in self._channels if name != channel)
                self._host.unsubscribe(self.outbox, channel)
            case Control():
                self._command(message.key, self._host.control(self.principal, message))
            case Prefer():
                self._command(message.key, self._host.prefer(self.principal, message))
            case Refresh():
                # A cookie cannot expire in mid-ride; tokens that can come with accounts.
                self._answer(Error("no_token", "this connection was let in by its cookie"))

    def _greet(self, hello: Hello) -> None:
        if hello.v != PROTOCOL_VERSION:
            self._answer(
                Error("version", f"this hub speaks protocol {PROTOCOL_VERSION}: reload the page")
            )
            self.outbox.close(CloseCode.VERSION, "protocol version")
            return
        self.greeted = True
        self._welcome()

    def _welcome(self) -> None:
        principal = self.principal
        self._answer(
            Welcome(
                PROTOCOL_VERSION,
                self._host.now_us() // 1000,
                self._host.build,
                principal.role.value,
                principal.athlete_id,
            )
        )

    def _subscribe(self, wish: Subscribe) -> None:
        if wish.channel not in self._channels and len(self._channels) >= CHANNELS_MAX:
            detail = f"a socket holds {CHANNELS_MAX} channels: unsubscribe one"
            self._answer(Error("too_many_channels", detail, wish.channel))
            return
        self._host.subscribe(self.outbox, self.principal, wish)
        if wish.channel not in self._channels:
            self._channels = (*self._channels, wish.channel)

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
            self.outbox.close(CloseCode.PROTOCOL, "too many messages that are none")

    def _answer(self, message: ToClient) -> None:
        self.outbox.send(ws_text(TO_CLIENT.encode(message)))
