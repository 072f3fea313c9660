"""The clients of `/live`: how many, until when, and how they are sent away."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from hub.auth.principal import Admission, Principal
from hub.core.errors import Denied
from hub.live import comeback
from hub.live.outbox import Wire
from hub.live.peer import Host, Peer
from hub.live.strangers import Strangers
from hub.wire.live import GRACE_MS, HELLO_MS, CloseCode

PEERS_MAX = 6_000
TURNED_AWAY_MAX = 500  # beyond: told when to come back, and gone within seconds


class Peers:
    """`chance`: uniform in [0, 1); spreads those who are to come back."""

    def __init__(
        self, now_ms: Callable[[], int], chance: Callable[[], float] = random.random
    ) -> None:
        self._now_ms = now_ms
        self._chance = chance
        self._peers: set[Peer] = set()
        self._strangers: Strangers[Peer] = Strangers()
        self._restarting = False
        self.came_count = 0
        self.went_count = 0

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[Peer]:
        return iter(tuple(self._peers))  # who is sent away leaves at once

    def has_room(self, admitted: bool, address: str) -> bool:
        """Whether a connection may be made at all; asked before anything is kept of it."""
        if len(self._peers) >= PEERS_MAX + TURNED_AWAY_MAX:
            return False
        return admitted or self._strangers.has_room(address)

    def accept(
        self,
        host: Host,
        admission: Admission | None,
        wire: Wire,
        soon: Callable[[Callable[[], None]], object],
        address: str = "",
    ) -> Peer:
        """A client of this admission; None: one that has yet to say hello with a token.

        With too many of them it is sent away at once.
        """
        peer = Peer(host, wire, soon)
        self._peers.add(peer)
        self.came_count += 1
        if admission is None:
            self._strangers.came(peer, address)
            peer.ends_at_ms = self._now_ms() + HELLO_MS
        else:
            self.admit(peer, admission)
        if self._restarting:
            self.send_off(peer)
        elif len(self._peers) > PEERS_MAX:
            reason = f"this hub serves {PEERS_MAX} clients: come back later"
            self._send_away(peer, CloseCode.TOO_MANY, reason, comeback.FULL_MS)
        return peer

    def admit(self, peer: Peer, admission: Admission) -> None:
        self._strangers.gone(peer)
        peer.principal = admission.principal
        _prolong(peer, admission.expires_at_ms)

    def refresh(self, peer: Peer, admission: Admission) -> None:
        """The same login goes on for longer, as what it is today. Raises Denied for another one."""
        if peer.principal is None or peer.principal.login_id != admission.principal.login_id:
            raise Denied("this token is another login's", remedy="open a connection for that one")
        _prolong(peer, admission.expires_at_ms)
        if admission.principal != peer.principal:
            peer.become(admission.principal)

    def gone(self, peer: Peer) -> None:
        self.went_count += 1
        self._peers.discard(peer)
        self._strangers.gone(peer)

    def sweep(self, now: int) -> None:
        """Ends what is over. Call it once a second; it looks at PEERS_MAX numbers."""
        for peer in [peer for peer in self._peers if peer.ends_at_ms <= now]:
            if peer.principal is None:
                reason = f"no hello with a token came within {HELLO_MS // 1000} s"
                peer.dismiss(CloseCode.FORBIDDEN, reason, None)
            else:
                peer.dismiss(CloseCode.EXPIRED, "the login is over: sign in again", None)

    def dismiss(self, login_id: str) -> None:
        """This login was revoked: its clients go and do not come back by themselves."""
        for peer in self:
            if peer.principal is not None and peer.principal.login_id == login_id:
                peer.dismiss(CloseCode.EXPIRED, "signed out", None)

    def change(self, of: Callable[[Principal], Principal]) -> None:
        """Logins act as somebody else now: what their clients watch is looked at anew, at once."""
        for peer in self:
            if peer.principal is not None:
                principal = of(peer.principal)
                if principal != peer.principal:
                    peer.become(principal)

    # Goodbyes after which a client comes back

    def slow(self, peer: Peer) -> None:
        reason = "too slow, come back with your offset"
        self._send_away(peer, CloseCode.SLOW, reason, comeback.SLOW_MS)

    def send_off(self, peer: Peer) -> None:
        self._send_away(peer, CloseCode.RESTART, "the hub restarts", comeback.RESTART_MS)

    def close(self) -> None:
        """The hub stops: everybody goes, and who comes now is sent off as well."""
        self._restarting = True
        for peer in self:
            self.send_off(peer)

    def _send_away(self, peer: Peer, code: CloseCode, reason: str, soonest_ms: int) -> None:
        away_ms = comeback.retry_ms(soonest_ms, len(self._peers), self._chance())
        peer.dismiss(code, reason, away_ms)


def _prolong(peer: Peer, expires_at_ms: int) -> None:
    """A token that ends sooner than what is known takes nothing away."""
    peer.expires_at_ms = max(peer.expires_at_ms, expires_at_ms)
    peer.ends_at_ms = peer.expires_at_ms + GRACE_MS
