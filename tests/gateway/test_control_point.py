"""One procedure: response and indication in any order, late ones, none at all."""

from __future__ import annotations

from gateway.control_point import PROCEDURE_MS, ControlPoint, Ended, Procedure, Write
from gateway.gatt import fitness_machine_control as ftms
from gateway.gatt.fitness_machine_control import Op

ASK = Procedure(Op.REQUEST_CONTROL, ftms.request_control())
GRANTED = bytes.fromhex("800001")


def asking() -> ControlPoint:
    point = ControlPoint()
    assert point.begin(ASK, 0) == Write("2ad9", b"\x00")
    return point


def test_both_orders_end_it_once() -> None:
    point = asking()
    assert point.written(True) is None
    assert point.indication(GRANTED) == Ended(ASK, 1)
    assert point.indication(GRANTED) is None and point.written(True) is None
    point.begin(ASK, 0)
    assert point.indication(GRANTED) is None
    assert point.written(True) == Ended(ASK, 1)
    assert point.in_flight is None and point.deadline() is None


def test_a_failed_write_ends_it_without_a_result() -> None:
    assert asking().written(False) == Ended(ASK, None)


def test_an_answer_outweighs_a_failed_write() -> None:
    point = asking()
    point.indication(GRANTED)
    assert point.written(False) == Ended(ASK, 1)


def test_time_runs_out() -> None:
    point = asking()
    assert point.deadline() == PROCEDURE_MS
    assert point.expire(PROCEDURE_MS - 1) is None
    assert point.expire(PROCEDURE_MS) == Ended(ASK, None)
    assert point.expire(PROCEDURE_MS) is None


def test_what_answers_nothing_in_flight_is_dropped() -> None:
    point = asking()
    point.written(True)
    for text in ("", "80", "800501", "000001"):
        assert point.indication(bytes.fromhex(text)) is None
    assert point.in_flight == ASK
    point.abandon()
    assert point.indication(GRANTED) is None and point.expire(10**9) is None
