"""The key files; who comes in with one is in tests/contract/test_uplink.py."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import zmq
from uplink_site import MemoryJournal, Site, at_site, hub_us, until

from gateway.errors import ConfigError as GatewayConfigError
from gateway.keys import read_key
from gateway.uplink import UplinkSettings
from hub.core.errors import ConfigError, Conflict, NotFound, UserError
from hub.gateway_keys import GatewayKeys
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.paths import keys_dir


def test_a_socket_without_keys_brings_nothing(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        plain = zmq.Context()
        dealer = plain.socket(zmq.DEALER)
        monitor = dealer.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        dealer.connect(site.ingest.address)
        await until(lambda: monitor.poll(0))
        event = zmq.utils.monitor.recv_monitor_message(monitor)["event"]
        assert event == zmq.EVENT_DISCONNECTED
        dealer.disable_monitor()
        monitor.close(linger=0)
        plain.destroy(linger=0)
        assert site.ingest.gateways_up == ()

    at_site(tmp_path, scene)


def test_without_keys_the_uplink_stays_on_this_machine() -> None:
    with pytest.raises(ValueError, match="this machine only"):
        Ingest(
            IngestSettings("tcp://0.0.0.0:0"),
            MemoryJournal(),
            hub_us,
            IngestCallbacks(lambda *_: None),
        )


# The files


def test_keys_are_made_once_and_are_their_owners(tmp_path: Path) -> None:
    folder = keys_dir(tmp_path)
    keys = GatewayKeys(folder)
    keys.ensure_local("den")
    local = read_key(folder / "gateway.key")
    assert (local.name, local.hub) == ("den", keys.door.public.decode())
    again = GatewayKeys(folder)
    again.ensure_local("den")
    assert again.door.public == keys.door.public
    assert again.list() == keys.list() and again.door.name_of(local.public) == "den"
    for name in ("hub.key", "gateway.key", "gateways.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert local.secret not in (folder / "gateways.json").read_text()


def test_a_local_key_that_is_lost_is_made_anew_and_one_taken_away_stays_away(
    tmp_path: Path,
) -> None:
    folder = keys_dir(tmp_path)
    keys = GatewayKeys(folder)
    keys.ensure_local("den")
    (folder / "gateway.key").unlink()
    keys.ensure_local("den")
    assert [known.name for known in keys.list()] == ["den"]
    assert keys.door.name_of(read_key(folder / "gateway.key").public) == "den"
    keys.remove("den")
    keys.ensure_local("den")
    assert keys.list() == ()


def test_names_are_checked_and_taken_once(tmp_path: Path) -> None:
    keys = GatewayKeys(keys_dir(tmp_path))
    keys.add("Studio 2")
    with pytest.raises(Conflict, match="derny gateway remove Studio 2"):
        keys.add("Studio 2")
    for name in ("", "../etc", "a\nb", "x" * 65, '"'):
        with pytest.raises(UserError, match="no name for a gateway"):
            keys.add(name)
    with pytest.raises(NotFound, match="derny gateway list"):
        keys.remove("Studio 3")


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("hub.key", 'public = "a"\nsecret = "b"\n', "is no key pair"),
        ("hub.key", "nonsense", "is no key pair"),
        ("gateways.json", "[{}]", "is no list of gateways"),
        ("gateways.json", '[{"name": "\xe4"}]', "is no list of gateways"),
    ],
)
def test_damaged_files_are_told_plainly(tmp_path: Path, file: str, text: str, says: str) -> None:
    folder = keys_dir(tmp_path)
    (folder / file).write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=says):
        GatewayKeys(folder)


def test_a_gateways_key_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "gateway.key"
    with pytest.raises(GatewayConfigError, match="has no key"):
        read_key(path)
    path.touch(0o600)
    for text in ("nonsense", 'name = "a"', GatewayKeys(keys_dir(tmp_path)).add("a")[:-20]):
        path.write_text(text)
        with pytest.raises(GatewayConfigError, match="is no key file"):
            read_key(path)
    whole = GatewayKeys(keys_dir(tmp_path)).add("b")
    begin = whole.index('hub = "') + len('hub = "')
    for hub in ("~" * 40, "#" * 40, "é" * 40, "a" * 35):  # libzmq would take none of them
        path.write_text(f'{whole[:begin]}{hub}"\n', "utf-8")
        with pytest.raises(GatewayConfigError, match="is no key file"):
            read_key(path)
    path.chmod(0o644)
    with pytest.raises(GatewayConfigError, match="others may read"):
        read_key(path)


def test_what_is_printed_of_keys_is_no_key(tmp_path: Path) -> None:
    keys = GatewayKeys(keys_dir(tmp_path))
    keys.ensure_local("hall")
    key = read_key(tmp_path / "keys" / "gateway.key")
    printed = repr(UplinkSettings("tcp://127.0.0.1:1", "hall", key=key)) + str(key)
    printed += repr(keys.door)
    for secret in (key.secret, keys.door.secret.decode()):
        assert secret not in printed
