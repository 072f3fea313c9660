"""The life of one sensor at this gateway. Pure: the shell (`sensor.py`) owns the radio.

Theory of operation
-------------------
`Link.handle(input, now_ms, jitter)` takes what happened and returns what to do; `deadline(now_ms)`
says when to call again with `Tick`. TABLE holds every rule: `(status, input) -> (action, next
status)`. An input can be something that happened (a class below) or a timer that ran out (`Due`).

1. An attempt at the sensor has a generation number, and so has everything that comes of it. When
   the link gives an attempt up it says `Disconnect(generation)` once and retires the number:
   whatever still arrives under it (bluetoothd takes two seconds to disconnect and goes on
   notifying meanwhile) is ignored.
2. Silence is death, whatever the operating system says: a dead bluetoothd gives no callback and
   its clients stay "connected" for ever.
3. No status waits without a bound for something that the shell or the device may never say.

The rules come from experiments with bluetoothd 5.66, bleak 3.1 and the habits of real sensors.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

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
from gateway.silence import NOTHING, Silence
from hub.wire.uplink import LinkStatus

LADDER_MS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)
SETTLED_MS = 60_000  # live for so long: the next failure starts at the foot of the ladder
FORGET_MS = 30_000  # BlueZ forgets an unconnected device after 30 s without an advertisement
CONNECT_MS = 20_000  # the shell gives the radio so long; bleak retries inside it
STEP_MS = {  # a status that the shell does not end by itself within this has failed
    LinkStatus.CONNECTING: CONNECT_MS + 5_000,
    LinkStatus.DISCOVERING: 15_000,
    LinkStatus.SUBSCRIBING: 15_000,
}
PROBE_MS = 2_000
PROBE_AGAIN_MS = 10_000

# Where on the ladder a class begins, and whether it climbs with each failure in a row.
BACKOFF: dict[Failure, tuple[int, bool]] = {
    Failure.TRANSIENT: (0, True),
    Failure.DEVICE_GONE: (2, True),
    Failure.ADAPTER_DOWN: (7, False),  # `AdapterUp` ends it at once
    Failure.OUT_OF_SLOTS: (4, False),  # a slot comes free when another sensor leaves: keep asking
    Failure.PROTOCOL: (4, True),
    Failure.BUG: (7, False),
}


class Due(StrEnum):
    """Timers, as inputs of the table."""

    FORGOTTEN = "forgotten"  # not heard for FORGET_MS
    RESTED = "rested"  # back-off is over and the sensor has been heard
    STEP_OVERDUE = "step overdue"
    QUIET = "quiet"  # a characteristic is silent for longer than its limit
    RECOVERED = "recovered"  # none is silent any more
    PROBE_OVERDUE = "probe overdue"
    PROBE_AGAIN = "probe again"
    IMPATIENT = "impatient"  # silent for too long, whatever the probes say


class IllegalInput(RuntimeError):
    """The shell said something that TABLE has no row for: a bug of ours."""


def _known(at_ms: int | None) -> int:
    if at_ms is None:
        raise AssertionError("TABLE enters this status only with the time set")
    return at_ms


class Link:
    """One sensor. All times are ms on one line of the caller's choice that never goes back."""

    __slots__ = (
        "_asked",
        "_failures",
        "_live_ms",
        "_now_ms",
        "_out",
        "_probe_ms",
        "_probing",
        "_jitter",
        "_retry_ms",
        "_seen_ms",
        "_silence",
        "_since_ms",
        "generation",
        "problem",
        "status",
        "wanted",
    )

    def __init__(self, *, wanted: bool = True) -> None:
        self.status = LinkStatus.ABSENT
        self.generation = 1
        self.wanted = wanted
        self.problem = ""
        self._asked = False  # Connect was said for this generation
        self._failures = 0
        self._now_ms = 0
        self._jitter = 0.0
        self._out: list[Output] = []
        self._seen_ms: int | None = None
        self._since_ms = 0  # when `status` began
        self._live_ms: int | None = None  # when this generation became live
        self._retry_ms: int | None = None
        self._probing = False
        self._probe_ms = 0  # when the last probe began, or ended well
        self._silence = NOTHING

    def handle(self, happened: Input, now_ms: int, jitter: float = 1.0) -> tuple[Output, ...]:
        """Applies one input; `jitter` in [0, 1] shortens a back-off that begins, by up to half.

        Raises IllegalInput for a pair that TABLE does not have.
        """
        if getattr(happened, "generation", self.generation) != self.generation:
            return ()
        before = self._shown()
        self._out = []
        self._now_ms, self._jitter = now_ms, jitter
        # What happened goes first: after a stall or a sleep of the machine, the notifications in
        # the queue must be heard before their silence is judged.
        self._apply(happened, type(happened))
        self._elapse()
        if self._shown() != before:
            self._out.append(Report(self.status, self.problem, self._retry_ms))
        return tuple(self._out)

    def deadline(self, now_ms: int) -> int | None:
        """When to call `handle(Tick())` at the latest: never in the past; None: no need."""
        return min((max(at, now_ms) for _, at in self._timers()), default=None)

    def _shown(self) -> tuple[LinkStatus, str, int | None]:
        return self.status, self.problem, self._retry_ms

    def _apply(self, happened: Input | Due, kind: type[Input] | Due) -> None:
        row = TABLE.get((self.status, kind))
        if row is None:
            raise IllegalInput(f"{happened} while {self.status}")
        action, following = row
        if action is not None:
            action(self, happened)
        if following is not self.status:
            self.status = following
            self._since_ms = self._now_ms

    def _elapse(self) -> None:
        """Applies every timer that has run out, earliest first."""
        while due := min(
            ((at, i, timer) for i, (timer, at) in enumerate(self._timers()) if at <= self._now_ms),
            default=None,
        ):
            self._apply(due[2], due[2])

    def _timers(self) -> list[tuple[Due, int]]:
        match self.status:
            case LinkStatus.SEEN:
                return [(Due.FORGOTTEN, _known(self._seen_ms) + FORGET_MS)]
            case LinkStatus.CONNECTING | LinkStatus.DISCOVERING | LinkStatus.SUBSCRIBING:
                return [(Due.STEP_OVERDUE, self._since_ms + STEP_MS[self.status])]
            case LinkStatus.LIVE:
                return [(Due.QUIET, self._silence.quiet()[0])]
            case LinkStatus.SILENT:
                return self._silent_timers()
            case LinkStatus.BACKOFF:
                return [
                    (
                        Due.RESTED if self._seen_ms is not None else Due.FORGOTTEN,
                        _known(self._retry_ms),
                    )
                ]
        return []

    def _silent_timers(self) -> list[tuple[Due, int]]:
        quiet_ms, patience_ms = self._silence.quiet()
        if quiet_ms > self._now_ms:
            return [(Due.RECOVERED, self._now_ms)]
        if self._probing:
            return [(Due.PROBE_OVERDUE, self._probe_ms + PROBE_MS)]
        return [
            (Due.IMPATIENT, quiet_ms + patience_ms),
            (Due.PROBE_AGAIN, self._probe_ms + PROBE_AGAIN_MS),
        ]

    # Actions of TABLE

    def _hear_of(self, _: object) -> None:
        self._seen_ms = self._now_ms

    def _found(self, _: object) -> None:
        self._seen_ms = self._now_ms
        self._offer()

    def _rested(self, _: object) -> None:
        self._retry_ms = None
        self._offer()

    def _unheard(self, _: object) -> None:
        self._retry_ms = None

    def _forget(self, _: object) -> None:
        self._retire()
        self._seen_ms = None

    def _want(self, _: object) -> None:
        self.wanted = True

    def _unwant(self, _: object) -> None:
        self.wanted = False

    def _want_seen(self, _: object) -> None:
        if not self.wanted:
            self.wanted = True
            self._offer()

    def _unwant_seen(self, _: object) -> None:
        if self.wanted:
            self.wanted = False
            self._retire()

    def _leave(self, _: object) -> None:
        self.wanted = False
        self._give_up("", LADDER_MS[0])

    def _watch(self, subscribed: Subscribed) -> None:
        if not subscribed.streams:
            raise IllegalInput("a link without a stream cannot be watched")
        self._silence = Silence(subscribed.streams, self._now_ms)
        self._live_ms = self._now_ms
        self.problem = ""

    def _hear(self, notified: Notified) -> None:
        self._silence.hear(notified.char, self._now_ms)

    def _probe(self, _: object) -> None:
        self._probing = True
        self._probe_ms = self._now_ms
        self._out.append(Probe(self.generation))

    def _probed(self, _: object) -> None:
        self._probing = False
        self._probe_ms = self._now_ms

    def _recover(self, _: object) -> None:
        self._probing = False

    def _fail(self, failed: Failed) -> None:
        self._fail_as(failed.failure, failed.failure.value)

    def _dropped(self, _: object) -> None:
        self._fail_as(Failure.TRANSIENT, "dropped")

    def _overdue(self, _: object) -> None:
        self._fail_as(Failure.TRANSIENT, "timeout")

    def _dead(self, _: object) -> None:
        self._fail_as(Failure.TRANSIENT, "silent")

    def _adapter_lost(self, _: object) -> None:
        self._fail_as(Failure.ADAPTER_DOWN, Failure.ADAPTER_DOWN.value)

    def _adapter_back(self, _: object) -> None:
        if self.problem == Failure.ADAPTER_DOWN:
            self._failures = 0
            self._retry_ms = self._now_ms

    # What the actions share

    def _offer(self) -> None:
        if self.wanted:
            self._asked = True
            self._out.append(Connect(self.generation))

    def _fail_as(self, failure: Failure, problem: str) -> None:
        if self._live_ms is not None and self._now_ms - self._live_ms >= SETTLED_MS:
            self._failures = 0
        first, climbs = BACKOFF[failure]
        step = min(first + (self._failures if climbs else 0), len(LADDER_MS) - 1)
        self._failures += 1
        # Jitter, so that a room of sensors does not come back all at once.
        self._give_up(problem, round(LADDER_MS[step] * (1 - self._jitter / 2)))

    def _give_up(self, problem: str, rest_ms: int) -> None:
        self._retire()
        self.problem = problem
        self._retry_ms = self._now_ms + rest_ms
        # The next attempt needs an advertisement heard after this one ended: connecting to a
        # sensor that walked away would hold the adapter's one connect for CONNECT_MS.
        self._seen_ms = None
        self._live_ms = None
        self._probing = False
        self._silence = NOTHING

    def _retire(self) -> None:
        if self._asked:
            self._out.append(Disconnect(self.generation))
            self._asked = False
        self.generation += 1


Action = Callable[[Link, Any], None]

_ABSENT, _SEEN = (LinkStatus.ABSENT,), (LinkStatus.SEEN,)
_CONNECTING, _DISCOVERING = (LinkStatus.CONNECTING,), (LinkStatus.DISCOVERING,)
_SUBSCRIBING, _LIVE = (LinkStatus.SUBSCRIBING,), (LinkStatus.LIVE,)
_SILENT, _BACKOFF = (LinkStatus.SILENT,), (LinkStatus.BACKOFF,)
_STEPS = _CONNECTING + _DISCOVERING + _SUBSCRIBING
_HEARING = _SUBSCRIBING + _LIVE + _SILENT
_BUSY = _STEPS + _LIVE + _SILENT
_ALL = _ABSENT + _SEEN + _BUSY + _BACKOFF

# (in one of these, this happens, do this, go there; None: stay)
RULES: tuple[
    tuple[tuple[LinkStatus, ...], type[Input] | Due, Action | None, LinkStatus | None], ...
] = (
    (_ABSENT, Advertised, Link._found, LinkStatus.SEEN),
    (_SEEN + _BUSY + _BACKOFF, Advertised, Link._hear_of, None),
    (_SEEN, Due.FORGOTTEN, Link._forget, LinkStatus.ABSENT),
    (_SEEN, Wanted, Link._want_seen, None),
    (_ABSENT + _BUSY + _BACKOFF, Wanted, Link._want, None),
    (_SEEN, Unwanted, Link._unwant_seen, None),
    (_ABSENT + _BACKOFF, Unwanted, Link._unwant, None),
    (_SEEN, ConnectBegun, None, LinkStatus.CONNECTING),
    (_CONNECTING, ConnectOk, None, LinkStatus.DISCOVERING),
    (_DISCOVERING, Discovered, None, LinkStatus.SUBSCRIBING),
    (_SUBSCRIBING, Subscribed, Link._watch, LinkStatus.LIVE),
    (_HEARING, Notified, Link._hear, None),
    (_LIVE, Due.QUIET, Link._probe, LinkStatus.SILENT),
    (_SILENT, Due.RECOVERED, Link._recover, LinkStatus.LIVE),
    (_SILENT, Due.PROBE_AGAIN, Link._probe, None),
    (_LIVE + _SILENT, ProbeOk, Link._probed, None),
    (_LIVE + _SILENT, ProbeFailed, Link._dead, LinkStatus.BACKOFF),
    (_SILENT, Due.PROBE_OVERDUE, Link._dead, LinkStatus.BACKOFF),
    (_SILENT, Due.IMPATIENT, Link._dead, LinkStatus.BACKOFF),
    (_SEEN + _BUSY, Failed, Link._fail, LinkStatus.BACKOFF),
    (_BUSY, Disconnected, Link._dropped, LinkStatus.BACKOFF),
    (_BUSY, Unwanted, Link._leave, LinkStatus.BACKOFF),
    (_STEPS, Due.STEP_OVERDUE, Link._overdue, LinkStatus.BACKOFF),
    (_SEEN + _BUSY, AdapterDown, Link._adapter_lost, LinkStatus.BACKOFF),
    (_ABSENT + _BACKOFF, AdapterDown, None, None),
    (_BACKOFF, AdapterUp, Link._adapter_back, None),
    (_ABSENT + _SEEN + _BUSY, AdapterUp, None, None),
    (_BACKOFF, Due.RESTED, Link._rested, LinkStatus.SEEN),
    (_BACKOFF, Due.FORGOTTEN, Link._unheard, LinkStatus.ABSENT),
    (_ALL, Tick, None, None),
)
TABLE: dict[tuple[LinkStatus, type[Input] | Due], tuple[Action | None, LinkStatus]] = {
    (status, kind): (action, following or status)
    for statuses, kind, action, following in RULES
    for status in statuses
}


def printed() -> str:
    """TABLE for people: one line a rule."""
    lines = []
    for statuses, kind, action, following in RULES:
        name = kind.value if isinstance(kind, Due) else kind.__name__
        does = action.__name__.strip("_").replace("_", " ") if action else "-"
        to = following.value if following else "(stays)"
        lines.append(f"{name:<16} {does:<14} -> {to:<12} in {', '.join(statuses)}")
    return "\n".join(lines)
