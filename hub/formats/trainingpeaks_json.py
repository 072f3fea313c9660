"""Workout structures of TrainingPeaks (JSON) -> Workout.

Two spellings of one thing: the web application's (`structure[]` of {type, length, steps[]}, one
`primaryIntensityMetric` for all targets; also within a workout, and there as a string) and the
partners' (`Structure[]` of {Type, Length, IntensityTarget{Unit, Value, MinValue, MaxValue}}).
`polyline`, the drawn profile, says nothing that the steps do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, StepTarget, Unit
from hub.core.workout import (
    STEPS_MAX,
    CadenceRange,
    Step,
    StepKind,
    StepText,
    Until,
    UntilLap,
    Workout,
)
from hub.formats.imported import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    Doubts,
    Imported,
)
from hub.formats.json_node import Node, root_of
from hub.formats.lengths import MILE_M, YARD_M, bounded, for_metres, for_seconds, ranged
from hub.formats.step_kinds import kind_of, name_of

DEPTH_MAX = 8
SPORT_IDS = {2: "bike", 3: "run", 8: "bike", 12: "row", 13: "run"}
SPORTS = {"bike": "bike", "ride": "bike", "mtb": "bike", "mountainbike": "bike", "run": "run",
          "walk": "run", "row": "row", "rowing": "row"}  # fmt: skip

SECONDS = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0}
METRES = {"meter": 1.0, "metre": 1.0, "m": 1.0, "kilometer": 1000.0, "kilometre": 1000.0,
          "km": 1000.0, "mile": MILE_M, "yard": YARD_M}  # fmt: skip

KINDS = {
    "warmup": StepKind.WARMUP,
    "active": StepKind.WORK,
    "rest": StepKind.RECOVERY,
    "recovery": StepKind.RECOVERY,
    "cooldown": StepKind.COOLDOWN,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """`factor` to our unit; `per_m`: the values are seconds for so many metres."""

    unit: Unit
    factor: float = 1.0
    per_m: float | None = None


METRICS: dict[str, Metric] = {
    "percentofftp": Metric(Unit.FTP, 0.01),
    "percentofthresholdpower": Metric(Unit.FTP, 0.01),
    "percentofthresholdhr": Metric(Unit.LTHR, 0.01),
    "percentofthresholdheartrate": Metric(Unit.LTHR, 0.01),
    "percentofmaxhr": Metric(Unit.MAX_HR, 0.01),
    "percentofmaxheartrate": Metric(Unit.MAX_HR, 0.01),
    # A share of the speed: "107 %" is faster than threshold.
    "percentofthresholdpace": Metric(Unit.THRESHOLD_SPEED, 0.01),
    "percentofthresholdspeed": Metric(Unit.THRESHOLD_SPEED, 0.01),
    "rpe": Metric(Unit.RPE),
    "power": Metric(Unit.WATT),
    "watts": Metric(Unit.WATT),
    "heartrate": Metric(Unit.BPM),
    "bpm": Metric(Unit.BPM),
    "roundorstrideperminute": Metric(Unit.RPM),
    "rpm": Metric(Unit.RPM),
    "cadence": Metric(Unit.RPM),
    "kilometersperhour": Metric(Unit.KMH),
    "milesperhour": Metric(Unit.KMH, MILE_M / 1000),
    "metersperminute": Metric(Unit.KMH, 0.06),
    "secondsperkilometer": Metric(Unit.KMH, per_m=1000.0),
    "secondspermile": Metric(Unit.KMH, per_m=MILE_M),
    "secondsper100meters": Metric(Unit.KMH, per_m=100.0),
    "secondsper100yards": Metric(Unit.KMH, per_m=100 * YARD_M),
}


def holds_trainingpeaks_json(text: str) -> bool:
    low = text.lower()
    return (
        text.lstrip()[:1] in ("{", "[")
        and '"structure' in low.replace("\\", "")
        and any(sign in low for sign in ("intensityclass", "intensitymetric", "intensitytarget"))
    )


def parse_trainingpeaks_json(data: bytes) -> Imported:
    """Read a whole file. Raises UserError when it holds no workout. No name: an empty one."""
    doubts = Doubts()
    root = root_of(data, doubts)
    holder, elements = _structure(root)
    default = holder.word("primaryIntensityMetric")
    if default and default not in METRICS:
        holder.warn(f"intensity {default!r} is not known; ridden without targets")
    steps = bounded(step for element in elements for step in _steps_of(element, default, 0))
    if not steps:
        raise UserError("the workout has no steps", remedy="is it a TrainingPeaks workout?")
    workout = Workout(
        name=_first_text(root, ("title", "workoutTitle", "itemName", "name"), NAME_CHARS_MAX),
        steps=tuple(steps),
        description=root.text("description", DESCRIPTION_CHARS_MAX),
        author=_first_text(root, ("author", "coachName"), NAME_CHARS_MAX),
        sport=_sport(root, default),
    )
    return Imported(workout, doubts.warnings)


def _structure(root: Node) -> tuple[Node, list[Node]]:
    """The object that holds the list, and the list."""
    holder = root
    for _ in range(3):
        inner = holder.child("structure")
        if inner is None or not inner.has("structure"):
            break
        holder = inner
    return holder, holder.children("structure")


def _sport(root: Node, metric: str) -> str:
    number = root.number("workoutTypeValueId")
    for named in (root.word("workoutType"), root.word("sport")):
        if named in SPORTS:
            return SPORTS[named]
    if number is not None:
        if number in SPORT_IDS:
            return SPORT_IDS[int(number)]
        root.warn(f"workout type {number:g} is not known here; read as bike")
        return "bike"
    return "run" if metric in ("percentofthresholdpace", "percentofthresholdspeed") else "bike"


def _steps_of(node: Node, default: str, depth: int, ramp: int = 0) -> Iterator[Step]:
    """`ramp` 1: a single step of it climbs from its low to its high value; -1: it falls."""
    kind = node.word("type")
    if not node.has("steps"):
        yield from _step(node, default, ramp)
        return
    if depth == DEPTH_MAX:
        node.warn(f"more than {DEPTH_MAX} repeats within each other; left out")
        return
    if kind not in ("", "step", "repetition", "rampup", "rampdown"):
        node.warn(f"type {kind!r} is not known; its steps are ridden as they stand")
    children = node.children("steps")
    direction = {"rampup": 1, "rampdown": -1}.get(kind, 0) if len(children) == 1 else 0
    once = bounded(
        step for child in children for step in _steps_of(child, default, depth + 1, direction)
    )
    if not once:
        node.warn("nothing to ride in it; left out")
    for _ in range(_times(node) if once else 0):
        yield from once


def _times(node: Node) -> int:
    length = node.child("length")
    times = 1.0 if length is None else length.number("value") or 0.0
    unit = "repetition" if length is None else length.word("unit")
    if unit not in ("", "repetition"):  # a single step may say its own length here once more
        return 1
    if not 1 <= times <= STEPS_MAX + 1:
        node.warn("no sensible number of repeats; ridden once")
        return 1
    return int(times)


def _step(node: Node, default: str, ramp: int) -> Iterator[Step]:
    until = _until(node)
    if until is None:
        return
    target: StepTarget = FreeRide()
    cadence: CadenceRange | None = None
    for told in (*node.children("targets"), *node.children("intensityTarget")):
        aim = _aim(told, default, ramp)
        if aim is None:
            continue
        if aim.unit is Unit.RPM and cadence is None:
            cadence = CadenceRange(round(aim.low), round(aim.high))
        elif isinstance(target, FreeRide) and aim.unit is not Unit.RPM:
            target = aim
        else:
            told.warn("one more target; left out")
    for told in node.children("cadenceTarget"):
        if (aim := _aim(told, "rpm", 0)) is not None and cadence is None:
            cadence = CadenceRange(round(aim.low), round(aim.high))
    kind = _kind(node, target)
    yield Step(_name(node, kind, target), kind, until, target, cadence, _texts(node))


def _until(node: Node) -> Until | None:
    if node.is_true("openDuration"):
        return UntilLap()
    length = node.child("length")
    value = None if length is None else length.number("value")
    if length is None and not node.children("targets") and not node.has("intensityTarget"):
        node.warn("neither a length nor a target; left out")
        return None
    if length is None or value is None:
        node.warn("a step without length; it goes on to the lap button")
        return UntilLap()
    unit = length.word("unit").removesuffix("s") or "second"
    if unit in SECONDS:
        return for_seconds(value * SECONDS[unit], node.warn)
    if unit in METRES:
        return for_metres(value * METRES[unit], node.warn)
    length.warn(f"unit {unit!r} is not known; read as seconds")
    return for_seconds(value, node.warn)


def _aim(node: Node, default: str, ramp: int) -> Aim | None:
    named = node.word("unit") or default
    metric = METRICS.get(named)
    if metric is None:
        if named != default:
            node.warn(f"unit {named!r} is not known; left out")
        return None
    low, high, single = (node.number(key) for key in ("minValue", "maxValue", "value"))
    low = single if low is None else low
    low, high = (high if low is None else low), (low if high is None else high)
    if low is None or high is None:
        return None
    if metric.per_m is not None:
        if low <= 0 or high <= 0:
            node.warn("a pace of nothing; left out")
            return None
        low, high = metric.per_m / low * 3.6, metric.per_m / high * 3.6
    first, second = sorted((low * metric.factor, high * metric.factor))
    if ramp < 0:
        first, second = second, first
    return ranged(metric.unit, first, second, node.warn, ramp=ramp != 0)


def _kind(node: Node, target: StepTarget) -> StepKind:
    told = node.word("intensityClass")
    if told in KINDS:
        kind = KINDS[told]
        return StepKind.FREE if kind is StepKind.WORK and isinstance(target, FreeRide) else kind
    if told not in ("", "other"):
        node.warn(f"intensity class {told!r} is not known")
    return kind_of(target)


def _name(node: Node, kind: StepKind, target: StepTarget) -> str:
    return node.text("name", NAME_CHARS_MAX) or name_of(kind, target)


def _texts(node: Node) -> tuple[StepText, ...]:
    note = node.text("notes", TEXT_CHARS_MAX)
    return (StepText(0, note),) if note else ()


def _first_text(node: Node, keys: tuple[str, ...], chars_max: int) -> str:
    return next((told for key in keys if (told := node.text(key, chars_max))), "")
