"""An athlete as a rider of a session, and how one comes into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import asdict

from hub.core.figures import BIKE, Figures, body_of
from hub.core.target import Thresholds
from hub.live import inputs
from hub.store.rows import Athlete
from hub.wire.values import Metric


def rider(athlete: Athlete, sport: str) -> inputs.Rider:
    """With the figures that count now for `sport`."""
    figures = figures_of(athlete, sport)
    return inputs.Rider(
        athlete=athlete.athlete_id,
        name=athlete.name,
        demo=athlete.demo,
        zones=figures.zones,
        **asdict(figures.thresholds),
    )


def figures_of(athlete: Athlete, sport: str = BIKE) -> Figures:
    """What counts now."""
    own = athlete.by_sport.get(sport)
    if own is not None:
        return own
    bike = athlete.by_sport.get(BIKE) or Figures(
        Thresholds(
            ftp_w=athlete.ftp_w,
            ftp_assumed=athlete.ftp_assumed,
            max_hr_bpm=athlete.max_hr_bpm,
            weight_kg=athlete.weight_kg,
        )
    )
    return bike if sport == BIKE else Figures(body_of(bike.thresholds))


def coming_in(
    athlete: Athlete, sport: str, chosen: Sequence[tuple[Metric, str]]
) -> Iterator[inputs.Input]:
    """What is said to a session; `chosen`: the sensors that the athlete prefers, by metric."""
    yield inputs.Join(rider(athlete, sport))
    for metric, sensor_id in chosen:
        yield inputs.Choose(athlete.athlete_id, metric, sensor_id)
