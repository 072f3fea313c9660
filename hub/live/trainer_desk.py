"""What people ask of a trainer itself: a calibration, a sign of life, to be left to another app."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.core.errors import Conflict, NotFound, Unavailable
from hub.live.board import Board
from hub.live.helm import Helm
from hub.live.ports import TrainerSettings
from hub.live.rights import Rights
from hub.live.roster import Roster
from hub.store.rows import Assignment
from hub.wire.uplink import CommandOp, SensorKind

# What a gateway answers when it does not carry a command out: what is wrong, and what helps.
REFUSALS: dict[str, tuple[str, str]] = {
    "read_only": ("this trainer is left to another app", "let Derny steer it first"),
    "not_connected": ("the trainer is not connected", "pedal a few turns to wake it up"),
    "unknown_sensor": ("the trainer is not connected", "pedal a few turns to wake it up"),
    "controlled_elsewhere": ("another app has control of the trainer", "close that app first"),
    "busy": ("a calibration is under way", "finish it or cancel it"),
    "cannot_calibrate": ("this trainer has no calibration", ""),
    "cannot_identify": ("this trainer has no way to show itself", "pedal it: its numbers move"),
    "stale_lease": ("the trainer has changed hands", "try again"),
}


class TrainerDesk:
    """`changed(athletes)`: what these athletes sit on is to be steered anew."""

    def __init__(
        self,
        store: TrainerSettings,
        roster: Roster,
        board: Board,
        helm: Helm,
        rights: Rights,
        changed: Callable[[Iterable[str]], None],
    ) -> None:
        self._store = store
        self._roster = roster
        self._board = board
        self._helm = helm
        self._rights = rights
        self._changed = changed

    async def start(self) -> None:
        self._board.read_only = await self._store.read_only()

    async def leave_alone(self, principal: Principal, sensor_id: str, on: bool) -> None:
        """Measured and never written, or steered again. Raises Denied, NotFound, Unavailable."""
        self._rights.require(principal, Act.MANAGE_GATEWAYS)
        if SensorKind.TRAINER not in self._board.kinds(sensor_id):
            raise NotFound("no gateway has seen such a trainer")
        await self._store.leave_alone(sensor_id, on)
        self._board.leave_alone(sensor_id, on)
        self._roster.say_news()
        held = self._roster.held.get(sensor_id)
        if held is not None:
            self._changed([held.athlete_id])

    async def calibrate(self, principal: Principal, sensor_id: str) -> None:
        """A spin-down begins. Raises Denied, NotFound, Conflict, Unavailable."""
        await self._ask(self._mine(principal, sensor_id), CommandOp.CALIBRATE)

    async def cancel(self, principal: Principal, sensor_id: str) -> None:
        """The spin-down ends, and the ride goes on. Raises as `calibrate`."""
        trainer = self._mine(principal, sensor_id)
        try:
            await self._ask(trainer, CommandOp.RELEASE)
        finally:  # it may have let go of its plan, and only its answer is lost
            self._changed([trainer.athlete_id])

    async def identify(self, principal: Principal, sensor_id: str) -> None:
        """The trainer blinks or beeps. Raises as `calibrate`."""
        await self._ask(self._mine(principal, sensor_id), CommandOp.IDENTIFY)

    def _mine(self, principal: Principal, sensor_id: str) -> Assignment:
        held = self._roster.held.get(sensor_id)
        if held is None:
            raise NotFound("this trainer is nobody's", remedy="give it to an athlete first")
        self._rights.require(principal, Act.ASSIGN, held.athlete_id)
        return held

    async def _ask(self, trainer: Assignment, op: CommandOp) -> None:
        reply = await self._helm.ask(trainer, op)
        if reply.ok:
            return
        if reply.code not in REFUSALS:
            raise Unavailable("the gateway does not answer", remedy="try again in a moment")
        problem, remedy = REFUSALS[reply.code]
        raise Conflict(problem, remedy=remedy)
