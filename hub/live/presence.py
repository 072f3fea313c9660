"""Tells the viewers of each session who else is there: whole, when it has changed, at most once a
second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from hub.auth.principal import Principal
from hub.live.attendance import (
    Group,
    Watched,
    coach_view,
    group_of,
    is_away,
    is_coach_here,
    watched,
    watcher_views,
)
from hub.live.outbox import Outbox, ws_text
from hub.live.session_state import Session
from hub.live.viewer import Viewer
from hub.wire.live_to_client import TO_CLIENT
from hub.wire.live_to_client import Presence as Message
from hub.wire.live_versions import is_for

Said = tuple[object, ...]  # what a group was told, without its time


class Place:
    """What one session's viewers were told."""

    __slots__ = ("coach", "coach_left_at_ms", "is_due", "told")

    def __init__(self) -> None:
        self.is_due = True
        self.coach_left_at_ms: int | None = None
        self.coach = ("", False)  # login, away
        self.told: dict[Outbox, Said] = {}


class Presence:
    """`name` of a principal, for people."""

    def __init__(self, name: Callable[[Principal], str]) -> None:
        self._name = name
        self._places: dict[str, Place] = {}

    def changed(self, session_id: str) -> None:
        """Somebody came, went, or may see something else."""
        place = self._places.get(session_id)
        if place is not None:  # else it will be looked at for the first time anyway
            place.is_due = True

    def forget(self, session_id: str) -> None:
        self._places.pop(session_id, None)

    def look(
        self,
        session: Session,
        viewers: Mapping[Outbox, Viewer],
        elsewhere: Mapping[str, Mapping[Outbox, Viewer]],
        now: int,
    ) -> Iterator[None]:
        """Each `next` tells a few. Nothing is done where nothing has changed.

        `elsewhere`: who looks at one athlete alone, by athlete.
        """
        place = self._places.setdefault(session.session, Place())
        self._follow_coach(place, session, viewers, now)
        if not place.is_due:
            return
        place.is_due = False
        place.told = {outbox: said for outbox, said in place.told.items() if outbox in viewers}
        by = watched(session, viewers.values(), elsewhere, self._name)
        frames: dict[Group, tuple[Said, bytes]] = {}
        for outbox, viewer in tuple(viewers.items()):
            if viewers.get(outbox) is not viewer or not is_for(outbox.version, Message):
                continue  # gone, or somebody else, since the last step
            group = group_of(session, viewer)
            if group not in frames:
                frames[group] = _frame(session, place.coach_left_at_ms, by, group, now)
                yield
            said, frame = frames[group]
            if place.told.get(outbox) == said:
                continue
            if outbox.write_unacked(frame):
                place.told[outbox] = said
            else:
                place.is_due = True  # again, once it reads

    def _follow_coach(
        self, place: Place, session: Session, viewers: Mapping[Outbox, Viewer], now: int
    ) -> None:
        left_at_ms = None
        if session.coach and not is_coach_here(session, viewers.values()):
            left_at_ms = now if place.coach_left_at_ms is None else place.coach_left_at_ms
        place.coach_left_at_ms = left_at_ms
        coach = session.coach, is_away(left_at_ms, now)
        if coach != place.coach:
            place.coach = coach
            place.is_due = True


def _frame(
    session: Session, coach_left_at_ms: int | None, by: Watched, group: Group, now: int
) -> tuple[Said, bytes]:
    coach = coach_view(session, coach_left_at_ms, now, you=group[1])
    who = by.get(group[0], Counter())
    seen = watcher_views(who)
    message = Message(f"session:{session.session}", now, coach, seen, who.total())
    return (coach, seen, who.total()), ws_text(TO_CLIENT.encode(message))
