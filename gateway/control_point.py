"""A trainer's control point: one procedure in flight (FTMS 1.0, 4.16.3), whatever the protocol.

A procedure is a write with response and what answers it. The answer may come before the write's
response; the procedure ends when both are in, or when its time is up.
"""

from __future__ import annotations

import msgspec

from gateway.dialects.port import Answer, Outcome, Procedure

PROCEDURE_MS = 4000  # field practice: 3 to 5 s


class Write(msgspec.Struct, frozen=True):
    """Write with response, then say `written`."""

    char: str
    data: bytes


class Ended(msgspec.Struct, frozen=True):
    """`answer` None: the machine did not answer, or the write failed."""

    procedure: Procedure
    answer: Answer | None

    @property
    def outcome(self) -> Outcome | None:
        return None if self.answer is None else self.answer.outcome


class ControlPoint:
    """Times are any steady ms."""

    def __init__(self) -> None:
        self.in_flight: Procedure | None = None
        self._ends_ms = 0
        self._written = False
        self._answer: Answer | None = None

    def begin(self, procedure: Procedure, now_ms: int) -> Write:
        self.in_flight = procedure
        self._ends_ms = now_ms + PROCEDURE_MS
        self._written, self._answer = False, None
        return Write(procedure.char, procedure.data)

    def written(self, ok: bool, now_ms: int) -> Ended | None:
        """The write's response, or its failure. An answer that came first outweighs a failure."""
        if self.in_flight is None or self._written:
            return None
        self._written = True
        if self._answer is not None or not ok:
            return self._end()
        silence_ms = self.in_flight.silence_ms
        if silence_ms is None:
            return None
        self._answer = Answer(self.in_flight.key, Outcome.DONE)  # unless another one comes
        self._ends_ms = min(self._ends_ms, now_ms + silence_ms)
        return self.expire(now_ms)

    def answered(self, answer: Answer) -> Ended | None:
        """One that does not answer what is in flight is late, and is dropped."""
        if self.in_flight is None or answer.key != self.in_flight.key:
            return None
        self._answer = answer
        return self._end() if self._written else None

    def expire(self, now_ms: int) -> Ended | None:
        return self._end() if self.in_flight is not None and now_ms >= self._ends_ms else None

    def abandon(self) -> None:
        """The link or the permission is gone: no answer counts any more."""
        self.in_flight = None

    def deadline(self) -> int | None:
        return None if self.in_flight is None else self._ends_ms

    def _end(self) -> Ended | None:
        procedure, self.in_flight = self.in_flight, None
        return None if procedure is None else Ended(procedure, self._answer)
