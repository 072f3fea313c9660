"""What every smart trainer has under its cover: a flywheel, a brake, and a way to roll out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from firmware_sim.devices.bicycle import Bicycle
from firmware_sim.devices.body import Body
from firmware_sim.devices.power_meter import Smoothed

MIN_POWER_W = 0
MAX_POWER_W = 2000
MAX_RESISTANCE = 1000  # in 0.1 %

# The brake follows a new target as fast as its flywheel lets it: 63 % of the step in this time.
ERG_LAG_S = 1.2
# What the strain gauge shows is an average, as on the machines that this one is modelled on.
POWER_SMOOTHING_S = 0.7
# Level brake: what a level of 100 % asks for at 90 rpm, linear in both.
FULL_LEVEL_W = 600.0
LEVEL_CADENCE_RPM = 90.0

# Spin-down: ride up to the first speed, be told to stop, roll below the last one.
SPIN_DOWN_LOW_KMH = 33.0
SPIN_DOWN_HIGH_KMH = 35.0
ROLLED_OUT_KMH = 5.0
ROLL_OUT_KMH_PER_S = 3.0
SPIN_UP_W = 400.0  # what a rider puts in who is asked for speed
GIVES_UP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Erg:
    """Hold this power at any cadence."""

    power_w: int


@dataclass(frozen=True, slots=True)
class Level:
    """Brake as a dial set to this would, in 0.1 %."""

    resistance: int


@dataclass(frozen=True, slots=True)
class Slope:
    """Feel like this grade; the rider decides how hard to ride it."""

    grade_pct: float


Held = Erg | Level | Slope


class Rolling(Enum):
    """How far a spin-down is."""

    OFF = auto()
    SPEED_UP = auto()
    COAST = auto()
    DONE = auto()
    FAILED = auto()


class Brake:
    """`bias` is by how much its power reads more or less than the truth."""

    def __init__(self, bias: float, rider_kg: float) -> None:
        self._bias = bias
        self._bicycle = Bicycle(rider_kg)
        self._power = Smoothed(POWER_SMOOTHING_S)
        self._brake_w = Smoothed(ERG_LAG_S)
        self._at_ms: int | None = None
        self._pedalled_ms = 0.0
        self._rolling_ms = 0
        self.held: Held | None = None
        self.rolling = Rolling.OFF
        self.spin_down_ms: int | None = None

    @property
    def power_w(self) -> float:
        return self._power.value

    @property
    def speed_kmh(self) -> float:
        return self._bicycle.speed_kmh

    @property
    def distance_m(self) -> float:
        return self._bicycle.distance_m

    @property
    def pedalled_s(self) -> int:
        return int(self._pedalled_ms / 1000)

    @property
    def rider_rests(self) -> bool:
        """The screen says: stop pedalling."""
        return self.rolling is Rolling.COAST

    def demand_w(self, body: Body) -> float | None:
        """The power that the brake asks of the rider; None leaves it to them."""
        if self.rolling is Rolling.SPEED_UP:
            return SPIN_UP_W
        match self.held:
            case Erg():
                # The brake steers by what it measures: a bias of its gauge is the rider's to ride.
                return self._brake_w.value / self._bias
            case Level(resistance):
                share = resistance / MAX_RESISTANCE
                return FULL_LEVEL_W * share * body.cadence_rpm / LEVEL_CADENCE_RPM
            case _:
                return None

    def feel(self, body: Body, now_ms: int) -> bool:
        """Live until `now_ms`. Returns whether a spin-down has come to its next step."""
        self._bicycle.grade_pct = self.held.grade_pct if isinstance(self.held, Slope) else 0.0
        self._bicycle.advance(body.power_w, now_ms)
        self._power.advance(body.power_w * self._bias, now_ms)
        # Without a target the brake is where the rider is, so that a new one starts from there.
        own_w = body.power_w * self._bias
        target_w = self.held.power_w if isinstance(self.held, Erg) else own_w
        self._brake_w.advance(target_w, now_ms)
        passed_ms = 0 if self._at_ms is None else now_ms - self._at_ms
        self._at_ms = now_ms
        if body.cadence_rpm > 0:
            self._pedalled_ms += passed_ms
        return self._roll(passed_ms, now_ms)

    def spin_down(self, now_ms: int) -> None:
        self.held, self.spin_down_ms = None, None
        self._enter(Rolling.SPEED_UP, now_ms)

    def stop_rolling(self) -> None:
        self.rolling = Rolling.OFF

    def _roll(self, passed_ms: int, now_ms: int) -> bool:
        before = self.rolling
        if self.rolling in (Rolling.SPEED_UP, Rolling.COAST) and (
            now_ms - self._rolling_ms > GIVES_UP_MS
        ):
            self._enter(Rolling.FAILED, now_ms)
        elif self.rolling is Rolling.SPEED_UP and self.speed_kmh >= SPIN_DOWN_HIGH_KMH:
            self._enter(Rolling.COAST, now_ms)
        elif self.rolling is Rolling.COAST:
            slower_kmh = self.speed_kmh - ROLL_OUT_KMH_PER_S * passed_ms / 1000
            self._bicycle.speed_mps = max(0.0, slower_kmh / 3.6)
            if slower_kmh <= ROLLED_OUT_KMH:
                self.spin_down_ms = now_ms - self._rolling_ms
                self._enter(Rolling.DONE, now_ms)
        return self.rolling is not before

    def _enter(self, rolling: Rolling, now_ms: int) -> None:
        self.rolling, self._rolling_ms = rolling, now_ms
