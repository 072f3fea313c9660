"""One procedure: response and indication in any order, late ones, none at all."""

from __future__ import annotations

from gateway.control_point import PROCEDURE_MS, ControlPoint, Ended, Write
from gateway.dialects.port import Answer, Outcome, Procedure, Purpose

ASK = Procedure(Purpose.CONTROL, "2ad9", b"\x00", 0)
QUIET = Procedure(Purpose.TARGET, "e005", b"\x42", 0x42, silence_ms=1000)
GRANTED = Answer(0, Outcome.DONE)


def asking() -> ControlPoint:
    point = ControlPoint()
    assert point.begin(ASK, 0) == Write("2ad9", b"\x00")
    return point


def test_both_orders_end_it_once() -> None:
    point = asking()
    assert point.written(True, 10) is None
    assert point.answered(GRANTED) == Ended(ASK, GRANTED)
    assert point.answered(GRANTED) is None and point.written(True, 10) is None
    point.begin(ASK, 0)
    assert point.answered(GRANTED) is None
    assert point.written(True, 10) == Ended(ASK, GRANTED)
    assert point.in_flight is None and point.deadline() is None


def test_a_failed_write_ends_it_without_a_result() -> None:
    assert asking().written(False, 10) == Ended(ASK, None)


def test_an_answer_outweighs_a_failed_write() -> None:
    point = asking()
    point.answered(GRANTED)
    assert point.written(False, 10) == Ended(ASK, GRANTED)


def test_time_runs_out() -> None:
    point = asking()
    assert point.deadline() == PROCEDURE_MS
    assert point.expire(PROCEDURE_MS - 1) is None
    assert point.expire(PROCEDURE_MS) == Ended(ASK, None)
    assert point.expire(PROCEDURE_MS) is None


def test_what_answers_nothing_in_flight_is_dropped() -> None:
    point = asking()
    point.written(True, 10)
    for key in (1, 5, 0x80):
        assert point.answered(Answer(key, Outcome.DONE)) is None
    assert point.in_flight == ASK
    point.abandon()
    assert point.answered(GRANTED) is None and point.expire(10**9) is None


def test_silence_behind_the_response_is_a_yes_where_answers_may_be_left_out() -> None:
    point = ControlPoint()
    point.begin(QUIET, 0)
    assert point.written(True, 200) is None
    assert point.deadline() == 1200
    assert point.expire(1200) == Ended(QUIET, Answer(0x42, Outcome.DONE))
    point.begin(QUIET, 0)
    point.written(True, 200)
    refused = Answer(0x42, Outcome.FAILED)
    assert point.answered(refused) == Ended(QUIET, refused)
    point.begin(QUIET, 0)
    assert point.written(False, 200) == Ended(QUIET, None)


def test_a_protocol_without_answers_ends_with_the_response() -> None:
    page = Procedure(Purpose.TARGET, "fec3", b"\x31", 49, silence_ms=0)
    point = ControlPoint()
    point.begin(page, 0)
    assert point.written(True, 5) == Ended(page, Answer(49, Outcome.DONE))
