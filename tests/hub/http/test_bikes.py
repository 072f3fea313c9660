"""Bikes, seats, guests and QR codes over HTTP, on a whole hub in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from hub_over_http import BASE, with_hub_itself

from hub import guests
from hub.app import Hub
from hub.http.guard import COOKIE
from hub.wire.uplink import LinkStatus, SensorKind, Sensors, SensorState

ROOM = [
    SensorState(f"t{i}", f"KICKR {i}", (SensorKind.TRAINER,), LinkStatus.LIVE) for i in (1, 2, 3)
] + [SensorState("s1", "HRM 4F2", (SensorKind.HEART_RATE,), LinkStatus.LIVE, rssi_dbm=-50)]


async def room(hub: Hub, web: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Two named bikes, and a trainer that is none."""
    hub.live.on_gateway("gw", True)
    hub._on_sensors("gw", Sensors(tuple(ROOM), whole=True))
    await web.put("/api/me", json={"name": "Ada", "ftp_w": 210})
    made = []
    for i in (1, 2):
        answer = await web.post("/api/bikes", json={"name": f"Bike {i}", "sensors": [f"t{i}"]})
        assert answer.status_code == 201
        made.append(answer.json())
    return made


def guest_of(hub: Hub, web: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Another device: the same hub, no cookie yet."""
    return httpx2.AsyncClient(transport=web._transport, base_url=BASE)


def code_of(hub: Hub, bike: dict[str, Any]) -> str:
    return hub.live.seating.seats.bike(bike["bike"]).code


async def join(hub: Hub, web: httpx2.AsyncClient, bike: dict[str, Any], name: str) -> Any:
    device = guest_of(hub, web)
    answer = await device.post("/api/join", json={"bike": code_of(hub, bike), "name": name})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"bike": bike["bike"]}
    device.cookies.set(COOKIE, answer.cookies[COOKIE])
    return device


def test_bikes_are_made_changed_and_removed(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, second = await room(hub, web)
        clash = await web.post("/api/bikes", json={"name": "Bike 1", "sensors": ["t3"]})
        assert (clash.status_code, clash.json()["code"]) == (409, "conflict")
        clash = await web.post("/api/bikes", json={"name": "Bike 3", "sensors": ["t1"]})
        assert clash.status_code == 409
        for wrong in ({"name": ""}, {"name": "x" * 41}, {"name": "B", "sensors": ["s"] * 9}):
            assert (await web.post("/api/bikes", json=wrong)).status_code == 400
        changed = {"name": "Bike 10", "sensors": ["t1", "t3"]}
        answer = await web.put(f"/api/bikes/{first['bike']}", json=changed)
        assert answer.json() == {"bike": first["bike"], "name": "Bike 10", "sensors": ["t1", "t3"]}
        view = (await web.get("/api/bikes")).json()
        assert [bike["name"] for bike in view["bikes"]] == ["Bike 2", "Bike 10"]
        assert (await web.delete(f"/api/bikes/{second['bike']}")).status_code == 204
        assert (await web.delete(f"/api/bikes/{second['bike']}")).status_code == 404

    with_hub_itself(tmp_path, scene)


def test_a_seat_is_taken_and_left_and_outlives_the_hub(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, second = await room(hub, web)
        seat = f"/api/bikes/{first['bike']}/rider"
        answer = await web.put(seat, json={"key": "k1"})
        assert (answer.status_code, answer.json()["asked"]) == (200, False)
        held = {one["sensor"]: one["athlete"] for one in (await web.get("/api/assignments")).json()}
        assert held == {"t1": hub.people.owner_id()}
        await web.put(f"/api/bikes/{second['bike']}/rider", json={"key": "k2"})
        await web.put(seat, json={"key": "k1"})  # said again: it is done already
        bikes = (await web.get("/api/bikes")).json()["bikes"]
        assert [bike["state"] for bike in bikes] == ["free", "yours"]

    async def again(hub: Hub, web: httpx2.AsyncClient) -> None:
        bikes = (await web.get("/api/bikes")).json()["bikes"]
        assert [bike["state"] for bike in bikes] == ["free", "yours"]
        second = bikes[1]["bike"]
        assert (await web.delete(f"/api/bikes/{second}/rider")).status_code == 204
        assert (await web.get("/api/assignments")).json() == []
        assert (await web.get("/api/bikes")).json()["bikes"][1]["state"] == "free"

    with_hub_itself(tmp_path, scene)
    with_hub_itself(tmp_path, again)


def test_a_guest_comes_in_by_a_bikes_code_while_a_class_is_open(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, second = await room(hub, web)
        device = guest_of(hub, web)
        body = {"bike": code_of(hub, first), "name": "Zoe"}
        assert (await device.post("/api/join", json=body)).json()["code"] == "conflict"
        session = (await web.post("/api/sessions", json={"open": True, "title": "Tuesday"})).json()
        assert session["open"] and session["athletes"] == []
        wrong = await device.post("/api/join", json=body | {"bike": "guessed"})
        assert wrong.status_code == 403
        zoe = await join(hub, web, first, " Zoe  B ")
        me = (await zoe.get("/api/me")).json()
        assert (me["role"], me["athlete"]["name"]) == ("athlete", "Zoe B")
        code = code_of(hub, first)  # as scanned
        taken = await zoe.put(f"/api/bikes/{code}/rider", json={"key": "k"})
        assert taken.status_code == 200
        assert (await zoe.get("/api/me")).json()["open_session"] == session["session"]
        yan = await join(hub, web, first, "Yan")
        answer = await yan.put(f"/api/bikes/{first['bike']}/rider", json={"key": "k"})
        assert answer.status_code == 409
        assert answer.json() == {
            "code": "taken",
            "detail": "This bike is taken - ask to swap, or choose another",
            "way": "ask",
            "bike": first["bike"],
        }
        assert "Zoe" not in (await yan.get("/api/bikes")).text
        assert "Zoe" not in (await yan.get("/api/sensors")).text
        asked = await yan.put(f"/api/bikes/{first['bike']}/rider", json={"key": "k", "swap": True})
        assert (asked.status_code, asked.json()["asked"]) == (202, True)
        (ask,) = (await zoe.get("/api/bikes")).json()["asks"]
        assert (await yan.post(f"/api/asks/{ask['ask']}", json={"yes": True})).status_code == 404
        assert (await zoe.post(f"/api/asks/{ask['ask']}", json={"yes": True})).status_code == 204
        states = [bike["state"] for bike in (await yan.get("/api/bikes")).json()["bikes"]]
        assert states == ["yours", "free"]

    with_hub_itself(tmp_path, scene)


def test_what_a_guest_may_not(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, second = await room(hub, web)
        session = (await web.post("/api/sessions", json={"open": True})).json()["session"]
        zoe = await join(hub, web, first, "Zoe")
        bike = f"/api/bikes/{second['bike']}"
        owner = hub.people.owner_id()
        await zoe.put(f"/api/bikes/{first['bike']}/rider", json={"key": "k"})
        for method, path, body in [
            ("POST", "/api/bikes", {"name": "Mine"}),
            ("PUT", bike, {"name": "Mine"}),
            ("DELETE", bike, None),
            ("GET", f"{bike}/qr.svg", None),
            ("GET", "/bikes/sheet", None),
            ("PUT", f"{bike}/rider", {"key": "x", "athlete": owner}),
            ("PUT", "/api/bikes/asking", {"athlete": owner}),
            ("POST", "/api/sessions", {"open": True}),
            ("POST", f"/api/sessions/{session}/start", {"key": "x"}),
            ("PUT", "/api/me", {"name": "Owner"}),
        ]:
            answer = await zoe.request(method, path, json=body)
            assert answer.status_code == 403, (method, path, answer.text)

    with_hub_itself(tmp_path, scene)


def test_guests_are_signed_out_five_minutes_after_their_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "LOOK_S", 3_600)  # only this test looks, at hours of its own

    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, second = await room(hub, web)
        session = (await web.post("/api/sessions", json={"open": True})).json()["session"]
        zoe, yan = await join(hub, web, first, "Zoe"), await join(hub, web, first, "Yan")
        await zoe.put(f"/api/bikes/{first['bike']}/rider", json={"key": "k"})
        athlete = (await zoe.get("/api/me")).json()["athlete"]["athlete"]
        assert (await zoe.put("/api/assignments/s1", json={"athlete": athlete})).status_code == 200
        now = hub.clock.now_ms()
        await hub.guests.look(now)
        await hub.guests.look(now + guests.SIGN_OUT_MS)  # in a class: stays
        stopped = await web.post(f"/api/sessions/{session}/stop", json={"key": "s"})
        assert stopped.status_code == 200
        ended = now + guests.SIGN_OUT_MS + 1_000
        await hub.guests.look(ended)
        await hub.guests.look(ended + guests.SIGN_OUT_MS - 1)
        assert (await zoe.get("/api/me")).status_code == 200
        two = {"name": "Bike 1", "sensors": ["t1", "t3"]}
        await web.put(f"/api/bikes/{first['bike']}", json=two)
        await zoe.put(f"/api/bikes/{first['bike']}/rider", json={"key": "stays a little"})
        await hub.guests.look(ended + guests.SIGN_OUT_MS)
        assert (await zoe.get("/api/me")).status_code == 401
        assert (await yan.get("/api/me")).status_code == 200  # never sat: has half an hour
        assert (await web.get("/api/me")).status_code == 200  # the owner's own device stays
        assert (await web.get("/api/assignments")).json() == []
        await hub.guests.look(now + guests.UNSEATED_MS)
        assert (await yan.get("/api/me")).status_code == 401

    with_hub_itself(tmp_path, scene)


def test_too_many_guests_at_once_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, _ = await room(hub, web)
        await web.post("/api/sessions", json={"open": True})
        monkeypatch.setattr(guests, "GUESTS_MAX", 2)
        for name in ("Zoe", "Yan"):
            await join(hub, web, first, name)
        body = {"bike": code_of(hub, first), "name": "Xu"}
        answer = await guest_of(hub, web).post("/api/join", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    with_hub_itself(tmp_path, scene)


def test_the_sheet_and_the_codes_lead_to_where_the_hub_was_asked(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        first, _ = await room(hub, web)
        changed = {"name": "Bike <1>", "sensors": ["t1"]}
        await web.put(f"/api/bikes/{first['bike']}", json=changed)
        sheet = await web.get("/bikes/sheet")
        assert sheet.text.count("<svg") == 2 and "Bike &lt;1&gt;" in sheet.text
        assert sheet.headers["cache-control"] == "no-store"
        assert code_of(hub, first) not in sheet.text  # only as a picture
        svg = await web.get(f"/api/bikes/{first['bike']}/qr.svg")
        png = await web.get(f"/api/bikes/{first['bike']}/qr.png")
        assert svg.headers["content-type"] == "image/svg+xml" and b"<svg" in svg.content
        assert png.content.startswith(b"\x89PNG")
        assert (await web.get(f"/api/bikes/{first['bike']}/qr.gif")).status_code == 404

    with_hub_itself(tmp_path, scene)
