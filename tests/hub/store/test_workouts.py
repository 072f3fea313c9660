"""Kept workouts, their versions, and thresholds by date, on a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Row, Select
from stores import with_store

from hub.core.errors import Conflict, NotFound
from hub.core.figures import Figures, Version
from hub.core.target import Thresholds, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.core.zone_schemes import Scheme, ZoneChoice
from hub.paths import database_path
from hub.store import migrations, workouts
from hub.store.database import Database
from hub.store.errors import Stale
from hub.store.store import Store
from hub.store.workouts import Place, SavedVersion

ONE = Workout("One", (Step("", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 0.9)),))
TWO = replace(ONE, name="Two")


def test_each_edit_is_a_version_and_the_earlier_ones_stay(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        book = store.workouts
        made = await book.create("ann", "w1", ONE, by="login", key="k1", now=5)
        assert made.place == Place("ann", "w1", 1)
        edited = await book.edit("w1", 1, TWO, by="login", key="k2", now=6)
        assert edited.place.version == 2
        assert (await book.get("w1")).workout == TWO
        assert (await book.get("w1", 1)).workout == ONE
        assert await book.versions(edited.place) == [SavedVersion(2, 6), SavedVersion(1, 5)]
        assert await book.newest() == [edited.place]
        assert [one.workout for one in await book.bodies([edited.place, Place("x", "y", 1)])] == [
            TWO
        ]
        with pytest.raises(Stale) as stale:
            await book.edit("w1", 1, ONE, by="login", key="k3", now=7)
        assert (stale.value.base, stale.value.newest) == (1, 2)
        for absent in (book.get("w1", 3), book.get("w2"), book.delete("w2", 8)):
            with pytest.raises(NotFound):
                await absent

    with_store(tmp_path, use)


def test_a_command_said_twice_is_carried_out_once(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        book = store.workouts
        both = [book.create("ann", name, ONE, by="login", key="k", now=5) for name in ("w1", "w2")]
        first, second = await asyncio.gather(*both)
        assert first == second
        assert len(await book.newest()) == 1
        again = [book.edit("w1", 1, TWO, by="login", key="e", now=6) for _ in range(3)]
        assert {one.place.version for one in await asyncio.gather(*again)} == {2}
        other = await book.create("ann", "w3", ONE, by="another login", key="k", now=7)
        assert other.place.workout_id == "w3"

    with_store(tmp_path, use)


def test_a_key_stands_for_one_command(tmp_path: Path) -> None:
    """Said for another workout it is a slip: nothing is changed, and it is told."""

    async def use(store: Store) -> None:
        book = store.workouts
        await book.create("ann", "w1", ONE, by="login", key="k1", now=5)
        await book.create("ann", "w2", ONE, by="login", key="k2", now=5)
        await book.edit("w1", 1, TWO, by="login", key="e", now=6)
        for said in (
            book.edit("w2", 1, TWO, by="login", key="e", now=7),
            book.edit("w2", 1, TWO, by="login", key="k1", now=7),
            book.edit("w2", 1, TWO, by="login", key="k2", now=7),
            book.create("ann", "w3", ONE, by="login", key="e", now=7),
        ):
            with pytest.raises(Conflict, match="key"):
                await said
        assert (await book.get("w2")).workout == ONE

    with_store(tmp_path, use)


def test_only_the_versions_that_are_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(store: Store) -> None:
        book = store.workouts
        places = []
        for name in ("w2", "w1", "w3"):
            made = await book.create("ann", name, ONE, by="login", key=name, now=5)
            for base in (1, 2, 3):
                made = await book.edit(name, base, TWO, by="login", key=f"{name}{base}", now=6)
            places.append(made.place)
        read: list[int] = []
        fetch = Database.fetch

        async def counted(self: Database, query: Select[Any]) -> Sequence[Row[Any]]:
            rows = await fetch(self, query)
            read.append(len(rows))
            return rows

        monkeypatch.setattr(Database, "fetch", counted)
        assert [one.place for one in await book.bodies(places)] == places
        assert sum(read) == len(places)
        # More than a statement of SQLite takes values.
        assert await book.bodies([Place("ann", f"x{n}", 1) for n in range(12_000)]) == []

    with_store(tmp_path, use)


def test_a_deleted_workout_is_gone_from_the_list_and_its_versions_stay(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        book = store.workouts
        made = await book.create("ann", "w1", ONE, by="login", key="k", now=5)
        await book.delete("w1", 9)
        assert await book.newest() == []
        for gone in (
            book.get("w1"),
            book.edit("w1", 1, TWO, by="login", key="e", now=6),
            book.delete("w1", 9),
        ):
            with pytest.raises(NotFound):
                await gone
        assert await book.versions(made.place) == [SavedVersion(1, 5)]

    with_store(tmp_path, use)


def test_the_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workouts, "WORKOUTS_MAX", 2)
    monkeypatch.setattr(workouts, "VERSIONS_MAX", 2)

    async def use(store: Store) -> None:
        book = store.workouts
        for name in ("w1", "w2"):
            await book.create("ann", name, ONE, by="login", key=name, now=5)
        with pytest.raises(Conflict, match="2 workouts already"):
            await book.create("ann", "w3", ONE, by="login", key="w3", now=5)
        await book.create("bob", "w3", ONE, by="login", key="w3", now=5)
        for base in (1, 2):
            made = await book.edit("w1", base, TWO, by="login", key=f"e{base}", now=6)
        assert [one.version for one in await book.versions(made.place)] == [3, 2]

    with_store(tmp_path, use)


# Thresholds

FIGURES = Figures(Thresholds(ftp_w=210, lthr_bpm=168), ZoneChoice(heart=Scheme.FRIEL))


def test_thresholds_by_date(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        book = store.thresholds
        march, january = Version("2026-03-01", FIGURES), Version("2026-01-10", Figures())
        for version in (march, january):
            await book.put("ann", "bike", version, by="login", now=5)
        assert await book.all() == {"ann": {"bike": [january, march]}}
        changed = Version("2026-03-01", Figures(Thresholds(weight_kg=61.5)))
        await book.put("ann", "bike", changed, by="login", now=6)
        await book.put("ann", "run", march, by="login", now=6)
        assert await book.all() == {"ann": {"bike": [january, changed], "run": [march]}}
        await book.remove("ann", "bike", "2026-01-10")
        await book.remove("ann", "run", "2026-03-01")
        assert await book.all() == {"ann": {"bike": [changed]}}

    with_store(tmp_path, use)


def test_what_an_older_hub_knew_counts_since_ever(tmp_path: Path) -> None:
    path = database_path(tmp_path)
    migrations.upgrade(path)
    with closing(sqlite3.connect(path)) as database, database:
        for table in ("thresholds", "workouts", "workout_versions", "heart_gains", "grants"):
            database.execute(f"DROP TABLE {table}")
        database.execute("ALTER TABLE activities DROP COLUMN declined_ftp_w")
        database.execute("UPDATE alembic_version SET version_num = '0003'")
        database.executemany(
            "INSERT INTO athletes VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [("ann", "Ann", 210, 0, 188, 61.5, 0, 1), ("sim", "Sim", 300, 0, 190, 70, 1, 0)],
        )

    async def use(store: Store) -> None:
        known = Thresholds(ftp_w=210, max_hr_bpm=188, weight_kg=61.5)
        since_ever = Version("1970-01-01", Figures(known))
        assert await store.thresholds.all() == {"ann": {"bike": [since_ever]}}

    with_store(tmp_path, use)
