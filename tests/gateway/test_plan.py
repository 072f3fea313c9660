"""The plan: who may replace it, what holds when, and that nothing changes between deadlines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plan import MAX_STEPS, MOST_POWER_W, HeldPlan, Refused, Release
from hub.wire.uplink import Plan
from hub.wire.values import FreeTarget, GradeTarget, PlanStep, PowerTarget, ResistanceTarget, Target


def plan(
    *steps: PlanStep, rev: int = 1, lease: int = 1, until: int = 10_000, cap: int = 500
) -> Plan:
    return Plan(trainer="t", lease=lease, rev=rev, until_at_ms=until, cap_w=cap, steps=tuple(steps))


def hold(at_ms: int, power_w: int, ramp_to_w: int | None = None) -> PlanStep:
    ramp_to = None if ramp_to_w is None else PowerTarget(ramp_to_w)
    return PlanStep(at_ms=at_ms, target=PowerTarget(power_w), ramp_to=ramp_to)


def held(*steps: PlanStep, until: int = 10_000) -> HeldPlan:
    keeper = HeldPlan()
    assert keeper.take(plan(*steps, until=until)) is None
    return keeper


def test_without_a_plan_the_trainer_is_free() -> None:
    keeper = HeldPlan()
    assert keeper.target_at(0) == Release("no_plan")
    assert keeper.deadline(0) is None and keeper.rev == -1


def test_steps_follow_each_other_to_the_end() -> None:
    free = PlanStep(at_ms=3000, target=FreeTarget())
    keeper = held(hold(1000, 100), hold(2000, 200), free, until=4000)
    seen: list[tuple[int, Target | Release]] = []
    now: int | None = 0
    while now is not None:
        seen.append((now, keeper.target_at(now)))
        now = keeper.deadline(now)
    assert seen == [
        (0, Release("not_begun")),
        (1000, PowerTarget(100)),
        (2000, PowerTarget(200)),
        (3000, FreeTarget()),
        (4000, Release("plan_ended")),
    ]


def test_ramps_are_linear_in_whole_watts() -> None:
    keeper = held(hold(0, 100, 110), hold(10_000, 110, 100), until=20_000)
    assert [keeper.target_at(ms) for ms in (0, 499, 500, 5000, 9499, 9500)] == [
        PowerTarget(watts) for watts in (100, 100, 101, 105, 109, 110)
    ]
    assert [keeper.target_at(10_000 + ms) for ms in (0, 500, 501, 5000, 9501, 9999)] == [
        PowerTarget(watts) for watts in (110, 110, 109, 105, 100, 100)
    ]
    assert keeper.deadline(0) == 500 and keeper.deadline(9500) == 10_000
    assert keeper.deadline(10_000) == 10_501


def test_ramp_to_the_same_power_is_steady() -> None:
    assert held(hold(0, 100, 100)).deadline(0) == 10_000


def test_newer_replaces_older_is_refused_same_is_known() -> None:
    keeper = held(hold(0, 100))
    assert keeper.take(plan(hold(0, 200), rev=1)) is None
    assert keeper.target_at(0) == PowerTarget(100)
    assert keeper.take(plan(hold(0, 200), rev=3)) is None
    assert keeper.target_at(0) == PowerTarget(200) and keeper.rev == 3
    refused = keeper.take(plan(hold(0, 300), rev=2))
    assert isinstance(refused, Refused) and refused.code == "stale_rev"
    assert keeper.target_at(0) == PowerTarget(200)


def test_leases() -> None:
    keeper = held(hold(0, 100))
    assert keeper.take(plan(hold(0, 200), lease=2, rev=0)) is None
    refused = keeper.take(plan(hold(0, 300), lease=1, rev=9))
    assert isinstance(refused, Refused) and refused.code == "stale_lease"
    assert keeper.target_at(0) == PowerTarget(200)
    keeper.renew(2)
    assert keeper.target_at(0) == PowerTarget(200)
    keeper.renew(3)
    assert keeper.target_at(0) == Release("no_plan")
    assert isinstance(keeper.take(plan(hold(0, 200), lease=2, rev=9)), Refused)


def test_an_empty_plan_releases_with_the_hubs_reason() -> None:
    keeper = held(hold(0, 100))
    stop = Plan(trainer="t", lease=1, rev=2, until_at_ms=0, cap_w=500, steps=(), reason="paused")
    assert keeper.take(stop) is None
    assert keeper.target_at(0) == Release("paused") and keeper.plan is None


def test_dropped_stays_dropped_until_the_next_revision() -> None:
    keeper = held(hold(0, 100))
    keeper.drop("released")
    assert keeper.take(plan(hold(0, 100), rev=1)) is None
    assert keeper.target_at(0) == Release("released") and keeper.deadline(0) is None
    assert keeper.take(plan(hold(0, 100), rev=2)) is None
    assert keeper.target_at(0) == PowerTarget(100)


@pytest.mark.parametrize(
    "bad, word",
    [
        (plan(hold(1000, 100), hold(1000, 200), rev=2), "order"),
        (plan(hold(1000, 100), rev=2, until=999), "ends before"),
        (plan(hold(0, -1), rev=2), "-1 W"),
        (plan(hold(0, 100, MOST_POWER_W + 1), rev=2), "not between"),
        (plan(hold(0, 100), rev=2, cap=-5), "cap"),
        (plan(*(hold(i, 100) for i in range(MAX_STEPS + 1)), rev=2), "more than"),
        (
            plan(PlanStep(at_ms=0, target=FreeTarget(), ramp_to=PowerTarget(100)), rev=2),
            "both ends",
        ),
        (
            plan(PlanStep(at_ms=0, target=PowerTarget(100), ramp_to=FreeTarget()), rev=2),
            "both ends",
        ),
    ],
)
def test_a_bad_plan_is_refused_and_the_old_one_stays(bad: Plan, word: str) -> None:
    keeper = held(hold(0, 100))
    refused = keeper.take(bad)
    assert isinstance(refused, Refused) and refused.code == "bad_plan" and word in refused.reason
    assert keeper.target_at(0) == PowerTarget(100) and keeper.rev == 1


powers = st.integers(0, 1500)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    at_ms = draw(st.integers(0, 5000))
    steps = []
    for _ in range(draw(st.integers(1, 6))):
        target: Target = draw(st.one_of(powers.map(PowerTarget), st.just(FreeTarget())))
        ramp = isinstance(target, PowerTarget) and draw(st.booleans())
        ramp_to = PowerTarget(draw(powers)) if ramp else None
        steps.append(PlanStep(at_ms=at_ms, target=target, ramp_to=ramp_to))
        at_ms += draw(st.integers(1, 5000))
    return plan(*steps, until=at_ms)


@given(plans(), st.integers(-100, 40_000), st.data())
def test_nothing_changes_before_the_deadline_and_it_is_ahead(
    drawn: Plan, now: int, data: st.DataObject
) -> None:
    keeper = HeldPlan()
    assert keeper.take(drawn) is None
    due = keeper.deadline(now)
    if due is None:
        assert keeper.target_at(now) == Release("plan_ended")
        return
    assert due > now
    assert keeper.target_at(due - 1) == keeper.target_at(now)
    between = data.draw(st.integers(now, due - 1))
    assert keeper.target_at(between) == keeper.target_at(now)


@given(plans())
def test_walking_the_deadlines_ends_in_release_and_stays_within_each_ramp(drawn: Plan) -> None:
    keeper = HeldPlan()
    keeper.take(drawn)
    for i, step in enumerate(drawn.steps):
        ends = [t.power_w for t in (step.target, step.ramp_to) if isinstance(t, PowerTarget)]
        end_ms = drawn.steps[i + 1].at_ms if i + 1 < len(drawn.steps) else drawn.until_at_ms
        now: int | None = step.at_ms
        assert keeper.target_at(step.at_ms) == step.target
        while now is not None and now < end_ms:
            target = keeper.target_at(now)
            if isinstance(target, PowerTarget):
                assert min(ends) <= target.power_w <= max(ends)
            now = keeper.deadline(now)
    assert keeper.target_at(drawn.until_at_ms) == Release("plan_ended")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), powers), max_size=12))
def test_the_newest_plan_seen_is_in_force_whatever_the_order(
    arrivals: list[tuple[int, int, int]],
) -> None:
    """Revisions and leases arrive in any order, doubled too: the highest (lease, rev) counts."""
    keeper = HeldPlan()
    first: dict[tuple[int, int], int] = {}
    for rev, lease, power_w in arrivals:
        keeper.take(plan(hold(0, power_w), rev=rev, lease=lease))
        first.setdefault((lease, rev), power_w)
        newest = max(first)
        assert keeper.target_at(0) == PowerTarget(first[newest])


# Grade and resistance


def test_a_road_ramps_in_tenths_of_a_percent_and_keeps_its_wind() -> None:
    keeper = HeldPlan()
    begin = GradeTarget(grade_pct=1.0, wind_mps=2.0)
    steps = (PlanStep(0, begin, GradeTarget(grade_pct=3.0)),)
    assert keeper.take(Plan("t", 1, 1, 20_000, 400, steps)) is None
    assert keeper.target_at(0) == begin
    assert keeper.target_at(10_000) == GradeTarget(grade_pct=2.0, wind_mps=2.0)
    changes = []
    now: int | None = 0
    while now is not None and now < 20_000:
        before = keeper.target_at(now)
        now = keeper.deadline(now)
        if now is not None and now < 20_000:
            changes.append(now)
            assert keeper.target_at(now) != before and keeper.target_at(now - 1) == before
    assert len(changes) == 20


def test_a_dial_ramps_in_whole_percents() -> None:
    keeper = HeldPlan()
    step = PlanStep(0, ResistanceTarget(40), ResistanceTarget(20))
    keeper.take(Plan("t", 1, 1, 10_000, 400, (step,)))
    assert keeper.target_at(5_000) == ResistanceTarget(30)


@pytest.mark.parametrize(
    "step",
    [
        PlanStep(0, GradeTarget(grade_pct=41)),
        PlanStep(0, GradeTarget(grade_pct=float("nan"))),
        PlanStep(0, GradeTarget(grade_pct=1, wind_mps=float("inf"))),
        PlanStep(0, GradeTarget(grade_pct=1, wind_mps=60)),
        PlanStep(0, ResistanceTarget(101)),
        PlanStep(0, ResistanceTarget(10), PowerTarget(100)),
        PlanStep(0, FreeTarget(), GradeTarget(grade_pct=1)),
    ],
)
def test_roads_and_dials_that_are_none_are_refused(step: PlanStep) -> None:
    refused = HeldPlan().take(Plan("t", 1, 1, 10_000, 400, (step,)))
    assert isinstance(refused, Refused) and refused.code == "bad_plan"
