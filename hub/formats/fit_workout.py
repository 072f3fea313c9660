"""FIT workout files -> Workout. Also the workout that an activity file carries.

By the FIT profile: workout (26) and workout_step (27). A step's value fields depend on its types;
powers are 0-1000 % FTP or W + 1000, heart rates 0-100 % of maximum or bpm + 100. A repeat is a step
of its own, that names the first step of what is done again and the total number of rounds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import fitdecode

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
    check_size,
    one_line,
)
from hub.formats.lengths import for_kcal, for_metres, for_seconds, ranged
from hub.formats.step_kinds import kind_of, name_of

FIELDS_MAX = 100_000  # read of one file; the steps stand at its beginning
INDEX_MASK = 0x0FFF  # the upper bits of a message index are flags

FILE_ID, WORKOUT, WORKOUT_STEP = 0, 26, 27
FILE_TYPES = {4: "an activity", 6: "a course", 2: "settings"}

# (sport, sub sport) of the profile; None: any.
SPORTS: dict[tuple[int, int | None], str] = {
    (1, None): "run",
    (2, None): "bike",
    (15, None): "row",
    (4, 1): "run",
    (4, 14): "row",
    (4, None): "bike",
    (0, None): "bike",
}

KINDS = {
    0: StepKind.WORK,
    1: StepKind.RECOVERY,
    2: StepKind.WARMUP,
    3: StepKind.COOLDOWN,
    4: StepKind.RECOVERY,
    5: StepKind.WORK,
}

REPEAT_STEPS = 6
OTHER_REPEATS = {
    7: "a time", 8: "a distance", 9: "calories", 10: "a heart rate", 11: "a heart rate",
    12: "a power", 13: "a power", 17: "a power", 18: "a power", 27: "a load",
}  # fmt: skip

Fields = dict[int, Any]
Warn = Callable[[str], None]


def parse_fit_workout(data: bytes) -> Imported:
    """Raises UserError when the file holds no workout. No name: an empty one."""
    check_size(data)
    if data[8:12] != b".FIT":
        raise UserError("this is no FIT file", remedy="save or download it again")
    return _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self._doubts = Doubts()
        self._head: Fields | None = None
        self._rows: list[Fields] = []
        self._file_type: int | None = None

    def read(self, data: bytes) -> Imported:
        for number, fields in self._messages(data):
            if number == FILE_ID:
                self._file_type = _whole(fields, 0)
            elif number == WORKOUT:
                if self._head is not None:
                    self._warn("the file holds several workouts; the first one is read")
                    break
                self._head = fields
            elif number == WORKOUT_STEP:
                self._rows.append(fields)
        if not self._rows:
            kind = FILE_TYPES.get(self._file_type or 0)
            raise UserError(
                "the FIT file holds no workout",
                remedy=f"it is {kind}" if kind else "is it damaged? download it again",
            )
        return Imported(self._workout(self._head or {}), self._doubts.warnings)

    def _warn(self, text: str) -> None:
        self._doubts.warn(0, text)

    def _messages(self, data: bytes) -> Iterator[tuple[int, Fields]]:
        """What comes before the damage, if there is any."""
        count = 0
        try:
            with fitdecode.FitReader(
                io.BytesIO(data),
                check_crc=fitdecode.CrcCheck.READONLY,
                error_handling=fitdecode.ErrorHandling.IGNORE,
            ) as reader:
                for frame in reader:
                    if isinstance(frame, fitdecode.FitCRC) and not frame.matched:
                        self._warn("the checksum of the file is wrong")
                    if not isinstance(frame, fitdecode.FitDataMessage):
                        continue
                    yield frame.global_mesg_num, _fields(frame)
                    count += 1 + len(frame.fields)
                    if count > FIELDS_MAX:
                        self._warn("the file goes on; only its beginning is read")
                        return
        except Exception:  # the decoder has an error for each kind of damage, also Python's own
            self._warn("the file is damaged; what stands before is read")

    def _workout(self, head: Fields) -> Workout:
        told = _whole(head, 6)
        if told is not None and told != len(self._rows):
            self._warn(f"the file says {told} steps and holds {len(self._rows)}")
        steps = list(self._unrolled())
        if not steps:
            raise UserError("the workout has no steps")
        return Workout(
            name=one_line(_text(head, 8), NAME_CHARS_MAX),
            steps=tuple(steps),
            description=one_line(_text(head, 17), DESCRIPTION_CHARS_MAX),
            sport=self._sport(_whole(head, 4), _whole(head, 11)),
        )

    def _sport(self, sport: int | None, sub_sport: int | None) -> str:
        if sport is None:
            return "bike"
        known = SPORTS.get((sport, sub_sport)) or SPORTS.get((sport, None))
        if known is None:
            self._warn(f"sport {sport} of the FIT profile is not known here; read as bike")
        return known or "bike"

    def _unrolled(self) -> list[Step]:
        """Inner repeats are already unrolled in what an outer one repeats."""
        steps: list[Step] = []
        begins: dict[int, int] = {}  # message index -> where its step stands in `steps`
        for place, row in enumerate(self._rows):
            index = _whole(row, 254)
            begins[place if index is None else index & INDEX_MASK] = len(steps)
            duration_type = _whole(row, 1)
            if duration_type == REPEAT_STEPS:
                steps += self._again(row, steps, begins, place + 1)
            elif duration_type in OTHER_REPEATS:
                self._warn(
                    f"step {place + 1} repeats until {OTHER_REPEATS[duration_type]}; ridden once"
                )
            else:
                steps += self._step(row, place + 1)
            if len(steps) > STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
        return steps

    def _again(
        self, row: Fields, steps: list[Step], begins: dict[int, int], number: int
    ) -> list[Step]:
        """The steps of the further rounds: the number in the file is that of all."""
        first, times = _whole(row, 2), _whole(row, 4)
        start = len(steps) if first is None else begins.get(first & INDEX_MASK, len(steps))
        once = steps[start:]
        if not once or times is None or times < 1:
            self._warn(f"step {number} repeats nothing that can be told; left out")
            return []
        if len(once) * times > STEPS_MAX:
            raise UserError(f"the workout has more than {STEPS_MAX} steps")
        return once * (times - 1)

    def _step(self, row: Fields, number: int) -> Iterator[Step]:
        def warn(text: str) -> None:
            self._warn(f"step {number}: {text}")

        until = _until(row, warn)
        if until is None:
            return
        target = _target(row, (3, 4, 5, 6), warn)
        second = _target(row, (19, 20, 21, 22), warn)
        target, cadence = _beside(target, second, warn)
        intensity = _whole(row, 7)
        kind = kind_of(target) if intensity is None else KINDS.get(intensity, kind_of(target))
        if kind is StepKind.WORK and isinstance(target, FreeRide):
            kind = StepKind.FREE
        notes = one_line(_text(row, 8), TEXT_CHARS_MAX)
        yield Step(
            one_line(_text(row, 0), NAME_CHARS_MAX) or name_of(kind, target),
            kind,
            until,
            target,
            cadence,
            (StepText(0, notes),) if notes else (),
        )


def _until(row: Fields, warn: Warn) -> Until | None:
    """None: a step without length, told as such."""
    value = _whole(row, 2)
    duration_type = _whole(row, 1)
    if value is None and duration_type != 5:
        warn("no length; ended by the lap button")
        return UntilLap()
    value = value or 0
    match duration_type:
        case 0 | 28 | 31:
            return for_seconds(value / 1000, warn)
        case 1:
            return for_metres(value / 100, warn)
        case 2 | 3:
            return UntilHeartRate(_heart_rate(value), above=duration_type == 3)
        case 4:
            return for_kcal(value, warn)
        case 5:
            return UntilLap()
        case _:
            warn("its end cannot be told here; ended by the lap button")
            return UntilLap()


def _heart_rate(value: int) -> Aim:
    value = min(value, 350)
    return aim(Unit.MAX_HR, value / 100) if value <= 100 else aim(Unit.BPM, value - 100)


def _target(row: Fields, numbers: tuple[int, int, int, int], warn: Warn) -> StepTarget:
    """`numbers`: the fields of its type, its zone or value, and its lowest and highest value."""
    kind, value, low, high = (_whole(row, number) for number in numbers)
    match kind:
        case None | 2:
            return FreeRide()
        case 4 | 7 | 8 | 9 | 10:
            return _zone(Unit.POWER_ZONE, value, warn) or _power(low, high, warn)
        case 1 | 13:
            return _zone(Unit.HEART_ZONE, value, warn) or _heart_rates(low, high, warn)
        case 0 | 12:
            return _custom(Unit.KMH, low, high, 3.6 / 1000, warn)
        case 3:
            return _custom(Unit.RPM, low, high, 1, warn)
        case 5 | 6:
            warn("the profile gives no unit for grade and resistance; read as per cent")
            unit = Unit.GRADE_PCT if kind == 5 else Unit.RESISTANCE_PCT
            single = value or None
            return _custom(unit, single if low is None else low, single if high is None else high,
                           1, warn)  # fmt: skip
        case _:
            warn("its target cannot be told here; ridden without one")
            return FreeRide()


def _zone(unit: Unit, number: int | None, warn: Warn) -> Aim | None:
    if not number:  # 0: the target is the range from low to high
        return None
    return ranged(unit, number, number, warn)


def _power(low: int | None, high: int | None, warn: Warn) -> StepTarget:
    if low is not None and high is not None and max(low, high) > 1000:
        return _custom(Unit.WATT, max(low - 1000, 0), max(high - 1000, 0), 1, warn)
    return _custom(Unit.FTP, low, high, 0.01, warn)


def _heart_rates(low: int | None, high: int | None, warn: Warn) -> StepTarget:
    if low is not None and high is not None and max(low, high) > 100:
        return _custom(Unit.BPM, max(low - 100, 0), max(high - 100, 0), 1, warn)
    return _custom(Unit.MAX_HR, low, high, 0.01, warn)


def _custom(unit: Unit, low: int | None, high: int | None, scale: float, warn: Warn) -> StepTarget:
    if low is None or high is None:
        warn("its target has no values; ridden without one")
        return FreeRide()
    # Speeds are in mm/s: two decimals of km/h come back.
    digits = 2 if unit is Unit.KMH else 6
    return ranged(unit, round(low * scale, digits), round(high * scale, digits), warn) or FreeRide()


def _beside(
    first: StepTarget, second: StepTarget, warn: Warn
) -> tuple[StepTarget, CadenceRange | None]:
    """Two targets as one and a cadence."""
    if not isinstance(second, Aim):
        return first, None
    if not isinstance(first, Aim):
        return second, None
    if first.unit is Unit.RPM and second.unit is not Unit.RPM:
        first, second = second, first
    if second.unit is not Unit.RPM:
        warn("its second target is left out")
        return first, None
    return first, CadenceRange(round(second.low), round(second.high))


def _fields(message: fitdecode.FitDataMessage) -> Fields:
    """Those of the profile: an app's own fields have numbers of their own."""
    return {
        field.def_num: field.raw_value
        for field in message.fields
        if field.field_def is not None and not field.field_def.is_dev
    }


def _whole(fields: Fields, number: int) -> int | None:
    """None: not there, marked invalid, or of a type that the profile does not give it."""
    value = fields.get(number)
    return value if isinstance(value, int) else None


def _text(fields: Fields, number: int) -> str:
    value = fields.get(number)
    return value if isinstance(value, str) else ""
