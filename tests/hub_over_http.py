"""A whole hub in this process, over ASGI, on a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2

from hub.app import Demo, Hub
from hub.http.guard import COOKIE
from hub.settings import Settings
from hub.store.store import Store

BASE = "http://127.0.0.1:8420"

Scene = Callable[[httpx2.AsyncClient], Awaitable[None]]


def with_hub(data: Path, scene: Scene, *, logged_in: bool = True) -> None:
    async def alone(hub: Hub, web: httpx2.AsyncClient) -> None:
        await scene(web)

    with_hub_itself(data, alone, logged_in=logged_in)


def with_hub_itself(
    data: Path,
    scene: Callable[[Hub, httpx2.AsyncClient], Awaitable[None]],
    *,
    logged_in: bool = True,
) -> None:
    async def play() -> None:
        store = await Store.open(data)
        try:
            settings = Settings().with_ports(0, 0)
            hub = Hub(settings, data, store, Demo(None, at_once=False))
            hub.base = BASE
            transport = httpx2.ASGITransport(app=hub.asgi())
            async with hub.running(), httpx2.AsyncClient(transport=transport, base_url=BASE) as web:
                if logged_in:
                    token = (await hub.link()).partition("#token=")[2]
                    answer = await web.post("/api/login", json={"token": token})
                    assert answer.status_code == 204
                    web.cookies.set(COOKIE, answer.cookies[COOKIE])
                await scene(hub, web)
        finally:
            await store.close()

    asyncio.run(play())
