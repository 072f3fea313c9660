"""A recorded ride of an FTP test: which seconds were the test, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from ftp_rides import RUNGS, effort, ramp, recorded

from hub.activity.ftp import proposal_of
from hub.activity.record import Gap
from hub.core.ftp_test import Confidence
from hub.core.target import Aim, MaxEffort
from hub.core.workout import Workout, duration_ms
from hub.formats.workout_file import read_workout


def test_a_ride_that_was_no_test_proposes_nothing() -> None:
    assert proposal_of(recorded(None, [(None, 60, 200)])) is None
    assert proposal_of(recorded(Workout("x", ramp().steps), [(0, 300, 100), *RUNGS])) is None


def test_a_ramp_to_the_minute_in_which_the_legs_failed() -> None:
    ridden = [(0, 300, 100.0), *RUNGS, (9, 30, 120.0), (10, 300, 100.0)]
    proposal = proposal_of(recorded(ramp(), ridden))
    assert proposal is not None
    assert (proposal.ftp_w, proposal.was_w) == (225, 250)
    assert (proposal.confidence, proposal.doubts) == (Confidence.HIGH, ())
    assert proposal.ended_s == 480
    assert (proposal.windows[0].begins_s, proposal.windows[0].ends_s) == (720, 780)


def test_a_sprint_in_the_warm_up_is_not_the_ramp() -> None:
    ridden = [(0, 300, 400.0), *RUNGS, (10, 300, 100.0)]
    proposal = proposal_of(recorded(ramp(), ridden))
    assert proposal is not None and proposal.ftp_w == 225


def test_a_ramp_ridden_to_its_last_second_is_a_lower_bound() -> None:
    ridden = [(0, 300, 100.0), *RUNGS, (9, 60, 325.0), (10, 300, 100.0)]
    proposal = proposal_of(recorded(ramp(), ridden))
    assert proposal is not None
    assert "at least" in " ".join(proposal.doubts)


def test_lap_marks_and_pauses_do_not_cut_an_effort() -> None:
    """The pause is before it: its seconds are not riding, and the windows are the ride's own."""
    ridden = [(0, 300, 125.0), (1, 500, 260.0), (1, 700, 260.0), (2, 600, 100.0)]
    paused = Gap(100, 60, "paused")
    proposal = proposal_of(recorded(effort("20min"), ridden, gaps=(paused,), ftp_assumed=True))
    assert proposal is not None
    assert (proposal.ftp_w, proposal.was_w) == (247, None)
    assert (proposal.windows[0].begins_s, proposal.windows[0].ends_s) == (300, 1500)
    assert proposal.doubts == ("without five minutes all out before it, 95 % are likely too much",)


def test_a_pause_within_the_effort_is_found_there() -> None:
    ridden = [(0, 300, 125.0), (1, 1260, 260.0), (2, 600, 100.0)]
    proposal = proposal_of(recorded(effort("20min"), ridden, gaps=(Gap(900, 60, "paused"),)))
    assert proposal is not None and proposal.ftp_w is None
    assert proposal.doubts[0] == "a pause of 1:00 in the effort: the legs rested"


@pytest.mark.parametrize("skipped", [False, True])
def test_two_efforts_and_one_that_was_skipped(skipped: bool) -> None:
    ridden: list[tuple[int | None, int, float]] = [(0, 300, 125.0), (1, 480, 290.0)]
    ridden += [] if skipped else [(2, 600, 120.0), (3, 480, 280.0)]
    proposal = proposal_of(recorded(effort("2x8"), [*ridden, (4, 100, 100.0)]))
    assert proposal is not None
    assert proposal.ftp_w == (None if skipped else 257)
    if skipped:
        assert proposal.doubts == ("only 1 of 2 efforts",)


WORKOUTS = Path(__file__).parents[2] / "config" / "workouts"


@pytest.mark.parametrize(
    ("name", "test"),
    [("ramp-test.zwo", "ramp"), ("ftp-20min.toml", "20min"), ("ftp-2x8.toml", "2x8")],
)
def test_our_own_tests_ridden_as_planned_propose_what_they_shall(name: str, test: str) -> None:
    """Efforts at 300 W, five minutes all out at 350 W, all else at 100 W; the ramp as it rises."""
    workout = read_workout((WORKOUTS / name).read_bytes(), name).workout
    assert workout.test == test
    ridden: list[tuple[int | None, int, float]] = []
    for index, step in enumerate(workout.steps):
        minutes = (duration_ms(step) or 0) // 60_000
        level_w = {5: 350.0}.get(minutes, 300.0) if step.target == MaxEffort() else 100.0
        if test == "ramp" and isinstance(step.target, Aim):
            level_w = 250 * step.target.low
        ridden.append((index, minutes * 60, level_w))
    proposal = proposal_of(recorded(workout, ridden))
    assert proposal is not None
    highest_w = 250 * 1.58  # of our ramp
    assert proposal.ftp_w == round({"ramp": 0.75 * highest_w, "20min": 285, "2x8": 270}[test])
    assert proposal.confidence is (Confidence.LOW if test == "ramp" else Confidence.HIGH)
