"""Two adapters on one air, with real HCI and ATT bytes, on virtual time."""

from __future__ import annotations

import asyncio
import random

from air_room import Room, address, room, strap, until
from clock import run
from paper_room import IDENTITY, News

from gateway.radios import open_radios
from gateway.supervisor import Supervisor
from hub.wire.uplink import LinkStatus

SENSORS = range(1, 5)


async def furnished(there: Room) -> None:
    for number in SENSORS:
        await there.add(strap(f"Strap {number}"), number)


def live(news: News) -> set[str]:
    return {s.name for s in news.sensors.values() if s.link is LinkStatus.LIVE}


def test_sensors_share_two_adapters_and_outlive_one() -> None:
    async def main() -> None:
        async with room() as there:
            await furnished(there)
            radios = open_radios(there.spec, ["left", "right"])
            left, _ = await radios.look()
            news = News()
            supervisor = Supervisor(
                radios, IDENTITY, there.clock, news, random.Random(1).random, slots={"": 4}
            )
            running = asyncio.create_task(supervisor.run())
            everyone = {f"Strap {number}" for number in SENSORS}
            await until(lambda: live(news) == everyone)
            assert {s.adapter for s in news.sensors.values()} == {"left", "right"}
            assert {r.used for r in news.radios.values()} == {2}
            was_left = {s.name for s in news.sensors.values() if s.adapter == "left"}
            beats = len(news.readings)
            await left.close()  # pulled out
            await until(lambda: bool(was_left - live(news)))
            await until(lambda: live(news) == everyone and len(news.readings) > beats + 20)
            assert all(s.simulated for s in news.sensors.values())
            assert not any(address(number) in repr(news.history) for number in SENSORS)
            await supervisor.stop()
            await running

    run(main())
