"""The uplink's contract, for every line: ZeroMQ with CURVE, WebSocket with proven keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog
import zmq
from journeys.proxy import FaultProxy
from uplink_site import HUB_AHEAD_US, PATIENCE_S, WS, ZMQ, Site, at_site, hub_us, reading, until

from gateway.doctor.hub_probe import probe
from gateway.keys import GatewayKey
from hub.gateway_keys import GatewayKeys
from hub.paths import keys_dir
from hub.wire.uplink import (
    PROTOCOL_VERSION,
    AdapterState,
    AssignedSensor,
    Assignments,
    Command,
    CommandOp,
    CommandReply,
    LinkStatus,
    Plan,
    SensorKind,
    SensorState,
    TrainerState,
    TrainerStatus,
)

# A process that stalls between two of the four timestamps errs by half of it; what the measured
# offset is worth is proven on virtual time.
OFFSET_ERROR_MS_MAX = 5_000


@pytest.fixture(params=[ZMQ, WS])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def other(way: str) -> str:
    return WS if way == ZMQ else ZMQ


# What travels


def test_readings_reach_fusion_and_journal_with_hub_time(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(way, site.key("hall")) as hall:
            await until(lambda: hall.uplink.link_up and hall.uplink.hub_now_ms())
            names = [f"r{i}" for i in range(100)]
            for name in names:
                hall.uplink.append(reading(name))
            await until(lambda: len(site.journal.names()) == 100)
            assert site.journal.names() == names
            assert site.heard() == [("hall", name) for name in names]
            for _, placed in site.seen:
                assert not placed.time_estimated
                error_ms = placed.at_ms - placed.reading.at_ms - HUB_AHEAD_US // 1_000
                assert abs(error_ms) <= OFFSET_ERROR_MS_MAX
            hub_now_ms = hall.uplink.hub_now_ms()
            assert hub_now_ms is not None
            assert abs(hub_now_ms - hub_us() // 1_000) <= OFFSET_ERROR_MS_MAX
        # Its Bye has a tenth of a second to leave; a machine that stalls leaves it unsaid.
        await until(lambda: len(site.downs()) == 1)
        assert site.downs()[0] in ("gateway_stopping", "unreachable", "disconnected", "silent")

    at_site(tmp_path, scene)


def test_states_plans_and_commands_travel_and_are_said_again(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        plan = Plan("kickr", 3, 7, hub_us() // 1_000 + 600_000, 300, ())
        held = Assignments(4, (AssignedSensor("kickr", 3, "ann"),), ("strap",))
        site.ingest.send_plan("hall", plan)
        site.ingest.send_assignments("hall", held)
        proxy = FaultProxy(site.port_of(way))
        async with site.gateway(way, site.key("hall"), port=proxy.port) as hall:
            sensor = SensorState("hrm", "Strap", (SensorKind.HEART_RATE,), LinkStatus.LIVE)
            hall.uplink.set_sensor(sensor)
            hall.uplink.set_trainer(TrainerState("kickr", TrainerStatus.FOLLOWING, plan_rev=7))
            hall.uplink.set_adapters((AdapterState("hci0", powered=True),))
            await until(lambda: len(hall.told) == 2)
            assert hall.told == [held, plan]
            wanted = {"sensors", "trainers", "adapters"}
            await until(lambda: wanted <= {what for what, _ in site.told})
            sensors = next(message for what, message in site.told if what == "sensors")
            assert sensors.whole and sensors.sensors == (sensor,)

            proxy.reset()
            await until(lambda: len(hall.told) == 4)
            assert hall.told[2:] == [held, plan]

            soon_ms = hub_us() // 1_000 + 60_000
            answer = site.ingest.send_command("hall", Command("c1", CommandOp.RESCAN, soon_ms))
            await until(lambda: len(hall.told) == 5)
            hall.uplink.reply(CommandReply("c1", True))
            assert await answer == CommandReply("c1", True)
        proxy.close()

    at_site(tmp_path, scene)


# Nothing lost, nothing doubled


def each_once(site: Site, appended: list[str]) -> None:
    assert sorted(site.journal.names()) == sorted(appended)
    by_epoch: dict[str, list[int]] = {}
    for entry in site.journal.entries:
        numbers = by_epoch.setdefault(entry.epoch, [])
        numbers += [int(placed.reading.sensor_id[1:]) for placed in entry.readings]
    assert all(numbers == sorted(numbers) for numbers in by_epoch.values())


def test_a_hub_that_stops_and_starts_loses_and_doubles_nothing(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        appended: list[str] = []
        async with site.gateway(way, site.key("hall")) as hall:

            async def ride() -> None:
                while True:
                    appended.append(f"r{len(appended)}")
                    hall.uplink.append(reading(appended[-1]))
                    await asyncio.sleep(0.001)

            rider = asyncio.create_task(ride())
            for _ in range(3):
                count = len(site.journal.names())
                await until(lambda count=count: len(site.journal.names()) > count + 50)
                await site.stop()
                ridden = len(appended)
                await until(lambda ridden=ridden: len(appended) > ridden + 50)
                await site.start()
            await until(lambda: hall.uplink.link_up)
            rider.cancel()
            await until(lambda: len(site.journal.names()) >= len(appended))
            each_once(site, appended)
            assert any(entry.backfill for entry in site.journal.entries)
            await until(lambda: len(site.journal.durable) <= 1)  # all but the open one retired

    at_site(tmp_path, scene)


def test_links_that_break_and_hang_lose_and_double_nothing(way: str, tmp_path: Path) -> None:
    """RST in the middle of batches and acks; and acks that are held back until after it."""

    async def scene(site: Site) -> None:
        proxy = FaultProxy(site.port_of(way))
        appended: list[str] = []
        async with site.gateway(way, site.key("hall"), port=proxy.port) as hall:
            for round_ in range(8):
                for _ in range(200):
                    appended.append(f"r{len(appended)}")
                    hall.uplink.append(reading(appended[-1]))
                count = len(site.journal.names())
                await until(lambda count=count: len(site.journal.names()) > count)
                if round_ % 2:
                    proxy.cut()
                    hall.uplink.append(reading(f"r{len(appended)}"))
                    appended.append(f"r{len(appended)}")
                    proxy.heal()
                await asyncio.to_thread(proxy.reset)
            await until(lambda: len(site.journal.names()) >= len(appended))
            await until(lambda: len(site.journal.durable) <= 1)
            each_once(site, appended)
        proxy.close()

    at_site(tmp_path, scene)


def test_a_commit_that_fails_is_made_good_and_fusion_sees_each_once(
    way: str, tmp_path: Path
) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(way, site.key("hall")) as hall:
            await until(lambda: hall.uplink.link_up)
            site.journal.fails = 2
            names = [f"r{i}" for i in range(64)]
            for name in names:
                hall.uplink.append(reading(name))
            await until(lambda: len(site.journal.names()) == 64)
            assert site.journal.names() == names
            assert site.heard() == [("hall", name) for name in names]
            assert site.ingest.counts["commit_failed"] >= 2

    at_site(tmp_path, scene)


# Who comes in


def test_a_gateway_is_who_its_key_says_whatever_it_calls_itself(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with (
            site.gateway(way, site.key("hall"), name="x") as hall,
            site.gateway(other(way), site.key("garage"), name="x") as garage,
        ):
            hall.uplink.append(reading("strap"))
            garage.uplink.append(reading("bike"))
            await until(lambda: len(site.seen) == 2)
            assert sorted(site.heard()) == [("garage", "bike"), ("hall", "strap")]

    at_site(tmp_path, scene)


def test_an_unknown_key_is_refused_counted_and_told_without_key_material(
    way: str, tmp_path: Path
) -> None:
    async def scene(site: Site) -> None:
        known = site.key("hall")
        public, secret = (part.decode() for part in zmq.curve_keypair())
        stranger = GatewayKey("hall", public, secret, known.hub)
        with structlog.testing.capture_logs() as logs:
            async with site.gateway(way, stranger) as gateway:
                gateway.uplink.append(reading("strap"))
                await until(lambda: (False, "not_allowed") in gateway.links)
        assert site.ingest.counts["refused_key"] >= 1
        assert site.seen == [] and site.ingest.gateways_up == ()
        assert gateway.uplink.counts == {}
        text = str(logs)
        assert "derny gateway add NAME" in text
        assert all(word not in text for word in (public, secret, known.hub))

    at_site(tmp_path, scene)


def test_a_key_that_is_added_later_comes_in_without_a_restart(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.REFUSED_MS", 50)

    async def scene(site: Site) -> None:
        key = site.key("hall")
        before = GatewayKeys(keys_dir(tmp_path))  # what the allow-list was and is again
        site.keys.remove("hall")
        async with site.gateway(way, key) as hall:
            hall.uplink.append(reading("strap"))
            await until(lambda: (False, "not_allowed") in hall.links)
            site.keys._store({known.public: known.name for known in before.list()})
            await until(lambda: site.heard() == [("hall", "strap")])

    at_site(tmp_path, scene)


def test_a_gateway_whose_key_is_removed_is_cut_off_at_once(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.ingest.RETRY_MS", 50)

    async def scene(site: Site) -> None:
        async with site.gateway(way, site.key("hall")) as hall:
            hall.uplink.append(reading("strap"))
            await until(lambda: site.seen)
            site.keys.remove("hall")
            assert site.downs() == ["revoked"] and site.ingest.gateways_up == ()
            hall.uplink.append(reading("later"))
            await until(lambda: (False, "not_allowed") in hall.links)
            await until(lambda: site.ingest.counts["refused_key"])  # when it came again
            assert site.heard() == [("hall", "strap")]

    at_site(tmp_path, scene)


def test_a_new_key_of_the_same_name_does_not_readmit_the_old_one(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(way, site.key("hall")) as old:
            await until(lambda: site.ingest.gateways_up)
            site.keys.remove("hall")
            new = site.key("hall")
            await until(lambda: (False, "not_allowed") in old.links)
            async with site.gateway(way, new) as hall:
                hall.uplink.append(reading("strap"))
                await until(lambda: site.heard() == [("hall", "strap")])

    at_site(tmp_path, scene)


@pytest.mark.parametrize("across", [False, True], ids=["same", "across"])
def test_two_machines_with_one_key_are_a_duplicate(way: str, across: bool, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        key = site.key("hall")
        async with site.gateway(way, key, name="one") as first:
            await until(lambda: first.uplink.link_up)
            async with site.gateway(other(way) if across else way, key, name="two") as second:
                await until(lambda: (False, "duplicate_gateway") in second.links)
                assert first.uplink.link_up and site.ingest.gateways_up == ("hall",)
                first.uplink.append(reading("strap"))
                await until(lambda: site.heard() == [("hall", "strap")])

    at_site(tmp_path, scene)


def test_one_that_went_makes_room_for_another_over_the_other_transport(
    way: str, tmp_path: Path
) -> None:
    async def scene(site: Site) -> None:
        key = site.key("hall")
        proxy = FaultProxy(site.port_of(way))
        async with site.gateway(way, key, port=proxy.port) as first:
            await until(lambda: first.uplink.link_up)
            proxy.close()  # as after kill -9: no Bye
            async with site.gateway(other(way), key) as second:
                await until(lambda: second.uplink.link_up)
                second.uplink.append(reading("strap"))
                await until(lambda: site.heard() == [("hall", "strap")])

    at_site(tmp_path, scene)


def test_a_key_for_another_hub_brings_nothing(way: str, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        key = site.key("hall")
        elsewhere = zmq.curve_keypair()[0].decode()
        wrong = GatewayKey(key.name, key.public, key.secret, elsewhere)
        async with site.gateway(way, wrong) as hall:
            hall.uplink.append(reading("strap"))
            await until(lambda: (False, "handshake") in hall.links)
        assert site.ingest.gateways_up == () and site.seen == []

    at_site(tmp_path, scene)


def test_the_doctor_learns_whether_its_key_is_known_and_disturbs_nobody(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.doctor.hub_probe.CONNECT_S", PATIENCE_S)
    monkeypatch.setattr("gateway.doctor.hub_probe.ANSWER_S", PATIENCE_S)

    async def scene(site: Site) -> None:
        async def found(key: GatewayKey | None) -> tuple[str, str, int | None]:
            hub = await asyncio.to_thread(probe, site.address(way), key)
            return hub.reached, hub.link, hub.version

        known = site.key("hall")
        assert await found(None) == ("yes", "", None)
        assert await found(known) == ("yes", "up", PROTOCOL_VERSION)
        assert site.ingest.gateways_up == ()
        async with site.gateway(way, known) as hall:
            hall.uplink.append(reading("strap"))
            await until(lambda: site.seen)
            assert await found(known) == ("yes", "up", PROTOCOL_VERSION)
            hall.uplink.append(reading("later"))
            await until(lambda: len(site.seen) == 2)
        assert "replaced" not in site.downs()
        public, secret = (part.decode() for part in zmq.curve_keypair())
        stranger = GatewayKey("hall", public, secret, known.hub)
        assert await found(stranger) == ("yes", "not_allowed", None)
        elsewhere = zmq.curve_keypair()[0].decode()
        lost = GatewayKey("hall", known.public, known.secret, elsewhere)
        assert await found(lost) == ("yes", "handshake", None)

    at_site(tmp_path, scene)
