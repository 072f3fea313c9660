"""The library: what came as files and what people keep, for who may see it.

What the owner or a coach keeps is the house's, and everybody's to ride; what an athlete keeps is
the athlete's own. Files are nobody's to change: who wants another version keeps a copy.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from hub.auth.policy import Act, Object, may
from hub.auth.principal import Principal
from hub.core.errors import Conflict, Denied, NotFound
from hub.core.workout import Workout
from hub.library.card import Card, card
from hub.library.changes import check
from hub.library.search import Found, Search, found
from hub.library.shelf import Origin, Shelf
from hub.store.ids import new_id
from hub.store.rows import SITE
from hub.store.workouts import Place, SavedVersion, StoredWorkout, Workouts

CARDS_MAX = 2_000  # policy: those not looked at for longest are made anew

FILE = ""  # owner of what came as a file


class Entry(msgspec.Struct, frozen=True):
    """A workout in the library; `at_ms`: hub time of this version, 0 for a file."""

    place: Place
    origin: Origin
    editable: bool
    at_ms: int
    workout: Workout


class Library:
    def __init__(self, shelf: Shelf, kept: Workouts, now_ms: Callable[[], int]) -> None:
        self._shelf = shelf
        self._kept = kept
        self._now_ms = now_ms
        self._cards: OrderedDict[Place, Card] = OrderedDict()

    def built_in(self, workout_id: str) -> Workout:
        """Of a file. Raises NotFound."""
        return self._shelf.get(workout_id)

    # Reading

    async def search(self, principal: Principal, search: Search) -> Found:
        """Raises Denied."""
        _require(principal, Act.SEE_LIBRARY, SITE)
        places = [Place(FILE, workout_id, 1) for workout_id in self._shelf]
        places += [place for place in await self._kept.newest() if _sees(principal, place.owner_id)]
        await self._make_cards([place for place in places if place not in self._cards])
        cards = [self._card_for(principal, place) for place in places if place in self._cards]
        self._forget_some(len(places))
        return found(cards, search)

    async def find(
        self, principal: Principal, workout_id: str, version: int | None = None
    ) -> Entry:
        """The newest version, or that one.

        Raises NotFound, also for one that the principal may not know of, and Denied.
        """
        _require(principal, Act.SEE_LIBRARY, SITE)
        if workout_id in self._shelf and version in (None, 1):
            workout, origin = self._shelf.get(workout_id), self._shelf.origin(workout_id)
            return Entry(Place(FILE, workout_id, 1), origin, False, 0, workout)
        stored = await self._kept.get(workout_id, version)
        if not _sees(principal, stored.place.owner_id):
            raise NotFound(f"no workout {workout_id!r} in the library")
        return _entry(principal, stored)

    async def versions(self, entry: Entry) -> list[SavedVersion]:
        """Newest first."""
        if entry.place.owner_id == FILE:
            return [SavedVersion(1, 0)]
        return await self._kept.versions(entry.place)

    def card(self, entry: Entry) -> Card:
        place = entry.place
        return card(place.workout_id, place.version, entry.workout, entry.origin, entry.editable)

    # Changing

    async def create(self, principal: Principal, workout: Workout, key: str) -> Entry:
        """Raises Denied, UserError, Conflict (too many), Unavailable.

        The same key of the same login gives what it made before.
        """
        owner_id = _keeper(principal)
        stored = await self._kept.create(
            owner_id,
            new_id(self._now_ms()),
            check(workout),
            by=principal.login_id,
            key=key,
            now=self._now_ms(),
        )
        return _entry(principal, stored)

    async def edit(
        self, principal: Principal, workout_id: str, base: int, workout: Workout, key: str
    ) -> Entry:
        """The version after `base`.

        Raises NotFound, Denied, Stale (there is a newer one), Conflict (a file), UserError,
        Unavailable.
        """
        await self._require_mine(principal, workout_id)
        stored = await self._kept.edit(
            workout_id, base, check(workout), by=principal.login_id, key=key, now=self._now_ms()
        )
        return _entry(principal, stored)

    async def delete(self, principal: Principal, workout_id: str) -> None:
        """Sessions and rides keep it. Raises NotFound, Denied, Conflict (a file), Unavailable."""
        await self._require_mine(principal, workout_id)
        await self._kept.delete(workout_id, self._now_ms())

    async def _require_mine(self, principal: Principal, workout_id: str) -> None:
        entry = await self.find(principal, workout_id)
        if entry.place.owner_id == FILE:
            raise Conflict("this workout is a file of the hub", remedy="keep a copy of it")
        if not entry.editable:
            raise Denied("this workout is the house's", remedy="keep a copy of it")

    # Cards

    async def _make_cards(self, places: list[Place]) -> None:
        files = [place for place in places if place.owner_id == FILE]
        stored = await self._kept.bodies([place for place in places if place.owner_id != FILE])
        self._cards |= await asyncio.to_thread(
            lambda: {
                **{place: self._file_card(place.workout_id) for place in files},
                **{each.place: _stored_card(each) for each in stored},
            }
        )

    def _file_card(self, workout_id: str) -> Card:
        origin = self._shelf.origin(workout_id)
        return card(workout_id, 1, self._shelf.get(workout_id), origin, False)

    def _card_for(self, principal: Principal, place: Place) -> Card:
        self._cards.move_to_end(place)
        one = self._cards[place]
        editable = place.owner_id != FILE and _edits(principal, place.owner_id)
        return msgspec.structs.replace(one, editable=editable) if editable else one

    def _forget_some(self, in_use: int) -> None:
        while len(self._cards) > max(CARDS_MAX, in_use):
            self._cards.popitem(last=False)


def _stored_card(stored: StoredWorkout) -> Card:
    place = stored.place
    return card(place.workout_id, place.version, stored.workout, _origin(place.owner_id), False)


def _entry(principal: Principal, stored: StoredWorkout) -> Entry:
    owner_id = stored.place.owner_id
    editable = _edits(principal, owner_id)
    return Entry(stored.place, _origin(owner_id), editable, stored.at_ms, stored.workout)


def _origin(owner_id: str) -> Origin:
    return Origin.HOUSE if owner_id == SITE else Origin.OWN


def _keeper(principal: Principal) -> str:
    """Whose a workout becomes that the principal keeps. Raises Denied."""
    if may(principal, Act.EDIT_LIBRARY):
        return SITE
    _require(principal, Act.EDIT_WORKOUT, principal.athlete_id)
    return principal.athlete_id


def _sees(principal: Principal, owner_id: str) -> bool:
    if owner_id in (SITE, FILE):
        return may(principal, Act.SEE_LIBRARY)
    return may(principal, Act.SEE_WORKOUT, Object(owner_id))


def _edits(principal: Principal, owner_id: str) -> bool:
    if owner_id == SITE:
        return may(principal, Act.EDIT_LIBRARY)
    return may(principal, Act.EDIT_WORKOUT, Object(owner_id))


def _require(principal: Principal, act: Act, owner_id: str) -> None:
    if not may(principal, act, Object(owner_id)):
        raise Denied("this login has no library")
