"""Every route of a whole hub in this process, over ASGI, on a store of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hub_over_http import with_hub, with_hub_itself
from live_fakes import FakeWire, same_turn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message

from hub.app import Demo, Hub
from hub.auth.principal import Principal, Role
from hub.core.errors import UserError
from hub.http import athletes
from hub.http.bodies import read
from hub.http.guard import COOKIE
from hub.people import Numbers
from hub.recorder import Recorder
from hub.sensor_memory import SensorMemory
from hub.settings import Settings
from hub.store.errors import DiskFull
from hub.store.sessions import Sessions
from hub.store.store import Store
from hub.wire.live import CloseCode

OPEN = {"/", "/health", "/ready", "/version", "/metrics", "/api/login", "/api/join"}


def routes(tmp_path: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    async def collect() -> None:
        store = await Store.open(tmp_path)
        app: Any = Hub(Settings(), tmp_path, store, Demo(None, at_once=False)).asgi()
        while not isinstance(app, Starlette):
            app = app._app
        for route in app.routes:
            if isinstance(route, Route):
                methods = (route.methods or set()) - {"HEAD"}
                found.extend((method, route.path) for method in methods)
        await store.close()

    asyncio.run(collect())
    return sorted(found)


def test_without_a_login_every_private_route_is_shut(tmp_path: Path) -> None:
    every = routes(tmp_path)
    assert len(every) > 25

    async def scene(web: httpx2.AsyncClient) -> None:
        for method, path in every:
            answer = await web.request(method, path)
            if path in OPEN:
                assert answer.status_code != 401, path
            else:
                assert answer.status_code == 401, f"{method} {path}"
                assert "derny up" in answer.json()["detail"]

    with_hub(tmp_path, scene, logged_in=False)


def test_a_token_for_a_client_without_a_cookie(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        answer = await web.post("/api/token")
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        admission = hub.doorkeeper.by_token(answer.json()["token"])
        assert admission.principal.role is Role.OWNER
        assert admission.expires_at_ms == answer.json()["expires_at_ms"]
        as_cookie = {"cookie": f"{COOKIE}={answer.json()['token']}"}
        web.cookies.clear()
        assert (await web.get("/api/me", headers=as_cookie)).status_code == 401

    with_hub_itself(tmp_path, scene)


def test_a_login_is_renewed_with_its_cookie(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        before = {one.value for one in web.cookies.jar}
        answer = await web.post("/api/renew")
        assert answer.status_code == 200 and answer.json()["expires_at_ms"] > 0
        assert {answer.cookies[COOKIE]} == before
        assert "Max-Age=2592000" in answer.headers["set-cookie"]

    with_hub(tmp_path, scene)


def test_who_signs_out_is_sent_away_from_the_live_socket(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        admission = hub.doorkeeper.by_token((await web.post("/api/token")).json()["token"])
        wire = FakeWire()
        hub.live.accept(admission, wire, same_turn)
        assert (await web.post("/api/logout")).status_code == 204
        assert wire.closed == (CloseCode.EXPIRED, "signed out")

    with_hub_itself(tmp_path, scene)


def test_another_host_or_origin_is_refused_whatever_the_cookie(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        rebound = await web.get("/api/me", headers={"host": "evil.example:8420"})
        assert rebound.status_code == 421
        foreign = await web.put("/api/me", json={}, headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403
        assert (await web.get("/api/me")).status_code == 200

    with_hub(tmp_path, scene)


def test_the_page_and_its_headers(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        page = await web.get("/")
        assert page.status_code == 200 and "<derny-app>" in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "sha256-" in policy
        script = await web.get("/web/app.js")
        assert script.headers["content-type"].startswith("text/javascript")
        for hidden in ("vendor.py", "package.json", "protocol.d.ts", "../hub/app.py"):
            answer = await web.get(f"/web/{hidden}")
            assert answer.status_code == 404 and answer.json()["code"] == "not_found"

    with_hub(tmp_path, scene)


def test_the_first_run_form_may_be_left_empty_or_be_wrong(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        assert (await web.get("/api/me")).json()["athlete"] is None
        nameless = (await web.put("/api/me", json={})).json()
        assert nameless["ftp_assumed"] and nameless["ftp_w"] and nameless["name"]
        named = (await web.put("/api/me", json={"name": "Ada", "ftp_w": 210})).json()
        assert named["athlete"] == nameless["athlete"] and not named["ftp_assumed"]
        for wrong in ({"ftp_w": 9000}, {"ftp_w": "x"}, {"unknown": 1}, {"name": "x" * 200}):
            answer = await web.put("/api/me", json=wrong)
            assert answer.status_code == 400 and "body" in answer.json()["detail"]
        broken = await web.put("/api/me", content=b"{not json")
        assert broken.status_code == 400
        large = await web.put("/api/me", content=b" " * 70_000)
        assert large.status_code == 400 and "bytes" in large.json()["detail"]

    with_hub(tmp_path, scene)


def test_a_body_that_breaks_off_is_the_callers_fault() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "PUT", "headers": []}, receive)
    with pytest.raises(UserError, match="broke off"):
        asyncio.run(read(request, Numbers))


def test_a_session_by_its_routes(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        await web.put("/api/me", json={"name": "Ada", "ftp_w": 210})
        made = await web.post("/api/sessions", json={"workout": "first-ride"})
        assert made.status_code == 201
        session = made.json()["session"]
        path = f"/api/sessions/{session}"

        async def say(action: str, key: str, **more: Any) -> httpx2.Response:
            return await web.post(f"{path}/{action}", json={"key": key, **more})

        assert (await say("pause", "k0")).status_code == 409  # not started yet
        started = await say("start", "k1")
        assert started.status_code == 200 and started.json()["effect_at_ms"]
        assert (await say("start", "k1")).json() == started.json()  # the same key does nothing new
        assert (await say("start", "k2")).status_code == 409
        assert (await say("trim", "k3", trim_pct=105)).status_code == 200
        assert (await say("trim", "k4", trim_pct=900)).status_code == 400
        assert (await say("dance", "k5")).status_code == 404
        assert (await say("pause", "")).status_code == 400
        shown = (await web.get(path)).json()
        assert shown["status"] == "running" and shown["athletes"][0]["trim_pct"] == 105
        assert (await web.get("/api/me")).json()["open_session"] == session
        assert [one["session"] for one in (await web.get("/api/sessions")).json()] == [session]
        assert (await say("stop", "k6")).status_code == 200

        assert (await web.post("/api/sessions", json={"workout": "no-such"})).status_code == 404
        assert (await web.get("/api/sessions/nonsense")).status_code == 404

    with_hub(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/activities/none", 404),
        ("GET", "/api/activities/none/file.fit", 404),
        ("PATCH", "/api/activities/none", 404),
        ("DELETE", "/api/activities/none", 404),
        ("POST", "/api/activities/none/resume", 404),
        ("PUT", "/api/assignments/none", 400),  # no athlete in the body
        ("PUT", "/api/trainers/none", 400),  # nothing settled in the body
        ("GET", "/api/library/none", 404),
        ("PUT", "/api/athletes/none/sources/power_w", 400),
        ("PUT", "/api/athletes/none/sources/blood", 404),
        ("POST", "/api/gateways/none/rescan", 404),
        ("POST", "/api/demo", 503),  # this hub has no supervisor to ask
        ("GET", "/api/nonsense", 404),
    ],
)
def test_what_is_not_there_or_not_right_says_so(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        answer = await web.request(method, path, json={} if method != "GET" else None)
        assert answer.status_code == status, answer.text
        assert answer.json()["code"] and answer.json()["detail"]

    with_hub(tmp_path, scene)


def test_logging_out_shuts_the_door(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        assert (await web.post("/api/logout")).status_code == 204
        assert (await web.get("/api/me")).status_code == 401

    with_hub(tmp_path, scene)


def test_a_link_lets_in_once_however_many_try_at_once(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        token = (await hub.link()).partition("#token=")[2]
        tries = [web.post("/api/login", json={"token": token}) for _ in range(20)]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*tries))
        assert statuses == [204] + [403] * 19

    with_hub_itself(tmp_path, scene)


def test_a_form_sent_twice_makes_one_owner(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        both = [web.put("/api/me", json={"name": name}) for name in ("Ada", "Ada")]
        answers = [answer.json()["athlete"] for answer in await asyncio.gather(*both)]
        assert answers[0] == answers[1]
        assert len((await web.get("/api/athletes")).json()) == 1

    with_hub(tmp_path, scene)


def test_somebody_else_is_not_told_the_owners_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        assert (await web.put("/api/me", json={"weight_kg": 61})).status_code == 200
        monkeypatch.setattr(athletes, "principal_of", lambda request: Principal("l", Role.ATHLETE))
        shown = (await web.get("/api/me")).json()
        assert shown["role"] == "athlete" and shown["athlete"] is None

    with_hub(tmp_path, scene)


def test_a_refusal_of_the_disk_is_not_called_the_callers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> int:
        raise DiskFull

    async def scene(web: httpx2.AsyncClient) -> None:
        await web.put("/api/me", json={"name": "Ada"})
        session = (await web.post("/api/sessions", json={"workout": "first-ride"})).json()
        monkeypatch.setattr(Sessions, "append", full)
        path = f"/api/sessions/{session['session']}/start"
        answer = await web.post(path, json={"key": "k"})
        assert answer.status_code == 503 and answer.json()["code"] == "disk_full"
        monkeypatch.undo()

    with_hub(tmp_path, scene)


def test_a_hub_that_cannot_store_is_not_ready_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        assert (await web.get("/ready")).json() == {"ready": True}
        monkeypatch.setattr(Store, "problem", "the disk is full")
        answer = await web.get("/ready")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "reasons": ["the disk is full"]}

    with_hub(tmp_path, scene)


def test_a_hub_that_does_its_work_may_have_something_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        monkeypatch.setattr(Recorder, "remark", "1 ride is damaged")
        answer = await web.get("/ready")
        assert answer.status_code == 200
        assert answer.json() == {"ready": True, "remarks": ["1 ride is damaged"]}

    with_hub(tmp_path, scene)


def test_a_background_task_that_died_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SensorMemory, "run", broken)

    async def scene(web: httpx2.AsyncClient) -> None:
        answer = await web.get("/ready")
        assert answer.status_code == 503 and "sensor memory" in answer.json()["reasons"][0]

    with_hub(tmp_path, scene)


def test_a_coach_comes_by_a_link_of_their_own(tmp_path: Path) -> None:
    async def scene(hub: Hub, owner: httpx2.AsyncClient) -> None:
        token = (await hub.link(Role.COACH)).partition("#token=")[2]
        owner.cookies.clear()
        answer = await owner.post("/api/login", json={"token": token})
        owner.cookies.set(COOKIE, answer.cookies[COOKIE])
        coach = owner
        me = (await coach.get("/api/me")).json()
        assert (me["role"], me["athlete"]) == ("coach", None)
        made = await coach.post("/api/sessions", json={"open": True, "title": "Class"})
        assert made.status_code == 201
        assert (await coach.get("/metrics")).status_code == 200  # of this computer
        assert (await coach.put("/api/me", json={"name": "Eva"})).status_code == 403

    with_hub_itself(tmp_path, scene)
