"""One client without its socket, on virtual time: resume, watchdog, commands, token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_fakes import NOON_MS

from hub.client.commands import WAITING_MAX
from hub.client.core import Core
from hub.client.errors import TooMany
from hub.client.told import LinkChanged, Status, Told
from hub.wire import live_client as manners
from hub.wire.live import ACK_MS, PROTOCOL_VERSION, CloseCode
from hub.wire.live_events import EventBody, Lapped, Message
from hub.wire.live_from_client import (
    FROM_CLIENT,
    Ack,
    Action,
    Clock,
    Control,
    FromClient,
    Hello,
    Refresh,
    Resume,
    Subscribe,
)
from hub.wire.live_rows import QUALITIES, ROW_FIELDS
from hub.wire.live_to_client import (
    TO_CLIENT,
    Bye,
    ClockReply,
    Error,
    Event,
    Fields,
    Gap,
    Refreshed,
    Reply,
    Snapshot,
    State,
    ToClient,
    Welcome,
)
from hub.wire.live_views import SessionView

CHANNEL = "session:s1"
EXPIRES_MS = NOON_MS + 900_000
VIEW = SessionView("s1", "Class", "", "ready", (), ())


def welcome(expires_at_ms: int = EXPIRES_MS) -> Welcome:
    return Welcome(PROTOCOL_VERSION, NOON_MS, "0", "owner", "ann", expires_at_ms)


class Life:
    """A core on a clock that is moved by hand."""

    def __init__(self, *, with_token: bool = False, jitter: float = 0.5) -> None:
        self.core = Core("test", lambda: jitter, with_token=with_token)
        self.now_ms = 1_000.0

    def hear(self, *messages: ToClient) -> list[Told | Reply]:
        told: list[Told | Reply] = []
        for message in messages:
            told += self.core.received(TO_CLIENT.encode(message), self.now_ms, self.now_ms)
        return told

    def said(self) -> list[FromClient]:
        return [FROM_CLIENT.decode(frame) for frame in self.core.to_send()]

    def pass_ms(self, ms: float, *, hub_alive: bool = True) -> bool:
        """Beats when it is due, and a hub that answers the clock; False: the link was cut."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.now_ms = min(max(self.core.due_ms(), self.now_ms + 0.001), end_ms)
            if not self.core.beat(self.now_ms):
                return False
            for message in self.said():
                if isinstance(message, Clock) and hub_alive:
                    hub_ms = NOON_MS + self.now_ms
                    self.hear(ClockReply(message.sent_ms, hub_ms, hub_ms))
        return True

    def go_live(self) -> list[Told | Reply]:
        self.core.opened(self.now_ms)
        return self.hear(welcome())


def lap(number: int) -> EventBody:
    return Lapped("", NOON_MS + number, number)


def event(offset: int, body: EventBody | None = None) -> Event:
    return Event(CHANNEL, offset, body or lap(offset))


def snapshot(offset: int, epoch: str = "e") -> Snapshot:
    return Snapshot(CHANNEL, epoch, offset, VIEW)


def test_it_says_hello_and_subscribes_once_it_is_welcome() -> None:
    life = Life()
    life.core.subscribe(CHANNEL, 4)
    life.core.opened(life.now_ms)
    hello, clock = life.said()
    assert hello == Hello(PROTOCOL_VERSION, "test") and isinstance(clock, Clock)
    assert life.hear(welcome()) == [LinkChanged(Status.LIVE), welcome()]
    assert Subscribe(CHANNEL, 4) in life.said()


def test_a_row_is_read_by_its_names_and_ages_without_the_hub() -> None:
    life = Life()
    channel = life.core.subscribe(CHANNEL)
    life.go_live()
    names = ("athlete", "heart_rate_bpm.q", "heart_rate_bpm", "heart_rate_bpm.at_ms", "new_one")
    life.hear(
        Fields(CHANNEL, names, QUALITIES),
        State(CHANNEL, 1, NOON_MS, True, (("ann", 0, 142, NOON_MS, 7),)),
    )
    row = channel.rows["ann"]
    assert row["new_one"] == 7 and row.get("power_w") is None
    at = [row.number("heart_rate_bpm", NOON_MS + ms) for ms in (0, 5_400, 5_600, 15_001)]  # type: ignore[arg-type]
    assert [(one.value, one.quality) for one in at] == [
        (142, "live"), (142, "live"), (142, "aged"), (None, "gone"),
    ]  # fmt: skip
    assert at[2].age_ms == 5_600
    assert row.number("power_w", NOON_MS).quality == "none"  # type: ignore[arg-type]
    life.hear(State(CHANNEL, 2, NOON_MS, False, (("bob", 4, None, 0, 1), ("short",))))
    assert set(channel.rows) == {"ann", "bob"}
    assert channel.rows["bob"].number("heart_rate_bpm", NOON_MS).quality == "denied"  # type: ignore[arg-type]
    life.hear(State(CHANNEL, 3, NOON_MS, True, ()))
    assert channel.rows == {}


def test_the_newest_frame_is_acknowledged_once_a_second() -> None:
    life = Life()
    life.core.subscribe(CHANNEL)
    life.go_live()
    acks = []
    for n in range(1, 13):  # 4 Hz for three seconds
        life.hear(State(CHANNEL, n, NOON_MS, True, ()))
        life.now_ms += 250
        assert life.core.beat(life.now_ms)
        acks += [one.n for one in life.said() if isinstance(one, Ack)]
    assert acks == [4, 8, 12]
    assert ACK_MS == 1_000


def test_after_a_cut_it_resumes_and_each_event_comes_once() -> None:
    life = Life()
    life.core.subscribe(CHANNEL)
    life.go_live()
    assert life.hear(snapshot(3), event(4), event(5)) == [snapshot(3), event(4), event(5)]
    assert life.core.lost(life.now_ms) == [LinkChanged(Status.AWAY)]
    life.said()
    life.go_live()
    assert Subscribe(CHANNEL, 2, Resume("e", 5)) in life.said()
    assert life.hear(event(5), event(4), event(6)) == [event(6)]
    # One that no line of the log stands for comes under the offset of the line before.
    between = event(6, Message("Ride on", NOON_MS))
    assert life.hear(between, between) == [between]


def test_a_gap_brings_a_snapshot_and_its_offset_counts() -> None:
    life = Life()
    channel = life.core.subscribe(CHANNEL, 2, Resume("old", 77))
    life.go_live()
    assert Subscribe(CHANNEL, 2, Resume("old", 77)) in life.said()
    news = life.hear(Gap(CHANNEL), snapshot(3, "new"), event(4))
    assert news == [Gap(CHANNEL), snapshot(3, "new"), event(4)]
    assert channel.resume == Resume("new", 4)


@given(
    steps=st.lists(st.sampled_from(["log", "deliver", "deliver", "cut", "restore"]), max_size=80)
)
def test_over_any_cuts_events_come_once_and_in_order(steps: list[str]) -> None:
    """A hub that logs and replays, a wire that loses what is on its way when it is cut."""
    life = Life()
    channel = life.core.subscribe(CHANNEL)
    log: list[Event] = []
    wire: list[ToClient] = []
    heard: list[int] = []
    epoch = "e0"

    def meet() -> None:
        wire.clear()
        life.said()
        life.go_live()
        (wish,) = [one for one in life.said() if isinstance(one, Subscribe)]
        known = wish.resume
        if known is not None and known.epoch == epoch:
            wire.extend(one for one in log if one.offset > known.offset)
            return
        if known is not None:
            wire.append(Gap(CHANNEL))
        wire.append(snapshot(len(log), epoch))

    def deliver() -> None:
        for told in life.hear(wire.pop(0)):
            if isinstance(told, Snapshot):
                heard[:] = range(1, told.offset + 1)  # it stands for all of them
            elif isinstance(told, Event):
                heard.append(told.offset)

    meet()
    for step in steps:
        if step == "log":
            log.append(event(len(log) + 1))
            wire.append(log[-1])
        elif step == "deliver" and wire:
            deliver()
        elif step in ("cut", "restore"):
            if step == "restore":
                epoch = f"e{int(epoch[1:]) + 1}"
            life.core.lost(life.now_ms)
            meet()
    while wire:
        deliver()
    assert heard == list(range(1, len(log) + 1))
    assert channel.resume == Resume(epoch, len(log))


def test_a_silent_link_is_cut_after_three_seconds() -> None:
    life = Life()
    life.go_live()
    assert life.pass_ms(60_000)
    before_ms = life.now_ms
    assert not life.pass_ms(60_000, hub_alive=False)
    assert manners.SILENCE_MS <= life.now_ms - before_ms < manners.SILENCE_MS + 2_000


def test_a_process_that_was_stopped_does_not_take_that_for_silence() -> None:
    life = Life()
    life.go_live()
    assert life.pass_ms(2_000)
    life.now_ms += 60_000  # SIGSTOP
    assert life.core.beat(life.now_ms)
    assert not life.pass_ms(60_000, hub_alive=False)


def test_the_clock_is_asked_also_while_numbers_keep_coming() -> None:
    life = Life()
    life.core.subscribe(CHANNEL)
    life.go_live()
    asked = []
    for n in range(240):  # a minute at 4 Hz
        life.hear(State(CHANNEL, n + 1, NOON_MS, True, ()))
        life.now_ms += 250
        life.core.beat(life.now_ms)
        asked += [one for one in life.said() if isinstance(one, Clock)]
    assert 60_000 / manners.CLOCK_EVERY_MS <= len(asked) <= 60


@pytest.mark.parametrize("code", [1001, 1006, 1012, CloseCode.SLOW, CloseCode.TOO_MANY])
def test_it_comes_back_later_each_time(code: int) -> None:
    life = Life(jitter=0.5)
    waits = []
    for _ in range(9):
        life.core.opened(life.now_ms)
        life.core.lost(life.now_ms, code)
        waits.append(life.core.retry_at_ms - life.now_ms)
    assert waits[0] == manners.BACKOFF_MS and waits[1] == pytest.approx(720)
    assert waits[-1] == manners.BACKOFF_MS_MAX
    life.go_live()  # and a welcome makes up for all
    life.core.lost(life.now_ms, code)
    assert life.core.retry_at_ms - life.now_ms == manners.BACKOFF_MS


def test_what_the_hub_says_goes_before_and_has_its_jitter_already() -> None:
    life = Life(jitter=0.9)
    life.go_live()
    bye = Bye("the hub restarts", 1_240)
    assert life.hear(bye) == [bye]
    news = life.core.lost(life.now_ms, CloseCode.RESTART, "")
    assert news == [LinkChanged(Status.AWAY, "the hub restarts")]
    assert life.core.retry_at_ms == life.now_ms + 1_240


@pytest.mark.parametrize("code", [CloseCode.EXPIRED, CloseCode.VERSION, 4_999])
def test_some_codes_are_for_good(code: int) -> None:
    life = Life()
    life.go_live()
    assert life.core.lost(life.now_ms, code, "signed out") == [
        LinkChanged(Status.REFUSED, "signed out")
    ]


def test_an_expired_token_is_no_end_for_who_can_get_another() -> None:
    life = Life(with_token=True)
    life.go_live()
    life.core.lost(life.now_ms, CloseCode.EXPIRED)
    assert life.core.status is Status.AWAY
    life.core.lost(life.now_ms, CloseCode.FORBIDDEN)
    assert life.core.status is Status.REFUSED


def test_a_token_is_refreshed_before_its_end() -> None:
    life = Life(with_token=True)
    life.core.token = "first"
    life.core.opened(life.now_ms)
    assert Hello(PROTOCOL_VERSION, "test", "first") in life.said()
    now_ms = NOON_MS + round(life.now_ms)
    life.hear(welcome(now_ms + manners.REFRESH_MS + 5_000))
    life.hear(ClockReply(life.now_ms, now_ms, now_ms))
    assert not life.core.wants_token(life.now_ms)
    assert life.core.wants_token(life.now_ms + 5_001)
    life.core.refresh("second")
    assert life.said()[-1] == Refresh("second")
    life.hear(Refreshed(now_ms + 900_000))
    assert not life.core.wants_token(life.now_ms + 5_001)
    life.core.lost(life.now_ms)
    life.core.opened(life.now_ms)
    assert Hello(PROTOCOL_VERSION, "test", "second") in life.said()


def test_commands_are_said_again_after_a_cut_until_each_has_its_answer() -> None:
    life = Life()
    life.go_live()
    life.said()
    keys = [f"k{number}" for number in range(10)]
    for key in keys:
        life.core.command(Control(key, "s1", Action.LAP))

    def asked() -> list[str]:
        return [one.key for one in life.said() if isinstance(one, Control)]

    assert asked() == keys[: manners.COMMANDS_MAX]  # the hub takes no more at once
    assert life.hear(Reply("k0", True)) == [Reply("k0", True)]
    assert asked() == ["k8"]
    life.core.lost(life.now_ms)
    assert asked() == []
    life.go_live()
    assert asked() == keys[1:9]
    for key in keys[1:]:
        assert life.hear(Reply(key, True)) == [Reply(key, True)]
    assert life.hear(Reply("k3", True)) == []  # nobody waits for it any more
    assert len(life.core.commands) == 0


def test_no_more_commands_wait_than_are_kept() -> None:
    life = Life()
    for number in range(WAITING_MAX):
        life.core.command(Control(str(number), "s1", Action.LAP))
    with pytest.raises(TooMany):
        life.core.command(Control("one more", "s1", Action.LAP))


def test_what_it_does_not_know_is_left_alone() -> None:
    life = Life()
    life.go_live()
    for frame in (b"", b"{", b'{"t":"newer"}', b'{"t":"state","n":"x"}', b"\xff\xfe", b"[]"):
        assert life.core.received(frame, life.now_ms, life.now_ms) == []
    assert life.core.malformed_count == 6
    assert life.hear(event(1), State(CHANNEL, 1, 1, True, ())) == []  # a channel that was given up


def test_a_channel_that_is_refused_says_why() -> None:
    life = Life()
    channel = life.core.subscribe("athlete:bob")
    life.go_live()
    error = Error("denied", "ask for a grant", "athlete:bob")
    assert life.hear(error) == [error]
    assert channel.refused == error
    life.hear(Fields("athlete:bob", ROW_FIELDS, QUALITIES))
    assert channel.refused is None
