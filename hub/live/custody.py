"""Hands sensors from gateway to gateway: carries out what `leases` decides.

Only a sensor that is somebody's has a lease number, and the store issues it. Of the others a
gateway is merely told which to let alone: nothing of them is steered or fused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from hub.core.errors import NotFound, Unavailable
from hub.live.board import Board
from hub.live.helm import Helm
from hub.live.leases import Move
from hub.live.roster import Roster
from hub.wire.uplink import AdapterState, SensorState

LEFT = "gateway_stopping"  # a gateway's last word: it has let go of everything

LOG = structlog.get_logger()


class Custody:
    """`moved` is told whose sensors went to other gateways; `emptied`, of which gateway that is
    away nobody holds a sensor through any more.
    """

    def __init__(
        self,
        roster: Roster,
        board: Board,
        helm: Helm,
        now_ms: Callable[[], int],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        *,
        moved: Callable[[Iterable[str]], None],
        emptied: Callable[[str], None],
    ) -> None:
        self._roster = roster
        self._board = board
        self._helm = helm
        self._now_ms = now_ms
        self._spawn = spawn
        self._moved = moved
        self._emptied = emptied
        self._leases = roster.leases
        self._moving: set[str] = set()

    # What gateways say

    def gateway(self, name: str, up: bool, reason: str) -> None:
        self._leases.gateway(name, up, self._now_ms(), left=reason == LEFT)
        self.settle()
        if up:
            self._roster.say_assignments(name)

    def sensors(self, name: str, states: Iterable[SensorState], whole: bool) -> None:
        now = self._now_ms()
        if whole:
            self._leases.forget(name, {state.sensor_id for state in states})
        for state in states:
            self._leases.see(
                name,
                state.sensor_id,
                state.link,
                state.rssi_dbm,
                self._board.heard_at_ms(name, state, now),
                now,
                problem=state.problem,
            )
        self.settle()

    def adapters(self, name: str, adapters: Iterable[AdapterState]) -> None:
        known = [adapter for adapter in adapters if adapter.slots]
        free = sum(adapter.free_slots for adapter in known) if known else None
        self._leases.slots(name, free, self._now_ms())

    def speaks_for(self, gateway: str, sensor_id: str) -> bool:
        """Whether its word on a trainer counts: it holds it, or has the best link to it.

        One that has let go of a trainer says that it lost it, while another steers it.
        """
        return gateway in (self._leases.holder(sensor_id), self._board.nearest(sensor_id))

    # What follows

    def settle(self) -> None:
        """Moves what should be moved now. Also to be called once a second: rules have clocks."""
        moves = self._leases.decide(self._now_ms(), self._helm.plan_ends)
        moves = [move for move in moves if move.sensor_id not in self._moving]
        held = [move for move in moves if move.sensor_id in self._roster.held]
        for move in moves:
            if move.sensor_id not in self._roster.held:
                self._leases.take(move.sensor_id, move.gateway, 0, self._now_ms())
        if len(held) < len(moves):
            self._roster.say_news()
        if held:
            self._moving.update(move.sensor_id for move in held)
            self._spawn(self._hand_over(held))

    async def _hand_over(self, moves: list[Move]) -> None:
        athletes, befores = [], set()
        try:
            for move in moves:
                before = self._leases.holder(move.sensor_id)
                try:
                    held = await self._roster.hold(move.sensor_id, move.gateway)
                except (NotFound, Unavailable) as error:  # decided again, when it still holds
                    LOG.warning("sensor_not_handed_over", to=move.gateway, error=str(error))
                    continue
                athletes.append(held.athlete_id)
                befores.add(before)
                LOG.info(
                    "sensor_handed_over",
                    sensor=move.sensor_id,
                    was=before,
                    to=move.gateway,
                    cause=move.cause.value,
                )
        finally:
            self._moving.difference_update(move.sensor_id for move in moves)
        for gateway in befores:
            if not self._board.is_up(gateway) and not self._roster.athletes_of(gateway):
                self._emptied(gateway)
        self._moved(athletes)
