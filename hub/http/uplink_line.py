"""One gateway's WebSocket at the hub, from the proof of its key to its end; and who waits for it.

A frame goes straight to ingest, in slices of at most 0.5 ms, and what ingest says goes straight to
the transport.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame

from hub.wire import uplink_proof
from hub.wire.uplink import DOWN, STOP_RETRY_MS, DownBye, Refuse
from hub.wire.uplink_proof import HubProof, Unproven

WAITING_MAX = 32  # policy: for one more, the one that has waited longest goes
GREETING_S = 5.0  # from the socket to the `welcome`
SEND_BYTES_MAX = 1024 * 1024  # what a gateway has not read yet; four of the largest frames
SLICE_NS = 500_000
USER_TIMEOUT_MS = 10_000
CLOSE_S = 2.0  # for the far side to say goodbye too; then the connection is cut


class Lines(Protocol):
    """Ingest, as a socket sees it: `hub.gateway_lines.GatewayLines`."""

    def open(self, line: GatewayLine, key: str) -> bytes: ...

    def heard(self, peer: bytes, frame: bytes) -> bool: ...

    def gone(self, peer: bytes) -> None: ...


class UplinkSite:
    """What all these sockets share: the way to ingest, the hub's key, and who waits to be let in.

    `hub_key` is public, Z85; `shared_with` as `HubProof` wants it. `refused` is told of each
    unknown key; `counts` gets `line_…`.
    """

    def __init__(
        self,
        lines: Lines,
        hub_key: str,
        shared_with: Callable[[str], bytes | None],
        refused: Callable[[], None],
        counts: Counter[str],
    ) -> None:
        self.lines = lines
        self.counts = counts
        self.refused = refused
        self._hub_key = hub_key
        self._shared_with = shared_with
        self._waiting: dict[GatewayLine, None] = {}  # in order of time

    def proof(self) -> HubProof:
        nonce = secrets.token_bytes(uplink_proof.NONCE_BYTES)
        return HubProof(self._hub_key, nonce, self._shared_with)

    def wait(self, line: GatewayLine) -> None:
        while len(self._waiting) >= WAITING_MAX:
            next(iter(self._waiting)).give_up("crowded_out", "too many wait to be let in")
        self._waiting[line] = None

    def waits_no_more(self, line: GatewayLine) -> None:
        self._waiting.pop(line, None)


class Pipe:
    """The WebSocket of one line: whole frames out, parts of frames in."""

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        self._protocol = protocol
        self._parts = bytearray()
        self._paused = False
        self.loop = protocol.loop
        protocol.transport.set_write_buffer_limits(high=SEND_BYTES_MAX)
        sock = protocol.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # a socket that is gone says so soon enough
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def whole(self, part: Frame) -> bytes | None:
        """The frame that this part ends. The protocol bounds all parts together."""
        if self._protocol.close_sent:
            return None
        self._parts += part.data
        if not part.fin:
            return None
        frame, self._parts = bytes(self._parts), bytearray()
        return frame

    @property
    def unsent(self) -> int:
        return self._protocol.transport.get_write_buffer_size()

    def say(self, frame: bytes) -> None:
        with contextlib.suppress(InvalidState):  # the far side said goodbye meanwhile
            self._protocol.conn.send_text(frame)
            self.flush()

    def flush(self) -> None:
        self._protocol.transport.write(b"".join(self._protocol.conn.data_to_send()))

    def goodbye(self, code: int, reason: str) -> None:
        protocol = self._protocol
        with contextlib.suppress(InvalidState):
            protocol.conn.send_close(code, reason)
            self.flush()
        protocol.close_sent = True
        if protocol.close_timer is None:
            protocol.close_timer = self.loop.call_later(CLOSE_S, protocol.transport.abort)

    def end_writing(self) -> None:
        """For a far side whose goodbye can not be understood any more."""
        if self._protocol.transport.can_write_eof() and not self._protocol.transport.is_closing():
            self._protocol.transport.write_eof()

    def abort(self) -> None:
        self._protocol.transport.abort()

    def read(self, on: bool) -> None:
        transport = self._protocol.transport
        if self._paused is on and not transport.is_closing():
            self._paused = not on
            (transport.resume_reading if on else transport.pause_reading)()


class GatewayLine:
    """One socket: the proof, then frames. As `hub.gateway_lines.Line` towards ingest."""

    def __init__(self, site: UplinkSite, pipe: Pipe) -> None:
        self._site = site
        self._pipe = pipe
        self._proof: HubProof | None = site.proof()
        self._peer: bytes | None = None
        self._frames: deque[bytes] = deque()
        self._soon = False
        self._over = False
        self._timer = pipe.loop.call_later(
            GREETING_S, self.give_up, "too_late", f"no hello within {GREETING_S:.0f} s"
        )

    def begin(self) -> None:
        assert self._proof is not None
        self._site.wait(self)
        self._pipe.say(self._proof.challenge())

    # in

    def came(self, part: Frame) -> None:
        """A frame is heard in its turn: a flood shall not keep the loop."""
        frame = self._pipe.whole(part)
        if frame is None:
            return
        self._frames.append(frame)
        if not self._soon:
            self._soon = True
            self._pipe.loop.call_soon(self._turn)

    def lost(self) -> None:
        """The socket is no more; what came before counts."""
        while self._frames and not self._over:
            self._hear(self._frames.popleft())
        self._finish()
        if self._peer is not None:
            peer, self._peer = self._peer, None
            self._site.lines.gone(peer)

    def _turn(self) -> None:
        self._soon = False
        until_ns = time.perf_counter_ns() + SLICE_NS
        while self._frames and not self._over:
            self._hear(self._frames.popleft())
            if time.perf_counter_ns() >= until_ns:
                break
        if self._frames and not self._over:
            self._soon = True
            self._pipe.read(False)
            self._pipe.loop.call_soon(self._turn)
        else:
            self._frames.clear()
            self._pipe.read(True)

    def _hear(self, frame: bytes) -> None:
        if self._proof is not None:
            self._prove(self._proof, frame)
        elif self._peer is not None and self._site.lines.heard(self._peer, frame):
            self._welcomed()

    def _prove(self, proof: HubProof, frame: bytes) -> None:
        try:
            key, answer = proof.receive(frame)
        except Unproven as no:
            if no.refuse.code == "not_allowed":
                self._site.refused()
            self._turn_away(f"line_{no.refuse.code}", no.refuse)
            return
        self._proof = None
        self._peer = self._site.lines.open(self, key)
        self._pipe.say(answer)

    def _welcomed(self) -> None:
        self._timer.cancel()
        self._site.waits_no_more(self)

    # out

    def send(self, frame: bytes) -> str:
        if self._over:
            return "unreachable"
        if self._pipe.unsent + len(frame) > SEND_BYTES_MAX:
            self._site.counts["send_full"] += 1
            self._pipe.abort()
            return "stalled"
        self._pipe.say(frame)
        return ""

    def answer(self) -> None:
        """What the protocol itself has to say."""
        self._pipe.flush()

    def no_frame(self) -> None:
        """What came is not even WebSocket. The protocol has its close frame ready; the far side
        gets time to read it, and what it still sends is not looked at.
        """
        self._site.counts["line_bad_frame"] += 1
        self._pipe.flush()
        self._close(CloseCode.PROTOCOL_ERROR, "")
        self._pipe.end_writing()

    def end(self) -> None:
        """Ingest is done with it, and has said why."""
        self._peer = None
        self._close(CloseCode.NORMAL_CLOSURE, "")

    def give_up(self, code: str, detail: str) -> None:
        """Whoever this is has not become a gateway."""
        self._turn_away(f"line_{code}", Refuse(code, detail, uplink_proof.RETRY_MS))

    def hub_stops(self) -> None:
        if not self._over:
            self._pipe.say(DOWN.encode(DownBye("hub_stopping", STOP_RETRY_MS)))
            self._close(CloseCode.SERVICE_RESTART, "the hub stops")

    def _turn_away(self, count: str, refuse: Refuse) -> None:
        if not self._over:
            self._site.counts[count] += 1
            self._pipe.say(DOWN.encode(refuse))
            self._close(CloseCode.POLICY_VIOLATION, refuse.code)

    def _close(self, code: int, reason: str) -> None:
        if not self._over:
            self._finish()
            self._pipe.goodbye(code, reason)

    def _finish(self) -> None:
        self._over = True
        self._frames.clear()
        self._timer.cancel()
        self._site.waits_no_more(self)
