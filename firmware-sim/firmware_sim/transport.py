"""Where a socket is: `unix:/path/air.sock` or `tcp:127.0.0.1:9700`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, with the closing zero.
MAX_UNIX_PATH_BYTES = 103


class TransportError(ValueError):
    """A transport that is not written as this module asks; the message says what to write."""


@dataclass(frozen=True, slots=True)
class UnixTransport:
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpTransport:
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.host}:{self.port}"


Transport = UnixTransport | TcpTransport


def parse(spec: str) -> Transport:
    """Read a transport.

    Raises:
        TransportError: the text is no transport, or its path is too long for the operating system.
    """
    kind, _, rest = spec.partition(":")
    if kind == "unix" and rest:
        return _unix(rest)
    if kind == "tcp" and rest:
        return _tcp(spec, rest)
    raise TransportError(f"{spec!r} is no transport: write unix:/path/air.sock or tcp:HOST:PORT")


def _unix(path: str) -> UnixTransport:
    if len(path.encode()) > MAX_UNIX_PATH_BYTES:
        raise TransportError(
            f"the socket path {path!r} is longer than {MAX_UNIX_PATH_BYTES} bytes: "
            "choose a shorter one"
        )
    return UnixTransport(path)


def _tcp(spec: str, rest: str) -> TcpTransport:
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise TransportError(f"{spec!r} names no port from 0 to 65535: write tcp:127.0.0.1:9700")
    return TcpTransport(host, int(port))
