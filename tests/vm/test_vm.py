"""Keeps `make test-vm` honest without a virtual machine: its scripts parse, its cases are those of
the contract, its supervisor runs, and its verdict is red whenever something is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from air_room import address, room, strap, trainer
from clock import run
from contract.radio_cases import CASES, STRAP, TRAINER, Can, until

from vm import gateway_cases, guest
from vm.machine import Machine
from vm.report import (
    CONTRACT,
    END_LINE,
    GATEWAY,
    NOT_RUN,
    PASSED,
    Report,
    Result,
    fact_line,
    plan_line,
    result_line,
)
from vm.supervised import Desk, supervised

HERE = Path(__file__).parent


@pytest.mark.parametrize("script", ["prepare", "guest", "init"])
def test_the_scripts_parse_and_may_be_run(script: str) -> None:
    path = HERE / script
    assert path.stat().st_mode & 0o111
    shell = "sh" if path.read_text().startswith("#!/bin/busybox sh") else "bash"
    subprocess.run([shell, "-n", str(path)], check=True)


def test_the_guest_runs_every_case_of_the_contract_but_for_a_full_controller() -> None:
    planned = guest.cases()
    contract = {name for group, name in planned if group == CONTRACT}
    assert contract == {case.name for case in CASES if Can.SLOTS not in case.needs}
    assert {name for group, name in planned if group == GATEWAY} == set(gateway_cases.CASES)


def test_the_guests_supervisor_brings_both_sensors_up() -> None:
    """The same code as in the guest, on the air: what it takes of the gateway is still there."""

    async def main() -> None:
        async with room() as there:
            await there.add(strap(), STRAP)
            await there.add(trainer(), TRAINER)
            desk = Desk()
            async with supervised(desk, spec=there.spec, clock=there.clock):
                await until(lambda: desk.live(address(STRAP)) and desk.live(address(TRAINER)))
                await until(lambda: desk.count(address(STRAP), "2a37") >= 2)
            assert desk.was_lost(address(STRAP), 0)

    run(main())


def test_the_host_is_read_only_to_the_guest() -> None:
    command = Machine(Path("boot")).command(["one", "two"])
    share = command[command.index("-virtfs") + 1]
    assert "readonly=on" in share.split(",")
    assert 'only="one two"' in command[command.index("-append") + 1]


def told(*lines: str) -> Report:
    report = Report()
    for line in lines:
        report.take(line)
    return report


PLAN = plan_line([(CONTRACT, "hears"), (GATEWAY, "adopts")])
HEARS = result_line(Result(CONTRACT, "hears", PASSED, 1.25))
ADOPTS = result_line(Result(GATEWAY, "adopts", PASSED, 2.0))
FAILS = result_line(Result(GATEWAY, "adopts", "TimeoutError: a | b", 30.0))


def test_a_run_has_passed_when_every_planned_case_has() -> None:
    report = told("[    1.0] a kernel's message", PLAN, fact_line("Linux", "6.1"), HEARS, ADOPTS)
    assert not report.passed and "did not come to its end" in report.verdict
    report.take(END_LINE)
    assert report.passed and report.verdict == "2 of 2 cases passed"
    assert "| Linux | 6.1 |" in report.tables()
    assert f"### {GATEWAY}" in report.tables()


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ((), "The guest did not come up"),
        ((END_LINE,), "The guest did not come up"),
        ((PLAN, HEARS, END_LINE), "1 of 2 cases passed"),
        ((PLAN, HEARS, FAILS, END_LINE), "1 of 2 cases passed"),
        ((PLAN, HEARS, FAILS, ADOPTS, END_LINE), "1 of 2 cases passed"),
    ],
)
def test_whatever_is_missing_or_failed_is_red(lines: tuple[str, ...], verdict: str) -> None:
    report = told(*lines)
    assert not report.passed and report.verdict == verdict


def test_the_table_shows_what_failed_and_what_was_not_run() -> None:
    tables = told(PLAN, FAILS).tables()
    assert f"| hears | {NOT_RUN} | 0.0 s |" in tables
    assert "| adopts | TimeoutError: a / b | 30.0 s |" in tables
