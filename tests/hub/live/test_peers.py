"""The clients of `/live`: who is let in, how long, how they are sent away. On virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import msgspec
import pytest
from clock import run
from hypothesis import given
from hypothesis import strategies as st
from live_fakes import (
    ANN,
    BOB,
    INTERVALS,
    NOON_MS,
    OWNER,
    FakeWire,
    World,
    announce,
    let_in,
    power,
    same_turn,
    sensor,
)
from msgspec.structs import replace
from random_messages import SPOILS, Messages

from hub.auth.principal import Admission, Principal, Role
from hub.live import comeback
from hub.live.peer import BURST, MALFORMED_MAX, Peer
from hub.live.service import Live
from hub.live.strangers import STRANGERS_EACH, STRANGERS_MAX, Strangers, whose
from hub.wire.live import (
    FINAL_CODES,
    GRACE_MS,
    HELLO_MS,
    PROTOCOL_VERSION,
    PROTOCOL_VERSION_MIN,
    CloseCode,
)
from hub.wire.live_from_client import FROM_CLIENT, Clock, FromClient, Hello, Refresh, Subscribe
from hub.wire.live_to_client import (
    Bye,
    ClockReply,
    Error,
    Fields,
    Refreshed,
    Snapshot,
    State,
    ToClient,
    Welcome,
)
from hub.wire.uplink import SensorKind

ANYTHING = Messages(FromClient)
QUARTER_MS = 15 * 60_000
RIDER = Principal("login-bob", Role.ATHLETE, "bob")


class Client:
    """A client and what it heard."""

    def __init__(self, hub: Live, admission: Admission | None, address: str = "") -> None:
        self.wire = FakeWire()
        self.heard: list[ToClient] = []
        self.peer: Peer = hub.accept(admission, self.wire, same_turn, address)

    def say(self, *messages: FromClient) -> list[ToClient]:
        """What is answered."""
        for message in messages:
            self.peer.receive(FROM_CLIENT.encode(message))
        return self.wire.take()

    def hello(self, version: int = PROTOCOL_VERSION, token: str = "") -> list[ToClient]:
        return self.say(Hello(version, "test", token))

    @property
    def closed(self) -> CloseCode | None:
        return self.wire.closed and CloseCode(self.wire.closed[0])


def on_a_hub(test: Callable[[World, Live], Awaitable[None]]) -> None:
    async def scene() -> None:
        world = World()
        hub = world.hub()
        await hub.start()
        try:
            await test(world, hub)
        finally:
            await hub.stop()

    run(scene())


def codes(messages: list[ToClient]) -> list[str]:
    return [message.code for message in messages if isinstance(message, Error)]


async def seconds(ms: int) -> None:
    """Past `ms`, and the next sweep."""
    await asyncio.sleep(ms / 1000 + 1.1)


# Tokens


def test_a_token_in_hello_lets_a_client_in() -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["good"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        client = Client(hub, None)
        (welcome,) = client.hello(token="good")
        assert isinstance(welcome, Welcome)
        assert (welcome.role, welcome.athlete) == ("athlete", "bob")
        assert welcome.expires_at_ms == NOON_MS + QUARTER_MS
        await seconds(HELLO_MS)
        assert client.closed is None
        assert codes(client.say(Subscribe("athlete:ann"))) == ["denied"]

    on_a_hub(scene)


@pytest.mark.parametrize(
    ("token", "code", "closed"),
    [
        ("", "no_login", CloseCode.FORBIDDEN),
        ("none of ours", "bad_token", CloseCode.FORBIDDEN),
        ("over", "expired_token", CloseCode.EXPIRED),
    ],
)
def test_a_hello_without_a_good_token_is_the_end(token: str, code: str, closed: CloseCode) -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["over"] = None
        client = Client(hub, None)
        error, bye = client.hello(token=token)
        assert isinstance(error, Error) and error.code == code
        assert isinstance(bye, Bye) and bye.retry_ms is None
        assert client.closed is closed

    on_a_hub(scene)


@given(st.integers(0, 2**32))
def test_a_stranger_gets_nothing_whatever_it_says(seed: int) -> None:
    async def scene(world: World, hub: Live) -> None:
        random = Random(seed)
        client = Client(hub, None)
        for _ in range(MALFORMED_MAX + 5):
            frame = msgspec.json.encode(ANYTHING.make(random))
            if random.random() < 0.2:
                frame = random.choice(SPOILS)(random, frame)
            if client.closed is None:
                client.peer.receive(frame)
            assert {type(one) for one in client.wire.take()} <= {Error, ClockReply, Bye}
        assert client.peer.principal is None

    on_a_hub(scene)


def test_who_says_nothing_is_sent_away_after_five_seconds() -> None:
    async def scene(world: World, hub: Live) -> None:
        silent, chatty = Client(hub, None), Client(hub, None)
        assert codes(chatty.say(Subscribe("sensors"))) == ["no_hello"]
        await asyncio.sleep(HELLO_MS / 1000 - 1)
        assert silent.closed is None
        await seconds(1_000)
        assert [silent.closed, chatty.closed] == [CloseCode.FORBIDDEN] * 2
        (bye,) = silent.wire.take()
        assert isinstance(bye, Bye) and "within 5 s" in bye.reason

    on_a_hub(scene)


def test_a_client_with_a_cookie_may_take_its_time() -> None:
    async def scene(world: World, hub: Live) -> None:
        client = Client(hub, let_in(OWNER))
        await seconds(10 * HELLO_MS)
        assert client.closed is None
        assert len(client.hello(token="not looked at")) == 1

    on_a_hub(scene)


# The end of a login


def test_a_login_that_ends_ends_its_connections_after_the_grace() -> None:
    async def scene(world: World, hub: Live) -> None:
        client = Client(hub, Admission(OWNER, NOON_MS + QUARTER_MS))
        client.hello()
        await asyncio.sleep((QUARTER_MS + GRACE_MS) / 1000 - 1)
        assert client.closed is None
        await seconds(1_000)
        assert client.closed is CloseCode.EXPIRED
        (bye,) = client.wire.take()
        assert bye == Bye("the login is over: sign in again", None)

    on_a_hub(scene)


def test_a_refresh_in_the_grace_goes_on_and_a_shorter_one_takes_nothing_away() -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["first"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        world.tokens["second"] = Admission(RIDER, NOON_MS + 2 * QUARTER_MS)
        client = Client(hub, None)
        client.hello(token="first")
        await asyncio.sleep((QUARTER_MS + GRACE_MS) / 1000 - 1)
        assert client.say(Refresh("second")) == [Refreshed(NOON_MS + 2 * QUARTER_MS)]
        await seconds(GRACE_MS)
        assert client.say(Refresh("first")) == [Refreshed(NOON_MS + 2 * QUARTER_MS)]
        assert client.closed is None
        await seconds(QUARTER_MS)
        assert client.closed is CloseCode.EXPIRED

    on_a_hub(scene)


def test_a_refresh_takes_over_what_the_login_is_by_now() -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["rider"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        world.tokens["viewer"] = Admission(replace(RIDER, role=Role.VIEWER), NOON_MS + QUARTER_MS)
        client = Client(hub, None)
        client.hello(token="rider")
        client.say(Subscribe("sensors"))
        welcome, error, refreshed = client.say(Refresh("viewer"))
        assert isinstance(welcome, Welcome) and welcome.role == "viewer"
        assert isinstance(error, Error) and (error.code, error.channel) == ("denied", "sensors")
        assert isinstance(refreshed, Refreshed)

    on_a_hub(scene)


def test_a_refused_refresh_changes_nothing() -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["mine"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        world.tokens["anothers"] = Admission(OWNER, NOON_MS + 9 * QUARTER_MS)
        world.tokens["over"] = None
        client = Client(hub, None)
        client.hello(token="mine")
        for token, code in (("anothers", "denied"), ("over", "expired_token"), ("x", "bad_token")):
            assert codes(client.say(Refresh(token))) == [code]
            await asyncio.sleep(1)
        assert client.closed is None
        await seconds(QUARTER_MS + GRACE_MS)
        assert client.closed is CloseCode.EXPIRED

    on_a_hub(scene)


def test_a_client_that_refreshes_without_end_is_sent_away() -> None:
    async def scene(world: World, hub: Live) -> None:
        world.tokens["mine"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        client = Client(hub, None)
        client.hello(token="mine")
        answers = client.say(*[Refresh("mine")] * (MALFORMED_MAX + 1))
        assert codes(answers) == ["too_often"] * MALFORMED_MAX
        assert client.closed is CloseCode.PROTOCOL

    on_a_hub(scene)


def test_a_client_that_floods_is_sent_away_and_a_busy_one_is_not() -> None:
    async def scene(world: World, hub: Live) -> None:
        busy, flooding = Client(hub, let_in(OWNER)), Client(hub, let_in(OWNER))
        answers = busy.say(*[Clock(0)] * BURST)
        assert {type(one) for one in answers} == {ClockReply}
        for _ in range(60):
            await asyncio.sleep(1)
            assert len(busy.say(*[Clock(0)] * 100)) == 100
        answers = flooding.say(*[Clock(0)] * (BURST + MALFORMED_MAX))
        assert codes(answers) == ["too_often"] * MALFORMED_MAX
        assert (busy.closed, flooding.closed) == (None, CloseCode.PROTOCOL)

    on_a_hub(scene)


def test_who_is_signed_out_goes_at_once_and_nobody_else() -> None:
    async def scene(world: World, hub: Live) -> None:
        mine, other, stranger = Client(hub, let_in(RIDER)), Client(hub, let_in(OWNER)), None
        stranger = Client(hub, None)
        mine.hello()
        hub.dismiss(RIDER.login_id)
        assert (mine.closed, other.closed, stranger.closed) == (CloseCode.EXPIRED, None, None)

    on_a_hub(scene)


# Rights that change


def test_a_role_that_is_taken_away_shows_at_once_and_its_channels_end() -> None:
    async def scene(world: World, hub: Live) -> None:
        announce(hub, sensor("meter", SensorKind.POWER))
        await hub.assign(OWNER, "meter", "ann")
        session = (await hub.create_session(OWNER, workout=INTERVALS)).session
        client = Client(hub, let_in(OWNER))
        client.hello()
        client.say(Subscribe(f"session:{session}", 4), Subscribe("athlete:ann"))
        client.say(Subscribe("sensors"))
        hub.peers.change(lambda who: replace(who, role=Role.VIEWER, athlete_id=""))
        said = client.wire.take()
        (welcome,) = [one for one in said if isinstance(one, Welcome)]
        assert (welcome.role, welcome.athlete) == ("viewer", "")
        refused = {one.channel: one.code for one in said if isinstance(one, Error)}
        assert refused == {"athlete:ann": "denied", "sensors": "denied"}
        (snapshot,) = [one for one in said if isinstance(one, Snapshot)]
        assert snapshot.session.athletes[0].weight_kg is None
        (fields,) = [one for one in said if isinstance(one, Fields)]
        power(hub, "meter", 220, hub.now_us() // 1000)
        await asyncio.sleep(1)
        rows = [one for one in client.wire.take() if isinstance(one, State)]
        assert {one.channel for one in rows} == {f"session:{session}"}
        at = fields.fields.index("power_w")
        assert {row[at] for one in rows for row in one.rows} == {None}

    on_a_hub(scene)


def test_a_login_that_becomes_another_athlete_sees_with_their_eyes() -> None:
    async def scene(world: World, hub: Live) -> None:
        client = Client(hub, let_in(RIDER))
        client.hello()
        assert codes(client.say(Subscribe("athlete:ann"))) == ["denied"]
        client.say(Subscribe("athlete:bob"))
        hub.peers.change(lambda who: replace(who, athlete_id="ann"))
        assert codes(client.wire.take()) == ["denied"]
        assert codes(client.say(Subscribe("athlete:ann"))) == []
        assert (ANN.athlete_id, BOB.athlete_id) == ("ann", "bob")

    on_a_hub(scene)


# Versions


def test_a_client_of_the_version_before_is_greeted_in_it() -> None:
    async def scene(world: World, hub: Live) -> None:
        for version in range(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION + 1):
            (welcome,) = Client(hub, let_in(OWNER)).hello(version)
            assert isinstance(welcome, Welcome) and welcome.v == version
        assert codes(Client(hub, let_in(OWNER)).say(Hello(1, "old"), Refresh("x"))) == ["no_token"]

    on_a_hub(scene)


@pytest.mark.parametrize(
    ("version", "fault"),
    [(PROTOCOL_VERSION + 1, "hub is too old"), (PROTOCOL_VERSION_MIN - 1, "client is too old")],
)
def test_a_version_that_is_not_spoken_is_the_end(version: int, fault: str) -> None:
    async def scene(world: World, hub: Live) -> None:
        client = Client(hub, let_in(OWNER))
        error, bye = client.hello(version)
        assert isinstance(error, Error) and error.code == "version" and fault in error.detail
        assert isinstance(bye, Bye) and bye.retry_ms is None
        assert client.closed is CloseCode.VERSION

    on_a_hub(scene)


# Room


def test_strangers_are_few_from_one_address_and_in_all() -> None:
    strangers: Strangers[int] = Strangers()
    for one in range(STRANGERS_EACH):
        assert strangers.has_room("a")
        strangers.came(one, "a")
    assert not strangers.has_room("a") and strangers.has_room("b")
    strangers.gone(0)
    strangers.gone(0)
    assert strangers.has_room("a")
    for one in range(STRANGERS_EACH, STRANGERS_MAX + 1):
        strangers.came(one, f"address {one}")
    assert not strangers.has_room("a new one")


def test_who_said_hello_is_no_stranger_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.live.strangers.STRANGERS_EACH", 1)

    async def scene(world: World, hub: Live) -> None:
        world.tokens["good"] = Admission(RIDER, NOON_MS + QUARTER_MS)
        client = Client(hub, None, "a")
        assert not hub.peers.has_room(False, "a")
        assert hub.peers.has_room(True, "a") and hub.peers.has_room(False, "b")
        client.hello(token="good")
        assert hub.peers.has_room(False, "a")
        second = Client(hub, None, "a")
        second.peer.lost()
        assert hub.peers.has_room(False, "a")

    on_a_hub(scene)


def test_a_full_hub_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.live.peers.PEERS_MAX", 2)
    monkeypatch.setattr("hub.live.peers.TURNED_AWAY_MAX", 1)

    async def scene(world: World, hub: Live) -> None:
        first, second, third = (Client(hub, let_in(OWNER)) for _ in range(3))
        assert [first.closed, second.closed, third.closed] == [None, None, CloseCode.TOO_MANY]
        (bye,) = third.wire.take()
        assert isinstance(bye, Bye) and bye.retry_ms is not None
        assert bye.retry_ms >= comeback.FULL_MS
        assert not hub.peers.has_room(True, "")
        third.peer.lost()
        assert hub.peers.has_room(True, "")

    on_a_hub(scene)


# Coming back


def test_a_slow_client_is_told_when_to_come_back() -> None:
    async def scene(world: World, hub: Live) -> None:
        client = Client(hub, let_in(OWNER))
        hub.peers.slow(client.peer)
        (bye,) = client.wire.take()
        assert isinstance(bye, Bye) and bye.retry_ms is not None
        assert bye.retry_ms >= comeback.SLOW_MS
        assert client.closed is CloseCode.SLOW

    on_a_hub(scene)


def test_a_hub_that_stops_says_goodbye_to_all_and_to_who_comes_then() -> None:
    async def scene(world: World, hub: Live) -> None:
        clients = [Client(hub, let_in(OWNER)), Client(hub, None)]
        await hub.stop()
        clients.append(Client(hub, let_in(OWNER)))
        for client in clients:
            (bye,) = client.wire.take()
            assert isinstance(bye, Bye) and bye.retry_ms is not None
            assert bye.retry_ms >= comeback.RESTART_MS
            assert client.closed is CloseCode.RESTART

    on_a_hub(scene)


@given(
    clients=st.integers(0, 10_000),
    chance=st.floats(0, 1, exclude_max=True),
    soonest=st.integers(0, 60_000),
)
def test_a_client_comes_back_within_its_window(clients: int, chance: float, soonest: int) -> None:
    away_ms = comeback.retry_ms(soonest, clients, chance)
    window_ms = max(comeback.WINDOW_MS_MIN, clients * 1000 / comeback.RETURNS_A_SECOND)
    assert soonest <= away_ms < soonest + window_ms
    assert away_ms <= comeback.retry_ms(soonest, clients + 1_000, chance)


def test_a_restart_is_no_stampede() -> None:
    clients = 6_000
    back = Counter(
        comeback.retry_ms(comeback.RESTART_MS, clients, i * 0.618033988749895 % 1) // 1000
        for i in range(clients)
    )
    assert max(back.values()) <= comeback.RETURNS_A_SECOND * 1.1
    assert sum(back.values()) == clients


def test_every_code_that_means_stay_away_has_no_time_to_come_back() -> None:
    """The codes above are all there are; the page tells the same of each."""
    final = {code for code in CloseCode if code in FINAL_CODES}
    assert final == {
        CloseCode.EXPIRED,
        CloseCode.FORBIDDEN,
        CloseCode.VERSION,
        CloseCode.PROTOCOL,
    }


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::6", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("a socket's path", "a socket's path"),
    ],
)
def test_strangers_of_one_party_are_counted_together(address: str, party: str) -> None:
    assert whose(address) == party
    strangers: Strangers[int] = Strangers()
    for i in range(STRANGERS_EACH):
        assert strangers.has_room(address)
        strangers.came(i, address)
    assert not strangers.has_room(party) and strangers.has_room("198.51.100.1")
    for i in range(STRANGERS_EACH):
        strangers.gone(i)
    assert strangers.has_room(party)
