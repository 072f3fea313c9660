"""One trainer that follows its plan: the shell around `plan.py` and `trainer.py`.

The plan stands in hub time and is carried out on the boot clock through the offset last measured,
with the hub or without it. Both pure parts say when they want to be called; one timer per trainer
serves them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.clock import Clock
from gateway.control_point import Write
from gateway.dialects.port import Dialect
from gateway.gatt import fitness_machine_control as ftms
from gateway.machine import Machine
from gateway.plan import HeldPlan, Refused, Release
from gateway.profiles import POWER_RANGE
from gateway.radio import RadioError
from gateway.trainer import Output, Steering, Trainer
from hub.wire.uplink import Plan, TrainerState, TrainerStatus
from hub.wire.values import Reading

LOOK_MS = 1_000  # a plan is looked at so often at least: hub time may be measured anew
RELEASED = frozenset(
    {
        TrainerStatus.FREE,
        TrainerStatus.ELSEWHERE,
        TrainerStatus.UNSTEERABLE,
        TrainerStatus.LOST,
    }
)
# Whose cadence guards a machine that has none of its own: another sensor of the same athlete.
COMPANION_CHARS = frozenset({"2a5b", "2a63"})
OWN_CADENCE_MS = 5_000  # the machine's own cadence rules for so long

log = structlog.get_logger()


class Steered:
    """One trainer, known by a plan, by a connection or by both."""

    def __init__(
        self,
        sensor_id: str,
        clock: Clock,
        hub_now_ms: Callable[[], int | None],
        tell: Callable[[TrainerState], None],
    ) -> None:
        self.sensor_id = sensor_id
        self._clock = clock
        self._hub_now_ms = hub_now_ms
        self._tell = tell
        self._plan = HeldPlan()
        self._trainer: Trainer | None = None
        self._dialect: Dialect | None = None
        self._read_only = False
        self._held = False  # the hub has said that it is this gateway's
        self._inherits = False  # a gateway that died may have left a target on the brake
        self._range: ftms.PowerRange | None = None
        self._machine: Machine | None = None
        self._cap_w: int | None = None
        self._cadence_ms: int | None = None
        self._writing: asyncio.Task[None] | None = None
        self._identifying: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._steering: Steering | None = None
        self._told: TrainerState | None = None
        self._released = asyncio.Event()

    @property
    def never_came(self) -> bool:
        """Known by a plan only: it holds nothing of ours."""
        return self._trainer is None

    # The hub

    def take(self, plan: Plan) -> Refused | None:
        """None: it is followed from now on."""
        refused = self._plan.take(plan)
        if refused is not None:
            return refused
        if plan.steps:
            self._cap_w = plan.cap_w
        if self._trainer is not None:
            self._do(self._trainer.limit(self._cap_w, self._now_ms()))
        self._follow()
        return None

    def hold(self, lease: int, *, read_only: bool) -> None:
        """The trainer is this gateway's under this lease. `read_only`: to listen to, no more."""
        self._plan.renew(lease)
        self._read_only, self._held = read_only, True
        if self._trainer is not None:
            self._do(self._trainer.leave_alone(read_only, self._now_ms()))
            self._inherit(self._trainer)
        self._follow()

    def drop(self, reason: str) -> None:
        """Ends the plan, and a spin-down too."""
        self._plan.drop(reason)
        if self._trainer is not None:
            self._do(self._trainer.cancel(self._now_ms()))
        self._follow()

    def retry(self) -> None:
        if self._trainer is not None:
            self._do(self._trainer.retry(self._now_ms()))
        self._follow()

    def calibrate(self) -> str:
        """Begins a spin-down. "", or the code of why not."""
        if self._trainer is None:
            return "not_connected"
        now_ms = self._now_ms()
        code, outputs = self._trainer.calibrate(now_ms)
        self._do(outputs)
        self._arm(now_ms)
        return code

    def identify(self) -> str:
        """Makes it show itself. "", or the code of why not."""
        if self._machine is None:
            return "not_connected"
        if self._read_only:
            return "read_only"
        if not self._machine.can_identify:
            return "cannot_identify"
        self._identifying = asyncio.get_running_loop().create_task(self._alert(self._machine))
        return ""

    async def _alert(self, machine: Machine) -> None:
        try:
            await machine.identify()
        except RadioError as error:
            log.info("identify_failed", sensor=self.sensor_id, problem=error.problem)

    async def release(self) -> None:
        """Drops the plan and returns once the trainer holds nothing of ours, or cannot be asked."""
        self.drop("gateway_stopping")
        if self._trainer is not None and self._machine is not None:
            await self._released.wait()

    def stop(self) -> None:
        for handle in (self._timer, self._writing, self._identifying):
            if handle is not None:
                handle.cancel()

    # The machine

    def up(self, machine: Machine) -> None:
        self._machine = machine
        span = ftms.power_range(machine.facts.get(POWER_RANGE, b""))
        if isinstance(span, ftms.PowerRange):
            self._range = span
        if self._dialect is None or self._dialect.name != machine.dialect.name:
            self._dialect, self._trainer = machine.dialect, None
        self._dialect.knows(machine.facts)
        if self._trainer is None:
            self._trainer = Trainer(
                self._dialect, self._range, self._cap_w, read_only=self._read_only
            )
            self._inherits = machine.adopted
        now_ms = self._now_ms()
        if self._range is not None:
            self._do(self._trainer.ranged(self._range, now_ms))
        self._do(self._trainer.regained(now_ms))
        self._inherit(self._trainer)
        self._follow()

    def _inherit(self, trainer: Trainer) -> None:
        """Not before the hub has said whose it is: another app may ride on it."""
        if self._inherits and self._held:
            self._inherits = False
            if not self._read_only:
                self._do(trainer.inherit(self._now_ms()))

    def down(self) -> None:
        self._machine = None
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if self._trainer is not None:
            self._do(self._trainer.lost(self._now_ms()))

    def heard(self, char: str, data: bytes, at_ms: int) -> None:
        if self._trainer is None:
            return
        self._do(self._trainer.heard(char, data, at_ms))
        self._arm(at_ms)

    def measured(self, reading: Reading) -> None:
        """The machine's own, or its rider's other sensors'."""
        if self._trainer is None or self._dialect is None:
            return
        own = reading.sensor_id == self.sensor_id
        if own and reading.char in self._dialect.measures_by():
            power_w, cadence_rpm = reading.m.power_w, reading.m.cadence_rpm
            if cadence_rpm:
                self._cadence_ms = reading.at_ms
        elif not own and reading.char in COMPANION_CHARS and not self._has_own(reading.at_ms):
            power_w, cadence_rpm = None, reading.m.cadence_rpm
        else:
            return
        self._do(self._trainer.measurement(power_w, cadence_rpm, reading.at_ms))
        self._arm(reading.at_ms)

    def _has_own(self, now_ms: int) -> bool:
        return self._cadence_ms is not None and now_ms - self._cadence_ms < OWN_CADENCE_MS

    # Time

    def _follow(self, now_ms: int | None = None) -> None:
        """Holds the plan's target of this instant."""
        now_ms = self._now_ms() if now_ms is None else now_ms
        if self._trainer is not None:
            hub_ms = self._hub_ms(now_ms)
            wanted = Release("no_hub_time") if hub_ms is None else self._plan.target_at(hub_ms)
            self._do(self._trainer.desired(wanted, now_ms))
        self._report()
        self._arm(now_ms)

    def _hub_ms(self, now_ms: int) -> int | None:
        """Hub time at `now_ms`: a timer's due time may be a little ahead of the clock."""
        hub_ms = self._hub_now_ms()
        return None if hub_ms is None else hub_ms + now_ms - self._now_ms()

    def _arm(self, now_ms: int) -> None:
        due_ms = self._due_ms(now_ms)
        if self._timer is not None:
            if due_ms is not None and self._timer_ms <= due_ms:
                return
            self._timer.cancel()
            self._timer = None
        if due_ms is not None:
            self._timer_ms = due_ms
            wait_s = self._clock.wait_s(due_ms - now_ms)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_timer)

    def _due_ms(self, now_ms: int) -> int | None:
        if self._trainer is None or self._machine is None:
            return None
        due = [self._trainer.deadline(now_ms)]
        if self._plan.plan is not None:
            due.append(now_ms + LOOK_MS)
            hub_ms = self._hub_ms(now_ms)
            change_ms = None if hub_ms is None else self._plan.deadline(hub_ms)
            if change_ms is not None and hub_ms is not None:
                due.append(now_ms + change_ms - hub_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _on_timer(self) -> None:
        """Timers may fire a little early: what was due then is due now."""
        due_ms, self._timer = self._timer_ms, None
        self._follow(max(due_ms, self._now_ms()))

    # What the trainer asks

    def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Write(char, data):
                    self._write(char, data)
                case Steering():
                    self._steering = output
                    self._report()

    def _write(self, char: str, data: bytes) -> None:
        machine = self._machine
        if machine is not None:
            # The trainer waits for the indication from now on: it may come before the response.
            self._writing = asyncio.get_running_loop().create_task(self._send(machine, char, data))

    async def _send(self, machine: Machine, char: str, data: bytes) -> None:
        try:
            await machine.write(char, data)
            written = True
        except RadioError as error:
            log.info("control_write_failed", sensor=self.sensor_id, problem=error.problem)
            written = False
        # One that outlived its procedure's time says nothing of the procedure after it.
        if self._trainer is not None and self._writing is asyncio.current_task():
            now_ms = self._now_ms()
            self._do(self._trainer.written(written, now_ms))
            self._arm(now_ms)

    def _report(self) -> None:
        steering = self._steering
        if steering is None:
            return
        state = TrainerState(
            self.sensor_id,
            steering.status,
            max(0, self._plan.rev),
            steering.target,
            steering.reason,
            None if self._range is None else self._range.min_w,
            None if self._range is None else self._range.max_w,
            steering.modes,
            steering.spin_down,
        )
        (self._released.set if steering.status in RELEASED else self._released.clear)()
        if state != self._told:
            self._told = state
            self._tell(state)

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000
