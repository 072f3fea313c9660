"""One sensor's link on virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link import (
    BACKOFF,
    CONNECT_MS,
    FORGET_MS,
    LADDER_MS,
    PROBE_MS,
    RULES,
    SETTLED_MS,
    STEP_MS,
    TABLE,
    IllegalInput,
    Link,
    printed,
)
from gateway.link_events import (
    AdapterDown,
    AdapterUp,
    Advertised,
    Connect,
    ConnectBegun,
    ConnectOk,
    Disconnect,
    Disconnected,
    Discovered,
    Failed,
    Failure,
    Input,
    Notified,
    Output,
    Probe,
    ProbeFailed,
    ProbeOk,
    Report,
    Subscribed,
    Tick,
    Unwanted,
    Wanted,
)
from gateway.silence import PATIENCE_RESTING_MS, PATIENCE_STEADY_MS, Stream
from hub.wire.uplink import LinkStatus

HEART = Stream("2a37", 1_000, steady=True)
CRANK = Stream("2a5b", 1_000, steady=False)


class Bench:
    """A link, its clock, and everything it has asked for."""

    def __init__(self, link: Link | None = None) -> None:
        self.link = link or Link()
        self.now_ms = 0
        self.said: list[Output] = []

    def put(self, happened: Input, jitter: float = 0.0) -> tuple[Output, ...]:
        out = self.link.handle(happened, self.now_ms, jitter)
        self.said.extend(out)
        return out

    def asks(self) -> list[Output]:
        return [o for o in self.said if not isinstance(o, Report)]

    def pass_ms(self, ms: int) -> None:
        """Time goes by, and the shell calls at every deadline, as it has promised."""
        end_ms = self.now_ms + ms
        while (due := self.link.deadline(self.now_ms)) is not None and due <= end_ms:
            assert due >= self.now_ms
            self.now_ms = due
            self.put(Tick())
        self.now_ms = end_ms

    def make_live(self, *streams: Stream) -> None:
        self.put(Advertised())
        g = self.link.generation
        for happened in (ConnectBegun(g), ConnectOk(g), Discovered(g)):
            self.put(happened)
        self.put(Subscribed(g, streams or (HEART,)))
        assert self.link.status is LinkStatus.LIVE


def test_an_advertisement_leads_to_live_step_by_step() -> None:
    bench = Bench()
    bench.make_live()
    assert bench.asks() == [Connect(1)]
    assert [o.status for o in bench.said if isinstance(o, Report)] == [
        LinkStatus.SEEN,
        LinkStatus.CONNECTING,
        LinkStatus.DISCOVERING,
        LinkStatus.SUBSCRIBING,
        LinkStatus.LIVE,
    ]


def test_a_sensor_nobody_wants_is_only_seen_until_it_is_wanted() -> None:
    bench = Bench(Link(wanted=False))
    bench.put(Advertised())
    assert bench.link.status is LinkStatus.SEEN and bench.asks() == []
    bench.put(Wanted())
    bench.put(Wanted())
    assert bench.asks() == [Connect(1)]
    bench.put(Unwanted())
    assert bench.asks() == [Connect(1), Disconnect(1)]


def test_a_live_sensor_that_is_let_go_is_disconnected_and_stays_so() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(Unwanted())
    bench.put(Advertised())
    bench.pass_ms(LADDER_MS[0])
    assert bench.link.status is LinkStatus.SEEN
    assert bench.asks() == [Connect(1), Disconnect(1)]


def test_a_sensor_not_heard_for_long_is_absent_and_its_queued_attempt_is_taken_back() -> None:
    bench = Bench()
    bench.put(Advertised())
    bench.pass_ms(FORGET_MS - 1)
    assert bench.link.status is LinkStatus.SEEN
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.ABSENT
    assert bench.asks() == [Connect(1), Disconnect(1)]
    assert bench.put(ConnectBegun(1)) == ()


def test_failures_climb_the_ladder_with_jitter_and_stop_at_its_top() -> None:
    bench = Bench()
    waits = []
    for _ in range(len(LADDER_MS) + 2):
        bench.put(Advertised())
        bench.put(ConnectBegun(bench.link.generation))
        bench.put(Failed(bench.link.generation, Failure.TRANSIENT))
        assert bench.link.status is LinkStatus.BACKOFF
        due = bench.link.deadline(bench.now_ms)
        assert due is not None
        waits.append(due - bench.now_ms)
        bench.pass_ms(waits[-1])
    assert waits == [*LADDER_MS, LADDER_MS[-1], LADDER_MS[-1]]

    bench.put(Advertised())
    bench.put(Failed(bench.link.generation, Failure.TRANSIENT), jitter=1.0)
    assert bench.link.deadline(bench.now_ms) == bench.now_ms + LADDER_MS[-1] // 2


@pytest.mark.parametrize("failure", list(Failure))
def test_each_class_of_failure_has_its_own_first_wait(failure: Failure) -> None:
    bench = Bench()
    bench.put(Advertised())
    bench.put(Failed(bench.link.generation, failure))
    first, _ = BACKOFF[failure]
    assert bench.link.deadline(0) == LADDER_MS[first]
    assert bench.link.problem == failure.value


def test_a_minute_of_live_forgives_earlier_failures() -> None:
    bench = Bench()
    for live_ms, wait_ms in ((1_000, 250), (1_000, 500), (SETTLED_MS, 250)):
        bench.make_live()
        for _ in range(live_ms // 1_000):
            bench.pass_ms(1_000)
            bench.put(Notified(bench.link.generation, "2a37"))
        bench.put(Disconnected(bench.link.generation))
        assert bench.link.problem == "dropped"
        assert bench.link.deadline(bench.now_ms) == bench.now_ms + wait_ms
        bench.pass_ms(wait_ms)


def test_after_a_loss_only_a_new_advertisement_leads_to_a_new_attempt() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(Disconnected(1))
    bench.pass_ms(LADDER_MS[0])
    assert bench.link.status is LinkStatus.ABSENT
    bench.put(Advertised())
    assert bench.asks() == [Connect(1), Disconnect(1), Connect(2)]


def test_an_advertisement_during_back_off_lets_the_attempt_begin_at_its_end() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(Disconnected(1))
    bench.put(Advertised())
    assert bench.link.status is LinkStatus.BACKOFF
    bench.pass_ms(LADDER_MS[0])
    assert bench.asks()[-1] == Connect(2)


def test_whatever_comes_late_from_an_earlier_generation_is_ignored() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(Disconnected(1))
    bench.pass_ms(LADDER_MS[0])
    bench.make_live()
    for late in (
        Notified(1, "2a37"),
        Disconnected(1),
        Failed(1, Failure.BUG),
        ProbeFailed(1),
        ConnectOk(1),
    ):
        assert bench.put(late) == ()
    assert bench.link.status is LinkStatus.LIVE
    # A late notification must not keep the new connection alive either.
    for _ in range(8):
        bench.pass_ms(500)
        bench.put(Notified(1, "2a37"))
    assert bench.link.status is LinkStatus.SILENT


@pytest.mark.parametrize("status", list(STEP_MS))
def test_a_step_that_never_ends_is_a_failure(status: LinkStatus) -> None:
    bench = Bench()
    bench.put(Advertised())
    for step in (ConnectBegun(1), ConnectOk(1), Discovered(1)):
        if bench.link.status is not status:
            bench.put(step)
    assert bench.link.status is status
    bench.pass_ms(STEP_MS[status])
    assert bench.link.status is LinkStatus.BACKOFF and bench.link.problem == "timeout"
    assert STEP_MS[LinkStatus.CONNECTING] > CONNECT_MS


def test_silence_is_probed_after_three_seconds_and_a_dead_probe_ends_the_link() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(Notified(1, "2a37"))
    bench.pass_ms(3_999)
    assert bench.link.status is LinkStatus.LIVE
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.SILENT and bench.asks()[-1] == Probe(1)
    bench.pass_ms(PROBE_MS - 1)
    assert bench.link.status is LinkStatus.SILENT
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.BACKOFF and bench.link.problem == "silent"
    assert bench.asks()[-1] == Disconnect(1)


def test_a_probe_that_fails_ends_the_link_at_once() -> None:
    bench = Bench()
    bench.make_live()
    bench.pass_ms(4_000)
    bench.put(ProbeFailed(1))
    assert bench.link.status is LinkStatus.BACKOFF and bench.link.problem == "silent"


def test_a_strap_that_answers_probes_but_sends_nothing_is_reconnected() -> None:
    bench = Bench()
    bench.make_live()
    bench.pass_ms(4_000)
    bench.put(ProbeOk(1))
    bench.pass_ms(PATIENCE_STEADY_MS - 1)
    assert bench.link.status is LinkStatus.SILENT
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.BACKOFF and bench.link.problem == "silent"


def test_a_resting_crank_is_probed_on_and_kept_for_two_minutes() -> None:
    bench = Bench()
    bench.make_live(CRANK)
    probes = 0
    bench.pass_ms(3_999)
    for _ in range(PATIENCE_RESTING_MS // 1_000):
        bench.pass_ms(1_000)
        if bench.asks()[-1] == Probe(1):
            probes += 1
            bench.said.clear()
            bench.said.append(Connect(1))
            bench.put(ProbeOk(1))
    assert bench.link.status is LinkStatus.SILENT and probes == 12
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.BACKOFF


def test_one_notification_ends_the_silence() -> None:
    bench = Bench()
    bench.make_live(CRANK)
    bench.pass_ms(5_000)
    bench.put(Notified(1, "2a5b"))
    assert bench.link.status is LinkStatus.LIVE
    bench.put(ProbeOk(1))
    assert bench.link.status is LinkStatus.LIVE


def test_slow_characteristics_get_four_of_their_periods() -> None:
    bench = Bench()
    bench.make_live(Stream("2a37", 2_500, steady=True))
    bench.pass_ms(9_999)
    assert bench.link.status is LinkStatus.LIVE
    bench.pass_ms(1)
    assert bench.link.status is LinkStatus.SILENT


def test_a_trainers_unused_characteristics_do_not_count_while_another_flows() -> None:
    bench = Bench()
    bench.make_live(Stream("2ad2", 1_000, steady=True), HEART, CRANK)
    for _ in range(300):
        bench.pass_ms(1_000)
        bench.put(Notified(1, "2ad2"))
    assert bench.link.status is LinkStatus.LIVE


def test_a_steady_characteristic_that_stops_is_missed_though_another_flows() -> None:
    bench = Bench()
    bench.make_live(Stream("2ad2", 1_000, steady=True), CRANK)
    bench.put(Notified(1, "2ad2"))
    for _ in range(4):
        bench.pass_ms(1_000)
        bench.put(Notified(1, "2a5b"))
    assert bench.link.status is LinkStatus.SILENT


def test_notifications_in_the_queue_after_a_stall_are_heard_before_their_silence_is_judged() -> (
    None
):
    bench = Bench()
    bench.make_live()
    bench.put(Notified(1, "2a37"))
    bench.now_ms += 600_000  # the machine slept
    bench.put(Notified(1, "2a37"))
    assert bench.link.status is LinkStatus.LIVE
    bench.now_ms += 600_000
    bench.put(Tick())
    assert bench.link.status is LinkStatus.SILENT  # first a probe, not the end
    bench.put(Notified(1, "2a37"))
    assert bench.link.status is LinkStatus.LIVE


def test_the_adapters_loss_ends_every_attempt_and_its_return_ends_the_wait() -> None:
    bench = Bench()
    bench.make_live()
    bench.put(AdapterDown())
    assert bench.link.status is LinkStatus.BACKOFF and bench.link.problem == "adapter_down"
    bench.put(AdapterDown())
    bench.pass_ms(2_000)
    bench.put(AdapterUp())
    bench.put(Advertised())
    assert bench.asks() == [Connect(1), Disconnect(1), Connect(2)]


def test_the_table_has_no_row_twice_and_refuses_what_the_shell_must_not_say() -> None:
    assert sum(len(statuses) for statuses, *_ in RULES) == len(TABLE)
    assert len(printed().splitlines()) == len(RULES)
    bench = Bench()
    with pytest.raises(IllegalInput, match="ConnectOk.* while absent"):
        bench.put(ConnectOk(1))
    bench.put(Advertised())
    for step in (ConnectBegun(1), ConnectOk(1), Discovered(1)):
        bench.put(step)
    with pytest.raises(IllegalInput, match="without a stream"):
        bench.put(Subscribed(1, ()))


# Properties

ENVIRONMENT = st.sampled_from(
    [Advertised(), Wanted(), Unwanted(), AdapterDown(), AdapterUp(), Tick()]
)


def answers(link: Link) -> list[Input]:
    """What a correct shell may say next of the generation under way."""
    g = link.generation
    losses: list[Input] = [Failed(g, failure) for failure in Failure]
    match link.status:
        case LinkStatus.SEEN if link.wanted:
            return [ConnectBegun(g), *losses]
        case LinkStatus.CONNECTING:
            return [ConnectOk(g), Disconnected(g), *losses]
        case LinkStatus.DISCOVERING:
            return [Discovered(g), Disconnected(g), *losses]
        case LinkStatus.SUBSCRIBING:
            return [Subscribed(g, (HEART, CRANK)), Disconnected(g), *losses]
        case LinkStatus.LIVE | LinkStatus.SILENT:
            notified: list[Input] = [Notified(g, "2a37"), Notified(g, "2a5b")]
            return [*notified, ProbeOk(g), ProbeFailed(g), Disconnected(g), *losses]
    return [Tick()]


@st.composite
def histories(draw: st.DrawFn) -> Bench:
    """Any life: what the world does, what the shell may answer, late echoes, time."""
    bench = Bench(Link(wanted=draw(st.booleans())))
    for _ in range(draw(st.integers(0, 40))):
        bench.pass_ms(draw(st.sampled_from([0, 1, 300, 3_000, 40_000])))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            bench.put(draw(ENVIRONMENT), draw(st.floats(0, 1)))
        elif kind == 1 and bench.link.generation > 1:
            late = bench.link.generation - 1
            assert bench.put(Notified(late, "2a37")) == bench.put(Disconnected(late)) == ()
        else:
            bench.put(draw(st.sampled_from(answers(bench.link))), draw(st.floats(0, 1)))
    return bench


@given(histories())
def test_from_anywhere_a_good_sensor_becomes_live_within_a_minute(bench: Bench) -> None:
    bench.put(Wanted())
    began_ms = bench.now_ms
    while bench.link.status is not LinkStatus.LIVE:
        bench.pass_ms(100)
        assert bench.now_ms - began_ms <= 60_000
        bench.put(Advertised())
        g = bench.link.generation
        match bench.link.status:
            case LinkStatus.SEEN:
                assert Connect(g) in bench.said, "an attempt that nobody was asked for"
                bench.put(ConnectBegun(g))
            case LinkStatus.CONNECTING:
                bench.put(ConnectOk(g))
            case LinkStatus.DISCOVERING:
                bench.put(Discovered(g))
            case LinkStatus.SUBSCRIBING:
                bench.put(Subscribed(g, (HEART,)))
            case LinkStatus.SILENT:
                bench.put(Notified(g, "2a37"))
                bench.put(Notified(g, "2a5b"))


@given(histories())
def test_each_attempt_is_asked_for_once_and_given_up_at_most_once(bench: Bench) -> None:
    connects = [o.generation for o in bench.said if isinstance(o, Connect)]
    gone = [o.generation for o in bench.said if isinstance(o, Disconnect)]
    assert len(set(connects)) == len(connects) and len(set(gone)) == len(gone)
    assert set(gone) <= set(connects)
    assert set(connects) - set(gone) <= {bench.link.generation}


@given(histories(), st.integers(0, 100_000))
def test_looking_more_often_than_the_deadline_changes_nothing(bench: Bench, ms: int) -> None:
    due = bench.link.deadline(bench.now_ms)
    assert due is None or due >= bench.now_ms
    if due is None or bench.now_ms + ms < due:
        bench.now_ms += ms
        assert bench.put(Tick()) == ()
        assert bench.link.deadline(bench.now_ms) == due
