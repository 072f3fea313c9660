"""The file is made, upgraded after a copy, or refused; it is never half of anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from stores import with_store

from hub.core.errors import ConfigError
from hub.core.target import FreeRide, Unit, aim
from hub.live import inputs
from hub.live.session import fold
from hub.paths import database_path
from hub.store import migrations
from hub.store.database import Reader
from hub.store.errors import NewerDatabase, Unusable
from hub.store.migrations import HEAD, REVISIONS, current_revision, upgrade
from hub.store.rows import Bike
from hub.store.schema import metadata
from hub.store.store import Store


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_an_absent_file_is_made_private_and_at_the_newest_revision(tmp_path: Path) -> None:
    path = tmp_path / "derny.db"
    upgrade(path)
    assert current_revision(path) == HEAD
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob("*.before-*")) == []


def test_the_revisions_together_make_the_schema(tmp_path: Path) -> None:
    upgrade(tmp_path / "derny.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'derny.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_list_of_revisions_is_that_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert [each.revision for each in reversed(list(script.walk_revisions()))] == list(REVISIONS)


def test_an_up_to_date_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "derny.db"
    upgrade(path)
    before = path.read_bytes()
    upgrade(path)
    assert path.read_bytes() == before


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "derny.db"
    upgrade(path)
    set_revision(path, "9999")
    before = path.read_bytes()
    with pytest.raises(NewerDatabase) as refused:
        upgrade(path)
    assert str(path) in str(refused.value)
    assert "update Derny" in str(refused.value)
    assert path.read_bytes() == before
    with pytest.raises(NewerDatabase):
        Reader.open(path)


def test_an_upgrade_that_fails_leaves_the_old_file_and_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "derny.db"
    upgrade(path)
    set_revision(path, "0000")  # known by name, but nothing leads on from it
    monkeypatch.setattr(migrations, "REVISIONS", ("0000", *REVISIONS))
    with pytest.raises(Exception, match="0000"):
        upgrade(path)
    assert current_revision(path) == "0000"
    assert current_revision(tmp_path / "derny.db.before-0000") == "0000"
    with pytest.raises(ConfigError, match="derny up"):
        Reader.open(path)


def test_what_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "derny.db"
    path.write_bytes(b"a shopping list, not a database at all" * 100)
    with pytest.raises(ConfigError, match="derny.db"):
        upgrade(path)
    assert path.read_bytes().startswith(b"a shopping list")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "derny.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(ConfigError, match="no database of Derny"):
        upgrade(path)


@pytest.mark.parametrize("folder", ["with spaces", "what? 100%20 #1 ü", "a&mode=ro"])
def test_any_name_of_a_folder_is_taken_as_it_stands(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    upgrade(tmp_path / folder / "derny.db")
    assert current_revision(tmp_path / folder / "derny.db") == HEAD
    assert [each.name for each in tmp_path.iterdir()] == [folder]


def test_what_cannot_be_opened_is_not_called_a_foreign_file(tmp_path: Path) -> None:
    (tmp_path / "derny.db").mkdir()
    with pytest.raises(Unusable, match=r"derny\.db: cannot be used: .* - look at its owner"):
        upgrade(tmp_path / "derny.db")


def test_a_copy_that_finds_no_room_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "derny.db"
    upgrade(path)
    set_revision(path, "0000")
    monkeypatch.setattr(migrations, "REVISIONS", ("0000", *REVISIONS))
    (tmp_path / "derny.db.before-0000").mkdir()
    with pytest.raises(Unusable):
        upgrade(path)
    assert current_revision(path) == "0000"


# As the first revision stored them: a warm-up from 50 to 75 % of FTP, and a step at 90 %.
STEPS = (
    '[{"name":"Wärmen","kind":"warmup","until":{"t":"time","duration_ms":60000},'
    '"target":{"t":"ftp","begin":0.5,"end":0.75},"texts":[{"offset_ms":0,"text":"ftp"}]},'
    '{"name":"Hold","kind":"work","until":{"t":"lap"},"target":{"t":"ftp","begin":0.9,"end":0.9}},'
    '{"name":"Roll","kind":"free","until":{"t":"lap"},"target":{"t":"free"}}]'
)
WORKOUT = f'{{"name":"Old","steps":{STEPS}}}'
CREATE = (
    '{"at_ms":5,"input":{"t":"create","session":"s","title":"Old","epoch":"e",'
    f'"workout_id":"w","workout":{WORKOUT}}},"by":"login"}}'
)
JOIN = '{"at_ms":5,"input":{"t":"join","rider":{"athlete":"ann","name":"Ann"}},"by":"login"}'
START = '{"at_ms":6,"input":{"t":"start"},"by":"login","key":"k"}'
RECORD = (
    '{"activity_id":"r","session_id":"s","athlete_id":"ann","title":"Old","started_at_ms":5,'
    '"ended_at_ms":9,"started_unix_ms":5,"elapsed_s":4,"riding_s":4,"moving_s":4,'
    f'"end_cause":"stop","ftp_w":210,"workout":{WORKOUT}}}'
)


def put(database: sqlite3.Connection, table: str, **row: object) -> None:
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def at_first_revision(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an athlete, a strap and a trainer of theirs, an open session and a ride."""
    to_revision = command.upgrade
    with monkeypatch.context() as older:
        older.setattr(command, "upgrade", lambda config, _: to_revision(config, "0001"))
        upgrade(path)
    with closing(sqlite3.connect(path)) as made, made:
        put(
            made,
            "athletes",
            athlete_id="ann",
            name="Ann",
            ftp_w=210,
            ftp_assumed=0,
            demo=0,
            owner=1,
        )
        for sensor_id in ("kickr", "strap"):
            put(made, "leases", sensor_id=sensor_id, lease=7)
            put(
                made, "assignments", athlete_id="ann", sensor_id=sensor_id, from_ms=5, lease=7,
                gateway="pi",
            )  # fmt: skip
        put(
            made, "sessions", owner_id="ann", session_id="s", title="Old", workout_id="w",
            workout=WORKOUT.encode(), athletes=b'["ann"]', demo=0, created_ms=5, status="open",
        )  # fmt: skip
        for offset, body in enumerate((CREATE, JOIN, START), start=1):
            put(
                made, "session_log", session_id="s", offset=offset, kind="input", at_ms=5,
                body=body.encode(),
            )  # fmt: skip
        put(
            made, "activities", athlete_id="ann", activity_id="r", session_id="s", started_at_ms=5,
            ended_at_ms=9, started_unix_ms=5, version=1, demo=0, saved=1, title="Old", note="",
            record=RECORD.encode(),
        )  # fmt: skip


def test_what_the_first_revision_stored_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_first_revision(database_path(tmp_path), monkeypatch)
    warm_up, hold = aim(Unit.FTP, 0.5, 0.75), aim(Unit.FTP, 0.9)

    async def use(store: Store) -> None:
        (ann,) = await store.athletes.list()
        assert (ann.name, ann.ftp_w, ann.owner, ann.guest) == ("Ann", 210, True, False)
        held = await store.assignments.current()
        assert [(one.sensor_id, one.lease) for one in held] == [("kickr", 7), ("strap", 7)]
        moved = await store.assignments.hold("kickr", "other")
        assert moved.lease == 8
        log = [inputs.decode(entry.body) for entry in await store.sessions.log("s")]
        session = fold(log)
        assert session is not None
        ride = await store.activities.get("r")
        assert (ride.rider_ftp_w, ride.declined_ftp_w) == (210, None)
        for workout in (session.workout, ride.workout):
            assert workout is not None
            assert [step.target for step in workout.steps] == [warm_up, hold, FreeRide()]
            assert workout.steps[0].name == "Wärmen" and workout.steps[0].texts[0].text == "ftp"
        bike = Bike(bike_id="b", name="Bike 1", code="c", sensors=("kickr",))
        await store.bikes.put(bike)
        assert await store.bikes.list() == [bike]

    with_store(tmp_path, use)
