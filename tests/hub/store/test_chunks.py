"""Chunks give back what went in, and stay within the budget of DESIGN §7."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.activity.record import RESOLUTION, Streams
from hub.journal_port import PlacedReading
from hub.store import chunks
from hub.store.chunks import HOUR_S, pack_hours, pack_readings, unpack_hours, unpack_readings
from hub.wire.values import Measurement, Reading

KIB = 1024


def walk(dice: random.Random, begin: float, step: float, low: float, high: float) -> list[float]:
    values, value = [], begin
    for _ in range(HOUR_S):
        value = min(max(value + dice.gauss(0, step), low), high)
        values.append(value)
    return values


def hour(dice: random.Random, *, three: bool) -> Streams:
    """An hour on a trainer: power jitters by several watts, heart rate by half a beat."""
    none: list[float | None] = [None] * HOUR_S
    return Streams(
        power_w=[round(v + dice.gauss(0, 6)) for v in walk(dice, 200, 2, 0, 400)],
        heart_rate_bpm=[round(v) for v in walk(dice, 140, 0.5, 60, 190)],
        cadence_rpm=[round(v * 2) / 2 for v in walk(dice, 90, 0.6, 0, 120)],
        speed_kmh=none if three else [round(v, 2) for v in walk(dice, 32, 0.1, 0, 60)],
        distance_m=none if three else [round(v * 8.9, 1) for v in range(HOUR_S)],
        rr_ms=[] if three else [(s, [428.7, 430.1]) for s in range(HOUR_S)],
    )


def test_an_hour_of_three_channels_is_below_eleven_kilobytes() -> None:
    (body,) = pack_hours(hour(random.Random(1), three=True))
    assert len(body) <= 11 * KIB


def test_streams_come_back_as_they_were() -> None:
    streams = hour(random.Random(2), three=False)
    assert unpack_hours(pack_hours(streams)) == streams


@settings(max_examples=40)
@given(st.data(), st.integers(0, 50), st.integers(3, 30))
def test_gaps_and_hour_borders_come_back(data: st.DataObject, length: int, per_hour: int) -> None:
    def column(name: str) -> list[float | None]:
        parts = RESOLUTION[name]
        number = st.integers(0, 3_000 * parts).map(lambda n: n if parts == 1 else n / parts)
        return data.draw(st.lists(st.none() | number, min_size=length, max_size=length))

    beats = data.draw(
        st.dictionaries(
            st.integers(0, max(length - 1, 0)),
            st.lists(st.integers(3_000, 20_000).map(lambda n: n / 10), min_size=1, max_size=4),
            max_size=length,
        )
    )
    streams = Streams(**{name: column(name) for name in RESOLUTION}, rr_ms=sorted(beats.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "HOUR_S", per_hour)
        assert unpack_hours(pack_hours(streams)) == streams


MEASUREMENTS = st.builds(
    Measurement,
    heart_rate_bpm=st.none() | st.integers(0, 65_535),
    contact=st.none() | st.booleans(),
    rr_ms=st.none() | st.lists(st.floats(0, 64_000), max_size=9).map(tuple),
    power_w=st.none() | st.integers(-32_768, 32_767),
    cadence_rpm=st.none() | st.floats(0, 250),
    body_location=st.none() | st.sampled_from(["chest", "wrist"]),
    partial=st.none() | st.just(True),
)
TIMES = st.integers(0, 2**45)


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(
            PlacedReading,
            st.builds(
                Reading,
                st.just("s"),
                TIMES,
                st.sampled_from(["2a37", "2ad2", "2a19"]),
                MEASUREMENTS,
                st.integers(0, 5),
            ),
            TIMES,
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_raw_readings_come_back_field_by_field_in_their_order(
    readings: list[PlacedReading],
) -> None:
    assert unpack_readings("s", pack_readings(readings)) == readings


@given(st.data())
@settings(max_examples=60)
def test_no_flipped_bit_gives_other_numbers(data: st.DataObject) -> None:
    dice = random.Random(7)
    readings = [
        PlacedReading(
            Reading("strap", at, "2a37", Measurement(heart_rate_bpm=dice.randrange(60, 190)), 1),
            at,
            False,
        )
        for at in range(0, 60_000, 1_000)
    ]
    body = bytearray(pack_readings(readings))
    place = data.draw(st.integers(0, 8 * len(body) - 1))
    body[place // 8] ^= 1 << place % 8
    with contextlib.suppress(chunks.DamagedChunk):
        assert unpack_readings("strap", bytes(body)) == readings
