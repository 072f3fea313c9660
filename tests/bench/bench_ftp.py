"""FTP tests of simulated riders against their true threshold: the table of docs/howto/ftp-test.md.

`cd tests && ../.venv/bin/python -m bench.bench_ftp` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bench.ftp_riders import Ridden, Rider, propose_of, ramp, rider, twenty, two_by_eight
from hub.core.ftp_test import Confidence
from hub.core.workout import FtpTest

RIDERS = 60


class Case(NamedTuple):
    name: str
    test: FtpTest
    ride: Callable[[Rider], Ridden]


def _too_low(who: Rider) -> Ridden:
    return ramp(who._replace(entered_w=0.75 * who.threshold_w))


def _too_high(who: Rider) -> Ridden:
    return ramp(who._replace(entered_w=1.25 * who.threshold_w))


CASES = (
    Case("ramp", "ramp", ramp),
    Case("ramp, FTP entered 25 % too low", "ramp", _too_low),
    Case("ramp, FTP entered 25 % too high", "ramp", _too_high),
    Case("20 minutes", "20min", twenty),
    Case(
        "20 minutes without the five before",
        "20min",
        lambda who: twenty(who, all_out_before=False),
    ),
    Case("2 × 8 minutes", "2x8", two_by_eight),
)


class Outcome(NamedTuple):
    """`errors_pct`: proposed FTP against the true threshold, for those to whom one was proposed."""

    errors_pct: Sequence[float]
    reserves_s: Sequence[float]
    sure: int
    refused: int

    @property
    def per_reserve(self) -> float:
        """By how many per cent the proposal rises with 10 s of W' / threshold."""
        return float(np.polyfit(self.reserves_s, self.errors_pct, 1)[0]) * 10


def outcome(case: Case, riders: int = RIDERS) -> Outcome:
    errors, reserves, sure, refused = [], [], 0, 0
    for seed in range(riders):
        who = rider(seed)
        proposal = propose_of(case.test, case.ride(who))
        if proposal.ftp_w is None:
            refused += 1
            continue
        sure += proposal.confidence is Confidence.HIGH
        errors.append((proposal.ftp_w / who.threshold_w - 1) * 100)
        reserves.append(who.reserve_j / who.threshold_w)
    return Outcome(errors, reserves, sure, refused)


def main() -> None:
    print(
        "| test | bias | spread (SD) | 5 % to 95 % | per 10 s of W′ | high confidence | refused |"
    )
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        found = outcome(case)
        low, high = np.percentile(found.errors_pct, [5, 95])
        print(
            f"| {case.name} | {np.mean(found.errors_pct):+.1f} % |"
            f" {np.std(found.errors_pct, ddof=1):.1f} % | {low:+.1f} to {high:+.1f} % |"
            f" {found.per_reserve:+.1f} % | {found.sure} of {RIDERS} | {found.refused} |"
        )


if __name__ == "__main__":
    main()
