"""What riders' sensors say about their session: a step's condition met, auto start, pause, resume,
the end of a ramp test.

The rules are pure (hub.core.conditions, hub.core.auto, hub.core.ramp_end); what they say enters the
log as an input. In a group nobody's legs move everybody's lane: there the coach or a cap ends open
steps, and who has failed in a ramp gets the trainer set free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.core import auto, interval
from hub.core.auto import Legs, Said
from hub.core.lanes import Status
from hub.live import inputs
from hub.live.gauges import Gauges
from hub.live.inputs import Pace
from hub.live.room import Room
from hub.live.session_state import Session, at, is_auto_paused, lane_name, lane_of


class Senses:
    """`say(session_id, input)` appends and does it, soon."""

    def __init__(
        self,
        gauges: Callable[[str], Gauges | None],
        say: Callable[[str, inputs.Input], None],
    ) -> None:
        self._gauges = gauges
        self._say = say
        self._legs: dict[str, dict[str, Legs]] = {}  # by session, by athlete

    def look(self, rooms: dict[str, Room], now: int) -> None:
        """Once a second."""
        self._legs = {name: legs for name, legs in self._legs.items() if name in rooms}
        for room in rooms.values():
            # While something is being appended, what was said last is not yet in `base`.
            if not room.base.closed and not room.is_over and not room.lock.locked():
                for athlete in who_moves(room.base):
                    self._look_at(room, athlete, now)
                if room.base.workout.test == "ramp":
                    for athlete in room.base.riders:
                        self._end_ramp(room, athlete, now)

    def _look_at(self, room: Room, athlete: str, now: int) -> None:
        gauges = self._gauges(athlete)
        if gauges is None:
            return
        session = at(room.base, now)
        for said in (self._condition(session, gauges, now), self._auto(room, gauges, now)):
            if said is not None:
                self._say(room.session_id, said)

    def _end_ramp(self, room: Room, athlete: str, now: int) -> None:
        """Eases the trainer; what moved the lane can be undone for as long as any control."""
        session, gauges = at(room.base, now), self._gauges(athlete)
        lane = lane_of(session, athlete)
        end = None if gauges is None else gauges.ramp_ended()
        if end is None or lane.status is not Status.RUNNING:
            return
        told = f"Test ended at {end.at_s // 60}:{end.at_s % 60:02} of the ramp."
        if athlete in who_moves(session):
            seconds = interval.UNDO_MS // 1000
            self._say(room.session_id, inputs.CoolDown(athlete, lane.number))
            told += f" Can you go on? Undo takes it back for {seconds} seconds."
        elif session.riders[athlete].steered:
            self._say(room.session_id, inputs.Steer(athlete, False))
            told += " Your trainer is free."
        else:
            return  # it was told already
        self._say(room.session_id, inputs.Say(told, athlete))

    def _condition(self, session: Session, gauges: Gauges, now: int) -> inputs.Input | None:
        number = gauges.condition_met()
        lane = lane_of(session, gauges.athlete_id)
        if number is None or lane.number != number or lane.status is not Status.RUNNING:
            return None
        return inputs.Met(gauges.athlete_id, number, now)

    def _auto(self, room: Room, gauges: Gauges, now: int) -> inputs.Input | None:
        session, athlete = room.base, gauges.athlete_id
        if not session.auto_start and not session.auto_pause:
            return None
        known = self._legs.setdefault(room.session_id, {})
        legs = known[athlete] = auto.watched(known.get(athlete, Legs()), now, *gauges.legs(now))
        by_itself = is_auto_paused(session, lane_name(session, athlete))
        lane = lane_of(session, athlete)
        said = auto.says(
            legs, lane.status, paused_by_itself=by_itself, moved_at_ms=lane.at_ms, now=now
        )
        match said:
            case Said.START if session.auto_start:
                return inputs.AutoStart(athlete)
            case Said.PAUSE if session.auto_pause:
                return inputs.AutoPause(athlete)
            case Said.RESUME:
                return inputs.AutoResume(athlete)
            case _:
                return None


def who_moves(session: Session) -> Iterator[str]:
    """The riders whose own numbers move a lane: of their own one, or of one they ride alone in."""
    alone = len(session.riders) == 1 and not session.open
    if alone or session.pace is Pace.SELF:
        yield from session.riders
