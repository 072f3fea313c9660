from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from hub import app
from hub.app import Demo, _first_link, _listen
from hub.core.errors import ConfigError
from hub.settings import Settings
from hub.store.errors import DiskFull


def test_a_port_in_use_names_key_and_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="in use - stop the program") as caught:
            _listen(Settings().with_ports(port, None))
    assert caught.value.key == "http.port"
    _listen(Settings().with_ports(port, None)).close()  # nothing keeps it


def test_a_hub_that_comes_back_on_a_full_disk_serves_without_a_new_link() -> None:
    class Full:
        base = "http://127.0.0.1:1"

        async def link(self) -> str:
            raise DiskFull

    hub: Any = Full()
    assert asyncio.run(_first_link(hub)) == "http://127.0.0.1:1"


def test_a_busy_thread_keeps_the_loop_for_less_than_a_slice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python's own 5 ms would be ten slices of the fan-out."""
    seen: list[float] = []

    async def serve(*given: object) -> None:
        seen.append(sys.getswitchinterval())

    before_s = sys.getswitchinterval()
    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(app, "configure_log", lambda: None)
    try:
        app.run(Settings(), tmp_path, Demo(None, at_once=False), False)
    finally:
        sys.setswitchinterval(before_s)
    assert seen == [pytest.approx(app.GIL_S)]
