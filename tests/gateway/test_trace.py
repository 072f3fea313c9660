"""The timing aid: what it writes, and that it never costs a reading."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.trace import Trace
from hub.wire.values import Measurement, Reading

READING = Reading("strap", 1, "2a37", Measurement(heart_rate_bpm=171))
FULL = Path("/dev/full")  # Linux: every write finds no space


def test_a_reading_leaves_its_times_and_nothing_that_a_body_measures(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace", lambda: 7_000)
    trace.passed(READING, 5_000)
    trace.close()
    text = (tmp_path / "trace").read_text()
    assert "171" not in text
    assert json.loads(text) == {
        "hop": "gateway",
        "sensor": "strap",
        "char": "2a37",
        "rx_boot_us": 5_000,
        "sent_boot_us": 7_000,
    }


def test_a_full_disk_ends_the_trace_and_not_the_readings() -> None:
    trace = Trace(FULL, lambda: 0)
    for _ in range(5_000):
        trace.passed(READING, 0)
    trace.close()
