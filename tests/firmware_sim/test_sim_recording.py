"""A recorded ride: what is read of a FIT file, what becomes of its gaps, who wears what."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from garmin_fit_sdk import Encoder, Profile
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import fit_file
from firmware_sim.fit_file import FitFileError
from firmware_sim.recording import (
    GAP_MS,
    METER,
    STRAP,
    TRAINER,
    Point,
    RecordedRider,
    Recording,
    RecordingError,
)
from gateway.gatt.decoder import Decoder
from hub.wire.values import Measurement

BEGIN = datetime(2026, 5, 1, 8, tzinfo=UTC)


def fit(records: dict[int, dict[str, Any]]) -> bytes:
    """A FIT file of records by second."""
    encoder = Encoder()
    number = Profile["mesg_num"]
    encoder.on_mesg(
        number["FILE_ID"],
        {"type": "activity", "manufacturer": "development", "product": 1, "time_created": BEGIN},
    )
    for second, values in records.items():
        at = BEGIN + timedelta(seconds=second)
        encoder.on_mesg(number["RECORD"], {"timestamp": at, **values})
    return bytes(encoder.close())


def ridden(second: int) -> dict[str, int]:
    return {"power": 150 + second, "heart_rate": 120 + second % 40, "cadence": 85}


def points(seconds: list[int], **values: float) -> list[Point]:
    return [Point(second * 1000, **values) for second in seconds]  # type: ignore[arg-type]


@pytest.fixture
def ride(tmp_path: Path) -> Path:
    """A minute, a pause of 40 s, and half a minute without a strap."""
    seconds = [*range(60), *range(100, 130)]
    records: dict[int, dict[str, Any]] = {second: ridden(second) for second in seconds}
    for second in range(100, 130):
        del records[second]["heart_rate"]
    path = tmp_path / "ride.fit"
    path.write_bytes(fit(records))
    return path


# Reading


def test_a_file_is_read_second_by_second(ride: Path) -> None:
    recording, problem = fit_file.read(ride)
    assert problem == ""
    assert len(recording.points) == 90
    assert recording.gaps == [(60_000, 100_000)]
    assert recording.duration_ms == 130_000
    point = recording.at(17_400)
    assert point is not None
    assert (point.power_w, point.heart_rate_bpm, point.cadence_rpm) == (167, 137, 85.0)


def test_a_file_that_breaks_off_is_ridden_as_far_as_it_is_whole(ride: Path) -> None:
    whole = ride.read_bytes()
    ride.write_bytes(whole[: len(whole) // 2])
    recording, problem = fit_file.read(ride)
    assert problem
    assert 30 < len(recording.points) < 60
    assert recording.at(10_000) is not None


def test_a_wrong_checksum_is_no_reason_not_to_ride(ride: Path) -> None:
    data = ride.read_bytes()
    ride.write_bytes(data[:-2] + b"\0\0")
    recording, _ = fit_file.read(ride)
    assert len(recording.points) == 90


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no power and no heart rate"),
        (b"<gpx/>" * 50, "no FIT file, or broken at its beginning"),
        (fit({}), "no power and no heart rate"),
        (fit({1: {"cadence": 90}}), "no power and no heart rate"),
        (fit({1: {"power": 90}, 8 * 86_400: {"power": 90}}), "longer than 7 days"),
    ],
)
def test_what_cannot_be_ridden_is_said_plainly(data: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.fit"
    path.write_bytes(data)
    with pytest.raises(FitFileError, match=problem) as caught:
        fit_file.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FitFileError, match="No such file or directory; name a FIT file"):
        fit_file.read(tmp_path / "none.fit")


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_damage_gives_a_recording_or_a_word(noise: bytes, at: int) -> None:
    data = bytearray(fit({second: ridden(second) for second in range(20)}))
    data[at : at + len(noise)] = noise
    with tempfile.NamedTemporaryFile(suffix=".fit") as file:
        file.write(data)
        file.flush()
        try:
            recording, _ = fit_file.read(Path(file.name))
        except FitFileError as error:
            assert "\n" not in str(error)
        else:
            assert recording.points


# Time


def test_a_value_holds_until_the_next_and_a_gap_is_silent() -> None:
    recording = Recording(points([0, 7, 8, 30], power_w=200))
    seen = [recording.at(ms) is not None for ms in (0, 6_999, 8_999, 9_000, 29_999, 30_000, 31_000)]
    assert seen == [True, True, True, False, False, True, False]
    assert recording.gaps == [(9_000, 30_000)]


def test_a_clock_that_goes_back_is_left_out_and_doubled_seconds_are_merged() -> None:
    recording = Recording(
        [
            Point(5_000, power_w=100),
            Point(5_000, heart_rate_bpm=130),
            Point(4_000, power_w=900),
            Point(6_000, power_w=110),
        ]
    )
    assert recording.points == [Point(5_000, 100, 130), Point(6_000, 110)]


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=50))
def test_between_gaps_there_is_always_a_value_and_never_within(at: list[int]) -> None:
    recording = Recording([Point(ms, power_w=1) for ms in sorted(at)])
    for begin_ms, end_ms in recording.gaps:
        assert end_ms - begin_ms > GAP_MS - 1_000
        assert recording.at(begin_ms) is None and recording.at(end_ms - 1) is None
        assert recording.at(begin_ms - 1) is not None and recording.at(end_ms) is not None
    assert recording.at(recording.duration_ms) is None
    assert recording.at(-1) is None


def test_nothing_to_ride() -> None:
    with pytest.raises(RecordingError, match="no power and no heart rate"):
        Recording([Point(0, cadence_rpm=90.0)])


# Riding


def heard(rider: RecordedRider, until_ms: int, begin_ms: int = 3_000) -> dict[str, list[Any]]:
    """What a gateway makes of the sensors: (time since the start, measurement) by name."""
    decoders = {name: Decoder(name) for name in rider.sensors}
    said: dict[str, list[Any]] = {name: [] for name in rider.sensors}
    for now_ms in range(0, begin_ms + until_ms, 250):
        if now_ms == begin_ms:
            rider.start(now_ms)
        for name, emissions in rider.advance(now_ms).items():
            for emission in emissions:
                read = decoders[name].feed(f"{emission.uuid:04x}", emission.value, now_ms)
                assert isinstance(read, Measurement)
                said[name].append((now_ms - begin_ms, read))
    return said


def test_a_ride_comes_back_as_it_was(ride: Path) -> None:
    rider = RecordedRider(fit_file.read(ride)[0], "ride")
    assert (rider.waiting, rider.finished) == (True, False)
    said = heard(rider, 131_000)
    assert rider.finished and not rider.waiting
    strap = {at_ms // 1000: read.heart_rate_bpm for at_ms, read in said[STRAP]}
    pedals = {at_ms // 1000: read.power_w for at_ms, read in said[METER]}
    assert strap == {second: ridden(second)["heart_rate"] for second in range(60)}
    assert pedals == {second: ridden(second)["power"] for second in (*range(60), *range(100, 130))}
    cadence = [read.cadence_rpm for at_ms, read in said[METER] if 10_000 < at_ms < 60_000]
    assert cadence == pytest.approx([85.0] * len(cadence), abs=0.5)
    assert all(read.rr_ms is None for _, read in said[STRAP])


def test_nothing_is_sent_before_somebody_listens(ride: Path) -> None:
    said = heard(RecordedRider(fit_file.read(ride)[0], "ride"), 5_000, begin_ms=20_000)
    assert min(at_ms for pairs in said.values() for at_ms, _ in pairs) >= 0


def test_a_trainer_in_place_of_pedals_is_not_steered(ride: Path) -> None:
    rider = RecordedRider(fit_file.read(ride)[0], "ride", trainer=True)
    trainer = rider.sensors[TRAINER]
    trainer.write(0x2AD9, b"\x00", 0)
    trainer.write(0x2AD9, bytes.fromhex("052c01"), 0)
    said = [(at, m) for at, m in heard(rider, 20_000)[TRAINER] if m.speed_kmh is not None]
    assert [m.power_w for at, m in said] == [ridden(at // 1000)["power"] for at, _ in said]
    assert {m.cadence_rpm for _, m in said} == {85.0}


@pytest.mark.parametrize("trainer", [False, True])
def test_what_the_file_does_not_hold_no_sensor_invents(trainer: bool) -> None:
    rider = RecordedRider(Recording(points(list(range(10)), power_w=180)), "x", trainer=trainer)
    assert list(rider.sensors) == [TRAINER if trainer else METER]
    (said,) = heard(rider, 9_000).values()
    assert {read.power_w for _, read in said} == {180}
    assert all(read.cadence_rpm is None and read.crank_revs is None for _, read in said)


def test_a_fault_can_rest_the_legs() -> None:
    rider = RecordedRider(Recording(points(list(range(10)), power_w=180, cadence_rpm=90.0)), "x")
    rider.start(0)
    rider.rest(5_000)
    rider.advance(2_000)
    assert rider.body.power_w == 0
    rider.advance(5_000)
    assert rider.body.power_w == 180
