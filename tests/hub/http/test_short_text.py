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


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\x80\x00\x00\x00",
        sent(b"x" * (PAYLOAD_BYTES_MAX + 1)),
        sent(b"ack") + sent(b"ack"),
        sent(b"ack")[:-1],
        sent(b"ack") + b"\x81",
        sent(b"ack", fin=False),
        sent(b"ack", Opcode.BINARY),
        sent(b"ack", Opcode.CONT),
        sent(b"", Opcode.PING),
        sent(b"\x03\xe8", Opcode.CLOSE),
        bytes([sent(b"ack")[0] | 0x40]) + sent(b"ack")[1:],  # a compressed one
        Frame(Opcode.TEXT, b"unmasked").serialize(mask=False),
    ],
)
def test_everything_else_is_for_the_parser(data: bytes) -> None:
    assert short_text(data) is None


@given(st.binary(max_size=200))
def test_whatever_comes_it_is_no_error(data: bytes) -> None:
    payload = short_text(data)
    assert payload is None or len(payload) == len(data) - 6
