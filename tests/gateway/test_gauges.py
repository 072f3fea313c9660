"""Open files and bus connections of a process are counted as they are."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from gateway import gauges


def test_files_and_connections_to_the_bus_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "bus")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path},guid=abc")
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(socket.socket(socket.AF_UNIX))
        bus.bind(path)
        bus.listen()
        other = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        before = gauges.look()
        assert before is not None and before.bus_connections == 0
        for _ in range(3):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
        stack.enter_context(socket.create_connection(other.getsockname()))
        stack.enter_context(open(os.devnull, "rb"))
        after = gauges.look()
        assert after == gauges.Gauges(before.open_files + 5, 3)
    assert gauges.look() == gauges.Gauges(before.open_files - 2, 0)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (gauges.SYSTEM_BUS, "/run/dbus/system_bus_socket"),
        ("unix:abstract=/tmp/x,guid=1", "\0/tmp/x"),
        ("tcp:host=localhost,port=1", ""),
        ("", ""),
    ],
)
def test_the_socket_of_a_bus_address(address: str, path: str) -> None:
    assert gauges.bus_path(address) == path
