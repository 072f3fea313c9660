"""A trainer under ERG against a machine on virtual time: what is written when, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.brake import REFRESH_MS
from gateway.control_point import PROCEDURE_MS, Write
from gateway.dialects.ftms import Ftms
from gateway.gatt.fitness_machine_control import PowerRange
from gateway.governor import RISE_EVERY_MS, RISE_W_PER_S, START_W
from gateway.pedalling import LOW_CADENCE_AFTER_MS, REST_AFTER_MS
from gateway.plan import Release
from gateway.trainer import SILENT_MS, Output, Steering, Trainer
from hub.wire.uplink import Mode, TrainerStatus
from hub.wire.values import FreeTarget, GradeTarget, PowerTarget, Target

REQUEST, RESET, START, STOP = (bytes.fromhex(text) for text in ("00", "01", "07", "0801"))
OK, UNSUPPORTED, INVALID, FAILED, NOT_PERMITTED = 1, 2, 3, 4, 5
RANGE = PowerRange(0, 1500, 1)
STOPPED = Release("stopped")
POINT, STATUS = "2ad9", "2ada"


def steering(status: TrainerStatus, target: Target, reason: str) -> Steering:
    return Steering(status, target, reason, tuple(Mode))


def watts(data: bytes) -> int:
    assert data[0] == 5
    return int.from_bytes(data[1:], "little", signed=True)


class Rig:
    """A trainer object, a machine that answers it, and the clock of both.

    `answers` maps an op code to result codes, used up in order, the last one for ever. None: no
    answer. A result of -1 makes the write itself fail.
    """

    def __init__(
        self,
        answers: dict[int, list[int | None]] | None = None,
        *,
        latency_ms: int = 40,
        indication_first: bool = False,
        trainer: Trainer | None = None,
    ) -> None:
        self.trainer = trainer or Trainer(Ftms(), RANGE, 500)
        self.answers = answers or {}
        self.latency_ms = latency_ms
        self.indication_first = indication_first
        self.now = 0
        self.writes: list[tuple[int, bytes]] = []
        self.told: list[tuple[int, Steering]] = []
        self.pending = 0
        self._queue: list[tuple[int, int, Callable[[], list[Output]]]] = []
        self._count = 0
        self.trainer.regained(0)

    @property
    def targets(self) -> list[tuple[int, int]]:
        return [(at, watts(data)) for at, data in self.writes if data[0] == 5]

    @property
    def steering(self) -> Steering:
        return self.told[-1][1]

    def sent(self) -> list[bytes]:
        return [data for _, data in self.writes]

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Write):
                assert output.char == "2ad9"
                self.writes.append((self.now, output.data))
                self._answer(output.data)
            else:
                self.told.append((self.now, output))

    def after(self, delay_ms: int, act: Callable[[], list[Output]]) -> None:
        self._count += 1
        heappush(self._queue, (self.now + delay_ms, self._count, act))

    def _answer(self, data: bytes) -> None:
        results = self.answers.get(data[0], [OK])
        result = results.pop(0) if len(results) > 1 else results[0]
        early, late = self.latency_ms, 2 * self.latency_ms
        if result == -1:
            self.after(early, lambda: self.trainer.written(False, self.now))
            return
        written, indicated = (late, early) if self.indication_first else (early, late)
        self.after(written, lambda: self.trainer.written(True, self.now))
        if result is not None:
            self._indicate(data, result, indicated)

    def _indicate(self, data: bytes, result: int, delay_ms: int) -> None:
        self.pending += 1
        assert self.pending == 1 or self.answers, "two procedures in flight"

        def arrive() -> list[Output]:
            self.pending -= 1
            return self.trainer.heard(POINT, bytes([0x80, data[0], result]), self.now)

        self.after(delay_ms, arrive)

    def run(self, until_ms: int) -> None:
        """Lives through everything that is due up to `until_ms`."""
        for _ in range(100_000):
            due = self.trainer.deadline(self.now)
            assert due is None or due > self.now
            answer = self._queue[0][0] if self._queue else None
            at = min((ms for ms in (due, answer) if ms is not None), default=until_ms + 1)
            if at > until_ms:
                self.now = until_ms
                return
            self.now = at
            if answer == at:
                self.do(heappop(self._queue)[2]())
            else:
                self.do(self.trainer.tick(at))
        raise AssertionError("the trainer never rests")

    def want(self, wanted: int | Target | Release) -> None:
        target = PowerTarget(wanted) if isinstance(wanted, int) else wanted
        self.do(self.trainer.desired(target, self.now))

    def ride(self, until_ms: int, cadence_rpm: float | None, power_w: float | None = 150) -> None:
        """The rider pedals so, one measurement a second."""
        while self.now < until_ms:
            self.do(self.trainer.measurement(power_w, cadence_rpm, self.now))
            self.run(min(until_ms, self.now + 1000))

    def status(self, text: str) -> None:
        self.do(self.trainer.heard(STATUS, bytes.fromhex(text), self.now))


def steered(power_w: int = 200, **kwargs: object) -> Rig:
    """A rig whose rider has been at the target for a while."""
    rig = Rig(**kwargs)  # type: ignore[arg-type]
    rig.want(power_w)
    rig.ride(20_000, 90)
    assert rig.steering == steering(TrainerStatus.FOLLOWING, PowerTarget(power_w), "")
    rig.writes.clear()
    rig.told.clear()
    rig.do(rig.trainer.tick(rig.now))
    return rig


def last(rig: Rig) -> Steering:
    """What is true now, told or not."""
    return rig.trainer._steering(rig.now)


# Order.


@pytest.mark.parametrize("indication_first", [False, True])
def test_control_start_target_in_that_order_one_at_a_time(indication_first: bool) -> None:
    rig = Rig(indication_first=indication_first)
    rig.want(START_W)
    rig.run(1000)
    assert rig.writes == [(0, REQUEST), (80, START), (160, bytes.fromhex("053200"))]
    assert [steering.status for _, steering in rig.told] == [
        TrainerStatus.REQUESTING,
        TrainerStatus.FOLLOWING,
    ]
    assert rig.steering.target == PowerTarget(START_W)


def test_nothing_is_written_when_nothing_is_wanted() -> None:
    rig = Rig()
    rig.want(FreeTarget())
    rig.want(Release("no_plan"))
    rig.ride(5000, 90)
    assert rig.writes == []
    assert last(rig).status is TrainerStatus.FREE


def test_read_only_never_writes() -> None:
    rig = Rig(trainer=Trainer(Ftms(), RANGE, 500, read_only=True))
    rig.want(200)
    rig.ride(10_000, 90)
    rig.do(rig.trainer.retry(rig.now))
    rig.want(STOPPED)
    rig.run(60_000)
    assert rig.writes == []
    assert last(rig) == steering(TrainerStatus.FREE, FreeTarget(), "read_only")


def test_a_ramp_that_ends_while_one_is_in_flight_is_told_when_it_ends() -> None:
    rig = Rig({5: [OK, None]})
    rig.want(START_W + RISE_W_PER_S)
    rig.run(4000)
    assert rig.targets[-1][1] < START_W + RISE_W_PER_S  # in flight, not answered
    assert rig.trainer.tick(rig.now) == []
    assert rig.told[-1][0] < 2000 and rig.steering.reason == ""


def test_targets_coalesce_while_one_is_in_flight() -> None:
    rig = steered(latency_ms=300)
    for power_w in (199, 198, 197, 196):
        rig.want(power_w)
    rig.run(rig.now + 5000)
    assert [power_w for _, power_w in rig.targets] == [199, 196]


def test_a_target_that_comes_back_is_written_behind_one_that_was_not_answered() -> None:
    rig = steered()
    rig.answers[5] = [None, OK]
    rig.want(300)
    rig.run(rig.now + 1000)
    rig.want(200)
    rig.run(rig.now + PROCEDURE_MS + 5000)
    assert [power_w for _, power_w in rig.targets] == [300, 200], "300 may be on the brake"


def test_the_same_target_is_not_written_again_before_the_refresh() -> None:
    rig = steered()
    start = rig.now
    for at in range(start, start + 40_000, 500):
        rig.run(at)
        rig.want(200)
    assert rig.targets == []
    rig.ride(start + 2 * REFRESH_MS, 90)
    assert 1 <= len(rig.targets) <= 2
    assert {power_w for _, power_w in rig.targets} == {200}


# Ramp-in, caps, range.


def test_ramp_in_is_bounded_and_then_steps_are_at_once() -> None:
    rig = Rig()
    rig.want(300)
    rig.ride(20_000, 90, power_w=80)
    assert rig.targets[0][1] == 80  # from the rider's own power
    for (at, low), (later, high) in pairwise(rig.targets):
        rise = RISE_W_PER_S * (later - at + RISE_EVERY_MS) / 1000
        assert high - low <= rise
    assert rig.targets[-1][1] == 300
    assert 10_000 < rig.targets[-1][0] < 13_000
    rig.want(150)
    rig.run(rig.now + 1000)
    rig.want(400)
    rig.run(rig.now + 1000)
    assert [power_w for _, power_w in rig.targets][-2:] == [150, 400]
    reasons = [steering.reason for _, steering in rig.told]
    assert "ramp_in" in reasons and reasons[-1] == ""


def test_the_athletes_cap_holds_and_can_change() -> None:
    rig = steered()
    rig.want(900)
    rig.run(rig.now + 1000)
    assert rig.targets[-1][1] == 500
    assert rig.steering == steering(TrainerStatus.HOLDING_BACK, PowerTarget(500), "cap")
    rig.do(rig.trainer.limit(250, rig.now))
    rig.run(rig.now + 1000)
    assert rig.targets[-1][1] == 250


def test_range_and_increment() -> None:
    rig = Rig(trainer=Trainer(Ftms(), PowerRange(50, 400, 25), None))
    rig.want(190)
    rig.ride(20_000, 90)
    assert {power_w % 25 for _, power_w in rig.targets} == {0}
    assert rig.targets[-1][1] == 175  # downwards onto the grid
    assert rig.steering.status is TrainerStatus.FOLLOWING
    rig.want(30)
    rig.run(rig.now + 500)
    assert rig.targets[-1][1] == 50 and rig.steering.reason == "range"
    rig.want(900)
    rig.run(rig.now + 500)
    assert rig.targets[-1][1] == 400 and rig.steering.reason == "range"
    rig.do(rig.trainer.ranged(PowerRange(0, 300, 1), rig.now))
    rig.run(rig.now + 500)
    assert rig.targets[-1][1] == 300


def test_a_trainer_that_cannot_go_as_low_as_the_cap_is_let_go() -> None:
    rig = Rig(trainer=Trainer(Ftms(), PowerRange(100, 400, 1), 80))
    rig.want(60)
    rig.ride(5000, 90)
    assert rig.targets == [] and last(rig).reason == "cap"


# Release.


@pytest.mark.parametrize("wanted", [STOPPED, Release("plan_ended"), FreeTarget()])
def test_release_is_reset_and_needs_new_control_after_it(wanted: Release | FreeTarget) -> None:
    rig = steered()
    rig.want(wanted)
    rig.status("01")
    rig.run(rig.now + 100)
    rig.status("ff")
    rig.run(rig.now + 5000)
    assert rig.sent() == [RESET]
    assert rig.steering.status is TrainerStatus.FREE
    assert rig.steering.target == FreeTarget()
    rig.want(200)
    rig.run(rig.now + 300)
    assert rig.sent()[:3] == [RESET, REQUEST, START]
    assert rig.targets[0][1] == 150  # ramps in again from the rider's power


def test_release_falls_back_and_remembers_what_worked() -> None:
    rig = steered(answers={1: [UNSUPPORTED], 8: [OK]})
    rig.want(STOPPED)
    rig.run(rig.now + 2000)
    assert rig.sent() == [RESET, STOP] and rig.steering.status is TrainerStatus.FREE
    rig.want(100)
    rig.run(rig.now + 2000)
    rig.want(STOPPED)
    rig.run(rig.now + 2000)
    assert rig.sent()[-1] == STOP and rig.sent().count(RESET) == 1


def test_release_ends_at_the_lowest_power() -> None:
    machine = Ftms()
    machine.knows({"2ad8": bytes.fromhex("190020030100")})
    trainer = Trainer(machine, PowerRange(25, 800, 1), 500)
    rig = steered(answers={1: [UNSUPPORTED], 8: [FAILED]}, trainer=trainer)
    rig.want(STOPPED)
    rig.run(rig.now + 2000)
    assert rig.sent() == [RESET, STOP, bytes.fromhex("051900")]
    assert rig.steering == steering(TrainerStatus.FREE, FreeTarget(), "stopped")


def test_a_release_that_fails_everywhere_is_tried_again() -> None:
    rig = steered(answers={1: [FAILED, OK], 8: [FAILED], 5: [OK]})
    rig.answers[5] = [FAILED]
    rig.want(STOPPED)
    rig.run(rig.now + SILENT_MS[0] + 2000)
    assert rig.sent().count(RESET) == 2 and rig.steering.status is TrainerStatus.FREE


def test_release_is_carried_through_after_a_lost_link() -> None:
    rig = steered()
    rig.do(rig.trainer.lost(rig.now))
    assert rig.steering.status is TrainerStatus.LOST
    rig.want(STOPPED)
    rig.run(rig.now + 30_000)
    assert rig.sent() == [] and rig.trainer.deadline(rig.now) is None
    rig.do(rig.trainer.regained(rig.now))
    rig.run(rig.now + 2000)
    assert rig.sent() == [REQUEST, RESET] and rig.steering.status is TrainerStatus.FREE


def test_stop_does_not_wait_for_a_back_off() -> None:
    rig = steered()
    rig.answers[5] = [FAILED]
    rig.want(210)
    rig.run(rig.now + 200)
    asked = rig.now
    rig.want(STOPPED)
    assert rig.writes[-1] == (asked, RESET)


def test_a_regained_link_ramps_in_again() -> None:
    rig = steered(300)
    rig.do(rig.trainer.lost(rig.now))
    rig.run(rig.now + 4000)
    rig.do(rig.trainer.regained(rig.now))
    rig.do(rig.trainer.measurement(120, 80, rig.now))
    rig.run(rig.now + 1000)
    assert rig.sent()[:2] == [REQUEST, START]
    assert rig.targets[0][1] == 120


# The rider.


def test_a_rider_who_stops_is_released_and_eased_back_in() -> None:
    rig = steered(300)
    stopped = rig.now
    rig.ride(stopped + REST_AFTER_MS + 2000, 0, power_w=0)
    (at, first), *_ = rig.writes
    assert first == RESET and at <= stopped + REST_AFTER_MS + 1000
    assert last(rig) == steering(TrainerStatus.HOLDING_BACK, FreeTarget(), "not_pedalling")
    assert rig.targets == []
    back = rig.now
    rig.ride(back + 4000, 85, power_w=90)
    assert rig.targets[0][1] == 90
    assert all(high - low <= RISE_W_PER_S for (_, low), (_, high) in pairwise(rig.targets))
    rig.ride(back + 20_000, 85, power_w=290)
    assert rig.steering == steering(TrainerStatus.FOLLOWING, PowerTarget(300), "")


def test_a_rider_who_has_not_begun_is_waited_for() -> None:
    rig = Rig()
    rig.do(rig.trainer.measurement(0, 0, 0))
    rig.want(200)
    rig.ride(10_000, 0, power_w=0)
    assert rig.sent() == [REQUEST]
    assert rig.steering.reason == "not_pedalling"
    rig.ride(15_000, 80, power_w=70)
    assert rig.targets[0][1] == 70


def test_a_trainer_without_cadence_goes_by_power() -> None:
    """JetBlack Volt sends cadence 0 for ever."""
    rig = Rig()
    rig.want(200)
    rig.ride(20_000, 0, power_w=180)
    assert rig.targets[-1][1] == 200
    rig.ride(26_000, 0, power_w=0)
    assert rig.sent()[-2:] == [RESET, REQUEST]


def test_low_cadence_only_lowers_and_then_ramps_back() -> None:
    rig = steered(200)
    start = rig.now
    cadences = [45, 45, 45, 45, 40, 35, 42, 48, 48, 52, 53]
    for i, cadence in enumerate(cadences):
        rig.ride(start + 1000 * (i + 1), cadence)
        if i == 6:
            rig.want(260)  # a harder interval begins in mid-spiral
    lowered = rig.targets
    assert lowered[0][0] >= start + LOW_CADENCE_AFTER_MS
    assert [power_w for _, power_w in lowered] == [180, 160, 140]  # torque as at 50 rpm
    assert last(rig).reason == "low_cadence"
    recovered = rig.now
    rig.ride(recovered + 10_000, 75)
    rising = [power_w for at, power_w in rig.targets if at >= recovered]
    assert rising == sorted(rising) and rising[-1] == 260
    assert all(high - low <= RISE_W_PER_S for low, high in pairwise(rising))


def test_a_short_dip_in_cadence_changes_nothing() -> None:
    rig = steered(200)
    start = rig.now
    rig.ride(start + 2000, 45)
    rig.ride(start + 10_000, 80)
    assert rig.targets == []


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.one_of(st.just(0), st.integers(20, 120)),
            st.integers(0, 400),
            st.one_of(st.none(), st.integers(0, 600)),
        ),
        min_size=1,
        max_size=25,
    )
)
@example([(1, 0, 11, 0), (4, 20, 0, None), (1, 20, 0, 55)])
def test_whatever_the_rider_does_the_limits_hold(
    story: list[tuple[int, int, int, int | None]],
) -> None:
    """(seconds, cadence, power, new target or release): cap, guard and ramp hold throughout."""
    rig = Rig(trainer=Trainer(Ftms(), PowerRange(20, 450, 5), 400))
    rig.want(150)
    low_since: int | None = None
    for seconds, cadence, power_w, wanted in story:
        rig.want(STOPPED if wanted is None else wanted)
        # The guard watches over a target: while nothing is asked there is nothing to ease.
        if not 0 < cadence < 50 or wanted is None:
            low_since = None
        elif low_since is None:
            low_since = rig.now
        before = len(rig.targets)
        rig.ride(rig.now + 1000 * seconds, cadence, power_w)
        written = rig.targets[before:]
        assert all(power % 5 == 0 and 20 <= power <= 400 for _, power in written)
        if low_since is not None and before:
            since = low_since + LOW_CADENCE_AFTER_MS + 1000
            guarded = [power for at, power in rig.targets if at > since]
            resets = [at for at, data in rig.writes if data == RESET and at > since]
            assert resets or guarded == sorted(guarded, reverse=True)
    rig.want(STOPPED)
    rig.run(rig.now + 10_000)
    assert rig.steering.status is TrainerStatus.FREE
    if rig.targets:
        assert RESET in [data for at, data in rig.writes if at >= rig.targets[-1][0]]


# Results.


def test_no_power_targets_means_not_steerable_until_retried() -> None:
    rig = Rig({5: [UNSUPPORTED, OK]})
    rig.want(200)
    rig.ride(60_000, 90)
    assert len(rig.targets) == 1
    assert rig.steering.status is TrainerStatus.UNSTEERABLE
    assert rig.steering.reason == "no_power_targets"
    assert rig.steering.modes == (Mode.GRADE, Mode.RESISTANCE)
    rig.do(rig.trainer.retry(rig.now))
    rig.ride(rig.now + 20_000, 90)
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_what_is_on_the_brake_is_let_go_of_where_the_next_kind_is_not_known() -> None:
    rig = steered()
    rig.answers[0x11] = [UNSUPPORTED]
    rig.do(rig.trainer.lost(rig.now))
    rig.want(GradeTarget(grade_pct=3.0))
    rig.do(rig.trainer.regained(rig.now))
    rig.ride(rig.now + 10_000, 90)
    assert rig.steering.reason == "no_grade_targets"
    assert rig.sent()[-1] == RESET
    assert rig.steering.target == FreeTarget()


def test_unsupported_request_and_start_are_learned() -> None:
    rig = Rig({0: [UNSUPPORTED], 7: [FAILED]})
    rig.want(200)
    rig.ride(20_000, 90)
    assert rig.sent().count(REQUEST) == 1 and rig.sent().count(START) == 1
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_a_target_that_the_machine_rejects_is_not_repeated() -> None:
    rig = steered()
    rig.answers[5] = [INVALID]
    rig.want(300)
    rig.ride(rig.now + 2 * REFRESH_MS, 90)
    assert [power_w for _, power_w in rig.targets] == [300]
    assert rig.steering == steering(TrainerStatus.HOLDING_BACK, PowerTarget(200), "range")
    rig.answers[5] = [OK]
    rig.want(250)
    rig.run(rig.now + 1000)
    assert rig.steering == steering(TrainerStatus.FOLLOWING, PowerTarget(250), "")


def test_a_failed_target_is_tried_again_later() -> None:
    rig = steered()
    rig.answers[5] = [FAILED, OK]
    rig.want(300)
    rig.run(rig.now + 5000)
    (first, _), (second, _) = rig.targets
    assert second - first >= 2000


@pytest.mark.parametrize("failure", [None, -1])
def test_a_silent_trainer_is_asked_twice_then_with_growing_pauses(failure: int | None) -> None:
    rig = Rig({0: [failure]})
    rig.want(200)
    rig.run(200_000)
    asked = [at for at, _ in rig.writes]
    assert set(rig.sent()) == {REQUEST}
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    longest = SILENT_MS[-1] + PROCEDURE_MS + 1000
    assert pauses[0] <= PROCEDURE_MS + 500 and pauses[1] >= SILENT_MS[0]
    assert max(pauses) <= longest and pauses[-1] >= 500
    assert max(pauses[-4:]) >= SILENT_MS[-1]
    assert rig.steering == steering(TrainerStatus.REQUESTING, FreeTarget(), "no_answer")
    rig.answers[0] = [OK]
    rig.ride(rig.now + 60_000, 90)
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_one_lost_answer_is_repeated_with_the_newest_target() -> None:
    rig = steered()
    rig.answers[5] = [None, OK]
    rig.want(210)
    rig.run(rig.now + 100)
    rig.want(220)
    rig.run(rig.now + PROCEDURE_MS + 2000)
    assert [power_w for _, power_w in rig.targets] == [210, 220]
    assert rig.steering.target == PowerTarget(220)


def test_an_answer_counts_even_if_the_response_to_its_write_is_lost() -> None:
    trainer = Trainer(Ftms(), RANGE, 500)
    trainer.regained(0)
    trainer.desired(PowerTarget(100), 0)
    assert trainer.heard(POINT, bytes.fromhex("800001"), 10) == []
    due = trainer.deadline(10)
    assert due == PROCEDURE_MS
    assert Write("2ad9", START) in trainer.tick(due)


@pytest.mark.parametrize("text", ["", "80", "8005", "050001", "800701", "ffffff"])
def test_indications_that_answer_nothing_are_dropped(text: str) -> None:
    trainer = Trainer(Ftms(), RANGE, 500)
    trainer.regained(0)
    trainer.desired(PowerTarget(100), 0)
    trainer.written(True, 5)
    assert trainer.heard(POINT, bytes.fromhex(text), 10) == []


# Other apps.


def test_lost_control_is_asked_for_again() -> None:
    rig = steered()
    rig.status("ff")
    assert rig.steering.status is TrainerStatus.REQUESTING
    rig.run(rig.now + 5000)
    assert rig.sent()[:2] == [REQUEST, START] and rig.targets[-1][1] == 200
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_not_permitted_is_lost_control() -> None:
    rig = steered()
    rig.answers[5] = [NOT_PERMITTED, OK]
    rig.want(210)
    rig.run(rig.now + 5000)
    assert REQUEST in rig.sent() and rig.steering.target == PowerTarget(210)


def test_two_apps_do_not_fight_and_retry_asks_again() -> None:
    rig = steered()
    rig.status("ff")
    rig.ride(rig.now + 3000, 90)
    rig.status("ff")
    quiet_from = len(rig.writes)
    rig.ride(rig.now + 300_000, 90)
    assert len(rig.writes) == quiet_from
    assert rig.steering == steering(TrainerStatus.ELSEWHERE, FreeTarget(), "controlled_elsewhere")
    rig.do(rig.trainer.retry(rig.now))
    rig.ride(rig.now + 5000, 90)
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_a_refused_request_is_repeated_once() -> None:
    rig = Rig({0: [NOT_PERMITTED]})
    rig.want(200)
    rig.ride(60_000, 90)
    assert rig.sent() == [REQUEST, REQUEST]
    assert rig.steering.status is TrainerStatus.ELSEWHERE
    rig.want(STOPPED)
    rig.run(rig.now + 1000)
    rig.want(200)  # the next ride asks anew
    assert rig.sent()[2:] == [REQUEST]


def test_a_trainer_that_strays_is_written_again_but_not_for_ever() -> None:
    rig = steered()
    rig.status("08c800")
    rig.run(rig.now + 1000)
    assert rig.targets == []
    for _ in range(10):
        rig.status("086400")
        rig.run(rig.now + 1000)
    assert [power_w for _, power_w in rig.targets] == [200, 200]
    rig.status("08")  # Think XX01's bare status says nothing
    rig.status("")
    rig.run(rig.now + 1000)
    assert len(rig.targets) == 2


def test_resistance_set_by_somebody_else_is_straying() -> None:
    rig = steered()
    rig.status("073200")
    rig.run(rig.now + 1000)
    assert [power_w for _, power_w in rig.targets] == [200]


def test_stopped_at_the_machine_is_started_again_after_a_while() -> None:
    rig = steered()
    at = rig.now
    rig.status("0202")
    rig.run(at + 1500)
    assert rig.sent() == []
    rig.run(at + 3000)
    assert rig.sent()[0] == START and rig.targets[-1][1] == 200


def test_the_safety_key_holds_until_the_machine_is_started() -> None:
    rig = steered()
    rig.status("03")
    rig.ride(rig.now + 60_000, 90)
    assert rig.targets == [] and last(rig).reason == "safety_key"
    rig.status("04")
    rig.ride(rig.now + 20_000, 90)
    assert rig.steering.status is TrainerStatus.FOLLOWING


def test_a_machine_that_resets_itself_is_taken_again() -> None:
    rig = steered()
    rig.status("01")
    rig.run(rig.now + 2000)
    assert rig.sent()[:2] == [REQUEST, START] and rig.targets[-1][1] == 200


# Any order of events.

EVENTS = st.one_of(
    st.tuples(st.just("want"), st.one_of(st.none(), st.integers(0, 700))),
    st.tuples(st.just("ride"), st.integers(0, 110)),
    st.tuples(st.just("status"), st.sampled_from(["01", "0201", "03", "04", "086400", "ff", "12"])),
    st.tuples(st.just("indicate"), st.binary(max_size=4)),
    st.tuples(st.just("write"), st.booleans()),
    st.tuples(st.just("link"), st.booleans()),
    st.tuples(st.just("retry"), st.none()),
)


@settings(max_examples=80)
@given(
    st.lists(EVENTS, max_size=40),
    st.dictionaries(
        st.sampled_from([0, 1, 5, 7, 8]),
        st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 5, 9, None, -1]), min_size=1, max_size=4),
    ),
)
def test_any_story_keeps_the_promises(
    story: list[tuple[str, object]], answers: dict[int, list[int | None]]
) -> None:
    """One in flight, deadlines ahead, ticks idempotent, never above the cap, let go at the end."""
    rig = Rig(dict(answers))
    linked = True
    for what, detail in story:
        if what == "want":
            rig.want(STOPPED if detail is None else int(str(detail)))
        elif what == "ride":
            rig.do(rig.trainer.measurement(100, float(str(detail)), rig.now))
        elif what == "status":
            rig.status(str(detail))
        elif what == "indicate":
            assert isinstance(detail, bytes)
            rig.do(rig.trainer.heard(POINT, detail, rig.now))
        elif what == "write":
            rig.do(rig.trainer.written(bool(detail), rig.now))
        elif what == "link":
            if linked == bool(detail):
                continue  # a link is not gained twice, nor lost twice
            linked = bool(detail)
            rig.do((rig.trainer.regained if linked else rig.trainer.lost)(rig.now))
        else:
            rig.do(rig.trainer.retry(rig.now))
        assert rig.trainer.tick(rig.now) == []
        count = len(rig.writes)
        rig.run(rig.now + 700)
        assert linked or len(rig.writes) == count
        assert all(power_w <= 500 for _, power_w in rig.targets)
    rig.answers.clear()
    rig.answers[99] = [OK]  # from now on the machine answers everything
    if linked:
        rig.do(rig.trainer.lost(rig.now))
    rig.do(rig.trainer.regained(rig.now))
    rig.want(STOPPED)
    rig.run(rig.now + 60_000)
    assert rig.steering == steering(TrainerStatus.FREE, FreeTarget(), "stopped")
