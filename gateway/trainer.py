"""One trainer under ERG: targets in, control point writes out (FTMS 1.0, 4.16 and 4.17).

Sans-I/O: the caller writes the bytes, enables indications first, and reports what happens. While
a procedure is in flight targets coalesce: the newest wins.

Release. Every machine must implement Reset (4.16.2.2), which gives up the target and control
together; Stop is the second choice, the lowest power the last. A release is always carried
through, also after a lost link: a trainer is never left holding a target that nobody wants.

Control taken away is asked for once more. If it goes again soon after, another app wants it: two
apps that fight over a brake are worse than either, so this one waits for `retry`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

import msgspec

from gateway.control_point import ControlPoint, Ended, Procedure, Write
from gateway.gatt import fitness_machine_control as ftms
from gateway.gatt.fitness_machine_control import Event, Op, PowerRange, Result
from gateway.gatt.layout import Nonsense
from gateway.governor import Allowed, Governor
from gateway.plan import Release
from hub.wire.uplink import TrainerStatus
from hub.wire.values import FreeTarget, PowerTarget, Target

TRIES = 2
REWRITE_MS = 500  # after a write that failed or was not answered
REFUSED_MS = 2000  # after "failed" or a refused request
RECLAIM_MS = 1000  # between losing control and asking again
FIGHT_MS = 10_000  # lost again within this: another app wants it
SILENT_MS = (5000, 10_000, 30_000)  # back-off of a trainer that does not answer
REFRESH_MS = 60_000  # the same target is written again no sooner, unless the trainer strayed
STRAY_WRITES = 2  # rewrites of one target that the trainer reports differently


class Steering(msgspec.Struct, frozen=True):
    """How the trainer is steered, sent when it changes. `target`: last accepted by the trainer."""

    status: TrainerStatus
    target: Target
    reason: str


Output = Write | Steering


class _Control(Enum):
    NONE = auto()
    GRANTED = auto()
    ELSEWHERE = auto()
    UNSTEERABLE = auto()


_RELEASES = (Op.RESET, Op.STOP_OR_PAUSE, Op.SET_TARGET_POWER)


class Trainer:
    """State of one trainer. `read_only`: measured, never steered. Times are any steady ms."""

    def __init__(
        self,
        power_range: PowerRange | None = None,
        cap_w: int | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self._governor = Governor(power_range, cap_w)
        self._lowest_w = max(0, power_range.min_w) if power_range else 0
        self._read_only = read_only
        self._linked = True
        self._wanted: Target | Release = Release("no_plan")
        self._control = _Control.NONE
        self._started = False
        self._engaged = False  # the trainer may be holding a target of ours
        self._ramp_due = True  # the next target is the first after a start, a release or a gap
        self._accepted_w: int | None = None
        self._accepted_ms = 0
        self._refused_w: int | None = None
        self._stopped_by_key = False
        self._point = ControlPoint()
        self._wait_ms = 0
        self._tries = 0
        self._silences = 0
        self._requests_refused = 0
        self._lost_control_ms: int | None = None
        self._release = 0  # index into _RELEASES
        self._stray_writes = 0
        self._told: Steering | None = None

    # Inputs. Each answers what is to be written or told.

    def desired(self, wanted: Target | Release, now_ms: int) -> list[Output]:
        """What the plan says now."""
        steer = isinstance(wanted, PowerTarget)
        if steer and isinstance(self._wanted, Release) and self._control is _Control.ELSEWHERE:
            self._control = _Control.NONE  # a new ride asks anew
        if not steer and self._wants_power():
            self._wait_ms = now_ms  # letting go waits for nothing
        self._wanted = wanted
        self._governor.want(wanted.power_w if isinstance(wanted, PowerTarget) else None)
        return self._settle(now_ms)

    def limit(self, cap_w: int | None, now_ms: int) -> list[Output]:
        """The most this athlete may be asked for."""
        self._governor.limit(cap_w)
        return self._settle(now_ms)

    def ranged(self, power_range: PowerRange, now_ms: int) -> list[Output]:
        """0x2AD8 was read, perhaps after steering began."""
        self._lowest_w = max(0, power_range.min_w)
        self._governor.ranged(power_range)
        return self._settle(now_ms)

    def measurement(
        self, power_w: float | None, cadence_rpm: float | None, now_ms: int
    ) -> list[Output]:
        self._governor.measurement(power_w, cadence_rpm, now_ms)
        return self._settle(now_ms)

    def written(self, ok: bool, now_ms: int) -> list[Output]:
        """The response to the last `Write`, or its failure."""
        return self._settle(now_ms, self._point.written(ok))

    def indication(self, data: bytes, now_ms: int) -> list[Output]:
        """From the control point."""
        return self._settle(now_ms, self._point.indication(data))

    def status(self, data: bytes, now_ms: int) -> list[Output]:
        """From Fitness Machine Status."""
        status = ftms.machine_status(data)
        if not isinstance(status, Nonsense):
            on_event = _ON_EVENT.get(status.event)
            if on_event is not None:
                on_event(self, status, now_ms)
        return self._settle(now_ms)

    def lost(self, now_ms: int) -> list[Output]:
        """The link is gone. What the trainer held it may hold still."""
        self._linked = False
        self._fresh_link()
        return self._settle(now_ms)

    def regained(self, now_ms: int) -> list[Output]:
        self._linked = True
        self._fresh_link()
        return self._settle(now_ms)

    def retry(self, now_ms: int) -> list[Output]:
        """The rider has closed the other app, or wants another try."""
        if self._control in (_Control.ELSEWHERE, _Control.UNSTEERABLE):
            self._control = _Control.NONE
        self._stopped_by_key = False
        self._lost_control_ms = None
        self._requests_refused = self._silences = 0
        self._wait_ms = now_ms
        return self._settle(now_ms)

    def tick(self, now_ms: int) -> list[Output]:
        """At or after `deadline`. More often does no harm."""
        return self._settle(now_ms)

    def deadline(self, now_ms: int) -> int | None:
        """When `tick` has something to do; None: only another input can change anything."""
        if not self._linked:
            return None
        if self._point.in_flight is not None:
            return self._point.deadline()
        due = [self._governor.deadline(now_ms)]
        if self._wait_ms > now_ms:
            due.append(self._wait_ms)
        if self._accepted_w is not None and self._accepted_ms + REFRESH_MS > now_ms:
            due.append(self._accepted_ms + REFRESH_MS)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # What to do next.

    def _settle(self, now_ms: int, ended: Ended | None = None) -> list[Output]:
        outputs: list[Output] = []
        ended = ended or self._point.expire(now_ms)
        if ended is not None:
            self._ended(ended, now_ms)
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
        if self._read_only or self._control in (_Control.ELSEWHERE, _Control.UNSTEERABLE):
            return None
        allowed = self._allowed(now_ms)
        if allowed.power_w is None and not self._engaged and not self._wants_power():
            return None
        if self._control is not _Control.GRANTED:
            return self._point.begin(Procedure(Op.REQUEST_CONTROL, ftms.request_control()), now_ms)
        if allowed.power_w is None:
            return self._next_release(now_ms) if self._engaged else None
        return self._next_target(allowed.power_w, now_ms)

    def _next_target(self, power_w: int, now_ms: int) -> Write | None:
        if not self._started:
            return self._point.begin(Procedure(Op.START_OR_RESUME, ftms.start_or_resume()), now_ms)
        if self._ramp_due:
            self._ramp_due = False
            self._governor.begin(now_ms)
            power_w = self._governor.allowed(now_ms).power_w or power_w
        fresh = now_ms - self._accepted_ms < REFRESH_MS
        if power_w == self._refused_w or (power_w == self._accepted_w and fresh):
            return None
        self._engaged = True
        return self._set_power(power_w, now_ms)

    def _next_release(self, now_ms: int) -> Write:
        op = _RELEASES[self._release]
        if op is Op.RESET:
            return self._point.begin(Procedure(op, ftms.reset(), releases=True), now_ms)
        if op is Op.STOP_OR_PAUSE:
            return self._point.begin(Procedure(op, ftms.stop(), releases=True), now_ms)
        return self._set_power(self._lowest_w, now_ms, releases=True)

    def _set_power(self, power_w: int, now_ms: int, *, releases: bool = False) -> Write:
        data = ftms.set_target_power(power_w)
        return self._point.begin(Procedure(Op.SET_TARGET_POWER, data, power_w, releases), now_ms)

    def _allowed(self, now_ms: int) -> Allowed:
        if self._stopped_by_key:
            return Allowed(None, "safety_key")
        return self._governor.allowed(now_ms)

    def _wants_power(self) -> bool:
        return isinstance(self._wanted, PowerTarget)

    # How a procedure ends.

    def _ended(self, ended: Ended, now_ms: int) -> None:
        if ended.result is None:
            self._unanswered(now_ms)
            return
        self._tries = self._silences = 0
        procedure = ended.procedure
        if ended.result == Result.NOT_PERMITTED and procedure.op is not Op.REQUEST_CONTROL:
            self._control_gone(now_ms)
        elif procedure.releases:
            self._release_ended(ended, now_ms)
        else:
            _ON_RESULT[procedure.op](self, ended, now_ms)

    def _request_ended(self, ended: Ended, now_ms: int) -> None:
        # A machine that does not know the question needs no permission.
        if ended.result in (Result.SUCCESS, Result.NOT_SUPPORTED):
            self._control = _Control.GRANTED
            self._requests_refused = 0
            return
        # A machine that missed our last disconnect needs a moment: ask twice.
        self._requests_refused += 1
        self._wait_ms = now_ms + REFUSED_MS
        if self._requests_refused >= TRIES:
            self._taken_elsewhere()

    def _start_ended(self, ended: Ended, now_ms: int) -> None:
        # Where it is refused, targets are taken without it.
        self._started = True

    def _target_ended(self, ended: Ended, now_ms: int) -> None:
        if ended.result == Result.SUCCESS:
            if ended.procedure.power_w != self._accepted_w:
                self._stray_writes = 0
            self._accepted_w, self._accepted_ms = ended.procedure.power_w, now_ms
            self._refused_w = None
        elif ended.result == Result.NOT_SUPPORTED:
            self._control = _Control.UNSTEERABLE
            self._engaged = False
        elif ended.result == Result.INVALID_PARAMETER:
            self._refused_w = ended.procedure.power_w
        else:
            self._wait_ms = now_ms + REFUSED_MS

    def _release_ended(self, ended: Ended, now_ms: int) -> None:
        if ended.result == Result.SUCCESS:
            if ended.procedure.op is Op.RESET:
                # The machine's own "reset" and "control lost" trail behind its answer.
                self._control = _Control.NONE
                self._wait_ms = now_ms + REWRITE_MS
            self._engaged = self._started = False
            self._ramp_due = True
            self._accepted_w = self._refused_w = None
            return
        self._release += 1
        if self._release == len(_RELEASES):
            self._release = 0
            self._wait_ms = now_ms + SILENT_MS[0]

    def _unanswered(self, now_ms: int) -> None:
        """Once more soon, then from the beginning with growing pauses."""
        self._tries += 1
        self._wait_ms = now_ms + REWRITE_MS
        if self._tries >= TRIES:
            self._tries = 0
            self._control, self._started, self._accepted_w = _Control.NONE, False, None
            self._wait_ms = now_ms + SILENT_MS[min(self._silences, len(SILENT_MS) - 1)]
            self._silences += 1

    # What happens to us.

    def _control_gone(self, now_ms: int) -> None:
        self._started, self._accepted_w = False, None
        fought = self._lost_control_ms is not None and now_ms - self._lost_control_ms < FIGHT_MS
        self._lost_control_ms = now_ms
        if fought:
            self._taken_elsewhere()
            return
        self._control = _Control.NONE
        self._wait_ms = now_ms + RECLAIM_MS

    def _taken_elsewhere(self) -> None:
        self._control = _Control.ELSEWHERE
        # The target on the brake is theirs now, and so is letting go of it.
        self._engaged = False
        self._accepted_w = None

    def _on_control_lost(self, status: ftms.MachineStatus, now_ms: int) -> None:
        if self._control is _Control.GRANTED and not self._doing(Op.RESET):
            self._point.abandon()
            self._control_gone(now_ms)

    def _on_reset(self, status: ftms.MachineStatus, now_ms: int) -> None:
        if self._control is _Control.GRANTED and not self._doing(Op.RESET):
            self._control, self._started, self._accepted_w = _Control.NONE, False, None

    def _on_stopped(self, status: ftms.MachineStatus, now_ms: int) -> None:
        if not self._doing(Op.RESET, Op.STOP_OR_PAUSE):
            self._started, self._accepted_w = False, None
            self._wait_ms = max(self._wait_ms, now_ms + REFUSED_MS)

    def _on_safety_key(self, status: ftms.MachineStatus, now_ms: int) -> None:
        self._stopped_by_key = True
        self._started, self._accepted_w = False, None

    def _on_started(self, status: ftms.MachineStatus, now_ms: int) -> None:
        self._stopped_by_key = False
        self._started = self._control is _Control.GRANTED

    def _on_target(self, status: ftms.MachineStatus, now_ms: int) -> None:
        """The trainer says what it holds; if that is not ours, ours is written again, twice."""
        if self._accepted_w is None or self._point.in_flight is not None or status.partial:
            return
        same = status.event == Event.TARGET_POWER and status.value == self._accepted_w
        if not same and self._stray_writes < STRAY_WRITES:
            self._stray_writes += 1
            self._accepted_ms = now_ms - REFRESH_MS

    def _doing(self, *ops: Op) -> bool:
        return self._point.in_flight is not None and self._point.in_flight.op in ops

    def _fresh_link(self) -> None:
        self._point.abandon()
        self._control, self._started = _Control.NONE, False
        self._accepted_w = self._refused_w = None
        self._wait_ms = self._tries = self._silences = self._requests_refused = 0
        self._lost_control_ms = None
        self._stopped_by_key = False
        self._ramp_due = True
        self._governor.forget()

    # What to tell.

    def _steering(self, now_ms: int) -> Steering:
        target: Target = FreeTarget()
        if self._accepted_w is not None and self._engaged:
            target = PowerTarget(self._accepted_w)
        status, reason = self._status(now_ms)
        return Steering(status, target, reason)

    def _status(self, now_ms: int) -> tuple[TrainerStatus, str]:
        if not self._linked:
            return TrainerStatus.LOST, ""
        if self._read_only:
            return TrainerStatus.FREE, "read_only"
        if self._control is _Control.ELSEWHERE:
            return TrainerStatus.ELSEWHERE, "controlled_elsewhere"
        if self._control is _Control.UNSTEERABLE:
            return TrainerStatus.UNSTEERABLE, "no_power_targets"
        allowed = self._allowed(now_ms)
        if not self._wants_power():
            why = self._wanted.reason if isinstance(self._wanted, Release) else "free"
            return (TrainerStatus.FOLLOWING if self._engaged else TrainerStatus.FREE), why
        if self._silences > 0:
            return TrainerStatus.REQUESTING, "no_answer"
        if self._control is not _Control.GRANTED and allowed.power_w is not None:
            return TrainerStatus.REQUESTING, ""
        if allowed.reason:
            return TrainerStatus.HOLDING_BACK, allowed.reason
        if self._refused_w is not None and self._refused_w == allowed.power_w:
            return TrainerStatus.HOLDING_BACK, "range"
        if self._accepted_w is None:
            return TrainerStatus.REQUESTING, ""
        return TrainerStatus.FOLLOWING, ""


_ON_RESULT: dict[Op, Callable[[Trainer, Ended, int], None]] = {
    Op.REQUEST_CONTROL: Trainer._request_ended,
    Op.START_OR_RESUME: Trainer._start_ended,
    Op.SET_TARGET_POWER: Trainer._target_ended,
}

_ON_EVENT: dict[int, Callable[[Trainer, ftms.MachineStatus, int], None]] = {
    Event.RESET: Trainer._on_reset,
    Event.STOPPED_OR_PAUSED: Trainer._on_stopped,
    Event.STOPPED_BY_SAFETY_KEY: Trainer._on_safety_key,
    Event.STARTED: Trainer._on_started,
    Event.TARGET_SPEED: Trainer._on_target,
    Event.TARGET_INCLINE: Trainer._on_target,
    Event.TARGET_RESISTANCE: Trainer._on_target,
    Event.TARGET_POWER: Trainer._on_target,
    Event.TARGET_HEART_RATE: Trainer._on_target,
    Event.SIMULATION: Trainer._on_target,
    Event.CONTROL_LOST: Trainer._on_control_lost,
}
