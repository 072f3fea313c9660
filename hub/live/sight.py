"""What a viewer is shown of others: without a grant no figure that gives somebody away. Pure."""

from __future__ import annotations

from collections.abc import Set

from msgspec.structs import replace

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

Granted = Set[str]  # the athletes whose metrics a viewer may see


def shown_athlete(view: AthleteView, granted: Granted) -> AthleteView:
    """Without a grant: a name on the list, and no more."""
    if view.athlete in granted:
        return view
    return AthleteView(view.athlete, view.name, 100, demo=view.demo)


def shown_event(body: EventBody, granted: Granted) -> EventBody | None:
    """The event as a viewer may have it; None: it is not this viewer's business."""
    match body:
        case Lapped(athlete=athlete) | Trimmed(athlete=athlete):
            return body if athlete == "" or athlete in granted else None
        case SourceSwitched(athlete=athlete) | TrainerChanged(athlete=athlete):
            return body if athlete in granted else None
        case Message(to=to):
            return body if to == "" or to in granted else None
        case Membership(athletes=athletes):
            return Membership(tuple(shown_athlete(athlete, granted) for athlete in athletes))
        case Finished(activities=activities):
            own = {athlete: made for athlete, made in activities.items() if athlete in granted}
            return replace(body, activities=own)
        case _:
            return body
