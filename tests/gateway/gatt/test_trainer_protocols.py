"""Control of trainers against captured and peer-tested bytes: FTMS, FE-C over BLE, Wahoo's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import DIALECTS, dialect_of
from gateway.dialects.port import (
    Answer,
    Holds,
    Outcome,
    Purpose,
    Refused,
    SpinDownNews,
    SpinDownStep,
)
from gateway.gatt import fitness_machine_control as ftms
from gateway.gatt import quirks, tacx_fec, wahoo_control
from gateway.gatt.layout import Nonsense
from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget

VECTORS = json.loads(
    (Path(__file__).parents[2] / "golden/sensors/control_and_status.json").read_text()
)
OWN: list[dict[str, Any]] = VECTORS["proprietary"]
FEC = {row["hex"]: row for row in OWN if row["proto"] == "tacx-fec"}


def test_ftms_simulation_as_a_bicycle_computer_sends_it() -> None:
    for text, grade in (("1100006fff2833", -1.45), ("1100008aff2833", -1.18)):
        assert text in {row.get("hex") for row in VECTORS["control_point"]}
        assert ftms.set_simulation(grade, 0.0, 0.004, 0.51).hex() == text


def test_ftms_fields_hold_what_is_beyond_them() -> None:
    assert ftms.set_simulation(400, -40, 1, 9).hex() == "11" + "0080" + "ff7f" + "ff" + "ff"
    assert ftms.set_target_resistance(-10).hex() == "04f6ff"
    assert ftms.set_target_resistance(240, size=1).hex() == "04f0"
    assert ftms.spin_down().hex() == "1301"


def test_ftms_spin_down_speeds() -> None:
    response = ftms.control_response(bytes.fromhex("801301e40cac0d"))
    assert isinstance(response, ftms.ControlResponse)
    assert ftms.spin_down_speeds(response.parameter) == ftms.SpinDownSpeeds(33.0, 35.0)
    for text in ("", "e40c", "0000ac0d", "ac0de40c"):
        assert isinstance(ftms.spin_down_speeds(bytes.fromhex(text)), Nonsense)


# FE-C


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a4094e01194cff25d26b0020f4", {"power_w": 107}),
        ("a4094e0551ff00070f57000017", {}),
    ],
)
def test_fec_measures(text: str, values: dict[str, float]) -> None:
    assert text in FEC
    assert tacx_fec.measurement(bytes.fromhex(text)) == values


def test_fec_frames_that_are_harmed_are_nonsense() -> None:
    no_sync, wrong_sum = "12a4094e05191f00000000402080", "a4094e05101900000000303534"
    assert {no_sync, wrong_sum} <= FEC.keys()
    for text in (no_sync, wrong_sum, "a4094e05", ""):
        assert isinstance(tacx_fec.measurement(bytes.fromhex(text)), Nonsense)
        assert isinstance(tacx_fec.fact(bytes.fromhex(text)), Nonsense)
    page = bytes.fromhex(wrong_sum)[4:12]
    assert tacx_fec.measurement(tacx_fec.frame(page)) == {"speed_kmh": 0.0, "heart_rate_bpm": 48}


def test_fec_product_page() -> None:
    page = tacx_fec.fact(bytes.fromhex("a4094e0551ff00070f57000017"))
    assert page == tacx_fec.Product(software=7, serial=22287)


def test_fec_targets() -> None:
    flat = tacx_fec.track(0.0, 0.0033)
    assert flat.hex() == "a4094f0533ffffffff204e42f8" and flat.hex() in FEC
    pages = {row["hex"]: row["meaning"] for row in OWN if row["proto"] == "ant-fec page"}
    for text, meaning in pages.items():
        wanted = bytes.fromhex(text)[5:]
        if "grade" in meaning:
            assert tacx_fec.track(meaning["grade"], wanted[2] * 5e-5)[9:12] == wanted
        else:
            wind = tacx_fec.wind(meaning["wind_kmh"] / 3.6, meaning["wind_resistance"])
            assert wind[9:12] == wanted
    assert tacx_fec.power(300)[4:12].hex() == "31ffffffffffb004"
    assert tacx_fec.resistance(40)[4:12].hex() == "30ffffffffffff50"


def test_fec_calibration_pages() -> None:
    under_way = tacx_fec.frame(bytes.fromhex("028060 6e fa25 1027"))
    fact = tacx_fec.fact(under_way)
    assert isinstance(fact, tacx_fec.CalibrationUnderWay)
    assert fact.spin_down and fact.fast_enough is False and fact.target_ms == 10_000
    assert fact.target_kmh == pytest.approx(35.0, abs=0.01)
    done = tacx_fec.fact(tacx_fec.frame(bytes.fromhex("018000 70 ffff 4826")))
    assert done == tacx_fec.CalibrationResult(True, 9800, 31.0)
    assert tacx_fec.calibrate()[4:12].hex() == "018000ffffffffff"


@given(st.binary(max_size=20))
def test_nothing_that_a_trainer_sends_raises(data: bytes) -> None:
    for row in DIALECTS:
        dialect = row.make("")
        for char in (dialect.answers, *dialect.tells):
            dialect.heard(char, data)
            if len(data) >= 8:
                dialect.heard(char, tacx_fec.frame(data[:8]))


# Wahoo


def test_wahoo_writes() -> None:
    sent = {
        row["hex"]: row["meaning"]
        for row in OWN
        if row["proto"].startswith("wahoo") and "hex" in row
    }
    assert wahoo_control.unlock().hex() in sent
    assert wahoo_control.erg(200).hex() in sent
    grades = [row for row in OWN if row.get("op") == 70]
    assert len(grades) == 6
    for row in grades:
        wanted = row.get("payload") or row["u16"].to_bytes(2, "little").hex()
        assert wahoo_control.grade(row["meaning"]["grade_pct"]).hex() == "46" + wanted
    assert wahoo_control.resistance(0).hex() == "40ff3f"
    assert wahoo_control.resistance(100).hex() == "400000"
    assert wahoo_control.wind(0).hex() == "47ff7f"


def test_wahoo_responses() -> None:
    answer = wahoo_control.response(bytes.fromhex("01420100c800"))
    assert answer == wahoo_control.Response(0x42, True, bytes.fromhex("0100c800"))
    assert isinstance(wahoo_control.response(b"\x01"), Nonsense)


# Which is spoken, and what it makes of targets


@pytest.mark.parametrize(
    ("chars", "name"),
    [
        ({"2ad9", "2ad2", "fec2", "fec3", "2a63", "e005"}, "ftms"),
        ({"fec2", "fec3", "2a63"}, "tacx_fec"),
        ({"2a63", "e005"}, "wahoo"),
        ({"2a63", "fec2"}, None),
    ],
)
def test_the_first_that_fits_is_spoken(chars: set[str], name: str | None) -> None:
    found = dialect_of(chars, "Tacx NEO 2T 18533")
    assert (None if found is None else found.name) == name


def test_quirks_of_control() -> None:
    assert quirks.dialect("Tacx NEO 2T", {"tacxneo": "tacx_fec"}) == "tacx_fec"
    assert quirks.dialect("KICKR", {"tacxneo": "tacx_fec"}) is None
    assert quirks.resistance_level_bytes("WLT-BK 12") == 1
    dialect = dialect_of({"2ad9"}, "WLT-BK 12")
    assert dialect is not None
    dialect.knows({"2ad6": bytes.fromhex("0a00f0000a00")})
    (level,) = dialect.order(ResistanceTarget(50), None)
    assert level.data.hex() == "0482"  # 13 of 1 to 24, times ten


def test_two_bytes_come_back_where_one_was_no_better() -> None:
    machine = dialect_of({"2ad9"}, "")
    assert machine is not None
    (two,) = machine.order(ResistanceTarget(20), None)
    one = machine.otherwise(two)
    assert one is not None and (two.data.hex(), one.data.hex()) == ("04c800", "04c8")
    assert machine.otherwise(one) is None
    (again,) = machine.order(ResistanceTarget(10), None)
    assert again.data.hex() == "046400"


def test_only_what_changed_of_a_road_is_written_again() -> None:
    road = GradeTarget(grade_pct=3)
    steeper, windy = GradeTarget(grade_pct=4), GradeTarget(grade_pct=4, wind_mps=5)
    counts = {"ftms": (1, 1, 1), "tacx_fec": (3, 2, 3), "wahoo": (3, 1, 2)}
    for row in DIALECTS:
        dialect = row.make("")
        orders = (
            dialect.order(road, PowerTarget(200)),
            dialect.order(steeper, road),
            dialect.order(windy, steeper),
        )
        assert tuple(map(len, orders)) == counts[row.name]
        assert all(p.purpose is Purpose.TARGET for order in orders for p in order)


def test_what_is_told_of_the_brake() -> None:
    machine, tacx, wahoo = (row.make("") for row in DIALECTS)
    assert machine.heard("2ada", bytes.fromhex("08c800")) == Holds(Mode.POWER, 200)
    assert machine.heard("2ada", bytes.fromhex("1200002c010000")) == Holds(Mode.GRADE, 3.0)
    assert machine.heard("2ada", bytes.fromhex("076400")) == Holds(Mode.RESISTANCE, 10.0)
    assert machine.heard("2ada", bytes.fromhex("08")) is None
    assert machine.heard("2ada", bytes.fromhex("1404")) == SpinDownNews(SpinDownStep.COAST)
    rejected = tacx_fec.frame(bytes.fromhex("47 31 05 03 ffffffff"))
    assert tacx.heard("fec2", rejected) == Refused(Mode.POWER, Outcome.INVALID, key=70)
    passed = tacx_fec.frame(bytes.fromhex("47 31 05 00 ffffffff"))
    assert tacx.heard("fec2", passed) == Answer(70, Outcome.DONE)
    pending = tacx_fec.frame(bytes.fromhex("47 31 05 04 ffffffff"))
    assert tacx.heard("fec2", pending) is None
    done = wahoo.heard("e005", bytes.fromhex("015a1027"))
    assert done == SpinDownNews(SpinDownStep.DONE, spin_down_ms=10_000)


def test_capabilities_narrow_the_kinds() -> None:
    tacx = dialect_of({"fec2", "fec3"}, "")
    assert tacx is not None and tacx.modes() == frozenset(Mode)
    tacx.heard("fec2", tacx_fec.frame(bytes.fromhex("36 ffffffff c800 03")))
    assert tacx.modes() == {Mode.RESISTANCE, Mode.POWER}
