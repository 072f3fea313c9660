"""The hub is killed and the wall clock is set meanwhile: no cue moves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from house import PATIENCE_S, wait_until
from journeys.kills_house import KillHouse, Wishes, boot_ms, kill_house
from websockets.sync.client import connect

HOUR_S = 3_600
PHASE_S = 16

THREE = f"""<workout_file><name>Three</name><workout>
<SteadyState Duration="{PHASE_S}" Power="0.5"/><SteadyState Duration="{PHASE_S}" Power="0.6"/>
<SteadyState Duration="{PHASE_S}" Power="0.7"/></workout></workout_file>"""


def lane_of(house: KillHouse) -> dict[str, Any]:
    lane: dict[str, Any] = house.http.call("GET", f"/api/sessions/{house.session}")["lanes"][0]
    return lane


def moments(lane: dict[str, Any]) -> dict[str, Any]:
    """Everything of a lane that is an instant of hub time and lies ahead or behind."""
    return {
        "started": lane["started_at_ms"],
        "phases": [(one["i"], one["begins_at_ms"], one["ends_at_ms"]) for one in lane["phases"]],
        "cues": {one["i"]: one["at_ms"] for one in lane["cues"]},
    }


def phase_heard_ms(house: KillHouse, phase: int) -> int:
    """Boot clock, when a page hears that this phase has begun, or finds it begun."""
    address = f"ws://127.0.0.1:{house.http.port}/live"
    with connect(address, additional_headers={"cookie": house.http.cookie}) as link:
        link.send(json.dumps({"t": "hello", "v": 1, "client": "journey"}))
        link.send(json.dumps({"t": "subscribe", "channel": f"session:{house.session}"}))
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            message = json.loads(link.recv(timeout=PATIENCE_S))
            if message["t"] == "state":
                link.send(json.dumps({"t": "ack", "n": message["n"]}))
            body = message.get("body", {})
            begun = body.get("cause") == "phase" and body["lane"]["phase"] == phase
            found = message["t"] == "snapshot" and message["session"]["lanes"][0]["phase"] == phase
            if begun or found:
                return boot_ms()
    raise AssertionError(f"phase {phase} never begins")


@pytest.mark.needs("faketime")
def test_no_cue_moves_when_the_wall_clock_is_set(tmp_path: Path) -> None:
    wishes = Wishes(faketime=True, workouts={"three": THREE})
    with kill_house(tmp_path, wishes) as house:
        house.ride("three")
        wait_until(lambda: lane_of(house)["status"] == "running", PATIENCE_S, "it runs")
        before = moments(lane_of(house))
        for phase, step_s in ((1, HOUR_S), (2, -HOUR_S)):
            house.hub.kill()
            house.step_wall("hub", step_s)
            house.hub.start()
            house.hub_ready()
            assert abs(house.said_at_s() - time.time() - step_s) < HOUR_S / 10, "it was not set"
            after = moments(lane_of(house))
            assert after["started"] == before["started"]
            assert after["phases"] == before["phases"]
            ahead = after["cues"].items() & before["cues"].items()
            assert ahead == after["cues"].items(), "a cue moved"
            due_ms = house.boot_ms_of(before["phases"][phase][1])
            # Moved with the wall it would come an hour early, or not while the page waits.
            assert phase_heard_ms(house, phase) >= due_ms, f"phase {phase} by {step_s} s"
