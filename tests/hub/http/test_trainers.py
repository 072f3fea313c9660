"""Trainers over HTTP, on a whole hub in this process whose gateway is played by the test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hub_over_http import with_hub_itself

from hub.app import Hub
from hub.wire.uplink import (
    AssignedSensor,
    Command,
    CommandOp,
    CommandReply,
    LinkStatus,
    SensorKind,
    Sensors,
    SensorState,
)

TRAINER = SensorState("t1", "KICKR", (SensorKind.TRAINER,), LinkStatus.LIVE)
STRAP = SensorState("s1", "HRM", (SensorKind.HEART_RATE,), LinkStatus.LIVE)


class Gateway:
    """Answers each command with `code` and keeps what it was told."""

    def __init__(self, hub: Hub) -> None:
        self.code = ""
        self.asked: list[CommandOp] = []
        self.assigned: tuple[AssignedSensor, ...] = ()
        uplink = hub.live._roster._uplink
        uplink.send_command = self.answer  # type: ignore[method-assign]
        uplink.send_assignments = self.assign  # type: ignore[method-assign]
        hub.live.on_gateway("gw", True)
        hub._on_sensors("gw", Sensors((TRAINER, STRAP), whole=True))

    def answer(self, gateway: str, command: Command) -> asyncio.Future[CommandReply]:
        self.asked.append(command.op)
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        answer.set_result(CommandReply(command.id, not self.code, self.code))
        return answer

    def assign(self, gateway: str, assignments: Any) -> None:
        self.assigned = assignments.sensors


async def seated(hub: Hub, web: httpx2.AsyncClient) -> Gateway:
    gateway = Gateway(hub)
    me = (await web.put("/api/me", json={"name": "Ada", "ftp_w": 210})).json()
    for sensor in ("t1", "s1"):
        answer = await web.put(f"/api/assignments/{sensor}", json={"athlete": me["athlete"]})
        assert answer.status_code == 200, answer.text
    return gateway


def test_a_calibration_is_asked_for_refused_with_a_reason_and_given_up(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        gateway = await seated(hub, web)
        assert (await web.post("/api/trainers/t1/calibration")).status_code == 202
        gateway.code = "controlled_elsewhere"
        refused = await web.post("/api/trainers/t1/calibration")
        assert refused.status_code == 409 and "close that app" in refused.json()["detail"]
        gateway.code = "expired"
        assert (await web.post("/api/trainers/t1/calibration")).status_code == 503
        gateway.code = "cannot_identify"
        assert (await web.post("/api/trainers/t1/identify")).status_code == 409
        gateway.code = ""
        assert (await web.delete("/api/trainers/t1/calibration")).status_code == 204
        assert gateway.asked == [CommandOp.CALIBRATE] * 3 + [CommandOp.IDENTIFY, CommandOp.RELEASE]
        assert (await web.post("/api/trainers/none/calibration")).status_code == 404

    with_hub_itself(tmp_path, scene)


def test_a_trainer_left_to_another_app_stays_so_over_a_restart(tmp_path: Path) -> None:
    async def first(hub: Hub, web: httpx2.AsyncClient) -> None:
        gateway = await seated(hub, web)
        assert [held.read_only for held in gateway.assigned] == [False, False]
        answer = await web.put("/api/trainers/t1", json={"read_only": True})
        assert answer.status_code == 204, answer.text
        assert {h.sensor_id: h.read_only for h in gateway.assigned} == {"t1": True, "s1": False}
        shown = {row["sensor"]: row for row in (await web.get("/api/sensors")).json()["sensors"]}
        assert shown["t1"]["read_only"] is True and "read_only" not in shown["s1"]
        assert (await web.put("/api/trainers/s1", json={"read_only": True})).status_code == 404

    async def second(hub: Hub, web: httpx2.AsyncClient) -> None:
        gateway = Gateway(hub)
        hub.live._roster.say_assignments("gw")
        assert {h.sensor_id: h.read_only for h in gateway.assigned} == {"t1": True, "s1": False}
        await web.put("/api/trainers/t1", json={"read_only": False})
        assert not any(held.read_only for held in gateway.assigned)

    with_hub_itself(tmp_path, first)
    with_hub_itself(tmp_path, second)


@pytest.mark.parametrize("body", [{}, {"read_only": 1}, {"read_only": True, "more": 1}])
def test_wrong_bodies_are_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        assert (await web.put("/api/trainers/t1", json=body)).status_code == 400

    with_hub_itself(tmp_path, scene)
