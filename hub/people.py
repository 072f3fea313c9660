"""The athletes of this hub, known by heart: who the owner is, who is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec.structs import replace

from hub.core.errors import NotFound
from hub.store.athletes import Athletes
from hub.store.ids import new_id
from hub.store.rows import Athlete

# A person's numbers; outside them it is a slip of the finger, not an athlete.
FtpW = Annotated[int, msgspec.Meta(ge=30, le=700)]
MaxHrBpm = Annotated[int, msgspec.Meta(ge=100, le=230)]
WeightKg = Annotated[float, msgspec.Meta(ge=25, le=250)]
PersonName = Annotated[str, msgspec.Meta(max_length=80)]

# Coggan's untrained-to-fair middle for who entered no FTP: it draws zones, and never steers.
ASSUMED_FTP_W = 150
UNNAMED = "Me"

Changed = Callable[[Athlete], Awaitable[None]]


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first-run form; every field may be left out."""

    name: PersonName | None = None
    ftp_w: FtpW | None = None
    max_hr_bpm: MaxHrBpm | None = None
    weight_kg: WeightKg | None = None


class People:
    def __init__(self, athletes: Athletes, now_ms: Callable[[], int], changed: Changed) -> None:
        self._store = athletes
        self._now_ms = now_ms
        self._changed = changed
        self._by_id: dict[str, Athlete] = {}
        self._describing = asyncio.Lock()

    async def start(self) -> None:
        self._by_id = {athlete.athlete_id: athlete for athlete in await self._store.list()}

    def all(self) -> list[Athlete]:
        return list(self._by_id.values())

    def get(self, athlete_id: str) -> Athlete:
        if athlete_id not in self._by_id:
            raise NotFound(f"no athlete {athlete_id!r}")
        return self._by_id[athlete_id]

    def owner(self) -> Athlete | None:
        return next((athlete for athlete in self._by_id.values() if athlete.owner), None)

    def owner_id(self) -> str:
        owner = self.owner()
        return owner.athlete_id if owner else ""

    async def describe_owner(self, numbers: Numbers) -> Athlete:
        """Makes or changes the owner's athlete from the first-run form."""
        async with self._describing:  # a form sent twice must not make two owners
            known = self.owner() or Athlete(
                athlete_id=new_id(self._now_ms()), name=UNNAMED, owner=True
            )
            return await self.store(
                replace(
                    known,
                    name=(numbers.name or "").strip() or known.name,
                    ftp_w=numbers.ftp_w or ASSUMED_FTP_W,
                    ftp_assumed=numbers.ftp_w is None,
                    max_hr_bpm=numbers.max_hr_bpm,
                    weight_kg=numbers.weight_kg,
                )
            )

    async def store(self, athlete: Athlete) -> Athlete:
        await self._store.upsert(athlete)
        self._by_id[athlete.athlete_id] = athlete
        await self._changed(athlete)
        return athlete
