"""Both ends of the uplink over a spool on disk: whatever is killed, each reading comes once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from spools import killed
from uplink_world import World

from gateway.spool_disk import Bounds, DiskSpool
from hub.wire.uplink_session import GatewayRules

BOUNDS = Bounds(segment_readings=8, memory_readings_max=64)
RULES = GatewayRules(live_window=32, backfill_window=32, ack_timeout_ms=1_000, stall_ms=500)


class DiskWorld(World):
    """`kill_gateway` leaves what lies in the folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = DiskSpool(folder, BOUNDS)
        super().__init__(self.disk, gateway_rules=RULES)

    def kill_gateway(self) -> None:
        killed(self.disk)
        self.spool = self.disk = DiskSpool(self.folder, BOUNDS)
        super().kill_gateway()

    def let_thread_work(self) -> None:
        if self.disk._job is not None:
            self.disk._job[1].exception()

    def steps(self, ms: int) -> None:
        super().steps(ms)
        self.let_thread_work()


@pytest.mark.parametrize("seed", range(12))
def test_each_reading_is_journalled_once_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    world = DiskWorld(tmp_path)
    said = 0
    for _ in range(60):
        for _ in range(chance.randrange(12)):
            world.append(f"r{said}")
            said += 1
        match chance.randrange(8):
            case 0:
                world.kill_gateway()
            case 1:
                world.kill_hub()
            case 2:
                world.cut()
            case 3:
                world.commits_fail = not world.commits_fail
            case _:
                world.steps(chance.choice((10, 50, 200, 1_000)))
    world.commits_fail = False
    world.run_until(lambda: len(world.recorded()) == said and not world.spool.kept, 60_000)
    assert sorted(world.recorded()) == sorted(f"r{number}" for number in range(said)), f"{seed=}"
    world.run_until(lambda: len(world.spool.headers()) == 1, 30_000)
    assert len(world.spool.headers()) == 1, "all but the open stream are retired"
    assert len(world.journal.durable) <= 1
    world.disk.close()
    assert len(list(tmp_path.glob("*.seg"))) <= 1
