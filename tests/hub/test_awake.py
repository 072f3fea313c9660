from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hub import awake
from hub.awake import Awake


class FakeMode:
    """Takes as long to enter as `may_enter` says, like a D-Bus that does not answer."""

    active = True

    def __init__(self) -> None:
        self.entering, self.may_enter = threading.Event(), threading.Event()
        self.said: list[str] = []

    def __enter__(self) -> FakeMode:
        self.entering.set()
        self.may_enter.wait(60)
        self.said.append("awake")
        return self

    def __exit__(self, *error: object) -> None:
        self.said.append("may sleep")


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> FakeMode:
    fake = FakeMode()

    class Keep:
        @staticmethod
        def running(**options: Any) -> FakeMode:
            return fake

    monkeypatch.setattr(awake, "keep", Keep)
    return fake


def test_it_holds_once_and_lets_go_once(mode: FakeMode) -> None:
    async def scene() -> None:
        mode.may_enter.set()
        guard = Awake()
        for riding in (True, True, False, False):
            await guard.hold(riding)
        await guard.close()

    asyncio.run(scene())
    assert mode.said == ["awake", "may sleep"]


def test_a_hold_cancelled_while_the_platform_thinks_is_let_go_all_the_same(mode: FakeMode) -> None:
    async def scene() -> None:
        guard = Awake()
        holding = asyncio.create_task(guard.hold(True))
        await asyncio.to_thread(mode.entering.wait, 60)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        closing = asyncio.create_task(guard.close())
        await asyncio.sleep(0)
        mode.may_enter.set()
        await closing

    asyncio.run(scene())
    assert mode.said == ["awake", "may sleep"]
