from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from hub.admin import AdminSocket, ask
from hub.core.errors import Conflict, Unavailable


async def _link(about: str) -> str:
    return "http://127.0.0.1:1/#token=x"


async def _refuses(about: str) -> str:
    raise Conflict("not now")


def _serving(path: Path, verb: str) -> str:
    async def scene() -> str:
        admin = AdminSocket(path, {"link": _link, "refuses": _refuses})
        await admin.start()
        try:
            assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600
            return await asyncio.to_thread(ask, path, verb)
        finally:
            await admin.stop()

    return asyncio.run(scene())


def test_a_command_is_answered(tmp_path: Path) -> None:
    assert _serving(tmp_path / "admin.sock", "link") == "http://127.0.0.1:1/#token=x"


@pytest.mark.parametrize(("verb", "words"), [("refuses", "not now"), ("nonsense", "link")])
def test_a_refusal_says_why(tmp_path: Path, verb: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        _serving(tmp_path / "admin.sock", verb)


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("ü" * 90)
    folder.mkdir()
    path = folder / "admin.sock"
    gone = tmp_path / "gone"
    gone.mkdir()
    (gone / "admin.sock").touch()
    path.symlink_to(gone / "admin.sock")  # what a killed hub left behind
    assert _serving(path, "link") == "http://127.0.0.1:1/#token=x"
    assert not path.is_symlink() and not gone.exists()


def test_without_a_hub_the_remedy_is_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="derny up"):
        ask(tmp_path / "admin.sock", "link")
