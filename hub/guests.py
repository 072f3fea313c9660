"""People who come in by a bike's code: an athlete and a login for one class.

A code on a bike is no secret for long, so it lets in only while a class is open, and what it gives
is an athlete's rights over themselves, for hours. Five minutes after the class the login is over
and the strap is nobody's; the ride stays. Times are hub ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, NamedTuple, Protocol

import msgspec
import structlog

from hub.auth.principal import HOUSE, Role
from hub.auth.rate import Rate
from hub.core.errors import Conflict, Denied, DernyError, NotFound, Unavailable
from hub.live.service import Live
from hub.people import FtpW, MaxHrBpm, People
from hub.store.ids import new_id
from hub.store.rows import Athlete

SIGN_OUT_MS = 5 * 60_000  # after the class
UNSEATED_MS = 30 * 60_000  # came in, and never took a bike
GUESTS_MAX = 200
JOINS_A_MINUTE = 30
TTL_MS = 12 * 3_600_000  # whatever happens
LOOK_S = 2.0

GuestName = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

log = structlog.get_logger(__name__)


class Guest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a newcomer tells: the bike's code and a name; the rest may be left out."""

    bike: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    name: GuestName
    ftp_w: FtpW | None = None
    max_hr_bpm: MaxHrBpm | None = None


class Joined(NamedTuple):
    token: str
    bike_id: str


class Door(Protocol):
    """Of the logins, what guests need."""

    async def let_in(self, role: Role, athlete_id: str, ttl_ms: int) -> str:
        """The token of a new login. Raises Unavailable."""

    def logins(self) -> list[tuple[str, str]]:
        """(login, athlete) of every login that lets somebody in."""

    async def end(self, login_id: str) -> None: ...


class Guests:
    def __init__(self, people: People, door: Door, live: Live, now_ms: Callable[[], int]) -> None:
        self._people = people
        self._door = door
        self._live = live
        self._now_ms = now_ms
        self._joins = Rate(JOINS_A_MINUTE, 60_000)
        self._out_since: dict[str, int] = {}  # by athlete: since when in no class
        self._fresh: set[str] = set()  # came in, and were in no class yet

    async def join(self, wanted: Guest) -> Joined:
        """Raises Denied (no such code), Conflict (no class is open), Unavailable (too many)."""
        bike = self._live.seating.seats.by_code(wanted.bike)
        if bike is None:
            raise Denied("this code is no bike's here", remedy="scan the one on your bike")
        if self._live.seating.seats.open_class() is None:
            raise Conflict("no class is open", remedy="ask your coach to open it")
        self._require_room()
        now = self._now_ms()
        athlete = await self._people.store(
            Athlete(
                athlete_id=new_id(now),
                name=" ".join(wanted.name.split()) or "Guest",
                ftp_w=wanted.ftp_w,
                max_hr_bpm=wanted.max_hr_bpm,
                guest=True,
            )
        )
        self._fresh.add(athlete.athlete_id)
        token = await self._door.let_in(Role.ATHLETE, athlete.athlete_id, TTL_MS)
        return Joined(token, bike.bike_id)

    def _require_room(self) -> None:
        if len(self._logins()) >= GUESTS_MAX or not self._joins.take(self._now_ms()):
            raise Unavailable("too many come in at once", remedy="try again in a minute")

    def _logins(self) -> list[tuple[str, str]]:
        """(login, athlete) of every guest who is signed in."""
        guests = {one.athlete_id for one in self._people.all() if one.guest}
        return [pair for pair in self._door.logins() if pair[1] in guests]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look(self._now_ms())
            except DernyError as error:
                log.warning("guests_not_signed_out", error=str(error))

    async def look(self, now: int) -> None:
        """Sign out who has been in no class for long enough."""
        logins = self._logins()
        here = {athlete for _, athlete in logins}
        self._out_since = {a: ms for a, ms in self._out_since.items() if a in here}
        self._fresh &= here
        for login_id, athlete in logins:
            if self._live.is_in_session(athlete):
                self._out_since.pop(athlete, None)
                self._fresh.discard(athlete)
                continue
            limit_ms = UNSEATED_MS if athlete in self._fresh else SIGN_OUT_MS
            if now - self._out_since.setdefault(athlete, now) >= limit_ms:
                await self._door.end(login_id)
                here.discard(athlete)
        await self._give_back(here)

    async def _give_back(self, signed_in: set[str]) -> None:
        """A guest who has gone wears nothing of ours any more."""
        guests = {one.athlete_id for one in self._people.all() if one.guest} - signed_in
        for held in self._live.assignments(HOUSE):
            if held.athlete_id in guests and not self._live.is_in_session(held.athlete_id):
                with suppress(NotFound):  # given back with the one before, of the same bike
                    await self._live.unassign(HOUSE, held.sensor_id)
