"""Access tokens: only this hub's, only in their time, whatever else is sent."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from hub.auth.principal import Principal, Role
from hub.auth.rate import Rate
from hub.auth.tokens import TTL_MS, BadToken, Claims, ExpiredToken, Tokens, new_key

NOW_MS = 1_700_000_000_000
NEVER_MS = NOW_MS + 10 * TTL_MS
COACH = Principal("login-1", Role.COACH, "ann")
KEY = new_key()
TOKENS = Tokens(KEY)
GOOD = {"sub": "login-1", "role": "coach", "athlete": "ann", "exp": NOW_MS // 1000 + 60}


def signed(claims: dict[str, object], key: str = KEY, **header: str) -> str:
    return jwt.encode(
        {"alg": "Ed25519", "typ": "at+jwt", **header},
        claims,
        OKPKey.import_key(key),
        algorithms=["Ed25519"],
    )


def headed(header: str) -> str:
    return base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode() + ".e30.aa"


def test_a_token_says_who_for_a_quarter_of_an_hour() -> None:
    token = TOKENS.issue(COACH, NOW_MS, NEVER_MS)
    assert token.expires_at_ms == NOW_MS + TTL_MS
    assert TOKENS.read(token.token, NOW_MS) == Claims(COACH, NOW_MS + TTL_MS)
    assert TOKENS.read(token.token, NOW_MS + TTL_MS - 1).principal == COACH
    with pytest.raises(ExpiredToken):
        TOKENS.read(token.token, NOW_MS + TTL_MS)


def test_a_token_is_over_with_its_login() -> None:
    token = TOKENS.issue(COACH, NOW_MS, NOW_MS + 60_500)
    assert token.expires_at_ms == NOW_MS + 60_000


def test_a_hub_that_starts_again_reads_what_it_gave_out() -> None:
    assert Tokens(KEY).read(TOKENS.issue(COACH, NOW_MS, NEVER_MS).token, NOW_MS)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "a" * 2048,
        signed(GOOD, new_key()),  # another hub's
        signed(GOOD, typ="JWT"),
        signed({**GOOD, "exp": "soon"}),
        signed({**GOOD, "role": "emperor"}),
        signed({"exp": GOOD["exp"]}),
        # "alg": "none"
        "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJsb2dpbi0xIn0.",
        # signed with HMAC: the public key is no shared secret
        jwt.encode({"alg": "HS256", "typ": "at+jwt"}, GOOD, OctKey.generate_key(), ["HS256"]),
        headed('{"alg":"Ed25519","typ":"at+jwt","crit":5}'),
        headed("[" * 1_500),
        headed("null"),
    ],
)
def test_anything_else_is_no_token(token: str) -> None:
    with pytest.raises(BadToken, match="no token of this hub"):
        TOKENS.read(token, NOW_MS)


@given(at=st.integers(0, 200), flip=st.integers(1, 63))
def test_a_token_that_was_tampered_with_is_none(at: int, flip: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    good = TOKENS.issue(COACH, NOW_MS, NEVER_MS).token
    at %= len(good) - 1  # the last letter carries bits that mean nothing
    if good[at] == ".":
        return
    other = alphabet[(alphabet.index(good[at]) + flip) % 64]
    with pytest.raises(BadToken):
        TOKENS.read(good[:at] + other + good[at + 1 :], NOW_MS)


@pytest.mark.parametrize("key", ["", "x", OKPKey.generate_key("X25519").as_pem().decode()])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        Tokens(key)


def test_so_many_in_so_long() -> None:
    rate = Rate(2, 1_000)
    assert [rate.take(at) for at in (0, 400, 500, 999, 1_000, 1_399, 1_400)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]
