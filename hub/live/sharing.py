"""What athletes share: grants are said and taken back here, and count from the next frame on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from hub.auth.grants import Grant, Grants, require_grantee
from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.core.errors import NotFound, Unavailable, UserError
from hub.live.ports import GrantStore
from hub.live.rights import Rights
from hub.live.roster import Roster

LOG = structlog.get_logger()

GRANTS_MAX = 100  # of one athlete


class Sharing:
    """`changed(athletes)`: what anybody may see of them is another."""

    def __init__(
        self,
        store: GrantStore,
        grants: Grants,
        roster: Roster,
        rights: Rights,
        now_ms: Callable[[], int],
        changed: Callable[[Iterable[str]], None],
    ) -> None:
        self._store = store
        self._grants = grants
        self._roster = roster
        self._rights = rights
        self._now_ms = now_ms
        self._changed = changed
        self._writing = asyncio.Lock()  # what is said last stands last, here and on the disk

    async def start(self) -> None:
        self._grants.load(await self._store.all())

    def of(self, principal: Principal, athlete_id: str) -> tuple[Grant, ...]:
        """What holds now. Raises Denied, NotFound."""
        self._require(principal, athlete_id)
        return self._grants.of(athlete_id, self._now_ms())

    async def grant(self, principal: Principal, grant: Grant) -> None:
        """Durable on return. Replaces what was granted them before.

        Raises Denied, NotFound, UserError, Unavailable.
        """
        self._require(principal, grant.athlete_id)
        require_grantee(grant.grantee)
        now = self._now_ms()
        kind, _, name = grant.grantee.partition(":")
        if kind == "athlete" and self._roster.gauges(name) is None:
            raise NotFound("no such athlete")
        if not grant.parts:
            raise UserError("a grant names what may be seen", remedy="take it back instead")
        if not grant.holds(now):
            raise UserError("a grant that is over before it begins", remedy="send a later until_ms")
        async with self._writing:
            held = self._grantees(grant.athlete_id, now)
            if len(held | {grant.grantee}) > GRANTS_MAX:
                raise UserError(f"an athlete has {GRANTS_MAX} grants", remedy="take one back")
            await self._store.put(grant, principal.login_id, now)
            self._grants.put(grant)
            self._changed((grant.athlete_id,))

    async def take_back(self, principal: Principal, athlete_id: str, grantee: str) -> None:
        """Nothing more is sent from now on, whether or not it can be stored.

        Raises Denied, NotFound, and Unavailable: after a restart it would hold again.
        """
        self._require(principal, athlete_id)
        self._end(athlete_id, grantee)
        async with self._writing:
            self._end(athlete_id, grantee)  # one that was being stored meanwhile
            await self._store.remove(athlete_id, grantee)

    def is_due(self, now: int) -> bool:
        """Whether there is something for `sweep`."""
        return self._grants.has_ended(now)

    async def sweep(self, now: int) -> None:
        """Ends what is over."""
        over = self._grants.expire(now)
        self._changed({grant.athlete_id for grant in over})
        for grant in over:
            async with self._writing:
                if grant.grantee not in self._grantees(grant.athlete_id, now):
                    await self._forget(grant)

    async def _forget(self, grant: Grant) -> None:
        try:
            await self._store.remove(grant.athlete_id, grant.grantee)
        except Unavailable as error:
            LOG.warning("grant_not_forgotten", error=str(error))  # it holds no more anyway

    def _end(self, athlete_id: str, grantee: str) -> None:
        self._grants.remove(athlete_id, grantee)
        self._changed((athlete_id,))

    def _grantees(self, athlete_id: str, now: int) -> set[str]:
        return {one.grantee for one in self._grants.of(athlete_id, now)}

    def _require(self, principal: Principal, athlete_id: str) -> None:
        self._rights.require(principal, Act.SHARE, athlete_id)
        self._roster.athlete(athlete_id)
