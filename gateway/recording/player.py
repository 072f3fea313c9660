"""A recording as the port of `gateway.radio`: everything happens when it did, as it did.

The player carries out the records one after the other. A call of the code under replay waits for
the end of the recorded call that answers it. What the code asks otherwise than recorded is a
difference; it is answered as harmlessly as can be, and counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from gateway.clock import Clock
from gateway.link_events import Failure
from gateway.radio import Advertisement, Radio, RadioError, Watcher
from gateway.recording.records import (
    AdaptersChanged,
    Assigned,
    Begun,
    Closed,
    Commanded,
    Cycled,
    Fault,
    Gone,
    Heard,
    Looked,
    Notified,
    Opened,
    Orphans,
    Planned,
    RadioSeen,
    Read,
    Record,
    Scanned,
    ServiceGone,
    Stopping,
    Subscribed,
    Wrote,
)
from gateway.recording.script import LATER_US, Answer, Script

TURNS = 5  # of the loop after each record: whoever was waiting goes on before the next
FIRST_LOOK = Looked(0, (RadioSeen(1, "recorded", True),))

# How often the code looks around depends on its clock: no difference worth telling.
LOOKING = (Scanned, Orphans)

HubWord = Planned | Assigned | Commanded


class Player:
    """`run` once. `on_hub` hears what the recorded hub said; it may be set until then.

    `devices`: their numbers, by the sensor_id that they have in the replay.
    """

    def __init__(self, records: Sequence[Record], clock: Clock, devices: Mapping[str, int]) -> None:
        self.differences: Counter[str] = Counter()
        self.on_hub: Callable[[HubWord], None] = lambda _: None
        self._records = records
        self._clock = clock
        self._devices = devices
        self._script = Script(records)
        self._start_us: int | None = None
        self._last = -1  # index of the last record that has happened
        self._waiting: dict[int, asyncio.Event] = {}
        self._radios: dict[int, ReplayedRadio] = {}
        self._there: tuple[ReplayedRadio, ...] = ()
        self._looked = asyncio.Event()
        self._watcher: Watcher | None = None
        self._links: dict[int, ReplayedConnection] = {}
        self._granted: dict[int, Begun] = {}  # by device: attempts that nobody has begun yet
        self._asking: dict[int, Callable[[Radio], None]] = {}  # by device
        self._cut_us = 0
        self._played_us = 0
        self._letting_go: asyncio.Task[None] | None = None
        first = next((r for r in records if isinstance(r, Looked)), FIRST_LOOK)
        self._look(first)

    @property
    def now_us(self) -> int:
        """Since the start of the recording."""
        return 0 if self._start_us is None else self._clock.now_us() - self._start_us

    @property
    def played_us(self) -> int:
        """When the last record was that has happened."""
        return self._played_us

    async def run(self) -> None:
        """Until the gateway was told to stop, or the file ends."""
        self._start_us = self._clock.now_us()
        stop = next((i for i, r in enumerate(self._records) if isinstance(r, Stopping)), None)
        try:
            await self._play(0, stop)
        except asyncio.CancelledError:
            self._passed(len(self._records))
            raise
        self._letting_go = asyncio.create_task(self._play(stop))  # while this one lets go

    async def _play(self, first: int | None, end: int | None = None) -> None:
        """Records from `first` to before `end`; where no more follow, nothing waits any more."""
        for index, record in enumerate(self._records[first:end] if first is not None else ()):
            if (left_us := record.at_us - self.now_us) > 0:
                await asyncio.sleep(max(self._clock.wait_s(left_us) / 1_000, 1e-6))
            self._happens(record)
            self._played_us = record.at_us
            self._passed((first or 0) + index)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        if end is None:
            self._passed(len(self._records))

    def device(self, sensor_id: str) -> int:
        return self._devices[sensor_id]

    # `gateway.radio.Radios`

    async def look(self) -> Sequence[Radio]:
        return self._there

    async def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher
        await asyncio.Event().wait()

    # For `ReplayedSupervisor`

    def ask(self, device: int, begin: Callable[[Radio], None]) -> None:
        """`begin` is called with the adapter once the recorded attempt at the device begins."""
        self._asking[device] = begin
        self._grant(device)

    def ask_no_more(self, device: int) -> None:
        self._asking.pop(device, None)

    # For the radios and their connections

    async def answer(
        self,
        kind: type[Answer],
        number: int,
        char: str = "",
        data: bytes | None = None,
    ) -> Answer | None:
        """As recorded, and when. None: not recorded. Raises RadioError if it was raised then."""
        found = self._script.answer(kind, number, self.now_us, char, data)
        if found is None:
            if kind not in LOOKING and self._last < len(self._records):
                self.differ(f"{kind.__name__.lower()} {char}".strip())
            return None
        index, record = found
        if index > self._last:
            await self._waiting.setdefault(index, asyncio.Event()).wait()
        fault = getattr(record, "fault", None)
        if fault is not None:
            if not fault.failure:  # the caller gave up then, and does so now
                await asyncio.sleep(self._clock.wait_s(LATER_US // 1_000))
            raise error_of(fault)
        return record

    def differ(self, what: str) -> None:
        self.differences[what] += 1

    def last_said(self, link: int, char: str) -> bytes | None:
        return self._script.last_said(link, char)

    def connection(
        self, address: str, radio: ReplayedRadio, on_gone: Callable[[], None]
    ) -> ReplayedConnection:
        begun = self._granted.pop(device_of(address), None)
        if begun is None:
            self.differ("begun")
            raise RadioError(Failure.DEVICE_GONE, "gone", "not recorded")
        if begun.fault is not None:
            raise error_of(begun.fault)
        ended_us = self._script.ended_us.get(begun.link)
        connection = ReplayedConnection(begun.link, ended_us, self, on_gone)
        self._links[begun.link] = connection
        return connection

    # One record after the other

    def _passed(self, index: int) -> None:
        self._last = index
        for waiting in [i for i in self._waiting if i <= index]:
            self._waiting.pop(waiting).set()

    def _happens(self, record: Record) -> None:
        match record:
            case Looked():
                self._look(record)
                self._tell(lambda watcher: watcher.adapters_changed())
            case ServiceGone():
                self._tell(lambda watcher: watcher.service_gone())
            case AdaptersChanged():
                self._tell(lambda watcher: watcher.adapters_changed())
            case Heard():
                self._radio(record.radio).hear(_advertisement(record))
            case Begun():
                if record.device in self._granted:
                    self.differ("begun")
                self._granted[record.device] = record
                self._grant(record.device)
            case Notified() if record.link in self._links:
                self._links[record.link].notify(record.char, record.data)
            case Gone() if record.link in self._links:
                self._links.pop(record.link).lose()
            case Planned() | Assigned() | Commanded():
                self.on_hub(record)
            case _:
                pass
        if record.at_us - self._cut_us >= LATER_US:
            self._cut_us = record.at_us
            for link in [n for n, c in self._links.items() if c.is_over(record.at_us)]:
                self._links.pop(link).cut()

    def _look(self, looked: Looked) -> None:
        self._there = tuple(self._radio(seen.radio, seen.name) for seen in looked.radios)

    def _radio(self, number: int, name: str = "") -> ReplayedRadio:
        radio = self._radios.setdefault(number, ReplayedRadio(number, self))
        radio.name = name or radio.name
        return radio

    def _grant(self, device: int) -> None:
        if device in self._granted and device in self._asking:
            radio = self._radio(self._granted[device].radio)
            self._asking.pop(device)(radio)

    def _tell(self, say: Callable[[Watcher], None]) -> None:
        if self._watcher is not None:
            say(self._watcher)


class ReplayedRadio:
    """`simulated`, whatever it was: what is replayed counts for nobody."""

    simulated = True

    def __init__(self, number: int, player: Player) -> None:
        self.name = f"radio {number}"
        self.address = f"radio {number}"
        self._number = number
        self._player = player
        self._on_advertisement: Callable[[Advertisement], None] | None = None

    async def start_scan(
        self, on_advertisement: Callable[[Advertisement], None], *, everything: bool = False
    ) -> None:
        # Before the answer: the first advertisements come while the scan is being started.
        self._on_advertisement = on_advertisement
        try:
            await self._player.answer(Scanned, self._number)
        except RadioError:
            self._on_advertisement = None
            raise

    async def stop_scan(self) -> None:
        self._on_advertisement = None

    async def orphans(self) -> list[Advertisement]:
        answered = await self._player.answer(Orphans, self._number)
        if not isinstance(answered, Orphans):
            return []
        return [
            Advertisement(address_of(found.device), found.name, frozenset(found.services), None)
            for found in answered.found
        ]

    def connection(self, address: str, on_gone: Callable[[], None]) -> ReplayedConnection:
        return self._player.connection(address, self, on_gone)

    async def power_cycle(self) -> None:
        await self._player.answer(Cycled, self._number)

    async def close(self) -> None:
        self._on_advertisement = None

    def hear(self, advertisement: Advertisement) -> None:
        if self._on_advertisement is not None:
            self._on_advertisement(advertisement)


class ReplayedConnection:
    def __init__(
        self, link: int, ended_us: int | None, player: Player, on_gone: Callable[[], None]
    ) -> None:
        self._link = link
        self._ended_us = ended_us
        self._player = player
        self._on_gone = on_gone
        self._chars: dict[str, frozenset[str]] = {}
        self._listeners: dict[str, Callable[[bytes], None]] = {}
        self._early: defaultdict[str, list[bytes]] = defaultdict(list)
        self._closed = False

    @property
    def characteristics(self) -> Mapping[str, frozenset[str]]:
        return self._chars

    async def open(self, timeout_s: float) -> None:
        opened = await self._player.answer(Opened, self._link)
        if not isinstance(opened, Opened):
            raise RadioError(Failure.TRANSIENT, "timeout", "not recorded")
        self._chars = {char: frozenset(has) for char, has in opened.chars.items()}

    async def read(self, char: str) -> bytes:
        answered = await self._player.answer(Read, self._link, char)
        if isinstance(answered, Read):
            return answered.data
        said = self._player.last_said(self._link, char)
        if said is None:
            raise RadioError(Failure.PROTOCOL, "protocol", "not recorded")
        return said

    async def write(self, char: str, data: bytes) -> None:
        answered = await self._player.answer(Wrote, self._link, char, data)
        if isinstance(answered, Wrote) and answered.data != data:
            self._player.differ(f"other bytes {char}")

    async def subscribe(self, char: str, on_value: Callable[[bytes], None]) -> None:
        self._listeners[char] = on_value
        for data in self._early.pop(char, ()):
            on_value(data)
        answered = await self._player.answer(Subscribed, self._link, char)
        if answered is None:
            raise RadioError(Failure.PROTOCOL, "protocol", "not recorded")

    async def close(self) -> bool:
        self._closed = True
        answered = await self._player.answer(Closed, self._link)
        return answered.well if isinstance(answered, Closed) else True

    def notify(self, char: str, data: bytes) -> None:
        if self._closed:
            return
        if char in self._listeners:
            self._listeners[char](data)
        else:
            self._early[char].append(data)  # the code is later than it was

    def lose(self) -> None:
        self._on_gone()

    def is_over(self, now_us: int) -> bool:
        """Ended by the recorded code long ago, and not by this one."""
        return self._ended_us is not None and now_us > self._ended_us + LATER_US

    def cut(self) -> None:
        if not self._closed:
            self._player.differ("close")
            self._on_gone()


def address_of(device: int) -> str:
    return f"device {device}"


def device_of(address: str) -> int:
    return int(address.removeprefix("device "))


def error_of(fault: Fault) -> RadioError:
    known = fault.failure in list(Failure)
    failure = Failure(fault.failure) if known else Failure.TRANSIENT
    return RadioError(failure, fault.problem, fault.cause)


def _advertisement(heard: Heard) -> Advertisement:
    address = address_of(heard.device)
    return Advertisement(address, heard.name, frozenset(heard.services), heard.rssi_dbm)
