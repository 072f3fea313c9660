"""The client's side of a websocket, as little of it as a hub's frames need (RFC 6455). Pure.

No extensions, no fragments, no pings: the hub sends none.
"""

from __future__ import annotations

TEXT, CLOSE = 0x1, 0x8
HEAD_BYTES_MAX = 8 * 1024

_UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Cookie: %b\r\n\r\n"
)


def upgrade(host: str, cookie: str, path: str = "/live") -> bytes:
    """The request that opens a websocket; `host` as in a URL, with its port."""
    return _UPGRADE % (path.encode(), host.encode(), cookie.encode())


def accepted(head: bytes) -> bool:
    """Whether the answer, up to its blank line, is the switch of protocols."""
    return b" 101 " in head.split(b"\r\n", 1)[0]


def text(payload: bytes) -> bytes:
    """A client's frame (§5.2); the mask of zeros leaves the payload as it is."""
    length = len(payload)
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + bytes(4) + payload


def frames_in(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """(opcode, payload) of the whole frames in `data`, and what is left of a broken one."""
    found, at = [], 0
    while at + 2 <= len(data):
        length, start = data[at + 1], at + 2
        if length == 126:
            length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif length == 127:
            length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        if start + length > len(data):
            break
        found.append((data[at] & 0x0F, data[start : start + length]))
        at = start + length
    return found, data[at:]


def close_code(payload: bytes) -> int:
    """Of a close frame; 1005: none was given (§7.1.5)."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
