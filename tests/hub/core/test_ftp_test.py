"""FTP tests: what is proposed of what was ridden, and what makes it doubtful."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from bench.ftp_riders import Rider, ended, proposal_for, ramp, rider, two_by_eight
from hypothesis import given
from hypothesis import strategies as st

from hub.core.ftp_test import RULES, Confidence, Effort, Pause, Proposal, propose
from hub.core.metrics import Column
from hub.core.ramp_end import RampEnd
from hub.core.workout import FtpTest

TWENTY = Effort(1200, 2400)
EIGHTS = (Effort(300, 780), Effort(1380, 1860))


def scattered(*stretches: tuple[int, float]) -> Column:
    """Watts that no trainer smoothed: around each level, with a mean of just that."""
    parts = []
    for length_s, level_w in stretches:
        wave = np.tile([3.0, -3.0, 1.0, -1.0], length_s // 4 + 1)[:length_s]
        parts.append(level_w + (wave if level_w else 0 * wave))
    return np.concatenate(parts)


def twenty(level_w: float = 268.0, blow_out_w: float = 300.0) -> Column:
    return scattered((600, 120), (300, blow_out_w), (300, 120), (1200, level_w), (300, 100))


def said(test: FtpTest, power_w: Column, efforts: Sequence[Effort], **more: Any) -> Proposal:
    return propose(test, power_w, np.full(len(power_w), 90.0), efforts, **more)


def ramp_of(*levels_w: float) -> Column:
    return scattered((300, 100), *((60, level) for level in levels_w))


CLIMB = [140.0 + 20 * n for n in range(11)]  # up to 340 W
RAMP = Effort(300, 300 + 60 * len(CLIMB), whole=False)


def test_a_ramp_by_its_best_minute():
    proposal = said("ramp", ramp_of(*CLIMB), [RAMP], was_w=240)
    assert (proposal.ftp_w, proposal.was_w, proposal.confidence) == (255, 240, Confidence.HIGH)
    assert proposal.reasoning == "best minute 340 W × 0.75"
    assert proposal.doubts == ()
    assert (proposal.windows[0].begins_s, proposal.windows[0].ends_s) == (900, 960)


def test_twenty_minutes():
    proposal = said("20min", twenty(), [TWENTY])
    assert (proposal.ftp_w, proposal.confidence, proposal.doubts) == (255, Confidence.HIGH, ())
    assert proposal.reasoning == "best 20 minutes 268 W × 0.95"


def test_twice_eight_minutes_by_their_mean():
    power_w = scattered((300, 120), (480, 290), (600, 120), (480, 280), (300, 90))
    proposal = said("2x8", power_w, EIGHTS)
    assert proposal.ftp_w == 257  # 285 × 0.90 = 256.5
    assert proposal.reasoning == "mean of 290 W and 280 W over 8 minutes × 0.90"
    assert proposal.confidence is Confidence.HIGH


def test_a_longer_effort_counts_by_its_best_stretch():
    power_w = scattered((1200, 200), (600, 200), (1200, 260), (300, 150))
    proposal = said("20min", power_w, [Effort(1200, 3300)])
    assert (proposal.windows[0].begins_s, proposal.windows[0].mean_w) == (1800, 260)


# What is refused, or believed less


def refused(proposal: Proposal) -> str:
    assert (proposal.ftp_w, proposal.confidence) == (None, Confidence.NONE)
    assert proposal.reasoning == ""
    return " ".join(proposal.doubts)


def believed(proposal: Proposal) -> tuple[Confidence, str]:
    assert proposal.ftp_w is not None
    return proposal.confidence, " ".join(proposal.doubts)


def test_too_short_says_what_was_ridden():
    said_of = said("20min", twenty(), [Effort(1200, 2280)])
    assert refused(said_of) == "too short: 18:00 of 20:00 were ridden"
    assert refused(said("2x8", twenty(), EIGHTS[:1])) == "only 1 of 2 efforts"
    assert refused(said("ramp", twenty(), [])) == "the test was not ridden"


def test_missing_power():
    power_w = twenty()
    power_w[1500:1520] = np.nan  # the first 3 s are held
    assert believed(said("20min", power_w, [TWENTY])) == (
        Confidence.MEDIUM,
        "power was missing for 0:17",
    )
    power_w[1500:1600] = np.nan
    assert refused(said("20min", power_w, [TWENTY])) == "power was missing for 1:37 of the effort"


def test_zeros_while_the_pedals_turn_are_missing_and_while_they_stand_are_rest():
    power_w = twenty()
    power_w[1500:1510] = 0
    turning, standing = np.full(len(power_w), 90.0), np.full(len(power_w), 90.0)
    standing[1500:1510] = 0
    lied = propose("20min", power_w, turning, [TWENTY])
    rested = propose("20min", power_w, standing, [TWENTY])
    assert believed(lied) == (Confidence.MEDIUM, "power was missing for 0:07")
    assert lied.ftp_w == 255
    assert believed(rested) == (Confidence.LOW, "nobody pedalled for 0:10 of the effort")
    assert rested.ftp_w == 252


@pytest.mark.parametrize(
    ("frozen_s", "ftp_w", "confidence", "words"),
    [
        (15, 255, Confidence.HIGH, ""),
        (40, 255, Confidence.MEDIUM, "smoothed"),
        (200, None, Confidence.NONE, "power did not change for 3:20: the value was frozen"),
    ],
)
def test_frozen_power(frozen_s: int, ftp_w: int | None, confidence: Confidence, words: str):
    power_w = twenty()
    power_w[1600 : 1600 + frozen_s] = 268
    proposal = said("20min", power_w, [TWENTY])
    assert (proposal.ftp_w, proposal.confidence) == (ftp_w, confidence)
    assert words in " ".join(proposal.doubts)


def test_a_trainer_that_reports_its_own_target_is_believed_less():
    power_w = np.repeat([100.0, *CLIMB], [300, *[60] * len(CLIMB)])
    confidence, words = believed(said("ramp", power_w, [RAMP]))
    assert confidence is Confidence.MEDIUM and "1:00" in words


def test_pauses():
    half = said("20min", twenty(), [TWENTY], pauses=[Pause(1800, 20)])
    assert believed(half) == (Confidence.LOW, "a pause of 0:20 in the effort: the legs rested")
    whole = said("20min", twenty(), [TWENTY], pauses=[Pause(1800, 20), Pause(1900, 15)])
    assert "0:35" in refused(whole)
    before = said("20min", twenty(), [TWENTY], pauses=[Pause(1200, 300), Pause(2400, 60)])
    assert before.confidence is Confidence.HIGH
    rested = said("ramp", ramp_of(*CLIMB), [RAMP], pauses=[Pause(500, 20)])
    assert rested.confidence is Confidence.LOW


def test_ramps_that_were_ridden_badly():
    short = said("ramp", ramp_of(*CLIMB[:4]), [Effort(300, 540, whole=False)])
    assert believed(short) == (Confidence.LOW, "the ramp lasted only 4:00: begin lower next time")
    finished = said("ramp", ramp_of(*CLIMB), [Effort(300, 960)])
    assert believed(finished)[1] == "the ramp ended before you did: it is at least this"
    failed = said("ramp", ramp_of(*CLIMB), [Effort(300, 960)], end=RampEnd(640, 650))
    assert failed.confidence is Confidence.HIGH and failed.ended_s == 640
    sprint = said("ramp", ramp_of(*CLIMB[:9], 330, *CLIMB[9:]), [Effort(300, 1020, whole=False)])
    assert sprint.confidence is Confidence.HIGH
    early = said("ramp", ramp_of(140, 160, 180, 200, 400, 240, 260, 280), [Effort(300, 780, False)])
    assert believed(early) == (Confidence.MEDIUM, "the best minute was over 3:00 before the end")


def test_without_all_out_before_the_twenty_minutes_are_too_good():
    confidence, words = believed(said("20min", twenty(blow_out_w=150), [TWENTY]))
    assert confidence is Confidence.MEDIUM and "five minutes all out" in words


@pytest.mark.parametrize(
    ("second_w", "confidence"),
    [(280, Confidence.HIGH), (265, Confidence.MEDIUM), (240, Confidence.LOW)],
)
def test_uneven_efforts(second_w: float, confidence: Confidence):
    power_w = scattered((300, 120), (480, 290), (600, 120), (480, second_w))
    assert said("2x8", power_w, EIGHTS).confidence is confidence


def test_a_jump_asks_for_the_power_meter():
    assert said("20min", twenty(), [TWENTY], was_w=220).confidence is Confidence.HIGH
    assert believed(said("20min", twenty(), [TWENTY], was_w=200)) == (
        Confidence.LOW,
        "27% above what it was: is the power meter calibrated?",
    )
    assert "below" in believed(said("20min", twenty(), [TWENTY], was_w=400))[1]


def test_what_nobody_can_ride_is_refused():
    assert "check the power meter" in refused(said("20min", twenty(1000, 1100), [TWENTY]))
    assert "check the power meter" in refused(said("20min", twenty(20, 25), [TWENTY]))


# What holds for every ride

EFFORTS: dict[FtpTest, tuple[Effort, ...]] = {
    "ramp": (Effort(300, 960, whole=False),),
    "20min": (TWENTY,),
    "2x8": EIGHTS,
}
TESTS = st.sampled_from(list(RULES))


@st.composite
def powers(draw: st.DrawFn) -> Column:
    """40 minutes between 60 and 400 W, uneven, without a zero or a gap."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = chance.uniform(120, 340, 40)
    return np.repeat(levels, 60) + chance.uniform(-60, 60, 2400)


def exact_w(proposal: Proposal) -> float:
    means = [window.mean_w for window in proposal.windows]
    return sum(means) / len(means) * RULES[proposal.test].share


@given(TESTS, powers(), st.floats(0.4, 1.8))
def test_a_stronger_rider_is_stronger_by_as_much(test: FtpTest, power_w: Column, k: float):
    one, other = said(test, power_w, EFFORTS[test]), said(test, power_w * k, EFFORTS[test])
    assert exact_w(other) == pytest.approx(k * exact_w(one), rel=1e-9)


@given(TESTS, powers(), st.floats(0, 50), st.integers(0, 2**32))
def test_noise_changes_no_more_than_its_size(
    test: FtpTest, power_w: Column, most_w: float, seed: int
):
    noise = np.random.default_rng(seed).uniform(-most_w, most_w, len(power_w))
    one, other = said(test, power_w, EFFORTS[test]), said(test, power_w + noise, EFFORTS[test])
    changed_w = abs(exact_w(other) - exact_w(one))
    assert changed_w <= RULES[test].share * most_w + 1e-6


# Simulated riders whose threshold is known (docs/howto/ftp-test.md has 60 of them)

RIDERS: list[Rider] = [rider(seed) for seed in range(12)]


@pytest.mark.parametrize("test", list(RULES))
def test_simulated_riders_are_met_within_a_few_per_cent(test: FtpTest):
    errors = [(proposal_for(test, who).ftp_w or 0) / who.threshold_w - 1 for who in RIDERS]
    assert abs(np.mean(errors)) < 0.05
    assert np.max(np.abs(errors)) < 0.10


def test_the_end_of_a_simulated_ramp_is_where_the_reserve_was_spent():
    """Best minute and end belong together, and no rider is stopped who could still go on."""
    for seed in range(6):
        who = rider(100 + seed)
        ridden = ramp(who)
        end = ended(ridden)
        assert end is not None
        begins_s = ridden.efforts[0].begins_s
        assert ridden.target_w[begins_s + end.at_s] > 1.1 * who.threshold_w
        best = proposal_for("ramp", rider(100 + seed)).windows[0]
        assert abs(best.ends_s - begins_s - end.at_s) < 30


def test_a_self_paced_effort_has_no_end_to_be_found():
    ridden = two_by_eight(rider(1))
    assert ended(ridden._replace(target_w=np.full(len(ridden.power_w), np.nan))) is None
