"""What kinds a sensor is of, before and after its features are read."""

from __future__ import annotations

import pytest

from gateway.gatt.decoder import CHARS
from gateway.profiles import (
    KINDS_BY_STREAM,
    SERVICES,
    STREAMS,
    TEXT_MAX,
    UNSTEERED,
    cleaned,
    is_steered,
    kinds_found,
    kinds_of,
    text,
)
from gateway.supervisor import SENSORS_MAX
from hub.wire.codec import FRAME_BYTES_MAX
from hub.wire.uplink import UP, LinkStatus, SensorKind, Sensors, SensorState

CADENCE, SPEED, POWER, TRAINER = (
    SensorKind.CADENCE,
    SensorKind.SPEED,
    SensorKind.POWER,
    SensorKind.TRAINER,
)


def test_every_watched_stream_can_be_decoded_and_belongs_to_a_service() -> None:
    watched = {stream.char for stream in STREAMS}
    assert watched <= CHARS
    assert watched | {"e005"} == set(KINDS_BY_STREAM)  # Wahoo's steers, and measures nothing
    told_by_services = {kind for kinds in SERVICES.values() for kind in kinds}
    told_by_streams = {kind for kinds in KINDS_BY_STREAM.values() for kind in kinds}
    assert told_by_streams == set(SensorKind) >= told_by_services


@pytest.mark.parametrize(
    ("services", "kinds"),
    [
        ({"180d"}, (SensorKind.HEART_RATE,)),
        ({"1826", "1818"}, (POWER, TRAINER)),
        ({"1816"}, (CADENCE, SPEED)),
        ({"180f", "180a"}, ()),
    ],
)
def test_an_advertisement_tells_the_kinds_of_its_services(
    services: set[str], kinds: tuple[SensorKind, ...]
) -> None:
    assert kinds_of(services) == kinds


@pytest.mark.parametrize(
    ("streams", "read", "kinds"),
    [
        (["2a5b"], {"2a5c": b"\x02\x00"}, (CADENCE,)),
        (["2a5b"], {"2a5c": b"\x01\x00"}, (SPEED,)),
        (["2a5b"], {"2a5c": b"\x03\x00"}, (CADENCE, SPEED)),
        (["2a5b"], {"2a5c": b"\x00\x00"}, (CADENCE, SPEED)),  # says nothing: either
        (["2a5b"], {"2a5c": b"\x02"}, (CADENCE, SPEED)),  # cut short: not believed
        (["2a63"], {}, (POWER,)),
        (["2a63"], {"2a65": b"\x08\x00\x00\x00"}, (POWER, CADENCE)),
        (["2a63"], {"2a65": b"\x07\x00\x00\x00"}, (POWER,)),
        (["2ad2", "2a63"], {"2a65": b"\x08\x00\x00\x00"}, (POWER, CADENCE, TRAINER)),
        # A machine is a trainer until its streams tell better: only a trainer is given targets.
        (["2acd"], {}, (SensorKind.TREADMILL,)),
        (["2ace"], {}, (SensorKind.CROSS_TRAINER,)),
        (["2ad1"], {}, (SensorKind.ROWER,)),
    ],
)
def test_features_tell_the_rest(
    streams: list[str], read: dict[str, bytes], kinds: tuple[SensorKind, ...]
) -> None:
    assert kinds_found(streams, read) == kinds


@pytest.mark.parametrize("char", sorted(UNSTEERED))
def test_plans_are_for_bikes(char: str) -> None:
    assert not is_steered({char, "2ad9"})
    assert is_steered({char, "2ad2", "2ad9"})
    assert is_steered({"2a63", "2ad9"})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"H10", "H10"),
        (b"KICKR\x00\x00\x00", "KICKR"),
        (b" Assioma \r\n", "Assioma"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 500, "x" * TEXT_MAX),
        (b"", ""),
    ],
)
def test_device_texts_are_cleaned_and_bounded(data: bytes, said: str) -> None:
    assert text(data) == said


@pytest.mark.parametrize("sign", ['"', "\U0001f6b4"])
def test_a_full_room_of_talkative_devices_fits_one_frame(sign: str) -> None:
    said = cleaned(sign * 500)
    state = SensorState(
        sensor_id="f" * 20,
        name=said,
        kinds=tuple(SensorKind),
        link=LinkStatus.SUBSCRIBING,
        rssi_dbm=-100,
        battery_pct=100,
        manufacturer=said,
        model=said,
        firmware=said,
        serial_tag="f" * 20,
        seen_boot_ms=10**10,
        retry_boot_ms=10**10,
        problem="no_bluetooth_service",
        nonsense_count=10**9,
        simulated=True,
    )
    assert len(said.encode()) == TEXT_MAX
    assert len(UP.encode(Sensors((state,) * SENSORS_MAX, whole=True))) <= FRAME_BYTES_MAX
