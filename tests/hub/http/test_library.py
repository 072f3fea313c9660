"""The library by its routes: a whole hub in this process."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hub_over_http import with_hub

from hub.auth.principal import Principal, Role
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, UntilLap, Workout
from hub.http import library as routes
from hub.library import library as rules
from hub.library.card import card

ME = {"name": "Ada", "ftp_w": 200, "max_hr_bpm": 190}
STEPS = (
    Step("Warm-up", StepKind.WARMUP, ForDuration(600_000), aim(Unit.FTP, 0.5, 0.7)),
    Step("Hold", StepKind.WORK, ForDuration(1_200_000), aim(Unit.FTP, 0.9)),
    Step("By heart", StepKind.WORK, ForDuration(300_000), aim(Unit.MAX_HR, 0.8)),
    Step("By threshold heart rate", StepKind.WORK, ForDuration(300_000), aim(Unit.LTHR, 0.8)),
)
MINE: dict[str, Any] = json.loads(
    msgspec.json.encode(Workout("Évening hold", STEPS, "twenty minutes"))
)
ZWO = b"""<workout_file><name>Up</name><workout>
<SteadyState Duration="600" Power="0.8"/>
<Dance Duration="60"/>
</workout></workout_file>"""


def what(step: dict[str, Any]) -> tuple[Any, Any]:
    return step["until"], step["target"]


async def keep(web: httpx2.AsyncClient, key: str = "k", **changes: Any) -> dict[str, Any]:
    answer = await web.post("/api/library", json={"key": key, "workout": MINE | changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_what_came_with_the_hub_is_listed_and_shown(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        found = (await web.get("/api/library")).json()
        assert found["total"] == len(found["workouts"]) >= 6
        first = next(one for one in found["workouts"] if one["workout"] == "first-ride")
        assert first["duration_ms"] == sum(phase["duration_ms"] for phase in first["phases"])
        assert (first["origin"], first["editable"], first["version"]) == ("derny", False, 1)
        shown = (await web.get("/api/library/first-ride")).json()
        assert first.items() <= shown.items()
        assert len(shown["content"]["steps"]) == first["steps"]
        for change in (
            web.put("/api/library/first-ride", json={"key": "k", "base": 1, "workout": MINE}),
            web.delete("/api/library/first-ride"),
        ):
            answer = await change
            assert answer.status_code == 409 and "keep a copy" in answer.json()["detail"]

    with_hub(tmp_path, scene)


def test_ours_train_what_they_are_named_after(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        cards = (await web.get("/api/library")).json()["workouts"]
        named = 0
        for name in ("anaerobic", "endurance", "sweet-spot", "tempo", "threshold", "vo2max"):
            focuses = {one["focus"] for one in cards if one["workout"].startswith(name)}
            assert focuses <= {name.replace("-", "_")}, name
            named += bool(focuses)
        assert named >= 4

    with_hub(tmp_path, scene)


def test_files_in_the_data_folder_are_listed_in_any_format(tmp_path: Path) -> None:
    folder = tmp_path / "workouts"
    folder.mkdir()
    (folder / "up.zwo").write_bytes(ZWO)
    (folder / "first-ride.zwo").write_bytes(ZWO)
    (folder / "own.toml").write_text('name = "Own"\n[[steps]]\nwork = "5 min"\ntarget = "90 %"\n')
    (folder / "broken.zwo").write_bytes(b"no workout")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / os.fsdecode(b"no\xfftext.zwo")).write_bytes(ZWO)  # an id that no answer could hold

    async def scene(web: httpx2.AsyncClient) -> None:
        cards = (await web.get("/api/library")).json()["workouts"]
        own = {one["workout"]: one["title"] for one in cards if one["origin"] == "folder"}
        assert own == {"up": "Up", "first-ride": "Up", "own": "Own"}
        session = await web.put("/api/me", json=ME)
        session = await web.post("/api/sessions", json={"workout": "own"})
        assert session.status_code == 201 and session.json()["title"] == "Own"

    with_hub(tmp_path, scene)


def test_keeping_changing_and_deleting(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        await web.put("/api/me", json=ME)
        made = await keep(web)
        one = f"/api/library/{made['workout']}"
        assert (made["title"], made["origin"], made["editable"]) == ("Évening hold", "house", True)
        assert made["content"] == MINE
        assert (await keep(web))["workout"] == made["workout"]  # the same key makes no second one

        session = (await web.post("/api/sessions", json={"workout": made["workout"]})).json()
        edit = {"key": "e1", "base": 1, "workout": MINE | {"name": "Hold longer"}}
        assert (await web.put(one, json=edit)).json()["version"] == 2
        again = await web.put(one, json=edit)
        assert again.status_code == 200 and again.json()["version"] == 2
        shown = (await web.get(one)).json()
        assert shown["title"] == "Hold longer"
        assert [each["version"] for each in shown["versions"]] == [2, 1]
        first = (await web.get(f"{one}?version=1")).json()
        assert first["title"] == "Évening hold"
        # What is ridden is what was chosen.
        path = f"/api/sessions/{session['session']}"
        assert (await web.get(path)).json()["title"] == "Évening hold"

        steps = [*MINE["steps"][:1], MINE["steps"][1] | {"name": "Less"}]
        late = {"key": "e2", "base": 1, "workout": MINE | {"steps": steps}}
        stale = await web.put(one, json=late)
        assert stale.status_code == 409
        body = stale.json()
        assert (body["code"], body["version"], body["changed"]) == ("stale", 2, ["name"])

        assert (await web.delete(one)).status_code == 204
        assert (await web.delete(one)).status_code == 404
        assert (await web.get(one)).status_code == 404
        listed = (await web.get("/api/library")).json()["workouts"]
        assert made["workout"] not in [each["workout"] for each in listed]
        assert (await web.get(path)).status_code == 200

    with_hub(tmp_path, scene)


def test_of_two_who_change_it_at_once_one_is_told(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        made = await keep(web)
        one = f"/api/library/{made['workout']}"
        edits = [
            web.put(one, json={"key": f"e{i}", "base": 1, "workout": MINE | {"name": f"N{i}"}})
            for i in range(5)
        ]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*edits))
        assert statuses == [200, 409, 409, 409, 409]

    with_hub(tmp_path, scene)


def step_with(**changes: Any) -> dict[str, Any]:
    return {"steps": [MINE["steps"][0] | changes]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "has a name"),
        ({"name": "x" * 201}, "200 characters"),
        ({"sport": "swim"}, "sport is one of bike"),
        ({"steps": []}, "1 to 1000 steps"),
        ({"steps": [{"name": ""}]}, "steps"),
        ({"description": "x" * 5001}, "5000 characters"),
        (step_with(cadence={"low_rpm": 95, "high_rpm": 85}), "low before high"),
        (step_with(texts=[{"offset_ms": 90_000_000, "text": "late"}]), "within a day"),
    ],
)
def test_what_is_no_workout_is_not_kept(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        answer = await web.post("/api/library", json={"key": "k", "workout": MINE | change})
        assert answer.status_code == 400 and says in answer.json()["detail"]

    with_hub(tmp_path, scene)


def test_a_file_is_taken_with_its_doubts(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        answer = await web.post("/api/library/upload?file=up.zwo&key=k", content=ZWO)
        assert answer.status_code == 201
        body = answer.json()
        assert body["title"] == "Up" and body["steps"] == 2
        assert [warning["line"] for warning in body["warnings"]] == [3]
        again = await web.post("/api/library/upload?file=up.zwo&key=k", content=ZWO)
        assert again.json()["workout"] == body["workout"]
        for content, says in (
            (b"", "empty"),
            (b"x" * ((1 << 20) + 1), "more than 1048576 bytes"),
            (b"\x00\xff nonsense", "workout"),
        ):
            wrong = await web.post("/api/library/upload?file=x&key=k2", content=content)
            assert wrong.status_code == 422 and says in wrong.json()["detail"], content[:20]
            assert wrong.json()["code"] == "unreadable"
        assert (await web.post("/api/library/upload?file=x", content=ZWO)).status_code == 400

    with_hub(tmp_path, scene)


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("q=evening+HOLD", True),
        ("q=twenty", True),
        ("q=evening+nothing", False),
        ("sport=run", False),
        ("sport=bike&focus=sweet_spot", True),
        ("focus=vo2max", False),
        ("min_minutes=40&max_minutes=40", True),
        ("max_minutes=39", False),
        ("min_minutes=41", False),
    ],
)
def test_search(tmp_path: Path, query: str, finds: bool) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        made = await keep(web)
        found = (await web.get(f"/api/library?{query}")).json()
        assert (made["workout"] in [one["workout"] for one in found["workouts"]]) is finds

    with_hub(tmp_path, scene)


def test_a_page_of_the_list_and_a_wrong_question(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        whole = (await web.get("/api/library")).json()
        page = (await web.get("/api/library?offset=2&limit=3")).json()
        assert page == {"total": whole["total"], "workouts": whole["workouts"][2:5]}
        for wrong in ("limit=0", "focus=dance", "color=red"):
            assert (await web.get(f"/api/library?{wrong}")).status_code == 400
        open_end = MINE | {"steps": [{**MINE["steps"][0], "until": {"t": "lap"}}]}
        await web.post("/api/library", json={"key": "o", "workout": open_end})
        found = (await web.get("/api/library?max_minutes=600&q=evening")).json()
        assert found["total"] == 0

    with_hub(tmp_path, scene)


def test_a_preview_is_in_the_athletes_own_figures(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        made = await keep(web)
        one = f"/api/library/{made['workout']}/preview"
        nobody = (await web.get(one)).json()
        assert {step["dimension"] for step in nobody["steps"]} == {"unknown"}
        athlete = (await web.put("/api/me", json=ME)).json()["athlete"]
        plan = (await web.get(one)).json()
        assert (plan["athlete"], plan["thresholds"]["ftp_w"]) == (athlete, 200)
        warm, hold, heart, lthr = plan["steps"]
        assert (warm["begin"], warm["end"]) == ([100.0, 100.0], [140.0, 140.0])
        assert (hold["dimension"], hold["begin"]) == ("power_w", [180.0, 180.0])
        assert (heart["dimension"], heart["begin"]) == ("heart_rate_bpm", [152.0, 152.0])
        assert (lthr["begin"], lthr["certain"]) == ([136.8, 136.8], False)  # of 90 % of 190
        assert plan["work_kj"] == 288.0 and plan["partial"]
        harder = (await web.get(f"{one}?trim_pct=110&athlete={athlete}")).json()
        assert harder["steps"][1]["begin"] == [198.0, 198.0]
        assert harder["steps"][2]["begin"] == [152.0, 152.0]
        assert harder["training_load"] > plan["training_load"]
        assert (await web.get(f"{one}?trim_pct=400")).status_code == 400
        assert (await web.get(f"{one}?athlete=nobody")).status_code == 404

    with_hub(tmp_path, scene)


def test_files_to_take_elsewhere_and_what_they_would_lose(tmp_path: Path) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        made = await keep(web)
        one = f"/api/library/{made['workout']}"
        formats = (await web.get(f"{one}/formats")).json()
        assert "toml" in [each["format"] for each in formats]
        for each in formats:
            file = await web.get(f"{one}/file?format={each['format']}")
            assert file.status_code == (400 if each["problem"] else 200), each
            if each["problem"]:
                continue
            named = f'filename="evening-hold.{each["extension"]}"'
            assert named in file.headers["content-disposition"]
            back = await web.post(
                f"/api/library/upload?file=x.{each['extension']}&key={each['format']}",
                content=file.content,
            )
            assert back.status_code == 201, each
            if not each["lost"]:
                steps = back.json()["content"]["steps"]
                assert [what(step) for step in steps] == [what(step) for step in MINE["steps"]]
        assert (await web.get(f"{one}/file?format=docx")).status_code == 400
        assert (await web.get(f"{one}/file")).status_code == 400

    with_hub(tmp_path, scene)


# Who may

OWN, OTHERS = Principal("la", Role.ATHLETE, "ada"), Principal("lb", Role.ATHLETE, "bob")
COACH, VIEWER = Principal("lc", Role.COACH, "cat"), Principal("lv", Role.VIEWER)
OWNER = Principal("lo", Role.OWNER, "own")


@pytest.mark.parametrize(
    ("keeper", "asker", "sees", "edits"),
    [
        (OWN, OWN, True, True),
        (OWN, OTHERS, False, False),
        (OWN, COACH, False, False),
        (OWN, OWNER, True, True),
        (COACH, OWN, True, False),
        (COACH, COACH, True, True),
        (OWNER, COACH, True, True),
        (OWNER, OTHERS, True, False),
    ],
)
def test_whose_workouts_are_whose(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keeper: Principal,
    asker: Principal,
    sees: bool,
    edits: bool,
) -> None:
    """What one may not know of is as absent as what never was."""

    async def scene(web: httpx2.AsyncClient) -> None:
        monkeypatch.setattr(routes, "principal_of", lambda request: keeper)
        made = await keep(web)
        one = f"/api/library/{made['workout']}"
        monkeypatch.setattr(routes, "principal_of", lambda request: asker)
        listed = (await web.get("/api/library")).json()["workouts"]
        mine = [one for one in listed if one["workout"] == made["workout"]]
        assert [one["editable"] for one in mine] == ([edits] if sees else [])
        absent = await web.get("/api/library/01J00000000000000000000000")
        assert absent.status_code == 404
        shown = await web.get(one)
        assert shown.status_code == (200 if sees else 404)
        change = {"key": "e", "base": 1, "workout": MINE}
        refused = 403 if sees else 404
        assert (await web.put(one, json=change)).status_code == (200 if edits else refused)
        assert (await web.delete(one)).status_code == (204 if edits else refused)

    with_hub(tmp_path, scene)


def test_a_viewer_has_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(web: httpx2.AsyncClient) -> None:
        monkeypatch.setattr(routes, "principal_of", lambda request: VIEWER)
        for answer in (
            await web.get("/api/library"),
            await web.get("/api/library/first-ride"),
            await web.post("/api/library", json={"key": "k", "workout": MINE}),
        ):
            assert answer.status_code == 403

    with_hub(tmp_path, scene)


def test_a_list_longer_than_what_is_remembered_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "CARDS_MAX", 1)

    async def scene(web: httpx2.AsyncClient) -> None:
        made = [(await keep(web, f"k{i}", name=f"W{i}"))["workout"] for i in range(3)]
        for _ in range(2):
            listed = (await web.get("/api/library")).json()["workouts"]
            assert [one["workout"] for one in listed][-3:] == made

    with_hub(tmp_path, scene)


def test_a_long_workout_is_added_up_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The curve of a hundred hours takes tens of milliseconds: the loop has intervals to change."""
    made_in: set[int] = set()

    def noted(*args: Any) -> Any:
        made_in.add(threading.get_ident())
        return card(*args)

    monkeypatch.setattr(rules, "card", noted)

    async def scene(web: httpx2.AsyncClient) -> None:
        one = f"/api/library/{(await keep(web))['workout']}"
        for path in (one, "/api/library"):
            assert (await web.get(path)).status_code == 200
        assert made_in and threading.get_ident() not in made_in

    with_hub(tmp_path, scene)


def test_a_picture_has_a_bound(tmp_path: Path) -> None:
    lap = Step("", StepKind.WORK, UntilLap(), aim(Unit.FTP, 0.9))
    many = (*STEPS[:1], *(STEPS[1],) * 900, *(lap,) * 99)

    async def scene(web: httpx2.AsyncClient) -> None:
        made = await keep(web, steps=msgspec.to_builtins(many))
        assert made["steps"] == 1000 and len(made["phases"]) == 200
        assert made["phases"][0]["effort"] == [0.5, 0.9]  # five steps as one
        assert made["phases"][1]["duration_ms"] == 5 * 1_200_000
        assert made["phases"][-1]["duration_ms"] is None

    with_hub(tmp_path, scene)
