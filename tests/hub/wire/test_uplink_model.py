"""Whatever links, crashes and commits do: each reading is recorded once or is in a gap."""

from __future__ import annotations

from collections import deque
from itertools import cycle

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from uplink_world import World

from gateway.spool import MemorySpool
from hub.wire.uplink_session import GatewayRules, HubRules

# Small windows, so that they fill; nothing here may depend on their size.
GATEWAY_RULES = GatewayRules(live_window=48, backfill_window=32, backfill_per_s=4_000)
HUB_RULES = HubRules(unacked_max=96)
SPOOL_READINGS = 150
HEAL_MS = 60_000
FATES = st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=1, max_size=12)


class Uplink(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        spool = MemorySpool(readings_max=SPOOL_READINGS, epochs_max=6)
        self.world = World(spool, GATEWAY_RULES, HUB_RULES)
        self.world.steps(200)
        self.serial = 0
        self.overflowed = False

    @rule(n=st.integers(1, 60))
    def append(self, n: int) -> None:
        for _ in range(n):
            self.serial += 1
            self.overflowed |= self.world.spool.kept >= SPOOL_READINGS
            self.world.append(f"r{self.serial}")

    @rule(ms=st.sampled_from([10, 60, 300, 1_200, 4_000]))
    def run_for(self, ms: int) -> None:
        self.world.steps(ms)

    @rule(ms=st.sampled_from([10, 100, 3_500]))
    def hub_hangs(self, ms: int) -> None:
        self.world.now_us += ms * 1_000
        self.world.pump_gateway()

    @rule(n=st.integers(1, 60), fates=FATES)
    def send_over_a_bad_link(self, n: int, fates: list[int]) -> None:
        """Each frame up meets its fate: 0 lost, 1 delivered, 2 doubled."""
        self.append(n)
        self.world.now_us += 60_000
        self.world.pump_gateway()
        self.suffer(self.world.up, fates)
        self.world.steps(20)

    @rule(fates=FATES, steps=st.integers(1, 20))
    def hear_over_a_bad_link(self, fates: list[int], steps: int) -> None:
        for _ in range(steps):
            self.world.now_us += 10_000
            self.world.pump_gateway()
            while self.world.up:
                self.world.deliver_up()
            self.world.commit()
            self.world.hub_did(self.world.hub.tick(self.world.hub_us))
            self.suffer(self.world.down, fates)
            while self.world.down:
                self.world.deliver_down()

    @staticmethod
    def suffer(frames: deque[tuple[bytes, bytes]], fates: list[int]) -> None:
        met = [frame for frame, times in zip(frames, cycle(fates)) for _ in range(times)]
        frames.clear()
        frames.extend(met)

    @rule(frames=st.integers(1, 20))
    def deliver_some(self, frames: int) -> None:
        self.world.pump_gateway()
        for _ in range(min(frames, len(self.world.up))):
            self.world.deliver_up()
        for _ in range(frames):
            if self.world.down:  # a frame may end the session, and with it all that follow
                self.world.deliver_down()

    @rule()
    def cut(self) -> None:
        self.world.cut()

    @rule()
    def hub_dies(self) -> None:
        self.world.kill_hub()

    @rule()
    def gateway_dies(self) -> None:
        self.world.kill_gateway()

    @rule(auto=st.booleans(), fail=st.booleans())
    def journal_is(self, auto: bool, fail: bool) -> None:
        self.world.auto_commit = auto
        self.world.commits_fail = fail

    @rule(ok=st.booleans())
    def journal_settles(self, ok: bool) -> None:
        self.world.commit(ok)

    @invariant()
    def nothing_is_recorded_twice_or_wrongly(self) -> None:
        for epoch in self.world.journal.rows:
            names = self.world.appended[epoch]
            held = self.world.journal.numbers(epoch)
            assert sorted(held) == list(range(1, len(held) + 1))
            for seq, what in held.items():
                assert what in (names[seq - 1], "gap:spool_full")

    def settled(self) -> bool:
        headers = self.world.spool.headers()
        return self.world.gateway.link_up and len(headers) == 1 and not self.world.spool.kept

    def teardown(self) -> None:
        world = self.world
        world.auto_commit, world.commits_fail = True, False
        world.run_until(self.settled, HEAL_MS)
        assert world.gateway.link_up
        gaps = 0
        for epoch, names in world.appended.items():
            held = world.journal.numbers(epoch)
            assert len(held) == len(names), f"{epoch}: {len(held)} of {len(names)} recorded"
            gaps += sum(what.startswith("gap:") for what in held.values())
        assert not gaps or self.overflowed
        assert world.spool.kept == 0
        assert len(world.spool.headers()) == 1  # every sealed epoch is retired
        assert all(
            epoch in [h.epoch for h in world.spool.headers()] for _, epoch in world.journal.durable
        )


TestUplink = Uplink.TestCase
TestUplink.settings = settings(max_examples=100, stateful_step_count=30)
