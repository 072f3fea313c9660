"""Hub, gateway and simulator as processes of their own, with something between them that breaks.

As `derny up` runs them, but each can be killed, stopped and started by itself; the gateway reaches
the hub through a fault proxy and has a data folder of its own, as on another machine.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from house import PATIENCE_S, START_S_MAX, STOP_S_MAX, House, free_port, wait_until
from journeys.kills_client import events
from journeys.proxy import FaultProxy
from journeys.truth import Database, Frame, Verdict, compare, sent, spooled
from needs import libfaketime_path

from hub.admin import ask
from hub.paths import admin_socket_path, database_path

CHECKOUT = Path(__file__).parents[2]
RESTART_S = 0.2  # the supervisor's first back-off
SMALL_DISK_MB = 24
FILLER = "filler"

# Three riders with eight sensors, about ten notifications a second; the first bike is the owner's.
SCENARIO = """
description = "Three riders who are killed a lot"
seed = {seed}

[[riders]]
name = "Mara"
guest = true
ftp_w = 230
max_hr_bpm = 186
rest_hr_bpm = 54
weight_kg = 64
seed = 11
sensors = [
  {{ kind = "heart_rate_strap", name = "Polar H10 1F2A3B" }},
  {{ kind = "smart_trainer", name = "KICKR CORE 4A2C" }},
  {{ kind = "cadence_pod", name = "Wahoo RPM 77D1" }},
]

[[riders]]
name = "Jonas"
ftp_w = 305
max_hr_bpm = 192
rest_hr_bpm = 47
weight_kg = 78
seed = 12
sensors = [
  {{ kind = "heart_rate_strap", name = "Polar H10 9C04E7" }},
  {{ kind = "smart_trainer", name = "Tacx NEO 2T 18533" }},
  {{ kind = "power_meter", name = "ASSIOMA 1234" }},
]

[[riders]]
name = "Aylin"
ftp_w = 195
max_hr_bpm = 179
rest_hr_bpm = 61
weight_kg = 58
seed = 13
sensors = [
  {{ kind = "heart_rate_strap", name = "TICKR 5B21" }},
  {{ kind = "power_meter", name = "Stages 30211" }},
]
"""
OWN = ("Polar H10 1F2A3B", "KICKR CORE 4A2C", "Wahoo RPM 77D1")
SENSORS = 8


def boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@dataclass
class Process:
    """One of ours, in the background; its stdout and stderr go to files in `folder`."""

    name: str
    argv: list[str]
    env: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def said(self) -> Path:
        return self.folder / f"{self.name}.{self.starts}.out"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        self.starts += 1
        with self.said.open("wb") as out, self.log.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, *self.argv], stdin=subprocess.PIPE, stdout=out, stderr=err,
                env=self.env, cwd=self.folder,
            )  # fmt: skip

    def ready(self) -> str:
        """Waits for the line that says so, and gives it."""

        def line() -> str:
            assert self.process is not None
            for each in self.said.read_text().splitlines():
                if "ready" in each:
                    return each
            assert self.process.poll() is None, f"{self.name} ended:\n{self.tail()}"
            return ""

        return str(wait_until(line, START_S_MAX, f"{self.name} is ready"))

    def tail(self) -> str:
        return self.log.read_text()[-3000:]

    def signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """kill -9; also of one that is stopped."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self) -> None:
        """As a supervisor does; raises AssertionError for one that does not end."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end on SIGTERM") from None
        self._close()

    def _close(self) -> None:
        assert self.process is not None
        if self.process.stdin is not None:
            self.process.stdin.close()


@dataclass(frozen=True)
class Wishes:
    """What a house is built with. `small_disks`: hub and gateway each on a tmpfs of their own."""

    seed: int = 1
    small_disks: bool = False
    faketime: bool = False
    websocket: bool = False  # the uplink travels over `/uplink`
    idle_finish_s: int = 600
    workouts: Mapping[str, str] = field(default_factory=dict)  # name -> ZWO


@dataclass
class KillHouse:
    folder: Path
    wishes: Wishes
    proxy: FaultProxy = field(init=False)
    hub: Process = field(init=False)
    gateway: Process = field(init=False)
    sim: Process = field(init=False)
    client: Process | None = None
    http: House = field(init=False)  # what is asked over HTTP
    athlete: str = ""
    session: str = ""
    held_ms: int = 0  # boot clock: since then every sensor is somebody's

    def __post_init__(self) -> None:
        self.hub_data = self.folder / "hub"
        self.gateway_data = self.folder / "gw"
        for data in (self.hub_data, self.gateway_data):
            data.mkdir(mode=0o700)
            if self.wishes.small_disks:
                _mount(data)
        self.database = Database(database_path(self.hub_data))
        self.truth_log = self.folder / "truth.jsonl"
        scenario = self.folder / "kills.toml"
        scenario.write_text(SCENARIO.format(seed=self.wishes.seed))
        (self.hub_data / "hub.toml").write_text(
            f"[session]\nidle_finish_s = {self.wishes.idle_finish_s}\n"
        )
        (self.hub_data / "workouts").mkdir()
        for name, text in self.wishes.workouts.items():
            (self.hub_data / "workouts" / f"{name}.zwo").write_text(text)
        (self.gateway_data / "gateway.toml").write_text(
            f'[hub]\nkey = "{self.hub_data}/keys/gateway.key"\n'
        )
        port, uplink_port = free_port(), free_port()
        self.proxy = FaultProxy(port if self.wishes.websocket else uplink_port)
        self.http = House(self.hub_data, port, uplink_port, ())
        air = f"unix:{self.folder}/air.sock"
        self.hub = self._process(
            "hub", self.hub_data, "-m", "hub", "hub", "--demo", "--scenario", str(scenario),
            "--port", str(port), "--uplink-port", str(uplink_port), "--exit-with-parent",
        )  # fmt: skip
        self.gateway = self._process(
            "gateway", self.gateway_data, "-m", "gateway", "run", "--radio", f"air:{air}",
            "--hub", self._uplink, "--exit-with-parent",
        )  # fmt: skip
        self.sim = self._process(
            "sim", self.folder, "-m", "firmware_sim", "run", "--scenario", str(scenario),
            "--air", air, "--control", f"unix:{self.control}", "--log", str(self.truth_log),
            "--exit-with-parent",
        )  # fmt: skip

    @property
    def control(self) -> Path:
        return self.folder / "sim.sock"

    @property
    def _uplink(self) -> str:
        where = f"127.0.0.1:{self.proxy.port}"
        return f"ws://{where}/uplink" if self.wishes.websocket else f"tcp://{where}"

    def _process(self, name: str, data: Path, *argv: str) -> Process:
        code = os.pathsep.join(str(CHECKOUT / part) for part in ("tests", "", "firmware-sim"))
        env = {**os.environ, "DERNY_DATA": str(data), "PYTHONPATH": code, "PYTHONUNBUFFERED": "1"}
        if self.wishes.faketime and name in ("hub", "gateway"):
            env |= self._faked(name)
            argv = ("-m", "journeys.kills_timers", *argv[1:])
        return Process(name, list(argv), env, self.folder)

    def _faked(self, name: str) -> dict[str, str]:
        """The wall clock alone follows a file, read once a second (each look at it is dear).

        libfaketime (0.9.10) reckons timed waits on a monotonic condition by the wall all the same
        (its pull request 503), and Python's interpreter lock is such a wait, of 5 ms: on a busy
        machine both threads then waited for ever. WAIT_MS makes every one of them 5 ms long.
        """
        self.step_wall(name, 0)
        return {
            "LD_PRELOAD": str(libfaketime_path()),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / f"{name}.time"),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_WAIT_MS": "5",
            "FAKETIME_FORCE_MONOTONIC_FIX": "1",
            "NO_FAKE_STAT": "1",
        }

    def step_wall(self, name: str, by_s: int) -> None:
        """Sets the wall clock of a process `by_s` beside the true one; also while it runs."""
        draft = self.folder / f"{name}.time.draft"
        draft.write_text(f"{by_s:+d}\n")
        draft.replace(self.folder / f"{name}.time")  # never seen half written

    # life

    def start(self) -> None:
        """Everything runs, the owner rides, and every sensor is somebody's and live."""
        self.sim.start()
        self.sim.ready()
        self.hub.start()
        self.hub_ready()
        self.http.login()
        self.gateway.start()
        self.gateway.ready()
        self.athlete = self.http.call("PUT", "/api/me", {"name": "Ada", "ftp_w": 200})["athlete"]
        wait_until(lambda: self.live_sensors() == SENSORS, PATIENCE_S, "every sensor is live")
        for name in OWN:
            self.http.call(
                "PUT", f"/api/assignments/{self.sensor_ids()[name]}", {"athlete": self.athlete}
            )
        wait_until(self._all_held, PATIENCE_S, "every sensor is somebody's")
        self.held_ms = boot_ms()

    def hub_ready(self) -> None:
        link = re.search(r"https?://\S+", self.hub.ready())
        assert link is not None
        self.http.link = link[0]

    def _all_held(self) -> bool:
        sensors = self.http.call("GET", "/api/sensors")["sensors"]
        return all(sensor.get("athlete") for sensor in sensors)

    def live_sensors(self) -> int:
        status, answer = self.http.ask("GET", "/api/sensors")
        if status != 200:
            return 0
        return sum(one["link"] == "live" and bool(one.get("last")) for one in answer["sensors"])

    def sensor_ids(self) -> dict[str, str]:
        sensors = self.http.call("GET", "/api/sensors")["sensors"]
        return {sensor["name"]: sensor["sensor"] for sensor in sensors}

    def ride(self, workout: str | None = None) -> None:
        """Begins the owner's session."""
        self.session = self.http.call("POST", "/api/sessions", {"workout": workout})["session"]
        self.http.call("POST", f"/api/sessions/{self.session}/start", {"key": "start"})

    def watch(self) -> Path:
        """A client follows the session, as a browser does; the log of what it is told."""
        told = self.folder / "client.jsonl"
        self.client = self._process(
            "client", self.folder, "-m", "journeys.kills_client",
            self.http.base, self.session, str(told),
        )  # fmt: skip
        self.client.env["CLIENT_COOKIE"] = self.http.cookie
        self.client.start()

        def follows() -> bool:
            return any(one["t"] == "snapshot" for one in events(told))

        wait_until(follows, START_S_MAX, "the client follows")
        return told

    def stop(self) -> None:
        """Whatever happened before."""
        self.proxy.heal()
        problems = []
        for process in (self.client, self.gateway, self.hub, self.sim):
            if process is not None:
                try:
                    process.stop()
                except AssertionError as problem:
                    problems.append(str(problem))
        assert not problems, problems

    def clear(self) -> None:
        self.proxy.close()
        for data in (self.hub_data, self.gateway_data):
            if self.wishes.small_disks:
                subprocess.run(["umount", "-l", str(data)], check=False)

    # what is known

    def boot_ms_of(self, hub_ms: int) -> int:
        """The machine's boot clock at an instant of hub time."""
        ((anchor,),) = self.database.rows("SELECT value FROM hub_state WHERE key = 'clock'")
        assert isinstance(anchor, bytes)
        return hub_ms - int(json.loads(anchor)["offset_ms"])

    def said_at_s(self) -> float:
        """Unix time by the wall clock that the hub saw when it last logged something."""
        stamps = re.findall(r"^timestamp=(\S+)", self.hub.log.read_text(), re.MULTILINE)
        return datetime.fromisoformat(stamps[-1]).timestamp()

    def counts(self) -> dict[str, int]:
        """What the uplink has counted since this hub started; nothing while none answers."""
        with suppress(Exception):
            counted: dict[str, int] = json.loads(
                ask(admin_socket_path(self.hub_data), "gateway_counts")
            )
            return counted
        return {}

    def heard_since(self, boot: int) -> bool:
        """Whether a reading that is newer is committed."""
        newest = self.database.journal(newest=4)
        return any(placed.reading.at_ms > boot for one in newest for placed in one.readings)

    def spooled(self) -> list[Any]:
        return spooled(self.gateway_data / "spool")

    def log(self, since_ms: int = 0) -> list[Frame]:
        return [frame for frame in sent(self.truth_log) if frame.at_ms >= since_ms]

    def verdict(self, since_ms: int) -> Verdict:
        """Of what was sent since, as far as it could be stored."""
        verdict = compare(self.log(), self.database.readings(), self.database.names())
        verdict.missing = [frame for frame in verdict.missing if frame.at_ms >= since_ms]
        return verdict

    # disks

    def fill(self, data: Path) -> None:
        """Not a byte is free any more."""
        with (data / FILLER).open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while filler.write(bytes(size)):
                        pass

    def make_room(self, data: Path) -> None:
        (data / FILLER).unlink()


def _mount(folder: Path) -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_MB}m,mode=0700", "tmpfs", str(folder)],
        check=True,
    )


@contextmanager
def kill_house(folder: Path, wishes: Wishes) -> Iterator[KillHouse]:
    """Started, and cleared away at the end whatever happens."""
    built = KillHouse(folder, wishes)
    try:
        built.start()
        yield built
    finally:
        try:
            built.stop()
        finally:
            built.clear()


def within(true: Callable[[], bool], s: float) -> bool:
    """Polls closely; False when the time is over."""
    end_s = time.monotonic() + s
    while not true():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True
