"""The spool on disk: over kills, torn and damaged files, full disks, reboots."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from spools import killed

from gateway import spool_sync
from gateway.errors import ConfigError
from gateway.paths import spool_dir
from gateway.spool_disk import CLOCK_TRUSTED_AFTER_MS, SYNC_MS, Bounds, DiskSpool
from gateway.spool_file import encode, record
from hub.wire.uplink import ClockOffset, Gap
from hub.wire.values import Measurement, Reading

ROOT = Path(__file__).parents[2]
SMALL = Bounds(segment_readings=10, memory_readings_max=20)
HOUR_MS = 3_600_000
WALL_MS = 1_800_000_000_000
# `make fuzz` flips every bit; a step of 5 hits every byte, and by turns each place within one.
BIT_STEP = 1 if os.environ.get("FUZZ") else 5


def reading(seq: int, at_ms: int = 1_000) -> Reading:
    return Reading(f"r{seq}", at_ms, "2a37", Measurement(heart_rate_bpm=seq % 250))


def filled(folder: Path, count: int, bounds: Bounds = SMALL, epoch: str = "a") -> DiskSpool:
    spool = DiskSpool(folder, bounds)
    spool.open(epoch, "boot", 1_000, WALL_MS)
    for seq in range(1, count + 1):
        spool.append(reading(seq))
    return spool


def told(spool: DiskSpool, epoch: str = "a") -> dict[int, str]:
    """What the spool says of each number: the reading's name or the gap's reason."""
    header = next(header for header in spool.headers() if header.epoch == epoch)
    said: dict[int, str] = {}
    seq = header.from_seq
    while seq < header.next_seq:
        item = spool.read(epoch, seq, 16)
        assert item
        if isinstance(item, Gap):
            said |= dict.fromkeys(range(seq, item.to_seq + 1), item.reason)
        else:
            said |= {seq + at: each.sensor_id for at, each in enumerate(item)}
        seq = max(said) + 1
    assert spool.kept == sum(name.startswith("r") for name in said.values())
    return said


def names(*seqs: int) -> dict[int, str]:
    return {seq: f"r{seq}" for seq in seqs}


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def test_what_was_appended_outlives_the_process(tmp_path: Path) -> None:
    killed(filled(tmp_path, 25))
    spool = DiskSpool(tmp_path, SMALL)
    (header,) = spool.headers()
    assert (header.epoch, header.boot_id, header.wall_ms) == ("a", "boot", WALL_MS)
    assert (header.from_seq, header.next_seq, header.sealed) == (1, 26, True)
    assert told(spool) == names(*range(1, 26))
    spool.open("b", "boot", 2_000, WALL_MS)
    assert [h.epoch for h in spool.headers()] == ["a", "b"]
    spool.close()


def test_files_are_their_owners(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "garage"
    filled(folder, 12).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} >= {"state", "lock"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())


def test_one_process_at_a_time(tmp_path: Path) -> None:
    spool = filled(tmp_path, 1)
    with pytest.raises(ConfigError, match="another gateway process"):
        DiskSpool(tmp_path)
    spool.close()
    DiskSpool(tmp_path).close()


def test_a_folder_that_cannot_be_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used for the spool"):
        DiskSpool(tmp_path / "file" / "spool")


def test_kill_9_in_the_middle_of_appending_loses_nothing_that_was_numbered(tmp_path: Path) -> None:
    """A child appends and says each number; whatever it said is there afterwards."""
    code = f"""
import sys
from pathlib import Path
from gateway.spool_disk import Bounds, DiskSpool
from hub.wire.values import Measurement, Reading
spool = DiskSpool(Path({str(tmp_path)!r}), Bounds(segment_readings=50, memory_readings_max=50))
spool.open("a", "boot", 1000, 5000)
for seq in range(1, 10**9):
    spool.append(Reading(f"r{{seq}}", 1000 + seq, "2a37", Measurement(heart_rate_bpm=seq % 250)))
    spool.maintain(1000 + seq)
    sys.stdout.write(f"{{seq}}\\n")
    sys.stdout.flush()
"""
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True
        ) as child:
            assert child.stdout is not None
            said = [int(child.stdout.readline()) for _ in range(1_200)]
            child.send_signal(signal.SIGKILL)
            said += [int(line) for line in child.stdout if line.endswith("\n")]
        spool = DiskSpool(tmp_path)
        kept = told(spool)
        assert list(kept) == list(range(1, len(kept) + 1)) and len(kept) >= said[-1]
        assert kept == names(*kept)
        spool.forget("a")
        spool.close()
        assert files(tmp_path) == []


# Damage


def test_a_torn_tail_is_cut_off_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    killed(filled(tmp_path, 25))
    last = files(tmp_path)[-1]
    whole = last.read_bytes()
    for torn in (whole[:-1], whole[:-60], whole + b"\0" * 4096, whole + b"\xff\xff"):
        last.write_bytes(torn)
        spool = DiskSpool(tmp_path, SMALL)
        kept = told(spool)
        assert kept == names(*kept) and list(kept) == list(range(1, len(kept) + 1))
        assert 23 <= len(kept) <= 25
        killed(spool)
        assert whole.startswith(last.read_bytes())


def test_a_damaged_record_is_a_gap_because_later_numbers_prove_it(tmp_path: Path) -> None:
    killed(filled(tmp_path, 25))
    for file, name in zip(files(tmp_path), ("r4", "r15", "r23"), strict=True):
        data = file.read_bytes()
        file.write_bytes(data.replace(f'"{name}"'.encode(), f'"{name.upper()}"'.encode()))
    spool = DiskSpool(tmp_path, SMALL)
    told(spool)  # damage in the middle of a file shows when the file is read
    kept = told(spool)
    assert {seq: each for seq, each in kept.items() if each == "corrupt"} == dict.fromkeys(
        (4, 15, 23), "corrupt"
    )
    spool.close()
    again = DiskSpool(tmp_path, SMALL)
    assert told(again) == kept
    again.close()


def test_a_file_that_cannot_be_opened_just_now_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(filled(tmp_path, 25))
    spool = DiskSpool(tmp_path, SMALL)

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert spool.read("a", 1, 16) is None
    assert told(spool) == names(*range(1, 26))
    spool.close()


def test_a_file_that_is_lost_is_a_gap(tmp_path: Path) -> None:
    filled(tmp_path, 35).close()
    first, second, third, last = files(tmp_path)
    second.unlink()
    third.write_bytes(b"\0" * third.stat().st_size)
    spool = DiskSpool(tmp_path, SMALL)
    assert (tmp_path / f"{third.name}.unreadable").exists() and not third.exists()
    lost = dict.fromkeys(range(11, 31), "corrupt")
    assert told(spool) == {**names(*range(1, 11)), **lost, **names(*range(31, 36))}
    killed(spool)
    for file in (first, last):
        file.unlink()
    spool = DiskSpool(tmp_path, SMALL)  # the state still knows that there were 35
    assert told(spool) == dict.fromkeys(range(1, 36), "corrupt")
    spool.close()


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 100, record(0, b'{"streams":[{}]}')])
def test_without_its_state_a_spool_sends_what_the_files_hold(
    tmp_path: Path, content: bytes
) -> None:
    spool = filled(tmp_path, 25)
    spool.acked("a", 12)
    spool.close()
    (tmp_path / "state").write_bytes(content)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == {**dict.fromkeys(range(1, 11), "corrupt"), **names(*range(11, 26))}
    spool.acked("a", 12)  # as the hub says at Welcome
    assert told(spool) == names(*range(13, 26))
    spool.close()


@pytest.mark.parametrize(
    "file", ["state", "0000000001-a-000000000001", "0000000001-a-000000000009"]
)
def test_no_flipped_bit_makes_a_reading_another_one(tmp_path: Path, file: str) -> None:
    """Each number is the reading that it was or a gap; clocks and boots stay what they were.

    The records have 128 bytes: a length that is wrong by one bit ends where another record does.
    """

    def wide(seq: int) -> Reading:
        bare = reading(seq, 1_000 + seq)
        room = 128 - len(record(seq, encode(bare)))
        return msgspec.structs.replace(bare, sensor_id=bare.sensor_id + "-" * room)

    bounds = Bounds(segment_readings=8, memory_readings_max=20)
    whole = DiskSpool(tmp_path / "whole", bounds)
    whole.open("a", "boot", 1_000, WALL_MS)
    for seq in range(1, 13):
        whole.append(wide(seq))
    clock = ClockOffset("boot", 1_000_000_000, 100)
    whole.remember_clock(clock)
    whole.acked("a", 2)
    whole.close()
    (path,) = (tmp_path / "whole").glob(f"{file}*")
    data = path.read_bytes()
    folder = tmp_path / "flipped"
    for bit in range(0, 8 * len(data), BIT_STEP):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / path.name).write_bytes(flipped)
        spool = DiskSpool(folder, bounds)
        (header,) = spool.headers()
        assert (header.epoch, header.boot_id, header.wall_ms) == ("a", "boot", WALL_MS)
        assert set(spool.clocks()) <= {clock}
        said = told(spool)
        assert said.keys() >= set(range(3, 13)), bit
        assert all(name in ("corrupt", wide(seq).sensor_id) for seq, name in said.items()), bit
        killed(spool)


def test_what_follows_a_damaged_record_is_kept(tmp_path: Path) -> None:
    killed(filled(tmp_path, 9))
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    third = data.index(record(3, encode(reading(3))))
    data[third + 2] ^= 0x40  # its length: where the next one begins is not known any more
    path.write_bytes(data)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == {**names(*range(1, 10)), 3: "corrupt"}
    spool.close()


# Formats


def replaced(folder: Path, name: str, old: bytes, new: bytes) -> bytes:
    """The first record of a file, whole but for what it says. Returns what was there."""
    path = folder / name
    data = path.read_bytes()
    length = int.from_bytes(data[:4], "little")
    payload = data[12 : 12 + length]
    assert payload.count(old) == 1
    path.write_bytes(record(0, payload.replace(old, new)) + data[12 + length :])
    return data


@pytest.mark.parametrize("file", ["state", "0000000001-a-000000000011.seg"])
def test_what_a_later_version_wrote_is_refused_and_left_alone(tmp_path: Path, file: str) -> None:
    filled(tmp_path, 25).close()
    first = files(tmp_path)[0]
    damaged = first.read_bytes()[20:]
    first.write_bytes(damaged)  # it would be set aside
    was = replaced(tmp_path, file, b'"format":1', b'"format":7,"more":[1]')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(2):  # and the folder is given back
        with pytest.raises(ConfigError) as refused:
            DiskSpool(tmp_path, SMALL)
        assert str(refused.value) == (
            f"{tmp_path / file}: a later version of Derny wrote this part of the spool, in format "
            "7; this one reads up to 1 - start the later one until the hub has everything, or "
            f"move {tmp_path} away"
        )
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / file).write_bytes(was)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == {**dict.fromkeys(range(1, 11), "corrupt"), **names(*range(11, 26))}
    spool.close()


def test_files_without_a_number_are_of_the_first_format(tmp_path: Path) -> None:
    filled(tmp_path, 25).close()
    for path in [tmp_path / "state", *files(tmp_path)]:
        replaced(tmp_path, path.name, b',"format":1', b"")
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == names(*range(1, 26))
    spool.close()


@pytest.mark.parametrize("content", [b"[7]", b'{"format":"7"}', b'{"format":7'])
def test_what_is_no_first_record_is_damaged_and_not_newer(tmp_path: Path, content: bytes) -> None:
    filled(tmp_path, 25).close()
    (tmp_path / "state").write_bytes(record(0, content))
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == names(*range(1, 26))
    spool.close()


@pytest.mark.parametrize("name", ["日" * 64, "../../x", "/", "." * 64, "𝔸" * 64])
def test_any_name_has_a_folder_of_its_own(tmp_path: Path, name: str) -> None:
    folder = spool_dir(tmp_path, name)
    assert folder.resolve().parent == (tmp_path / "spool").resolve()
    assert folder != spool_dir(tmp_path, name[:-1] + "b")
    DiskSpool(folder).close()


# What is acknowledged goes, and is known to have gone


def test_acknowledged_files_are_removed(tmp_path: Path) -> None:
    spool = filled(tmp_path, 35)
    spool.acked("a", 20)
    spool.close()
    assert len(files(tmp_path)) == 2
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == names(*range(21, 36))
    spool.close()


def synced(spool: DiskSpool, from_ms: int = 10_000) -> None:
    """Lets the thread do what is due, and takes its word."""
    spool.maintain(from_ms)
    spool.maintain(from_ms + SYNC_MS)
    assert spool._job is not None
    spool._job[1].result()
    spool.maintain(from_ms + SYNC_MS)


def test_a_stream_is_settled_only_once_a_restart_would_know_that_it_is_done(
    tmp_path: Path,
) -> None:
    spool = filled(tmp_path, 25)
    spool.open("b", "boot", 2_000, WALL_MS)
    spool.append(reading(1))
    assert not spool.settled("a")
    spool.acked("a", 25)
    assert not spool.settled("a")
    synced(spool)
    assert spool.settled("a")
    killed(spool)
    spool = DiskSpool(tmp_path, SMALL)
    header = spool.headers()[0]
    assert (header.epoch, header.from_seq, header.next_seq) == ("a", 26, 26)
    assert not spool.settled("a")  # a state that was read may not be on the disk yet
    synced(spool)
    assert spool.settled("a")
    spool.forget("a")
    killed(spool)  # Retired was heard, and nothing of it written down
    spool = DiskSpool(tmp_path, SMALL)
    assert spool.headers()[0].from_seq == 26, "or its readings would be sent again"
    spool.close()


def test_a_forgotten_stream_is_gone_for_good(tmp_path: Path) -> None:
    spool = filled(tmp_path, 25)
    spool.open("b", "boot", 2_000, WALL_MS)
    spool.append(reading(1))
    spool.acked("a", 25)
    synced(spool)
    spool.forget("a")
    spool.close()
    spool = DiskSpool(tmp_path, SMALL)
    assert [header.epoch for header in spool.headers()] == ["b"]
    assert len(files(tmp_path)) == 1
    spool.close()


def test_clocks_of_former_boots_are_kept(tmp_path: Path) -> None:
    spool = filled(tmp_path, 1)
    spool.remember_clock(ClockOffset("boot", 5, 100))
    spool.close()
    spool = DiskSpool(tmp_path, SMALL)
    assert spool.clocks() == (ClockOffset("boot", 5, 100),)
    spool.close()


# Bounds


def test_over_its_size_the_oldest_files_go_and_leave_a_gap(tmp_path: Path) -> None:
    spool = filled(tmp_path, 100, Bounds(bytes_max=3_000, segment_readings=10))
    kept = told(spool)
    lost = [seq for seq, name in kept.items() if name == "spool_full"]
    assert lost == list(range(1, len(lost) + 1)) and len(lost) % 10 == 0 and 50 < len(lost) < 100
    spool.close()
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 3_000
    spool = DiskSpool(tmp_path)
    assert told(spool) == kept
    spool.close()


@pytest.mark.parametrize(
    ("wall_then_ms", "wall_now_ms", "goes_after_ms"),
    [
        (WALL_MS, WALL_MS + 20 * HOUR_MS, 4 * HOUR_MS),  # the wall clock counts over a reboot
        (1_000, WALL_MS, 24 * HOUR_MS),  # the clock was never set when they came
        (WALL_MS, 1_000, 24 * HOUR_MS),  # it is not set now
    ],
)
def test_the_age_of_another_boots_readings(
    tmp_path: Path, wall_then_ms: int, wall_now_ms: int, goes_after_ms: int
) -> None:
    spool = DiskSpool(tmp_path, SMALL)
    spool.open("a", "boot-1", 9_000_000, wall_then_ms)
    spool.append(reading(1, 9_000_000))
    spool.close()
    spool = DiskSpool(tmp_path, SMALL)
    spool.open("b", "boot-2", 50_000, wall_now_ms)
    spool.maintain(50_000 + goes_after_ms)
    assert told(spool) == names(1)
    spool.maintain(50_000 + goes_after_ms + 1)
    assert told(spool) == {1: "spool_age"}
    spool.close()


def test_more_epochs_than_a_hello_may_list_come_later_oldest_first(tmp_path: Path) -> None:
    bounds = Bounds(epochs_max=3)
    for epoch in "abcde":  # five crashes without a hub
        killed(filled(tmp_path, 1, bounds, epoch))
    spool = DiskSpool(tmp_path, bounds)
    spool.open("f", "boot", 2_000, WALL_MS)
    assert [header.epoch for header in spool.headers()] == ["a", "b", "f"]
    for epoch in "ab":
        spool.acked(epoch, 1)
        spool.forget(epoch)
    assert [header.epoch for header in spool.headers()] == ["c", "d", "f"]
    assert spool.kept == 3
    spool.close()


# A disk that takes nothing


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Says how many bytes the disk still takes; None: as many as come."""
    room: list[int | None] = [None]
    write = os.write

    def bounded(fd: int, data: bytes) -> int:
        if room[0] is None:
            return write(fd, data)
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = write(fd, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr("gateway.spool_writer._write_fd", bounded)

    def leave(count: int | None) -> None:
        room[0] = count

    return leave


def test_readings_wait_in_memory_for_a_full_disk_and_are_written_when_it_takes_them(
    tmp_path: Path, disk: Callable[[int | None], None]
) -> None:
    spool = filled(tmp_path, 5)
    disk(30)  # less than a record: it is torn, and mended
    for seq in range(6, 18):
        spool.append(reading(seq))
    assert spool.problem == os.strerror(errno.ENOSPC)
    assert told(spool) == names(*range(1, 18))
    disk(None)
    synced(spool)
    assert spool.problem == ""
    for seq in range(18, 26):
        spool.append(reading(seq))
    killed(spool)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == names(*range(1, 26))
    spool.close()


def test_what_neither_disk_nor_memory_takes_is_a_gap_with_its_reason(
    tmp_path: Path, disk: Callable[[int | None], None]
) -> None:
    spool = filled(tmp_path, 5)
    disk(0)
    for seq in range(6, 60):
        spool.append(reading(seq))
    kept = told(spool)
    lost = [seq for seq, name in kept.items() if name == "disk_full"]
    assert lost == list(range(6, 6 + len(lost)))
    assert spool.kept - 5 <= SMALL.memory_readings_max
    disk(None)
    spool.close()
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == kept
    spool.close()


def test_a_full_disk_from_the_beginning_and_over_a_new_epoch(
    tmp_path: Path, disk: Callable[[int | None], None]
) -> None:
    disk(0)
    spool = filled(tmp_path, 7)
    spool.open("b", "boot", 2_000, WALL_MS)
    spool.append(reading(1))
    spool.acked("a", 7)  # the hub takes what the disk does not
    disk(None)
    spool.append(reading(2))
    synced(spool)
    killed(spool)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool, "b") == names(1, 2)
    spool.close()


def test_a_disk_that_the_spool_itself_has_filled_is_freed_by_acknowledgements(
    tmp_path: Path, disk: Callable[[int | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state cannot be written before files are removed, so they are removed first."""
    spool = filled(tmp_path, 35)
    disk(0)
    spool.append(reading(36))
    replace = spool_sync._replace

    def full(path: Path, content: bytes) -> None:
        if len(files(tmp_path)) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk(None)
        replace(path, content)

    monkeypatch.setattr(spool_sync, "_replace", full)
    spool.acked("a", 25)
    synced(spool)
    synced(spool, 20_000)
    assert len(files(tmp_path)) == 2 and spool.problem == ""
    killed(spool)
    spool = DiskSpool(tmp_path, SMALL)
    assert told(spool) == names(*range(26, 37))
    spool.close()


def test_a_clock_that_is_wrong_at_the_start_drops_nothing_that_the_hub_can_still_have(
    tmp_path: Path,
) -> None:
    killed(filled(tmp_path, 3))
    spool = DiskSpool(tmp_path, SMALL)
    spool.open("b", "boot-2", 50_000, WALL_MS + 365 * 24 * HOUR_MS)
    spool.maintain(50_000 + CLOCK_TRUSTED_AFTER_MS - 1)
    assert told(spool) == names(1, 2, 3)
    spool.open("c", "boot-2", 90_000, WALL_MS + HOUR_MS)  # somebody has set it
    spool.maintain(50_000 + CLOCK_TRUSTED_AFTER_MS)
    assert told(spool) == names(1, 2, 3)
    spool.close()
