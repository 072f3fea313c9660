"""Fitness Machine Service 1.0 (0x1826), what a machine measures.

0x2ACD Treadmill Data (FTMS 4.4), 0x2ACE Cross Trainer Data (4.5), 0x2AD1 Rower Data (4.8) and
0x2AD2 Indoor Bike Data (4.9): flags, then the fields in bit order. Bit 0 "More Data" is inverted:
the first field is there when it is 0. A cross trainer's flags have three bytes, the others two.

Average speed comes before a bike's cadence (a popular XML has the two bits swapped). Resistance is
two bytes in every captured frame, though later books say one, and a treadmill's pace is one byte
here and two in later books: see `quirks`. A machine without a strap sends a heart rate of 0.

A field without a name is one that nothing here asks for: it only takes its room.
"""

from __future__ import annotations

from gateway.gatt.layout import FF, FFFF, S_7FFF, Field, Layout

MORE_DATA = 0
NO_HEART_RATE = (0, 0xFF)
FFFFFF = (0xFFFFFF,)

# fmt: off
INDOOR_BIKE = (
    #     name                   bit        size unit     per_unit
    Field("speed_kmh",           MORE_DATA, 2,   "km/h",  100, absent=FFFF, when=0),
    Field("average_speed_kmh",   1,         2,   "km/h",  100, absent=FFFF),
    Field("cadence_rpm",         2,         2,   "rpm",   2, absent=FFFF),
    Field("average_cadence_rpm", 3,         2,   "rpm",   2, absent=FFFF),
    Field("distance_m",          4,         3,   "m",     absent=FFFFFF),
    Field("resistance",          5,         2,   "1",     signed=True, absent=S_7FFF),
    Field("power_w",             6,         2,   "W",     signed=True, absent=S_7FFF),
    Field("average_power_w",     7,         2,   "W",     signed=True, absent=S_7FFF),
    Field("energy_kcal",         8,         2,   "kcal",  absent=FFFF),
    Field("energy_per_hour_kcal", 8,        2,   "kcal/h", absent=FFFF),
    Field("energy_per_minute_kcal", 8,      1,   "kcal/min", absent=FF),
    Field("heart_rate_bpm",      9,         1,   "bpm",   absent=NO_HEART_RATE),
    Field("met",                 10,        1,   "MET",   10, absent=FF),
    Field("elapsed_s",           11,        2,   "s",     absent=FFFF),
    Field("remaining_s",         12,        2,   "s",     absent=FFFF),
)

TREADMILL = (
    #     name                   bit        size unit     per_unit
    Field("speed_kmh",           MORE_DATA, 2,   "km/h",  100, absent=FFFF, when=0),
    Field("average_speed_kmh",   1,         2,   "km/h",  100, absent=FFFF),
    Field("distance_m",          2,         3,   "m",     absent=FFFFFF),
    Field("incline_pct",         3,         2,   "%",     10, signed=True, absent=S_7FFF),
    Field("",                    3,         2,   "deg",   10, signed=True),  # ramp angle
    Field("",                    4,         2,   "m",     10),  # climbed
    Field("",                    4,         2,   "m",     10),  # descended
    # Steps of 0.1 km/min are 6 km/h: of no use beside the speed.
    Field("",                    5,         1,   "km/min", 10),  # pace
    Field("",                    6,         1,   "km/min", 10),  # average pace
    Field("energy_kcal",         7,         2,   "kcal",  absent=FFFF),
    Field("energy_per_hour_kcal", 7,        2,   "kcal/h", absent=FFFF),
    Field("energy_per_minute_kcal", 7,      1,   "kcal/min", absent=FF),
    Field("heart_rate_bpm",      8,         1,   "bpm",   absent=NO_HEART_RATE),
    Field("met",                 9,         1,   "MET",   10, absent=FF),
    Field("elapsed_s",           10,        2,   "s",     absent=FFFF),
    Field("remaining_s",         11,        2,   "s",     absent=FFFF),
    Field("",                    12,        2,   "N",     signed=True),  # force on the belt
    Field("power_w",             12,        2,   "W",     signed=True, absent=S_7FFF),
)

CROSS_TRAINER = (
    #     name                   bit        size unit     per_unit
    Field("speed_kmh",           MORE_DATA, 2,   "km/h",  100, absent=FFFF, when=0),
    Field("average_speed_kmh",   1,         2,   "km/h",  100, absent=FFFF),
    Field("distance_m",          2,         3,   "m",     absent=FFFFFF),
    Field("step_rate_spm",       3,         2,   "1/min", absent=FFFF),
    Field("",                    3,         2,   "1/min"),  # average step rate
    Field("stride_count",        4,         2,   "1",     10, absent=FFFF),
    Field("",                    5,         2,   "m"),  # climbed
    Field("",                    5,         2,   "m"),  # descended
    Field("incline_pct",         6,         2,   "%",     10, signed=True, absent=S_7FFF),
    Field("",                    6,         2,   "deg",   10, signed=True),  # ramp angle
    Field("resistance",          7,         2,   "1",     signed=True, absent=S_7FFF),
    Field("power_w",             8,         2,   "W",     signed=True, absent=S_7FFF),
    Field("average_power_w",     9,         2,   "W",     signed=True, absent=S_7FFF),
    Field("energy_kcal",         10,        2,   "kcal",  absent=FFFF),
    Field("energy_per_hour_kcal", 10,       2,   "kcal/h", absent=FFFF),
    Field("energy_per_minute_kcal", 10,     1,   "kcal/min", absent=FF),
    Field("heart_rate_bpm",      11,        1,   "bpm",   absent=NO_HEART_RATE),
    Field("met",                 12,        1,   "MET",   10, absent=FF),
    Field("elapsed_s",           13,        2,   "s",     absent=FFFF),
    Field("remaining_s",         14,        2,   "s",     absent=FFFF),
)  # bit 15 only tells forward from backward

ROWER = (
    #     name                   bit        size unit     per_unit
    Field("stroke_rate_spm",     MORE_DATA, 1,   "1/min", 2, absent=FF, when=0),
    Field("stroke_count",        MORE_DATA, 2,   "1",     absent=FFFF, when=0),
    Field("",                    1,         1,   "1/min", 2),  # average stroke rate
    Field("distance_m",          2,         3,   "m",     absent=FFFFFF),
    Field("pace_s_per_500m",     3,         2,   "s/500 m", absent=FFFF),
    Field("",                    4,         2,   "s/500 m"),  # average pace
    Field("power_w",             5,         2,   "W",     signed=True, absent=S_7FFF),
    Field("average_power_w",     6,         2,   "W",     signed=True, absent=S_7FFF),
    Field("resistance",          7,         2,   "1",     signed=True, absent=S_7FFF),
    Field("energy_kcal",         8,         2,   "kcal",  absent=FFFF),
    Field("energy_per_hour_kcal", 8,        2,   "kcal/h", absent=FFFF),
    Field("energy_per_minute_kcal", 8,      1,   "kcal/min", absent=FF),
    Field("heart_rate_bpm",      9,         1,   "bpm",   absent=NO_HEART_RATE),
    Field("met",                 10,        1,   "MET",   10, absent=FF),
    Field("elapsed_s",           11,        2,   "s",     absent=FFFF),
    Field("remaining_s",         12,        2,   "s",     absent=FFFF),
)
# fmt: on


def indoor_bike() -> Layout:
    return Layout(2, INDOOR_BIKE)


def treadmill() -> Layout:
    return Layout(2, TREADMILL)


def cross_trainer() -> Layout:
    return Layout(3, CROSS_TRAINER)


def rower() -> Layout:
    return Layout(2, ROWER)
