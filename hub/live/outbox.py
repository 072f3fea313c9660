"""Everything that goes to one client, in two lanes, without ever waiting for it.

State frames are shared with other clients and written only while the client keeps up, which its
acks tell (`hub.live.fanout`): TCP swallows minutes of small frames before it says that nobody
reads. Event frames are this client's own queue; they are joined into one write, and a client that
lets them pile up is sent away to come back with its offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hub.wire.live import PROTOCOL_VERSION_MIN

PENDING_BYTES_MAX = 512 * 1024  # two of the largest timelines

Write = Callable[[bytes], None]


class Wire(Protocol):
    """The socket under an outbox."""

    def write(self, frames: bytes) -> None:
        """Whole websocket frames. Never blocks."""

    def close(self, code: int, reason: str) -> None: ...

    def overflow(self) -> None:
        """More waits for the far side than PENDING_BYTES_MAX: say goodbye to it."""

    def abort(self) -> None:
        """At once: a polite close never ends with a peer that does not read."""


class Lane(Protocol):
    """A place where an outbox gets state frames."""

    channel: str

    def place(self, outbox: Outbox) -> None:
        """`outbox.is_prompt` may be another now."""


class Outbox:
    """`soon` runs a call in this turn of the loop, after what is running."""

    __slots__ = (
        "_blocked",
        "_flushing",
        "_pending",
        "_pending_bytes",
        "_soon",
        "_wire",
        "acked_n",
        "closed",
        "lanes",
        "version",
        "write",
    )

    def __init__(self, wire: Wire, soon: Callable[[Callable[[], None]], object]) -> None:
        self._wire = wire
        self._soon = soon
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flushing = False
        self._blocked = False
        self.write: Write = wire.write
        self.closed = False
        self.acked_n = 0
        self.lanes: tuple[Lane, ...] = ()
        self.version = PROTOCOL_VERSION_MIN  # of the protocol; as `hello` says

    # State lane

    @property
    def is_prompt(self) -> bool:
        """A frame may be given straight to `write`: nothing waits before it or comes beside it."""
        return not (self._pending or self._blocked or self.closed) and len(self.lanes) == 1

    @property
    def takes_frames(self) -> bool:
        return not (self.closed or self._blocked)

    def enter(self, lane: Lane) -> None:
        self.lanes = (*self.lanes, lane)
        self._tell()

    def leave(self, lane: Lane) -> None:
        self.lanes = tuple(other for other in self.lanes if other is not lane)
        self._tell()

    def offer(self, frame: bytes) -> bool:
        """Write a state frame, after and with what waits; False: not now.

        Frames of several channels in one turn of the loop become one write.
        """
        if not self.takes_frames:
            return False
        if self._pending or len(self.lanes) > 1:
            self.send(frame)
        else:
            self.write(frame)
        return True

    def write_unacked(self, frame: bytes) -> bool:
        """A whole state that is not numbered (`sensors`); False: not now, it will be sent anew."""
        if not self.takes_frames:
            return False
        self.send(frame)
        return True

    def acked(self, n: int) -> None:
        """Every state frame up to `n` was seen. An old number does nothing."""
        if n > self.acked_n:
            self.acked_n = n

    def _tell(self) -> None:
        for lane in self.lanes:
            lane.place(self)

    # Event lane

    def send(self, frame: bytes) -> None:
        """Written at the end of this turn of the loop, together with its neighbours."""
        if self.closed:
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if len(self._pending) == 1:
            self._tell()
        if self._pending_bytes > PENDING_BYTES_MAX and not self._blocked:
            self._flush()  # a snapshot of two hundred lanes: only what is not read is too much
        if self._pending_bytes > PENDING_BYTES_MAX:
            self._wire.overflow()
        elif self._pending and not (self._flushing or self._blocked):
            self._flushing = True
            self._soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._pending or self.closed or self._blocked:
            return
        frames = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending = []
        self._pending_bytes = 0
        self.write(frames)
        self._tell()

    def withdraw(self) -> None:
        """What still waits for a far side that does not read holds what it may not see any more."""
        if self._blocked and self._pending:
            self._pending, self._pending_bytes = [], 0
            self._wire.overflow()

    # The socket's word

    def pause(self) -> None:
        """The socket's buffer is full."""
        self._blocked = True
        self._tell()

    def resume(self) -> None:
        self._blocked = False
        self._flush()
        self._tell()

    def close(self, code: int, reason: str, goodbye: bytes = b"") -> None:
        """What waits is written first, if it can be; `goodbye`, a frame, in any case."""
        if not self.closed:
            self._flush()
            self._shut()
            if goodbye:
                self.write(goodbye)
            self._wire.close(code, reason)

    def abort(self) -> None:
        if not self.closed:
            self._shut()
            self._wire.abort()

    def lost(self) -> None:
        """The connection is gone, or going: nothing may follow a close frame."""
        self._pending = []
        self._shut()

    def _shut(self) -> None:
        self.closed = True
        self._tell()


def ws_text(payload: bytes) -> bytes:
    """`payload` as one unmasked websocket text frame (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload
