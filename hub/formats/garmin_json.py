"""Workouts as Garmin Connect keeps them (JSON) -> Workout.

The format is not published. Its numbers, by key and by id, are those of the web application:
`workoutSegments[].workoutSteps[]` of ExecutableStepDTO and RepeatGroupDTO; times in s, distances
in m, speeds in m/s, powers in W. Both a key and its id are taken, for each is left out somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, StepTarget, Unit, aim
from hub.core.workout import (
    STEPS_MAX,
    CadenceRange,
    Step,
    StepKind,
    StepText,
    Until,
    UntilHeartRate,
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
from hub.formats.lengths import bounded, for_kcal, for_metres, for_seconds, ranged
from hub.formats.step_kinds import name_of

DEPTH_MAX = 8  # repeats within repeats; Connect itself allows two
KMH_PER_MS = 3.6

SPORTS = {
    "cycling": "bike", "indoorcycling": "bike", "virtualride": "bike", "biking": "bike",
    "running": "run", "treadmillrunning": "run", "indoorrunning": "run", "walking": "run",
    "rowing": "row", "indoorrowing": "row",
}  # fmt: skip
SPORT_IDS = {1: "run", 2: "bike"}

KINDS = {
    "warmup": StepKind.WARMUP, "cooldown": StepKind.COOLDOWN, "interval": StepKind.WORK,
    "recovery": StepKind.RECOVERY, "rest": StepKind.RECOVERY, "other": StepKind.WORK,
    "main": StepKind.WORK,
}  # fmt: skip
KIND_IDS = {1: "warmup", 2: "cooldown", 3: "interval", 4: "recovery", 5: "rest", 6: "repeat",
            7: "other", 8: "main"}  # fmt: skip
CONDITION_IDS = {1: "lapbutton", 2: "time", 3: "distance", 4: "calories", 5: "heartrate",
                 6: "power", 7: "iterations", 8: "fixedrest", 9: "fixedrepetition",
                 10: "reps"}  # fmt: skip
TARGET_IDS = {1: "notarget", 2: "powerzone", 3: "cadencezone", 4: "heartratezone",
              5: "speedzone", 6: "pacezone"}  # fmt: skip

# Of each kind of target: the unit of its values, its factor, the unit of its zone numbers.
TARGETS: dict[str, tuple[Unit, float, Unit | None]] = {
    "powerzone": (Unit.WATT, 1.0, Unit.POWER_ZONE),
    "powerlap": (Unit.WATT, 1.0, None),
    "power3s": (Unit.WATT, 1.0, None),
    "power10s": (Unit.WATT, 1.0, None),
    "power30s": (Unit.WATT, 1.0, None),
    "heartratezone": (Unit.BPM, 1.0, Unit.HEART_ZONE),
    "heartratelap": (Unit.BPM, 1.0, None),
    "cadencezone": (Unit.RPM, 1.0, None),
    "cadence": (Unit.RPM, 1.0, None),
    "speedzone": (Unit.KMH, KMH_PER_MS, None),
    "speedlap": (Unit.KMH, KMH_PER_MS, None),
    "pacezone": (Unit.KMH, KMH_PER_MS, None),
}
SHARES = {Unit.WATT: Unit.FTP, Unit.BPM: Unit.MAX_HR}  # where the values are per cent


def holds_garmin_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") and '"workoutsegments"' in text.lower()


def parse_garmin_json(data: bytes) -> Imported:
    """Read a whole file. Raises UserError when it holds no workout. No name: an empty one."""
    doubts = Doubts()
    root = root_of(data, doubts)
    if not root.has("workoutSegments") and (inner := root.child("workout")) is not None:
        root = inner
    sport = _sport(root)
    steps = bounded(
        step
        for segment in root.children("workoutSegments")
        for node in _in_order(segment)
        for step in _steps_of(node, sport, 0)
    )
    if not steps:
        raise UserError("the workout has no steps", remedy="is it a Garmin Connect workout?")
    author = root.child("author")
    workout = Workout(
        name=root.text("workoutName", NAME_CHARS_MAX),
        steps=tuple(steps),
        description=root.text("description", DESCRIPTION_CHARS_MAX),
        author="" if author is None else author.text("fullName", NAME_CHARS_MAX),
        sport=sport,
    )
    return Imported(workout, doubts.warnings)


def _sport(root: Node) -> str:
    told = root.child("sportType")
    if told is None:
        root.warn("the file names no sport; read as bike")
        return "bike"
    named = told.word("sportTypeKey")
    if named in SPORTS:
        return SPORTS[named]
    if not named and (sport := SPORT_IDS.get(_whole(told, "sportTypeId"))) is not None:
        return sport
    told.warn(f"sport {_told(named)} is not known here; read as bike")
    return "bike"


def _in_order(parent: Node) -> list[Node]:
    """Steps by their `stepOrder` where all have one: the list itself may be in any order."""
    nodes = parent.children("workoutSteps")
    orders = [node.number("stepOrder") for node in nodes]
    known = [order for order in orders if order is not None]
    if len(known) < len(nodes) or len(set(known)) < len(nodes):
        return nodes
    return [node for _, node in sorted(zip(known, nodes, strict=True), key=lambda pair: pair[0])]


def _steps_of(node: Node, sport: str, depth: int) -> Iterator[Step]:
    kind = _one_of(node, "stepType", "stepTypeKey", "stepTypeId", KIND_IDS)
    if kind == "repeat" or node.has("workoutSteps"):
        yield from _repeat(node, sport, depth)
        return
    if kind not in KINDS:
        node.warn(f"step type {_told(kind)} is not known; read as an interval")
    yield from _step(node, KINDS.get(kind, StepKind.WORK), sport)


def _repeat(node: Node, sport: str, depth: int) -> Iterator[Step]:
    if depth == DEPTH_MAX:
        node.warn(f"more than {DEPTH_MAX} repeats within each other; left out")
        return
    times = node.number("numberOfIterations") or node.number("endConditionValue")
    if times is None or not 1 <= times <= STEPS_MAX + 1:
        node.warn("no sensible number of repeats; ridden once")
        times = 1
    once = bounded(step for child in _in_order(node) for step in _steps_of(child, sport, depth + 1))
    if not once:
        node.warn("a repeat without steps; left out")
        return
    skips_last = node.is_true("skipLastRestStep") and once[-1].kind is StepKind.RECOVERY
    for number in range(int(times)):
        yield from once[:-1] if skips_last and number == int(times) - 1 else once


def _step(node: Node, kind: StepKind, sport: str) -> Iterator[Step]:
    until = _until(node, sport)
    if until is None:
        return
    main, secondary = _target(node, ""), _target(node, "secondary")
    if isinstance(secondary, Aim) and _is_rpm(main):
        main, secondary = secondary, main  # cadence goes beside the other one
    cadence = None
    if _is_rpm(secondary):
        cadence = _cadence(secondary)
    elif isinstance(secondary, Aim):
        node.warn("the second target is left out")
    target: StepTarget = main or FreeRide()
    if kind is StepKind.WORK and main is None:
        kind = StepKind.FREE
    note = node.text("description", TEXT_CHARS_MAX)
    texts = (StepText(0, note),) if note else ()
    yield Step(name_of(kind, target), kind, until, target, cadence, texts)


def _until(node: Node, sport: str) -> Until | None:
    condition = _one_of(node, "endCondition", "conditionTypeKey", "conditionTypeId", CONDITION_IDS)
    if condition in ("lapbutton", "press"):
        return UntilLap()
    value = node.number("endConditionValue")
    if condition == "heartrate":
        return _until_heart_rate(node, value)
    if condition in ("time", "fixedrest", "distance", "calories") and value is None:
        node.warn("no endConditionValue; it goes on to the lap button")
        return UntilLap()
    if condition in ("time", "fixedrest"):
        return for_seconds(value or 0.0, node.warn)
    if condition == "distance":
        return for_metres(value or 0.0, node.warn)
    if condition == "calories" and sport != "run":  # nobody measures a runner's work
        return for_kcal(value or 0.0, node.warn)
    node.warn(f"the end {_told(condition)} is not known; by the lap button")
    return UntilLap()


def _until_heart_rate(node: Node, value: float | None) -> Until:
    above = node.text("endConditionCompare", 10).lower() not in ("lt", "less", "below")
    zone = node.number("endConditionZone")
    if value and 30 <= value <= 250:
        return UntilHeartRate(aim(Unit.BPM, value), above)
    if zone is not None and 1 <= zone <= 5:
        return UntilHeartRate(aim(Unit.HEART_ZONE, float(int(zone))), above)
    node.warn("no sensible heart rate to end at; by the lap button")
    return UntilLap()


def _target(node: Node, prefix: str) -> Aim | None:
    """None: no target, or none that can be read; the latter is a warning."""

    def key(name: str) -> str:
        return prefix + name[0].upper() + name[1:] if prefix else name

    told = node.child(key("targetType"))
    if told is None:
        return None
    kind = _one_of(
        node, key("targetType"), "workoutTargetTypeKey", "workoutTargetTypeId", TARGET_IDS
    )
    if kind in ("notarget", "open"):
        return None
    if kind not in TARGETS:
        named = repr(kind) if kind else f"{_whole(told, 'workoutTargetTypeId')}"
        node.warn(f"target {named} is not known; left out")
        return None
    unit, factor, zone_unit = TARGETS[kind]
    zone = node.number(key("zoneNumber"))
    if zone is not None and zone_unit is not None and zone >= 1:
        return ranged(zone_unit, float(int(zone)), float(int(zone)), node.warn)
    one, two = node.number(key("targetValueOne")), node.number(key("targetValueTwo"))
    one, two = (two if one is None else one), (one if two is None else two)
    if one is None or two is None or (one == 0 and two == 0):
        node.warn(f"target {kind!r} without values; left out")
        return None
    measure = node.child(key("targetValueUnit"))
    if measure is not None and "percent" in measure.word("unitKey"):
        unit, factor = SHARES.get(unit, unit), 0.01 if unit in SHARES else factor
    return ranged(unit, one * factor, two * factor, node.warn)


def _is_rpm(target: Aim | None) -> bool:
    return target is not None and target.unit is Unit.RPM


def _cadence(target: Aim | None) -> CadenceRange | None:
    return None if target is None else CadenceRange(round(target.low), round(target.high))


def _one_of(node: Node, key: str, key_key: str, id_key: str, by_id: dict[int, str]) -> str:
    """The word of a small object; of its id where the word is missing. A bare word does, too."""
    told = node.child(key)
    if told is None:
        return node.word(key)
    return told.word(key_key) or by_id.get(_whole(told, id_key), "")


def _told(name: str) -> str:
    return repr(name) if name else "without a name"


def _whole(node: Node, key: str) -> int:
    return int(min(max(node.number(key) or 0, 0), 1000))
