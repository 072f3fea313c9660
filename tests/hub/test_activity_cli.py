"""`derny activity`, with a hub running on the same folder and without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import fitdecode
import pytest
from msgspec.structs import replace
from rides import DEVICES, bike, by_time, heart, log_of, session_of
from stores import flip_a_bit, opened
from typer.testing import CliRunner

from hub.activity import Recorded, build, ride_of
from hub.activity_cli import app
from hub.core.errors import ConfigError, NotFound, UserError
from hub.journal_port import JournalEntry, PlacedReading

CLI = CliRunner()


def made(session_id: str, *, demo: bool = False, started: int = 0) -> Recorded:
    log = log_of()
    ride = ride_of(session_of(log), log, "ann")
    assert ride is not None
    readings = by_time(heart(range(210)), bike(range(210)))
    recorded = build(replace(ride, session_id=session_id, demo=demo), readings, DEVICES)
    activity = replace(recorded.activity, started_unix_ms=1_700_000_000_000 + started)
    return Recorded(activity, recorded.streams)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("DERNY_DATA", str(folder))
    return folder


def store(data: Path, *rides: Recorded) -> None:
    async def main() -> None:
        async with opened(data) as hub:
            await hub.activities.put(rides)

    asyncio.run(main())


def run(*arguments: str) -> str:
    """Its output; errors of ours come through, as `derny` prints them."""
    result = CLI.invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_new_folder_has_no_rides(data: Path) -> None:
    assert "No rides yet" in run("list")
    assert json.loads(run("list", "--json")) == []
    with pytest.raises(NotFound, match="no rides yet"):
        run("export", "latest", str(data / "ride.fit"))


def test_the_list_marks_simulated_rides(data: Path) -> None:
    store(data, made("a"), made("b", demo=True, started=5_000))
    table = run("list")
    assert "Tuesday" in table and "200 W" in table and "0:03:30" in table and "demo" in table
    newest, other = json.loads(run("list", "--json"))
    assert (newest["demo"], other["demo"]) == (True, False)
    assert other["average_power_w"] == 200
    assert other["started"] == "2023-11-14T22:13:20+00:00"


def test_a_ride_is_exported_beside_a_running_hub(data: Path, tmp_path: Path) -> None:
    mine = made("a")
    store(data, mine)
    file = tmp_path / "ride.fit"

    async def main() -> None:
        async with opened(data) as hub:
            await asyncio.to_thread(run, "export", mine.activity.activity_id, str(file))
            await hub.activities.edit(mine.activity.activity_id, note="the hub still writes")

    asyncio.run(main())
    with fitdecode.FitReader(str(file)) as reader:
        frames = [each for each in reader if isinstance(each, fitdecode.FitDataMessage)]
    records = [each for each in frames if each.name == "record"]
    assert len(records) == 210
    assert {each.get_value("power") for each in records} == {200}
    assert sum(each.name == "lap" for each in frames) == 4


def test_latest_is_the_newest_that_is_no_demo(data: Path, tmp_path: Path) -> None:
    store(data, replace_title(made("a"), "Mine"), made("b", demo=True, started=5_000))
    assert "Mine" in run("export", "latest", str(tmp_path / "a.fit"))


def replace_title(ride: Recorded, title: str) -> Recorded:
    return Recorded(replace(ride.activity, title=title), ride.streams)


def test_latest_takes_a_demo_when_there_is_nothing_else(data: Path, tmp_path: Path) -> None:
    store(data, made("b", demo=True))
    assert "(demo)" in run("export", "latest", str(tmp_path / "a.fit"))


def test_an_unknown_id_is_named(data: Path, tmp_path: Path) -> None:
    store(data, made("a"))
    with pytest.raises(NotFound, match="no activity 'nothing'"):
        run("export", "nothing", str(tmp_path / "a.fit"))
    assert not (tmp_path / "a.fit").exists()


def test_a_file_is_replaced_only_when_asked(data: Path, tmp_path: Path) -> None:
    store(data, made("a"))
    file = tmp_path / "a.fit"
    file.write_text("my only copy")
    with pytest.raises(UserError, match="--force"):
        run("export", "latest", str(file))
    assert file.read_text() == "my only copy"
    run("export", "latest", str(file), "--force")
    assert file.read_bytes()[8:12] == b".FIT"
    assert list(tmp_path.glob("*.part")) == []


def test_a_file_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    store(data, made("a"))
    with pytest.raises(ConfigError, match="nowhere"):
        run("export", "latest", str(tmp_path / "nowhere" / "a.fit"))


def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one(data: Path, tmp_path: Path) -> None:
    one = made("a")
    short = one.activity.activity_id[:10]
    store(data, one, made("b"))
    assert one.activity.activity_id in run("list")
    run("export", short, str(tmp_path / "a.fit"))
    with pytest.raises(NotFound):
        run("export", short[:2], str(tmp_path / "b.fit"))
    with pytest.raises(NotFound):
        run("export", "%%%%%", str(tmp_path / "b.fit"))


def test_a_title_is_text_and_no_markup(data: Path) -> None:
    store(data, replace_title(made("a"), "[red]3x10[/red]"))
    assert "[red]3x10[/red]" in run("list")


def test_check_names_the_rides_that_are_damaged(data: Path) -> None:
    assert run("check") == "All rides are whole.\n"
    ride = made("s1")
    store(data, ride, made("s2", started=1))
    assert run("check") == "All rides are whole.\n"

    async def readings() -> None:
        async with opened(data) as hub:
            await hub.assignments.assign("strap", "ann", 0)
            told = tuple(PlacedReading(said, at_ms, False) for at_ms, said in heart(range(210)))
            await hub.journal.append(JournalEntry("pi", "e", "boot", 1, len(told), told))
            await hub.journal.fold()

    asyncio.run(readings())
    assert run("check") == "All rides are whole.\n"
    flip_a_bit(data, "stream_chunks", "ann")
    damaged = CLI.invoke(app, ["check"])
    assert damaged.exit_code == 1
    assert damaged.output.count("\n") == 1 and "the ride is damaged, and 0 of 1" in damaged.output
    flip_a_bit(data, "stream_chunks", "ann")
    flip_a_bit(data, "raw_chunks", "ann")
    damaged = CLI.invoke(app, ["check"])
    assert damaged.exit_code == 1
    assert f"{ride.activity.activity_id}  Tuesday: 1 of 1 chunks of readings are" in damaged.output
