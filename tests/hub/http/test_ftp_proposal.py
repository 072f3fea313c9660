"""What the ride of an FTP test proposes, and using it, over a whole hub."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
from ftp_rides import RUNGS, ramp, recorded
from hub_over_http import with_hub_itself

from hub.app import Hub

TEST = [(0, 300, 100.0), *RUNGS, (9, 30, 120.0), (10, 300, 100.0)]


async def ridden(hub: Hub, web: httpx2.AsyncClient, **more: object) -> str:
    """The owner, who has an FTP of 250 W, has ridden a ramp that says 225 W."""
    me = (await web.put("/api/me", json={"name": "Ada", "ftp_w": 250})).json()
    ride = recorded(ramp(), TEST, **{"athlete_id": me["athlete"], **more})
    await hub._store.activities.put([ride])
    return f"/api/activities/{ride.activity.activity_id}/ftp"


async def ftp_w(web: httpx2.AsyncClient) -> int:
    return int((await web.get("/api/me")).json()["athlete"]["ftp_w"])


def test_a_proposal_is_read_and_used_from_today(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        said = (await web.get(path)).json()
        assert (said["test"], said["ftp_w"], said["was_w"], said["current_w"]) == (
            "ramp",
            225,
            250,
            250,
        )
        assert said["reasoning"] == "best minute 300 W × 0.75"
        assert (said["confidence"], said["doubts"], said["may_use"]) == ("high", [], True)
        assert await ftp_w(web) == 250  # looking changes nothing
        for _ in range(2):
            used = await web.put(path, json={"ftp_w": 225})
            assert (used.status_code, used.json()["current_w"]) == (200, 225)
        assert await ftp_w(web) == 225
        versions = hub.people.versions(hub.people.owner_id(), "bike")
        assert versions[-1].valid_from == hub.people.today()

    with_hub_itself(tmp_path, scene)


def test_since_a_date_it_counts_up_to_now(tmp_path: Path) -> None:
    """250 W were said today; the ridden 225 W count since January, and for today as well."""

    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        assert (await web.put(path, json={"ftp_w": 225, "since": "2020-01-06"})).status_code == 200
        owner = hub.people.owner_id()
        on = {day: hub.people.on(owner, "bike", day).thresholds for day in DAYS}
        assert [on[day].ftp_w for day in DAYS] == [225, 225]
        assert hub.people.now(owner, "bike").thresholds.ftp_w == 225
        assert await ftp_w(web) == 225

    with_hub_itself(tmp_path, scene)


DAYS = ("2020-01-06", "2021-06-01")
IN_2021_MS = 1_622_505_600_000


def test_a_ride_measured_anew_says_what_its_rider_had(tmp_path: Path) -> None:
    """Recomputed since the year before, the test is measured by its own result."""

    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web, started_unix_ms=IN_2021_MS)
        before = (await web.get(path)).json()
        used = (await web.put(path, json={"ftp_w": 225, "since": "2020-01-06"})).json()
        ride: dict[str, int] = {}
        for _ in range(600):
            ride = (await web.get(path.removesuffix("/ftp"))).json()
            if ride["version"] == 2:
                break
            await asyncio.sleep(0.05)
        assert ride["ftp_w"] == 225
        after = (await web.get(path)).json()
        assert (before["was_w"], used["was_w"], after["was_w"]) == (250, 250, 250)
        assert after == used

    with_hub_itself(tmp_path, scene)


def test_who_keeps_what_was_is_not_asked_again(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        assert (await web.get(path)).json()["declined"] is False
        for _ in range(2):
            kept = await web.put(path, json={"ftp_w": 225, "decline": True})
            assert (kept.status_code, kept.json()["declined"]) == (200, True)
        assert await ftp_w(web) == 250
        await ridden(hub, web)  # built anew, with the same result
        assert (await web.get(path)).json()["declined"] is True
        both = await web.put(path, json={"ftp_w": 225, "decline": True, "since": "2020-01-06"})
        assert both.status_code == 400
        assert (await web.put(path, json={"ftp_w": 225})).json()["declined"] is False
        assert await ftp_w(web) == 225

    with_hub_itself(tmp_path, scene)


def test_another_result_is_another_question(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        assert (await web.put(path, json={"ftp_w": 225, "decline": True})).status_code == 200
        stronger = [(step, seconds, 1.1 * watts) for step, seconds, watts in TEST]
        ride = recorded(ramp(), stronger, athlete_id=hub.people.owner_id())
        await hub._store.activities.put([ride])
        said = (await web.get(path)).json()
        assert (said["ftp_w"], said["declined"]) == (248, False)
        late = await web.put(path, json={"ftp_w": 225, "decline": True})
        assert late.status_code == 409

    with_hub_itself(tmp_path, scene)


def test_what_cannot_be_used(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        other = await web.put(path, json={"ftp_w": 300})
        assert (other.status_code, "rebuilt" in other.json()["detail"]) == (409, True)
        for since in ("yesterday", "2999-01-01", "2020-1-6", "2020-02-30"):
            wrong = {"ftp_w": 225, "since": since}
            assert (await web.put(path, json=wrong)).status_code == 400
        assert (await web.put(path, json={})).status_code == 400
        demo = await ridden(hub, web, activity_id="demo", demo=True)
        assert (await web.get(demo)).json()["may_use"] is False
        assert (await web.put(demo, json={"ftp_w": 225})).status_code == 403
        assert await ftp_w(web) == 250

    with_hub_itself(tmp_path, scene)


def test_a_ride_that_was_no_test_and_one_that_is_nowhere(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        me = (await web.put("/api/me", json={"name": "Ada"})).json()
        free = recorded(None, [(None, 60, 200.0)], athlete_id=me["athlete"], activity_id="free")
        await hub._store.activities.put([free])
        for activity in ("free", "nowhere"):
            answer = await web.get(f"/api/activities/{activity}/ftp")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    with_hub_itself(tmp_path, scene)
