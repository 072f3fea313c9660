"""`derny-gateway decode`: one line per frame, never a traceback."""

from __future__ import annotations

import json

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.decode import decode_command, run

STRAP = '{"heart_rate_bpm": 90, "contact_supported": true, "contact": true, "rr_ms": [650.4]}'


@pytest.mark.parametrize("char", ["2a37", "2A37", "0x2A37", "00002a37-0000-1000-8000-00805F9B34FB"])
@pytest.mark.parametrize("frame", ["165a9a02", "16 5A 9A 02", "16:5a:9a:02", "0x165A9A02"])
def test_spellings(char: str, frame: str) -> None:
    assert run(char, [frame], None) == ([STRAP], 0)


def test_frames_are_successive_notifications_of_one_sensor() -> None:
    lines, exit_code = run("2a5b", ["02f70050c1", "02f8006bc3"], None)
    assert exit_code == 0
    assert [json.loads(line) for line in lines] == [
        {"crank_revs": 247, "crank_time_s": 48.3281},
        {"crank_revs": 248, "crank_time_s": 48.8545, "cadence_rpm": 113.99},
    ]


def test_rubbish_is_named_and_the_rest_is_decoded() -> None:
    lines, exit_code = run("2a37", ["", "xyz", "165a9a0", "165a9a02"], None)
    assert exit_code == 1
    assert ["error" in json.loads(line) for line in lines] == [True, True, True, False]
    assert lines[3] == STRAP
    assert "hex" in lines[1]


def test_a_prefix_in_the_middle_of_a_byte_is_no_hex() -> None:
    lines, exit_code = run("2a19", ["10x2", "0x01,0x02"], None)
    assert exit_code == 1
    assert ["error" in json.loads(line) for line in lines] == [True, False]


def test_a_long_wrong_frame_is_named_by_its_beginning() -> None:
    lines, _ = run("2a37", ["z" * 100_000], None)
    assert "zzz…' is not hex" in json.loads(lines[0])["error"] and len(lines[0]) < 200


def test_unknown_characteristic_says_what_is_known() -> None:
    lines, exit_code = run("1234", ["00"], None)
    assert exit_code == 1 and "2ad2" in json.loads(lines[0])["error"]


@pytest.mark.parametrize(
    "char, frame, shown",
    [
        ("2a19", "12", {"battery_pct": 18}),
        ("2a38", "01", {"body_location": "chest"}),
        ("2a65", "0c000000", {"features": ["wheel_revolutions", "crank_revolutions"]}),
        (
            "2acc",
            "0240000008200000",
            {"features": ["cadence", "power"], "targets": ["power", "simulation"]},
        ),
        ("2ad3", "000c", {"training_status": "watt_control"}),
        ("2ad3", "01024869", {"training_status": "warm_up", "text": "Hi"}),
        ("2ad6", "0a00f0000a00", {"minimum": 1.0, "maximum": 24.0, "increment": 1.0}),
        ("2ad8", "000020030100", {"min_w": 0, "max_w": 800, "increment_w": 1}),
        ("2ad9", "800503", {"op": "set_target_power", "result": "invalid_parameter"}),
        ("2ada", "082c01", {"status": "target_power", "value": 300, "unit": "W"}),
        ("2ada", "08", {"status": "target_power", "partial": True}),
        ("2ada", "ff", {"status": "control_lost"}),
        ("2ad2", "0100", {}),
    ],
)
def test_what_is_shown(char: str, frame: str, shown: dict[str, object]) -> None:
    lines, exit_code = run(char, [frame], None)
    assert (json.loads(lines[0]), exit_code) == (shown, 0)


def test_fact_nonsense_is_an_error() -> None:
    lines, exit_code = run("2ad8", ["00"], None)
    assert exit_code == 1 and "power range" in json.loads(lines[0])["error"]


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4), st.text(max_size=10))
def test_any_words_give_one_object_each(char: str, frames: list[str], model: str) -> None:
    lines, exit_code = run(char, frames, model)
    assert len(lines) == len(frames)
    assert exit_code == int(any("error" in json.loads(line) for line in lines))


def test_command_line() -> None:
    app = typer.Typer()
    app.command("decode")(decode_command)
    good = CliRunner().invoke(app, ["2a37", "165a9a02", "--model", "Polar H7"])
    assert (good.output.strip(), good.exit_code) == (STRAP, 0)
    bad = CliRunner().invoke(app, ["2a37", "rubbish"])
    assert bad.exit_code == 1 and "error" in json.loads(bad.output)
