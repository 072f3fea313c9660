"""What every spool keeps to: the one in memory and the one on disk, with segments of three."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.spool import MemorySpool
from gateway.spool_disk import Bounds, DiskSpool
from hub.wire.uplink import ClockOffset, Gap, StreamHeader
from hub.wire.uplink_session import Spool
from hub.wire.values import Measurement, Reading

AGE_MS = 60_000
READINGS = 100
EPOCHS = 4


@contextmanager
def in_memory() -> Iterator[Spool]:
    yield MemorySpool(READINGS, AGE_MS, EPOCHS)


@contextmanager
def on_disk() -> Iterator[Spool]:
    bounds = Bounds(age_ms_max=AGE_MS, readings_max=READINGS, epochs_max=EPOCHS, segment_readings=3)
    with tempfile.TemporaryDirectory() as folder:
        spool = DiskSpool(Path(folder), bounds)
        yield spool
        spool.close()


MakeSpool = Callable[[], AbstractContextManager[Spool]]
SPOOLS: dict[str, MakeSpool] = {"memory": in_memory, "disk": on_disk}


@pytest.fixture(params=SPOOLS)
def spool(request: pytest.FixtureRequest) -> Iterator[Spool]:
    with SPOOLS[request.param]() as made:
        yield made


def reading(seq: int, at_ms: int = 1_000) -> Reading:
    return Reading(f"r{seq}", at_ms, "2a37", Measurement(heart_rate_bpm=seq % 250))


def fill(spool: Spool, count: int, epoch: str = "a", at_ms: int = 1_000) -> None:
    spool.open(epoch, "boot", at_ms, 5_000)
    for seq in range(1, count + 1):
        assert spool.append(reading(seq, at_ms)) == seq


def read_on(spool: Spool, epoch: str, seq: int, count: int) -> list[Reading]:
    """`count` readings from `seq` on, in as many pieces as the spool gives them."""
    found: list[Reading] = []
    while len(found) < count:
        piece = spool.read(epoch, seq + len(found), count - len(found))
        assert isinstance(piece, tuple) and piece
        found += piece
    return found


def test_numbers_begin_at_one_and_readings_come_back_in_order(spool: Spool) -> None:
    fill(spool, 20)
    assert read_on(spool, "a", 1, 16) == [reading(seq) for seq in range(1, 17)]
    assert read_on(spool, "a", 17, 4) == [reading(seq) for seq in range(17, 21)]
    assert spool.read("a", 21, 16) is None
    assert spool.read("nobody", 1, 16) is None
    assert spool.kept == 20


def test_headers_tell_the_clock_and_where_the_numbers_stand(spool: Spool) -> None:
    fill(spool, 3, "a")
    fill(spool, 2, "b", at_ms=2_000)
    spool.acked("a", 1)
    assert spool.headers() == (
        StreamHeader("a", "boot", 1_000, 5_000, 2, 4, sealed=True),
        StreamHeader("b", "boot", 2_000, 5_000, 1, 3, sealed=False),
    )


def test_an_epoch_without_a_reading_leaves_no_trace(spool: Spool) -> None:
    fill(spool, 0, "a")
    fill(spool, 1, "b")
    assert [header.epoch for header in spool.headers()] == ["b"]


def test_acknowledged_readings_go_and_an_ack_never_goes_back(spool: Spool) -> None:
    fill(spool, 10)
    spool.acked("a", 6)
    spool.acked("a", 2)
    spool.acked("nobody", 5)
    assert spool.kept == 4
    assert spool.read("a", 3, 16) == Gap("a", 3, 6, "acked_before")
    assert read_on(spool, "a", 7, 2) == [reading(7), reading(8)]


def test_an_ack_past_the_end_is_an_ack_of_all(spool: Spool) -> None:
    fill(spool, 3)
    spool.acked("a", 99)
    assert spool.kept == 0
    assert spool.append(reading(4)) == 4
    assert spool.read("a", 4, 16) == (reading(4),)


def test_a_full_spool_drops_the_oldest_and_says_so_under_its_number(spool: Spool) -> None:
    fill(spool, 60, "a")
    fill(spool, 70, "b")
    assert spool.kept == READINGS
    assert spool.read("a", 1, 16) == Gap("a", 1, 30, "spool_full")
    assert spool.read("a", 20, 16) == Gap("a", 20, 30, "spool_full")
    assert spool.read("a", 31, 1) == (reading(31),)
    spool.acked("a", 10)  # a gap is acknowledged like a reading
    assert spool.headers()[0].from_seq == 11
    assert spool.read("a", 11, 16) == Gap("a", 11, 30, "spool_full")


def test_old_readings_go_by_age_and_young_ones_stay(spool: Spool) -> None:
    fill(spool, 5, "a", at_ms=1_000)
    fill(spool, 5, "b", at_ms=50_000)
    spool.maintain(1_000 + AGE_MS)
    assert spool.kept == 10
    spool.maintain(1_001 + AGE_MS)
    assert spool.kept == 5
    assert spool.read("a", 1, 16) == Gap("a", 1, 5, "spool_age")
    assert spool.read("b", 1, 1) == (reading(1, 50_000),)


def test_only_a_sealed_epoch_can_be_forgotten(spool: Spool) -> None:
    fill(spool, 5, "a")
    spool.forget("a")
    assert spool.kept == 5
    fill(spool, 1, "b")
    spool.forget("a")
    assert [header.epoch for header in spool.headers()] == ["b"]
    assert spool.kept == 1


def test_when_no_more_epochs_fit_the_open_one_goes_on_and_nothing_is_lost(spool: Spool) -> None:
    for epoch in range(EPOCHS + 3):
        spool.open(f"e{epoch}", "boot", 1_000, 5_000)
        spool.append(reading(epoch))
    headers = spool.headers()
    assert len(headers) == EPOCHS
    assert sum(header.next_seq - 1 for header in headers) == spool.kept == EPOCHS + 3
    assert spool.open("late", "boot", 1_000, 5_000) == headers[-1].epoch


def test_clocks_are_kept_newest_per_boot(spool: Spool) -> None:
    spool.remember_clock(ClockOffset("boot", 5, 100))
    spool.remember_clock(ClockOffset("boot", 7, 90))
    assert spool.clocks() == (ClockOffset("boot", 7, 90),)


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 60)),
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("ack"), st.integers(0, 200)),
    st.tuples(st.just("age"), st.integers(0, 30_000)),
)


@pytest.mark.parametrize("make", SPOOLS.values(), ids=SPOOLS)
@settings(max_examples=50)  # a spool on disk waits for the disk
@given(steps=st.lists(STEPS, max_size=30))
def test_every_number_not_acknowledged_is_a_reading_or_in_a_gap(
    make: MakeSpool, steps: list[tuple[str, int]]
) -> None:
    with make() as spool:
        every_number_is_told_of(spool, steps)


def every_number_is_told_of(spool: Spool, steps: list[tuple[str, int]]) -> None:
    now_ms, epochs = 1_000, 0
    spool.open("e0", "boot", now_ms, 5_000)
    for what, amount in steps:
        if what == "append":
            for _ in range(amount):
                spool.append(reading(spool.headers()[-1].next_seq, now_ms))
        elif what == "open":
            epochs += 1
            spool.open(f"e{epochs}", "boot", now_ms, 5_000)
        elif what == "ack":
            spool.acked(spool.headers()[0].epoch, amount)
        else:
            now_ms += amount
            spool.maintain(now_ms)
    kept = 0
    for header in spool.headers():
        seq = header.from_seq
        while seq < header.next_seq:
            item = spool.read(header.epoch, seq, 16)
            assert item is not None
            if isinstance(item, Gap):
                assert item.from_seq == seq and item.reason in ("spool_full", "spool_age")
                seq = item.to_seq + 1
            else:
                assert [r.sensor_id for r in item] == [f"r{seq + i}" for i in range(len(item))]
                seq += len(item)
                kept += len(item)
        assert seq == header.next_seq
    assert kept == spool.kept <= READINGS
