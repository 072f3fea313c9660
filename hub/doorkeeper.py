"""Who is let in, and until when: logins by their cookie or by an access token.

Every login is known by heart, because a socket is accepted without waiting for the store.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hub.auth.principal import Admission, Principal, Role
from hub.auth.rate import Rate
from hub.auth.tokens import ExpiredToken, Token, Tokens
from hub.core.errors import Conflict, Unavailable
from hub.store.logins import Logins, token_hash
from hub.store.rows import Login

LINK_TTL_MS = 15 * 60_000
LOGIN_TTL_MS = 30 * 24 * 3_600_000
RENEW_MS = 24 * 3_600_000  # a login is written anew once a day at most
LOGINS_MAX = 1_000  # on one hub; one more is refused
TOKENS_A_MINUTE = 10  # for one login: a client needs one in a quarter of an hour


class Doorkeeper:
    """`owner`: the owner's athlete, which may be named only after the first login.

    `on_ended` is told each login that lets nobody in any more, at once.
    """

    def __init__(
        self,
        logins: Logins,
        tokens: Tokens,
        now_ms: Callable[[], int],
        owner: Callable[[], str],
    ) -> None:
        self._logins = logins
        self._tokens = tokens
        self._now_ms = now_ms
        self._owner = owner
        self._known: dict[bytes, Login] = {}  # by the hash of its cookie
        self._rates: dict[str, Rate] = {}  # by login
        self.on_ended: Callable[[str], None] = lambda login_id: None

    async def start(self) -> None:
        self._known = dict(await self._logins.active(self._now_ms()))

    # Whose request it is

    def by_cookie(self, cookie: str) -> Admission | None:
        """`cookie`: the value of ours, "" for none."""
        login = self._known.get(token_hash(cookie)) if cookie else None
        return None if login is None else self._admitted(login)

    def by_token(self, token: str) -> Admission:
        """As what its login is today. Raises BadToken, ExpiredToken."""
        claims = self._tokens.read(token, self._now_ms())
        login = self._by_id(claims.principal.login_id)
        admitted = None if login is None else self._admitted(login)
        if admitted is None:
            raise ExpiredToken("the login of this token is over", remedy="sign in again")
        if admitted.principal.role is not claims.principal.role:
            raise ExpiredToken(
                "this token is of a role that its login has no more",
                remedy="get a new one from POST /api/token",
            )
        return Admission(admitted.principal, claims.expires_at_ms)

    def _admitted(self, login: Login) -> Admission | None:
        if login.expires_ms <= self._now_ms():
            return None
        role = Role(login.role)
        athlete = self._owner() if role is Role.OWNER else login.athlete_id
        return Admission(Principal(login.login_id, role, athlete), login.expires_ms)

    def _by_id(self, login_id: str) -> Login | None:
        """A thousand at most, and asked once for each connection without a cookie."""
        return next((one for one in self._known.values() if one.login_id == login_id), None)

    # Ways in

    async def link_token(self, role: Role = Role.OWNER) -> str:
        """The token of a link that lets one device in, once, within 15 minutes."""
        return await self._logins.create_link(role, self._now_ms(), LINK_TTL_MS)

    async def login(self, link_token: str) -> str:
        """The cookie's value. Raises Denied for a link that is unknown, used or expired."""
        now = self._now_ms()
        self._require_room(now)
        token, login = await self._logins.consume_link(link_token, now, LOGIN_TTL_MS)
        self._known[token_hash(token)] = login
        return token

    async def let_in(self, role: Role, athlete_id: str, ttl_ms: int) -> str:
        """The cookie's value for somebody who came without a link. Raises Unavailable."""
        now = self._now_ms()
        self._require_room(now)
        token, login = await self._logins.create(role, athlete_id, now, ttl_ms)
        self._known[token_hash(token)] = login
        return token

    def access_token(self, principal: Principal) -> Token:
        """For a client of this login that holds no cookie. Raises Unavailable, ExpiredToken."""
        now = self._now_ms()
        login = self._by_id(principal.login_id)
        if login is None:
            raise ExpiredToken("this login is over", remedy="sign in again")
        if not self._rates.setdefault(login.login_id, Rate(TOKENS_A_MINUTE, 60_000)).take(now):
            raise Unavailable(
                f"this login got {TOKENS_A_MINUTE} tokens within a minute",
                remedy="keep the one you have until it is nearly over",
            )
        return self._tokens.issue(principal, now, login.expires_ms)

    # The end of a login

    async def renew(self, login_id: str) -> int:
        """The login lets in for another LOGIN_TTL_MS; when it ends now (hub ms).

        Raises ExpiredToken, and Conflict for one that was given for hours only.
        """
        now = self._now_ms()
        login = self._by_id(login_id)
        if login is not None and login.expires_ms - login.created_ms < LOGIN_TTL_MS:
            raise Conflict("this login is for one class", remedy="scan the bike's code again")
        if login is not None and now + LOGIN_TTL_MS - login.expires_ms < RENEW_MS:
            return login.expires_ms
        expires_ms = now + LOGIN_TTL_MS
        if login is None or not await self._logins.prolong(login_id, expires_ms):
            raise ExpiredToken("this login is over", remedy="sign in again")
        self._known = {
            key: replace(one, expires_ms=expires_ms) if one.login_id == login_id else one
            for key, one in self._known.items()
        }
        return expires_ms

    def logins(self) -> list[tuple[str, str]]:
        """(login, athlete) of every login that lets somebody in."""
        now = self._now_ms()
        alive = (login for login in self._known.values() if login.expires_ms > now)
        return [(login.login_id, login.athlete_id) for login in alive]

    async def end(self, login_id: str) -> None:
        """It lets nobody in any more, and its clients are sent away."""
        await self._logins.revoke(login_id, self._now_ms())
        self._keep(lambda login: login.login_id != login_id)
        self.on_ended(login_id)

    def _require_room(self, now: int) -> None:
        self._keep(lambda login: login.expires_ms > now)
        if len(self._known) >= LOGINS_MAX:
            raise Unavailable("this hub has too many logins", remedy="log a device out")

    def _keep(self, wanted: Callable[[Login], bool]) -> None:
        self._known = {key: login for key, login in self._known.items() if wanted(login)}
        here = {login.login_id for login in self._known.values()}
        self._rates = {login: rate for login, rate in self._rates.items() if login in here}
