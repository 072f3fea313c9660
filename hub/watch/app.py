"""The watcher: a client, a scene, and what shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from rich.console import Console
from rich.live import Live

from hub.client import Client, Login, Rung, connect
from hub.client.opening import local_ms
from hub.client.told import LinkChanged, Told
from hub.watch.plain import cue_line, interval_line, rider_line, stamped
from hub.watch.scene import Scene
from hub.watch.wall import wall
from hub.watch.words import line_of, names_in
from hub.wire.live_events import Finished
from hub.wire.live_to_client import Event

RATE_HZ = 4
DRAW_S = 0.25
LINES_S = 5.0
NAME = "derny watch"


async def watch(
    login: Login, session: str, console: Console, *, plain: bool, cue_log: TextIO | None
) -> None:
    """Until the session has finished. Raises Refused."""
    async with connect(login, name=NAME) as client:
        channel = await client.subscribe(f"session:{session}", RATE_HZ)
        scene = Scene(client.core, channel)
        show = Lines(client, scene, console) if plain else Wall(client, scene, console)

        def rang(rung: Rung) -> None:
            at_ms = local_ms()
            now_ms = client.core.clock.now_ms(at_ms)
            scene.rang(now_ms, rung)
            show.rang(rung)
            if cue_log is not None:
                bound_ms = client.core.clock.error_ms(at_ms)
                cue_log.write(cue_json(rung, now_ms, at_ms, bound_ms))

        client.ring(channel, rang)
        with show.shown():
            showing = asyncio.create_task(show.run())
            try:
                await _follow(client, scene, show.told)
            finally:
                showing.cancel()


async def _follow(client: Client, scene: Scene, tell: Callable[[Told], None]) -> None:
    async for told in client:
        if isinstance(told, LinkChanged):
            words = f"hub {told.status}" + (f": {told.reason}" if told.reason else "")
            scene.note(client.hub_ms(), words)
        if isinstance(told, Event):
            scene.note(client.hub_ms(), line_of(told.body, names_in(scene.channel.session)))
        tell(told)
        if isinstance(told, Event) and isinstance(told.body, Finished):
            return


def cue_json(rung: Rung, now_ms: float, at_ms: float, bound_ms: float | None) -> str:
    """`now_ms`: hub time as this device knows it; `at_ms`: the same instant by its own clock."""
    told = {
        "lane": rung.lane,
        "i": rung.cue.i,
        "kind": rung.cue.kind,
        "cue_at_ms": rung.cue.at_ms,
        "fired_at_ms": round(now_ms, 3),
        "local_ms": round(at_ms, 3),
        "bound_ms": None if bound_ms is None else round(bound_ms, 3),
    }
    return json.dumps(told) + "\n"


class Wall:
    """Drawn four times a second, and at each cue."""

    def __init__(self, client: Client, scene: Scene, console: Console) -> None:
        self._client = client
        self._scene = scene
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def shown(self) -> AbstractContextManager[object]:
        return self._live

    def told(self, told: Told) -> None:
        """It is drawn soon enough."""

    def rang(self, rung: Rung) -> None:
        self._draw()

    async def run(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(DRAW_S)

    def _draw(self) -> None:
        height = self._live.console.height
        drawn = wall(self._scene, self._client.hub_ms(), local_ms(), height)
        self._live.update(drawn, refresh=True)


class Lines:
    """What happens, as it does; the riders every few seconds."""

    def __init__(self, client: Client, scene: Scene, console: Console) -> None:
        self._client = client
        self._scene = scene
        self._console = console
        self._began_ms = local_ms()

    def shown(self) -> AbstractContextManager[object]:
        return nullcontext()

    def told(self, told: Told) -> None:
        if isinstance(told, LinkChanged):
            self._say(f"hub {told.status}" + (f": {told.reason}" if told.reason else ""))
        elif isinstance(told, Event):
            words = line_of(told.body, names_in(self._scene.channel.session))
            if words:
                self._say(words)

    def rang(self, rung: Rung) -> None:
        self._say(cue_line(rung))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LINES_S)
            now_ms = self._client.hub_ms()
            for lane, at in self._scene.lanes(now_ms):
                phase = "" if at.phase is None else at.phase.name
                self._say(interval_line(lane.status, phase, at.remaining_ms))
            for line in self._scene.lines(now_ms):
                self._say(rider_line(line))

    def _say(self, words: str) -> None:
        line = stamped(local_ms() - self._began_ms, words)
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
