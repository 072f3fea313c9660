"""Two looks at a hub, and what lies between them."""

from __future__ import annotations

import pytest

from firmware_sim.hub_figures import FiguresError, Look, Spread, between, look, look_of
from hub.vitals import Counts, Vitals

NOBODY = Counts(0, 0, 0, 0)


def at(vitals: Vitals, at_s: float) -> Look:
    return look_of(vitals.text().decode(), at_s)


def test_only_what_came_between_the_looks_counts() -> None:
    counts = Counts(live=100, backfill=5, durable=90, fused=80)
    vitals = Vitals(lambda: counts)
    vitals.committed(3.0)
    before = at(vitals, 10.0)
    counts = Counts(live=500, backfill=7, durable=495, fused=480)
    for _ in range(98):
        vitals.committed(0.0015)
    vitals.committed(0.030)
    vitals.committed(0.300)
    figures = between(before, at(vitals, 20.0))
    assert (figures.accepted, figures.backfill) == (400, 2)
    assert (figures.acknowledged, figures.fused) == (405, 400)
    assert figures.commit == Spread(
        100, pytest.approx(1.6, abs=1e-3), pytest.approx(36.204, abs=1e-3), pytest.approx(409.6)
    )
    assert figures.lag == Spread(0, 0.0, 0.0, 0.0)
    assert figures.cpu_share is not None and figures.cpu_share < 1
    assert "took 400 readings live and 2 late, fused 400, acknowledged 405" in str(figures)


def test_a_bound_is_never_below_what_was_measured() -> None:
    vitals = Vitals(lambda: NOBODY)
    before = at(vitals, 0.0)
    for lag_ms in (0.01, 0.1, 0.2, 1.0, 7.0, 60.0, 900.0, 12_000.0):
        vitals.late(lag_ms / 1e3)
        after = at(vitals, 1.0)
        assert lag_ms <= between(before, after).lag.max_ms


def test_what_no_bucket_holds_is_said() -> None:
    vitals = Vitals(lambda: NOBODY)
    before = at(vitals, 0.0)
    vitals.late(60.0)
    assert "max beyond measure" in str(between(before, at(vitals, 1.0)).lag)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is it a hub of this version"), ("up 1\n", "no derny_readings_live_total there")],
)
def test_no_hub_of_ours(text: str, words: str) -> None:
    with pytest.raises(FiguresError, match=words):
        between(look_of(text, 0.0), look_of(text, 1.0))


def test_a_hub_that_was_started_anew() -> None:
    before = at(Vitals(lambda: Counts(9, 0, 9, 9)), 0.0)
    with pytest.raises(FiguresError, match="started anew"):
        between(before, at(Vitals(lambda: Counts(1, 0, 1, 1)), 1.0))


@pytest.mark.parametrize(
    "url", ["http://192.168.1.5/metrics", "https://127.0.0.1/metrics", "file:///etc/hosts", ""]
)
def test_another_machine_is_not_asked(url: str) -> None:
    with pytest.raises(FiguresError, match="is not on this machine"):
        look(url)
