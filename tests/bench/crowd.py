"""Many clients in one process: raw sockets and epoll, the least that a receiver can cost."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from firmware_sim.clients import frames
from firmware_sim.clients.frames import text as masked_text

WAIT_S = 10.0
READ_BYTES = 1 << 16
CLOCK_EXCHANGES = 30


def masked(message: object) -> bytes:
    return masked_text(json.dumps(message).encode())


def frames_in(data: bytes) -> tuple[list[bytes], bytes]:
    """Payloads of the whole frames in `data`, and what is left of a broken one."""
    found, rest = frames.frames_in(data)
    return [payload for _, payload in found], rest


def connect(
    port: int, cookie: str = "derny=none", receive_bytes: int = 0, path: str = "/live"
) -> socket.socket:
    """A websocket, open; what came after the handshake is still to be read."""
    sock = plain(port, receive_bytes)
    sock.sendall(frames.upgrade(f"127.0.0.1:{port}", cookie, path))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: the rest belongs to the reader
        byte = sock.recv(1)
        if not byte:
            break
        answer += byte
    if b" 101 " not in answer.split(b"\r\n", 1)[0]:
        raise ConnectionError(answer.decode(errors="replace"))
    return sock


def plain(port: int, receive_bytes: int = 0) -> socket.socket:
    """`receive_bytes` 0: the system chooses."""
    sock = socket.socket()
    sock.settimeout(WAIT_S)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.connect(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _is_one_frame(data: bytes | bytearray, length: int) -> bool:
    """Whole and of 126 to 65535 bytes, as nearly all are."""
    return length > 4 and data[1] == 126 and (data[2] << 8 | data[3]) + 4 == length


class Crowd:
    """Open sockets that are read together."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = list(sockets)
        self._of = {sock.fileno(): sock for sock in self.sockets}
        self._rest: dict[int, bytes] = {}
        self._epoll = select.epoll()
        for sock in self.sockets:
            sock.setblocking(False)
            self._epoll.register(sock, select.EPOLLIN)

    def say(self, message: object) -> None:
        frame = masked(message)
        for sock in self.sockets:
            sock.send(frame)

    def acknowledge(self) -> None:
        """Everything so far. A number from ahead is the simplest way to say it."""
        self.say({"t": "ack", "n": 1 << 40})

    def count(self, frames: int, within_s: float = WAIT_S) -> int:
        """Reads until so many frames came, or `within_s` is over; how many came."""
        got = 0
        end_s = time.monotonic() + within_s
        poll, sockets, rest = self._epoll.poll, self._of, self._rest
        while got < frames and time.monotonic() < end_s:
            for fd, _ in poll(0.2):
                data = sockets[fd].recv(READ_BYTES)
                if not data:
                    raise ConnectionError("the server hung up")
                if fd in rest:
                    data = rest.pop(fd) + data
                if _is_one_frame(data, len(data)):
                    got += 1
                    continue
                payloads, left = frames_in(data)
                got += len(payloads)
                if left:
                    rest[fd] = left
        return got

    def listen(self, hear: Callable[[socket.socket, bytes], None], until_s: float) -> None:
        """Gives every payload to `hear` until the monotonic instant `until_s`."""
        buffer = bytearray(READ_BYTES)
        view = memoryview(buffer)
        while (wait_s := until_s - time.monotonic()) > 0:
            for fd, _ in self._epoll.poll(wait_s):
                sock = self._of[fd]
                got = sock.recv_into(buffer)
                if fd not in self._rest and _is_one_frame(buffer, got):
                    hear(sock, bytes(view[4:got]))
                    continue
                payloads, rest = frames_in(self._rest.pop(fd, b"") + bytes(view[:got]))
                if rest:
                    self._rest[fd] = rest
                for payload in payloads:
                    hear(sock, payload)

    def drain(self, quiet_s: float = 0.15) -> int:
        """Reads until nothing came for so long; the bytes that came."""
        total = 0
        while ready := self._epoll.poll(quiet_s):
            for fd, _ in ready:
                data = self._of[fd].recv(READ_BYTES)
                total += len(data)
                if not data:
                    self._epoll.unregister(fd)
        return total

    def close(self) -> None:
        self._epoll.close()
        for sock in self._of.values():
            with contextlib.suppress(OSError):
                sock.close()


def hub_offset_ms(sock: socket.socket) -> int:
    """Hub time less this machine's boot clock, by the exchange with the smallest round trip.

    Both are read on this machine and their difference is whole milliseconds, so it is exact.
    """
    best_ms, offset_ms = float("inf"), 0.0
    for _ in range(CLOCK_EXCHANGES):
        sent_ms = boot_ms()
        sock.sendall(masked({"t": "clock", "sent_ms": sent_ms}))
        reply = next(m for m in messages(sock) if m["t"] == "clock" and m["sent_ms"] == sent_ms)
        round_trip_ms = boot_ms() - sent_ms
        if round_trip_ms < best_ms:
            best_ms = round_trip_ms
            offset_ms = reply["received_ms"] - sent_ms - round_trip_ms / 2
    return round(offset_ms)


def messages(sock: socket.socket) -> Iterator[dict[str, Any]]:
    """Of a blocking socket."""
    rest = b""
    while data := sock.recv(READ_BYTES):
        payloads, rest = frames_in(rest + data)
        yield from map(json.loads, payloads)


def boot_ms() -> float:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6
