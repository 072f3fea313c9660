"""A recorded session, replayed, gives the same readings; its file survives kills and rubbish."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import zstandard
from air_room import Room, address, room, strap, trainer
from clock import LoopClock, run
from paper_room import PaperRoom

from gateway.app import Gateway, radios_of
from gateway.clock import Clock
from gateway.identity import Identity
from gateway.link_events import Failure
from gateway.radio import Advertisement, RadioError, Radios
from gateway.radios import FixedRadios
from gateway.recording.commands import NoHub
from gateway.recording.player import Player
from gateway.recording.recorder import open_recorder
from gateway.recording.records import FORMAT, Header, Heard, Notified, Wrote
from gateway.recording.replay import RecordedHub, gateway_of, player_of, summarised
from gateway.recording.store import Bounds, Recording, RecordingError, Writer, read
from gateway.recording.summary import Summary
from gateway.recording.tap import RecordedRadio
from gateway.settings import Settings, override
from hub.wire.uplink import AssignedSensor, Assignments, LinkStatus, Plan, SensorState, TrainerState
from hub.wire.values import PlanStep, PowerTarget, Reading

IDENTITY = Identity(b"k" * 32)
STRAP, TRAINER = IDENTITY.sensor_id(address(1)), IDENTITY.sensor_id(address(2))
UNBOUND = Bounds()
HUB_AHEAD_MS = 7_000_000  # of the recorded gateway's clock


class Told(NoHub):
    """All that a gateway told a hub; times in ms since it began."""

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self.readings: list[tuple[str, int, str, object]] = []
        self.links: list[tuple[str, str, str]] = []
        self.trainers: list[tuple[str, str, str]] = []

    def hub_now_ms(self) -> int | None:
        return LoopClock().now_ms() + HUB_AHEAD_MS

    def append(self, reading: Reading) -> int:
        at_ms = reading.at_ms - self._start_ms
        self.readings.append((reading.sensor_id, at_ms, reading.char, reading.m))
        return len(self.readings)

    def set_sensor(self, state: SensorState) -> None:
        step = (state.sensor_id, state.link.value, state.problem)
        if step not in self.links[-1:]:
            self.links.append(step)

    def set_trainer(self, state: TrainerState) -> None:
        step = (state.sensor_id, state.status.value, state.reason)
        if step not in self.trainers[-1:]:
            self.trainers.append(step)


Ride = Callable[[Gateway], Awaitable[None]]


async def recorded(
    path: Path, radios: Radios, clock: Clock, ride: Ride, settings: Settings | None = None
) -> Told:
    told = Told(clock.now_us() // 1_000)
    gateway = Gateway(
        settings or Settings(),
        IDENTITY,
        radios,
        hub=lambda _: told,
        clock=clock,
        jitter=random.Random(1).random,
        recorder=open_recorder(path, IDENTITY, clock, Bounds()),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(gateway.run(stop))
    await ride(gateway)
    stop.set()
    await running
    return told


async def replayed(recording: Recording) -> tuple[Told, Player]:
    """What the same gateway tells when all that happens again; devices by their numbers."""
    clock = LoopClock()
    player = player_of(recording.records, clock)
    told = Told(clock.now_ms())

    class Both(RecordedHub):
        def append(self, reading: Reading) -> int:
            return told.append(reading)

        def set_sensor(self, state: SensorState) -> None:
            told.set_sensor(state)

        def set_trainer(self, state: TrainerState) -> None:
            told.set_trainer(state)

    gateway = gateway_of(
        player, Settings(), clock, lambda gateway: Both(player, clock, gateway, Summary())
    )
    await gateway.run(asyncio.Event())
    return told, player


def names(told: Told) -> list[str]:
    """Sensors in the order in which they were told of."""
    return list(dict.fromkeys(sensor_id for sensor_id, *_ in told.links))


def by_order(told: Told, what: list[tuple[str, ...]]) -> list[tuple[object, ...]]:
    order = {name: i for i, name in enumerate(names(told))}
    return [(order[sensor_id], *rest) for sensor_id, *rest in what]


def links(told: Told) -> list[tuple[object, ...]]:
    """Without how a back-off ends: when, is chance."""
    waits = {LinkStatus.BACKOFF.value, LinkStatus.SEEN.value}
    return [(i, link) for i, link, _ in by_order(told, told.links) if link not in waits]


def steering(told: Told) -> list[tuple[object, ...]]:
    """Once there is a plan: before it the replay does not know the hub's time."""
    steps = by_order(told, told.trainers)
    first = next(i for i, (_, status, _) in enumerate(steps) if status == "requesting")
    return steps[first:]


FAULTS = [("disconnect", 8.0), ("corrupt", 20.0), ("mute", 15.0), ("walk_away", 20.0)]


async def bad_ride(there: Room, gateway: Gateway) -> None:
    """Steered, with a fault after the other, on the strap and on the trainer."""
    await asyncio.sleep(15)
    held = (AssignedSensor(STRAP, 3, "anna"), AssignedSensor(TRAINER, 3, "anna"))
    gateway.on_assignments(Assignments(1, held))
    hub_ms = there.clock.now_ms() + HUB_AHEAD_MS
    steps = (PlanStep(hub_ms, PowerTarget(150)), PlanStep(hub_ms + 60_000, PowerTarget(210)))
    gateway.on_plan(Plan(TRAINER, 3, 1, hub_ms + 600_000, 400, steps))
    for kind, for_s in FAULTS:
        for name in ("Strap 1", "Trainer 1"):
            amount = 0.5 if kind == "corrupt" else None
            there.break_(name, kind, for_s, amount)
            await asyncio.sleep(for_s + 10)


async def bad_ride_on_the_air(path: Path) -> Told:
    async with room() as there:
        await there.add(strap(), 1)
        await there.add(trainer(), 2)
        settings = override(Settings(), radio=there.spec, hub=None)
        return await recorded(
            path, radios_of(settings), there.clock, lambda gateway: bad_ride(there, gateway)
        )


@pytest.fixture(scope="module")
def bad_ride_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    path = tmp_path_factory.mktemp("recording") / "ride.rec"
    return path, run(bad_ride_on_the_air(path))


def test_a_ride_with_faults_gives_the_same_readings_links_and_steering_again(
    bad_ride_file: tuple[Path, Told],
) -> None:
    path, was = bad_ride_file
    recording = read(path)
    assert not recording.torn
    now, player = run(replayed(recording))
    assert len(was.readings) > 300 and {"silent", "dropped"} <= {p for _, _, p in was.links}
    assert by_order(now, now.readings) == by_order(was, was.readings)
    assert player.differences == {}
    assert steering(now) == steering(was) and len(steering(was)) > 10
    assert links(now) == links(was)
    wrote = [r.data for r in recording.records if isinstance(r, Wrote)]
    assert len(wrote) > 5 and any(data[:1] == b"\x05" for data in wrote)


def test_two_adapters_of_which_one_dies_give_the_same_readings_again(tmp_path: Path) -> None:
    path = tmp_path / "room.rec"

    async def main() -> Told:
        paper = PaperRoom(("x", "y"))
        for _ in range(12):
            paper.add(x=-60, y=-65)
        radios = FixedRadios(list(paper.adapters.values()))

        async def ride(gateway: Gateway) -> None:
            await asyncio.sleep(30)
            paper.adapters["x"].die(RadioError(Failure.ADAPTER_DOWN, "no_adapter", "Test"))
            gateway.supervisor.adapters_changed()
            await asyncio.sleep(60)
            paper.adapters["x"].down = None
            paper.adapters["y"].capacity = 8
            await asyncio.sleep(60)

        living = asyncio.create_task(paper.run())
        try:
            return await recorded(path, radios, LoopClock(), ride)
        finally:
            living.cancel()

    was = run(main())
    now, player = run(replayed(read(path)))
    assert len(names(was)) == 12 and len(was.readings) > 1_000
    assert sorted(by_order(now, now.readings), key=str) == sorted(
        by_order(was, was.readings), key=str
    )
    assert player.differences == {}


def test_what_a_replay_says_is_the_same_each_time_at_any_speed(
    bad_ride_file: tuple[Path, Told],
) -> None:
    path, was = bad_ride_file
    recording = read(path)
    first = run(summarised(recording, LoopClock())).told()
    assert first == run(summarised(recording, LoopClock())).told()
    assert sum(sum(s["readings"].values()) for s in first["sensors"].values()) == len(was.readings)
    assert not first["torn"] and first["differences"] == {}
    assert {s["name"] for s in first["sensors"].values()} == {"Strap 1", "Trainer 1"}


def test_other_code_is_told_apart_from_what_was_recorded(bad_ride_file: tuple[Path, Told]) -> None:
    """A write of other bytes, and a frame that decodes to something else."""
    recording = read(bad_ride_file[0])
    changed = tuple(
        msgspec.structs.replace(r, data=b"\x05\x01\x00")
        if isinstance(r, Wrote) and r.data[:1] == b"\x05"
        else msgspec.structs.replace(r, data=b"\x00\x63")
        if isinstance(r, Notified) and r.char == "2a37"
        else r
        for r in recording.records
    )
    told = run(summarised(Recording(recording.header, changed, False), LoopClock())).told()
    as_it_was = run(summarised(recording, LoopClock())).told()
    assert told["differences"].get("other bytes 2ad9", 0) > 0
    digests = [
        {s["name"]: s["digest"] for s in one["sensors"].values()} for one in (told, as_it_was)
    ]
    assert digests[0]["Strap 1"] != digests[1]["Strap 1"]


def test_a_recording_that_ends_in_mid_ride_is_replayed_to_its_end(
    bad_ride_file: tuple[Path, Told],
) -> None:
    recording = read(bad_ride_file[0])
    for part in (0, 1, 40, len(recording.records) // 2):
        cut = Recording(recording.header, recording.records[:part], True)
        told = run(summarised(cut, LoopClock())).told()
        assert told["torn"] and told["differences"] == {}


# The file


def frames(path: Path) -> bytes:
    """All that is in it, as text."""
    reader = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
    return reader.readall()


def heard(at_ms: int, number: int = 1) -> Heard:
    return Heard(at_ms * 1_000, 1, number, "Strap", ("180d",), -60)


def written(path: Path, *records: Heard, bounds: Bounds = UNBOUND) -> Writer:
    writer = Writer(path, Header(FORMAT, "derny 9"), bounds)
    for record in records:
        writer.write(record)
        writer.flush()
    return writer


def test_a_file_cut_at_any_byte_gives_all_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "whole.rec"
    lines = [heard(i * 1_000, i) for i in range(20)]
    written(path, *lines).close("stopped")
    whole = path.read_bytes()
    header_only = written(tmp_path / "header.rec")
    header_only.close("stopped")
    torn_path = tmp_path / "torn.rec"
    counts = []
    for size in range(len(whole)):
        torn_path.write_bytes(whole[:size])
        try:
            found = read(torn_path)
        except RecordingError:
            assert size < header_only.bytes, "only a file without a header is none"
            continue
        assert list(found.records) == lines[: len(found.records)]
        counts.append(len(found.records))
    assert counts == sorted(counts) and counts[-1] >= 19
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    torn_path.write_bytes(damaged)
    found = read(torn_path)
    assert found.torn and 5 < len(found.records) < 20
    assert list(found.records) == lines[: len(found.records)]


def test_a_kill_loses_a_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "killed.rec"

    async def main() -> None:
        clock = LoopClock()
        recorder = open_recorder(path, IDENTITY, clock, Bounds())
        keeping = asyncio.create_task(recorder.keep())
        for i in range(100):
            recorder.add(heard(i * 100))
            await asyncio.sleep(0.1)
        on_disk = read(path).records  # what a kill would leave
        assert len(on_disk) >= 89
        await asyncio.sleep(1.0)  # nothing more happens, and what did is there
        assert len(read(path).records) == 100
        keeping.cancel()
        await asyncio.wait({keeping})

    run(main())


RUBBISH: list[tuple[str, bytes, str]] = [
    ("empty", b"", "is no recording"),
    ("text", b"hello\n", "is no recording"),
    ("zstd of something else", zstandard.compress(b"hello\n"), "is no recording"),
    ("another JSON", zstandard.compress(b'{"a": 1}\n'), "is no recording"),
    ("magic only", b"\x28\xb5\x2f\xfd", "is no recording"),
    (
        "a later format",
        zstandard.compress(b'{"derny_recording": 2, "software": "derny 7"}\n'),
        "a later Derny (derny 7)",
    ),
    ("a strange line", zstandard.compress(b'{"derny_recording": 1}\n["adv", 1]\n'), "line 2"),
    ("a strange tag", zstandard.compress(b'{"derny_recording": 1}\n["x", 1]\n'), "line 2"),
    (
        "back in time",
        zstandard.compress(b'{"derny_recording": 1}\n["gone", 9, 1]\n["gone", 8, 1]\n'),
        "line 3: goes back in time",
    ),
    ("a line without end", zstandard.compress(b"x" * 3_000_000), "larger than any recording"),
]


@pytest.mark.parametrize(("name", "content", "words"), RUBBISH, ids=[r[0] for r in RUBBISH])
def test_rubbish_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / "rubbish.rec"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as refused:
        read(path)
    said = str(refused.value)
    assert words in said and str(path) in said and " - " in said and "\n" not in said


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.rec"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="is there already"):
        written(path)
    assert path.read_text() == "mine"
    with pytest.raises(RecordingError, match="name a file in a folder"):
        written(tmp_path / "nowhere" / "a.rec")
    with pytest.raises(RecordingError, match="No such file"):
        read(tmp_path / "nowhere.rec")


def test_it_ends_at_its_bounds_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = written(tmp_path / "a.rec", *(heard(i * 1_000) for i in range(90)), bounds=Bounds(1))
    assert timed.ended == "time is up" and len(read(timed.path).records) == 60
    monkeypatch.setattr("gateway.recording.store.LINES_MAX", 5)
    full = written(tmp_path / "b.rec", *(heard(i) for i in range(9)))
    assert full.ended == "it is full" and len(read(full.path).records) == 5
    monkeypatch.undo()
    noise = random.Random(1)
    loud = [Notified(i, 1, "2ad2", noise.randbytes(500)) for i in range(4_000)]
    large = Writer(tmp_path / "c.rec", Header(FORMAT), Bounds(60, 1))
    for i, line in enumerate(loud):
        large.write(line)
        if i % 100 == 0:
            large.flush()
    size = large.path.stat().st_size
    assert large.ended == "it is full" and size <= 1024 * 1024 and size == large.bytes
    assert not read(large.path).torn and len(read(large.path).records) > 1_000
    assert stat.S_IMODE(large.path.stat().st_mode) == 0o600


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    writer = written(tmp_path / "a.rec", heard(0))

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            pass

    writer._file.close()
    writer._file = Full()  # type: ignore[assignment]
    writer.write(heard(1))
    writer.flush()
    assert writer.ended == os.strerror(errno.ENOSPC)
    writer.write(heard(2))
    writer.close("stopped")
    assert len(read(writer.path).records) == 1


def test_no_address_no_telephone_and_no_serial_is_in_it(
    tmp_path: Path, bad_ride_file: tuple[Path, Told]
) -> None:
    path, _ = bad_ride_file
    text = frames(path).decode()
    assert msgspec.json.decode(text.splitlines()[0])["derny_recording"] == FORMAT
    for secret in (address(1), address(2), STRAP, TRAINER, "anna", "HR-0001", "TR-0001"):
        for spelt in (secret, secret.lower(), secret.replace(":", "")):
            assert spelt not in text
    assert "Strap 1" in text

    async def phone() -> str:
        recorder = open_recorder(tmp_path / "phone.rec", IDENTITY, LoopClock(), UNBOUND)
        radio = PaperRoom(("x",)).adapters["x"]
        await RecordedRadio(radio, 1, recorder).start_scan(lambda _: None)
        assert radio.hear is not None
        radio.hear(Advertisement(address(9), "Anna's Phone", frozenset({"fe9f"}), -50))
        radio.hear(Advertisement(address(8), "Belt C0:DE:00:00:00:08", frozenset(), -50))
        recorder.close()
        return frames(tmp_path / "phone.rec").decode()

    told = run(phone())
    assert "Anna" not in told and "C0:DE" not in told and "Belt" in told
