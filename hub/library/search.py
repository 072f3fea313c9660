"""What is looked for in the library. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated

import msgspec

from hub.core.workout_focus import Focus
from hub.library.card import Card

PAGE_MAX = 500

Minutes = Annotated[int, msgspec.Meta(ge=0, le=100 * 60)]


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each that is given must hold. `q`: every word of it, in title, description or author.

    An open-ended workout has no length, so a search by length does not find it.
    """

    q: Annotated[str, msgspec.Meta(max_length=100)] = ""
    sport: Annotated[str, msgspec.Meta(max_length=20)] = ""
    focus: Focus | None = None
    min_minutes: Minutes | None = None
    max_minutes: Minutes | None = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX


class Found(msgspec.Struct, frozen=True):
    """`total`: how many there are; `workouts`: those of the page asked for."""

    total: int
    workouts: list[Card]


def found(cards: Iterable[Card], search: Search) -> Found:
    words = _plain(search.q).split()
    hits = [card for card in cards if _fits(card, search, words)]
    return Found(len(hits), hits[search.offset : search.offset + search.limit])


def _fits(card: Card, search: Search, words: list[str]) -> bool:
    if search.sport and card.sport != search.sport:
        return False
    if search.focus is not None and card.focus is not search.focus:
        return False
    if not _is_as_long(card.duration_ms, search.min_minutes, search.max_minutes):
        return False
    text = _plain(f"{card.title} {card.description} {card.author} {card.focus}")
    return all(word in text for word in words)


def _is_as_long(duration_ms: int | None, least: int | None, most: int | None) -> bool:
    if least is None and most is None:
        return True
    if duration_ms is None:
        return False
    minutes = duration_ms / 60_000
    return (least is None or minutes >= least) and (most is None or minutes <= most)


def _plain(text: str) -> str:
    """Without case and accents, as people type."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
