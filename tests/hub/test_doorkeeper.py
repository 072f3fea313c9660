"""Who is let in, by a cookie or by a token, on a real store."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from stores import opened

from hub.auth.principal import Admission, Principal, Role
from hub.auth.tokens import TTL_MS, BadToken, ExpiredToken, Tokens, new_key
from hub.core.errors import ConfigError, Conflict, Unavailable
from hub.doorkeeper import LOGIN_TTL_MS, RENEW_MS, TOKENS_A_MINUTE, Doorkeeper
from hub.token_key import NAME, open_tokens

NOW_MS = 1_700_000_000_000


class Door(Doorkeeper):
    """At a time that the test sets."""

    now = NOW_MS
    owner = "ann"
    ended: list[str]


def at_the_door(tmp_path: Path, test: Callable[[Door], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as store:
            tokens = Tokens(new_key())
            door = Door(store.logins, tokens, lambda: door.now, lambda: door.owner)
            door.ended = []
            door.on_ended = door.ended.append
            await door.start()
            await test(door)

    asyncio.run(scene())


async def owner(door: Door) -> tuple[str, Admission]:
    cookie = await door.login(await door.link_token())
    admission = door.by_cookie(cookie)
    assert admission is not None
    return cookie, admission


def test_a_cookie_lets_in_as_long_as_its_login(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        cookie, admission = await owner(door)
        assert admission.expires_at_ms == NOW_MS + LOGIN_TTL_MS
        assert (admission.principal.role, admission.principal.athlete_id) == (Role.OWNER, "ann")
        assert door.by_cookie("") is door.by_cookie("another") is None
        door.now += LOGIN_TTL_MS
        assert door.by_cookie(cookie) is None

    at_the_door(tmp_path, test)


def test_a_token_lets_in_as_what_its_login_is_today(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        _, admission = await owner(door)
        token = door.access_token(admission.principal)
        assert token.expires_at_ms == NOW_MS + TTL_MS
        door.owner = "bob"
        renamed = Principal(admission.principal.login_id, Role.OWNER, "bob")
        assert door.by_token(token.token) == Admission(renamed, NOW_MS + TTL_MS)

    at_the_door(tmp_path, test)


def test_a_token_is_over_at_once_with_its_login(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        cookie, admission = await owner(door)
        login_id = admission.principal.login_id
        token = door.access_token(admission.principal).token
        await door.end(login_id)
        assert door.ended == [login_id]
        assert door.by_cookie(cookie) is None
        with pytest.raises(ExpiredToken, match="login of this token is over"):
            door.by_token(token)
        with pytest.raises(ExpiredToken):
            door.access_token(admission.principal)

    at_the_door(tmp_path, test)


def test_a_guests_token_is_over_with_the_guests_login(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        cookie = await door.let_in(Role.ATHLETE, "guest", 60_000)
        admission = door.by_cookie(cookie)
        assert admission is not None
        token = door.access_token(admission.principal)
        assert token.expires_at_ms == NOW_MS + 60_000
        door.now += 60_000
        with pytest.raises(ExpiredToken):
            door.by_token(token.token)

    at_the_door(tmp_path, test)


def test_a_token_of_another_role_than_the_logins_is_over(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        cookie = await door.let_in(Role.ATHLETE, "bob", TTL_MS)
        admission = door.by_cookie(cookie)
        assert admission is not None
        once = Principal(admission.principal.login_id, Role.COACH, "bob")
        with pytest.raises(ExpiredToken, match="role"):
            door.by_token(door.access_token(once).token)

    at_the_door(tmp_path, test)


def test_another_hubs_token_is_none(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        _, admission = await owner(door)
        foreign = Tokens(new_key()).issue(admission.principal, NOW_MS, NOW_MS + TTL_MS)
        with pytest.raises(BadToken):
            door.by_token(foreign.token)

    at_the_door(tmp_path, test)


def test_a_login_gets_so_many_tokens_a_minute_and_another_its_own(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        _, greedy = await owner(door)
        _, modest = await owner(door)
        for _ in range(TOKENS_A_MINUTE):
            door.access_token(greedy.principal)
        with pytest.raises(Unavailable, match="within a minute"):
            door.access_token(greedy.principal)
        door.access_token(modest.principal)
        door.now += 60_000
        door.access_token(greedy.principal)

    at_the_door(tmp_path, test)


def test_a_login_is_renewed_from_the_second_day_on(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        cookie, admission = await owner(door)
        login_id = admission.principal.login_id
        assert await door.renew(login_id) == NOW_MS + LOGIN_TTL_MS
        door.now += RENEW_MS
        assert await door.renew(login_id) == door.now + LOGIN_TTL_MS
        door.now += LOGIN_TTL_MS - 1
        await door.start()  # as it was stored
        assert door.by_cookie(cookie) is not None
        door.now += 1
        assert door.by_cookie(cookie) is None

    at_the_door(tmp_path, test)


def test_neither_a_guests_login_nor_one_that_ended_is_renewed(tmp_path: Path) -> None:
    async def test(door: Door) -> None:
        guest = door.by_cookie(await door.let_in(Role.ATHLETE, "guest", 12 * 3_600_000))
        assert guest is not None
        with pytest.raises(Conflict, match="for one class"):
            await door.renew(guest.principal.login_id)
        _, admission = await owner(door)
        await door.end(admission.principal.login_id)
        with pytest.raises(ExpiredToken):
            await door.renew(admission.principal.login_id)

    at_the_door(tmp_path, test)


def test_the_key_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    who = Principal("login", Role.OWNER)
    token = open_tokens(tmp_path).issue(who, NOW_MS, NOW_MS + TTL_MS)
    path = tmp_path / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert open_tokens(tmp_path).read(token.token, NOW_MS).principal == who
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("no key")
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        open_tokens(tmp_path)
