"""What the ride of an FTP test proposes, and using it, over a whole hub."""

from __future__ import annotations

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


def test_what_cannot_be_used(tmp_path: Path) -> None:
    async def scene(hub: Hub, web: httpx2.AsyncClient) -> None:
        path = await ridden(hub, web)
        other = await web.put(path, json={"ftp_w": 300})
        assert (other.status_code, "rebuilt" in other.json()["detail"]) == (409, True)
        for wrong in ({"ftp_w": 225, "since": "yesterday"}, {"ftp_w": 225, "since": "2999-01-01"}):
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
