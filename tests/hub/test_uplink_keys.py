"""CURVE on the uplink: who comes in, who does not, and who is cut off. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop
import zmq

from gateway.clock import BootClock
from gateway.doctor.hub_probe import probe
from gateway.errors import ConfigError as GatewayConfigError
from gateway.keys import GatewayKey, read_key
from gateway.spool import MemorySpool
from gateway.uplink import Uplink, UplinkSettings
from hub.core.errors import ConfigError, Conflict, NotFound, UserError
from hub.gateway_keys import GatewayKeys
from hub.ingest import Ingest, IngestCallbacks, IngestSettings
from hub.journal_port import JournalEntry
from hub.paths import keys_dir
from hub.wire.uplink import PROTOCOL_VERSION
from hub.wire.uplink_session import GatewayRules, HubRules
from hub.wire.values import Measurement, Reading

CLOCK = BootClock()
PATIENCE_S = 60.0
RULES = GatewayRules(live_interval_ms=0, silence_ms=60_000)  # a stall breaks no link


class Kept:
    """A journal that says yes to everything."""

    def append(self, entry: JournalEntry) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def durable_seqs(self) -> Mapping[tuple[str, str], int]:
        return {}

    async def retire(self, gateway: str, epoch: str) -> None:
        """Nothing is kept."""


@dataclass
class Site:
    """A hub with keys, and what it heard from whom."""

    keys: GatewayKeys
    folder: Path
    heard: list[tuple[str, str]] = field(default_factory=list)
    downs: list[tuple[str, str]] = field(default_factory=list)
    ingest: Ingest = field(init=False)

    def __post_init__(self) -> None:
        self.ingest = Ingest(
            IngestSettings("tcp://127.0.0.1:0", rules=HubRules(silence_ms=60_000)),
            Kept(),
            CLOCK.now_us,
            IngestCallbacks(
                readings=lambda gateway, header, placed, backfill: self.heard.extend(
                    (gateway, p.reading.sensor_id) for p in placed
                ),
                gateway_down=lambda gateway, reason: self.downs.append((gateway, reason)),
            ),
            self.keys.door,
        )
        self.keys.on_removed = self.ingest.cut_off

    def key(self, name: str) -> GatewayKey:
        """As the gateway's machine reads it from the file that was brought there."""
        path = self.folder / f"{name}.key"
        path.touch(0o600)
        path.write_text(self.keys.add(name))
        return read_key(path)

    @asynccontextmanager
    async def gateway(
        self, key: GatewayKey, name: str = "label", links: list[tuple[bool, str]] | None = None
    ) -> AsyncIterator[Uplink]:
        said = [] if links is None else links
        uplink = Uplink(
            UplinkSettings(self.ingest.address, name, "t", RULES, key),
            MemorySpool(),
            on_plan=lambda plan: None,
            on_assignments=lambda assignments: None,
            on_command=lambda command: None,
            on_link=lambda up, reason: said.append((up, reason)),
        )
        task = asyncio.create_task(uplink.run())
        try:
            yield uplink
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], object]) -> None:
    """Looks every 5 ms: what is waited for happens in libzmq's threads and tells nobody."""
    loop = asyncio.get_running_loop()
    found = loop.create_future()

    def look() -> None:
        if not found.done():
            if true():
                found.set_result(None)
            else:
                loop.call_later(0.005, look)

    look()
    await asyncio.wait_for(found, PATIENCE_S)


def at_site(tmp_path: Path, scene: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        site = Site(GatewayKeys(keys_dir(tmp_path)), tmp_path)
        await site.ingest.start()
        try:
            await scene(site)
        finally:
            await site.ingest.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


def reading(name: str) -> Reading:
    return Reading(name, CLOCK.now_us() // 1_000, "2a37", Measurement(heart_rate_bpm=120))


def test_a_gateway_is_who_its_key_says_whatever_it_calls_itself(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with (
            site.gateway(site.key("hall"), name="x") as hall,
            site.gateway(site.key("garage"), name="x") as garage,
        ):
            hall.append(reading("strap"))
            garage.append(reading("bike"))
            await until(lambda: len(site.heard) == 2)
            assert sorted(site.heard) == [("garage", "bike"), ("hall", "strap")]

    at_site(tmp_path, scene)


def test_an_unknown_key_is_refused_counted_and_told_without_key_material(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        known = site.key("hall")
        public, secret = (part.decode() for part in zmq.curve_keypair())
        stranger = GatewayKey("hall", public, secret, known.hub)
        links: list[tuple[bool, str]] = []
        with structlog.testing.capture_logs() as logs:
            async with site.gateway(stranger, links=links) as gateway:
                gateway.append(reading("strap"))
                await until(lambda: (False, "not_allowed") in links)
        assert site.ingest.counts["refused_key"] >= 1
        assert site.heard == [] and site.ingest.gateways_up == ()
        assert gateway.counts == {}
        text = str(logs)
        assert "derny gateway add NAME" in text
        assert all(word not in text for word in (public, secret, known.hub))

    at_site(tmp_path, scene)


def test_a_key_that_is_added_later_comes_in_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.REFUSED_MS", 50)

    async def scene(site: Site) -> None:
        key = site.key("hall")
        other = GatewayKeys(keys_dir(tmp_path))  # what the allow-list was and is again
        site.keys.remove("hall")
        links: list[tuple[bool, str]] = []
        async with site.gateway(key, links=links) as gateway:
            gateway.append(reading("strap"))
            await until(lambda: (False, "not_allowed") in links)
            site.keys._store({known.public: known.name for known in other.list()})
            await until(lambda: site.heard == [("hall", "strap")])

    at_site(tmp_path, scene)


def test_a_gateway_whose_key_is_removed_is_cut_off_at_once(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        links: list[tuple[bool, str]] = []
        async with site.gateway(site.key("hall"), links=links) as gateway:
            gateway.append(reading("strap"))
            await until(lambda: site.heard)
            site.keys.remove("hall")
            assert site.downs == [("hall", "revoked")] and site.ingest.gateways_up == ()
            gateway.append(reading("later"))
            await until(lambda: (False, "not_allowed") in links)
            await until(lambda: site.ingest.counts["refused_key"])  # by ZAP, when it came again
            assert site.heard == [("hall", "strap")]

    at_site(tmp_path, scene)


def test_a_new_key_of_the_same_name_does_not_readmit_the_old_one(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        old = site.key("hall")
        links: list[tuple[bool, str]] = []
        async with site.gateway(old, links=links):
            await until(lambda: site.ingest.gateways_up)
            site.keys.remove("hall")
            new = site.key("hall")
            await until(lambda: (False, "not_allowed") in links)
            async with site.gateway(new) as gateway:
                gateway.append(reading("strap"))
                await until(lambda: site.heard == [("hall", "strap")])

    at_site(tmp_path, scene)


def test_two_machines_with_one_key_are_a_duplicate(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        key = site.key("hall")
        links: list[tuple[bool, str]] = []
        async with site.gateway(key, name="one") as first:
            await until(lambda: first.link_up)
            async with site.gateway(key, name="two", links=links):
                await until(lambda: (False, "duplicate_gateway") in links)
                assert first.link_up and site.ingest.gateways_up == ("hall",)

    at_site(tmp_path, scene)


def test_a_key_for_another_hub_and_a_socket_without_keys_bring_nothing(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        key = site.key("hall")
        other_hub = zmq.curve_keypair()[0].decode()
        wrong = GatewayKey(key.name, key.public, key.secret, other_hub)
        links: list[tuple[bool, str]] = []
        async with site.gateway(wrong, links=links):
            await until(lambda: (False, "handshake") in links)
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
            Kept(),
            CLOCK.now_us,
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


def test_the_doctor_learns_whether_its_key_is_known_and_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.doctor.hub_probe.CONNECT_S", PATIENCE_S)
    monkeypatch.setattr("gateway.doctor.hub_probe.ANSWER_S", PATIENCE_S)

    async def scene(site: Site) -> None:
        async def found(key: GatewayKey) -> tuple[str, str, int | None]:
            hub = await asyncio.to_thread(probe, site.ingest.address, key)
            return hub.reached, hub.link, hub.version

        known = site.key("hall")
        assert await found(known) == ("yes", "up", PROTOCOL_VERSION)
        assert site.ingest.gateways_up == ()
        async with site.gateway(known) as gateway:
            gateway.append(reading("strap"))
            await until(lambda: site.heard)
            assert await found(known) == ("yes", "up", PROTOCOL_VERSION)
            gateway.append(reading("later"))
            await until(lambda: len(site.heard) == 2)
        assert not any(reason == "replaced" for _, reason in site.downs)
        public, secret = (part.decode() for part in zmq.curve_keypair())
        assert await found(GatewayKey("hall", public, secret, known.hub)) == (
            "yes",
            "not_allowed",
            None,
        )
        other_hub = zmq.curve_keypair()[0].decode()
        elsewhere = GatewayKey("hall", known.public, known.secret, other_hub)
        assert await found(elsewhere) == ("yes", "handshake", None)

    at_site(tmp_path, scene)
