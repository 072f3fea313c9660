"""Sharing over HTTP, on a store of its own."""

from __future__ import annotations

from pathlib import Path

import httpx2
from hub_over_http import with_hub


def test_an_owner_shares_looks_and_takes_back(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        me = {"name": "Ann", "ftp_w": 200}
        athlete = (await web.put("/api/me", json=me)).json()["athlete"]
        grants = f"/api/athletes/{athlete}/grants"
        assert (await web.get(grants)).json() == []
        said = {"parts": ["weight_kg", "power_w", "power_w"]}
        assert (await web.put(f"{grants}/role:coach", json=said)).status_code == 204
        assert (await web.get(grants)).json() == [
            {
                "athlete_id": athlete,
                "grantee": "role:coach",
                "parts": ["power_w", "weight_kg"],
                "until_ms": None,
            }
        ]
        assert (await web.delete(f"{grants}/role:coach")).status_code == 204
        assert (await web.delete(f"{grants}/role:coach")).status_code == 204
        assert (await web.get(grants)).json() == []

    with_hub(tmp_path, scene)


def test_what_is_no_grant_is_said(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        athlete = (await web.put("/api/me", json={"name": "Ann"})).json()["athlete"]
        grants = f"/api/athletes/{athlete}/grants"
        for path, body, status in (
            (f"{grants}/role:owner", {"parts": ["power_w"]}, 400),
            (f"{grants}/role:coach", {"parts": ["blood_pressure"]}, 400),
            (f"{grants}/role:coach", {"parts": []}, 400),
            (f"{grants}/athlete:nobody", {"parts": ["power_w"]}, 404),
            ("/api/athletes/nobody/grants/role:coach", {"parts": ["power_w"]}, 404),
        ):
            answer = await web.put(path, json=body)
            assert (answer.status_code, "detail" in answer.json()) == (status, True)

    with_hub(tmp_path, scene)


def test_grants_are_kept(tmp_path: Path) -> None:
    made: list[str] = []

    async def share(web: httpx2.AsyncClient) -> None:
        made.append((await web.put("/api/me", json={"name": "Ann"})).json()["athlete"])
        path = f"/api/athletes/{made[0]}/grants/role:display"
        assert (await web.put(path, json={"parts": ["power_w"]})).status_code == 204

    async def look(web: httpx2.AsyncClient) -> None:
        (grant,) = (await web.get(f"/api/athletes/{made[0]}/grants")).json()
        assert grant["grantee"] == "role:display"

    with_hub(tmp_path, share)
    with_hub(tmp_path, look)
