"""What a kind of device asks the hub for. Pure.

A device of the profile subscribes to these channels; `{session}` and `{athlete}` are dealt out in
turn over the open sessions and their riders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.wire.live_from_client import Subscribe


@dataclass(frozen=True, slots=True)
class Profile:
    what: str
    channels: tuple[tuple[str, int], ...]  # name, frames a second of its state lane
    watch: bool = False  # the session in messages of at most 512 bytes

    def wishes(self, session: str, athlete: str) -> list[Subscribe]:
        kind: Literal["", "watch"] = "watch" if self.watch else ""
        return [
            Subscribe(name.format(session=session, athlete=athlete), rate_hz, None, kind)
            for name, rate_hz in self.channels
        ]


PROFILES = {
    "phone": Profile("a rider's phone: its own numbers", (("athlete:{athlete}", 4),)),
    "watch": Profile("a watch: cues and own numbers, small", (("session:{session}", 1),), True),
    "web": Profile("the page in a ride", (("session:{session}", 2),)),
    "wall": Profile("a TV wall: everybody, four times a second", (("session:{session}", 4),)),
}
