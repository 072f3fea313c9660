from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import ConfigError
from hub.paths import data_dir, keys_dir, private_folder


def test_the_folder_that_is_named_wins_and_is_private(tmp_path: Path) -> None:
    folder = data_dir({"DERNY_DATA": str(tmp_path / "a" / "b"), "XDG_DATA_HOME": "/nowhere"})
    assert folder == tmp_path / "a" / "b"
    for made in (folder, keys_dir(folder)):
        assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_DATA_HOME", "derny"),
        ("win32", "LOCALAPPDATA", "derny"),
        ("freebsd14", "XDG_DATA_HOME", "derny"),
    ],
)
def test_else_it_is_the_platforms(
    tmp_path: Path, platform: str, variable: str, expected: str
) -> None:
    assert data_dir({variable: str(tmp_path)}, platform) == tmp_path / expected


def test_without_any_variable_it_is_under_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_dir({}, "linux") == tmp_path / ".local/share/derny"
    assert data_dir({}, "darwin") == tmp_path / "Library/Application Support/derny"


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="DERNY_DATA"):
        private_folder(tmp_path / "file" / "below")
    with pytest.raises(ConfigError, match="DERNY_DATA"):
        private_folder(tmp_path / "file")


def test_a_home_that_is_nobodys_is_said() -> None:
    with pytest.raises(ConfigError, match="~nobodyatall"):
        data_dir({"DERNY_DATA": "~nobodyatall/derny"})
