from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import ConfigError
from hub.settings import check, load


def test_the_packaged_file_holds_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == check({}, "nothing")


def test_the_data_folders_file_comes_before_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[http]\nport = 9000\n")
    assert load(tmp_path).http.port == 9000
    assert load(tmp_path).with_ports(1, None).http.port == 1


@pytest.mark.parametrize(
    ("text", "key", "word"),
    [
        ("[http]\nport = 'x'\n", "http.port", "int"),
        ("[http]\nport = 70000\n", "http.port", "65535"),
        ("[http]\nprt = 1\n", "http", "prt"),
        ("[htp]\n", "", "htp"),
        ("[http]\nhost = '0.0.0.0'\n", "http.host", "127.0.0.1"),
        ("[uplink]\nhost = '::'\n", "uplink.host", "127.0.0.1"),
        ("[uplink]\nhost = 'localhost'\n", "uplink.host", "127.0.0.1"),
        ("[uplink]\nhost = '::1'\n", "uplink.host", "127.0.0.1"),
        ("[session]\nidle_finish_s = 1\n", "session.idle_finish_s", "10"),
        ("this is no toml", "", "TOML"),
    ],
)
def test_what_is_wrong_names_file_key_and_remedy(
    tmp_path: Path, text: str, key: str, word: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, path)
    line = str(caught.value)
    assert line.startswith(str(path)) and key == caught.value.key and word in line
    assert caught.value.remedy and "\n" not in line


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path, tmp_path / "gone.toml")
