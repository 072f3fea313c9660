"""Tells watches: where their lane stands, the next cues, and the wearer's own numbers.

A watch acknowledges numbers as other clients acknowledge state frames, and by the same rules: one
that does not keep up is given none until it does, and one that is dead is cut off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from hub.auth.principal import Principal
from hub.live import views, watch_face
from hub.live.audience import DEAD_ACK_MS, STALE_ACK_MS, Mark
from hub.live.gauges import Gauges
from hub.live.outbox import Outbox, ws_text
from hub.live.room import Room
from hub.live.session_state import Session
from hub.wire.live_to_client import TO_CLIENT, ToClient
from hub.wire.live_views import LaneView

SYNC_MS = 10_000


class Watch:
    """`athlete` whose numbers it shows; "": nobody's. `lane` that it follows; "": none yet.

    `cue_at_ms`: of the last cue it was given.
    """

    __slots__ = (
        "athlete",
        "cue_at_ms",
        "lane",
        "marks",
        "n",
        "outbox",
        "principal",
        "seen",
        "synced_at_ms",
    )

    def __init__(self, outbox: Outbox, principal: Principal) -> None:
        self.outbox = outbox
        self.principal = principal
        self.athlete = ""
        self.lane = ""
        self.n = 0
        self.marks: deque[Mark] = deque()  # bounded by STALE_ACK_MS: one a second
        self.seen = -1  # version of the athlete's gauges
        self.synced_at_ms = 0
        self.cue_at_ms: int | None = None

    def keeps_up(self, now: int) -> bool:
        while self.marks and self.marks[0][0] <= self.outbox.acked_n:
            self.marks.popleft()
        waited_ms = now - self.marks[0][1] if self.marks else 0
        if waited_ms > DEAD_ACK_MS:
            self.outbox.abort()
        return waited_ms <= STALE_ACK_MS


class Watches:
    def __init__(self, now_ms: Callable[[], int], gauges: Callable[[str], Gauges | None]) -> None:
        self._now_ms = now_ms
        self._gauges = gauges
        self._watches: dict[str, dict[Outbox, Watch]] = {}  # by session

    def subscribe(self, outbox: Outbox, principal: Principal, room: Room) -> None:
        watch = Watch(outbox, principal)
        self._watches.setdefault(room.session_id, {})[outbox] = watch
        self._follow(watch, room.base)
        self._tell([watch], room.base, self._now_ms())

    def unsubscribe(self, outbox: Outbox, session_id: str) -> None:
        there = self._watches.get(session_id, {})
        there.pop(outbox, None)
        if not there:
            self._watches.pop(session_id, None)

    def close(self) -> None:
        self._watches.clear()

    def moved(self, room: Room, lane: str = "") -> None:
        """Its timeline is another; "": that of each."""
        there = self._watches.get(room.session_id, {}).values()
        moved = [watch for watch in there if lane in ("", watch.lane)]
        self._tell(moved, room.base, self._now_ms())

    def members_changed(self, room: Room) -> None:
        there = tuple(self._watches.get(room.session_id, {}).values())
        moved = [watch for watch in there if self._follow(watch, room.base)]
        self._tell(moved, room.base, self._now_ms())

    def look(self, room: Room, now: int) -> Iterator[None]:
        """Once a second."""
        due: dict[str, list[Watch]] = {}
        for watch in tuple(self._watches.get(room.session_id, {}).values()):
            if _wants_cues(watch, now) or now - watch.synced_at_ms >= SYNC_MS:
                due.setdefault(watch.lane, []).append(watch)
            self._tell_numbers(watch, now)
            yield
        for watches in due.values():
            self._tell(watches, room.base, now)
            yield

    def _follow(self, watch: Watch, session: Session) -> bool:
        """Whose numbers, and which lane; whether that is another than before."""
        rides = watch.principal.athlete_id in session.riders
        athlete = watch.principal.athlete_id if rides else ""
        lane = athlete if athlete in session.lanes else next(iter(session.lanes), "")
        before = watch.athlete, watch.lane
        watch.athlete, watch.lane = athlete, lane
        return before != (athlete, lane)

    def _tell(self, watches: Sequence[Watch], session: Session, now: int) -> None:
        """Where the lane of each stands, and its cues, in one write."""
        told: dict[str, tuple[bytes, int | None]] = {}
        for watch in watches:
            if watch.lane not in session.lanes:
                continue  # a class at the riders' own pace, into which nobody has come
            if watch.lane not in told:
                told[watch.lane] = _stand(views.lane_view(session, watch.lane, now), now)
            frames, watch.cue_at_ms = told[watch.lane]
            watch.outbox.send(frames)
            watch.synced_at_ms = now

    def _tell_numbers(self, watch: Watch, now: int) -> None:
        gauges = self._gauges(watch.athlete)
        if gauges is None or not watch.keeps_up(now):
            return
        gauges.refresh(now)
        if gauges.version == watch.seen:
            return
        if watch.outbox.offer(_frame(watch_face.numbers(gauges.row, watch.n + 1))):
            watch.n += 1
            watch.marks.append((watch.n, now))
            watch.seen = gauges.version


def _wants_cues(watch: Watch, now: int) -> bool:
    """Those that it has will have passed before it is looked at again twice."""
    return watch.cue_at_ms is not None and watch.cue_at_ms - now < 2_000


def _stand(lane: LaneView, now: int) -> tuple[bytes, int | None]:
    """Both messages, and when the last of the cues is, if there are more behind it."""
    ahead = watch_face.cues(lane)
    cue_at_ms = ahead.cues[-1].at_ms if ahead.more else None
    return _frame(watch_face.sync(lane, now)) + _frame(ahead), cue_at_ms


def _frame(message: ToClient) -> bytes:
    return ws_text(TO_CLIENT.encode(message))
