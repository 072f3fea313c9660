"""Who looks at a session, as each of them is told: whether the coach is there, and who sees whose
numbers. Pure: `now` is an argument.

Somebody else's look at one's heart rate is never secret: whoever is watched sees by whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from hub.auth.principal import Principal
from hub.live.outbox import Outbox
from hub.live.session_state import Session
from hub.live.viewer import Viewer
from hub.wire.live_views import CoachView, WatcherView

COACH_AWAY_MS = 5_000  # a page that reloads, a phone that changes the network
WATCHERS_MAX = 50  # named; the number of all of them is exact

# Viewers who are told the same: the rider among them ("": none), and whether it is the coach.
Group = tuple[str, bool]


def group_of(session: Session, viewer: Viewer) -> Group:
    principal = viewer.principal
    rider = principal.athlete_id if principal.athlete_id in session.riders else ""
    return rider, principal.login_id == session.coach


def is_coach_here(session: Session, viewers: Iterable[Viewer]) -> bool:
    return any(viewer.principal.login_id == session.coach for viewer in viewers)


def is_away(left_at_ms: int | None, now: int) -> bool:
    """`left_at_ms`: since when no device of the coach looks on; None: one does."""
    return left_at_ms is not None and now - left_at_ms >= COACH_AWAY_MS


def coach_view(
    session: Session, left_at_ms: int | None, now: int, *, you: bool
) -> CoachView | None:
    if not session.coach:
        return None
    away_since_ms = left_at_ms if is_away(left_at_ms, now) else None
    return CoachView(session.coach_name, away_since_ms, you, session.coach_role)


Watched = dict[str, Counter[tuple[str, str]]]  # athlete -> (name, role) -> devices


def watched(
    session: Session,
    viewers: Iterable[Viewer],
    elsewhere: Mapping[str, Mapping[Outbox, Viewer]],
    name: Callable[[Principal], str],
) -> Watched:
    """Who may see whose numbers right now. Simulated riders are there to be looked at.

    `elsewhere`: who looks at one athlete alone.
    """
    people = {athlete for athlete, rider in session.riders.items() if not rider.demo}
    by: Watched = {athlete: Counter() for athlete in people}
    lookers = [(viewer, people & {who for who, _ in viewer.granted}) for viewer in viewers]
    for athlete in people & elsewhere.keys():
        lookers += [(viewer, {athlete}) for viewer in elsewhere[athlete].values()]
    for viewer, athletes in lookers:
        principal = viewer.principal
        for athlete in athletes - {principal.athlete_id}:
            by[athlete][name(principal), principal.role.value] += 1
    return by


def watcher_views(who: Counter[tuple[str, str]]) -> tuple[WatcherView, ...]:
    first = sorted(who.items())[:WATCHERS_MAX]
    return tuple(WatcherView(name, role, devices) for (name, role), devices in first)
