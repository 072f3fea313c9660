"""The proxy that the kill journeys trust does what it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from journeys.proxy import FaultProxy, Way


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(link,), daemon=True).start()

    def _echo(self, link: socket.socket) -> None:
        with link:
            try:
                while data := link.recv(4096):
                    link.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with closing(Echo()) as echo, closing(FaultProxy(echo.port)) as built:
        yield built


def linked(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def test_it_forwards_both_ways(proxy: FaultProxy) -> None:
    with linked(proxy) as link:
        link.sendall(b"there and back")
        assert link.recv(100) == b"there and back"


def test_a_held_way_keeps_what_was_sent(proxy: FaultProxy) -> None:
    with linked(proxy) as link:
        proxy.hold(Way.DOWN)
        link.sendall(b"late")
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(100)
        proxy.heal()
        link.settimeout(60)
        assert link.recv(100) == b"late"


def test_a_cut_link_answers_nobody(proxy: FaultProxy) -> None:
    proxy.cut()
    with linked(proxy) as link:
        link.sendall(b"hello?")
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(100)
        proxy.heal()
        link.settimeout(60)
        assert link.recv(100) == b"hello?"


def test_what_is_delayed_comes_late_and_in_order(proxy: FaultProxy) -> None:
    with linked(proxy) as link:
        proxy.delay_ms(150)
        began_s = time.monotonic()
        link.sendall(b"a")
        assert link.recv(1) == b"a"
        assert time.monotonic() - began_s >= 0.3


def test_a_reset_is_one(proxy: FaultProxy) -> None:
    with linked(proxy) as link:
        link.sendall(b"x")
        assert link.recv(1) == b"x"
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            link.recv(1)


def test_without_a_target_there_is_nobody(proxy: FaultProxy) -> None:
    with closing(FaultProxy(1)) as nowhere, linked(nowhere) as link:
        try:
            answer = link.recv(1)
        except ConnectionResetError:
            answer = b""
        assert answer == b""
