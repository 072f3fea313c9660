"""From radio bytes to a FIT file: real processes, real BLE bytes, real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import fitdecode
import pytest
from house import PATIENCE_S, House, alive, free_port, house, wait_until
from websockets.sync.client import ClientConnection, connect

TINY = """<workout_file><name>Tiny</name><workout>
<SteadyState Duration="6" Power="0.5"/><SteadyState Duration="6" Power="0.8"/>
</workout></workout_file>"""

STALLED_S_MAX = 6  # seconds of 12 for which the sensor or the machine said nothing
STRAP, TRAINER = "Polar H10 1F2A3B", "KICKR CORE 4A2C"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """One simulated rider, whose bike is free, and a workout of two short steps."""
    (tmp_path / "workouts").mkdir()
    (tmp_path / "workouts" / "tiny.zwo").write_text(TINY)
    with house(tmp_path, "--demo", "--scenario", "solo") as built:
        yield built


def mount(home: House) -> str:
    """The owner takes strap and trainer; the athlete's id."""
    athlete: str = home.call("PUT", "/api/me", {"name": "Ada", "ftp_w": 200})["athlete"]
    for name in (STRAP, TRAINER):
        sensor = wait_until(
            lambda name=name: live_sensor(home, name), PATIENCE_S, f"{name} is live"
        )
        home.call("PUT", f"/api/assignments/{sensor['sensor']}", {"athlete": athlete})
    return athlete


def live_sensor(home: House, name: str) -> dict[str, Any] | None:
    for sensor in home.call("GET", "/api/sensors")["sensors"]:
        if sensor["name"] == name and sensor["link"] == "live" and sensor.get("last"):
            return dict(sensor)
    return None


def start(home: House, workout: str | None) -> str:
    session: str = home.call("POST", "/api/sessions", {"workout": workout})["session"]
    home.call("POST", f"/api/sessions/{session}/start", {"key": "start"})
    return session


@contextmanager
def subscribed(home: House, session: str) -> Iterator[ClientConnection]:
    headers = {"cookie": home.cookie}
    with connect(f"ws://127.0.0.1:{home.port}/live", additional_headers=headers) as link:
        link.send(json.dumps({"t": "hello", "v": 1, "client": "journey"}))
        link.send(json.dumps({"t": "subscribe", "channel": f"session:{session}", "rate_hz": 4}))
        yield link


def powered(message: dict[str, Any], power: int) -> bool:
    return bool(message["t"] == "state" and message["rows"] and message["rows"][0][power])


def until(link: ClientConnection, wanted: Any, within_s: float = PATIENCE_S) -> dict[str, Any]:
    """The first message for which `wanted` is true; acknowledges state frames on the way."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        message = json.loads(link.recv(timeout=within_s))
        if message["t"] == "state":
            link.send(json.dumps({"t": "ack", "n": message["n"]}))
        if wanted(message):
            return dict(message)
    raise AssertionError(f"no such message within {within_s} s")


def test_a_ride_from_the_link_to_the_fit_file(home: House, tmp_path: Path) -> None:
    athlete = mount(home)
    session = start(home, "tiny")
    with subscribed(home, session) as link:
        fields = until(link, lambda m: m["t"] == "fields")["fields"]
        power, target = fields.index("power_w"), fields.index("target_w")
        row = until(link, lambda m: m["t"] == "state" and m["rows"] and m["rows"][0][power])
        assert row["rows"][0][0] == athlete
        until(link, lambda m: m["t"] == "state" and m["rows"] and m["rows"][0][target] == 100)
        changed = until(link, lambda m: m["t"] == "event" and m["body"].get("cause") == "phase")
        assert changed["body"]["lane"]["phase"] >= 0
        until(link, lambda m: m["t"] == "state" and m["rows"] and m["rows"][0][target] == 160)
        done = until(link, lambda m: m["t"] == "event" and m["body"]["e"] == "finished")
    activity = done["body"]["activities"][athlete]

    edited = home.call(
        "PATCH", f"/api/activities/{activity}", {"title": "Mine", "rpe": 6, "saved": True}
    )
    assert edited["saved"] and edited["demo"] and edited["elapsed_s"] == 12
    assert [lap["target_w"] for lap in edited["laps"]] == [100, 160]
    streams = home.call("GET", f"/api/activities/{activity}/streams")
    assert streams["power_w"].count(None) <= STALLED_S_MAX

    file = tmp_path / "ride.fit"
    listed = home.derny("activity", "list")
    assert activity in listed.stdout and "Mine" in listed.stdout
    assert home.derny("activity", "export", activity, str(file)).returncode == 0
    status, downloaded = home.ask("GET", f"/api/activities/{activity}/file.fit")
    assert status == 200
    records = [
        frame
        for frame in fitdecode.FitReader(str(file))
        if isinstance(frame, fitdecode.FitDataMessage)
    ]
    names = [frame.name for frame in records]
    # A second in which nobody said anything has no record.
    assert 12 - STALLED_S_MAX <= names.count("record") <= 12
    assert names.count("lap") == 2 and "session" in names
    seconds = [frame for frame in records if frame.name == "record"]
    exported = [frame.get_value("power", fallback=None) for frame in seconds]
    known = [watts for watts in streams["power_w"] if watts is not None]
    assert [watts for watts in exported if watts is not None] == known


def test_the_hub_killed_in_mid_ride_is_back_at_the_right_second(home: House) -> None:
    athlete = mount(home)
    session = start(home, "first-ride")

    def told() -> dict[str, Any]:
        return dict(home.call("GET", f"/api/sessions/{session}"))

    wait_until(lambda: told()["status"] == "running", PATIENCE_S, "it runs")
    before = home.call("GET", f"/api/sessions/{session}")["lanes"][0]
    home.kill("hub")
    wait_until(lambda: home.ask("GET", "/ready")[0] == 200, PATIENCE_S, "the hub is back")
    after = home.call("GET", f"/api/sessions/{session}")["lanes"][0]
    assert after["status"] == "running"
    assert after["started_at_ms"] == before["started_at_ms"]
    ends = [phase["ends_at_ms"] for phase in before["phases"]]
    assert [phase["ends_at_ms"] for phase in after["phases"]] == ends
    with subscribed(home, session) as link:
        fields = until(link, lambda m: m["t"] == "fields")["fields"]
        power = fields.index("power_w")
        until(link, lambda m: m["t"] == "state" and m["rows"] and m["rows"][0][power])
    home.call("POST", f"/api/sessions/{session}/stop", {"key": "stop"})
    ended = wait_until(lambda: told().get("activity"), PATIENCE_S, "it is recorded")
    recorded = home.call("GET", f"/api/activities/{ended}")
    assert recorded["athlete"] == athlete and recorded["end_cause"] == "stop"


def test_a_killed_supervisor_leaves_nothing_behind(home: House) -> None:
    children = home.children()
    assert set(children) == {"hub", "gateway", "firmware_sim"}
    assert home.process is not None
    home.process.send_signal(signal.SIGKILL)
    home.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in children.values()), PATIENCE_S, "no orphan")
    home.start()  # neither port nor lock is held
    assert home.ask("GET", "/health")[0] == 200


def test_without_the_link_nothing_is_told(home: House) -> None:
    stranger = House(home.data, home.port, home.uplink_port, ())
    for path in ("/api/me", "/api/sensors", "/api/activities", "/api/sessions"):
        assert stranger.ask("GET", path)[0] == 401
    status, answer = stranger.ask(
        "POST", "/api/login", {"token": home.link.partition("#token=")[2]}
    )
    assert status == 403 and "used" in answer["detail"]
    fresh = home.derny("link").stdout.strip()
    stranger.link = fresh
    stranger.login()
    assert stranger.ask("GET", "/api/me")[0] == 200


def test_what_is_wrong_is_one_line_and_status_2(tmp_path: Path, home: House) -> None:
    other = House(tmp_path / "other", home.port, free_port(), ())
    other.data.mkdir()

    def said(*words: str) -> str:
        done = other.derny(*words)
        assert done.returncode == 2, done
        lines = [line for line in done.stderr.splitlines() if line.startswith("derny:")]
        assert len(lines) == 1 and "Traceback" not in done.stderr
        return lines[0]

    assert "http.port" in said("hub", "--port", str(home.port))
    assert "uplink.port" in said(
        "hub", "--port", str(free_port()), "--uplink-port", str(home.uplink_port)
    )
    assert "no such scenario" in said("up", "--scenario", "nonsense")
    (other.data / "hub.toml").write_text("[http]\nport = 'x'\n")
    assert "hub.toml" in said("up")
    assert str(home.data) in House(home.data, 0, 0, ()).derny(
        "hub", "--port", str(free_port())
    ).stderr.replace(os.sep + "lock", "")


def test_who_stops_pedalling_is_finished_and_may_go_on(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[session]\nidle_finish_s = 10\n")
    with house(tmp_path, "--demo", "--scenario", "solo") as home:
        athlete = mount(home)
        session = start(home, None)
        with subscribed(home, session) as link:
            fields = until(link, lambda m: m["t"] == "fields")["fields"]
            power = fields.index("power_w")
            ridden = count()  # at 4 Hz: some seconds with power, so that there is a tail to trim
            until(link, lambda m: powered(m, power) and next(ridden) == 12)
            fault(home, "rest", TRAINER, "--for", "60")
            done = until(
                link, lambda m: m["t"] == "event" and m["body"]["e"] == "finished", 2 * PATIENCE_S
            )
        assert done["body"]["cause"] == "idle"
        activity = done["body"]["activities"][athlete]
        ride = home.call("GET", f"/api/activities/{activity}")
        streams = home.call("GET", f"/api/activities/{activity}/streams")
        assert ride["end_cause"] == "idle"
        assert streams["power_w"][-1] or streams["cadence_rpm"][-1]  # the tail is trimmed
        resumed = home.call("POST", f"/api/activities/{activity}/resume")
        assert resumed["session"] == session and resumed["status"] == "paused"


def test_the_trainer_is_taken_away_and_given_back(home: House) -> None:
    mount(home)
    session = start(home, "first-ride")

    def trainer() -> dict[str, Any]:
        view = home.call("GET", f"/api/sessions/{session}")
        return dict(view["athletes"][0].get("trainer") or {})

    steered = ("following", "holding_back")
    wait_until(lambda: trainer().get("status") in steered, PATIENCE_S, "the trainer follows")
    fault(home, "control_lost", TRAINER, "--for", "600")
    wait_until(lambda: trainer().get("status") == "elsewhere", PATIENCE_S, "another app has it")
    assert home.call("GET", f"/api/sessions/{session}")["status"] == "running"


def fault(home: House, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "fault", *words],
        capture_output=True, text=True, env=home.environment(), timeout=2 * PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
