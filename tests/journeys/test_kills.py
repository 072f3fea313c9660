"""Nothing lost: hub, gateway and client are killed, stopped and cut off at random instants.

`make soak` does it a thousand times. SOAK_KILLS, SOAK_MINUTES and SOAK_SEED bound it and take it up
where it was left: segment n of it has the seed SOAK_SEED + n and a house of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.kills import Report, check, run_kills
from journeys.kills_house import Wishes
from journeys.kills_table import blind_p95_ms, table

KILLS = 20
SEED = 1
SEGMENT = 50
BLIND_MS_MAX = 5_000  # p95 over every kill -9


def test_twenty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = out_of(capsys)
    report = run_kills(tmp_path, Wishes(seed=SEED), KILLS, say=say)
    say(table([report]))
    check(report)


def test_hub_and_gateway_are_killed_over_websocket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say = out_of(capsys)
    report = run_kills(
        tmp_path, Wishes(seed=SEED, websocket=True), ("gateway_unacked", "hub"), say=say
    )
    say(table([report]))
    check(report)


@pytest.mark.needs("tmpfs")
def test_full_disks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = out_of(capsys)
    kinds = ("hub_disk", "gateway_disk", "gateway_unacked", "reset", "hub_disk")
    report = run_kills(tmp_path, Wishes(seed=SEED, small_disks=True), kinds, say=say)
    say(table([report]))
    check(report)
    assert report.counts["commit_failed"], "the full disk was not noticed"


@pytest.mark.needs("faketime")
def test_the_wall_clock_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = out_of(capsys)
    kinds = ("wall", "gateway_unacked", "wall")
    report = run_kills(tmp_path, Wishes(seed=SEED, faketime=True), kinds, say=say)
    say(table([report]))
    check(report)


if os.environ.get("SOAK"):

    @pytest.mark.timeout(0)  # SOAK_MINUTES bounds it
    @pytest.mark.needs("tmpfs", "faketime")
    def test_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        say = out_of(capsys)
        reports = soak(
            tmp_path,
            int(os.environ.get("SOAK_SEED", "1000")),
            int(os.environ.get("SOAK_KILLS", "1000")),
            float(os.environ.get("SOAK_MINUTES", "90")),
            say,
        )
        say(table(reports))
        assert blind_p95_ms(reports) <= BLIND_MS_MAX


def soak(
    folder: Path, seed: int, kills: int, minutes: float, say: Callable[[str], None]
) -> list[Report]:
    """Segment after segment until the kills are done or the time is over; each is checked."""
    until_s = time.monotonic() + minutes * 60
    reports: list[Report] = []
    left = kills
    while left > 0 and time.monotonic() < until_s:
        segment = folder / f"segment-{len(reports)}"
        segment.mkdir()
        number = len(reports)
        wishes = Wishes(seed + number, small_disks=True, faketime=number % 5 == 4)
        report = run_kills(segment, wishes, min(SEGMENT, left), until_s, say)
        reports.append(report)
        left -= len(report.kills)
        say(table(reports))
        check(report)
    return reports


def out_of(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says it now, whatever pytest captures: a soak is long."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return say
