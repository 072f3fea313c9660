"""An athlete as a rider of a session, and how one comes into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub.live import inputs
from hub.store.rows import Athlete
from hub.wire.values import Metric


def rider(athlete: Athlete) -> inputs.Rider:
    return inputs.Rider(
        athlete=athlete.athlete_id,
        name=athlete.name,
        ftp_w=athlete.ftp_w,
        ftp_assumed=athlete.ftp_assumed,
        max_hr_bpm=athlete.max_hr_bpm,
        weight_kg=athlete.weight_kg,
        demo=athlete.demo,
    )


def coming_in(athlete: Athlete, chosen: Sequence[tuple[Metric, str]]) -> Iterator[inputs.Input]:
    """What is said to a session; `chosen`: the sensors that the athlete prefers, by metric."""
    yield inputs.Join(rider(athlete))
    for metric, sensor_id in chosen:
        yield inputs.Choose(athlete.athlete_id, metric, sensor_id)
