"""What a trainer's control needs of a machine's protocol, and nothing more.

A dialect turns targets into writes and bytes into answers and news. It has no clock and asks for
nothing by itself: when what is written is `trainer.py`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import Protocol

import msgspec

from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target


class Outcome(IntEnum):
    """How a procedure ended. The numbers are those of FTMS 1.0, 4.16.2.22."""

    DONE = 1
    UNSUPPORTED = 2
    INVALID = 3
    FAILED = 4
    NOT_PERMITTED = 5


class Purpose(Enum):
    CONTROL = auto()  # ask for the permission to steer
    START = auto()
    TARGET = auto()
    RELEASE = auto()
    SPIN_DOWN = auto()


class Procedure(msgspec.Struct, frozen=True):
    """One write, and how its answer is known.

    `silence_ms` None: an answer is due. Else the protocol or the machine may leave it out, and so
    long after the write's response silence is a yes.
    """

    purpose: Purpose
    char: str
    data: bytes
    key: int  # what the answer names
    target: Target | None = None
    gives_up_control: bool = False
    silence_ms: int | None = None


# What a machine says


class Answer(msgspec.Struct, frozen=True):
    """To the procedure of this key. Speeds: what a spin-down that begins asks for."""

    key: int
    outcome: Outcome
    speed_low_kmh: float | None = None
    speed_high_kmh: float | None = None


class ControlLost(msgspec.Struct, frozen=True): ...


class MachineReset(msgspec.Struct, frozen=True): ...


class Stopped(msgspec.Struct, frozen=True): ...


class SafetyKey(msgspec.Struct, frozen=True): ...


class Started(msgspec.Struct, frozen=True): ...


class Holds(msgspec.Struct, frozen=True):
    """The target on the brake. `mode` None: of a kind that is never ours; `value` None: unsaid."""

    mode: Mode | None
    value: float | None = None


class Refused(msgspec.Struct, frozen=True):
    """A target that was taken at first, and then was not. Where the procedure of this key is in
    flight, it is its answer."""

    mode: Mode
    outcome: Outcome
    key: int


class SpinDownStep(Enum):
    SPEED_UP = auto()
    COAST = auto()
    DONE = auto()
    FAILED = auto()


class SpinDownNews(msgspec.Struct, frozen=True):
    step: SpinDownStep
    speed_kmh: float | None = None  # to be reached
    spin_down_ms: int | None = None


News = ControlLost | MachineReset | Stopped | SafetyKey | Started | Holds | Refused | SpinDownNews


class Dialect(Protocol):
    """One machine's protocol, for the life of the gateway: what it learns of the machine stays."""

    name: str
    answers: str
    """The characteristic that must be subscribed to before anything is written."""
    tells: tuple[str, ...]
    """Others that tell of the machine, where it has them."""

    def modes(self) -> frozenset[Mode]:
        """That the machine says it takes; all, where it says nothing."""

    def measures_by(self) -> frozenset[str]:
        """Characteristics whose power and cadence are the machine's own."""

    def knows(self, facts: Mapping[str, bytes]) -> None:
        """What was read on connect: features and ranges."""

    def control(self) -> Procedure | None:
        """Asks for control; None: everybody has it."""

    def start(self) -> Procedure | None: ...

    def order(self, target: Target, before: Target | None) -> tuple[Procedure, ...]:
        """What puts `target` on the brake, where `before` is what it holds of ours."""

    def otherwise(self, procedure: Procedure) -> Procedure | None:
        """Another way of saying what was refused as invalid or unsupported; None: none left."""

    def releases(self) -> tuple[tuple[Procedure, ...], ...]:
        """Ways to let go, the best first."""

    def spin_down(self) -> Procedure | None:
        """Begins a calibration; None: the protocol has none."""

    def heard(self, char: str, data: bytes) -> Answer | News | None:
        """None: nothing that matters here, or nothing that can be read."""


def mode_of(target: Target | None) -> Mode | None:
    """None: no target that a brake could hold."""
    match target:
        case PowerTarget():
            return Mode.POWER
        case GradeTarget():
            return Mode.GRADE
        case ResistanceTarget():
            return Mode.RESISTANCE
    return None


def value_of(target: Target | None) -> float | None:
    """The number of a target, in its mode's unit: W, % grade, % level."""
    match target:
        case PowerTarget(power_w=value):
            return value
        case GradeTarget(grade_pct=value):
            return value
        case ResistanceTarget(level_pct=value):
            return value
    return None
