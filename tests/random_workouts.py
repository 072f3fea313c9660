"""Random workouts for the tests of the formats, and the share of them that a format can say."""

from hypothesis import strategies as st

from hub.core.target import UNITS, Aim, FreeRide, MaxEffort, StepTarget, Unit
from hub.core.workout import (
    CadenceRange,
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    StepText,
    Until,
    UntilHeartRate,
    UntilLap,
    Workout,
)

WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20
).map(lambda text: " ".join(text.split()))
NAMES = WORDS.map(lambda text: text or "x")
DURATIONS = st.integers(1, 7200).map(lambda s: ForDuration(s * 1000))
ZONES = (Unit.POWER_ZONE, Unit.HEART_ZONE)
HEART_UNITS = (Unit.MAX_HR, Unit.LTHR, Unit.HRR, Unit.BPM, Unit.HEART_ZONE)


@st.composite
def ranges(draw: st.DrawFn, unit: Unit) -> tuple[float, float]:
    low, high = UNITS[unit].bounds
    if unit in ZONES:
        values = st.integers(int(low), int(high)).map(float)
    else:
        values = st.integers(round(low * 1000), round(high * 1000)).map(lambda n: n / 1000)
    a, b = draw(values), draw(values)
    return (min(a, b), max(a, b)) if draw(st.booleans()) else (a, a)


@st.composite
def aims(draw: st.DrawFn, units: tuple[Unit, ...] = tuple(Unit), ramps: bool = True) -> Aim:
    unit = draw(st.sampled_from(units))
    begin = draw(ranges(unit))
    end = draw(ranges(unit)) if ramps and draw(st.booleans()) else begin
    return Aim(unit, *begin) if end == begin else Aim(unit, *begin, *end)


TARGETS: st.SearchStrategy[StepTarget] = aims() | st.just(FreeRide()) | st.just(MaxEffort())
UNTILS: st.SearchStrategy[Until] = (
    st.integers(1, 86_400_000).map(ForDuration)
    | DURATIONS
    | st.integers(1, 1_000_000).map(ForDistance)
    | st.integers(1, 200_000).map(lambda n: ForWork(n / 10))
    | st.just(UntilLap())
    | st.builds(UntilHeartRate, aims(HEART_UNITS, ramps=False), st.booleans())
)
CADENCES = st.tuples(st.integers(1, 250), st.integers(1, 250)).map(
    lambda ends: CadenceRange(min(ends), max(ends))
)
TEXTS = st.lists(
    st.builds(StepText, st.integers(0, 7_200_000), NAMES, st.booleans()), max_size=3
).map(lambda texts: tuple(sorted(texts, key=lambda text: text.offset_ms)))
STEPS = st.builds(
    Step,
    NAMES,
    st.sampled_from(StepKind),
    UNTILS,
    TARGETS,
    st.none() | CADENCES,
    TEXTS,
    st.none() | st.integers(1, 86_400_000),
)


SPORTS = st.sampled_from(["bike", "run", "row"])


@st.composite
def workouts(
    draw: st.DrawFn,
    steps: st.SearchStrategy[Step] = STEPS,
    sports: st.SearchStrategy[str] = SPORTS,
) -> Workout:
    """Some of their steps repeat, also within repeats."""
    some = draw(st.lists(steps, min_size=1, max_size=5))
    times = draw(st.integers(1, 3))
    again = [*some * times, *draw(st.lists(st.sampled_from(some), max_size=4))]
    return Workout(
        draw(NAMES),
        tuple(again * draw(st.integers(1, 2))),
        draw(WORDS),
        draw(WORDS),
        draw(sports),
    )
