"""What a viewer is shown of others: without a grant no figure that gives somebody away. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from hub.auth.grants import BITS, EVERYTHING, Part
from hub.wire.live_events import (
    EventBody,
    Finished,
    Lapped,
    Membership,
    Message,
    SourceSwitched,
    TrainerChanged,
    Trimmed,
)
from hub.wire.live_views import AthleteView
from hub.wire.values import Metric

Masks = Mapping[str, int]  # athlete -> BITS of what the viewer may see; absent: nothing


def may_see(masks: Masks, athlete: str, part: Part) -> bool:
    return bool(masks.get(athlete, 0) & BITS[part])


def shown_metrics(mask: int) -> frozenset[Metric]:
    return frozenset(metric for metric in Metric if mask & BITS[Part(metric.value)])


def shown_athlete(view: AthleteView, masks: Masks) -> AthleteView:
    """Without a grant: a name on the list, and no more. With one: what goes with its metrics."""
    mask = masks.get(view.athlete, 0)
    if mask == EVERYTHING:
        return view
    if not mask:
        return AthleteView(view.athlete, view.name, 100, demo=view.demo)
    power, heart = mask & BITS[Part.POWER], mask & BITS[Part.HEART_RATE]
    metrics = shown_metrics(mask)
    return replace(
        view,
        ftp_w=view.ftp_w if power else None,
        ftp_assumed=view.ftp_assumed and bool(power),
        power_zones=view.power_zones if power else None,
        by_hand=view.by_hand if power else None,
        trainer=view.trainer if power else None,
        max_hr_bpm=view.max_hr_bpm if heart else None,
        heart_zones=view.heart_zones if heart else None,
        weight_kg=view.weight_kg if mask & BITS[Part.WEIGHT] else None,
        sources={metric: found for metric, found in view.sources.items() if metric in metrics},
        activity="",
    )


def shown_event(body: EventBody, masks: Masks) -> EventBody | None:
    """The event as a viewer may have it; None: it is not this viewer's business."""
    match body:
        case Lapped(athlete=athlete) | Trimmed(athlete=athlete) | Message(to=athlete):
            return body if athlete == "" or masks.get(athlete) else None
        case SourceSwitched(athlete=athlete, metric=metric):
            return body if metric in shown_metrics(masks.get(athlete, 0)) else None
        case TrainerChanged(athlete=athlete):
            return body if may_see(masks, athlete, Part.POWER) else None
        case Membership(athletes=athletes):
            return Membership(tuple(shown_athlete(athlete, masks) for athlete in athletes))
        case Finished(activities=activities):
            own = {who: made for who, made in activities.items() if masks.get(who) == EVERYTHING}
            return replace(body, activities=own)
        case _:
            return body
