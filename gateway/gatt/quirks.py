"""What devices do against the book, as a table: which frames, which devices, which repair.

A model is matched loosely, as devices advertise it in many spellings: "LifeFitness-1234" and
"Life Fitness indoor bike" both contain "lifefitness" once case and punctuation are gone.
A row with an empty model holds for every device: its repair is proved by the frame's length.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.gatt.fitness_machine import INDOOR_BIKE
from gateway.gatt.layout import FF, FFFF, Field, Repair

ANY_MODEL = ""
FLAGS_BYTES = 2
CUT_BYTES = 20  # what ATT_MTU 23, the default, lets through
_CADENCE = next(field for field in INDOOR_BIKE if field.name == "cadence_rpm")


_PACE_BITS = (5, 6)  # of a treadmill: pace and average pace
_AVERAGE_PACE_BIT = 4  # of a rower


def _is_cut(fields: tuple[Field, ...], left_over: int, flags_bytes: int = FLAGS_BYTES) -> bool:
    sent = flags_bytes + sum(field.size for field in fields) + left_over
    return left_over < 0 and sent == CUT_BYTES


def one_byte_resistance(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """Exactly one byte short: resistance was sent as u8, as the present supplement has it.

    Not at 20 bytes: there the link is what is short, and the last field is what is missing.
    """
    if left_over != -1 or _is_cut(fields, left_over):
        return fields
    return _with_one_byte_resistance(fields)


def one_byte_resistance_u24(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """The same behind the three bytes of a cross trainer's flags."""
    if left_over != -1 or _is_cut(fields, left_over, flags_bytes=3):
        return fields
    return _with_one_byte_resistance(fields)


def _with_one_byte_resistance(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(
        field._replace(size=1, signed=False, absent=FF) if field.name == "resistance" else field
        for field in fields
    )


def two_byte_pace(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """One byte too many for each pace of a treadmill: s/500 m, as the present supplement has it."""
    paces = [field for field in fields if field.bit in _PACE_BITS]
    if not paces or left_over != len(paces):
        return fields
    return tuple(_two_bytes(field) if field in paces else field for field in fields)


def _two_bytes(pace: Field) -> Field:
    name = "pace_s_per_500m" if pace.bit == _PACE_BITS[0] else ""
    return pace._replace(name=name, size=2, unit="s/500 m", per_unit=1, absent=FFFF)


def power_for_average_pace(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """Average pace is flagged and not sent: power stands there, and kcal/min in power's place."""
    if all(field.bit != _AVERAGE_PACE_BIT for field in fields):
        return fields
    return tuple(_moved(field) for field in fields)


def _moved(field: Field) -> Field:
    if field.bit == _AVERAGE_PACE_BIT:
        return field._replace(name="power_w", unit="W")
    if field.name == "power_w":
        return field._replace(name="energy_per_minute_kcal", unit="kcal/min", signed=False)
    if field.name == "energy_per_minute_kcal":
        return field._replace(name="")
    return field


def unannounced_cadence(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """Two bytes too many, average cadence without cadence: it was sent, its flag forgotten."""
    return _with_cadence(fields) if left_over == _CADENCE.size else fields


def unannounced_cadence_cut(fields: tuple[Field, ...], left_over: int) -> tuple[Field, ...]:
    """The same of a model known for it, where a cut hides the two bytes."""
    return _with_cadence(fields) if _is_cut(fields, left_over) else fields


def _with_cadence(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    names = [field.name for field in fields]
    if _CADENCE.name in names or "average_cadence_rpm" not in names:
        return fields
    at = names.index("average_cadence_rpm")
    return (*fields[:at], _CADENCE, *fields[at:])


@dataclass(frozen=True)
class Quirk:
    char: str
    model: str  # lower case letters and digits that the device's name contains
    repair: Repair
    seen_on: str


QUIRKS = (
    Quirk("2ad2", ANY_MODEL, one_byte_resistance, "Rave bike: 30 bytes with every flag set"),
    Quirk("2ad2", ANY_MODEL, unannounced_cadence, "Life Fitness bikes: bit 2 never set"),
    Quirk("2ad2", "lifefitness", unannounced_cadence_cut, "the same over ATT_MTU 23"),
    Quirk("2acd", ANY_MODEL, two_byte_pace, "none yet: the books differ, the length tells"),
    Quirk("2ace", ANY_MODEL, one_byte_resistance_u24, "none yet: the length tells"),
    Quirk("2ad1", ANY_MODEL, one_byte_resistance, "none yet: the length tells"),
    # As the source of the captures reads them, which is in doubt: docs/reference/sensors.md.
    Quirk("2ad1", "mrcaptain", power_for_average_pace, "Mr Captain rower: bit 4 set"),
)


# How a resistance level is written (FTMS 0x04), where it is not in two bytes. Others that want one
# byte are found out by what they answer.
ONE_BYTE_LEVELS = ("wltbk",)  # WLT-BK: levels 1 to 24, times ten

# A trainer that speaks several protocols is steered by FTMS, unless its model stands here.
DIALECTS: dict[str, str] = {}


def resistance_level_bytes(model: str) -> int:
    name = folded(model)
    return 1 if any(row in name for row in ONE_BYTE_LEVELS) else 2


def dialect(model: str, table: dict[str, str] = DIALECTS) -> str | None:
    """The protocol that this model is better steered by; None: by the usual order."""
    name = folded(model)
    return next((better for row, better in table.items() if row in name), None)


def folded(model: str) -> str:
    return "".join(letter for letter in model.lower() if letter.isalnum())


def repairs(char: str, model: str | None) -> tuple[Repair, ...]:
    """The repairs for `char` on a device of this advertised name or model; None: unknown."""
    name = folded(model or "")
    return tuple(quirk.repair for quirk in QUIRKS if quirk.char == char and quirk.model in name)
