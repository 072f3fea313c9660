"""Steers the trainers of a session's riders: courses become plans for the gateways."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

from hub.live.board import Board
from hub.live.ports import Uplink
from hub.live.roster import Roster
from hub.live.session_state import Session
from hub.live.steering import CAP_W_UNKNOWN, Course, course
from hub.store.rows import Assignment
from hub.wire.live import TrainerView
from hub.wire.uplink import Command, CommandOp, CommandReply, Plan

COMMAND_MS = 5_000


class Helm:
    def __init__(
        self, roster: Roster, board: Board, uplink: Uplink, now_ms: Callable[[], int]
    ) -> None:
        self._roster = roster
        self._board = board
        self._uplink = uplink
        self._now_ms = now_ms
        self._until: dict[str, int] = {}  # end of the plan last sent, by trainer
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
                self._send(trainer, course(session, rider, self._now_ms()))
                yield

    def release(self, trainer: Assignment) -> None:
        """Nobody's trainer, or a rider's who left."""
        self._send(trainer, Course(self._now_ms(), CAP_W_UNKNOWN, (), "free"))

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
