"""Frames against the book and against devices: cut, padded, not available, nonsense."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gatt import fitness_machine
from gateway.gatt.decoder import CHARS, Decoder
from gateway.gatt.layout import FFFF, MAX_FRAME_BYTES, MAX_SHAPES, Field, Layout, Nonsense
from hub.wire.values import Measurement


def fields(char: str, text: str, model: str | None = None) -> dict[str, Any]:
    measurement = Decoder(model).feed(char, bytes.fromhex(text), 0)
    assert isinstance(measurement, Measurement), measurement
    carried: dict[str, Any] = msgspec.to_builtins(measurement)
    return carried


def refusal(char: str, text: str) -> str:
    refused = Decoder().feed(char, bytes.fromhex(text), 0)
    assert isinstance(refused, Nonsense)
    return refused.reason


ZWIFT_HUB = "fe02990bc707b2007200f70000140046005d0000"


def test_cut_anywhere_decodes_the_whole_fields_that_fit() -> None:
    whole = fields("2ad2", ZWIFT_HUB)
    for length in range(4, len(ZWIFT_HUB) // 2):
        cut = fields("2ad2", ZWIFT_HUB[: 2 * length])
        if length == 19:
            # One byte short is read as one-byte resistance (Rave), at the price of this one cut.
            continue
        assert cut.pop("partial") is True
        assert cut.items() <= whole.items()


@given(st.integers(1, 40))
def test_zero_padding_changes_nothing(count: int) -> None:
    assert fields("2a63", "2c0088007e6c080cdb52" + "00" * count) == fields(
        "2a63", "2c0088007e6c080cdb52"
    )


@pytest.mark.parametrize(
    "char, text",
    [
        ("2a37", "0000"),  # strap without skin
        ("2a37", "00ff"),
        ("2a37", "01ffff"),
        ("2ad2", "0302ffff0000"),
        ("2ad2", "0000ffff"),
        ("2ad2", "2100ff7f"),
        ("2ad2", "4100ff7f"),
        ("2ad2", "1100ffffff"),
        ("2ad2", "0101ffffffffff"),
        ("2a63", "0000ff7f"),
        ("2a53", "00ffffff"),
    ],
)
def test_not_available_is_no_number(char: str, text: str) -> None:
    carried = fields(char, text)
    carried.pop("contact_supported", None)
    assert carried == {}


def test_all_ones_in_a_counter_is_a_count() -> None:
    assert fields("2a63", "20000000ffffffff")["crank_revs"] == 0xFFFF


@pytest.mark.parametrize("value", [0, 40, 0x7FFE])
def test_negative_power_is_power(value: int) -> None:
    raw = (-value).to_bytes(2, "little", signed=True).hex()
    assert fields("2a63", "0000" + raw)["power_w"] == -value


def test_fields_that_we_do_not_keep_are_stepped_over() -> None:
    # force, torque, angles, dead spots between power and energy
    skipped = "11" * 4 + "22" * 4 + "33" * 3 + "4444" + "5555"
    assert fields("2a63", "c00f" + "6400" + skipped + "2a00") == {"power_w": 100, "energy_kj": 42}


def test_torque_source_only_with_torque() -> None:
    assert fields("2a63", "08000a00") == {"power_w": 10}
    assert fields("2a63", "04000a002000")["torque_source"] == "wheel"


def test_heart_rate_with_rr_flag_but_no_interval_is_partial() -> None:
    assert fields("2a37", "1050") == {
        "heart_rate_bpm": 80,
        "contact_supported": False,
        "partial": True,
    }


def test_one_byte_resistance_only_when_exactly_one_byte_is_missing() -> None:
    # speed, resistance (u8), power
    assert fields("2ad2", "6000" + "e803" + "11" + "6400") == {
        "speed_kmh": 10.0,
        "resistance": 17,
        "power_w": 100,
    }
    assert fields("2ad2", "6000" + "e803" + "1100" + "6400")["resistance"] == 17


def test_twenty_bytes_are_a_cut_frame_not_a_short_resistance() -> None:
    # speed, cadence, distance, resistance, power, energy, heart rate, elapsed: 21 bytes
    whole = "740b" + "e803" + "b400" + "640000" + "1400" + "9600" + "0a00" + "2c01"
    whole += "05" + "78" + "3c00"
    assert len(whole) == 2 * 21
    cut = fields("2ad2", whole[:40])
    assert (cut["resistance"], cut["power_w"], cut["heart_rate_bpm"]) == (20, 150, 120)
    assert cut["partial"] is True and "elapsed_s" not in cut
    assert fields("2ad2", whole)["elapsed_s"] == 60


def test_life_fitness_over_a_small_mtu() -> None:
    """Which bike it is decides: bit 2 is never set, and the cut hides the two bytes too many."""
    cut = "fa092d09f208740077006500000d00660061000200ffffff1100"[:40]
    known = fields("2ad2", cut, "LifeFitness IC7 #12")
    assert (known["cadence_rpm"], known["power_w"], known["partial"]) == (58.0, 102, True)
    assert "cadence_rpm" not in fields("2ad2", cut)


def test_refusals_say_what_is_wrong() -> None:
    assert "too few for the flags" in refusal("2ad2", "44")
    assert "before the first field" in refusal("2ad2", "4402f2")
    assert "before the first field" in refusal("2a37", "16")
    assert "not one that measures" in refusal("2a00", "00")
    assert "above 100" in refusal("2a19", "65")
    assert "reserved" in refusal("2a38", "07")
    assert refusal("2a38", "") and refusal("2a19", "") and refusal("2a37", "")
    assert "more than an attribute" in refusal("2a37", "00" * (MAX_FRAME_BYTES + 1))


def test_single_values() -> None:
    assert fields("2a19", "12") == {"battery_pct": 18}
    assert fields("2a38", "01") == {"body_location": "chest"}


@given(st.sampled_from(sorted(CHARS)), st.binary(max_size=64), st.integers(0, 10**9))
def test_device_bytes_never_raise(char: str, data: bytes, at_ms: int) -> None:
    answer = Decoder("Life Fitness").feed(char, data, at_ms)
    assert isinstance(answer, Measurement | Nonsense)
    if isinstance(answer, Measurement):
        # What we made is what the wire's types allow.
        assert msgspec.json.decode(msgspec.json.encode(answer), type=Measurement) == answer


def test_noise_does_not_fill_memory() -> None:
    layout = fitness_machine.indoor_bike()
    for flags in range(4 * MAX_SHAPES):
        layout.read(flags.to_bytes(2, "little") + bytes(30))
    assert len(layout._shapes) <= MAX_SHAPES


def test_table_takes_three_bytes_of_flags_and_fields_that_share_a_bit() -> None:
    """The shape that cross trainers (u24 flags) and rowers (rate and count on bit 0) need."""
    layout = Layout(
        3,
        (
            Field("stroke_rate_spm", 0, 1, "1/min", 2, when=0),
            Field("stroke_count", 0, 2, "1", when=0),
            Field("distance_m", 17, 3, "m"),
            Field("pace_s_per_500m", 3, 2, "s", absent=FFFF),
        ),
    )
    assert layout.read(bytes.fromhex("080002" + "2f" + "0300" + "0a0001" + "ffff")) == {
        "stroke_rate_spm": 23.5,
        "stroke_count": 3,
        "distance_m": 65546,
    }
