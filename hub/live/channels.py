"""Who listens to what: events of sessions, the state lane, and the sensors list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from typing import Protocol

from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.core.errors import Denied, NotFound
from hub.live import sight, views
from hub.live.audience import Masks
from hub.live.fanout import Fanout
from hub.live.gauges import Gauges
from hub.live.outbox import PENDING_BYTES_MAX, Outbox, ws_text
from hub.live.presence import Presence
from hub.live.rights import Rights
from hub.live.room import Room
from hub.live.row_mask import FULL_MASK
from hub.live.viewer import Granted, Viewer
from hub.live.watches import Watches
from hub.wire.live_events import EventBody, Finished, Membership, Timeline
from hub.wire.live_from_client import Resume, Subscribe
from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_to_client import (
    TO_CLIENT,
    Error,
    Event,
    Fields,
    Gap,
    SensorsState,
    Snapshot,
    ToClient,
)
from hub.wire.live_views import SensorsView, SessionView

SENSORS_S = 0.5  # the list is sent whole, at most so often
SENSORS = "sensors"


class Desk(Protocol):
    """What the channels must ask the rest of the live part."""

    def room(self, session_id: str) -> Room:
        """Raises NotFound."""

    def knows(self, athlete_id: str) -> bool: ...

    def session_view(self, principal: Principal, room: Room) -> SessionView: ...

    def sensors_version(self) -> int: ...

    def sensors_shown(self, granted: Granted, named: frozenset[str]) -> SensorsView: ...

    def holders(self) -> frozenset[str]:
        """Athletes that hold a sensor, and "" for nobody."""


class Channels:
    def __init__(
        self,
        now_ms: Callable[[], int],
        fanout: Fanout,
        desk: Desk,
        rights: Rights,
        name: Callable[[Principal], str],
        gauges: Callable[[str], Gauges | None],
    ) -> None:
        self._now_ms = now_ms
        self._fanout = fanout
        self._desk = desk
        self._rights = rights
        self._presence = Presence(name)
        self._wrists = Watches(now_ms, gauges)
        self.resumed_count = 0
        self.gap_count = 0
        self._viewers: dict[str, dict[Outbox, Viewer]] = {}  # by session
        self._lookers: dict[str, dict[Outbox, Viewer]] = {}  # by athlete
        self._looked: set[str] = set()  # athletes whose lookers came or went
        self._watchers: dict[Outbox, tuple[Principal, int]] = {}  # sensors; version they have
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, outbox: Outbox, principal: Principal, wish: Subscribe) -> None:
        """Raises NotFound for a channel that is none, or that this principal may not see."""
        kind, _, name = wish.channel.partition(":")
        match kind, name:
            case "session", _ if name and wish.profile == "watch":
                room = self._desk.room(name)
                self._rights.require_sight(principal, room.base)
                self.unsubscribe(outbox, wish.channel)
                self._wrists.subscribe(outbox, principal, room)
            case "session", _ if name:
                self._wrists.unsubscribe(outbox, name)
                self._subscribe_session(outbox, principal, wish, self._desk.room(name))
            case "athlete", _ if name:
                self._subscribe_athlete(outbox, principal, wish, name)
            case "sensors", "":
                self._subscribe_sensors(outbox, principal)
            case _:
                raise NotFound(f"no channel {wish.channel!r}")

    def unsubscribe(self, outbox: Outbox, channel: str) -> None:
        self._fanout.unsubscribe(outbox, channel)
        kind, _, name = channel.partition(":")
        match kind:
            case "session":
                if _drop(self._viewers, name, outbox):
                    self._presence.changed(name)
                self._wrists.unsubscribe(outbox, name)
            case "athlete":
                if _drop(self._lookers, name, outbox):
                    self._looked.add(name)
            case _:
                self._watchers.pop(outbox, None)

    def told(self, room: Room, offset: int, body: EventBody) -> None:
        """Give an event to the session's viewers, encoded once for all who may see the same."""
        match body:
            case Timeline(lane=lane):
                self._wrists.moved(room, lane.lane)
            case Membership():
                self._wrists.members_changed(room)
            case Finished():
                self._wrists.moved(room)
            case _:
                pass
        channel = f"session:{room.session_id}"
        plain = _frame(Event(channel, offset, body))
        frames: dict[Granted, bytes] = {}  # b"": not this viewer's business
        for viewer in tuple(self._viewers.get(room.session_id, {}).values()):
            frame = frames.get(viewer.granted)
            if frame is None:
                shown = sight.shown_event(body, dict(viewer.granted))
                frame = plain if shown is body else b""
                if shown is not None and shown is not body:
                    frame = _frame(Event(channel, offset, shown))
                frames[viewer.granted] = frame
            if frame:
                viewer.outbox.send(frame)

    def members_changed(self, room: Room, came: Set[str], went: Set[str]) -> None:
        """The rows of the state lane are others now."""
        for viewer in tuple(self._viewers.get(room.session_id, {}).values()):
            viewer.granted = self._granted(viewer, of=came, without=went)
            self._show_rows(viewer, room)

    def regrant(self, athletes: Collection[str], rooms: Iterable[Room]) -> None:
        """What anybody may see of `athletes` is another, from the next frame on."""
        for room in rooms:
            there = room.base.riders.keys() & athletes
            if there:
                self._regrant(room, there)
        for athlete in athletes:
            for viewer in tuple(self._lookers.get(athlete, {}).values()):
                self._look_again(viewer, athlete)
        self._watchers = {outbox: (who, -1) for outbox, (who, _) in self._watchers.items()}

    def attend(self, rooms: Iterable[Room]) -> Iterator[None]:
        """Once a second, in small steps: tell who is there, and watches what is new."""
        looked, self._looked = self._looked, set()
        for room in rooms:
            if not looked.isdisjoint(room.base.riders):
                self._presence.changed(room.session_id)
            viewers, now = self._viewers.get(room.session_id, {}), self._now_ms()
            yield from self._presence.look(room.base, viewers, self._lookers, now)
            yield from self._wrists.look(room, now)

    def forget(self, session_id: str) -> None:
        self._presence.forget(session_id)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._viewers.clear()
        self._lookers.clear()
        self._wrists.close()
        self._watchers.clear()

    # Sessions

    def _subscribe_session(
        self, outbox: Outbox, principal: Principal, wish: Subscribe, room: Room
    ) -> None:
        self._rights.require_sight(principal, room.base)
        granted = self._rights.granted(principal, room.base.riders)
        viewer = Viewer(outbox, principal, wish.rate_hz, granted)
        self._viewers.setdefault(room.session_id, {})[outbox] = viewer
        outbox.send(_frame(_fields(wish.channel)))
        self._show_rows(viewer, room)
        if wish.resume is not None and self._replay(viewer, room, wish.resume):
            self.resumed_count += 1
            return
        if wish.resume is not None:
            self.gap_count += 1
            outbox.send(_frame(Gap(wish.channel)))
        outbox.send(_frame(self._snapshot(viewer, room)))

    def _replay(self, viewer: Viewer, room: Room, resume: Resume) -> bool:
        """Everything told since; False when that is not possible any more."""
        if resume.epoch != room.base.epoch or resume.offset > room.told_offset:
            return False
        missed = room.story.since(resume.offset)
        if missed is None:
            return False
        masks, now = dict(viewer.granted), self._now_ms()
        shown = [(offset, sight.shown_event(body, masks)) for offset, body in missed]
        # Phases that began meanwhile are no events of the log, but cues are known only so far.
        for name in room.base.lanes:
            lane = views.lane_view(room.base, name, now)
            shown.append((room.told_offset, Timeline(lane, "phase")))
        channel = f"session:{room.session_id}"
        frames = [_frame(Event(channel, at, body)) for at, body in shown if body is not None]
        if sum(map(len, frames)) > PENDING_BYTES_MAX:
            return False  # a snapshot is less
        for frame in frames:
            viewer.outbox.send(frame)
        return True

    def _snapshot(self, viewer: Viewer, room: Room) -> Snapshot:
        view = self._desk.session_view(viewer.principal, room)
        return Snapshot(f"session:{room.session_id}", room.base.epoch, room.told_offset, view)

    def _show_rows(self, viewer: Viewer, room: Room) -> None:
        masks = dict(viewer.granted)
        rows = tuple((athlete, masks.get(athlete, 0) & FULL_MASK) for athlete in room.base.riders)
        channel = f"session:{room.session_id}"
        self._fanout.subscribe(viewer.outbox, channel, viewer.rate_hz, rows)
        self._presence.changed(room.session_id)

    def _regrant(self, room: Room, athletes: Set[str]) -> None:
        """Rows by the new masks, and a snapshot: what is granted no more is to be forgotten."""
        snapshots: dict[tuple[Granted, str], bytes] = {}  # by all that they may differ in
        for viewer in tuple(self._viewers.get(room.session_id, {}).values()):
            granted = self._granted(viewer, of=athletes, without=athletes)
            if granted == viewer.granted:
                continue
            viewer.granted = granted
            self._show_rows(viewer, room)
            viewer.outbox.withdraw()
            key = granted, room.base.activities.get(viewer.principal.athlete_id, "")
            if key not in snapshots:
                snapshots[key] = _frame(self._snapshot(viewer, room))
            viewer.outbox.send(snapshots[key])

    def _granted(self, viewer: Viewer, *, of: Set[str], without: Set[str]) -> Granted:
        """What the viewer may see, looked up anew `of` some and as before of the others."""
        kept = frozenset(one for one in viewer.granted if one[0] not in without)
        return kept | self._rights.granted(viewer.principal, of)

    # Athletes

    def _subscribe_athlete(
        self, outbox: Outbox, principal: Principal, wish: Subscribe, athlete_id: str
    ) -> None:
        mask = self._rights.mask(principal, athlete_id) & FULL_MASK
        if mask and not self._desk.knows(athlete_id):
            raise NotFound("no such athlete")
        if not mask:  # nor whether there is one
            raise Denied("you may not see this athlete's numbers", remedy="ask for a grant")
        outbox.send(_frame(_fields(wish.channel)))
        viewer = Viewer(outbox, principal, wish.rate_hz, frozenset({(athlete_id, mask)}))
        self._lookers.setdefault(athlete_id, {})[outbox] = viewer
        self._looked.add(athlete_id)
        rows: Masks = ((athlete_id, mask),)
        self._fanout.subscribe(outbox, wish.channel, wish.rate_hz, rows)

    def _look_again(self, viewer: Viewer, athlete_id: str) -> None:
        channel = f"athlete:{athlete_id}"
        viewer.outbox.withdraw()
        try:
            wish = Subscribe(channel, viewer.rate_hz)
            self._subscribe_athlete(viewer.outbox, viewer.principal, wish, athlete_id)
        except Denied as error:
            self.unsubscribe(viewer.outbox, channel)
            viewer.outbox.send(_frame(Error(error.code, str(error), channel)))

    # Sensors

    def _subscribe_sensors(self, outbox: Outbox, principal: Principal) -> None:
        self._rights.require(principal, Act.SEE_SENSORS)
        self._watchers[outbox] = (principal, -1)
        self._show_sensors()
        self._wind()

    def _wind(self) -> None:
        if self._timer is None and self._watchers:
            self._timer = asyncio.get_running_loop().call_later(SENSORS_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._show_sensors()
        self._wind()

    def _show_sensors(self) -> None:
        version = self._desk.sensors_version()
        behind = [(o, p) for o, (p, has) in self._watchers.items() if has != version]
        if not behind:
            return
        holders = tuple(self._desk.holders())
        encoded: dict[tuple[Granted, frozenset[str]], bytes] = {}
        for outbox, principal in behind:
            may = self._rights.granted(principal, holders), self._rights.named(principal, holders)
            if may not in encoded:
                view = self._desk.sensors_shown(*may)
                encoded[may] = _frame(SensorsState(self._now_ms(), view))
            if outbox.write_unacked(encoded[may]):
                self._watchers[outbox] = (principal, version)


def _drop(viewers: dict[str, dict[Outbox, Viewer]], name: str, outbox: Outbox) -> bool:
    """Whether it was there."""
    there = viewers.get(name, {})
    was_there = there.pop(outbox, None) is not None
    if not there:
        viewers.pop(name, None)
    return was_there


def _frame(message: ToClient) -> bytes:
    return ws_text(TO_CLIENT.encode(message))


def _fields(channel: str) -> Fields:
    return Fields(channel, ROW_FIELDS, QUALITIES)
