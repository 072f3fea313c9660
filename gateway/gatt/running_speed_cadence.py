"""Running Speed and Cadence Service 1.0 (0x1814): 0x2A53 RSC Measurement.

Flags u8, speed, steps per minute (of one foot on some pods), then stride length and distance.
Bit 2 tells walking from running and is not passed on: the pods that send it guess from the speed.
"""

from __future__ import annotations

from gateway.gatt.layout import FF, FFFF, Field, Layout

# fmt: off
MEASUREMENT = (
    #     name               bit   size unit    per_unit
    Field("speed_mps",       None, 2,   "m/s",  256, absent=FFFF),
    Field("step_rate_spm",   None, 1,   "1/min", absent=FF),
    Field("stride_length_m", 0,    2,   "m",    100, absent=FFFF),
    Field("distance_m",      1,    4,   "m",    10, absent=(0xFFFFFFFF,)),
)
# fmt: on


def measurement() -> Layout:
    return Layout(1, MEASUREMENT)
