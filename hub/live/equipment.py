"""Notices when the sources or trainers of a session's riders are others, and tells and steers."""

from __future__ import annotations

from collections.abc import Iterable

from hub.live.helm import Helm
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.stage import Stage
from hub.wire.live_views import AthleteView


class Equipment:
    def __init__(self, roster: Roster, helm: Helm, stage: Stage, runner: Runner) -> None:
        self._roster = roster
        self._helm = helm
        self._stage = stage
        self._runner = runner
        self._version = -1
        self._known: dict[str, tuple[AthleteView, ...]] = {}  # by session

    def begin(self, room: Room) -> None:
        """What the riders of this session have now is no news."""
        self._known[room.session_id] = self._stage.athletes(room.base)

    def notice(self) -> None:
        """Cheap unless something changed anywhere."""
        if self._roster.equipment_version == self._version:
            return
        self._version = self._roster.equipment_version
        rooms = self._runner.rooms
        self._known = {key: known for key, known in self._known.items() if key in rooms}
        for room in rooms.values():
            if not room.is_over:
                self._compare(room)
        self._helm.release_left_over(lambda athlete: self._runner.room_of(athlete) is not None)

    def changed(self, athletes: Iterable[str]) -> None:
        """Sensors of these athletes came or went: tell, and steer what they sit on now."""
        self.notice()
        for athlete in set(athletes):
            room = self._runner.room_of(athlete)
            if room is not None:
                self._stage.steer(room)

    def _compare(self, room: Room) -> None:
        before = self._known.get(room.session_id, ())
        now = self._stage.athletes(room.base)
        self._known[room.session_id] = now
        if _gear(before) == _gear(now):
            return
        self._runner.tell_members_soon(room)
        if _trainers(before) != _trainers(now):
            self._stage.steer(room)


def _trainers(athletes: tuple[AthleteView, ...]) -> list[str]:
    return [athlete.trainer.sensor_id if athlete.trainer else "" for athlete in athletes]


def _gear(athletes: tuple[AthleteView, ...]) -> list[object]:
    """What of the riders' equipment is news; a trainer's status has an event of its own."""
    return [_trainers(athletes), *(athlete.sources for athlete in athletes)]
