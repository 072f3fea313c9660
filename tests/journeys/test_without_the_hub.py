"""On time without the hub: the trainers follow their plans, and are let go by the rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import PATIENCE_S, wait_until
from journeys.kills_house import KillHouse, Wishes, boot_ms, kill_house
from websockets.sync.client import connect

# 2ADA, Fitness Machine Status (FTMS 1.0.1, 4.17): what the machine says that it does.
STATUS = "2ada"
RESET, TARGET_POWER = 0x01, 0x08

BEFORE_MS = 20_000  # so long before the boundary the hub dies
FIRST_S, SECOND_S = 28, 12
FTP_W, FIRST_W, SECOND_W = 200, 100, 160
STALLED_S_MAX = 8  # seconds of 40 for which the sensor or the machine said nothing
CHANGE_MS_MAX = 8_000  # a machine that stalls is late; who needs the hub never does it

OWN, OTHER = "KICKR CORE 4A2C", "Tacx NEO 2T 18533"

TWO = f"""<workout_file><name>Two</name><workout>
<SteadyState Duration="{FIRST_S}" Power="0.5"/><SteadyState Duration="{SECOND_S}" Power="0.8"/>
</workout></workout_file>"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[KillHouse]:
    built = kill_house(tmp_path, Wishes(workouts={"two": TWO}))
    with built as started:
        yield started


def statuses(house: KillHouse, trainer: str) -> list[tuple[int, bytes]]:
    """(boot ms, bytes) of every status the trainer has told the gateway."""
    lines = house.truth_log.read_bytes().splitlines(keepends=True)
    rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [
        (row["at_ms"], bytes.fromhex(row["hex"]))
        for row in rows
        if row["sensor"] == trainer and row["char"] == STATUS
    ]


def targets(house: KillHouse, trainer: str) -> list[tuple[int, int]]:
    """(boot ms, watts) of every target the trainer has taken."""
    return [
        (at_ms, int.from_bytes(told[1:3], "little", signed=True))
        for at_ms, told in statuses(house, trainer)
        if told[0] == TARGET_POWER
    ]


def released(house: KillHouse, trainer: str, since_ms: int) -> int | None:
    """When it was reset, on the boot clock."""
    resets = [at for at, told in statuses(house, trainer) if told[0] == RESET and at >= since_ms]
    return min(resets, default=None)


def announced(house: KillHouse) -> dict[str, Any]:
    """The timeline as a page has it: the only thing it counts by from then on."""
    address = f"ws://127.0.0.1:{house.http.port}/live"
    with connect(address, additional_headers={"cookie": house.http.cookie}) as link:
        link.send(json.dumps({"t": "hello", "v": 1, "client": "journey"}))
        link.send(json.dumps({"t": "subscribe", "channel": f"session:{house.session}"}))
        while True:
            message = json.loads(link.recv(timeout=PATIENCE_S))
            if message["t"] == "snapshot":
                lane: dict[str, Any] = message["session"]["lanes"][0]
                return lane


def test_an_interval_changes_on_time_without_the_hub(house: KillHouse) -> None:
    house.ride("two")
    wait_until(
        lambda: FIRST_W in dict(map(reversed, targets(house, OWN))), PATIENCE_S, "it follows"
    )
    wait_until(lambda: targets(house, OTHER), PATIENCE_S, "the other trainer follows its own plan")
    lane = announced(house)
    begins, ends = (phase["begins_at_ms"] for phase in lane["phases"]), lane["phases"][-1]
    _, boundary_ms = (house.boot_ms_of(at_ms) for at_ms in begins)
    end_ms = house.boot_ms_of(ends["ends_at_ms"])
    assert [cue["at_ms"] for cue in lane["cues"] if cue["kind"] == "phase"][-1:] == [
        lane["phases"][1]["begins_at_ms"]
    ]

    wait_until(lambda: boot_ms() >= boundary_ms - BEFORE_MS, PATIENCE_S, "20 s before the boundary")
    house.hub.kill()
    killed_ms = boot_ms()

    def risen() -> list[int]:
        return [at for at, watts in targets(house, OWN) if watts > FIRST_W]

    wait_until(risen, PATIENCE_S, "the target changes")
    assert killed_ms + BEFORE_MS / 2 < boundary_ms <= risen()[0] <= boundary_ms + CHANGE_MS_MAX
    wait_until(
        lambda: targets(house, OWN)[-1][1] == SECOND_W, PATIENCE_S, "the ramp ends at the target"
    )

    # Who stops pedalling is let go, plan or no plan.
    rested_ms = boot_ms()
    fault(house, "rest", OTHER)
    wait_until(lambda: released(house, OTHER, rested_ms), PATIENCE_S, "the rider rests: free")
    own_ms = released(house, OWN, killed_ms)
    assert own_ms is None or own_ms >= end_ms

    # And so is everybody when the plan ends.
    wait_until(lambda: released(house, OWN, killed_ms), PATIENCE_S, "the plan ends: free")
    let_go_ms = released(house, OWN, killed_ms)
    assert let_go_ms is not None and end_ms <= let_go_ms <= end_ms + CHANGE_MS_MAX

    # The ride has no gap: what was ridden without the hub came up from the spool.
    house.hub.start()
    house.hub_ready()
    ride = wait_until(
        lambda: house.http.call("GET", f"/api/sessions/{house.session}").get("activity"),
        PATIENCE_S,
        "it",
    )

    def whole() -> bool:
        power_w = house.http.call("GET", f"/api/activities/{ride}/streams")["power_w"]
        silent_s = power_w.count(None)
        return len(power_w) >= FIRST_S + SECOND_S and silent_s <= STALLED_S_MAX

    wait_until(whole, PATIENCE_S, "the recording is whole")
    laps = house.http.call("GET", f"/api/activities/{ride}")["laps"]
    assert [lap["target_w"] for lap in laps] == [FIRST_W, SECOND_W]


def fault(house: KillHouse, kind: str, sensor: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "fault", kind, sensor, "--for", "60",
         "--control", f"unix:{house.control}"],
        capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
