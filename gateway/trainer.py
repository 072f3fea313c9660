"""One trainer: targets in, control point writes out, in whatever protocol it speaks.

Sans-I/O: the caller writes the bytes, subscribes to the dialect's answers before it says
`regained`, and reports what happens. While a procedure is in flight targets coalesce: the newest
wins.

A release is always carried through, also after a lost link: a trainer is never left holding a
target that nobody wants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.brake import Brake
from gateway.control_point import ControlPoint, Ended, Write
from gateway.dialects.port import (
    Answer,
    ControlLost,
    Dialect,
    Holds,
    MachineReset,
    News,
    Outcome,
    Procedure,
    Purpose,
    Refused,
    SafetyKey,
    SpinDownNews,
    Started,
    Stopped,
    mode_of,
)
from gateway.gatt.fitness_machine_control import PowerRange
from gateway.governor import Allowed, Governor
from gateway.permission import Permission
from gateway.plan import Release
from gateway.spin_down import SpinDownRun
from hub.wire.uplink import Mode, SpinDown, TrainerStatus
from hub.wire.values import FreeTarget, Target

TRIES = 2
REWRITE_MS = 500  # after a write that failed or was not answered
REFUSED_MS = 2000  # after "failed" or a refused request
RECLAIM_MS = 1000  # between losing control and asking again
SILENT_MS = (5000, 10_000, 30_000)  # back-off of a trainer that does not answer


class Steering(msgspec.Struct, frozen=True):
    """How the trainer is steered, sent when it changes. `target`: last accepted by the trainer."""

    status: TrainerStatus
    target: Target
    reason: str
    modes: tuple[Mode, ...] = ()
    spin_down: SpinDown | None = None


Output = Write | Steering


class Trainer:
    """State of one trainer. `read_only`: measured, never steered. Times are any steady ms.

    It begins without a link: nothing is written before `regained`.
    """

    def __init__(
        self,
        dialect: Dialect,
        power_range: PowerRange | None = None,
        cap_w: int | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self._dialect = dialect
        self._governor = Governor(power_range, cap_w)
        self._read_only = read_only
        self._linked = False
        self._goal: Target | None = None
        self._no_goal = "no_plan"  # why there is none
        self._permission = Permission()
        self._brake = Brake(dialect)
        self._started = False
        self._ramp_due = True  # the next target is the first after a start, a release or a gap
        self._stopped_by_key = False
        self._point = ControlPoint()
        self._wait_ms = 0
        self._tries = 0
        self._silences = 0
        self._spin_down = SpinDownRun()
        self._told: Steering | None = None

    # Inputs. Each answers what is to be written or told.

    def desired(self, wanted: Target | Release, now_ms: int) -> list[Output]:
        """What the plan says now."""
        goal = None if isinstance(wanted, Release) or mode_of(wanted) is None else wanted
        if goal is not None and self._goal is None:
            self._permission.ask_anew()  # a new ride
        if goal is None and self._goal is not None:
            self._wait_ms = now_ms  # letting go waits for nothing
        if mode_of(goal) is not mode_of(self._goal):
            self._ramp_due = True
        self._goal = goal
        self._no_goal = wanted.reason if isinstance(wanted, Release) else "free"
        self._governor.want(goal)
        return self._settle(now_ms)

    def limit(self, cap_w: int | None, now_ms: int) -> list[Output]:
        """The most this athlete may be asked for."""
        self._governor.limit(cap_w)
        return self._settle(now_ms)

    def ranged(self, power_range: PowerRange, now_ms: int) -> list[Output]:
        """Its range was read, perhaps after steering began."""
        self._governor.ranged(power_range)
        return self._settle(now_ms)

    def measurement(
        self, power_w: float | None, cadence_rpm: float | None, now_ms: int
    ) -> list[Output]:
        self._governor.measurement(power_w, cadence_rpm, now_ms)
        return self._settle(now_ms)

    def written(self, ok: bool, now_ms: int) -> list[Output]:
        """The response to the last `Write`, or its failure."""
        return self._settle(now_ms, self._point.written(ok, now_ms))

    def heard(self, char: str, data: bytes, now_ms: int) -> list[Output]:
        """From one of the dialect's characteristics."""
        said = self._dialect.heard(char, data)
        if isinstance(said, Answer):
            return self._settle(now_ms, self._point.answered(said))
        if said is not None:
            _ON_NEWS[type(said)](self, said, now_ms)
        return self._settle(now_ms)

    def lost(self, now_ms: int) -> list[Output]:
        """The link is gone. What the trainer held it may hold still."""
        self._linked = False
        if self._read_only:
            self._brake.engaged = False  # whatever is on the brake next is the other app's
        self._spin_down.fail("lost")
        self._fresh_link()
        return self._settle(now_ms)

    def regained(self, now_ms: int) -> list[Output]:
        """There is a link, and the dialect's answers are subscribed to."""
        self._linked = True
        self._fresh_link()
        return self._settle(now_ms)

    def inherit(self, now_ms: int) -> list[Output]:
        """A process that died steered it over this link: what it may hold is ours to let go of."""
        self._brake.engaged = True
        return self._settle(now_ms)

    def retry(self, now_ms: int) -> list[Output]:
        """The rider has closed the other app, or wants another try."""
        self._permission = Permission()
        self._started = False
        self._brake.retry()
        self._stopped_by_key = False
        self._silences = 0
        self._wait_ms = now_ms
        return self._settle(now_ms)

    def leave_alone(self, on: bool, now_ms: int) -> list[Output]:
        """Another app rides on it, or no longer. What it holds of ours is let go of first."""
        if on and not self._read_only:
            self._spin_down.fail("cancelled")
        self._read_only = on
        return self._settle(now_ms)

    def calibrate(self, now_ms: int) -> tuple[str, list[Output]]:
        """Begins a spin-down. The code says why not: "" if it begins."""
        code = self._why_no_spin_down()
        if not code:
            self._spin_down.begin(now_ms)
            self._wait_ms = now_ms
        return code, self._settle(now_ms)

    def cancel(self, now_ms: int) -> list[Output]:
        """Ends a spin-down under way."""
        self._spin_down.fail("cancelled")
        return self._settle(now_ms)

    def tick(self, now_ms: int) -> list[Output]:
        """At or after `deadline`. More often does no harm."""
        return self._settle(now_ms)

    def deadline(self, now_ms: int) -> int | None:
        """When `tick` has something to do; None: only another input can change anything."""
        if not self._linked:
            return None
        due = [
            self._point.deadline(),
            self._governor.deadline(now_ms),
            self._spin_down.deadline(),
        ]
        if self._point.in_flight is None:
            due.append(self._brake.deadline(now_ms))
            if self._wait_ms > now_ms:
                due.append(self._wait_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # What to do next.

    def _settle(self, now_ms: int, ended: Ended | None = None) -> list[Output]:
        outputs: list[Output] = []
        ended = ended or self._point.expire(now_ms)
        if ended is not None:
            self._ended(ended, now_ms)
        self._spin_down.expire(now_ms)
        if self._linked and self._point.in_flight is None and now_ms >= self._wait_ms:
            write = self._next(now_ms)
            if write is not None:
                outputs.append(write)
        steering = self._steering(now_ms)
        if steering != self._told:
            self._told = steering
            outputs.append(steering)
        return outputs

    def _next(self, now_ms: int) -> Write | None:
        asking, rolling = self._spin_down.to_be_asked, self._spin_down.active
        if self._permission.elsewhere or (rolling and not asking):
            return None
        goal = self._allowed(now_ms).target
        if goal is None and not (self._brake.engaged or asking or self._steers()):
            return None
        if not self._permission.ours:
            ask = self._dialect.control()
            if ask is not None:
                return self._point.begin(ask, now_ms)
            self._permission.granted()
        if goal is not None:
            procedure = self._towards(goal, now_ms)
        elif self._brake.engaged:
            procedure = self._brake.release()
        else:
            procedure = self._dialect.spin_down() if asking else None
            self._brake.engaged = asking  # whatever becomes of it, it is reset behind it
        return None if procedure is None else self._point.begin(procedure, now_ms)

    def _towards(self, goal: Target, now_ms: int) -> Procedure | None:
        start = None if self._started else self._dialect.start()
        if start is not None:
            return start
        self._started = True
        if self._ramp_due:
            self._ramp_due = False
            self._governor.begin(now_ms)
            goal = self._governor.allowed(now_ms).target or goal
        return self._brake.order(goal, now_ms)

    def _allowed(self, now_ms: int) -> Allowed:
        if self._spin_down.active:
            return Allowed(None, "spin_down")
        if self._stopped_by_key:
            return Allowed(None, "safety_key")
        mode = mode_of(self._goal)
        if self._read_only or mode is None:
            return Allowed(None, "")
        if not self._brake.takes(mode):
            return Allowed(None, f"no_{mode}_targets")
        return self._governor.allowed(now_ms)

    def _steers(self) -> bool:
        """Whether control is worth asking for: a target may come, even if none is allowed now."""
        mode = mode_of(self._goal)
        return mode is not None and not self._read_only and self._brake.takes(mode)

    def _why_no_spin_down(self) -> str:
        if not self._linked:
            return "not_connected"
        if self._read_only:
            return "read_only"
        if self._permission.elsewhere:
            return "controlled_elsewhere"
        if self._spin_down.active:
            return "busy"
        return "" if self._dialect.spin_down() is not None else "cannot_calibrate"

    # How a procedure ends.

    def _ended(self, ended: Ended, now_ms: int) -> None:
        procedure, outcome = ended.procedure, ended.outcome
        if procedure.purpose is Purpose.SPIN_DOWN:
            self._spin_down.answered(ended.answer, now_ms)
        if outcome is None:
            self._unanswered(now_ms)
            return
        self._tries = self._silences = 0
        if outcome is Outcome.NOT_PERMITTED and procedure.purpose is not Purpose.CONTROL:
            self._control_gone(now_ms)
        else:
            _ON_OUTCOME[procedure.purpose](self, procedure, outcome, now_ms)

    def _request_ended(self, procedure: Procedure, outcome: Outcome, now_ms: int) -> None:
        # A machine that does not know the question needs no permission.
        if outcome in (Outcome.DONE, Outcome.UNSUPPORTED):
            self._permission.granted()
            return
        self._permission.refused()
        self._wait_ms = now_ms + REFUSED_MS
        if self._permission.elsewhere:
            self._not_ours_any_more()

    def _start_ended(self, procedure: Procedure, outcome: Outcome, now_ms: int) -> None:
        # Where it is refused, targets are taken without it.
        self._started = True

    def _target_ended(self, procedure: Procedure, outcome: Outcome, now_ms: int) -> None:
        if outcome is Outcome.DONE:
            self._brake.taken(procedure.target, now_ms)
        elif not self._brake.turned_down(procedure, outcome):
            self._wait_ms = now_ms + REFUSED_MS

    def _release_ended(self, procedure: Procedure, outcome: Outcome, now_ms: int) -> None:
        if outcome is not Outcome.DONE:
            if self._brake.held_fast():
                self._wait_ms = now_ms + SILENT_MS[0]
        elif not self._brake.letting_go():
            self._started, self._ramp_due = False, True
            if procedure.gives_up_control:
                # The machine's own "reset" and "control lost" trail behind its answer.
                self._permission.given_up()
                self._wait_ms = now_ms + REWRITE_MS

    def _spin_down_ended(self, procedure: Procedure, outcome: Outcome, now_ms: int) -> None:
        """What it means for the spin-down is said already."""

    def _unanswered(self, now_ms: int) -> None:
        """Once more soon, then from the beginning with growing pauses."""
        self._brake.interrupted()
        self._tries += 1
        self._wait_ms = now_ms + REWRITE_MS
        if self._tries >= TRIES:
            self._tries = 0
            self._permission.given_up()
            self._begin_anew()
            self._wait_ms = now_ms + SILENT_MS[min(self._silences, len(SILENT_MS) - 1)]
            self._silences += 1

    # What happens to us.

    def _control_gone(self, now_ms: int) -> None:
        self._begin_anew()
        self._spin_down.fail("refused")
        self._permission.taken(now_ms)
        if self._permission.elsewhere:
            self._not_ours_any_more()
        else:
            self._wait_ms = now_ms + RECLAIM_MS

    def _not_ours_any_more(self) -> None:
        # The target on the brake is theirs now, and so is letting go of it.
        self._brake.engaged = False
        self._brake.unsure()
        self._spin_down.fail("refused")

    def _on_control_lost(self, news: ControlLost, now_ms: int) -> None:
        if self._permission.ours and not self._giving_up_control():
            self._point.abandon()
            self._control_gone(now_ms)

    def _on_reset(self, news: MachineReset, now_ms: int) -> None:
        if self._permission.ours and not self._giving_up_control():
            self._permission.given_up()
            self._begin_anew()

    def _on_stopped(self, news: Stopped, now_ms: int) -> None:
        flying = self._point.in_flight
        if flying is None or flying.purpose is not Purpose.RELEASE:
            self._begin_anew()
            self._wait_ms = max(self._wait_ms, now_ms + REFUSED_MS)

    def _on_safety_key(self, news: SafetyKey, now_ms: int) -> None:
        self._stopped_by_key = True
        self._begin_anew()

    def _on_started(self, news: Started, now_ms: int) -> None:
        self._stopped_by_key = False
        self._started = self._permission.ours

    def _on_holds(self, news: Holds, now_ms: int) -> None:
        if self._point.in_flight is None:
            self._brake.strays(news, now_ms)

    def _on_refused(self, news: Refused, now_ms: int) -> None:
        """Of the target last written: in its protocol the refusal comes behind the answer."""
        flying = self._point.in_flight
        if flying is not None and flying.key == news.key:
            ended = self._point.answered(Answer(news.key, news.outcome))
            if ended is not None:
                self._ended(ended, now_ms)
            return
        target = self._brake.accepted if flying is None or flying.target is None else flying.target
        if mode_of(target) is not news.mode:
            return
        self._brake.unsure()
        if not self._brake.taken_back(target, news.outcome):
            self._wait_ms = now_ms + REFUSED_MS

    def _on_spin_down(self, news: SpinDownNews, now_ms: int) -> None:
        self._spin_down.heard(news, now_ms)

    def _giving_up_control(self) -> bool:
        return self._point.in_flight is not None and self._point.in_flight.gives_up_control

    def _begin_anew(self) -> None:
        """Start and target are to be said again."""
        self._started = False
        self._brake.unsure()

    def _fresh_link(self) -> None:
        self._point.abandon()
        self._permission = Permission()
        self._started = False
        self._brake.forget()
        self._wait_ms = self._tries = self._silences = 0
        self._stopped_by_key = False
        self._ramp_due = True
        self._governor.forget()

    # What to tell.

    def _steering(self, now_ms: int) -> Steering:
        status, reason = self._status(now_ms)
        held = self._brake.held or FreeTarget()
        return Steering(status, held, reason, self._brake.modes(), self._spin_down.told)

    def _status(self, now_ms: int) -> tuple[TrainerStatus, str]:
        if not self._linked:
            return TrainerStatus.LOST, ""
        if self._read_only:
            return self._freely("read_only")
        if self._permission.elsewhere:
            return TrainerStatus.ELSEWHERE, "controlled_elsewhere"
        if self._spin_down.active:
            return TrainerStatus.HOLDING_BACK, "spin_down"
        allowed = self._allowed(now_ms)
        if self._goal is None:
            return self._freely(self._no_goal)
        if not self._brake.takes(mode_of(self._goal)):
            return TrainerStatus.UNSTEERABLE, allowed.reason
        if self._silences > 0:
            return TrainerStatus.REQUESTING, "no_answer"
        if not self._permission.ours and allowed.target is not None:
            return TrainerStatus.REQUESTING, ""
        if allowed.reason:
            return TrainerStatus.HOLDING_BACK, allowed.reason
        if self._brake.refused is not None and self._brake.refused == allowed.target:
            return TrainerStatus.HOLDING_BACK, "range"
        if self._brake.accepted is None:
            return TrainerStatus.REQUESTING, ""
        return TrainerStatus.FOLLOWING, ""

    def _freely(self, why: str) -> tuple[TrainerStatus, str]:
        """Not to be steered; until it has been let go of, it still follows."""
        return (TrainerStatus.FOLLOWING if self._brake.engaged else TrainerStatus.FREE), why


_ON_OUTCOME: dict[Purpose, Callable[[Trainer, Procedure, Outcome, int], None]] = {
    Purpose.CONTROL: Trainer._request_ended,
    Purpose.START: Trainer._start_ended,
    Purpose.TARGET: Trainer._target_ended,
    Purpose.RELEASE: Trainer._release_ended,
    Purpose.SPIN_DOWN: Trainer._spin_down_ended,
}

_ON_NEWS: dict[type[News], Callable[[Trainer, Any, int], None]] = {
    MachineReset: Trainer._on_reset,
    Stopped: Trainer._on_stopped,
    SafetyKey: Trainer._on_safety_key,
    Started: Trainer._on_started,
    ControlLost: Trainer._on_control_lost,
    Holds: Trainer._on_holds,
    Refused: Trainer._on_refused,
    SpinDownNews: Trainer._on_spin_down,
}
