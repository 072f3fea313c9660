"""What legs say about a lane reaches it, also behind steps that the clock has ended."""

from __future__ import annotations

import asyncio

from clock import run
from live_fakes import OWNER, World, announce, power, sensor

from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, ForWork, Step, StepKind, Workout
from hub.wire.live_from_client import Action, Control
from hub.wire.uplink import SensorKind

WORK = Workout(
    "One kilojoule",
    (
        Step("Warm up", StepKind.WARMUP, ForDuration(30_000), aim(Unit.FTP, 0.5)),
        Step("Work", StepKind.WORK, ForWork(1.0), aim(Unit.FTP, 1.0)),
        Step("Cool down", StepKind.COOLDOWN, ForDuration(300_000), aim(Unit.FTP, 0.4)),
    ),
)


def test_a_step_by_work_behind_a_timed_one_ends_when_the_work_is_done() -> None:
    async def scene() -> None:
        hub = World().hub()
        await hub.start()
        try:
            announce(hub, sensor("meter", SensorKind.POWER))
            lease = (await hub.assign(OWNER, "meter", "ann")).lease
            made = await hub.create_session(OWNER, workout=WORK)
            await hub.control(OWNER, Control("k", made.session, Action.START))
            phases = []
            for _ in range(60):
                await asyncio.sleep(1)
                power(hub, "meter", 200, hub.now_us() // 1000, lease)
                phases.append(hub.view(OWNER, made.session).lanes[0].phase)
            assert 4 <= phases.count(1) <= 9  # 1 kJ at 200 W
            assert phases[-1] == 2
        finally:
            await hub.stop()

    run(scene())
