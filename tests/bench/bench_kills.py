"""Twenty kills of hub, gateway and client at random instants: what is lost, and what is doubled."""

from __future__ import annotations

import tempfile
from pathlib import Path

from journeys.kills import run_kills
from journeys.kills_house import Wishes
from journeys.kills_table import blind_p95_ms

from bench.table import Row

KILLS = 20
SEED = 1  # of tests/journeys/test_kills.py


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="derny-bench-") as name:
        report = run_kills(Path(name), Wishes(seed=SEED), KILLS, say=lambda *line: None)
    verdict = report.verdict
    lost = len(report.lost) + len(report.spool_lost) + report.laps_missed
    doubled = len(verdict.doubled) + len(report.spool_doubled) + len(report.laps_doubled)
    return [
        Row(
            f"loss / duplicates over {len(report.kills)} kills of hub, gateway and client",
            f"{lost} / {doubled} of {report.sent} notifications and {report.laps} events",
            "0 / 0",
            lost == doubled == len(verdict.invented) == 0,
        ),
        Row(
            "kills between send and ack; batches that came twice; blind after a kill -9, p95",
            f"{report.unacked}; {report.counts['duplicate']}; {blind_p95_ms([report])} ms",
        ),
    ]
