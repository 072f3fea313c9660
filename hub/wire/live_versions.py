"""What each version of `/live` brought, and so what a client of an older one is not sent.

The hub speaks the version that a client says in `hello`. Nothing is ever taken
away or given another meaning within a version that is still served. A field, column or word that is
new reaches old clients too: they ignore what they do not know. A message that is new does not.
"""

from __future__ import annotations

from typing import NamedTuple

from hub.wire.live import PROTOCOL_VERSION, PROTOCOL_VERSION_MIN
from hub.wire.live_to_client import Presence, Refreshed, ToClient
from hub.wire.live_watch import WatchCues, WatchNumbers, WatchSync


class Change(NamedTuple):
    """One version, against the one before it."""

    messages: tuple[type[ToClient], ...]  # the hub sends them to clients of this version on
    taken: tuple[str, ...]  # what a client may say, and is answered otherwise before it
    fields: tuple[str, ...]  # "message.field": older clients get them and ignore them


CHANGES: dict[int, Change] = {
    2: Change(
        messages=(Refreshed, Presence, WatchSync, WatchCues, WatchNumbers),
        taken=("refresh", "fired"),
        fields=("welcome.expires_at_ms",),
    ),
}

_SINCE = {message: version for version, change in CHANGES.items() for message in change.messages}
_TAKEN_SINCE = {said: version for version, change in CHANGES.items() for said in change.taken}


def is_for(version: int, message: type[ToClient]) -> bool:
    """Whether a client of this version is sent such messages."""
    return _SINCE.get(message, PROTOCOL_VERSION_MIN) <= version


def may_say(version: int, tag: str) -> bool:
    """Whether a client of this version is answered as today when it says this."""
    return _TAKEN_SINCE.get(tag, PROTOCOL_VERSION_MIN) <= version


def why_not(version: int) -> str:
    """Why a client of this version cannot be served: whose fault, and what to do; "": it can."""
    served = f"this hub speaks protocol {PROTOCOL_VERSION_MIN} to {PROTOCOL_VERSION}"
    if version > PROTOCOL_VERSION:
        return f"{served}, the client {version}: the hub is too old, update it"
    if version < PROTOCOL_VERSION_MIN:
        return f"{served}, the client {version}: the client is too old, reload or update it"
    return ""
