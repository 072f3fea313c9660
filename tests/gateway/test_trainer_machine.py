"""The trainer against machines that behave anyhow: what holds whatever they do."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.control_point import Write
from gateway.dialects import DIALECTS
from gateway.dialects.port import Purpose
from gateway.gatt.fitness_machine_control import PowerRange
from gateway.plan import Release
from gateway.trainer import Output, Steering, Trainer
from hub.wire.uplink import TrainerStatus
from hub.wire.values import FreeTarget, GradeTarget, PowerTarget, ResistanceTarget, Target

CAP_W = 400
# The last write of each way to let go.
LETS_GO = {row.name: {way[-1].data for way in row.make("").releases()} for row in DIALECTS}
TARGETS: st.SearchStrategy[Target] = st.one_of(
    st.integers(0, 1500).map(PowerTarget),
    st.integers(-100, 200).map(lambda tenths: GradeTarget(grade_pct=tenths / 10)),
    st.integers(0, 100).map(ResistanceTarget),
)


def power_asked_w(name: str, data: bytes) -> float | None:
    """The watts of a write that sets a power, read back by hand."""
    if name == "ftms" and data[0] == 0x05:
        return int.from_bytes(data[1:3], "little", signed=True)
    if name == "tacx_fec" and data[4] == 49:
        return int.from_bytes(data[10:12], "little") / 4
    if name == "wahoo" and data[0] == 0x42:
        return int.from_bytes(data[1:3], "little")
    return None


class AnyTrainer(RuleBasedStateMachine):
    """`flying`: a write that the radio has not answered yet, or whose procedure is not over."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.linked = False
        self.flying: Write | None = None
        self.trainer: Trainer | None = None
        self.holds = False  # the machine may hold a target of ours
        self.forgiven = False  # what it holds is another app's, or it said that it took nothing

    def begin(self, row: int) -> Trainer:
        if self.trainer is None:
            self.dialect = DIALECTS[row % len(DIALECTS)].make("")
            self.trainer = Trainer(self.dialect, PowerRange(0, 1000, 1), CAP_W)
            self.do(self.trainer.desired(PowerTarget(150), self.now))
        return self.trainer

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Steering):
                self.steering = output
                continue
            assert self.linked, "written before its answers were listened to"
            assert self.flying is None, "two procedures in flight"
            asked_w = power_asked_w(self.dialect.name, output.data)
            assert asked_w is None or asked_w <= CAP_W
            self.flying = output
            assert self.trainer is not None
            procedure = self.trainer._point.in_flight
            assert procedure is not None
            if procedure.purpose is Purpose.TARGET:
                self.holds = True

    def settle(self) -> None:
        """What the trainer itself holds to be over is over."""
        assert self.trainer is not None
        if self.trainer._point.in_flight is None:
            self.flying = None

    def say(self, outputs: list[Output]) -> None:
        # A procedure may end and the next begin in one step.
        if any(isinstance(output, Write) for output in outputs):
            self.flying = None
        self.do(outputs)
        self.settle()

    def succeed(self) -> None:
        """The machine does what it was told, and answers as it should."""
        assert self.trainer is not None and self.flying is not None
        procedure = self.trainer._point.in_flight
        data = self.flying.data
        if procedure is not None and procedure.purpose is Purpose.RELEASE:
            self.holds = self.holds and data not in LETS_GO[self.dialect.name]
        self.say(self.trainer.written(True, self.now))
        if self.dialect.name != "tacx_fec":
            wahoo = self.dialect.name == "wahoo"
            answer = bytes([1, data[0]]) if wahoo else bytes([0x80, data[0], 1])
            self.say(self.trainer.heard(self.dialect.answers, answer, self.now))

    def behave(self) -> None:
        for _ in range(12):
            if self.flying is not None:
                self.succeed()

    @rule(row=st.integers(0, 2), seconds=st.integers(1, 40), cadence=st.integers(40, 100))
    def ride(self, row: int, seconds: int, cadence: int) -> None:
        """For a while all is well."""
        trainer = self.begin(row)
        self.connect(row)
        for _ in range(seconds):
            self.behave()
            self.say(trainer.measurement(150, cadence, self.now))
            self.wait(1_000)
        self.behave()

    @rule(row=st.integers(0, 2), wanted=st.one_of(TARGETS, st.just(Release("stopped"))))
    def want(self, row: int, wanted: Target | Release) -> None:
        before = self.flying
        outputs = self.begin(row).desired(wanted, self.now)
        assert before is None or not any(isinstance(output, Write) for output in outputs)
        self.do(outputs)
        self.settle()

    @rule(row=st.integers(0, 2), cadence=st.integers(0, 110), power=st.integers(0, 400))
    def pedal(self, row: int, cadence: int, power: int) -> None:
        before = self.flying
        outputs = self.begin(row).measurement(power, cadence, self.now)
        assert before is None or not any(isinstance(output, Write) for output in outputs)
        self.do(outputs)
        self.settle()

    @rule(row=st.integers(0, 2))
    def connect(self, row: int) -> None:
        trainer = self.begin(row)
        if not self.linked:
            self.linked = True
            self.say(trainer.regained(self.now))

    @rule()
    def disconnect(self) -> None:
        if self.linked and self.trainer is not None:
            self.linked, self.flying = False, None
            self.say(self.trainer.lost(self.now))

    @rule(ok=st.booleans())
    def respond(self, ok: bool) -> None:
        if self.trainer is not None and self.flying is not None:
            self.forgiven = self.forgiven or ok  # the response alone may be the answer
            self.say(self.trainer.written(ok, self.now))

    @rule(result=st.integers(0, 6), of_ours=st.booleans(), op=st.sampled_from([0, 1, 4, 5, 7, 17]))
    def answer(self, result: int, of_ours: bool, op: int) -> None:
        if self.trainer is None or not self.linked:
            return
        if of_ours and self.flying is not None:
            op = self.flying.data[0]
        frame = bytes([result, op]) if self.dialect.name == "wahoo" else bytes([0x80, op, result])
        # It may say yes to a release it did not carry out, or no to a target it did: its own lie.
        self.forgiven = self.forgiven or of_ours
        self.say(self.trainer.heard(self.dialect.answers, frame, self.now))

    @rule(data=st.sampled_from(["ff", "01", "0201", "03", "04", "086400", "1402", "1403", "1404"]))
    def news(self, data: str) -> None:
        if self.trainer is not None and self.linked:
            char = (*self.dialect.tells, self.dialect.answers)[0]
            self.forgiven = self.forgiven or data == "ff"
            self.say(self.trainer.heard(char, bytes.fromhex(data), self.now))

    @rule()
    def spin_down(self) -> None:
        if self.trainer is not None:
            self.say(self.trainer.calibrate(self.now)[1])

    @rule(on=st.booleans())
    def leave_alone(self, on: bool) -> None:
        if self.trainer is not None:
            self.forgiven = self.forgiven or on  # the other app's from then on
            self.say(self.trainer.leave_alone(on, self.now))

    @rule()
    def inherit(self) -> None:
        if self.trainer is not None and self.linked:
            self.say(self.trainer.inherit(self.now))

    @rule()
    def retry(self) -> None:
        if self.trainer is not None:
            self.say(self.trainer.retry(self.now))

    @rule(ms=st.sampled_from([100, 700, 4_000, 20_000, 70_000]))
    def wait(self, ms: int) -> None:
        until = self.now + ms
        while self.trainer is not None:
            due = self.trainer.deadline(self.now)
            if due is None or due > until:
                break
            assert due > self.now
            self.now = due
            self.say(self.trainer.tick(due))
        self.now = until

    @invariant()
    def a_tick_more_changes_nothing(self) -> None:
        if self.trainer is not None:
            assert self.trainer.tick(self.now) == []

    def teardown(self) -> None:
        """A machine that behaves from now on is let go of, whatever it did before."""
        if self.trainer is None:
            return
        if not self.linked:
            self.linked = True
            self.say(self.trainer.regained(self.now))
        self.say(self.trainer.cancel(self.now))
        self.say(self.trainer.desired(Release("stopped"), self.now))
        for _ in range(60):
            self.behave()
            self.wait(2_000)
        assert self.steering.target == FreeTarget()
        assert self.steering.status in (TrainerStatus.FREE, TrainerStatus.ELSEWHERE)
        assert not self.holds or self.forgiven


AnyTrainer.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyTrainer = AnyTrainer.TestCase
