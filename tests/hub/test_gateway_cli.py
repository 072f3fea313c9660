"""`derny gateway`, with a hub that runs and without one."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.keys import read_key
from hub.admin import AdminSocket
from hub.cli import main
from hub.gateway_keys import GATEWAYS_MAX, GatewayKeys, KnownGateway, listing
from hub.paths import admin_socket_path, keys_dir, lock_path
from hub.store.lock import DataLock

Derny = Callable[..., tuple[int, str, str]]


@pytest.fixture
def derny(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Derny:
    """Runs `derny gateway …` in a folder of its own: status, stdout, stderr."""
    monkeypatch.setenv("DERNY_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["derny", "gateway", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return command


def test_without_a_hub_the_files_are_changed(derny: Derny, tmp_path: Path) -> None:
    status, out, _ = derny("add", "hall")
    assert status == 0 and "keys/gateway.key" in out
    path = tmp_path / "hall.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = read_key(path)
    assert GatewayKeys(keys_dir(tmp_path / "data")).door.name_of(key.public) == "hall"
    assert derny("add", "den", "--out", str(tmp_path / "a.key"))[0] == 0
    status, out, _ = derny("list")
    assert [line.split()[0] for line in out.splitlines()] == ["den", "hall"]
    rows = json.loads(derny("list", "--json")[1])
    assert rows[1] == {"name": "hall", "key": key.public[:8], "connected": None}
    assert key.secret not in out and key.public not in out
    assert derny("remove", "hall")[0] == 0
    assert [row["name"] for row in json.loads(derny("list", "--json")[1])] == ["den"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("remove", "nobody"), "no gateway 'nobody'"),
        (("add", "a/b", "--out", "x.key"), "is no name for a gateway"),
        (("add", "../../x"), "is no name for a gateway"),
        (("add", ""), "is no name for a gateway"),
        (("add", "ä" * 200), "is no name for a gateway"),
        (("add", "𝔸" * 64), "File name too long"),
        (("add", "hall", "--out", "x" * 250), "cannot be written"),  # the draft's name is longer
        (("add", "hall", "--out", "/nonexistent/x.key"), "cannot be written"),
        (("add", "hall", "--out", "there.key"), "exists already"),
        (("add", "taken", "--out", "x.key"), "there is a gateway taken already"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    derny: Derny, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert derny("add", "taken")[0] == 0
    (tmp_path / "there.key").touch()
    status, _, err = derny(*words)
    assert status == 2 and says in err and err.count("\n") == 1
    assert not (tmp_path / "x.key").exists()
    assert [row["name"] for row in json.loads(derny("list", "--json")[1])] == ["taken"]


def test_a_running_hub_lists_as_many_gateways_as_it_lets_in(derny: Derny, tmp_path: Path) -> None:
    names = [f"{number:03}{'ж' * 61}" for number in range(GATEWAYS_MAX)]
    rows = listing([KnownGateway(name, "k" * 40) for name in names], names)

    async def known(about: str) -> str:
        return rows

    async def scene() -> None:
        admin = AdminSocket(admin_socket_path(tmp_path / "data"), {"gateway_list": known})
        await admin.start()
        status, out, _ = await asyncio.to_thread(derny, "list", "--json")
        assert status == 0
        assert [row["name"] for row in json.loads(out)] == names
        await admin.stop()

    keys_dir(tmp_path / "data")
    with DataLock(lock_path(tmp_path / "data")):
        asyncio.run(scene())


def test_a_running_hub_is_asked(derny: Derny, tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = GatewayKeys(keys_dir(data))
    removed: list[str] = []
    keys.on_removed = removed.append

    async def add(name: str) -> str:
        return keys.add(name)

    async def remove(name: str) -> str:
        keys.remove(name)
        return name

    async def known(about: str) -> str:
        return listing(keys.list(), ["hall"])

    async def counted(about: str) -> str:
        return '{"taken": 12, "duplicate": 1}'

    verbs = {
        "gateway_add": add,
        "gateway_remove": remove,
        "gateway_list": known,
        "gateway_counts": counted,
    }

    async def scene() -> None:
        admin = AdminSocket(admin_socket_path(data), verbs)
        await admin.start()
        assert (await asyncio.to_thread(derny, "add", "hall"))[0] == 0
        assert (await asyncio.to_thread(derny, "add", "den"))[0] == 0
        _, out, _ = await asyncio.to_thread(derny, "list")
        assert [line.split()[-1] for line in out.splitlines()] == ["away", "connected"]
        status, _, err = await asyncio.to_thread(derny, "add", "hall", "--out", "again.key")
        assert status == 2 and "there is a gateway hall already" in err
        _, out, _ = await asyncio.to_thread(derny, "counts")
        assert [line.split() for line in out.splitlines()] == [["duplicate", "1"], ["taken", "12"]]
        assert (await asyncio.to_thread(derny, "remove", "hall"))[0] == 0
        await admin.stop()

    with DataLock(lock_path(data)):
        asyncio.run(scene())
    assert removed == ["hall"]
    assert read_key(tmp_path / "den.key").name == "den"
