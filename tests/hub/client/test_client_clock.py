"""Hub time of a client: the golden exchanges, and that the bound holds whatever the way is like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.client.clock import HubClock

CASES = json.loads(
    (Path(__file__).parents[2] / "golden" / "clock" / "exchanges.json").read_text("utf-8")
)
HUB_MS = 1_700_000_000_000.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_gives_what_the_golden_file_says(case: dict[str, Any]) -> None:
    clock = HubClock()
    for exchange in case["exchanges"]:
        clock.learn(*exchange)
    error_ms = clock.error_ms(case["at_ms"])
    assert error_ms == pytest.approx(case["error_ms"], abs=0.001)
    now_ms = clock.now_ms(case["at_ms"])
    assert now_ms == pytest.approx(case["now_ms"], abs=0.002)
    assert abs(now_ms - case["hub_ms"]) <= error_ms + 0.01
    assert clock.now_ms(clock.local_ms(now_ms)) == pytest.approx(now_ms)


WAY_MS = st.floats(0.0, 400.0)


@given(
    drift_ppm=st.floats(-100, 100),
    skew_ms=st.floats(-600_000, 600_000),
    trips=st.lists(st.tuples(st.floats(1, 60_000), WAY_MS, WAY_MS), min_size=1, max_size=40),
    later_ms=st.floats(0, 600_000),
)
def test_the_error_stays_within_the_bound(
    drift_ppm: float, skew_ms: float, trips: list[tuple[float, float, float]], later_ms: float
) -> None:
    """Clocks ten minutes apart that drift by 100 ppm, over ways that are as uneven as they like."""

    def hub(local_ms: float) -> float:
        return HUB_MS + skew_ms + local_ms * (1 + drift_ppm / 1e6)

    clock, at_ms = HubClock(), 0.0
    for rest_ms, there_ms, back_ms in trips:
        at_ms += rest_ms
        received_ms = hub(at_ms + there_ms)
        back_at_ms = at_ms + there_ms + back_ms
        clock.learn(at_ms, received_ms, received_ms, back_at_ms, 5e11 + back_at_ms)
        at_ms = back_at_ms
        bound_ms = clock.error_ms(at_ms)
        assert bound_ms is not None and abs(clock.now_ms(at_ms) - hub(at_ms)) <= bound_ms + 0.05
    bound_ms = clock.error_ms(at_ms + later_ms)
    assert bound_ms is not None
    assert abs(clock.now_ms(at_ms + later_ms) - hub(at_ms + later_ms)) <= bound_ms + 0.1


def test_before_the_first_exchange_there_is_a_guess_and_no_bound() -> None:
    clock = HubClock()
    assert clock.now_ms(5.0) == 5.0
    clock.guess(HUB_MS, 1_000.0)
    assert clock.now_ms(1_500.0) == HUB_MS + 500
    assert clock.error_ms(1_500.0) is None
    clock.learn(2_000.0, HUB_MS + 1_010, HUB_MS + 1_010, 2_020.0, 0.0)
    clock.guess(0.0, 2_020.0)  # a guess is worth less than what was measured
    assert clock.now_ms(2_020.0) == HUB_MS + 1_020


def test_after_a_reconnect_the_last_offset_stands_without_a_bound() -> None:
    clock = HubClock()
    clock.learn(0.0, HUB_MS, HUB_MS, 0.0, 0.0)
    clock.forget()
    assert clock.now_ms(10.0) == HUB_MS + 10
    assert clock.error_ms(10.0) is None and clock.count == 0
