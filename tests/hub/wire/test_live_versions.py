"""Protocol versions: whom the hub serves, and what an older client is not sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from hub.wire.live import PROTOCOL_VERSION, PROTOCOL_VERSION_MIN
from hub.wire.live_from_client import FromClient
from hub.wire.live_to_client import Presence, Refreshed, State, ToClient
from hub.wire.live_versions import CHANGES, is_for, may_say, why_not

# For ever as they were: the hub's messages that a client of version 1 knows, and what it says.
VERSION_1 = {
    "welcome", "fields", "state", "event", "snapshot", "sensors", "seats", "gap", "clock", "reply",
    "error", "bye",
}  # fmt: skip
VERSION_1_SAYS = {
    "hello", "subscribe", "unsubscribe", "ack", "clock", "refresh", "control", "prefer",
}  # fmt: skip
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "live-protocol.md"


def tags(union: object) -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in get_args(union)}


def test_every_version_after_the_first_says_what_it_brought() -> None:
    assert list(CHANGES) == list(range(PROTOCOL_VERSION_MIN + 1, PROTOCOL_VERSION + 1))
    for change in CHANGES.values():
        assert set(change.messages) <= set(get_args(ToClient))
        assert set(change.taken) <= tags(FromClient).keys()
        for field in change.fields:
            message, name = field.split(".")
            assert name in tags(ToClient)[message].__struct_fields__


def test_every_message_that_version_1_does_not_know_is_told_to_be_new() -> None:
    new = {kind for change in CHANGES.values() for kind in change.messages}
    known = {tag for tag, kind in tags(ToClient).items() if kind not in new}
    assert known == VERSION_1
    said = {tag for change in CHANGES.values() for tag in change.taken}
    assert tags(FromClient).keys() - said == VERSION_1_SAYS - {"refresh"}


def test_the_page_tells_it_too() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for version, change in CHANGES.items():
        (row,) = re.findall(rf"^\| {version} \|(.*)\|$", page, re.MULTILINE)
        messages, taken, fields = (set(re.findall(r"`([^`]+)`", cell)) for cell in row.split("|"))
        assert messages == {str(kind.__struct_config__.tag) for kind in change.messages}
        assert set(change.taken) <= taken
        assert fields == set(change.fields)


@pytest.mark.parametrize(
    ("version", "kind", "sent"),
    [(1, State, True), (1, Refreshed, False), (1, Presence, False), (2, Refreshed, True)],
)
def test_an_older_client_is_not_sent_what_it_cannot_know(
    version: int, kind: type[ToClient], sent: bool
) -> None:
    assert is_for(version, kind) is sent


def test_what_a_version_did_not_take_is_answered_as_then() -> None:
    assert not may_say(1, "refresh")
    assert may_say(2, "refresh") and may_say(1, "subscribe")


def test_whose_fault_it_is_that_a_client_is_not_served() -> None:
    assert [why_not(v) for v in range(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION + 1)] == ["", ""]
    assert "the hub is too old" in why_not(PROTOCOL_VERSION + 1)
    assert "the client is too old" in why_not(PROTOCOL_VERSION_MIN - 1)
