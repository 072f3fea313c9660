"""What `derny-gateway scan` shows: who is in the air, how loud, and who has it."""

from __future__ import annotations

import asyncio
import json

from air_room import address, room, strap, trainer
from clock import LoopClock, run
from paper_room import PHONE, PaperRoom

from gateway.app import radios_of
from gateway.hearing import TAKEN_MS
from gateway.identity import Identity
from gateway.radio_bleak import open_radio
from gateway.radios import FixedRadios
from gateway.recording.records import Heard, Looked, Orphan, Orphans, RadioSeen
from gateway.scan import Scan, lines, scanned
from gateway.settings import Settings, override
from gateway.sightings import Holder, Row, Sightings, Trend
from hub.wire.uplink import LinkStatus, SensorKind, SensorState

IDENTITY = Identity(b"k" * 32)


def state(problem: str = "", sensor_id: str = "s1", name: str = "Belt") -> SensorState:
    return SensorState(sensor_id, name, (SensorKind.HEART_RATE,), LinkStatus.SEEN, problem=problem)


def heard(at_ms: int, rssi_dbm: int | None, radio: int = 1, device: int = 1) -> Heard:
    return Heard(at_ms * 1_000, radio, device, "Belt", ("180d",), rssi_dbm)


def sightings(*rssi_dbm: int) -> Sightings:
    """Heard by one adapter once a second."""
    found = Sightings()
    found.happened(Looked(0, (RadioSeen(1, "hci0", False), RadioSeen(2, "hci1", False))))
    found.told(1, state())
    for second, signal in enumerate(rssi_dbm):
        found.happened(heard(second * 1_000, signal))
    return found


def test_a_signal_has_a_trend_once_there_is_a_before() -> None:
    def trend(*rssi_dbm: int) -> Trend:
        (row,) = sightings(*rssi_dbm).rows(len(rssi_dbm) * 1_000_000)
        return row.ears[0].trend

    assert trend(-60, -60) is Trend.UNKNOWN
    assert trend(*[-60] * 8) is Trend.STEADY
    assert trend(*[-70] * 4, *[-60] * 4) is Trend.RISING
    assert trend(*[-60] * 4, *[-70] * 4) is Trend.FALLING
    assert trend(*[-60] * 4, *[-62] * 4) is Trend.STEADY, "an arm in the way"


def test_the_adapter_that_hears_it_best_comes_first_and_a_stale_one_last() -> None:
    found = sightings(-80, -80)
    found.happened(heard(1_500, -50, radio=2))
    (row,) = found.rows(2_000_000)
    assert [(ear.adapter, ear.rssi_dbm) for ear in row.ears] == [("hci1", -50), ("hci0", -80)]
    found.happened(heard(20_000, -80))
    (row,) = found.rows(20_000_000)
    assert [ear.adapter for ear in row.ears] == ["hci0", "hci1"] and row.heard_s == 0.0


def test_who_has_a_sensor() -> None:
    def holder(found: Sightings, now_ms: int) -> Holder:
        (row,) = found.rows(now_ms * 1_000)
        return row.holder

    found = sightings(-60)
    assert holder(found, 1_000) is Holder.FREE
    assert holder(found, 60_000) is Holder.QUIET
    found.told(1, state("held_elsewhere"))
    assert holder(found, 60_000) is Holder.ELSEWHERE
    found.happened(Orphans(61_000_000, 0, 1, (Orphan(1, "Belt", ()),)))
    assert holder(found, 62_000) is Holder.HERE
    found.told(1, state())
    found.happened(heard(70_000, -60))
    assert holder(found, 71_000) is Holder.FREE
    found.forgotten("s1")
    assert found.rows(71_000_000) == []


def test_a_room_on_the_air_is_shown_without_addresses_unless_they_are_asked_for() -> None:
    async def main() -> tuple[list[Row], list[str], list[str]]:
        async with room() as there:
            await there.add(strap(), 1)
            await there.add(trainer(), 2)
            settings = override(Settings(), radio=there.spec, hub=None)
            scan = Scan(radios_of(settings), IDENTITY, there.clock, settings)
            await scanned(scan, 12.0)
            assert not there.sent, "nothing is connected"
            return scan.rows(), lines(scan, {}), lines(scan, scan.addresses)

    rows, shown, with_addresses = run(main())
    assert {row.name: row.holder for row in rows} == {
        "Strap 1": Holder.FREE,
        "Trainer 1": Holder.FREE,
    }
    assert {row.ears[0].adapter for row in rows} == {"air"}
    text = "\n".join(shown) + json.dumps([row.told() for row in rows])
    assert address(1) not in text and "dBm" in text and "air: scans" in text
    assert address(1) in "\n".join(with_addresses)


def test_a_strap_that_a_telephone_takes_is_held_elsewhere() -> None:
    async def main() -> dict[str, Holder]:
        paper = PaperRoom(("x", "y"))
        taken, _ = paper.add(x=-50, y=-60), paper.add(x=-50)
        scan = Scan(FixedRadios(list(paper.adapters.values())), IDENTITY, LoopClock(), Settings())
        living = asyncio.create_task(paper.run())
        asyncio.get_running_loop().call_later(30.0, setattr, taken, "holder", PHONE)
        await scanned(scan, 30.0 + TAKEN_MS / 1_000 + 10.0)
        living.cancel()
        rows = {row.sensor_id: row.holder for row in scan.rows()}
        return {"taken": rows.pop(taken.sensor_id), **rows}

    found = run(main())
    assert found.pop("taken") is Holder.ELSEWHERE
    assert list(found.values()) == [Holder.FREE]


def test_an_adapter_that_is_not_there_is_said() -> None:
    async def main() -> str:
        radio = open_radio("air:unix:nowhere.sock")
        scan = Scan(FixedRadios([radio]), IDENTITY, LoopClock(), Settings())
        await scanned(scan, 3.0)
        return lines(scan, {})[-1]

    assert run(main()) == "air: no_adapter"
