"""Random frames through every reader of device bytes: an answer each time, never an exception.

10^4 frames in every run; `FUZZ=1` (make fuzz) makes it 10^6.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from gateway.gatt import cycling_power
from gateway.gatt import fitness_machine_control as control
from gateway.gatt.decoder import CHARS, Decoder
from gateway.gatt.layout import Nonsense
from hub.wire.values import Measurement

FRAMES = 1_000_000 if os.environ.get("FUZZ") else 10_000
MODELS = (None, "Life Fitness", "Stages SB20", "Mr Captain")

FACTS: tuple[Callable[[bytes], Any], ...] = (
    cycling_power.features,
    control.control_response,
    control.features,
    control.machine_status,
    control.power_range,
    control.resistance_range,
    control.training_status,
)


@pytest.mark.parametrize("seed", [1])
def test_random_frames(seed: int) -> None:
    random = Random(seed)
    decoders = [Decoder(model, wheel_circumference_m=2.1) for model in MODELS]
    chars = sorted(CHARS)
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(Measurement).decode
    decoded = at_ms = 0
    for _ in range(FRAMES):
        at_ms += random.randrange(2000)
        data = random.randbytes(random.choice((0, 1, 2, 3, 5, 8, 13, 20, 26, 31, 64)))
        answer = random.choice(decoders).feed(random.choice(chars), data, at_ms)
        if isinstance(answer, Measurement):
            decoded += 1
            assert decode(encode(answer)) == answer
            assert answer.cadence_rpm is None or 0 <= answer.cadence_rpm <= 0xFFFF / 2
        else:
            assert isinstance(answer, Nonsense) and answer.reason
        for read in FACTS:
            assert isinstance(read(data), msgspec.Struct)
    assert decoded > FRAMES / 4
