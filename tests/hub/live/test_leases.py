"""Which gateway holds a sensor: each rule by itself, then what holds in any history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.live import leases
from hub.live.leases import Cause, Leases, Move
from hub.wire.uplink import LinkStatus

T = 1_000_000
S = "strap"
SEEN, LIVE, BACKOFF, ABSENT = (
    LinkStatus.SEEN,
    LinkStatus.LIVE,
    LinkStatus.BACKOFF,
    LinkStatus.ABSENT,
)


class Room:
    """Two gateways and one strap; each hears it anew every second."""

    def __init__(self, holder: str = "a", link: LinkStatus = LIVE) -> None:
        self.now = T
        self.leases = Leases(T)
        self.links: dict[str, LinkStatus | None] = {"a": link, "b": SEEN}
        self.rssi = {"a": -60, "b": -60}
        self.problem = {"a": "", "b": ""}
        self.plans: dict[str, int] = {}
        for name in self.links:
            self.leases.gateway(name, True, T)
        if holder:
            self.leases.take(S, holder, 1, T)
        self.hear()

    def hear(self) -> None:
        for name, link in self.links.items():
            if link is not None:
                self.leases.see(
                    name, S, link, self.rssi[name], self.now, self.now, problem=self.problem[name]
                )

    def moves_within(self, ms: int) -> tuple[int, Move] | None:
        """After how long the strap should move, and where; None: not within `ms`."""
        began = self.now
        while self.now - began <= ms:
            found = self.leases.decide(self.now, self.plans)
            if found:
                return self.now - began, found[0]
            self.now += 500
            if self.now % 1000 == 0:
                self.hear()
        return None


def test_a_live_link_stays_whoever_hears_it_better() -> None:
    room = Room()
    room.rssi["b"] = -30
    assert room.moves_within(120_000) is None
    room.links["a"] = LinkStatus.SILENT  # its gateway probes it
    assert room.moves_within(120_000) is None


def test_nobodys_sensor_goes_to_where_it_is_connected_else_to_the_nearest() -> None:
    room = Room(holder="", link=SEEN)
    room.rssi["b"] = -55
    assert room.moves_within(5_000) == (leases.SETTLE_MS, Move(S, "b", Cause.FIRST))
    room.links["a"] = LIVE
    room.hear()
    assert room.moves_within(0) == (0, Move(S, "a", Cause.FIRST))


def test_a_sensor_that_is_not_live_goes_where_it_is_louder_but_not_for_a_little() -> None:
    room = Room(link=SEEN)
    room.rssi["b"] = -55
    assert room.moves_within(leases.NEARER_MS - 5_000) is None  # 5 dB are a turned body
    room.rssi["b"] = -40
    room.hear()
    found = room.moves_within(30_000)
    assert found is not None and found[1] == (S, "b", Cause.NEARER)
    assert found[0] >= leases.NEARER_MS


def test_louder_for_a_moment_counts_for_nothing() -> None:
    room = Room(link=SEEN)
    for _ in range(3):
        room.rssi["b"] = -40
        assert room.moves_within(leases.NEARER_MS - 6_000) is None
        room.rssi["b"] = -60
        assert room.moves_within(5_000) is None
        room.links["a"] = LIVE  # and it was live in between
        room.hear()
        assert room.moves_within(1_000) is None
        room.links["a"] = SEEN


@pytest.mark.parametrize(
    ("link", "problem", "after_ms", "cause"),
    [
        (BACKOFF, "timeout", leases.FAILING_MS, Cause.FAILING),
        (BACKOFF, "out_of_slots", leases.FULL_MS, Cause.FULL),
        (SEEN, "", leases.STUCK_MS, Cause.FAILING),
        (ABSENT, "", leases.ABSENT_MS, Cause.ABSENT),
    ],
)
def test_a_holder_that_does_not_get_it_loses_it(
    link: LinkStatus, problem: str, after_ms: int, cause: Cause
) -> None:
    room = Room(link=link)
    room.problem["a"] = problem
    room.hear()
    assert room.moves_within(150_000) == (after_ms, Move(S, "b", cause))


def test_an_attempt_to_connect_is_left_to_end_by_itself() -> None:
    room = Room(link=LinkStatus.CONNECTING)
    room.rssi["b"] = -30
    assert room.moves_within(25_000) is None
    room.links["a"] = BACKOFF
    room.hear()
    assert room.moves_within(0) == (0, Move(S, "b", Cause.NEARER))


def test_a_sensor_that_nobody_hears_stays_where_it_was() -> None:
    room = Room(link=ABSENT)
    room.links["b"] = ABSENT
    assert room.moves_within(600_000) is None
    room.links["b"] = None  # what it said last grows old
    room.leases.see("b", S, SEEN, -50, room.now - leases.FRESH_MS - 1, room.now)
    assert room.moves_within(0) is None


def test_a_sensor_connected_elsewhere_is_held_there() -> None:
    room = Room(link=BACKOFF)
    room.links["b"] = LIVE
    room.hear()
    assert room.moves_within(0) == (0, Move(S, "b", Cause.CONNECTED))
    room.links["a"] = LinkStatus.SUBSCRIBING  # two at once: it stays
    room.hear()
    assert room.moves_within(60_000) is None


def test_a_gateway_that_stopped_has_let_go() -> None:
    room = Room()
    room.now += 2_000
    room.leases.gateway("a", False, room.now, left=True)
    room.links["a"] = None
    room.plans[S] = room.now + 600_000
    room.hear()
    assert room.moves_within(0) == (0, Move(S, "b", Cause.LEFT))


def test_a_gateway_that_is_cut_off_keeps_what_it_may_still_hold() -> None:
    """b heard the strap before a took it; since then nobody: a has it, and follows its plan."""
    room = Room()
    room.leases.gateway("a", False, room.now)
    room.links.update(a=None, b=None)
    assert room.moves_within(900_000) is None
    room.links["b"] = SEEN  # now it advertises: its one connection is free
    room.hear()
    assert room.moves_within(1_000) == (0, Move(S, "b", Cause.GONE))


def test_a_gateway_that_died_loses_its_sensors_once_they_are_heard_again() -> None:
    room = Room()
    room.leases.gateway("a", False, room.now)
    room.links["a"] = None
    assert room.moves_within(30_000) == (leases.GONE_MS, Move(S, "b", Cause.GONE))


def test_a_trainer_that_advertises_while_connected_is_waited_for_until_its_plan_ends() -> None:
    room = Room()
    assert room.moves_within(leases.TALKS_MS + leases.LET_GO_MS + 3_000) is None
    room.leases.gateway("a", False, room.now)
    room.links["a"] = None
    until = room.now + 60_000
    room.plans[S] = until
    found = room.moves_within(90_000)
    assert found == (60_000, Move(S, "b", Cause.GONE))


def test_heard_in_the_seconds_before_a_death_is_noticed_is_no_proof_of_talking() -> None:
    room = Room()
    assert room.moves_within(5_000) is None  # a is dead already, the hub does not know
    room.leases.gateway("a", False, room.now)
    room.links["a"] = None
    room.plans[S] = room.now + 600_000
    found = room.moves_within(30_000)
    assert found is not None and found[1].cause is Cause.GONE


def test_a_sensor_that_waits_for_its_turn_keeps_it() -> None:
    """Connects are made one after the other: the tenth waits for a while, and would elsewhere."""
    room = Room(link=SEEN)
    room.rssi["b"] = -40
    room.leases.take("other", "b", 1, T)
    room.leases.take("another", "b", 1, T)
    for _ in range(5):
        for name in ("other", "another"):
            room.leases.see("b", name, SEEN, -50, room.now, room.now)
        assert room.moves_within(4_000) is None
    for name in ("other", "another"):
        room.leases.see("b", name, LIVE, -50, room.now, room.now)
    found = room.moves_within(4_000)
    assert found is not None and found[1].cause is Cause.NEARER


def test_a_full_gateway_is_no_way_out() -> None:
    room = Room(link=BACKOFF)
    room.leases.slots("b", 0, T)
    assert room.moves_within(60_000) is None
    room.leases.slots("b", 1, T)
    assert room.moves_within(leases.FAILING_MS) is not None


def test_a_holder_without_a_free_slot_need_not_try() -> None:
    room = Room(link=BACKOFF)
    room.leases.slots("a", 0, T)
    assert room.moves_within(30_000) == (leases.FULL_MS, Move(S, "b", Cause.FULL))


def test_slots_are_not_given_away_twice() -> None:
    made = Leases(T)
    for name in "ab":
        made.gateway(name, True, T)
    made.slots("b", 2, T)
    for number in range(5):
        made.take(f"s{number}", "a", 1, T)
        made.see("b", f"s{number}", SEEN, -60, T + 1, T + 1)
    made.gateway("a", False, T + 1, left=True)
    moves = made.decide(T + 1, {})
    assert len(moves) == 2
    for move in moves:
        made.take(move.sensor_id, move.gateway, 2, T + 1)
    for number in range(5):
        made.see("b", f"s{number}", SEEN, -60, T + 2, T + 2)
    assert made.decide(T + 2, {}) == []


def test_a_number_that_does_not_rise_is_refused() -> None:
    made = Leases(T)
    made.take(S, "a", 7, T)
    with pytest.raises(ValueError, match="lease 7"):
        made.take(S, "b", 7, T)
    made.take(S, "b", 8, T)
    assert (made.holder(S), made.lease(S), made.elsewhere("a")) == ("b", 8, (S,))
    assert made.elsewhere("b") == ()


def test_it_is_bounded() -> None:
    made = Leases(T)
    for number in range(leases.SENSORS_MAX + 10):
        made.see("a", f"s{number}", SEEN, -60, T, T)
    made.forget("a", [f"s{leases.SENSORS_MAX - 1}"])
    for number in range(leases.GATEWAYS_MAX + 10):
        made.gateway(f"g{number}", True, T)
    made.gateway("a", True, T)
    (move,) = made.decide(T + leases.SETTLE_MS, {})
    assert move == (f"s{leases.SENSORS_MAX - 1}", "a", Cause.FIRST)
    assert made.decide(T + leases.FRESH_MS + 1, {}) == []  # not heard any more


def test_when_it_is_full_the_sensor_that_left_longest_ago_makes_room() -> None:
    made = Leases(T)
    made.gateway("a", True, T)
    for number in range(leases.SENSORS_MAX):
        made.take(f"s{number}", "a", 1, T)  # somebody's once: such a one is never forgotten else
        made.see("a", f"s{number}", ABSENT, None, T + number, T)
    made.see("a", "s0", LIVE, -60, T, T)
    made.see("a", "new", SEEN, -60, T + 9_999, T + 9_999)
    assert [made.holder(one) for one in ("s0", "s1", "s2")] == ["a", "", "a"]
    (move,) = made.decide(T + 9_999 + leases.SETTLE_MS, {})
    assert move == ("new", "a", Cause.FIRST)


# Any history

NAMES = ("a", "b", "c")
SENSORS = ("s1", "s2")
STEP = st.one_of(
    st.tuples(
        st.just("see"),
        st.sampled_from(NAMES),
        st.sampled_from(SENSORS),
        st.sampled_from(list(LinkStatus)),
        st.integers(-95, -30),
    ),
    st.tuples(st.just("up"), st.sampled_from(NAMES)),
    st.tuples(st.just("down"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("whole"), st.sampled_from(NAMES)),
    st.tuples(st.just("slots"), st.sampled_from(NAMES), st.integers(0, 2)),
    st.tuples(st.just("restart")),
)
HISTORY = st.lists(st.tuples(st.integers(1, 4_000), STEP), max_size=120)


class Store:
    """Lease numbers and holders, as they survive a hub."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = defaultdict(int)
        self.holders: dict[str, str] = {}

    def hold(self, sensor_id: str, gateway: str) -> int:
        self.numbers[sensor_id] += 1
        self.holders[sensor_id] = gateway
        return self.numbers[sensor_id]


class Hub:
    def __init__(self, store: Store, now: int) -> None:
        self.leases = Leases(now)
        self.up: set[str] = set()
        self.links: dict[tuple[str, str], LinkStatus] = {}
        for sensor_id, gateway in store.holders.items():
            self.leases.take(sensor_id, gateway, store.numbers[sensor_id], now)

    def apply(self, step: tuple[object, ...], now: int) -> None:
        kind, *about = step
        name = str(about[0]) if about else ""
        if kind == "see":
            _, sensor_id, link, rssi = about
            assert isinstance(link, LinkStatus) and isinstance(rssi, int)
            if name in self.up:
                self.links[name, str(sensor_id)] = link
                self.leases.see(name, str(sensor_id), link, rssi, now, now)
        elif kind in ("up", "down"):
            (self.up.add if kind == "up" else self.up.discard)(name)
            self.leases.gateway(name, kind == "up", now, left=about[1:] == [True])
        elif kind == "whole":
            self.leases.forget(name)
            self.links = {key: link for key, link in self.links.items() if key[0] != name}
        elif kind == "slots":
            assert isinstance(about[1], int)
            self.leases.slots(name, about[1], now)


@given(HISTORY)
def test_in_any_history(history: list[tuple[int, tuple[object, ...]]]) -> None:
    store, now = Store(), T
    hub = Hub(store, now)
    changes: dict[str, list[int]] = defaultdict(list)
    plans: Mapping[str, int] = {"s1": T + 100_000}
    for wait_ms, step in history:
        now += wait_ms
        if step[0] == "restart":
            hub = Hub(store, now)
        else:
            hub.apply(step, now)
        for move in hub.leases.decide(now, plans):
            holder = hub.leases.holder(move.sensor_id)
            assert move.gateway in hub.up and move.gateway != holder
            if holder in hub.up:
                assert hub.links.get((holder, move.sensor_id)) not in leases.LINKED
            before = store.numbers[move.sensor_id]
            hub.leases.take(
                move.sensor_id, move.gateway, store.hold(move.sensor_id, move.gateway), now
            )
            assert hub.leases.lease(move.sensor_id) > before
            if holder:
                changes[move.sensor_id].append(now)
        assert hub.leases.decide(now, plans) == []  # what was done is not asked for again
        for sensor_id, gateway in store.holders.items():
            assert hub.leases.holder(sensor_id) == gateway
            free = {name for name in NAMES if sensor_id not in hub.leases.elsewhere(name)}
            assert free == {gateway}
    if ("restart",) not in [step for _, step in history]:
        for times in changes.values():
            for at_ms in times:
                assert not any(at_ms < other < at_ms + leases.REST_MS for other in times)
                assert sum(at_ms <= other < at_ms + 60_000 for other in times) <= 4
