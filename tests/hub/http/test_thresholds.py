"""An athlete's figures by date, by their routes; and the rides that follow them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hub_over_http import with_hub, with_hub_itself
from msgspec.structs import replace
from rides import DEVICES, bike, by_time, heart, log_of, session_of

from hub.activity import Recorded, build, ride_of
from hub.app import Hub
from hub.auth.principal import Principal, Role
from hub.core.errors import Unavailable
from hub.core.figures import Figures
from hub.core.target import Thresholds
from hub.http import thresholds
from hub.people import VERSIONS_MAX
from hub.recorder import Recorder

ME = {"name": "Ada", "ftp_w": 200, "max_hr_bpm": 190, "weight_kg": 60}
ALL = {"ftp_w": 220, "max_hr_bpm": 188, "lthr_bpm": 170, "rest_hr_bpm": 48, "weight_kg": 61}
DAY_MS = 86_400_000


def days_ago(days: int) -> str:
    return (datetime.now().astimezone() - timedelta(days=days)).date().isoformat()


async def me(web: httpx2.AsyncClient) -> str:
    athlete: str = (await web.put("/api/me", json=ME)).json()["athlete"]
    return f"/api/athletes/{athlete}/thresholds"


def test_figures_count_from_their_day_on(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        book = await me(web)
        first = (await web.get(book)).json()
        assert [each["thresholds"]["ftp_w"] for each in first["sports"]["bike"]] == [200]
        assert first["sports"]["run"] == []

        week = days_ago(7)
        said = await web.put(f"{book}/bike/{week}", json=ALL)
        assert said.status_code == 200
        now, then = said.json()["sports"]["bike"]
        assert (then["valid_from"], then["until"]) == (week, now["valid_from"])
        assert then["thresholds"]["lthr_bpm"] == 170
        assert now["thresholds"]["ftp_w"] == 200 and now["until"] is None
        assert (await web.get("/api/me")).json()["athlete"]["ftp_w"] == 200

        said = await web.put(f"{book}/bike/today", json=ALL | {"ftp_w": 230})
        assert [each["thresholds"]["ftp_w"] for each in said.json()["sports"]["bike"]] == [230, 220]
        assert (await web.get("/api/me")).json()["athlete"]["ftp_w"] == 230

        left = await web.delete(f"{book}/bike/{days_ago(0)}")
        assert [each["valid_from"] for each in left.json()["sports"]["bike"]] == [week]
        assert (await web.get("/api/me")).json()["athlete"]["ftp_w"] == 220
        assert (await web.delete(f"{book}/bike/{week}")).status_code == 400  # the only ones stay
        assert (await web.delete(f"{book}/bike/2020-01-01")).status_code == 404

    with_hub(tmp_path, scene)


def test_figures_and_zones_outlive_the_hub(tmp_path: Path) -> None:
    zones = {"heart": "friel", "power_bounds_pct": [56, 76, 91, 106, 121, 151]}
    told: list[Any] = []

    async def say(web: httpx2.AsyncClient) -> None:
        book = await me(web)
        told.append((await web.put(f"{book}/bike/today", json=ALL | {"zones": zones})).json())

    async def look(web: httpx2.AsyncClient) -> None:
        athlete = (await web.get("/api/me")).json()["athlete"]
        assert (athlete["ftp_w"], athlete["weight_kg"]) == (220, 61)
        book = (await web.get(f"/api/athletes/{athlete['athlete']}/thresholds")).json()
        assert book == told[0]
        newest = book["sports"]["bike"][0]
        assert [round(zone["low"], 1) for zone in newest["heart_zones"]] == [
            0.0, 137.7, 153.0, 159.8, 170.0, 175.1, 180.2,
        ]  # fmt: skip
        assert newest["power_zones"][1]["low"] == pytest.approx(123.2)

    with_hub(tmp_path, say)
    with_hub(tmp_path, look)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("bike/2999-01-01", ALL, 400, "from today"),
        ("bike/1969-12-31", ALL, 400, "from today"),
        ("bike/soon", ALL, 400, "no date"),
        ("swim/today", ALL, 404, "bike, run, row"),
        ("bike/today", {"ftp_w": 9000}, 400, "ftp_w"),
        ("bike/today", {"lthr_bpm": 190, "max_hr_bpm": 180}, 400, "below"),
        ("bike/today", {"rest_hr_bpm": 110, "lthr_bpm": 105}, 400, "below"),
        ("bike/today", {"zones": {"heart": "seiler", "heart_bounds_pct": [80]}}, 400, "2 bounds"),
        ("bike/today", {"color": "red"}, 400, "color"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        book = await me(web)
        answer = await web.put(f"{book}/{path}", json=body)
        assert answer.status_code == status and says in answer.json()["detail"]
        assert (
            await web.put("/api/athletes/none/thresholds/bike/today", json=ALL)
        ).status_code == 404

    with_hub(tmp_path, scene)


def test_versions_have_a_bound(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        await me(web)
        owner = hub.people.owner_id()
        figures = Figures(Thresholds(ftp_w=200))
        for day in range(1, VERSIONS_MAX):
            await hub.people.set_figures(owner, "bike", days_ago(day), figures, "login")
        answer = await web.put(f"/api/athletes/{owner}/thresholds/bike/2020-01-01", json=ALL)
        assert answer.status_code == 400 and "200 versions" in answer.json()["detail"]
        answer = await web.put(f"/api/athletes/{owner}/thresholds/bike/today", json=ALL)
        assert answer.status_code == 200

    with_hub_itself(tmp_path, scene)


def test_others_neither_see_nor_change_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        book = await me(web)
        for role in (Role.ATHLETE, Role.COACH, Role.VIEWER, Role.DISPLAY, Role.GATEWAY):
            other = Principal("l", role, "somebody")
            monkeypatch.setattr(thresholds, "principal_of", lambda request, who=other: who)
            for answer in (
                await web.get(book),
                await web.put(f"{book}/bike/today", json=ALL),
                await web.delete(f"{book}/bike/today"),
            ):
                assert answer.status_code == 404, role

    with_hub(tmp_path, scene)


def test_a_sport_has_its_own_figures_in_its_sessions(tmp_path: Path) -> None:
    run = {
        "name": "Run",
        "sport": "run",
        "steps": [
            {
                "name": "",
                "kind": "work",
                "until": {"t": "time", "duration_ms": 60_000},
                "target": {"t": "aim", "unit": "threshold_speed", "low": 1.0, "high": 1.0},
            }
        ],
    }

    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        book = await me(web)
        made = (await web.post("/api/library", json={"key": "k", "workout": run})).json()
        plan = (await web.get(f"/api/library/{made['workout']}/preview")).json()
        assert plan["steps"][0]["dimension"] == "unknown"
        assert plan["thresholds"] == {"max_hr_bpm": 190, "weight_kg": 60.0}
        await web.put(f"{book}/run/today", json={"threshold_kmh": 12.5, "max_hr_bpm": 195})
        plan = (await web.get(f"/api/library/{made['workout']}/preview")).json()
        assert plan["steps"][0]["begin"] == [12.5, 12.5]
        session = (await web.post("/api/sessions", json={"workout": made["workout"]})).json()
        (rider,) = session["athletes"]
        assert (rider.get("ftp_w"), rider["max_hr_bpm"]) == (None, 195)
        # What changes in mid-session is the session's sport's.
        await web.put(f"{book}/run/today", json={"threshold_kmh": 12.5, "max_hr_bpm": 196})
        await web.put(f"{book}/bike/today", json=ALL)
        (rider,) = (await web.get(f"/api/sessions/{session['session']}")).json()["athletes"]
        assert (rider.get("ftp_w"), rider["max_hr_bpm"]) == (None, 196)

    with_hub_itself(tmp_path, scene)


# Recompute since


def ride(athlete_id: str, begun_days_ago: int, n: int) -> Recorded:
    log = log_of()
    read_off = ride_of(session_of(log), log, "ann")
    assert read_off is not None
    made = build(read_off, by_time(heart(range(-5, 210)), bike(range(-5, 210))), DEVICES)
    noon = datetime.now().astimezone().replace(hour=12) - timedelta(days=begun_days_ago)
    activity = replace(
        made.activity,
        activity_id=f"RIDE{n:022}",
        athlete_id=athlete_id,
        started_unix_ms=int(noon.timestamp() * 1000),
    )
    return replace(made, activity=activity)


async def until_versions(web: httpx2.AsyncClient, wanted: list[int]) -> list[dict[str, Any]]:
    """The rides once they have these versions; the test's own timeout bounds the wait."""
    for _ in range(3_000):
        rides = [(await web.get(f"/api/activities/RIDE{n:022}")).json() for n in range(len(wanted))]
        if [ride["version"] for ride in rides] == wanted:
            return rides
        await asyncio.sleep(0.02)
    raise AssertionError([ride["version"] for ride in rides])


def test_rides_since_then_are_measured_by_them_when_asked(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        book = await me(web)
        owner = hub.people.owner_id()
        activities = hub._store.activities
        await activities.put([ride(owner, days, n) for n, days in enumerate((20, 10, 3))])
        await hub.people.set_figures(
            owner, "bike", days_ago(5), Figures(Thresholds(ftp_w=400)), "login"
        )
        # From the 12th day before today up to the version of the 5th: one ride.
        await web.put(f"{book}/bike/{days_ago(12)}", json=ALL | {"ftp_w": 200})
        answer = await web.put(
            f"{book}/bike/{days_ago(12)}", json=ALL | {"ftp_w": 200, "recompute": True}
        )
        assert answer.status_code == 200
        before, anew, after = await until_versions(web, [1, 2, 1])
        assert (before["ftp_w"], anew["ftp_w"], after["ftp_w"]) == (250, 200, 250)
        assert (anew["summary"]["intensity"], before["summary"]["intensity"]) == (1.0, 0.8)
        assert anew["lthr_bpm"] == 170
        assert anew["power_zones"]["lows"][:3] == [0, 110, 150]
        assert anew["heart_zones"]["lows"] == [94, 112.8, 131.6, 150.4, 169.2]  # of 188
        assert before["heart_zones"]["names"][-1] == "Maximum"
        assert "power_zones" not in (await web.get("/api/activities")).json()[0]

    with_hub_itself(tmp_path, scene)


def test_a_hub_that_died_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(self: Recorder, *_: object) -> bool:
        raise Unavailable("the disk is full")

    async def ask(hub: Hub, web: httpx2.AsyncClient) -> None:
        book = await me(web)
        await hub._store.activities.put([ride(hub.people.owner_id(), 3, 0)])
        asked = {"ftp_w": 200, "recompute": True}
        assert (await web.put(f"{book}/bike/{days_ago(4)}", json=asked)).status_code == 200

    async def look(web: httpx2.AsyncClient) -> None:
        (anew,) = await until_versions(web, [2])
        assert anew["ftp_w"] == 200

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "measure", dies)
        with_hub_itself(tmp_path, ask)
    with_hub(tmp_path, look)
