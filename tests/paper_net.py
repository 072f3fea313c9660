"""A hub and its clients over a network of paper, on the virtual clock of `clock.run`.

The hub is `Live` with its neighbours in memory, a device is `hub.client`'s core with a clock of its
own. Between them lie paths with the manners of TCP: bytes come in order or not at all, a lost
segment makes all that follow it late. What an hour of bad radio does takes milliseconds here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from live_fakes import OWNER, World, let_in

from hub.auth.principal import Principal
from hub.client.bell import Bell
from hub.client.core import CUT, Core
from hub.client.cues import Rung
from hub.client.told import Status
from hub.http.live_reader import payloads_of
from hub.live.peer import Peer
from hub.live.service import Live
from hub.wire.live_events import EventBody, Lapped
from hub.wire.live_to_client import Bye, Event, Gap, Snapshot, State

CONNECT_RTTS = 2  # TCP's handshake, then HTTP's
RETRANSMIT_MS = 200.0  # Linux's least; twice that for the next loss (RFC 6298 §5.5)


@dataclass(frozen=True)
class Path:
    """One way of `ms`, up to `jitter_ms` more, and a segment in `1 / loss` lost."""

    up_ms: float = 1.0
    down_ms: float = 1.0
    jitter_ms: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True)
class Crystal:
    """A device's monotonic clock: where it began, and how much too fast it runs."""

    begins_ms: float = 0.0
    ppm: float = 0.0

    def local_ms(self, true_ms: float) -> float:
        return self.begins_ms + true_ms * (1 + self.ppm / 1e6)

    def true_ms(self, local_ms: float) -> float:
        return (local_ms - self.begins_ms) / (1 + self.ppm / 1e6)


class Line:
    """One direction of one connection: what is sent arrives in its order."""

    def __init__(self, random: Random, ms: float, path: Path):
        self._random = random
        self._ms = ms
        self._path = path
        self._free_s = 0.0
        self.is_held = False  # a cable that is out: nothing comes, nothing ends

    def send(self, arrive: Callable[..., None], *what: object) -> None:
        if self.is_held:
            return
        loop = asyncio.get_running_loop()
        late_ms = self._ms + self._random.uniform(0, self._path.jitter_ms)
        again_ms = RETRANSMIT_MS + self._ms
        while self._random.random() < self._path.loss:
            late_ms, again_ms = late_ms + again_ms, 2 * again_ms
        # Two timers of one instant would ring in any order.
        self._free_s = max(self._free_s + 1e-6, loop.time() + late_ms / 1000)
        loop.call_at(self._free_s, arrive, *what)


class Link:
    """One connection: the wire under the hub's peer, and the way back from the device."""

    peer: Peer

    def __init__(self, device: Device, random: Random) -> None:
        self._device = device
        path = device.path
        self._up = Line(random, path.up_ms, path)
        self._down = Line(random, path.down_ms, path)
        self.is_open = True
        self.hub_sees = True

    def hold(self) -> None:
        """Half open: neither side is told anything any more."""
        self._up.is_held = self._down.is_held = True

    def break_off(self, code: int = CUT, reason: str = "") -> None:
        """Both sides see the end."""
        self.leave()
        if self.is_open:
            self.is_open = False
            self._device.cut_off(self, code, reason)

    def leave(self) -> None:
        if self.hub_sees:
            self.hub_sees = False
            self.peer.lost()

    def say(self, frame: bytes) -> None:
        """The device speaks."""
        self._up.send(self._arrive, frame)

    def _arrive(self, frame: bytes) -> None:
        if self.hub_sees:
            self.peer.receive(frame)

    def _reach(self, frames: bytes) -> None:
        if self.is_open:
            for payload in payloads_of(frames):
                self._device.hear(self, payload)

    # hub.live.outbox.Wire

    def write(self, frames: bytes) -> None:
        self._down.send(self._reach, frames)

    def close(self, code: int, reason: str) -> None:
        self._down.send(self.break_off, code, reason)

    def overflow(self) -> None:
        self._device.net.live.peers.slow(self.peer)

    def abort(self) -> None:
        self.leave()


@dataclass
class Fired:
    rung: Rung
    error_ms: float  # by true time
    bound_ms: float  # as the device shows it


@dataclass
class Device:
    """A client that keeps what it saw. `who` None: it has no cookie, `token` is to let it in."""

    net: Net
    path: Path = Path()
    crystal: Crystal = Crystal()
    who: Principal | None = OWNER
    token: str = ""
    core: Core = field(init=False)
    link: Link | None = None
    events: list[tuple[str, int, EventBody]] = field(default_factory=list)  # epoch, offset, body
    gaps: int = 0
    frames: list[float] = field(default_factory=list)  # true ms at which state came
    fired: list[Fired] = field(default_factory=list)
    byes: list[Bye] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)  # true ms

    def __post_init__(self) -> None:
        self.core = Core("paper", self.net.random.random, with_token=bool(self.token))
        self.core.token = self.token
        self._news = asyncio.Event()
        self._bells: list[Bell] = []
        self._task = asyncio.ensure_future(self._live())

    @property
    def laps(self) -> list[int]:
        return [body.number for _, _, body in self.events if isinstance(body, Lapped)]

    @property
    def is_live(self) -> bool:
        return self.core.status is Status.LIVE

    def local_ms(self) -> float:
        return self.crystal.local_ms(self.net.true_ms())

    def subscribe(self, channel: str, rate_hz: int = 4) -> Device:
        known = self.core.subscribe(channel, rate_hz)
        self._bells.append(Bell(known, self.hub_ms, self._rang))
        self._news.set()
        return self

    def stop(self) -> None:
        self._task.cancel()

    # The network's word

    def hear(self, link: Link, payload: bytes) -> None:
        if link is not self.link:
            return
        now_ms = self.local_ms()
        for told in self.core.received(payload, now_ms, now_ms):
            match told:
                case Event(channel=channel, offset=offset, body=body):
                    mark = self.core.channels[channel].resume
                    self.events.append(("" if mark is None else mark.epoch, offset, body))
                case Gap() | Snapshot():
                    self.gaps += isinstance(told, Gap)
                case State():
                    self.frames.append(self.net.true_ms())
                case Bye():
                    self.byes.append(told)
                case _:
                    pass
        for bell in self._bells:
            bell.look()
        self._news.set()

    def cut_off(self, link: Link, code: int, reason: str) -> None:
        if link is self.link:
            self.link = None
            self.core.lost(self.local_ms(), code, reason)
            self._news.set()

    # Its life

    async def _live(self) -> None:
        while self.core.status is not Status.REFUSED:
            wait_ms = self.crystal.true_ms(self.core.retry_at_ms) - self.net.true_ms()
            await asyncio.sleep(max(wait_ms, 0) / 1000)
            await asyncio.sleep(CONNECT_RTTS * (self.path.up_ms + self.path.down_ms) / 1000)
            self.connects.append(self.net.true_ms())
            link = self.net.connect(self)
            if link is None:
                self.core.lost(self.local_ms())
                continue
            self.link = link
            self.core.opened(self.local_ms())
            while self.link is link:
                await self._turn(link)

    async def _turn(self, link: Link) -> None:
        for frame in self.core.to_send():
            link.say(frame)
        due_ms = self.core.due_ms()
        # A float's last digit of waiting would be no time at all on the virtual clock.
        wait_s = max(self.crystal.true_ms(due_ms) - self.net.true_ms(), 0.05) / 1000
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
        if self.link is link and not self.core.beat(self.local_ms()):
            link.is_open = False  # it aborts; the hub finds out by the missing acks
            self.cut_off(link, CUT, "silent")

    def hub_ms(self) -> float:
        """What the device takes for hub time, to the microsecond: finer, no timer can wait."""
        return round(self.core.clock.now_ms(self.local_ms()), 3)

    def _rang(self, rung: Rung) -> None:
        bound_ms = self.core.clock.error_ms(self.local_ms())
        self.fired.append(Fired(rung, self.net.hub_ms() - rung.cue.at_ms, bound_ms or 0.0))


class Net:
    """`live`: the hub that answers now; a killed one answers nobody until `revive`."""

    def __init__(self, world: World, live: Live, seed: int) -> None:
        self.world = world
        self.live = live
        self.random = Random(seed)
        self.up = asyncio.Event()
        self.up.set()
        self._links: set[Link] = set()

    def true_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000

    def hub_ms(self) -> float:
        return self.live.now_us() / 1000

    def connect(self, device: Device) -> Link | None:
        if not self.up.is_set():
            return None
        link = Link(device, self.random)
        admission = None if device.who is None else let_in(device.who)
        link.peer = self.live.accept(admission, link, asyncio.get_running_loop().call_soon)
        self._links = {one for one in self._links if one.is_open or one.hub_sees} | {link}
        return link

    async def kill(self) -> None:
        """As `kill -9`: nobody is told anything, connections break."""
        self.up.clear()
        links, self._links = self._links, set()
        for link in links:
            link.hold()
        await self.live.stop()
        for link in links:
            link.break_off()

    async def revive(self) -> None:
        self.live = self.world.hub()
        await self.live.start()
        self.up.set()
