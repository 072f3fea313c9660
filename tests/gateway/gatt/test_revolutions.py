"""Revolutions -> cadence and speed: captured sequences, wraps, repeats, coasting, restarts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gatt.decoder import Decoder
from gateway.gatt.revolutions import COAST_MS, CounterSpec, Revolutions
from hub.wire.values import Measurement

GOLDEN = Path(__file__).parents[2] / "golden" / "sensors"
SEQUENCES = {
    sequence["id"]: sequence
    for sequence in json.loads((GOLDEN / "revolution_sequences.json").read_text())
}
CRANK = CounterSpec(revs_wrap=1 << 16, time_wrap_s=64)
EVERY_MS = 1000  # the sources give no arrival times


def feed(decoder: Decoder, char: str, text: str, at_ms: int) -> Measurement:
    measurement = decoder.feed(char, bytes.fromhex(text), at_ms)
    assert isinstance(measurement, Measurement)
    return measurement


def crank_frame(revs: int, ticks: int) -> str:
    return "02" + revs.to_bytes(2, "little").hex() + ticks.to_bytes(2, "little").hex()


def wheel_frame(revs: int, ticks: int) -> str:
    return "01" + revs.to_bytes(4, "little").hex() + ticks.to_bytes(2, "little").hex()


def test_magene_gemini() -> None:
    """A whole ride of a cadence pod: slow start, up to 96 rpm, a wrap, a stop.

    Not ours: the source's rate of its first sample (it has no predecessor in the list), and 0
    while the rate cannot be told yet, where we give no number until the coast is over. The
    source cuts or rounds to whole rpm and lags one repeat at the wrap, hence 1.5.
    """
    decoder = Decoder("Magene Gemini 200")
    samples = SEQUENCES["auuki-magene-gemini200"]["samples"]
    for i, sample in enumerate(samples):
        frame = crank_frame(sample["revs"], sample["time_1024"])
        rpm = feed(decoder, "2a5b", frame, i * EVERY_MS).cadence_rpm
        if i == 0:
            assert rpm is None
        elif sample["rpm"] == 0:
            assert not rpm
        else:
            assert rpm == pytest.approx(sample["rpm"], abs=1.5)
    assert samples[-1]["rpm"] == 0 and rpm == 0.0


def test_assioma() -> None:
    """Repeats hold, then fall to 0 after four; both counters wrap in the last pair.

    Not ours: 0 in the first frames, where the source has no rate and says 0.
    """
    decoder = Decoder("Assioma Uno")
    for i, sample in enumerate(SEQUENCES["smartspin2k-assioma-uno"]["samples"]):
        measurement = feed(decoder, "2a63", sample["hex"], i * EVERY_MS)
        assert measurement.power_w == sample["power"]
        if i < 3 or sample["cadence"] is None:
            assert measurement.cadence_rpm is None
        else:
            assert measurement.cadence_rpm == pytest.approx(sample["cadence"], abs=1e-4)


def test_incyclist_crank() -> None:
    first, second = SEQUENCES["incyclist-crank-only"]["samples"]
    decoder = Decoder()
    assert feed(decoder, "2a5b", first["hex"], 0).cadence_rpm is None
    rpm = feed(decoder, "2a5b", second["hex"], EVERY_MS).cadence_rpm
    assert rpm == pytest.approx(second["cadence"], abs=second["cadence_tol"])


def test_wheel_that_restarts_gives_no_speed() -> None:
    decoder = Decoder(wheel_circumference_m=2.105)
    frames = [sample["hex"] for sample in SEQUENCES["incyclist-reset-after-reconnect"]["samples"]]
    speeds = [feed(decoder, "2a5b", frame, i * EVERY_MS) for i, frame in enumerate(frames)]
    assert [measurement.speed_kmh for measurement in speeds] == [None, None, None]


def test_time_wraps_at_64_s() -> None:
    first, second = SEQUENCES["rust-overflow"]["samples"]
    counter = Revolutions(CRANK, 200)
    assert counter.feed(first["crank_revs"], first["crank_time_s"], 0) is None
    rpm = counter.feed(second["crank_revs"], second["crank_time_s"], EVERY_MS)
    assert rpm == pytest.approx(second["rpm"])


def test_wheel_ticks_differ_between_the_services() -> None:
    """Ten turns in 1024 ticks: 1 s of CSC, half a second of CPS."""
    circumference_m = 2.0
    csc = Decoder(wheel_circumference_m=circumference_m)
    feed(csc, "2a5b", wheel_frame(100, 0), 0)
    speed = feed(csc, "2a5b", wheel_frame(105, 1024), EVERY_MS).speed_kmh
    assert speed == pytest.approx(5 * circumference_m * 3.6)
    cps = Decoder(wheel_circumference_m=circumference_m)
    feed(cps, "2a63", "10000000" + wheel_frame(100, 0)[2:], 0)
    speed = feed(cps, "2a63", "10000000" + wheel_frame(105, 1024)[2:], EVERY_MS).speed_kmh
    assert speed == pytest.approx(2 * 5 * circumference_m * 3.6)


def test_no_circumference_no_speed() -> None:
    decoder = Decoder()
    feed(decoder, "2a5b", wheel_frame(100, 0), 0)
    measurement = feed(decoder, "2a5b", wheel_frame(105, 1024), EVERY_MS)
    assert measurement.wheel_revs == 105 and measurement.speed_kmh is None


def test_pod_without_a_wheel_never_says_standing_still() -> None:
    decoder = Decoder("Wahoo CADENCE", wheel_circumference_m=2.1)
    frames = ["030000000010012100c6eb", "03000000001001220000f0", "030000000010012300ffff"]
    for i, frame in enumerate(frames):
        measurement = feed(decoder, "2a5b", frame, i * 10_000)
        assert measurement.speed_kmh is None
    assert decoder.idle(10**6) == [("2a5b", Measurement(cadence_rpm=0.0))]


def test_silence_becomes_zero_once() -> None:
    decoder = Decoder()
    assert decoder.idle_at_ms() is None
    feed(decoder, "2a5b", crank_frame(10, 0), 0)
    feed(decoder, "2a5b", crank_frame(11, 700), 700)
    due_ms = decoder.idle_at_ms()
    assert due_ms == 700 + COAST_MS + 1
    assert decoder.idle(due_ms - 1) == []
    assert decoder.idle(due_ms) == [("2a5b", Measurement(cadence_rpm=0.0))]
    assert decoder.idle(due_ms + 1) == [] and decoder.idle_at_ms() is None
    # and the first revolution after it counts again
    assert feed(decoder, "2a5b", crank_frame(12, 5000), 5000).cadence_rpm == pytest.approx(
        60 * 1024 / 4300
    )


def test_repeats_fall_to_zero_by_the_clock_not_by_their_number() -> None:
    decoder = Decoder()
    feed(decoder, "2a5b", crank_frame(10, 0), 0)
    for at_ms in range(1000, 1000 + COAST_MS + 1, 100):
        held = feed(decoder, "2a5b", crank_frame(11, 1024), at_ms).cadence_rpm
        assert held == 60.0
    assert feed(decoder, "2a5b", crank_frame(11, 1024), 1000 + COAST_MS + 1).cadence_rpm == 0.0


def test_silence_is_of_the_characteristic_that_fell_silent() -> None:
    decoder = Decoder()
    feed(decoder, "2a5b", crank_frame(10, 0), 0)
    feed(decoder, "2a5b", crank_frame(11, 1024), 1000)
    for i in range(10):  # the same crank, counted by the power service too
        power = "2000c800" + crank_frame(10 + i, 1024 * i)[2:]
        feed(decoder, "2a63", power, i * 1000)
    assert decoder.idle(9000) == [("2a5b", Measurement(cadence_rpm=0.0))]


def test_rest_longer_than_the_time_wraps_starts_anew() -> None:
    counter = Revolutions(CRANK, 200)
    counter.feed(10, 0.0, 0)
    assert counter.feed(11, 1.0, 64_000) is None
    assert counter.feed(12, 2.0, 65_000) == 60.0


def test_time_that_stands_still_gives_no_rate() -> None:
    counter = Revolutions(CRANK, 200)
    counter.feed(10, 1.0, 0)
    assert counter.feed(11, 1.0, 1000) is None


@given(
    start=st.integers(0, 0xFFFF),
    ticks=st.integers(0, 0xFFFF),
    turns=st.lists(st.tuples(st.integers(1, 3), st.integers(1000, 3000)), min_size=1, max_size=200),
)
def test_any_ride_across_any_wrap_gives_its_rates(
    start: int, ticks: int, turns: list[tuple[int, int]]
) -> None:
    counter = Revolutions(CRANK, 200)
    at_ms = 0
    counter.feed(start, ticks / 1024, at_ms)
    for revs, took in turns:
        start, ticks, at_ms = (start + revs) & 0xFFFF, (ticks + took) & 0xFFFF, at_ms + took
        rpm = counter.feed(start, ticks / 1024, at_ms)
        assert rpm == pytest.approx(revs * 60 * 1024 / took)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), max_size=50))
def test_no_noise_gives_an_impossible_cadence(noise: list[tuple[int, int]]) -> None:
    decoder = Decoder()
    for i, (revs, ticks) in enumerate(noise):
        rpm: Any = feed(decoder, "2a5b", crank_frame(revs, ticks), i * 250).cadence_rpm
        assert rpm is None or 0 <= rpm <= 200
