"""On time without the hub: the trainers follow their plans, and are let go by the rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import wait_until
from journeys.kills_house import KillHouse, Wishes, boot_ms, kill_house
from websockets.sync.client import connect

# 2ADA, Fitness Machine Status (FTMS 1.0.1, 4.17): what the machine says that it does.
STATUS = "2ada"
RESET, TARGET_POWER = 0x01, 0x08

BEFORE_MS = 20_000  # so long before the boundary the hub dies
FIRST_S, SECOND_S = 28, 12
FTP_W, FIRST_W, SECOND_W = 200, 100, 160
CHANGE_MS_MAX = 1_000
RELEASE_S_MAX = 10  # 3 s without pedalling, and what the machine takes to answer

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
            message = json.loads(link.recv(timeout=10))
            if message["t"] == "snapshot":
                lane: dict[str, Any] = message["session"]["lanes"][0]
                return lane


def test_an_interval_changes_on_time_without_the_hub(house: KillHouse) -> None:
    house.ride("two")
    wait_until(lambda: FIRST_W in dict(map(reversed, targets(house, OWN))), 15, "it follows")
    wait_until(lambda: targets(house, OTHER), 15, "the other trainer follows its own plan")
    lane = announced(house)
    begins, ends = (phase["begins_at_ms"] for phase in lane["phases"]), lane["phases"][-1]
    _, boundary_ms = (house.boot_ms_of(at_ms) for at_ms in begins)
    end_ms = house.boot_ms_of(ends["ends_at_ms"])
    assert [cue["at_ms"] for cue in lane["cues"] if cue["kind"] == "phase"][-1:] == [
        lane["phases"][1]["begins_at_ms"]
    ]

    wait_until(lambda: boot_ms() >= boundary_ms - BEFORE_MS, FIRST_S, "20 s before the boundary")
    house.hub.kill()
    killed_ms = boot_ms()

    def risen() -> list[int]:
        return [at for at, watts in targets(house, OWN) if watts > FIRST_W]

    wait_until(risen, FIRST_S + 5, "the target changes")
    assert killed_ms + BEFORE_MS / 2 < boundary_ms <= risen()[0] <= boundary_ms + CHANGE_MS_MAX
    wait_until(lambda: targets(house, OWN)[-1][1] == SECOND_W, 8, "the ramp ends at the target")

    # Who stops pedalling is let go, plan or no plan.
    rested_ms = boot_ms()
    fault(house, "rest", OTHER)
    wait_until(lambda: released(house, OTHER, rested_ms), RELEASE_S_MAX, "the rider rests: free")
    assert released(house, OWN, killed_ms) is None

    # And so is everybody when the plan ends.
    wait_until(lambda: released(house, OWN, killed_ms), SECOND_S + 5, "the plan ends: free")
    let_go_ms = released(house, OWN, killed_ms)
    assert let_go_ms is not None and end_ms <= let_go_ms <= end_ms + 3 * CHANGE_MS_MAX

    # The ride has no gap: what was ridden without the hub came up from the spool.
    house.hub.start()
    house.hub_ready()
    ride = wait_until(
        lambda: house.http.call("GET", f"/api/sessions/{house.session}").get("activity"), 15, "it"
    )

    def whole() -> bool:
        streams = house.http.call("GET", f"/api/activities/{ride}/streams")
        return None not in streams["power_w"][2:] and len(streams["power_w"]) >= FIRST_S + SECOND_S

    wait_until(whole, 20, "the recording is whole")
    laps = house.http.call("GET", f"/api/activities/{ride}")["laps"]
    assert [lap["target_w"] for lap in laps] == [FIRST_W, SECOND_W]


def fault(house: KillHouse, kind: str, sensor: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "fault", kind, sensor, "--for", "60",
         "--control", f"unix:{house.control}"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
