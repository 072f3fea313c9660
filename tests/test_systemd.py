"""The units of config/systemd: what they start exists, and what they forbid is not needed."""

from __future__ import annotations

import configparser
from pathlib import Path

import click
import pytest
import typer

import gateway.cli
import hub.cli

UNITS = sorted((Path(__file__).parent.parent / "config" / "systemd").glob("*.service"))
PROGRAMS = {
    "derny": typer.main.get_command(hub.cli.app),
    "derny-gateway": typer.main.get_command(gateway.cli.app),
}


def settings(unit: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    return dict(parser["Service"]) | {f"Unit.{k}": v for k, v in parser["Unit"].items()}


def test_there_is_a_unit_for_a_gateway_alone_and_one_for_everything() -> None:
    assert [unit.stem for unit in UNITS] == ["derny-gateway", "derny"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_starts_a_command_that_exists_with_options_that_exist(unit: Path) -> None:
    program, command, *options = settings(unit)["ExecStart"].split()
    assert Path(program).name == unit.stem
    commands: dict[str, click.Command] = getattr(PROGRAMS[unit.stem], "commands", {})
    known = {name for one in commands[command].params for name in one.opts}
    assert set(options) <= known


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_is_shut_in_but_for_what_it_needs(unit: Path) -> None:
    has = settings(unit)
    shut = ("NoNewPrivileges", "PrivateDevices", "ProtectHome", "RestrictNamespaces")
    assert all(has[name] == "yes" for name in shut) and has["ProtectSystem"] == "strict"
    assert has["User"] == "derny" and has["SupplementaryGroups"] == "bluetooth"
    # The data folder is its own, and the one place where it writes.
    assert has["Environment"] == "DERNY_DATA=%S/derny" and has["StateDirectory"] == "derny"
    assert has["StateDirectoryMode"] == "0700" and has["UMask"] == "0077"
    # The system bus, the hub, and the boot's name, without which no two boots are told apart.
    families = set(has["RestrictAddressFamilies"].split())
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= families and "ProcSubset" not in has
    # A clean stop takes 5 s; the end for a wrong configuration is final.
    assert int(has["TimeoutStopSec"]) > 5 and has["RestartPreventExitStatus"] == "2"
    other = next(one for one in UNITS if one != unit)
    assert has["Unit.Conflicts"] == other.name
