"""What holds for each gateway and is said again when it returns: plans, assignments, commands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hub.wire.uplink import Assignments, Command, CommandReply, Plan

COMMANDS_MAX = 64  # under way at one gateway
GRACE_MS = 1_000  # an answer given at the deadline is still on its way
TRAINERS_MAX = 256
GATEWAYS_MAX = 256  # policy: for one more, the one whose news are oldest is forgotten


@dataclass(slots=True)
class _Question:
    command: Command
    answer: asyncio.Future[CommandReply]
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class _Held:
    plans: dict[str, Plan] = field(default_factory=dict)  # by trainer
    assignments: Assignments | None = None
    questions: dict[str, _Question] = field(default_factory=dict)


class GatewayDesk:
    """Newest plan per trainer, newest assignments, open commands; by gateway."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def keep_plan(self, gateway: str, plan: Plan) -> None:
        plans = self._of(gateway).plans
        plans.pop(plan.trainer, None)
        plans[plan.trainer] = plan
        if len(plans) > TRAINERS_MAX:
            del plans[next(iter(plans))]

    def keep_assignments(self, gateway: str, assignments: Assignments) -> None:
        """Plans under leases that it does not hold are dropped: another gateway steers by now."""
        held = self._of(gateway)
        held.assignments = assignments
        leases = {sensor.sensor_id: sensor.lease for sensor in assignments.sensors}
        held.plans = {
            trainer: plan
            for trainer, plan in held.plans.items()
            if leases.get(trainer) == plan.lease
        }

    def held(self, gateway: str, now_ms: int) -> list[Assignments | Plan | Command]:
        """All that still holds. Assignments first: a plan needs its lease."""
        held = self._held.get(gateway, _Held())
        held.plans = {
            trainer: plan
            for trainer, plan in held.plans.items()
            if not plan.steps or plan.until_at_ms >= now_ms
        }
        messages: list[Assignments | Plan | Command] = []
        if held.assignments is not None:
            messages.append(held.assignments)
        messages += held.plans.values()
        messages += (question.command for question in held.questions.values())
        return messages

    def ask(
        self, gateway: str, command: Command, wait_ms: int
    ) -> tuple[asyncio.Future[CommandReply], bool]:
        """The answer to come, and whether the command is new and to be sent."""
        loop = asyncio.get_running_loop()
        questions = self._of(gateway).questions
        known = questions.get(command.id)
        if known is not None:
            return known.answer, False
        answer: asyncio.Future[CommandReply] = loop.create_future()
        if wait_ms < 0:
            answer.set_result(CommandReply(command.id, False, "expired", "asked too late"))
            return answer, False
        if len(questions) >= COMMANDS_MAX:
            detail = f"{COMMANDS_MAX} commands are under way at {gateway}"
            answer.set_result(CommandReply(command.id, False, "busy", detail))
            return answer, False
        late = CommandReply(command.id, False, "expired", f"no answer from {gateway}")
        timer = loop.call_later((wait_ms + GRACE_MS) / 1_000, self.answer, gateway, late)
        questions[command.id] = _Question(command, answer, timer)
        return answer, True

    def answer(self, gateway: str, reply: CommandReply) -> None:
        """Settles a question; an answer nobody waits for any more is dropped."""
        held = self._held.get(gateway)
        question = None if held is None else held.questions.pop(reply.id, None)
        if question is not None:
            question.timer.cancel()
            if not question.answer.done():
                question.answer.set_result(reply)

    def close(self) -> None:
        """The hub stops: every open question is answered."""
        for gateway in self._held:
            self._give_up(gateway, "hub_stopping")

    def _make_room(self) -> None:
        while len(self._held) > GATEWAYS_MAX:
            oldest = next(iter(self._held))
            self._give_up(oldest, "gone")
            del self._held[oldest]

    def _give_up(self, gateway: str, code: str) -> None:
        for id_ in list(self._held[gateway].questions):
            self.answer(gateway, CommandReply(id_, False, code, ""))

    def _of(self, gateway: str) -> _Held:
        """Made when new, and the newest now."""
        held = self._held.pop(gateway, None) or _Held()
        self._held[gateway] = held
        self._make_room()
        return held
