"""The alarm that fires a session's cues: one timer of the loop, wound to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hub.client.cues import CueTable, Rung
from hub.client.state import Channel

OnCue = Callable[[Rung], None]


class Bell:
    """`hub_ms` gives hub time. `lane` "": every lane of the session."""

    def __init__(
        self, channel: Channel, hub_ms: Callable[[], float], on_cue: OnCue, lane: str = ""
    ) -> None:
        self._channel = channel
        self._hub_ms = hub_ms
        self._on_cue = on_cue
        self._lane = lane
        self._tables: dict[str, tuple[object, CueTable]] = {}  # the view that each was made of
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Something was heard: lanes announced anew, or a better idea of hub time."""
        session = self._channel.session
        for lane in () if session is None else session.lanes:
            if self._lane not in ("", lane.lane):
                continue
            made_of, table = self._tables.get(lane.lane, (None, None))
            if table is None or made_of is not lane:
                table = table or CueTable(lane.lane)
                table.announce(lane, self._hub_ms())
                self._tables[lane.lane] = lane, table
        self._wind()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self) -> None:
        self.stop()
        ahead = [at for _, table in self._tables.values() if (at := table.next_at_ms()) is not None]
        if ahead:
            wait_s = max(min(ahead) - self._hub_ms(), 0.0) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        """A timer may be early: then nothing is due and it is wound again."""
        self._timer = None
        now_ms = self._hub_ms()
        for _, table in self._tables.values():
            for rung in table.due(now_ms):
                self._on_cue(rung)
        self._wind()
