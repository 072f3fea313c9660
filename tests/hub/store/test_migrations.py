"""The file is made, upgraded after a copy, or refused; it is never half of anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from hub.core.errors import ConfigError
from hub.store import migrations
from hub.store.database import Reader
from hub.store.errors import NewerDatabase, Unusable
from hub.store.migrations import HEAD, REVISIONS, current_revision, upgrade
from hub.store.schema import metadata


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
