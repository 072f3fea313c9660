"""Cycling Speed and Cadence Service 1.0 (0x1816): 0x2A5B CSC Measurement.

Flags u8, then counters of wheel and crank, each with the time of its last event in 1/1024 s.
Both times wrap at 64 s. (Some test suites take 1/2048 s for the wheel: that is the power
service's unit, and captures of trainers that send both prove the difference.)
"""

from __future__ import annotations

from gateway.gatt.layout import Field, Layout
from gateway.gatt.revolutions import CounterSpec

# fmt: off
MEASUREMENT = (
    #     name            bit size unit   per_unit
    Field("wheel_revs",   0,  4,   "1"),
    Field("wheel_time_s", 0,  2,   "s",   1024),
    Field("crank_revs",   1,  2,   "1"),
    Field("crank_time_s", 1,  2,   "s",   1024),
)
# fmt: on

WHEEL = CounterSpec(revs_wrap=1 << 32, time_wrap_s=64)
CRANK = CounterSpec(revs_wrap=1 << 16, time_wrap_s=64)


def measurement() -> Layout:
    return Layout(1, MEASUREMENT)
