"""What a session is at an instant, and what can be asked of it. Pure.

A session holds lanes: one for everybody (`Pace.GROUP`), or one for each athlete (`Pace.SELF`).
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from hub.core import interval
from hub.core.errors import NotFound
from hub.core.lanes import Lane, Span, Status, Tick
from hub.core.target import FreeRide
from hub.core.workout import Step, StepKind, UntilLap, Workout
from hub.live.inputs import Pace, Rider
from hub.wire.values import Metric

GROUP = "group"  # the name of the one lane for everybody; other lanes are named by their athlete

FREE_RIDE = Workout("Free ride", (Step("Free ride", StepKind.FREE, UntilLap(), FreeRide()),))


class Mark(msgspec.Struct, frozen=True):
    """A lap mark; `athlete` "": the whole lane's."""

    at_ms: int
    athlete: str
    number: int


class Choice(msgspec.Struct, frozen=True):
    """From `at_ms` the athlete wants this metric from this sensor ("": by precedence)."""

    at_ms: int
    athlete: str
    metric: Metric
    sensor_id: str


class Absence(msgspec.Struct, frozen=True):
    """A gateway was away; `ends_at_ms` None: it still is."""

    gateway: str
    begins_at_ms: int
    ends_at_ms: int | None = None


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    session: str
    epoch: str
    title: str
    workout_id: str
    workout: Workout
    demo: bool
    created_at_ms: int
    open: bool = False
    pace: Pace = Pace.GROUP
    auto_start: bool = False
    auto_pause: bool = False
    coach: str = ""  # login of who leads it; "": everybody rides for themselves
    coach_name: str = ""
    coach_role: str = ""
    lanes: dict[str, Lane] = {}
    auto_paused: frozenset[str] = frozenset()  # lanes that paused because nobody pedalled
    # Lanes that the last control said to everybody moved, each at its own pace: when it was said.
    said_to_all: dict[str, int] = {}
    riders: dict[str, Rider] = {}
    marks: tuple[Mark, ...] = ()
    laps: int = 0  # of the lane
    choices: tuple[Choice, ...] = ()
    sleeps: tuple[Span, ...] = ()  # of the computer
    absences: tuple[Absence, ...] = ()  # of gateways
    entries: int = 0
    stopped_at_ms: int | None = None  # as a whole: whoever had not begun will not
    idled_at_ms: int | None = None
    to_reopen: dict[str, Lane] = {}
    closed: bool = False
    activities: dict[str, str] = {}

    @property
    def is_free_ride(self) -> bool:
        return self.workout == FREE_RIDE

    @property
    def counted(self) -> tuple[Lane, ...]:
        """The lanes that say how the session is doing: of who left, only when nobody is here."""
        here = tuple(lane for name, lane in self.lanes.items() if name in self.riders)
        return here if here and self.pace is Pace.SELF else tuple(self.lanes.values())

    @property
    def status(self) -> Status:
        """Running where any lane runs, finished when all are.

        A class of the riders' own pace goes on while somebody may still come.
        """
        states = {lane.status for lane in self.counted}
        for status in (Status.RUNNING, Status.PAUSED):
            if status in states:
                return status
        waits = Status.READY in states or not states or (self.open and self.pace is Pace.SELF)
        return Status.READY if waits and self.stopped_at_ms is None else Status.FINISHED

    @property
    def moved_at_ms(self) -> int:
        """The last change of any lane."""
        return max((lane.at_ms for lane in self.lanes.values()), default=0)

    @property
    def started_at_ms(self) -> int | None:
        return min(
            (lane.started_at_ms for lane in self.lanes.values() if lane.started_at_ms is not None),
            default=None,
        )

    @property
    def ended_at_ms(self) -> int | None:
        if self.status is not Status.FINISHED:
            return None
        return self.moved_at_ms or self.stopped_at_ms

    @property
    def end_cause(self) -> str:
        """ "workout" | "stop" | "idle"; "" while it is not over."""
        if self.status is not Status.FINISHED:
            return ""
        if self.idled_at_ms is not None:
            return "idle"
        return "workout" if all(lane.completed for lane in self.counted) else "stop"


def lane_name(session: Session, athlete: str) -> str:
    return athlete if session.pace is Pace.SELF else GROUP


def lane_of(session: Session, athlete: str = "") -> Lane:
    """The lane that the athlete rides in; "" in a group: everybody's."""
    return session.lanes.get(lane_name(session, athlete), Lane())


def is_auto_paused(session: Session, name: str) -> bool:
    """Whether the lane goes on by itself when somebody pedals."""
    lane = session.lanes.get(name)
    return lane is not None and lane.status is Status.PAUSED and name in session.auto_paused


def rider_of(session: Session, athlete: str) -> Rider:
    """Raises NotFound."""
    rider = session.riders.get(athlete)
    if rider is None:
        raise NotFound("this athlete is not in the session")
    return rider


def to_keep(session: Session) -> tuple[str, ...]:
    """The riders whose own lane is over, and whose ride is not kept yet. `session` settled."""
    if session.pace is Pace.GROUP or session.demo:
        return ()
    return tuple(
        rider.athlete
        for rider in session.riders.values()
        if not rider.demo
        and rider.athlete not in session.activities
        and lane_of(session, rider.athlete).started_at_ms is not None
        and lane_of(session, rider.athlete).status is Status.FINISHED
    )


def at(session: Session, now: int, only: str = "") -> Session:
    """The session as time has left it by `now`; never stored, never folded on.

    `only`: the one lane that is looked at; at their own pace two hundred riders have as many.
    """
    names = (only,) if only else session.lanes
    lanes = {
        name: interval.advance(session.workout, session.lanes[name], now, Tick())[0]
        for name in names
    }
    if all(lane is session.lanes[name] for name, lane in lanes.items()):
        return session
    return replace(session, lanes={**session.lanes, **lanes})


def deadline(session: Session) -> int | None:
    """Hub time at which a lane of `session` moves by itself."""
    dues = (interval.deadline(session.workout, lane) for lane in session.lanes.values())
    return min((due for due in dues if due is not None), default=None)


def phase_number(session: Session, now: int, athlete: str = "") -> int:
    """Of the phase under way at `now`, counted from 0 over all that the lane has ridden.

    -1 before the start. A skip that is announced is not yet.
    """
    name = lane_name(session, athlete)
    lane = session.lanes.get(name, Lane())
    lane, _ = interval.advance(session.workout, lane, now, Tick())
    if lane.started_at_ms is None or now < lane.started_at_ms:
        return -1
    if lane.status is Status.FINISHED:
        return lane.number - 1
    return lane.number - (lane.phase_began_at_ms > now and lane.number > 0)


def is_over(session: Session) -> bool:
    return session.status is Status.FINISHED
