"""Twenty riders, two gateways with two radios each, and a bad day: little is lost, nothing hangs.

Of every sensor and characteristic, the seconds on the air that are not recorded are at most 5 per
fault that touched it, times how slow the machine was meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from house import wait_until
from journeys import flaky
from journeys.studio_house import PATIENCE_S, RADIOS, SLOTS, StudioHouse, studio_house
from journeys.test_kills import out_of

SECONDS = 120
SEED = 1


def test_two_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = out_of(capsys)
    with studio_house(tmp_path, SEED) as house:
        report = flaky.run(house, SEED, SECONDS, say)
        say(flaky.losses(report))
        say(flaky.table([report]))
        flaky.check(report)
        one_gateway_holds_what_fits(house)


def one_gateway_holds_what_fits(house: StudioHouse) -> None:
    """The other one is dead for good: its sensors come over, and the room says that it is full."""
    house.gateways["left"].kill()

    def is_full() -> bool:
        at_right = [r for r in house.sensors() if r["gateway"] == "right" and r["link"] == "live"]
        return len(at_right) == RADIOS * SLOTS and house.free_slots() == 0

    wait_until(is_full, PATIENCE_S, "the right gateway holds as many sensors as fit")
    house.gateways["left"].start()
    house.settle("every sensor is live again")


if os.environ.get("SOAK"):

    @pytest.mark.timeout(0)  # SOAK_FLAKY_MINUTES bounds it
    def test_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        say = out_of(capsys)
        seed = int(os.environ.get("SOAK_SEED", "1000"))
        seconds = 60 * float(os.environ.get("SOAK_FLAKY_MINUTES", "30"))
        with studio_house(tmp_path, seed) as house:
            report = flaky.run(house, seed, seconds, say)
            say(flaky.losses(report))
            say(flaky.table([report]))
            flaky.check(report)
