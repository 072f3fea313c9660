"""Bringing a database file to the schema of this program. The caller holds the data lock.

A new revision is a file in `versions/`, named in REVISIONS; the tests say when it is missing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError

from hub.core.errors import ConfigError
from hub.store.errors import NewerDatabase, Unusable

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")  # oldest first
HEAD = REVISIONS[-1]
COPIES_MAX = 3  # of the file, from before upgrades; the oldest goes

log = structlog.get_logger(__name__)


def upgrade(path: Path) -> None:
    """Make or upgrade the file at `path`, in one transaction, after copying an existing one.

    Raises NewerDatabase, Unusable, or ConfigError when the file is no database; then nothing is
    changed.
    """
    revision = current_revision(path)
    if revision == HEAD:
        return
    if revision is not None and revision not in REVISIONS:
        raise NewerDatabase(path, revision)
    try:
        if revision is not None:
            log.info("upgrading the database", copy=str(_copy(path, revision)), to=HEAD)
        _run_alembic(path)
    except (OSError, sqlite3.Error, OperationalError) as error:
        raise Unusable(path, error) from None


def check_current(path: Path) -> None:
    """For who only reads. Raises NewerDatabase, or ConfigError when an upgrade is due."""
    revision = current_revision(path)
    if revision == HEAD:
        return
    if revision in (None, *REVISIONS):
        raise ConfigError(
            str(path),
            "",
            "is of an older Derny",
            remedy="run `derny up` once, it upgrades the file",
        )
    raise NewerDatabase(path, str(revision))


def current_revision(path: Path) -> str | None:
    """None for an absent or empty file.

    Raises ConfigError when it is no database of ours, Unusable when it cannot be read at all.
    """
    if not path.exists():
        return None
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if not tables:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise Unusable(path, error) from None
        raise ConfigError(
            str(path), "", f"is no database of Derny: {error}", remedy="move it away"
        ) from None
    return None if row is None else str(row[0])


def _copy(path: Path, revision: str) -> Path:
    """A consistent copy, with what is still in the write-ahead log."""
    copy = path.with_name(f"{path.name}.before-{revision}")
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.chmod(0o600)
    copies = sorted(path.parent.glob(f"{path.name}.before-*"), key=lambda p: p.stat().st_mtime_ns)
    for old in copies[:-COPIES_MAX]:
        old.unlink()
    return copy


def _run_alembic(path: Path) -> None:
    # Imported here: a hub whose database is up to date starts without Alembic (0.2 s on a Pi).
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import URL, create_engine

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    path.touch(mode=0o600)
    # AUTOCOMMIT, so that our BEGIN stands and a failed revision leaves nothing behind.
    url = URL.create("sqlite", database=str(path))  # as it stands: a "?" belongs to the name
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
