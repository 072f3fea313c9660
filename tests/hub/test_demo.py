from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub import demo
from hub.assets import config_dir
from hub.core.errors import ConfigError
from hub.demo import DemoRoom
from hub.store.errors import DiskFull
from hub.store.rows import Athlete

STUDIO = config_dir() / "scenarios" / "studio-6.toml"
NOBODY: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("no toml at all", ""),
        ("seed = 1\n", ""),
        ("[[riders]]\nname = 'Mara'\n", "riders[0]"),
        ("riders = 3\n", "riders"),
    ],
)
def test_a_scenario_that_does_not_name_its_riders_is_refused(
    tmp_path: Path, text: str, key: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml") as caught:
        DemoRoom(path, NOBODY, NOBODY, NOBODY)
    assert caught.value.key == key and caught.value.remedy


def test_a_full_disk_only_keeps_the_riders_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "LOOK_S", 0.001)

    async def scene() -> None:
        came: list[str] = []
        tries = 0
        all_there = asyncio.Event()

        async def store(athlete: Athlete) -> Athlete:
            nonlocal tries
            tries += 1
            if tries % 2:
                raise DiskFull
            came.append(athlete.name)
            return athlete

        def sensors_view(principal: object) -> Any:
            all_there.set()
            return SimpleNamespace(sensors=())

        live: Any = SimpleNamespace(
            sensors_view=sensors_view,
            open_sessions=lambda principal: [SimpleNamespace(demo=True)],
        )
        people: Any = SimpleNamespace(store=store)
        room = asyncio.create_task(DemoRoom(STUDIO, people, live, NOBODY).run())
        await asyncio.wait_for(all_there.wait(), 60)
        room.cancel()
        await asyncio.gather(room, return_exceptions=True)
        assert len(came) == len(set(came)) == tries // 2 > 1

    asyncio.run(scene())
