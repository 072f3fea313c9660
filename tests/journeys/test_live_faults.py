"""Clients over bad links to a hub that is killed: real processes and sockets, each event once.

tests/hub/live/test_live_faults.py has what takes an hour, in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from house import PATIENCE_S, House, house, wait_until
from journeys.proxy import FaultProxy, Way

from hub.client import Login, Status, connect
from hub.wire.live_events import Lapped
from hub.wire.live_to_client import Event, Gap, Snapshot

LAPS = 20
LAP_EVERY_S = 0.5


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, "--demo", "--scenario", "solo") as built:
        yield built


class Ear:
    """One client behind a proxy of its own, and what it heard."""

    def __init__(self, home: House, session: str) -> None:
        self.proxy = FaultProxy(home.port)
        self.laps: list[int] = []
        self.gaps = 0
        self.links: list[Status] = []
        self.has_view = asyncio.Event()
        self._login = Login(f"http://127.0.0.1:{self.proxy.port}", home.cookie)
        self._channel = f"session:{session}"

    def close(self) -> None:
        self.proxy.close()

    async def listen(self) -> None:
        """Until the last lap."""
        async with connect(self._login) as client:
            await client.subscribe(self._channel, 4)
            async for told in client:
                if not self.links or client.status is not self.links[-1]:
                    self.links.append(client.status)
                match told:
                    case Event(body=Lapped(number=number)):
                        self.laps.append(number)
                    case Snapshot():
                        self.has_view.set()
                    case Gap():
                        self.gaps += 1
                    case _:
                        pass
                if self.laps and self.laps[-1] >= LAPS:
                    return


def press(home: House, session: str, number: int) -> None:
    """As who presses a button does: again, until it is answered."""
    path, body = f"/api/sessions/{session}/lap", {"key": f"lap-{number}"}
    wait_until(lambda: home.ask("POST", path, body)[0] == 200, PATIENCE_S, f"lap {number} is taken")


async def press_all(home: House, session: str) -> None:
    for number in range(1, LAPS + 1):
        await asyncio.to_thread(press, home, session, number)
        await asyncio.sleep(LAP_EVERY_S)


async def torment(home: House, near: Ear, half_open: Ear) -> None:
    """In real time, and nothing depends on when: the laps are what is judged."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1)
    await loop.run_in_executor(None, near.proxy.reset)
    await loop.run_in_executor(None, half_open.proxy.hold, Way.UP, Way.DOWN)
    await asyncio.sleep(2)
    home.kill("hub")
    await asyncio.sleep(3)
    await loop.run_in_executor(None, near.proxy.reset)
    await loop.run_in_executor(None, half_open.proxy.heal)


def test_every_lap_once_and_in_order_whatever_the_links_do(home: House) -> None:
    home.call("PUT", "/api/me", {"name": "Ada"})
    session = home.call("POST", "/api/sessions", {"workout": None})["session"]
    home.call("POST", f"/api/sessions/{session}/start", {"key": "start"})

    async def scene(ears: list[Ear]) -> None:
        near, half_open, far = ears
        far.proxy.delay_ms(150)
        async with asyncio.timeout(4 * PATIENCE_S), asyncio.TaskGroup() as tasks:
            for ear in ears:
                tasks.create_task(ear.listen())
            for ear in ears:
                await ear.has_view.wait()
            tasks.create_task(press_all(home, session))
            tasks.create_task(torment(home, near, half_open))

    with ExitStack() as stack:
        ears = [stack.enter_context(closing(Ear(home, session))) for _ in range(3)]
        asyncio.run(scene(ears))
    for ear in ears:
        assert ear.laps == list(range(1, LAPS + 1))
        assert ear.gaps == 0
        assert Status.AWAY in ear.links  # each was cut off at least once
