"""Access tokens: a login's word for a quarter of an hour, for clients that hold no cookie.

A JWT (RFC 7519) signed with Ed25519, the EdDSA of RFC 8037 under its name of RFC 9864. It is read
without the store; whether its login still lets somebody in is for the caller to ask. Times are hub
ms; `exp` is whole seconds, as a NumericDate is.
"""

from __future__ import annotations

from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from hub.auth.principal import Principal, Role
from hub.core.errors import Denied

TTL_MS = 15 * 60_000
ALGORITHM = "Ed25519"
TYPE = "at+jwt"  # RFC 9068 §2.1: no other kind of token of ours may pass for one


class BadToken(Denied):
    """It is not of this hub, or none at all."""

    code = "bad_token"


class ExpiredToken(Denied):
    """It was good once: its time is over, or its login is."""

    code = "expired_token"


class Token(msgspec.Struct, frozen=True):
    token: str
    expires_at_ms: int


class Claims(msgspec.Struct, frozen=True):
    principal: Principal  # as it was when the token was made
    expires_at_ms: int


class _Payload(msgspec.Struct, frozen=True):
    sub: str
    role: Role
    athlete: str
    exp: int


class Tokens:
    """Makes and reads tokens with one key, a private Ed25519 key as PEM.

    Raises ValueError for a key that is none.
    """

    def __init__(self, key_pem: str) -> None:
        self._key = OKPKey.import_key(key_pem)
        if self._key.curve_name != ALGORITHM or not self._key.is_private:
            raise ValueError("no private Ed25519 key")

    def issue(self, principal: Principal, now: int, login_expires_ms: int) -> Token:
        """For TTL_MS, but not beyond the login."""
        exp = min(now + TTL_MS, login_expires_ms) // 1000
        payload = _Payload(principal.login_id, principal.role, principal.athlete_id, exp)
        header = {"alg": ALGORITHM, "typ": TYPE}
        claims: dict[str, Any] = msgspec.to_builtins(payload)
        return Token(jwt.encode(header, claims, self._key, algorithms=[ALGORITHM]), exp * 1000)

    def read(self, token: str, now: int) -> Claims:
        """Raises BadToken, ExpiredToken."""
        try:
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            if found.header.get("typ") != TYPE:
                raise ValueError("another kind of token")
            payload = msgspec.convert(found.claims, _Payload)
        except (JoseError, ValueError, TypeError):
            # A ValidationError of msgspec is a ValueError; joserfc takes any `crit` for a list.
            raise BadToken(
                "this is no token of this hub", remedy="get one from POST /api/token"
            ) from None
        if payload.exp * 1000 <= now:
            raise ExpiredToken("this token is over", remedy="get a new one from POST /api/token")
        principal = Principal(payload.sub, payload.role, payload.athlete)
        return Claims(principal, payload.exp * 1000)


def new_key() -> str:
    """A private key for `Tokens`, as PEM."""
    return OKPKey.generate_key("Ed25519").as_pem(private=True).decode("ascii")
