"""Which adapter connects which sensor: each rule by a table, then what must always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.radio_planner import (
    BUSY_DB,
    FAILURE_DB,
    LAST_SLOT_DB,
    LOAD_DB,
    STAY_DB,
    AdapterView,
    EarView,
    Plan,
    SensorView,
    free_slots,
    importance,
    plan,
    score_db,
)
from hub.wire.uplink import SensorKind

X, Y = "x", "y"
STRAP, PEDALS, POD = (SensorKind.HEART_RATE,), (SensorKind.POWER,), (SensorKind.CADENCE,)


def adapter(adapter_id: str = X, slots: int = 4, used: int = 0, *, up: bool = True) -> AdapterView:
    return AdapterView(adapter_id, up, slots, used)


def asks(name: str = "a", at_ms: int = 1, **ears: float) -> SensorView:
    heard = {adapter_id: EarView(rssi_dbm) for adapter_id, rssi_dbm in ears.items()}
    return SensorView(name, kinds=STRAP, asked_ms=at_ms, ears=heard)


def holds(name: str, where: str = X) -> SensorView:
    return SensorView(name, kinds=STRAP, holder=where, last=where)


def begins(found: Plan) -> dict[str, str]:
    return dict(found.begin)


# One sensor, two adapters: where it goes


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [
        (adapter(X), adapter(Y), X),  # -50 against -60
        (adapter(X, up=False), adapter(Y), Y),
        (adapter(X, slots=4, used=4), adapter(Y), Y),
        (adapter(X, slots=4, used=3), adapter(Y), X),  # the last slot costs less than 10 dB
        (replace(adapter(X), connecting=True), adapter(Y), X),  # waited for
    ],
)
def test_the_best_signal_wins_among_adapters_that_can(
    x: AdapterView, y: AdapterView, where: str
) -> None:
    found = plan([asks(x=-50, y=-60)], [x, y])
    assert {**found.begin, **found.wait} == {"a": where}
    assert bool(found.wait) == (x.connecting and where == X)


@pytest.mark.parametrize(
    ("ear", "view", "stays", "penalty_db"),
    [
        (EarView(-60), adapter(), False, 0),
        (EarView(-60, failures=2), adapter(), False, 2 * FAILURE_DB),
        (EarView(-60, failures=50), adapter(), False, 5 * FAILURE_DB),
        (EarView(-60), replace(adapter(), connecting=True), False, BUSY_DB),
        (EarView(-60), adapter(used=2), False, LOAD_DB / 2),
        (EarView(-60), adapter(used=3), False, LOAD_DB * 3 / 4 + LAST_SLOT_DB),
        (EarView(-60), adapter(), True, -STAY_DB),
    ],
)
def test_what_speaks_against_an_adapter_is_counted_in_db(
    ear: EarView, view: AdapterView, stays: bool, penalty_db: float
) -> None:
    assert score_db(ear, view, stays=stays) == pytest.approx(-60 - penalty_db)


@pytest.mark.parametrize(("y_dbm", "where"), [(-55, X), (-54.1, X), (-53, Y)])
def test_a_sensor_goes_back_to_its_last_adapter_unless_another_is_clearly_better(
    y_dbm: float, where: str
) -> None:
    sensor = replace(asks(x=-60, y=y_dbm), last=X)
    assert begins(plan([sensor], [adapter(X), adapter(Y)])) == {"a": where}


def test_a_live_link_is_not_moved_for_a_better_signal() -> None:
    held = replace(holds("a", X), ears={X: EarView(-95), Y: EarView(-30)})
    assert plan([held], [adapter(X, used=1), adapter(Y)]) == Plan({}, {}, frozenset(), frozenset())


def test_when_its_adapter_dies_a_sensor_goes_to_another_that_hears_it() -> None:
    lost = replace(asks(x=-40, y=-80), last=X)
    assert begins(plan([lost], [adapter(X, up=False), adapter(Y)])) == {"a": Y}


def test_an_adapter_that_still_closes_its_link_is_not_offered() -> None:
    lost = replace(asks(x=-40, y=-80), last=X, leaving=frozenset({X}))
    assert begins(plan([lost], [adapter(X, used=1), adapter(Y)])) == {"a": Y}
    only = replace(asks(x=-40), last=X, leaving=frozenset({X}))
    assert plan([only], [adapter(X, used=1)]) == Plan({}, {}, frozenset(), frozenset())


def test_a_sensor_that_nobody_hears_is_not_said_to_lack_a_slot() -> None:
    assert plan([asks()], [adapter()]) == Plan({}, {}, frozenset(), frozenset())
    assert plan([asks(x=-50)], [adapter(up=False)]).refused == frozenset()


# Several sensors


def test_one_connect_at_a_time_per_adapter() -> None:
    found = plan([asks("a", 1, x=-50), asks("b", 2, x=-50)], [adapter()])
    assert (begins(found), dict(found.wait)) == ({"a": X}, {"b": X})


def test_a_free_adapter_is_used_rather_than_waiting_for_one_slightly_better() -> None:
    sensors = [asks("a", 1, x=-50, y=-53), asks("b", 2, x=-50, y=-53)]
    assert begins(plan(sensors, [adapter(X), adapter(Y)])) == {"a": X, "b": Y}
    far = [asks("a", 1, x=-50, y=-80), asks("b", 2, x=-50, y=-80)]
    assert begins(plan(far, [adapter(X), adapter(Y)])) == {"a": X}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SensorView("a", assigned=True, kinds=POD, asked_ms=9), SensorView("b", kinds=STRAP)),
        (SensorView("a", kinds=STRAP, asked_ms=9), SensorView("b", kinds=PEDALS)),
        (SensorView("a", kinds=(SensorKind.TRAINER,), asked_ms=9), SensorView("b", kinds=POD)),
        (SensorView("a", kinds=PEDALS, asked_ms=9), SensorView("b", kinds=POD)),
        (SensorView("b", kinds=POD, asked_ms=1), SensorView("a", kinds=POD, asked_ms=2)),
    ],
)
def test_when_slots_are_short_there_is_an_order(first: SensorView, second: SensorView) -> None:
    heard = {X: EarView(-50)}
    first = replace(first, ears=heard)
    second = replace(second, ears=heard, asked_ms=second.asked_ms or 5)
    found = plan([second, first], [adapter(slots=1)])
    assert begins(found) == {first.sensor_id: X} and found.refused == {second.sensor_id}


def test_a_slot_that_is_waited_for_is_not_given_away() -> None:
    first, later = asks("a", 1, x=-50), asks("b", 2, x=-50)
    found = plan([first, later], [replace(adapter(slots=2, used=1), connecting=True)])
    assert dict(found.wait) == {"a": X} and found.refused == {"b"}


def test_a_riders_sensor_takes_the_place_of_a_strangers() -> None:
    rider = replace(asks("r", x=-50), assigned=True)
    strangers = [holds("s1"), replace(holds("s2"), kinds=POD)]
    full = adapter(slots=2, used=2)
    found = plan([rider, *strangers], [full])
    assert (dict(found.wait), found.evict, begins(found)) == ({"r": X}, {"s2"}, {})
    letting_go = [strangers[0], replace(strangers[1], holder=None, leaving=frozenset({X}))]
    again = plan([rider, *letting_go], [full])
    assert dict(again.wait) == {"r": X} and not again.evict
    done = plan([rider, strangers[0]], [adapter(slots=2, used=1)])
    assert begins(done) == {"r": X}


def test_nobody_is_evicted_for_a_stranger_nor_one_rider_for_another() -> None:
    full = adapter(slots=1, used=1)
    found = plan([asks("s", x=-50), holds("t")], [full])
    assert found.refused == {"s"} and not found.evict
    rider = replace(asks("r", x=-50), assigned=True)
    found = plan([rider, replace(holds("q"), assigned=True)], [full])
    assert found.refused == {"r"} and not found.evict


@pytest.mark.parametrize(
    ("view", "free"),
    [(adapter(slots=7), 7), (adapter(slots=7, used=7), 0), (adapter(slots=7, up=False), 0),
     (adapter(slots=5, used=6), 0)],
)  # fmt: skip
def test_what_an_adapter_could_still_take(view: AdapterView, free: int) -> None:
    assert free_slots(view) == free


@pytest.mark.parametrize(
    ("kinds", "rank"),
    [
        ((SensorKind.TRAINER, SensorKind.POWER), 0),
        ((SensorKind.HEART_RATE,), 0),
        ((SensorKind.ROWER,), 0),
        ((SensorKind.POWER, SensorKind.CADENCE), 1),
        ((), 1),
        ((SensorKind.CADENCE, SensorKind.SPEED), 2),
        ((SensorKind.RUN,), 2),
    ],
)
def test_how_much_a_kind_matters(kinds: tuple[SensorKind, ...], rank: int) -> None:
    assert importance(kinds) == rank


# What always holds

IDS = ("w", "x", "y", "z")
ears = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(EarView, st.integers(-100, -30).map(float), st.integers(0, 6)),
)
sensors = st.lists(
    st.builds(
        SensorView,
        sensor_id=st.integers(0, 99).map(str),
        assigned=st.booleans(),
        kinds=st.sampled_from([STRAP, PEDALS, POD, (), (SensorKind.TRAINER,)]),
        asked_ms=st.none() | st.integers(0, 50),
        holder=st.none() | st.sampled_from(IDS),
        leaving=st.frozensets(st.sampled_from(IDS), max_size=1),
        last=st.none() | st.sampled_from(IDS),
        ears=ears,
    ),
    unique_by=lambda sensor: sensor.sensor_id,
    max_size=14,
)
rooms = st.tuples(
    sensors, st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.booleans()), max_size=4)
)


def consistent(
    seen: list[SensorView], drawn: list[tuple[bool, int, bool]]
) -> tuple[list[SensorView], list[AdapterView]]:
    """Adapters that count what the sensors say they hold, with room for at least that."""
    links = Counter(s.holder for s in seen if s.holder)
    links.update(a for s in seen for a in s.leaving)
    adapters = [
        AdapterView(adapter_id, up, links[adapter_id] + spare, links[adapter_id], connecting)
        for adapter_id, (up, spare, connecting) in zip(IDS, drawn, strict=False)
    ]
    return seen, adapters


def carried_out(
    found: Plan, seen: list[SensorView], adapters: list[AdapterView]
) -> tuple[list[SensorView], list[AdapterView]]:
    after = []
    for sensor in seen:
        if sensor.sensor_id in found.begin:
            where = found.begin[sensor.sensor_id]
            sensor = replace(sensor, asked_ms=None, holder=where, last=where)
        elif sensor.sensor_id in found.evict:
            leaving = sensor.leaving | {sensor.holder or ""}
            sensor = replace(sensor, holder=None, leaving=leaving, asked_ms=None)
        after.append(sensor)
    begun = Counter(found.begin.values())
    return after, [
        replace(
            a, used=a.used + begun[a.adapter_id], connecting=a.connecting or a.adapter_id in begun
        )
        for a in adapters
    ]


@given(rooms)
def test_a_plan_keeps_within_slots_and_gives_each_sensor_one_adapter(
    room: tuple[list[SensorView], list[tuple[bool, int, bool]]],
) -> None:
    seen, adapters = consistent(*room)
    found = plan(seen, adapters)
    by_sensor = {sensor.sensor_id: sensor for sensor in seen}
    by_id = {view.adapter_id: view for view in adapters}
    groups = [found.begin.keys(), found.wait.keys(), found.refused]
    assert sum(map(len, groups)) == len(set().union(*groups)), "one verdict each"
    for sensor_id in set().union(*groups):
        assert by_sensor[sensor_id].asked_ms is not None and by_sensor[sensor_id].holder is None
    for sensor_id, adapter_id in {**found.begin, **found.wait}.items():
        assert by_id[adapter_id].up
        assert adapter_id in by_sensor[sensor_id].ears.keys() - by_sensor[sensor_id].leaving
    begun = Counter(found.begin.values())
    for adapter_id, count in begun.items():
        view = by_id[adapter_id]
        assert count == 1 and not view.connecting and view.used + count <= view.slots
    for sensor_id in found.evict:
        assert by_sensor[sensor_id].holder and not by_sensor[sensor_id].assigned
    waiting_riders = [s for s in found.wait if by_sensor[s].assigned]
    assert len(found.evict) <= len(waiting_riders)
    for sensor_id in found.refused:  # it really could not be served
        sensor = by_sensor[sensor_id]
        claimed = Counter({**found.begin, **found.wait}.values())
        for adapter_id in sensor.ears.keys() - sensor.leaving:
            view = by_id.get(adapter_id)
            assert view is None or not view.up or view.used + claimed[adapter_id] >= view.slots


@given(rooms)
def test_planning_again_changes_nothing(
    room: tuple[list[SensorView], list[tuple[bool, int, bool]]],
) -> None:
    seen, adapters = consistent(*room)
    found = plan(seen, adapters)
    assert plan(seen[::-1], adapters[::-1]) == found, "the order of the rows means nothing"
    after = carried_out(found, seen, adapters)
    assert plan(*after) == Plan({}, found.wait, found.refused, frozenset())
