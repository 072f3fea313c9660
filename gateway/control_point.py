"""The FTMS control point: one procedure in flight (FTMS 1.0, 4.16.3).

A procedure is a write with response and an indication that answers it. The indication may come
before the write's response; the procedure ends when both are in, or when its time is up.
"""

from __future__ import annotations

import msgspec

from gateway.gatt import fitness_machine_control as ftms
from gateway.gatt.fitness_machine_control import Op
from gateway.gatt.layout import Nonsense

PROCEDURE_MS = 4000  # field practice: 3 to 5 s


class Write(msgspec.Struct, frozen=True):
    """Write with response, then say `written`."""

    char: str
    data: bytes


class Procedure(msgspec.Struct, frozen=True):
    op: Op
    data: bytes
    power_w: int | None = None
    releases: bool = False  # it is to let go of the brake, whatever the op


class Ended(msgspec.Struct, frozen=True):
    """`result`: the machine's code; None: it did not answer, or the write failed."""

    procedure: Procedure
    result: int | None


class ControlPoint:
    """Times are any steady ms."""

    def __init__(self) -> None:
        self.in_flight: Procedure | None = None
        self._ends_ms = 0
        self._written = False
        self._result: int | None = None

    def begin(self, procedure: Procedure, now_ms: int) -> Write:
        self.in_flight = procedure
        self._ends_ms = now_ms + PROCEDURE_MS
        self._written, self._result = False, None
        return Write(ftms.CONTROL_POINT, procedure.data)

    def written(self, ok: bool) -> Ended | None:
        """The write's response, or its failure. An answer that came first outweighs a failure."""
        if self.in_flight is None or self._written:
            return None
        self._written = True
        return self._end() if self._result is not None or not ok else None

    def indication(self, data: bytes) -> Ended | None:
        """One that does not answer what is in flight is late, and is dropped."""
        response = ftms.control_response(data)
        if self.in_flight is None or isinstance(response, Nonsense):
            return None
        if response.op != self.in_flight.op:
            return None
        self._result = response.result
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
        return None if procedure is None else Ended(procedure, self._result)
