"""A full studio: an air, a hub, two gateways with two radios each; all processes of their own."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from house import House, free_port, wait_until
from journeys.kills_house import CHECKOUT, Process
from journeys.truth import Database

from firmware_sim import places, transport
from firmware_sim.control import ControlError, FaultRequest, StatusRequest, ask
from hub.admin import ask as ask_hub
from hub.paths import admin_socket_path, database_path

SCENARIO = "flaky-20"
SPOTS = ("left", "right")
RADIOS = 2
SLOTS = 14  # of each radio: without one of them there is still a place for each of 40 sensors
PATIENCE_S = 200.0  # a machine that is busy; what is usual stands in the table
ASK_TIMES = 10


@dataclass
class StudioHouse:
    folder: Path
    seed: int
    hub: Process = field(init=False)
    sim: Process = field(init=False)
    gateways: dict[str, Process] = field(init=False)
    http: House = field(init=False)  # what is asked over HTTP

    def __post_init__(self) -> None:
        hub_data = self.folder / "hub"
        hub_data.mkdir(mode=0o700)
        self.admin = admin_socket_path(hub_data)
        self.database = Database(database_path(hub_data))
        self.air_log = self.folder / "air.jsonl"
        port, uplink_port = free_port(), free_port()
        self.http = House(hub_data, port, uplink_port, ())
        # The journey breaks things itself, from the moment on when all is well.
        before, _, after = places.scenarios()[SCENARIO].read_text("utf-8").partition("[chaos]")
        scenario = self.folder / "studio.toml"
        scenario.write_text(before + after[after.index("[[riders]]") :])
        self.hub = self._process(
            "hub", hub_data, "-m", "hub", "hub", "--demo", "--scenario", str(scenario),
            "--port", str(port), "--uplink-port", str(uplink_port), "--exit-with-parent",
        )  # fmt: skip
        air = transport.parse(f"unix:{self.folder}/air.sock")
        self.sim = self._process(
            "sim", self.folder, "-m", "firmware_sim", "run", "--scenario", str(scenario),
            "--seed", str(self.seed), "--air", str(air), "--control", str(self._control),
            "--air-log", str(self.air_log), "--exit-with-parent",
        )  # fmt: skip
        self.gateways = {
            name: self._gateway(name, str(places.spot_air(air, number, name)), uplink_port)
            for number, name in enumerate(SPOTS, 1)
        }

    @property
    def _control(self) -> transport.Transport:
        return transport.parse(f"unix:{self.folder}/sim.sock")

    def _process(self, name: str, data: Path, *argv: str) -> Process:
        code = os.pathsep.join(str(CHECKOUT / part) for part in ("tests", "", "firmware-sim"))
        env = {**os.environ, "DERNY_DATA": str(data), "PYTHONPATH": code, "PYTHONUNBUFFERED": "1"}
        return Process(name, list(argv), env, self.folder)

    def _gateway(self, name: str, air: str, uplink_port: int) -> Process:
        data = self.folder / name
        (data / "keys").mkdir(mode=0o700, parents=True)
        radios = ", ".join(f'"{name}{number}"' for number in range(RADIOS))
        (data / "gateway.toml").write_text(
            f'[gateway]\nname = "{name}"\n'
            f'[radio]\nradio = "air:{air}"\nadapters = [{radios}]\nslots = {SLOTS}\n'
        )
        return self._process(
            name, data, "-m", "gateway", "run", "--hub", f"tcp://127.0.0.1:{uplink_port}",
            "--exit-with-parent",
        )  # fmt: skip

    # life

    def start(self) -> None:
        """Everything runs; every sensor is somebody's, live, and measures."""
        self.sim.start()
        self.sim.ready()
        self.hub.start()
        link = re.search(r"https?://\S+", self.hub.ready())
        assert link is not None
        self.http.link = link[0]
        self.http.login()
        site = secrets.token_hex(32)
        for name in self.gateways:
            keys = self.folder / name / "keys"
            for file, text in (
                ("gateway.key", ask_hub(self.admin, "gateway_add", name)),
                ("site", site),
            ):
                (keys / file).touch(mode=0o600)
                (keys / file).write_text(text)
        for gateway in self.gateways.values():
            gateway.start()
        self.settle("every sensor is live and somebody's")

    def settle(self, what: str) -> None:
        count = len(self.status())

        def settled() -> bool:
            rows = self.sensors()
            good = [r for r in rows if r["link"] == "live" and r.get("last") and r.get("athlete")]
            return len(good) == count

        try:
            wait_until(settled, PATIENCE_S, what)
        except AssertionError as problem:
            radios = self.http.ask("GET", "/api/gateways")[1]
            raise AssertionError(f"{problem}: {self.wedged()} {radios}") from None

    def sensors(self) -> list[dict[str, Any]]:
        status, answer = self.http.ask("GET", "/api/sensors")
        return list(answer["sensors"]) if status == 200 else []

    def free_slots(self) -> int | None:
        status, answer = self.http.ask("GET", "/api/sensors")
        return answer.get("free_slots") if status == 200 else None

    def wedged(self) -> list[tuple[str, str, str, str]]:
        """Name, gateway, link and problem of each sensor that is not live."""
        return [
            (row["name"], row["gateway"], row["link"], row.get("problem", ""))
            for row in self.sensors()
            if row["link"] != "live"
        ]

    def held_by(self, gateway: str) -> set[str]:
        """Names of the sensors that come through it, or that nobody has just now."""
        rows = wait_until(self.sensors, PATIENCE_S, "the hub tells of its sensors")
        return {r["name"] for r in rows if r["gateway"] == gateway or r["link"] != "live"}

    # the room

    def inject(self, kind: str, about: str, for_s: float) -> None:
        self._ask(FaultRequest(kind, about, for_s))

    def status(self) -> dict[str, dict[str, Any]]:
        """Of each sensor, by name, as the room knows it."""
        told = self._ask(StatusRequest())["status"]
        return {sensor["name"]: sensor for rider in told["riders"] for sensor in rider["sensors"]}

    def _ask(self, request: FaultRequest | StatusRequest) -> dict[str, Any]:
        """Again when it does not answer in time: a fault that is said twice is one all the same."""
        for _ in range(ASK_TIMES - 1):
            with suppress(ControlError):
                return asyncio.run(ask(self._control, request))
        return asyncio.run(ask(self._control, request))

    def stop(self) -> None:
        """Whatever happened before."""
        problems = []
        for process in (*self.gateways.values(), self.hub, self.sim):
            try:
                process.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        assert not problems, problems


@contextmanager
def studio_house(folder: Path, seed: int) -> Iterator[StudioHouse]:
    """Started, and cleared away at the end whatever happens."""
    built = StudioHouse(folder, seed)
    try:
        built.start()
        yield built
    finally:
        built.stop()
