"""What everybody sees of the sessions: views for clients, targets on gauges, plans for trainers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from hub.auth.principal import Principal
from hub.live import sight, views
from hub.live.board import NOBODY, Board
from hub.live.channels import Channels
from hub.live.fanout import Fanout
from hub.live.helm import Helm
from hub.live.rights import Rights
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.session_state import Session, at
from hub.live.spread import Spreads
from hub.live.viewer import Granted
from hub.wire.live_events import EventBody
from hub.wire.live_views import AthleteView, SensorsView, SessionView
from hub.wire.values import Metric


class Stage:
    """`find(session)` gives a room or raises NotFound."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        find: Callable[[str], Room],
        roster: Roster,
        board: Board,
        helm: Helm,
        rights: Rights,
    ) -> None:
        self._now_ms = now_ms
        self._find = find
        self._roster = roster
        self._board = board
        self._helm = helm
        self._rights = rights
        self._fanout = Fanout(now_ms, roster.gauges)
        self.spreads = Spreads()
        self._riders: dict[str, tuple[str, ...]] = {}  # of each session, as last shown
        self.channels = Channels(now_ms, self._fanout, self, rights, self._name, roster.gauges)

    @property
    def fanout(self) -> Fanout:
        return self._fanout

    def close(self) -> None:
        self.channels.close()
        self._fanout.close()

    # What the runner tells

    def told(self, room: Room, offset: int, body: EventBody) -> None:
        self.channels.told(room, offset, body)

    def moved(self, room: Room) -> None:
        names = tuple(room.base.riders)
        for athlete in names:
            gauges = self._roster.gauges(athlete)
            if gauges is not None:
                gauges.ride(room.now)
        before = self._riders.get(room.session_id, ())
        if names == before:
            return
        self._riders[room.session_id] = names
        came, went = set(names) - set(before), set(before) - set(names)
        for athlete in went:
            gauges = self._roster.gauges(athlete)
            if gauges is not None:
                gauges.ride(None)
        self.channels.members_changed(room, came, went)

    def steer(self, room: Room) -> None:
        if not room.base.closed:
            self._fanout.spread(self._steering(room))

    def pedalled_at_ms(self, session: Session) -> int:
        all_gauges = (self._roster.gauges(athlete) for athlete in session.riders)
        return max((g.trained_at_ms for g in all_gauges if g is not None), default=0)

    def athletes(self, session: Session) -> tuple[AthleteView, ...]:
        """With everything: `hub.live.sight` takes away what a viewer may not see."""
        now = self._now_ms()
        return tuple(
            replace(
                views.athlete_view(rider),
                sources=self._roster.sources(rider.athlete, now),
                trainer=self._helm.view(rider.athlete),
                activity=session.activities.get(rider.athlete, ""),
            )
            for rider in session.riders.values()
        )

    def forgotten(self, session_id: str) -> None:
        self._riders.pop(session_id, None)
        self.channels.forget(session_id)
        self.spreads.forget(session_id)

    # What the channels ask

    def room(self, session_id: str) -> Room:
        return self._find(session_id)

    def knows(self, athlete_id: str) -> bool:
        return self._roster.gauges(athlete_id) is not None

    def session_view(self, principal: Principal, room: Room) -> SessionView:
        session = room.base
        masks = dict(self._rights.granted(principal, session.riders))
        now = self._now_ms()
        lanes = tuple(views.lane_view(session, name, now) for name in session.lanes)
        athletes = tuple(sight.shown_athlete(view, masks) for view in self.athletes(session))
        return SessionView(
            session=session.session,
            title=session.title,
            workout=session.workout_id,
            status=at(session, now).status.value,
            lanes=lanes,
            athletes=athletes,
            demo=session.demo,
            activity=session.activities.get(principal.athlete_id, ""),
            open=session.open,
            pace=session.pace.value,
            auto_start=session.auto_start,
            auto_pause=session.auto_pause,
        )

    def holders(self) -> frozenset[str]:
        return frozenset(held.athlete_id for held in self._roster.held.values()) | {NOBODY}

    def sensors_version(self) -> int:
        return self._board.version

    def sensors_shown(self, granted: Granted, named: frozenset[str]) -> SensorsView:
        masks = dict(granted)

        def name(athlete: str) -> str:
            return self._roster.name(athlete) if athlete in named else ""

        def shows(athlete: str) -> frozenset[Metric]:
            return sight.shown_metrics(masks.get(athlete, 0))

        return self._board.view(self._roster.held, name, shows)

    # Once a second

    def count_seconds(self, rooms: list[Room], now: int) -> None:
        """Seconds of riding count, whether or not anybody looks."""
        self._fanout.spread(self._counting([room for room in rooms if room.is_running], now))

    def _name(self, principal: Principal) -> str:
        return self._roster.name(principal.athlete_id)

    def _counting(self, rooms: list[Room], now: int) -> Iterator[None]:
        for room in rooms:
            for athlete in room.base.riders:
                gauges = self._roster.gauges(athlete)
                if gauges is not None:
                    gauges.refresh(now)
                    yield

    def attend(self, rooms: list[Room]) -> None:
        """Tell who is there, and who has gone."""
        self._fanout.spread(self.channels.attend(rooms))

    def hold_hearts(self, rooms: list[Room]) -> None:
        """Steps that ask for a heart rate are steered each second."""
        under_way = [room for room in rooms if room.base.started_at_ms and not room.is_over]
        self._helm.ride({name: room.session_id for room in under_way for name in room.base.riders})
        self._fanout.spread(self._holding(under_way))

    def _holding(self, rooms: list[Room]) -> Iterator[None]:
        for room in rooms:
            session = room.base
            for _ in self._helm.hold(session):
                yield
                if room.base is not session:
                    break  # changed meanwhile: newer plans are on their way

    def _steering(self, room: Room) -> Iterator[None]:
        session = room.base
        for _ in self._helm.steer(session):
            yield
            if room.base is not session and not room.base.closed:
                return  # changed meanwhile: newer plans are on their way; behind the end is none
