"""A lane: its state, what can be said to it, and what follows. The rules are hub.core.interval's.

A *phase* is one visit to a step; the lane counts its phases from 0, and `leaves` in an input is
the number of the phase that was meant. What comes after that phase has ended does nothing, instead
of hitting the next one. None: whatever is under way.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


# Inputs: what people and the clock can say. Ticks are never stored.


class Start(msgspec.Struct, frozen=True, tag_field="t", tag="start"): ...


class Pause(msgspec.Struct, frozen=True, tag_field="t", tag="pause"): ...


class Resume(msgspec.Struct, frozen=True, tag_field="t", tag="resume"): ...


class Lap(msgspec.Struct, frozen=True, tag_field="t", tag="lap"):
    """Ends an open-ended step, else marks a lap.

    In a group lane a rider's lap only marks: it belongs to the rider and never comes here.
    """


class Skip(msgspec.Struct, frozen=True, tag_field="t", tag="skip", omit_defaults=True):
    """On to the next step, also while paused."""

    leaves: int | None = None


class Met(msgspec.Struct, frozen=True, tag_field="t", tag="met", omit_defaults=True):
    """The condition of a step that ends by distance, work or heart rate came true."""

    leaves: int | None = None


class Back(msgspec.Struct, frozen=True, tag_field="t", tag="back", omit_defaults=True):
    """To the beginning of the step before this one; on the first step, to its own beginning."""

    leaves: int | None = None


class Jump(msgspec.Struct, frozen=True, tag_field="t", tag="jump", omit_defaults=True):
    """To the beginning of the step `to`, counted from 0; the one under way begins anew.

    One that the workout does not have raises UserError.
    """

    to: int
    leaves: int | None = None


class Extend(msgspec.Struct, frozen=True, tag_field="t", tag="extend", omit_defaults=True):
    """This step, or the cap of one that does not end by time, lasts so much longer (or shorter).

    One cut to less than has been ridden of it ends at once; one without an end stays as it is.
    """

    by_ms: int
    leaves: int | None = None


class Repeat(msgspec.Struct, frozen=True, tag_field="t", tag="repeat", omit_defaults=True):
    """This step comes once more when it has ended."""

    leaves: int | None = None


class CoolDown(msgspec.Struct, frozen=True, tag_field="t", tag="cool_down", omit_defaults=True):
    """To the cool-down that ends the workout, or to COOL_DOWN where there is none."""

    leaves: int | None = None


class Undo(msgspec.Struct, frozen=True, tag_field="t", tag="undo"): ...


class Stop(msgspec.Struct, frozen=True, tag_field="t", tag="stop"): ...


class Tick(msgspec.Struct, frozen=True, tag_field="t", tag="tick"): ...


Move = Skip | Met | Back | Jump | Extend | Repeat | CoolDown
Input = Start | Pause | Resume | Lap | Move | Undo | Stop | Tick


# Outputs: what the world must do. `at_ms` is when it was due, not when it was noticed.


class PhaseBegan(msgspec.Struct, frozen=True, tag_field="t", tag="phase_began"):
    at_ms: int
    index: int


class Lapped(msgspec.Struct, frozen=True, tag_field="t", tag="lapped"):
    """The `number`-th mark of this lane, counted from 1."""

    at_ms: int
    number: int


class Paused(msgspec.Struct, frozen=True, tag_field="t", tag="paused"):
    at_ms: int


class Resumed(msgspec.Struct, frozen=True, tag_field="t", tag="resumed"):
    at_ms: int


class Extended(msgspec.Struct, frozen=True, tag_field="t", tag="extended"):
    """The phase under way is longer by `by_ms` (shorter when negative)."""

    at_ms: int
    by_ms: int


class Repeated(msgspec.Struct, frozen=True, tag_field="t", tag="repeated"):
    at_ms: int


class Undone(msgspec.Struct, frozen=True, tag_field="t", tag="undone"):
    """The step under way is `index` again; what was to be done follows from the timeline."""

    at_ms: int
    index: int


class Finished(msgspec.Struct, frozen=True, tag_field="t", tag="finished"):
    """`completed`: the last step came to its end; otherwise somebody stopped the lane."""

    at_ms: int
    completed: bool


Output = PhaseBegan | Lapped | Paused | Resumed | Extended | Repeated | Undone | Finished


class TimelinePhase(msgspec.Struct, frozen=True, omit_defaults=True):
    """A phase in absolute hub time. `ridden_ms` is the riding time of the lane at its beginning.

    `ends_at_ms` None: open-ended, at the latest at `ends_by_ms`. `fixed` False: the beginning is
    only a projection (before the start, in a pause, behind an open end) and nothing may be carried
    out at that time. `length_ms`: riding time as planned and extended.
    """

    index: int
    begins_at_ms: int
    ends_at_ms: int | None
    ridden_ms: int
    fixed: bool = True
    ends_by_ms: int | None = None
    length_ms: int | None = None


class Span(msgspec.Struct, frozen=True):
    """From `begins_at_ms` up to, not including, `ends_at_ms`."""

    begins_at_ms: int
    ends_at_ms: int


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """All the state there is; a row to store."""

    status: Status = Status.READY
    index: int = 0
    at_ms: int = 0  # the last change; time in a lane never runs backwards from here
    resumed_at_ms: int = 0
    ridden_ms: int = 0  # at `resumed_at_ms` while running, else up to now
    phase_began_at_ms: int = 0
    phase_began_ridden_ms: int = 0
    laps: int = 0
    past: tuple[TimelinePhase, ...] = ()
    extended_ms: int = 0  # of the phase under way
    again: int = 0  # so many more passes of the step under way
    started_at_ms: int | None = None
    paused_at_ms: int | None = None  # of the pause that lasts, or that the lane ended in
    pauses: tuple[Span, ...] = ()  # that are over
    completed: bool = False
    before: Lane | None = None  # as the last control found it, to take that back
    said_at_ms: int = 0  # that control

    @property
    def number(self) -> int:
        """Of the phase under way."""
        return len(self.past)
