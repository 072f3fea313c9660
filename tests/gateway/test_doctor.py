"""The doctor's rules on made-up machines, and what it gathers of this one."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.doctor import gather as gather_module
from gateway.doctor.bluez_bugs import BUGS, bugs_of
from gateway.doctor.facts import Adapter, Facts, Hub, Problem, RfKill, Spool
from gateway.doctor.finding import Finding, Level
from gateway.doctor.gather import gather
from gateway.doctor.hub_probe import probe
from gateway.doctor.rules import FREE_BYTES_MIN, findings, is_well
from gateway.spool_disk import Bounds, DiskSpool
from hub.wire.values import Measurement, Reading

WELL = Facts()
MB = 1024**2


def said(facts: Facts) -> list[Finding]:
    return [found for found in findings(facts) if found.level is not Level.OK]


def test_nothing_is_wrong_with_a_healthy_machine() -> None:
    found = findings(WELL)
    assert said(WELL) == [] and is_well(found)
    assert [f.check for f in found] == [
        *("platform", "settings", "bus", "bluez", "bluez", "bluez", "adapter hci0", "clock"),
        *("data folder", "spool", "key", "hub"),
    ]


P, W = Level.PROBLEM, Level.WARNING
NO_KEY = Problem("keys/gateway.key: this gateway has no key", "derny gateway add NAME")
# What is different, and the one finding: its check, level, whose it is, and a word of the remedy.
CASES: list[tuple[dict[str, object], str, Level, str, str]] = [
    ({"python": (3, 10, 4)}, "python", P, "this computer", "3.11"),
    ({"machine": "armv7l"}, "platform", W, "this computer", "64-bit"),
    ({"platform": "darwin", "macos": "allowed"}, "platform", W, "this computer", "Linux"),
    ({"platform": "win32"}, "platform", P, "this computer", "Linux"),
    ({"bleak": (3, 0, 1)}, "bleak", P, "this computer", "pip install"),
    ({"bleak": (4, 0, 0)}, "bleak", P, "this computer", "pip install"),
    (
        {"config": Problem("gateway.toml: hub.address: bad", 'write "tcp://HOST:PORT"')},
        "settings", P, "Derny's settings", "tcp://HOST:PORT",
    ),
    ({"bluez": None}, "bluez", W, "this computer", "bluetoothctl --version"),
    ({"bluez": (5, 50)}, "bluez", P, "BlueZ", "update"),
    ({"bluez": (5, 62)}, "bluez", P, "BlueZ", "update"),
    (
        {"kernel": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"},
        "kernel", W, "this computer", "6.1.190-1",
    ),
    ({"bus": "no_socket"}, "bus", P, "this computer", "dbus"),
    ({"bus": "no_socket", "container": True}, "bus", P, "the container", "-v /run/dbus"),
    (
        {"bus": "no_permission", "confined": "docker-default"},
        "bus", P, "the container", "apparmor=unconfined",
    ),
    ({"bus": "no_permission", "in_group": False}, "bus", P, "this computer", "usermod -aG"),
    ({"bus": "no_permission"}, "bus", P, "this computer", "bluetooth.conf"),
    ({"bus": "no_service"}, "bus", P, "this computer", "systemctl enable --now bluetooth"),
    (
        {"rfkill": (RfKill("hci0", soft=True, hard=False),)},
        "rfkill", P, "this computer", "rfkill unblock",
    ),
    (
        {"rfkill": (RfKill("hci0", soft=True, hard=True),)},
        "rfkill", P, "this computer", "flight mode",
    ),
    ({"adapters": ()}, "adapters", P, "this computer", "plug in"),
    ({"adapters": (), "model": "Raspberry Pi 4"}, "adapters", P, "this computer", "config.txt"),
    ({"adapters": (), "container": True}, "adapters", P, "this computer", "hand the adapter"),
    (
        {"adapters": (Adapter(), Adapter("hci1", central=False))},
        "adapter hci1", W, "this computer", "4.0",
    ),
    ({"adapters": (Adapter(powered=False),)}, "adapter hci0", P, "this computer", "power on"),
    ({"adapters": (Adapter(autosuspend=True),)}, "adapter hci0", W, "this computer", "echo on"),
    ({"year": 1970}, "clock", P, "this computer", "set-ntp"),
    ({"synchronised": False}, "clock", W, "this computer", "set-ntp"),
    ({"data": Problem("data: Read-only file system", "make room")}, "data folder", P,
     "this computer", "room"),
    ({"data_dir": "d", "data_private": False}, "data folder", W, "this computer", "chmod 700 d"),
    ({"free_bytes": FREE_BYTES_MIN - 1}, "data folder", P, "this computer", "make room"),
    ({"free_bytes": FREE_BYTES_MIN + 1}, "data folder", W, "this computer", "spool.size_mb"),
    ({"spool": Spool(newer=True)}, "spool", P, "this computer", "later one"),
    ({"spool": Spool(unreadable=2)}, "spool", W, "this computer", "memory card"),
    ({"spool": Spool(bytes=210 * MB)}, "spool", W, "the hub", "reach its hub"),
    ({"spool": Spool(bytes=MB, oldest_s=23 * 3_600)}, "spool", W, "the hub", "reach its hub"),
    ({"key": NO_KEY}, "key", P, "Derny's settings", "derny gateway add"),
    ({"hub": Hub(reached="name")}, "hub", P, "Derny's settings", "IP address"),
    ({"hub": Hub(reached="refused")}, "hub", P, "the hub", "start the hub"),
    ({"hub": Hub(reached="timeout")}, "hub", P, "the network", "firewall"),
    ({"hub": Hub(reached="network")}, "hub", P, "the network", "network"),
    ({"hub": Hub(link="not_allowed")}, "hub", P, "the hub", "derny gateway add"),
    ({"hub": Hub(link="handshake")}, "hub", P, "Derny's settings", "hub.address"),
    ({"hub": Hub(link="silent")}, "hub", P, "the hub", "start it anew"),
    ({"hub": Hub("wss://hub/uplink", "refused")}, "hub", P, "the hub", "the server in front of it"),
    ({"hub": Hub(reached="proxy", link="")}, "hub", P, "the network", "https_proxy"),
    ({"hub": Hub(link="tls")}, "hub", P, "Derny's settings", "SSL_CERT_FILE"),
    ({"hub": Hub(link="http_502")}, "hub", P, "the hub", "forward /uplink"),
    ({"hub": Hub(link="http_404")}, "hub", P, "Derny's settings", "path in hub.address"),
    ({"hub": Hub(version=1, own_version=2)}, "hub", P, "the hub", "update the hub"),
    ({"hub": Hub(version=3, own_version=2)}, "hub", P, "this computer", "update this gateway"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "check", "level", "whose", "word"), CASES, ids=str)
def test_each_fault_is_found_with_whose_it_is_and_what_to_do(
    changes: dict[str, object], check: str, level: Level, whose: str, word: str
) -> None:
    facts = replace(WELL, **changes)  # type: ignore[arg-type]
    found = [f for f in said(facts) if f.check == check]
    assert [(f.level, f.whose) for f in found] == [(level, whose)]
    assert word in found[0].do
    others = [f.check for f in said(facts) if f.check != check]
    assert others == [], "one fault, one finding"
    assert is_well(findings(facts)) == (level is not P)


def test_a_clock_without_a_chip_says_so_and_macos_is_told_where_to_look() -> None:
    (clock,) = said(replace(WELL, synchronised=False, has_rtc=False))
    assert "no clock chip" in clock.what
    for answer, level in (("denied", P), ("restricted", P), ("not_asked", W), (None, W)):
        found = said(replace(WELL, platform="darwin", macos=answer))
        assert ("permission", level) in [(f.check, f.level) for f in found]
    assert not [f for f in findings(replace(WELL, platform="darwin")) if f.check == "bluez"]


def test_the_simulators_air_needs_no_bluez() -> None:
    found = findings(replace(WELL, radio="air:unix:a", bus="no_socket", adapters=(), bluez=None))
    assert is_well(found) and not {"bus", "bluez", "adapters"} & {f.check for f in found}


def test_an_address_is_on_the_screen_only() -> None:
    adapter = Adapter()
    (found,) = [f for f in findings(WELL) if f.check == "adapter hci0"]
    assert found.private == adapter.address
    assert adapter.address not in json.dumps([f.told() for f in findings(WELL)])


def test_each_bug_of_bluez_has_a_source_and_a_range() -> None:
    for bug in BUGS:
        assert bug.source and bug.what and (bug.do or not bug.harm)
        assert bug.fixed is None or bug.first < bug.fixed
    assert [bug.harm for bug in bugs_of((5, 66))] == [False, False]
    assert bugs_of((5, 60)) == []


# This machine


def test_what_is_gathered_of_this_machine_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("DERNY_DATA", str(data))
    (tmp_path / "rfkill0").mkdir()
    for name, value in (("type", "bluetooth"), ("soft", "1"), ("hard", "0"), ("name", "hci0")):
        (tmp_path / "rfkill0" / name).write_text(f"{value}\n")
    monkeypatch.setattr(gather_module, "SYS_RFKILL", tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        hub = f"tcp://127.0.0.1:{nobody_listens.getsockname()[1]}"
        facts = gather(None, hub, None)
        data.chmod(0o755)
        assert not gather(None, hub, None).data_private
    assert facts.python[:2] >= (3, 11) and facts.bleak >= (3, 1)
    assert facts.data_dir == str(data) and facts.data is None and facts.data_private
    assert facts.hub.reached == "refused" and facts.key is not None
    assert facts.year >= 2025 and facts.spool == Spool()
    if facts.platform == "linux":
        assert facts.bus == "no_socket" and facts.rfkill == (RfKill("hci0", True, False),)


def test_a_spool_is_looked_at_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    config = tmp_path / "gateway.toml"
    config.write_text('[gateway]\nname = "hall"\n[hub]\naddress = "tcp://127.0.0.1:9"\n')
    folder = tmp_path / "spool" / "hall"
    spool = DiskSpool(folder, Bounds())
    spool.open("e1", "boot", 1, 1)
    for i in range(10):
        spool.append(Reading("s", i, "2a37", Measurement(heart_rate_bpm=90)))
    spool.maintain(2)
    facts = gather(None, None, None)
    assert facts.spool.held and facts.spool.bytes > 0 and not facts.spool.newer
    spool.close()
    (segment,) = folder.glob("*.seg")
    os.utime(segment, (time.time() - 7_200,) * 2)
    (folder / "0.unreadable").write_bytes(b"")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    facts = gather(None, None, None)
    assert not facts.spool.held and facts.spool.unreadable == 1
    assert facts.spool.oldest_s is not None and facts.spool.oldest_s >= 7_200
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_command_says_it_and_ends_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    (tmp_path / "gateway.toml").write_text("[hub]\naddress = 7\n")
    made = replace(WELL, key=NO_KEY)
    monkeypatch.setattr("gateway.doctor.command.gather", lambda *_: made)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert "problem" in shown.output and "Derny's settings: derny gateway add" in shown.output
    monkeypatch.setattr("gateway.doctor.command.gather", lambda *_: WELL)
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 0
    assert {one["level"] for one in json.loads(told.output)} == {"ok"}


def test_a_configuration_that_is_wrong_ends_no_other_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DERNY_DATA", str(tmp_path))
    (tmp_path / "gateway.toml").write_text("[hub]\nadress = 7\n")
    monkeypatch.setattr(gather_module, "probe", lambda address, key: probe(address, None))
    facts = gather("air:unix:a", None, None)
    assert facts.config is not None and "adress" in facts.config.problem
    assert facts.data_dir == str(tmp_path)
