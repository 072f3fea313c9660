"""Frames that skip the parser: those and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from hub.http.short_text import PAYLOAD_BYTES_MAX, short_text


def sent(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


@given(st.binary(max_size=PAYLOAD_BYTES_MAX))
def test_a_short_text_alone_is_read(payload: bytes) -> None:
    assert short_text(sent(payload)) == payload


OTHERS: dict[str, bytes] = {
    "nothing": b"",
    "a head begun": b"\x81",
    "a mask begun": b"\x81\x80\x00\x00\x00",
    "one too long": sent(b"x" * (PAYLOAD_BYTES_MAX + 1)),
    "two at once": sent(b"ack") + sent(b"ack"),
    "one cut short": sent(b"ack")[:-1],
    "one and a byte": sent(b"ack") + b"\x81",
    "a fragment": sent(b"ack", fin=False),
    "a binary one": sent(b"ack", Opcode.BINARY),
    "a continuation": sent(b"ack", Opcode.CONT),
    "a ping": sent(b"", Opcode.PING),
    "a close": sent(b"\x03\xe8", Opcode.CLOSE),
    "a compressed one": bytes([sent(b"ack")[0] | 0x40]) + sent(b"ack")[1:],
    "an unmasked one": Frame(Opcode.TEXT, b"unmasked").serialize(mask=False),
}


@pytest.mark.parametrize("what", OTHERS)  # by name: a mask is drawn anew in every process
def test_everything_else_is_for_the_parser(what: str) -> None:
    assert short_text(OTHERS[what]) is None


@given(st.binary(max_size=200))
def test_whatever_comes_it_is_no_error(data: bytes) -> None:
    payload = short_text(data)
    assert payload is None or len(payload) == len(data) - 6
