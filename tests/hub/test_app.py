from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub import app
from hub.app import Demo, Hub, _first_link, _listen, _serve_http
from hub.core.errors import ConfigError
from hub.http.guard import COOKIE
from hub.settings import Settings
from hub.store.errors import DiskFull
from hub.store.store import Store


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


def test_a_hub_that_stops_says_goodbye_to_event_streams(tmp_path: Path) -> None:
    """Or uvicorn would wait for them, and cut them off without a word."""
    told: list[str] = []

    async def listen(hub: Hub, stop: asyncio.Event) -> None:
        token = (await hub.link()).partition("#token=")[2]
        async with httpx2.AsyncClient(base_url=hub.base, timeout=60) as web:
            answer = await web.post("/api/login", json={"token": token})
            web.cookies.set(COOKIE, answer.cookies[COOKIE])
            async with web.stream("GET", "/live/events?channel=sensors") as stream:
                async for line in stream.aiter_lines():
                    told.append(line)
                    if '"t":"sensors"' in line:
                        stop.set()

    async def play() -> None:
        settings, stop = Settings().with_ports(0, 0), asyncio.Event()
        store = await Store.open(tmp_path)
        listener = _listen(settings)
        hub = Hub(settings, tmp_path, store, Demo(None, at_once=False))
        hub.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with hub.running():
            serving = asyncio.create_task(_serve_http(hub, listener, stop))
            try:
                await listen(hub, stop)
            finally:
                stop.set()
                await serving
        await store.close()
        listener.close()

    asyncio.run(play())
    assert any(line.startswith("retry: ") for line in told)
    assert '"t":"bye"' in "".join(told)
