"""Steers the trainers of a session's riders: courses become plans for the gateways."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

from hub.live.board import Board
from hub.live.inputs import Rider
from hub.live.pilot import Pilot
from hub.live.ports import Uplink
from hub.live.roster import Roster
from hub.live.session_state import Session, at, lane_name
from hub.live.steering import CAP_W_UNKNOWN, Course, course, is_held
from hub.store.rows import Assignment
from hub.wire.live_views import TrainerView
from hub.wire.uplink import Command, CommandOp, CommandReply, Plan, SensorKind

COMMAND_MS = 5_000

# Watts that hold a heart rate are said again when they are others by so much, and long before the
# plan falls back to what is safe (steering.HEART_HOLD_MS).
HELD_STEP_W = 2
HELD_AGAIN_MS = 15_000


class Helm:
    def __init__(
        self,
        roster: Roster,
        board: Board,
        pilot: Pilot,
        uplink: Uplink,
        now_ms: Callable[[], int],
    ) -> None:
        self._roster = roster
        self._board = board
        self._pilot = pilot
        self._uplink = uplink
        self._now_ms = now_ms
        self._until: dict[str, int] = {}  # end of the plan last sent, by trainer
        self._held: dict[str, tuple[int, int]] = {}  # by athlete: watts last sent, and when
        self._rev = 0

    @property
    def plan_ends(self) -> Mapping[str, int]:
        """Until when each trainer may follow a plan that it was sent, hub ms."""
        return self._until

    def steer(self, session: Session) -> Iterator[None]:
        """Say again what each rider's trainer shall do from now on, one with each `next`."""
        for rider in session.riders.values():
            trainer = self._roster.trainer_of(rider.athlete)
            if trainer is not None:
                now = self._now_ms()
                settled = at(session, now, lane_name(session, rider.athlete))
                held_w = self._held_w(settled, rider, now)
                # A gateway's plan knows more of a held step than a hub that has just begun.
                if held_w is not None or not is_held(settled, rider, now):
                    self._say(trainer, session, rider, held_w, now)
                yield

    def hold(self, session: Session) -> Iterator[None]:
        """Once a second: say what holds each rider's heart rate, one with each `next`."""
        for rider in session.riders.values():
            now = self._now_ms()
            settled = at(session, now, lane_name(session, rider.athlete))
            held_w = self._held_w(settled, rider, now)
            trainer = self._roster.trainer_of(rider.athlete)
            if held_w is not None and trainer is not None:
                said_w, said_ms = self._held.get(rider.athlete, (-HELD_STEP_W, 0))
                if abs(held_w - said_w) >= HELD_STEP_W or now - said_ms >= HELD_AGAIN_MS:
                    self._say(trainer, session, rider, held_w, now)
            yield

    def ride(self, riding: Mapping[str, str]) -> None:
        """`riding`: the session of each athlete who is in one that is under way."""
        self._pilot.land(riding)

    def release(self, trainer: Assignment) -> None:
        """Nobody's trainer, or a rider's who left."""
        self._send(trainer, Course(self._now_ms(), CAP_W_UNKNOWN, (), "free"))

    def release_left_over(self, rides: Callable[[str], bool]) -> None:
        """Release trainers of which this hub has said nothing, and whose riders do not ride.

        A ride may have ended while its gateway was away, and the hub that knew was killed: then
        the trainer follows its plan still.
        """
        for held in self._roster.held.values():
            if held.sensor_id in self._until:
                continue
            if SensorKind.TRAINER not in self._board.kinds(held.sensor_id):
                continue
            if not rides(held.athlete_id) and self._roster.trainer_of(held.athlete_id) == held:
                self.release(held)

    def retry(self, athlete_id: str) -> bool:
        """Ask for control of the athlete's trainer again; False: there is no trainer to ask."""
        return self._command(self._roster.trainer_of(athlete_id), CommandOp.RETRY)

    async def ask(self, trainer: Assignment, op: CommandOp) -> CommandReply:
        """Tell the trainer's gateway, and wait for what becomes of it."""
        gateway = trainer.gateway or self._board.nearest(trainer.sensor_id)
        if not gateway:
            return CommandReply("", False, "not_connected")
        command = self._new_command(op, trainer.sensor_id, trainer.lease)
        return await self._uplink.send_command(gateway, command)

    def rescan(self, gateway: str) -> None:
        self._uplink.send_command(gateway, self._new_command(CommandOp.RESCAN))

    def view(self, athlete_id: str) -> TrainerView | None:
        trainer = self._roster.trainer_of(athlete_id)
        if trainer is None:
            return None
        return self._board.trainer_view(trainer.sensor_id, self._until.get(trainer.sensor_id))

    def _held_w(self, session: Session, rider: Rider, now: int) -> int | None:
        view = self.view(rider.athlete)
        steers = view is not None and not view.read_only
        return self._pilot.watts(session, rider, now, steers=steers)

    def _say(
        self, trainer: Assignment, session: Session, rider: Rider, held_w: int | None, now: int
    ) -> None:
        if held_w is None:
            self._held.pop(rider.athlete, None)
        else:
            self._held[rider.athlete] = (held_w, now)
        self._send(trainer, course(session, rider, now, held_w))

    def _send(self, trainer: Assignment, ahead: Course) -> None:
        gateway = trainer.gateway or self._board.nearest(trainer.sensor_id)
        if not gateway:
            return
        # Hub time grows over restarts, so a gateway never meets an older number for a newer plan.
        self._rev = max(self._rev + 1, self._now_ms())
        self._until[trainer.sensor_id] = ahead.until_at_ms
        plan = Plan(
            trainer.sensor_id,
            trainer.lease,
            self._rev,
            ahead.until_at_ms,
            ahead.cap_w,
            ahead.steps,
            ahead.reason,
        )
        self._uplink.send_plan(gateway, plan)

    def _command(self, trainer: Assignment | None, op: CommandOp) -> bool:
        if trainer is None or not trainer.gateway:
            return False
        command = self._new_command(op, trainer.sensor_id, trainer.lease)
        self._uplink.send_command(trainer.gateway, command)
        return True

    def _new_command(self, op: CommandOp, sensor_id: str = "", lease: int = 0) -> Command:
        deadline_at_ms = self._now_ms() + COMMAND_MS
        return Command(secrets.token_hex(8), op, deadline_at_ms, sensor_id, lease)
