"""Whatever happens, a client is shown what it may see at that moment, and in the end all of it.

Random histories on virtual time, against a model of the grants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from clock import run
from live_fakes import (
    ANN,
    INTERVALS,
    OWNER,
    MemoryAthletes,
    World,
    announce,
    heart,
    let_in,
    payloads,
    power,
    same_turn,
    sensor,
)
from msgspec.structs import replace

from hub.auth.grants import Grant, Part
from hub.auth.principal import Principal, Role
from hub.live import inputs, riding
from hub.live.peer import Peer
from hub.live.service import BEAT_S, Live
from hub.store.rows import Athlete
from hub.wire.live import PROTOCOL_VERSION
from hub.wire.live_events import (
    Finished,
    Lapped,
    Membership,
    SourceSwitched,
    TrainerChanged,
    Trimmed,
)
from hub.wire.live_events import Message as Said
from hub.wire.live_from_client import FROM_CLIENT as CODEC
from hub.wire.live_from_client import (
    Action,
    Control,
    FromClient,
    Hello,
    Resume,
    Subscribe,
    Unsubscribe,
)
from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_to_client import TO_CLIENT, Error, Event, SensorsState, Snapshot, State, ToClient
from hub.wire.live_views import AthleteView
from hub.wire.live_watch import WatchNumbers
from hub.wire.uplink import SensorKind
from hub.wire.values import Metric, Quality

POWER, PULSE = Part.POWER, Part.HEART_RATE
RIDERS = ("ann", "bob", "cyd")
PEOPLE = MemoryAthletes(
    ANN,
    Athlete(athlete_id="bob", name="Bob", ftp_w=300, max_hr_bpm=180, weight_kg=80.0),
    Athlete(athlete_id="cyd", name="Cyd", ftp_w=250, max_hr_bpm=200, weight_kg=55.0),
)
COACH = Principal("login-coach", Role.COACH)
LOGINS = (
    OWNER,
    COACH,
    Principal("login-bob", Role.ATHLETE, "bob"),
    Principal("login-cyd", Role.ATHLETE, "cyd"),
    Principal("login-viewer", Role.VIEWER),
    Principal("login-wall", Role.DISPLAY),
)
GRANTEES = ("role:coach", "role:viewer", "role:display", "athlete:bob", "athlete:cyd")
LATE_MS = int(BEAT_S * 1000) + 100  # a grant that ends by itself is looked for once a beat

# What each column says something of: all of these must be granted.
BY_POWER = ("power_3s_w", "power_zone", "target_w", "interval_average_w", "weighted_power_w")
RESTS_ON: dict[str, tuple[Part, ...]] = {
    **dict.fromkeys((*BY_POWER, "work_kj", "held_w", "phase", "next_dimension"), (POWER,)),
    **dict.fromkeys(("target_dimension", "target_low", "target_high", "next_low"), (POWER,)),
    **dict.fromkeys(("next_high", "until_left", "on_target_pct"), (POWER,)),
    "heart_rate_zone": (PULSE,),
    **dict.fromkeys(("held_why", "held_brief"), (PULSE, POWER)),
    "distance_m": (Part.SPEED,),
}


class Word:
    """Who has been granted what, as the athletes said it."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._said: dict[tuple[str, str], Grant] = {}
        self._saying: Grant | None = None  # counts from some instant on until it is said

    def begin(self, grant: Grant) -> None:
        self._saying = grant

    def grant(self, grant: Grant) -> None:
        self._saying = None
        self._said[grant.athlete_id, grant.grantee] = grant

    def take_back(self, athlete: str, grantee: str) -> None:
        self._said.pop((athlete, grantee), None)

    def is_own(self, who: Principal, athlete: str) -> bool:
        return who.role is Role.OWNER or who.athlete_id == athlete

    def may(self, who: Principal, athlete: str, *parts: Part, late_ms: int = 0) -> bool:
        if self.is_own(who, athlete):
            return True
        seen: set[Part] = set()
        for name in (f"role:{who.role}", f"athlete:{who.athlete_id}"):
            grants = [self._said.get((athlete, name))]
            if self._saying is not None:
                now_said = self._saying.athlete_id, self._saying.grantee
                grants += [self._saying] if now_said == (athlete, name) else []
            for grant in grants:
                if grant is not None and grant.holds(self._now_ms() - late_ms):
                    seen |= set(grant.parts)
        return seen.issuperset(parts) and bool(seen)


class Client:
    """Keeps its view as a page does, also over connections, and minds what it is shown."""

    def __init__(self, who: Principal, word: Word) -> None:
        self.who = who
        self.word = word
        self.hub: Live | None = None
        self.peer: Peer | None = None
        self.mark: Resume | None = None
        self.channels: dict[str, Subscribe] = {}
        self.athletes: dict[str, AthleteView] = {}
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}  # by channel and athlete
        self.sensors: dict[str, dict[Metric, float]] = {}
        self.wrong: list[str] = []

    # hub.live.outbox.Wire

    def write(self, frames: bytes) -> None:
        try:
            for payload in payloads(frames):
                self._hear(TO_CLIENT.decode(payload))
        except AssertionError as error:  # the fan-out would take it for a broken socket
            self.wrong.append(str(error))

    def close(self, code: int, reason: str) -> None:
        asyncio.get_running_loop().call_soon(self.cut)

    def overflow(self) -> None:
        assert self.hub is not None and self.peer is not None
        self.hub.peers.slow(self.peer)

    def abort(self) -> None:
        self.close(0, "")

    # What happens to it

    def connect(self, hub: Live) -> None:
        self.cut()
        self.hub, self.rows, self.sensors = hub, {}, {}
        self.peer = hub.accept(let_in(self.who), self, same_turn)
        self._say(Hello(PROTOCOL_VERSION, "model"))
        for wish in tuple(self.channels.values()):
            self.subscribe(wish)

    def cut(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.lost()

    def subscribe(self, wish: Subscribe) -> None:
        self.channels[wish.channel] = wish
        if wish.channel.startswith("session:") and not wish.profile:
            wish = replace(wish, resume=self.mark)
        self._say(wish)

    def unsubscribe(self, channel: str) -> None:
        self.channels.pop(channel, None)
        if channel.startswith("session:"):
            self.mark, self.athletes = None, {}
        self.rows = {key: row for key, row in self.rows.items() if key[0] != channel}
        self.sensors = {} if channel == "sensors" else self.sensors
        self._say(Unsubscribe(channel))

    def _say(self, message: FromClient) -> None:
        if self.peer is not None:
            self.peer.receive(CODEC.encode(message))

    # What it is shown

    def _hear(self, message: ToClient) -> None:
        match message:
            case State(channel=channel, n=n, rows=rows):
                for cells in rows:
                    row = dict(zip(ROW_FIELDS, cells, strict=True))
                    self._mind_row(row)
                    self.rows[channel, str(row["athlete"])] = row
                if self.peer is not None:
                    self.peer.outbox.acked(n)
            case Snapshot(epoch=epoch, offset=offset, session=session):
                self.mark = Resume(epoch, offset)
                self._take(session.athletes)
                assert not session.activity
            case Event(offset=offset, body=body):
                assert self.mark is not None
                self.mark = replace(self.mark, offset=max(offset, self.mark.offset))
                self._mind_event(body)
            case SensorsState(view=view):
                for one in view.sensors:
                    self.sensors[one.sensor] = one.last
                    for metric in one.last:
                        self._mind(one.athlete, Part(metric.value))
            case WatchNumbers():
                assert self.who.athlete_id
            case Error(channel=channel):
                self.channels.pop(channel, None)
                self.rows = {key: row for key, row in self.rows.items() if key[0] != channel}
            case _:
                pass

    def _mind_event(self, body: Any) -> None:
        match body:
            case Membership(athletes=athletes):
                self._take(athletes)
            case Lapped(athlete=athlete) | Trimmed(athlete=athlete) | Said(to=athlete):
                assert not athlete or self.word.may(self.who, athlete, late_ms=LATE_MS)
            case SourceSwitched(athlete=athlete, metric=metric):
                self._mind(athlete, Part(metric.value))
            case TrainerChanged(athlete=athlete):
                self._mind(athlete, POWER)
            case Finished(activities=activities):
                assert all(self.word.is_own(self.who, athlete) for athlete in activities)
            case _:
                pass

    def _take(self, athletes: Iterable[AthleteView]) -> None:
        self.athletes = {one.athlete: one for one in athletes}
        for one in self.athletes.values():
            for part in figures(one):
                self._mind(one.athlete, part)
            for metric in one.sources:
                self._mind(one.athlete, Part(metric.value))
            assert not one.activity or self.word.is_own(self.who, one.athlete)

    def _mind_row(self, row: dict[str, Any]) -> None:
        for metric in Metric:
            if QUALITIES[row[f"{metric}.q"]] is not Quality.DENIED:
                self._mind(row["athlete"], Part(metric.value))
        for name, parts in RESTS_ON.items():
            if row[name] is not None:
                self._mind(row["athlete"], *parts)

    def _mind(self, athlete: str, *parts: Part) -> None:
        assert self.word.may(self.who, athlete, *parts, late_ms=LATE_MS), (
            f"{self.who.login_id} was shown {parts} of {athlete}"
        )

    # In the end

    def has_all(self, session: str, riders: Iterable[str]) -> None:
        """Nothing of what it may see is missing, and nothing is kept that it may not."""
        channel = f"session:{session}"
        for athlete in riders if channel in self.channels else ():
            parts = {part for part in Part if self.word.may(self.who, athlete, part)}
            if self.channels[channel].profile:
                continue
            assert figures(self.athletes[athlete]) == parts & {POWER, PULSE, Part.WEIGHT}
            row = self.rows[channel, athlete]
            shown = {m for m in Metric if QUALITIES[row[f"{m}.q"]] is not Quality.DENIED}
            assert shown == {Metric(part.value) for part in parts - {Part.WEIGHT}}
        if "sensors" in self.channels:
            for athlete in RIDERS:
                assert bool(self.sensors[f"meter-{athlete}"]) == self.word.may(
                    self.who, athlete, POWER
                )


def figures(view: AthleteView) -> set[Part]:
    """Of what a view says something."""
    said = {
        POWER: (view.ftp_w, view.power_zones, view.by_hand, view.trainer),
        PULSE: (view.max_hr_bpm, view.heart_zones),
        Part.WEIGHT: (view.weight_kg,),
    }
    return {part for part, values in said.items() if any(one is not None for one in values)}


class Story:
    """One random history."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World()
        self.world.athletes = PEOPLE
        self.world.grants.write_s = 0.02

    async def begin(self) -> None:
        await self._start()
        self.word = Word(lambda: self.hub.now_us() // 1000)
        self.leases = {}
        for athlete in RIDERS:
            for kind in ("meter", "strap"):
                held = await self.hub.assign(OWNER, f"{kind}-{athlete}", athlete)
                self.leases[held.sensor_id] = held.lease
        view = await self.hub.create_session(
            COACH, workout=INTERVALS, workout_id="w", athletes=RIDERS, open=True
        )
        self.session, self.riders = view.session, set(RIDERS)
        assert (await self.hub.control(COACH, Control("go", self.session, Action.START))).ok
        self.clients = [Client(who, self.word) for who in LOGINS]
        for client in self.clients:
            client.connect(self.hub)
            client.subscribe(Subscribe(f"session:{self.session}", 4))

    async def go_on(self) -> None:
        steps = (
            *[self.grant] * 4,
            *[self.take_back] * 3,
            *[self.look] * 4,
            self.look_away,
            *[self.come_back] * 3,
            self.join_or_leave,
            self.stall,
            self.become,
            self.restart,
            self.control,
        )
        await self.random.choice(steps)()
        await self.ride(self.random.choice((0.0, 0.1, 0.5, 1.5)))

    async def end(self) -> None:
        for client in self.clients:
            if client.peer is None:
                client.connect(self.hub)
        await self.ride(6)
        for client in self.clients:
            assert client.wrong == []
            client.has_all(self.session, self.riders)
        await self.hub.stop()

    async def ride(self, seconds: float) -> None:
        for _ in range(max(int(seconds * 4), 0)):
            now = self.hub.now_us() // 1000
            for athlete in RIDERS:
                meter, strap = f"meter-{athlete}", f"strap-{athlete}"
                power(self.hub, meter, self.random.randrange(100, 400), now, self.leases[meter])
                heart(self.hub, strap, self.random.randrange(90, 190), now, self.leases[strap])
            await asyncio.sleep(0.25)

    async def _start(self) -> None:
        self.hub = self.world.hub()
        await self.hub.start()
        meters = [sensor(f"meter-{one}", SensorKind.POWER) for one in RIDERS]
        straps = [sensor(f"strap-{one}", SensorKind.HEART_RATE) for one in RIDERS]
        announce(self.hub, *meters, *straps)

    # Steps

    async def grant(self) -> None:
        athlete, grantee = self.random.choice(RIDERS), self.random.choice(GRANTEES)
        if grantee == f"athlete:{athlete}":
            return
        parts = tuple(self.random.sample(tuple(Part), self.random.randint(1, len(Part))))
        until_ms = None
        if self.random.random() < 0.3:
            until_ms = self.hub.now_us() // 1000 + self.random.randrange(500, 4_000)
        grant = Grant(athlete, grantee, parts, until_ms)
        self.word.begin(grant)
        await self.hub.sharing.grant(OWNER, grant)
        self.word.grant(grant)

    async def take_back(self) -> None:
        athlete, grantee = self.random.choice(RIDERS), self.random.choice(GRANTEES)
        doing = self.hub.sharing.take_back(OWNER, athlete, grantee)
        self.word.take_back(athlete, grantee)
        await doing

    async def look(self) -> None:
        one = f"athlete:{self.random.choice(RIDERS)}"
        channels = (f"session:{self.session}", one, one, "sensors")
        channel = self.random.choice(channels)
        client = self.random.choice(self.clients)
        profile = "watch" if channel == channels[0] and self.random.random() < 0.2 else ""
        if channel == channels[0]:
            client.unsubscribe(channel)
        client.subscribe(
            Subscribe(channel, self.random.choice((1, 2, 4)), None, "watch" if profile else "")
        )

    async def look_away(self) -> None:
        client = self.random.choice(self.clients)
        if client.channels:
            client.unsubscribe(self.random.choice(tuple(client.channels)))

    async def come_back(self) -> None:
        client = self.random.choice(self.clients)
        if client.peer is not None and self.random.random() < 0.5:
            client.cut()
        else:
            client.connect(self.hub)

    async def join_or_leave(self) -> None:
        if "cyd" in self.riders:
            await self.hub._runner.say(self.session, inputs.Leave("cyd"))
        else:
            cyd = next(one for one in PEOPLE.known if one.athlete_id == "cyd")
            await self.hub._runner.say(self.session, inputs.Join(riding.rider(cyd, "bike")))
        self.riders ^= {"cyd"}

    async def stall(self) -> None:
        """A client does not read for a while, in which things happen."""
        client = self.random.choice(self.clients)
        peer = client.peer
        if peer is None:
            return
        peer.outbox.pause()
        await self.ride(0.5)
        for _ in range(4):
            await self.random.choice((self.grant, self.take_back, self.control))()
        if client.peer is peer:
            peer.outbox.resume()

    async def become(self) -> None:
        """A login gets another role, as what it watches goes on."""
        client = self.clients[1]
        client.who = replace(
            client.who, role=self.random.choice((Role.COACH, Role.VIEWER, Role.ATHLETE))
        )
        self.hub.peers.change(
            lambda who: client.who if who.login_id == client.who.login_id else who
        )

    async def restart(self) -> None:
        """As after kill -9: clients find another hub on what the disk has."""
        for client in self.clients:
            client.cut()
        await self.hub.stop()
        await self._start()
        for client in self.clients:
            if self.random.random() < 0.7:
                client.connect(self.hub)

    async def control(self) -> None:
        key = str(self.random.random())
        athlete = self.random.choice(sorted(self.riders))
        said = self.random.choice(
            (
                Control(key, self.session, Action.TRIM, athlete, self.random.randrange(80, 120)),
                Control(key, self.session, Action.MESSAGE, athlete, text="well done"),
                Control(key, self.session, Action.MESSAGE, text="well done all"),
            )
        )
        assert (await self.hub.control(OWNER, said)).ok


@pytest.mark.parametrize("seed", range(12))
def test_a_client_is_shown_what_it_may_see(seed: int) -> None:
    async def play() -> None:
        story = Story(seed)
        await story.begin()
        for _ in range(100):
            await story.go_on()
        await story.end()

    run(play())
