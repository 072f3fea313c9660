"""The judge of the kill journeys sees what it must see."""

from __future__ import annotations

import json
from pathlib import Path

from journeys import truth
from journeys.kills import LAST_MS, Kill, Report, _unexcused

from hub.wire.values import Measurement, Reading

NAMES = {"a1": "Strap"}
ENDED_MS = 20_000


def said(path: Path, *beats: tuple[int, int]) -> list[truth.Frame]:
    """Heart rates of one strap: (at ms, bpm)."""
    lines = [
        {"n": n, "at_ms": at_ms, "sensor": "Strap", "char": "2a37", "hex": f"00{bpm:02x}"}
        for n, (at_ms, bpm) in enumerate(beats, 1)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"n": 9')
    return truth.sent(path)


def kept(at_ms: int, bpm: int) -> Reading:
    return Reading("a1", at_ms, "2a37", Measurement(heart_rate_bpm=bpm, contact_supported=False))


def test_what_is_stored_once_is_fine(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (2000, 90), (3000, 91))
    verdict = truth.compare(log, [kept(2001, 90), kept(1002, 90), kept(3001, 91)], NAMES)
    assert verdict.stored == 3
    assert not (verdict.missing or verdict.doubled or verdict.invented)


def test_a_loss_is_named_by_its_number(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (2000, 90), (3000, 90))
    verdict = truth.compare(log, [kept(2001, 90), kept(3001, 90)], NAMES)
    assert [frame.n for frame in verdict.missing] == [1]


def test_what_waited_for_a_stopped_gateway_is_stamped_late(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (2000, 90), (3000, 91))
    verdict = truth.compare(log, [kept(4000, 90), kept(4000, 90), kept(4000, 91)], NAMES)
    assert not (verdict.missing or verdict.doubled or verdict.invented)


def test_one_stored_twice_is_doubled(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (2000, 91))
    verdict = truth.compare(log, [kept(1001, 90), kept(1001, 90), kept(2001, 91)], NAMES)
    assert [frame.at_ms for frame in verdict.doubled] == [1001] and not verdict.missing


def test_what_nobody_said_is_invented(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (2000, 91))
    verdict = truth.compare(log, [kept(1001, 90), kept(1500, 77), kept(2001, 91)], NAMES)
    assert [frame.at_ms for frame in verdict.invented] == [1500] and not verdict.missing


def test_a_killed_gateway_takes_only_the_newest_frames_with_it(tmp_path: Path) -> None:
    log = said(tmp_path / "log", (1000, 90), (5000, 91), (6000, 92), (9500, 93), (10_500, 94))
    killed = Kill(1, "gateway", 10_000, died_ms=10_000, restarted_ms=11_000, gateway_died=True)
    stalled = truth.compare(log, [kept(1001, 90)], NAMES)
    died = Report(1, kills=[killed], ended_ms=ENDED_MS)
    assert not _unexcused(stalled, died, log)
    overtaken = truth.compare(log, [kept(1001, 90), kept(6001, 92)], NAMES)
    assert [
        frame.n
        for frame in _unexcused(overtaken, Report(1, kills=[killed], ended_ms=ENDED_MS), log)
    ] == [2]
    alive = Kill(1, "hub", 10_000, restarted_ms=11_000)
    assert len(_unexcused(stalled, Report(1, kills=[alive], ended_ms=ENDED_MS), log)) == 4


def test_what_was_on_its_way_when_the_simulator_stopped_is_not_lost(tmp_path: Path) -> None:
    last = ENDED_MS - LAST_MS
    log = said(tmp_path / "log", (1000, 90), (last - 1, 91), (last, 92))
    report = Report(1, ended_ms=ENDED_MS)
    assert [f.n for f in _unexcused(truth.compare(log, [], NAMES), report, log)] == [1, 2]
