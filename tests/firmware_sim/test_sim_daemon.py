"""`derny-sim` as a process: its one line, its errors, its end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from garmin_fit_sdk import Encoder, Profile
from typer.testing import CliRunner

from firmware_sim import bleak_air, places
from firmware_sim.transport import TcpTransport

ROOT = Path(__file__).parent.parent.parent
STRAP = "Polar H10 1F2A3B"
PATIENCE_S = 60


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "firmware_sim", *arguments]


def once(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def daemon(
    folder: Path, *more: str, what: tuple[str, ...] = ("run", "--scenario", "solo")
) -> Iterator[subprocess.Popen[str]]:
    sockets = ("--air", f"unix:{folder}/air.sock", "--control", f"{folder}/sim.sock")
    arguments = command(*what, *sockets, *more)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_run_from_its_ready_line_to_the_end_of_its_parent(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with daemon(tmp_path, "--exit-with-parent", "--log", str(truth), "--speed", "5") as process:
        assert ready_line(process) == f"derny-sim: ready, air at unix:{tmp_path}/air.sock\n"

        second = once("run", "--scenario", "solo", "--air", f"unix:{tmp_path}/air.sock")
        assert second.returncode == 2
        assert second.stderr == (
            f"derny-sim: unix:{tmp_path}/air.sock: in use, a simulator runs already; "
            "stop it, or choose another with --air\n"
        )

        heard = asyncio.run(hear_strap(f"unix:{tmp_path}/air.sock"))
        lines = [json.loads(line) for line in truth.read_text().splitlines()]
        assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
        told = [line["hex"] for line in lines if line["char"] == "2a37"]
        assert told[: len(heard)] == heard
        assert lines[0]["sensor"] == STRAP

        control = ("--control", f"{tmp_path}/sim.sock")
        muted = once("fault", "mute", STRAP, "--for", "3600", *control)
        assert muted.stdout == f"mute on {STRAP} for 3600 s\n"
        status = once("status", *control)
        assert STRAP in status.stdout and "! mute" in status.stdout

        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None and process.stderr.read() == ""
        assert not list(tmp_path.glob("*.sock"))


async def hear_strap(spec: str, name: str = STRAP) -> list[str]:
    radio = bleak_air.backends(spec)
    device = await BleakScanner.find_device_by_name(name, timeout=PATIENCE_S, backend=radio.scanner)
    assert device is not None
    heard: list[str] = []
    enough = asyncio.Event()

    def on_value(_characteristic: object, value: bytearray) -> None:
        heard.append(value.hex())
        if len(heard) == 3:
            enough.set()

    async with BleakClient(device, backend=radio.client) as client:
        await client.start_notify("2a37", on_value)
        await asyncio.wait_for(enough.wait(), PATIENCE_S)
    await radio.close()
    return heard


def test_sigterm_ends_it_cleanly_and_sigkill_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        ready_line(process)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        assert list(tmp_path.glob("*.sock"))
    with daemon(tmp_path) as process:
        assert ready_line(process).startswith("derny-sim: ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert not list(tmp_path.glob("*.sock"))


def test_a_replay_begins_when_it_is_heard_and_ends_with_its_file(tmp_path: Path) -> None:
    begin = datetime(2026, 5, 1, 8, tzinfo=UTC)
    encoder = Encoder()
    encoder.on_mesg(Profile["mesg_num"]["FILE_ID"], {"type": "activity", "time_created": begin})
    for second in range(90):
        at = begin + timedelta(seconds=second)
        record = {"timestamp": at, "heart_rate": 101 + second}
        encoder.on_mesg(Profile["mesg_num"]["RECORD"], record)
    ride = tmp_path / "ride.fit"
    ride.write_bytes(encoder.close()[:-20])
    truth = tmp_path / "truth.jsonl"
    what = ("replay", str(ride), "--speed", "10", "--log", str(truth))
    with daemon(tmp_path, what=what) as process:
        assert ready_line(process).startswith("derny-sim: ready")
        heard = asyncio.run(hear_strap(f"unix:{tmp_path}/air.sock", "Replayed strap"))
        # From the beginning, in order; a machine that stalls passes over seconds at this speed.
        assert 101 <= int(heard[0], 16) - 0x0600 <= 150 and heard == sorted(heard)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        (complaint,) = process.stderr.read().splitlines()
        assert complaint.startswith(f"derny-sim: {ride}: ridden as far as it is whole: ")
    told = [json.loads(line)["hex"] for line in truth.read_text().splitlines()]
    assert told[: len(heard)] == heard


# Errors: one line, what to do, status 2


def complaint(*arguments: str, monkey_data: Path) -> str:
    from firmware_sim.cli import app

    result = CliRunner().invoke(app, list(arguments), env={"DERNY_DATA": str(monkey_data)})
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_scenario_that_is_not_there(tmp_path: Path) -> None:
    said = complaint("run", "--scenario", "tandem", monkey_data=tmp_path)
    assert said.startswith("derny-sim: tandem: no such scenario; choose one of flaky")


def test_a_scenario_that_is_broken(tmp_path: Path) -> None:
    broken = tmp_path / "mine.toml"
    broken.write_text('description = "x"\nriders = []\n')
    said = complaint("run", "--scenario", str(broken), monkey_data=tmp_path)
    assert said.startswith(f"derny-sim: {broken}: riders: expected `array` of length >= 1; correct")


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--air", "tcp:nowhere", "names no port from 0 to 65535"),
        ("--log", "/nowhere/log", "/nowhere/log: No such file or directory; choose another"),
        ("--control", "/proc/nowhere/sim.sock", "choose another with --control"),
    ],
)
def test_an_option_that_cannot_be(tmp_path: Path, option: str, value: str, problem: str) -> None:
    said = complaint("run", "--scenario", "solo", option, value, monkey_data=tmp_path)
    assert problem in said


def test_nobody_to_break(tmp_path: Path) -> None:
    said = complaint("fault", "mute", STRAP, monkey_data=tmp_path)
    assert said.startswith(f"derny-sim: no simulator answers at unix:{tmp_path}/run/sim.sock (")
    assert said.endswith("start one with derny-sim run\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("mute", "\udcff"), "a name is no text"),
        (("drop", STRAP, "nan"), "drop takes 0 to 1 share, not nan"),
        (("mute", STRAP, "--for", "nan"), "a fault lasts from 0 to 86400 s, not nan"),
        (("burn", STRAP), "no fault is called 'burn'"),
    ],
)
def test_a_fault_that_cannot_be_is_not_even_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in complaint("fault", *arguments, monkey_data=tmp_path)


def test_a_file_that_cannot_be_ridden(tmp_path: Path) -> None:
    said = complaint("replay", "nowhere.fit", monkey_data=tmp_path)
    assert said == "derny-sim: nowhere.fit: No such file or directory; name a FIT file\n"


def test_the_list_shows_scenarios_and_faults() -> None:
    from firmware_sim.cli import app

    shown = CliRunner().invoke(app, ["list"]).stdout
    assert "studio-6" in shown and "walk_away" in shown


def test_sockets_lie_in_the_data_folder() -> None:
    assert places.data_dir({"DERNY_DATA": "/srv/derny"}) == Path("/srv/derny")
    home = Path.home()
    assert places.data_dir({}, "linux") == home / ".local/share/derny"
    assert places.data_dir({"XDG_DATA_HOME": "/xdg"}, "linux") == Path("/xdg/derny")
    assert places.data_dir({}, "darwin") == home / "Library/Application Support/derny"
    assert places.default_air("win32") == TcpTransport("127.0.0.1", 9700)


def test_only_the_radio_costs_bumble() -> None:
    cheap = (
        "recording",
        "athlete",
        "devices.smart_trainer",
        "chaos",
        "rider",
        "scenario",
        "cli",
        "control",
    )
    names = ", ".join(f"firmware_sim.{module}" for module in cheap)
    code = f"import sys, {names}; print('bumble' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "firmware-sim",
    )
    assert done.stdout == "False\n"
