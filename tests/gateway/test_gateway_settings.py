"""gateway.toml: one line for every mistake, naming file, key and remedy."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.errors import ConfigError
from gateway.paths import data_dir, packaged_config
from gateway.settings import Settings, load, override
from gateway.supervisor import ConnectPolicy


def write(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_the_packaged_file_says_the_defaults_of_the_code(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()
    keys = {line.split("=")[0].strip() for line in packaged_config().read_text().splitlines()}
    for section in msgspec.to_builtins(Settings()).values():
        assert set(section) <= keys


def test_the_users_own_file_comes_before_it_and_an_explicit_one_before_both(
    tmp_path: Path,
) -> None:
    write(tmp_path, '[radio]\nconnect = "assigned"\nslots = 5\n')
    settings = load(tmp_path)
    assert (settings.radio.connect, settings.radio.slots) == (ConnectPolicy.ASSIGNED, 5)
    other = tmp_path / "other.toml"
    other.write_text("[uplink]\nlive_interval_ms = 0\n")
    assert load(tmp_path, other).uplink.live_interval_ms == 0
    assert load(tmp_path, other).radio.slots == Settings().radio.slots


def test_the_command_line_has_the_last_word(tmp_path: Path) -> None:
    settings = override(load(tmp_path), radio="air:unix:/run/air.sock", hub="tcp://hub.local:8421")
    assert settings.radio.radio == "air:unix:/run/air.sock"
    assert settings.hub.address == "tcp://hub.local:8421"
    assert override(settings, radio=None, hub=None) == settings
    with pytest.raises(ConfigError, match=r'^command line: radio.radio: .* - write "os", or'):
        override(settings, radio="bluetooth", hub=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[hub]\naddress = "hub:8421"', r'hub\.address: .* - write "tcp://HOST:PORT"'),
        ('[hub]\naddress = "tcp://hub:99999"', r'hub\.address: .*port 99999.* - write "tcp://HOST'),
        ('[hub]\naddress = "tcp://hub:0"', r"hub\.address: .*port 0"),
        ('[hub]\naddress = "tcp://my hub:8421"', r"hub\.address: "),
        ('[hub]\naddress = "ws://hub/uplink"', r'hub\.address: .*use wss - write "tcp://HOST'),
        ('[radio]\nconnect = "some"', r'radio\.connect: .* - write "all" or "assigned"'),
        ("[radio]\nslots = -1", r"radio\.slots: .* - write 0 to 256"),
        ('[radio]\nadapters = ["hci 1"]', r"radio\.adapters\[0\]: .* - write .AA:BB:CC"),
        ('[radio.slots_of]\n"hci1" = 300', r"radio\.slots_of\[...\]: .* - write 0 to 256"),
        ("[radio]\nslot = 5", r"radio: .*unknown field `slot`"),
        ("[nonsense]\n", r"unknown field `nonsense`"),
        ("[radio\n", r"is not TOML: .* - mend this line"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as wrong:
        load(tmp_path)
    assert str(wrong.value).startswith(str(path)) and "\n" not in str(wrong.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file.* - give a readable file"):
        load(tmp_path, tmp_path / "none.toml")


def test_the_data_folder_is_derny_data_or_the_platforms(tmp_path: Path) -> None:
    assert data_dir({"DERNY_DATA": str(tmp_path / "a")}) == tmp_path / "a"
    assert data_dir({"XDG_DATA_HOME": str(tmp_path)}, "linux") == tmp_path / "derny"
    assert data_dir({"LOCALAPPDATA": str(tmp_path / "w")}, "win32") == tmp_path / "w" / "derny"
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="name another one with DERNY_DATA"):
        data_dir({"DERNY_DATA": str(tmp_path / "file" / "x")})
