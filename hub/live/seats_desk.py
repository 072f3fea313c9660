"""The seats as HTTP, `/live` and the rest of the live part see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.live.board import Board
from hub.live.equipment import Equipment
from hub.live.helm import Helm
from hub.live.outbox import Outbox, ws_text
from hub.live.ports import Bikes, Memory
from hub.live.rights import Rights
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.seats import Seats
from hub.live.seats_asks import Asks
from hub.live.seats_watch import Watch
from hub.wire.live_to_client import TO_CLIENT, SeatsState
from hub.wire.live_views import AskView, BikeState, BikeView, SeatsView
from hub.wire.uplink import LinkStatus

SHOW_S = 0.5  # the view is sent whole, at most so often
SLICE = 8  # viewers in one turn of the loop: each has a view of their own

LOG = structlog.get_logger()


class _Row(NamedTuple):
    """A bike before it is known who looks."""

    bike: str
    name: str
    rider: str
    here: bool
    moving: bool
    sensors: tuple[str, ...]


class SeatDesk:
    def __init__(
        self,
        bikes: Bikes,
        memory: Memory,
        roster: Roster,
        board: Board,
        helm: Helm,
        runner: Runner,
        equipment: Equipment,
        rights: Rights,
        now_ms: Callable[[], int],
    ) -> None:
        self._roster = roster
        self._board = board
        self._runner = runner
        self._rights = rights
        self._now_ms = now_ms
        self.seats = Seats(bikes, roster, board, helm, runner, equipment, rights, now_ms)
        self.watch = Watch(self.seats, roster, board, memory)
        self.asks = Asks(self.seats, self.watch, roster, runner, equipment, memory, rights, now_ms)
        self._viewers: dict[Outbox, tuple[Principal, SeatsView | None]] = {}
        self._behind: dict[Outbox, None] = {}  # who is still to be shown the news
        self._shown: object = None  # what everybody's views are made of
        self._rows_now: list[_Row] = []
        self._timer: asyncio.TimerHandle | None = None
        self._beating = False

    async def start(self) -> None:
        await self.seats.start()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._viewers.clear()
        self._behind.clear()

    def beat(self, now: int) -> None:
        """Once a second; a beat that the disk holds up is not overtaken by the next."""
        if not self._beating:
            self._beating = True
            self._runner.spawn(self._on_beat(now))

    async def _on_beat(self, now: int) -> None:
        try:
            await self.seats.beat(now)
            await self.asks.beat(now)
        except Exception:
            LOG.exception("seats_beat")  # the next one may do better; the rides go on
        finally:
            self._beating = False

    # Commands

    async def sit(
        self, principal: Principal, bike: str, athlete: str, *, key: str, swap: bool
    ) -> bool:
        """Raises what `Seats.sit` raises. False: who sits there was asked."""
        done = await self.seats.sit(principal, bike, athlete, key=key, swap=swap)
        if not done:
            self.asks.may_i_have(principal, bike, athlete)
        return done

    # Views

    def view(self, principal: Principal) -> SeatsView:
        """Raises Denied."""
        self._rights.require(principal, Act.SEE_SEATS)
        return self._view(principal, self._rows(self._now_ms()))

    def _rows(self, now: int) -> list[_Row]:
        rows = []
        for bike in sorted(self.seats.bikes.values(), key=lambda one: _natural(one.name)):
            rider = self.seats.rider_of(bike.bike_id)
            state = self._board.state(bike.sensors[0]) if bike.sensors else None
            here = state is not None and state.link is not LinkStatus.ABSENT
            moving = not rider and self.watch.is_moving(bike.bike_id, now)
            rows.append(_Row(bike.bike_id, bike.name, rider, here, moving, bike.sensors))
        return rows

    def _view(self, principal: Principal, rows: list[_Row]) -> SeatsView:
        named = self._rights.named(principal, {row.rider for row in rows if row.rider})
        manages = self._rights.has(principal, Act.MANAGE_BIKES)
        own = principal.athlete_id
        room = self.seats.open_class()
        asks: tuple[AskView, ...] = self.asks.shown(principal)
        return SeatsView(
            bikes=tuple(self._bike_view(row, own, named, manages) for row in rows),
            asks=asks,
            session="" if room is None else room.session_id,
            title="" if room is None else room.base.title,
            asking_until_ms=self.asks.asking_until_ms(own) if own else None,
            wanted=self.asks.wanted_by(own) if own else "",
        )

    def _bike_view(self, row: _Row, own: str, named: frozenset[str], manages: bool) -> BikeView:
        state = BikeState.TAKEN if row.rider else BikeState.FREE
        if row.rider and row.rider == own:
            state = BikeState.YOURS
        knows = row.rider in named
        return BikeView(
            bike=row.bike,
            name=row.name,
            state=state,
            here=row.here,
            moving=row.moving,
            athlete=row.rider if knows else "",
            athlete_name=self._roster.name(row.rider) if knows else "",
            sensors=row.sensors if manages else (),
        )

    # Channel `seats`

    def subscribe(self, outbox: Outbox, principal: Principal) -> None:
        """Raises Denied."""
        self._rights.require(principal, Act.SEE_SEATS)
        self._viewers[outbox] = (principal, None)
        self._show(outbox, self._rows(self._now_ms()))
        self._wind()

    def unsubscribe(self, outbox: Outbox) -> None:
        self._viewers.pop(outbox, None)
        self._behind.pop(outbox, None)

    def _wind(self) -> None:
        if self._timer is None and self._viewers:
            self._timer = asyncio.get_running_loop().call_later(SHOW_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._rows_now = self._rows(self._now_ms())
        room = self.seats.open_class()
        made_of = (self._rows_now, self.asks.version, room and (room.session_id, room.base.title))
        if made_of != self._shown:
            self._shown = made_of
            self._behind |= dict.fromkeys(self._viewers)
        self._show_some(tuple(self._behind))
        self._wind()

    def _show_some(self, due: tuple[Outbox, ...]) -> None:
        for outbox in due[:SLICE]:
            if outbox in self._viewers:
                self._show(outbox, self._rows_now)
        if due[SLICE:]:
            asyncio.get_running_loop().call_soon(self._show_some, due[SLICE:])

    def _show(self, outbox: Outbox, rows: list[_Row]) -> None:
        principal, has = self._viewers[outbox]
        view = self._view(principal, rows)
        if view == has or outbox.write_unacked(_frame(SeatsState(self._now_ms(), view))):
            self._viewers[outbox] = (principal, view)
            self._behind.pop(outbox, None)
        else:
            self._behind[outbox] = None  # it will be sent anew


def _natural(name: str) -> tuple[object, ...]:
    """Bike 2 before Bike 10."""
    digits = "".join(letter if letter.isdigit() else " " for letter in name).split()
    letters = "".join(letter for letter in name if not letter.isdigit())
    return letters.casefold(), tuple(int(number) for number in digits), name


def _frame(message: SeatsState) -> bytes:
    return ws_text(TO_CLIENT.encode(message))
