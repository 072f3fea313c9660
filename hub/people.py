"""The athletes of this hub, known by heart: who the owner is, who is simulated, whose figures are
which, and since when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec.structs import replace

from hub.core.errors import NotFound, UserError
from hub.core.figures import BIKE, SPORTS, Figures, Version, figures_on
from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice
from hub.store.athletes import Athletes
from hub.store.ids import new_id
from hub.store.rows import Athlete
from hub.store.thresholds import BySport, ThresholdBook

# A person's numbers; outside them it is a slip of the finger, not an athlete.
FtpW = Annotated[int, msgspec.Meta(ge=30, le=700)]
MaxHrBpm = Annotated[int, msgspec.Meta(ge=100, le=230)]
LthrBpm = Annotated[int, msgspec.Meta(ge=80, le=220)]
RestHrBpm = Annotated[int, msgspec.Meta(ge=25, le=120)]
WeightKg = Annotated[float, msgspec.Meta(ge=25, le=250)]
ThresholdKmh = Annotated[float, msgspec.Meta(ge=3, le=60)]
PersonName = Annotated[str, msgspec.Meta(max_length=80)]

# Coggan's untrained-to-fair middle for who entered no FTP: it draws zones, and never steers.
ASSUMED_FTP_W = 150
UNNAMED = "Me"
VERSIONS_MAX = 200  # of one athlete and sport; policy: one more is refused
SINCE_EVER = "1970-01-01"

Changed = Callable[[Athlete], Awaitable[None]]


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first-run form; every field may be left out."""

    name: PersonName | None = None
    ftp_w: FtpW | None = None
    max_hr_bpm: MaxHrBpm | None = None
    weight_kg: WeightKg | None = None


class NewFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All figures of a version: what is left out is not known. `recompute`: rides since as well."""

    ftp_w: FtpW | None = None
    max_hr_bpm: MaxHrBpm | None = None
    lthr_bpm: LthrBpm | None = None
    rest_hr_bpm: RestHrBpm | None = None
    weight_kg: WeightKg | None = None
    threshold_kmh: ThresholdKmh | None = None
    zones: ZoneChoice = ZoneChoice()
    recompute: bool = False

    @property
    def figures(self) -> Figures:
        """Raises UserError when the heart rates do not go together."""
        rest, threshold, highest = self.rest_hr_bpm, self.lthr_bpm, self.max_hr_bpm
        rates = [each for each in (rest, threshold, highest) if each is not None]
        if rates != sorted(set(rates)):
            raise UserError(
                "resting heart rate is below the threshold's, and that below the maximum"
            )
        known = {name: getattr(self, name) for name in FIGURES}
        return Figures(Thresholds(**known), self.zones)


FIGURES = tuple(name for name in NewFigures.__struct_fields__ if name not in ("zones", "recompute"))


class People:
    """`wall_ms`: Unix time; figures begin to count on a date of this computer's calendar."""

    def __init__(
        self,
        athletes: Athletes,
        thresholds: ThresholdBook,
        now_ms: Callable[[], int],
        wall_ms: Callable[[], int],
        changed: Changed,
    ) -> None:
        self._store = athletes
        self._book = thresholds
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._changed = changed
        self._by_id: dict[str, Athlete] = {}
        self._versions: dict[str, BySport] = {}
        self._describing = asyncio.Lock()

    async def start(self) -> None:
        self._by_id = {athlete.athlete_id: athlete for athlete in await self._store.list()}
        self._versions = await self._book.all()

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

    async def describe_owner(self, numbers: Numbers, by: str = "") -> Athlete:
        """Makes or changes the owner's athlete from the first-run form: by bike, from today."""
        async with self._describing:  # a form sent twice must not make two owners
            known = self.owner() or Athlete(
                athlete_id=new_id(self._now_ms()), name=UNNAMED, owner=True
            )
            named = replace(known, name=(numbers.name or "").strip() or known.name)
            before = self.now(known.athlete_id, BIKE)
            figures = replace(
                before,
                thresholds=replace(
                    before.thresholds,
                    ftp_w=numbers.ftp_w or ASSUMED_FTP_W,
                    ftp_assumed=numbers.ftp_w is None,
                    max_hr_bpm=numbers.max_hr_bpm,
                    weight_kg=numbers.weight_kg,
                ),
            )
            await self.store(named)
            if figures == before:
                return named
            return await self._put(named.athlete_id, BIKE, Version(self.today(), figures), by)

    async def store(self, athlete: Athlete) -> Athlete:
        await self._store.upsert(athlete)
        self._by_id[athlete.athlete_id] = athlete
        await self._changed(athlete)
        return athlete

    # Figures by date

    def today(self) -> str:
        return self.date_of(self._wall_ms())

    def date_of(self, unix_ms: int) -> str:
        """By this computer's calendar."""
        return datetime.fromtimestamp(unix_ms / 1000).astimezone().date().isoformat()

    def versions(self, athlete_id: str, sport: str) -> Sequence[Version]:
        """Oldest first. Who was never dated has figures by bike since ever."""
        return self._of(athlete_id).get(sport, [])

    def now(self, athlete_id: str, sport: str) -> Figures:
        """Those of nobody ("") are not known."""
        return self.on(athlete_id, sport, self.today())

    def on(self, athlete_id: str, sport: str, date: str) -> Figures:
        return figures_on(self._of(athlete_id), sport, date)

    def _of(self, athlete_id: str) -> BySport:
        known = self._versions.get(athlete_id, {})
        athlete = self._by_id.get(athlete_id)
        if BIKE in known or athlete is None:
            return known
        undated = Thresholds(
            ftp_w=athlete.ftp_w,
            ftp_assumed=athlete.ftp_assumed,
            max_hr_bpm=athlete.max_hr_bpm,
            weight_kg=athlete.weight_kg,
        )
        return {**known, BIKE: [Version(SINCE_EVER, Figures(undated))]}

    async def set_figures(
        self,
        athlete_id: str,
        sport: str,
        valid_from: str,
        figures: Figures,
        by: str,
        *,
        recompute: bool = False,
    ) -> None:
        """`recompute`: the rides that it counts for are measured by it, in the background.

        Raises NotFound, UserError (no such sport, or no date up to today), Unavailable.
        """
        self.get(athlete_id)
        version = Version(self._checked(sport, valid_from), figures)
        async with self._describing:
            dated = {each.valid_from for each in self.versions(athlete_id, sport)}
            if len(dated | {version.valid_from}) > VERSIONS_MAX:
                raise UserError(f"there are {VERSIONS_MAX} versions", remedy="remove some")
            await self._put(athlete_id, sport, version, by, recompute)

    async def forget_figures(self, athlete_id: str, sport: str, valid_from: str) -> None:
        """The version before it counts on. Raises NotFound, UserError (it is the only one)."""
        self.get(athlete_id)
        async with self._describing:
            versions = self._versions.get(athlete_id, {}).get(sport, [])
            left = [each for each in versions if each.valid_from != valid_from]
            if len(left) == len(versions):
                raise NotFound(f"no figures of {sport} from {valid_from}")
            if not left:
                raise UserError("the only figures there are stay", remedy="change them instead")
            await self._book.remove(athlete_id, sport, valid_from)
            await self._know(athlete_id, sport, left)

    def _checked(self, sport: str, valid_from: str) -> str:
        if sport not in SPORTS:
            raise NotFound(f"sport is one of {', '.join(SPORTS)}, not {sport!r}")
        try:
            date = datetime.strptime(valid_from, "%Y-%m-%d").date().isoformat()
        except ValueError:
            raise UserError(f"{valid_from!r} is no date", remedy="such as 2026-03-01") from None
        if not SINCE_EVER <= date <= self.today():
            raise UserError("figures count from a day in the past or from today")
        return date

    async def _put(
        self, athlete_id: str, sport: str, version: Version, by: str, recompute: bool = False
    ) -> Athlete:
        """A first date for figures that had none keeps what was: it counted since ever."""
        known = self._of(athlete_id).get(sport, [])
        if known and sport not in self._versions.get(athlete_id, {}):
            known = known if known[0].figures.thresholds != Thresholds() else []
            for undated in known:
                await self._book.put(athlete_id, sport, undated, by=by, now=self._now_ms())
        await self._book.put(
            athlete_id, sport, version, by=by, now=self._now_ms(), recompute=recompute
        )
        others = [each for each in known if each.valid_from != version.valid_from]
        return await self._know(athlete_id, sport, [*others, version])

    async def _know(self, athlete_id: str, sport: str, versions: Sequence[Version]) -> Athlete:
        ordered = sorted(versions, key=lambda each: each.valid_from)
        self._versions.setdefault(athlete_id, {})[sport] = ordered
        figures = ordered[-1].figures
        newest = figures.thresholds
        athlete = self._by_id[athlete_id]
        athlete = replace(athlete, by_sport={**athlete.by_sport, sport: figures})
        if sport == BIKE:
            athlete = replace(
                athlete,
                ftp_w=newest.ftp_w,
                ftp_assumed=newest.ftp_assumed,
                max_hr_bpm=newest.max_hr_bpm,
                weight_kg=newest.weight_kg,
            )
        return await self.store(athlete)
