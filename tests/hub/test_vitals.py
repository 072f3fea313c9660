"""What the hub says of itself; the loop's lag on a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from hub.live.clock import HubClock
from hub.live.delivery import Delivery
from hub.store.rows import ClockAnchor
from hub.vitals import BEAT_MS, BUCKETS_S, LATE_MS_MAX, Counts, LoopWatch, Vitals, process_age_s


class Bell:
    """An alarm that rings when the test says so."""

    def __init__(self, clock: HubClock, ring: Callable[[], None]) -> None:
        self.ring = ring
        self.at_ms: int | None = None
        self.closed = False

    def set(self, at_ms: int | None) -> None:
        self.at_ms = at_ms

    def close(self) -> None:
        self.closed = True


class Watched:
    def __init__(self) -> None:
        self.now_us = 1_000_000
        self.late_us: list[int] = []
        clock = HubClock(ClockAnchor("boot", 0, 0, "epoch"), lambda: self.now_us * 1_000)
        self.bells: list[Bell] = []
        self.watch = LoopWatch(clock, self._late, self._bell)

    @property
    def bell(self) -> Bell:
        return self.bells[0]

    def ring_at(self, now_us: int) -> list[int]:
        self.now_us, self.late_us = now_us, []
        self.bell.ring()
        return self.late_us

    def _bell(self, clock: HubClock, ring: Callable[[], None]) -> Bell:
        self.bells.append(Bell(clock, ring))
        return self.bells[-1]

    def _late(self, by_s: float) -> None:
        self.late_us.append(round(by_s * 1e6))


def test_a_beat_in_time_is_late_by_little_and_a_hanging_loop_once_a_beat() -> None:
    watched = Watched()
    first_ms = 1_000 + BEAT_MS
    assert watched.bell.at_ms == first_ms
    assert watched.ring_at(first_ms * 1_000 + 120) == [120]
    assert watched.bell.at_ms == first_ms + BEAT_MS

    hung_us = (first_ms + 3 * BEAT_MS) * 1_000 + 5_000
    beat_us = BEAT_MS * 1_000
    assert watched.ring_at(hung_us) == [2 * beat_us + 5_000, beat_us + 5_000, 5_000]
    assert watched.bell.at_ms == first_ms + 4 * BEAT_MS
    assert watched.ring_at(hung_us) == []  # rung too early: nothing was due

    watched.watch.close()
    assert watched.bell.closed


def test_a_machine_that_slept_had_no_late_loop() -> None:
    watched = Watched()
    woke_ms = 1_000 + BEAT_MS + LATE_MS_MAX + 1
    assert watched.ring_at(woke_ms * 1_000) == []
    assert watched.bell.at_ms == woke_ms + BEAT_MS


def samples(vitals: Vitals) -> dict[str, float]:
    families = text_string_to_metric_families(vitals.text().decode())
    return {
        sample.name + str(sample.labels.get("le", "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_text_holds_counts_and_histograms() -> None:
    counts = Counts(live=1, backfill=2, durable=3, fused=4)
    vitals = Vitals(lambda: counts)
    vitals.committed(0.003)
    vitals.late(0.0005)
    vitals.late(99.0)
    said = samples(vitals)
    assert said["derny_readings_live_total"] == 1
    assert said["derny_readings_backfill_total"] == 2
    assert said["derny_readings_acknowledged_total"] == 3
    assert said["derny_readings_fused_total"] == 4
    assert said["derny_journal_commit_seconds_count"] == 1
    assert said["derny_journal_commit_seconds_sum"] == 0.003
    assert said["derny_loop_lag_seconds_count"] == 2
    assert said[f"derny_loop_lag_seconds_bucket{BUCKETS_S[-1]}"] == 1
    assert said["process_cpu_seconds_total"] > 0
    assert said["derny_live_frames_total"] == 0
    counts = Counts(5, 2, 3, 4)
    assert samples(vitals)["derny_readings_live_total"] == 5


def test_the_text_tells_of_pauses_of_being_ready_and_of_the_delivery() -> None:
    delivery = Delivery(
        clients=3,
        came=5,
        went=2,
        late=1,
        unseen_ms=1_500,
        frames=99,
        conflated=7,
        resumed=4,
        gaps=1,
    )
    vitals = Vitals(lambda: Counts(0, 0, 0, 0), lambda: delivery)
    vitals.paused(2, 0.01)
    vitals.ready(1.25)
    text = vitals.text().decode()
    assert 'derny_gc_pause_seconds_sum{generation="2"} 0.01\n' in text
    said = samples(vitals)
    assert said["derny_ready_seconds"] == 1.25
    assert said["derny_live_clients"] == 3
    assert said["derny_live_connects_total"] == 5
    assert said["derny_live_late"] == 1
    assert said["derny_live_unacknowledged_seconds"] == 1.5
    assert said["derny_live_frames_total"] == 99
    assert said["derny_live_conflated_total"] == 7
    assert said["derny_live_resumed_total"] == 4
    assert said["derny_live_gaps_total"] == 1


def test_a_process_has_an_age() -> None:
    first_s = process_age_s()
    assert 0 < first_s <= process_age_s()
