"""The policy as the live part asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub.auth.grants import EVERYTHING, Grants
from hub.auth.policy import Act, Object
from hub.auth.principal import Principal
from hub.core.errors import Denied, NotFound
from hub.live.ports import May
from hub.live.session_state import Session
from hub.live.viewer import Granted


class Rights:
    """`is_demo(athlete)`: simulated riders ride for everybody to see."""

    def __init__(
        self,
        may: May,
        is_demo: Callable[[str], bool],
        grants: Grants,
        now_ms: Callable[[], int],
    ) -> None:
        self._may = may
        self._is_demo = is_demo
        self._grants = grants
        self._now_ms = now_ms

    def has(self, principal: Principal, act: Act, athlete_id: str = "") -> bool:
        return self._may(principal, act, Object(athlete_id, self._is_demo(athlete_id)))

    def require(self, principal: Principal, act: Act, athlete_id: str = "") -> None:
        """Raises Denied."""
        if not self.has(principal, act, athlete_id):
            raise Denied(f"this login may not {act.value.replace('_', ' ')}")

    def mask(self, principal: Principal, athlete_id: str) -> int:
        """`hub.auth.grants.BITS` of what the principal may see of an athlete."""
        if self.has(principal, Act.SEE_METRICS, athlete_id):
            return EVERYTHING
        return self._grants.mask(principal, athlete_id, self._now_ms())

    def granted(self, principal: Principal, athletes: Iterable[str]) -> Granted:
        """Those of `athletes` of whom the principal may see anything, and what."""
        masks = ((athlete, self.mask(principal, athlete)) for athlete in athletes)
        return frozenset((athlete, mask) for athlete, mask in masks if mask)

    def named(self, principal: Principal, athletes: Iterable[str]) -> frozenset[str]:
        """Those of `athletes` of whom the principal may know where they sit and what they wear."""
        return frozenset(a for a in athletes if self.has(principal, Act.SEE_RIDERS, a))

    def sees(self, principal: Principal, session: Session) -> bool:
        return self._may(principal, Act.SEE_SESSION, Object(demo=session.demo))

    def require_sight(self, principal: Principal, session: Session) -> None:
        """Raises NotFound: whether it exists is not the principal's business either."""
        if not self.sees(principal, session):
            raise NotFound("no such session")

    def require_lane(self, principal: Principal, session: Session) -> None:
        """A lane with one rider is that rider's; a group's or a class's is the coach's.

        Raises Denied.
        """
        riders = tuple(session.riders)
        alone = len(riders) == 1 and not session.open
        self.require(principal, Act.CONTROL_SESSION, riders[0] if alone else "")
