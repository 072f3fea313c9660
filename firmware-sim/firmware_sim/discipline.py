"""What a body does over and over: turning cranks, rowing, running, stepping. Pure.

A row of the table is how often a minute, how that follows the effort, and how unsteady it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Discipline:
    """`low` to `low + spread` is a person's habit at 80 % of FTP, `rise` what all of FTP adds.

    `stall` is where somebody who stops is standing still: nobody rows 3 strokes a minute.
    """

    low: float
    spread: float
    rise: float
    noise: float
    stall: float


CYCLING = Discipline(low=84.0, spread=10.0, rise=8.0, noise=1.5, stall=35.0)  # turns
ROWING = Discipline(low=22.0, spread=4.0, rise=10.0, noise=0.4, stall=10.0)  # strokes
RUNNING = Discipline(low=160.0, spread=16.0, rise=14.0, noise=1.2, stall=70.0)  # steps
STEPPING = Discipline(low=96.0, spread=14.0, rise=20.0, noise=1.5, stall=30.0)  # steps
