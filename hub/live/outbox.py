"""Everything that goes to one client, in two lanes, without ever waiting for it.

State frames are shared with other clients and written only while the client keeps up, which its
acks tell: TCP swallows minutes of small frames before it says that nobody reads. Event frames are
this client's own queue; they are joined into one write, and a client that lets them pile up is
sent away to come back with its offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hub.wire.live import CloseCode

STALE_ACK_MS = 2_000  # the oldest state frame unacknowledged for so long: no more until it is
DEAD_ACK_MS = 10_000
PENDING_BYTES_MAX = 512 * 1024  # two of the largest timelines


class Wire(Protocol):
    """The socket under an outbox."""

    def write(self, frames: bytes) -> None:
        """Whole websocket frames. Never blocks."""

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None:
        """At once: a polite close never ends with a peer that does not read."""


Mark = tuple[int, int]  # a state frame's number and when it was written (hub ms)


class Outbox:
    """`soon` runs a call in this turn of the loop, after what is running."""

    __slots__ = (
        "_blocked",
        "_busy",
        "_flushing",
        "_pending",
        "_pending_bytes",
        "_soon",
        "_unacked",
        "_wire",
        "_write",
        "closed",
        "conflated_count",
    )

    def __init__(self, wire: Wire, soon: Callable[[Callable[[], None]], object]) -> None:
        self._wire = wire
        self._write = wire.write
        self._soon = soon
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._unacked: list[Mark] = []
        self._flushing = False
        self._blocked = False
        self._busy = False  # any reason to look twice before writing: pending, blocked or closed
        self.closed = False
        self.conflated_count = 0

    # State lane

    def offer(self, frame: bytes, mark: Mark) -> bool:
        """Write a state frame, which may be shared by any number of clients, if this one keeps up.

        A client dead for DEAD_ACK_MS is cut off.
        """
        unacked = self._unacked  # bounded by STALE_ACK_MS, the rates and CHANNELS_MAX
        if self._busy or (unacked and mark[1] - unacked[0][1] > STALE_ACK_MS):
            return self._offer_busy(frame, mark)
        unacked.append(mark)
        self._write(frame)
        return True

    def _offer_busy(self, frame: bytes, mark: Mark) -> bool:
        if not self.keeps_up(mark[1]):
            self.conflated_count += 1
            return False
        self._unacked.append(mark)
        if self._pending:
            self._enqueue(frame)
        else:
            self._write(frame)
        return True

    def keeps_up(self, now: int) -> bool:
        """Whether a state frame may be written now."""
        if self.closed:
            return False
        waited_ms = now - self._unacked[0][1] if self._unacked else 0
        if waited_ms > DEAD_ACK_MS:
            self.abort()
            return False
        return waited_ms <= STALE_ACK_MS and not self._blocked

    def write_unacked(self, frame: bytes) -> bool:
        """A whole state that is not numbered (`sensors`); False: not now, it will be sent anew."""
        if self.closed or self._blocked:
            return False
        self.send(frame)
        return True

    def acked(self, n: int) -> None:
        """Every state frame up to `n` was seen. Old and invented numbers do nothing."""
        unacked = self._unacked
        seen = 0
        while seen < len(unacked) and unacked[seen][0] <= n:
            seen += 1
        del unacked[:seen]

    # Event lane

    def send(self, frame: bytes) -> None:
        """Written at the end of this turn of the loop, together with its neighbours."""
        if self.closed:
            return
        self._enqueue(frame)
        if self._pending_bytes > PENDING_BYTES_MAX:
            self.close(CloseCode.SLOW, "too slow, come back with your offset")
        elif not self._flushing and not self._blocked:
            self._flushing = True
            self._soon(self._flush)

    def _enqueue(self, frame: bytes) -> None:
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        self._busy = True

    def _flush(self) -> None:
        self._flushing = False
        if not self._pending or self.closed or self._blocked:
            return
        frames = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending = []
        self._pending_bytes = 0
        self._busy = False
        self._write(frames)

    # The socket's word

    def pause(self) -> None:
        """The socket's buffer is full."""
        self._blocked = self._busy = True

    def resume(self) -> None:
        self._blocked = False
        self._busy = bool(self._pending) or self.closed
        self._flush()

    def close(self, code: int, reason: str) -> None:
        if not self.closed:
            self._flush()
            self.closed = self._busy = True
            self._wire.close(code, reason)

    def abort(self) -> None:
        if not self.closed:
            self.closed = self._busy = True
            self._wire.abort()

    def lost(self) -> None:
        """The connection is gone, or going: nothing may follow a close frame."""
        self.closed = self._busy = True
        self._pending = []
        self._unacked = []


def ws_text(payload: bytes) -> bytes:
    """`payload` as one unmasked websocket text frame (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload
