from __future__ import annotations

import asyncio

import pytest

from hub import gateway_desk
from hub.gateway_desk import GatewayDesk
from hub.wire.uplink import AssignedSensor, Assignments, Command, CommandOp, Plan


def test_a_gateway_that_only_says_hello_is_not_kept() -> None:
    desk = GatewayDesk()
    assert desk.held("stranger", 0) == []
    assert not desk._held


def test_of_too_many_gateways_the_one_not_heard_of_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway_desk, "GATEWAYS_MAX", 2)

    async def scene() -> None:
        desk = GatewayDesk()
        answer, new = desk.ask("a", Command("c1", CommandOp.RESCAN, 5_000), 5_000)
        assert new
        for name in ("b", "c"):
            desk.keep_assignments(name, Assignments(1, ()))
        assert (await answer).code == "gone"
        assert [bool(desk.held(name, 0)) for name in "abc"] == [False, True, True]

    asyncio.run(scene())


def test_a_hub_that_stops_answers_every_question() -> None:
    async def scene() -> None:
        desk = GatewayDesk()
        answer, _ = desk.ask("a", Command("c1", CommandOp.RESCAN, 5_000), 5_000)
        desk.close()
        assert (await answer).code == "hub_stopping"

    asyncio.run(scene())


def test_a_plan_does_not_outlive_the_lease_that_it_was_made_under() -> None:
    """Else a gateway that was away, and starts anew, would steer what another one holds by now."""
    desk = GatewayDesk()
    mine = Assignments(1, (AssignedSensor("kickr", 3, "ann"),))
    plan = Plan("kickr", 3, 7, 600_000, 300, ())
    desk.keep_assignments("a", mine)
    desk.keep_plan("a", plan)
    assert desk.held("a", 0) == [mine, plan]
    gone = Assignments(2, (), ("kickr",))
    desk.keep_assignments("a", gone)
    assert desk.held("a", 0) == [gone]
