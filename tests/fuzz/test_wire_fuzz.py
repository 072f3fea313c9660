"""Good, broken and hostile frames through every codec: a message or a DecodeError, and no memory.

10^4 frames a codec in every run; `FUZZ=1` (make fuzz) makes it 10^6.
"""

from __future__ import annotations

import os
import tracemalloc
from random import Random
from typing import Any

import msgspec
import pytest
from random_messages import BOMBS, Messages, spoiled

from hub.wire.codec import Codec, DecodeError
from hub.wire.live_events import EVENT, EventBody
from hub.wire.live_from_client import FROM_CLIENT, FromClient
from hub.wire.live_to_client import TO_CLIENT, ToClient
from hub.wire.uplink import DOWN, UP, Down, Up

FRAMES = 1_000_000 if os.environ.get("FUZZ") else 10_000
BYTES_BEYOND = 8 * 1024 * 1024  # the bound of any codec
CODES = {"too_large", "not_json", "unknown_message", "bad_field"}
KEPT_BYTES_MAX = 512 * 1024  # caches of the decoder and of this test; frames are kept by nobody

CODECS: dict[str, tuple[Codec[Any], object]] = {
    "client to hub": (FROM_CLIENT, FromClient),
    "hub to client": (TO_CLIENT, ToClient),
    "event": (EVENT, EventBody),
    "gateway to hub": (UP, Up),
    "hub to gateway": (DOWN, Down),
}


@pytest.fixture(params=CODECS, ids=lambda name: name.replace(" ", "-"))
def wire(request: pytest.FixtureRequest) -> tuple[Codec[Any], Messages]:
    codec, union = CODECS[request.param]
    return codec, Messages(union)


def test_what_the_codec_takes_it_gives_back(wire: tuple[Codec[Any], Messages]) -> None:
    codec, messages = wire
    random = Random(1)
    for _ in range(FRAMES // 2):
        message = codec.decode(msgspec.json.encode(messages.make(random)))
        assert codec.decode(codec.encode(message)) == message


def test_what_it_does_not_take_is_one_error(wire: tuple[Codec[Any], Messages]) -> None:
    codec, messages = wire
    random = Random(2)
    codes = dict.fromkeys(CODES, 0)
    for _ in range(FRAMES):
        try:
            codec.decode(spoiled(random, messages.make(random)))
        except DecodeError as error:
            codes[error.code] += 1
            assert error.detail
    for bomb in (*BOMBS, b" " * BYTES_BEYOND):
        with pytest.raises(DecodeError) as caught:
            codec.decode(bomb)
        codes[caught.value.code] += 1
    assert all(codes.values()), codes
    assert sum(codes.values()) > FRAMES / 2, codes


def test_a_long_conversation_keeps_no_memory(wire: tuple[Codec[Any], Messages]) -> None:
    codec, messages = wire
    random = Random(3)
    frames = [spoiled(random, messages.make(random)) for _ in range(2_000)]
    refuse_all(codec, frames)
    tracemalloc.start()
    try:
        refuse_all(codec, frames)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(max(1, FRAMES // 100_000)):
            refuse_all(codec, frames)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now - kept < KEPT_BYTES_MAX
    assert peak - kept < KEPT_BYTES_MAX + 10 * max(map(len, frames))


def refuse_all(codec: Codec[Any], frames: list[bytes]) -> None:
    for frame in frames:
        try:
            codec.decode(frame)
        except DecodeError:
            continue
