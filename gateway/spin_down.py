"""A spin-down: a trainer is ridden up to a speed and rolls out, and so learns its own drag. Pure.

FTMS 1.0, 4.16.2.20 and 4.17; FE-C pages 1 and 2. The brake must be free for it, so the trainer
carries out nothing else meanwhile.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.dialects.port import Answer, Outcome, SpinDownNews, SpinDownStep
from hub.wire.uplink import SpinDown, SpinDownPhase

REQUEST_MS = 15_000  # release, control and the request itself
SPEED_UP_MS = 120_000
COAST_MS = 120_000  # a heavy flywheel rolls for most of a minute
LIMITS_MS = {
    SpinDownPhase.REQUESTED: REQUEST_MS,
    SpinDownPhase.SPEED_UP: SPEED_UP_MS,
    SpinDownPhase.COAST: COAST_MS,
}
REFUSALS = {
    Outcome.UNSUPPORTED: "not_supported",
    Outcome.NOT_PERMITTED: "refused",
    Outcome.INVALID: "not_supported",
    Outcome.FAILED: "failed",
}


class SpinDownRun:
    """`told`: how far it is, or how the last one ended. Times are any steady ms."""

    def __init__(self) -> None:
        self.told: SpinDown | None = None
        self._since_ms = 0  # of the phase

    @property
    def active(self) -> bool:
        return self.told is not None and self.told.phase in LIMITS_MS

    @property
    def to_be_asked(self) -> bool:
        return self.told is not None and self.told.phase is SpinDownPhase.REQUESTED

    def begin(self, now_ms: int) -> None:
        self.told, self._since_ms = SpinDown(SpinDownPhase.REQUESTED), now_ms

    def answered(self, answer: Answer | None, now_ms: int) -> None:
        """The machine's answer to the request; None: it gave none."""
        if not self.to_be_asked:
            return
        if answer is None:
            self.fail("no_answer")
        elif answer.outcome is not Outcome.DONE:
            self.fail(REFUSALS[answer.outcome])
        else:
            speeds = answer.speed_low_kmh, answer.speed_high_kmh
            self._enter(SpinDown(SpinDownPhase.SPEED_UP, *speeds), now_ms)

    def heard(self, news: SpinDownNews, now_ms: int) -> None:
        """While none is under way, whoever began it, it is not ours."""
        if self.told is None or not self.active or self.to_be_asked:
            return
        match news.step:
            case SpinDownStep.SPEED_UP:
                if self.told.phase is SpinDownPhase.SPEED_UP and news.speed_kmh is not None:
                    speed = round(news.speed_kmh, 1)
                    self.told = replace(self.told, speed_low_kmh=speed, speed_high_kmh=speed)
            case SpinDownStep.COAST:
                if self.told.phase is SpinDownPhase.SPEED_UP:
                    self._enter(replace(self.told, phase=SpinDownPhase.COAST), now_ms)
            case SpinDownStep.DONE:
                self._done(news, now_ms)
            case SpinDownStep.FAILED:
                self.fail("failed")

    def fail(self, reason: str) -> None:
        if self.active:
            self.told = SpinDown(SpinDownPhase.FAILED, reason=reason)

    def expire(self, now_ms: int) -> None:
        due = self.deadline()
        if due is not None and now_ms >= due:
            self.fail("no_answer" if self.to_be_asked else "timeout")

    def deadline(self) -> int | None:
        if self.told is None or not self.active:
            return None
        return self._since_ms + LIMITS_MS[self.told.phase]

    def _enter(self, told: SpinDown, now_ms: int) -> None:
        self.told, self._since_ms = told, now_ms

    def _done(self, news: SpinDownNews, now_ms: int) -> None:
        told = self.told
        took_ms = news.spin_down_ms
        if took_ms is None and told is not None and told.phase is SpinDownPhase.COAST:
            took_ms = now_ms - self._since_ms
        self.told = SpinDown(SpinDownPhase.DONE, spin_down_ms=took_ms)
