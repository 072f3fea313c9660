"""The client on real sockets, against a hub that is told what to do."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest
from live_fakes import NOON_MS
from msgspec.structs import replace
from told_hub import CHANNEL, VIEW, WAIT_S, Visit, hub, run, until

from hub.client import Login, Refused, Status, Unanswered, connect
from hub.client.client import Client
from hub.client.cues import Rung
from hub.client.inbox import WAITING_MAX
from hub.client.login import log_in
from hub.client.opening import local_ms
from hub.wire.live import CloseCode
from hub.wire.live_events import Lapped
from hub.wire.live_from_client import (
    Action,
    Control,
    FromClient,
    Hello,
    Refresh,
    Resume,
    Subscribe,
)
from hub.wire.live_to_client import Event, Refreshed, Reply, Snapshot
from hub.wire.live_views import LaneView, SessionView
from hub.wire.values import Cue, CueKind


async def until_live(client: Client) -> None:
    async for _ in client:
        if client.status is Status.LIVE:
            return


def lap(number: int) -> Event:
    return Event(CHANNEL, number, Lapped("", NOON_MS, number))


def test_it_comes_back_resumes_and_says_a_command_again() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe) and visit.number == 0:
            await visit.say(Snapshot(CHANNEL, "e", 1, VIEW), lap(2))
        elif isinstance(message, Subscribe):
            await visit.say(lap(3))
        elif isinstance(message, Control):
            if visit.number == 0:
                visit.ws.transport.abort()  # done, and nobody heard of it
            else:
                await visit.say(Reply(message.key, True, effect_at_ms=NOON_MS))

    async def scene() -> None:
        async with hub(answer) as (base, visits), connect(Login(base, "derny=secret")) as client:
            channel = await client.subscribe(CHANNEL, 4)
            await until_live(client)
            reply = await client.control("s1", Action.LAP, key="k1", within_s=WAIT_S)
            assert reply.effect_at_ms == NOON_MS
            offsets: list[int] = []
            async for told in client:
                if isinstance(told, Event):
                    offsets.append(told.offset)
                if offsets == [2, 3]:
                    break
            assert channel.resume == Resume("e", 3)
        assert [one.key for visit in visits for one in visit.heard if isinstance(one, Control)] == [
            "k1", "k1",
        ]  # fmt: skip
        assert Subscribe(CHANNEL, 4, Resume("e", 2)) in visits[1].heard
        assert visits[0].ws.request is not None
        assert visits[0].ws.request.headers["Cookie"] == "derny=secret"

    run(scene)


def test_who_is_not_let_in_is_told_and_does_not_come_again() -> None:
    async def nothing(visit: Visit, message: FromClient) -> None: ...

    async def scene() -> None:
        async with hub(nothing, HTTPStatus.UNAUTHORIZED) as (base, visits):
            async with connect(Login(base, "derny=old")) as client:
                with pytest.raises(Refused, match="Sign in first"):
                    async for _ in client:
                        pass
                with pytest.raises(Refused):
                    await client.control("s1", Action.LAP)
            assert visits == []

    run(scene)


def test_a_hub_that_says_goodbye_for_good_is_believed() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Control):
            await visit.ws.close(CloseCode.EXPIRED, "signed out")

    async def scene() -> None:
        async with hub(answer) as (base, visits), connect(Login(base, "c")) as client:
            with pytest.raises(Refused, match="signed out"):
                await client.control("s1", Action.LAP, within_s=WAIT_S)
            assert len(visits) == 1

    run(scene)


def test_a_command_without_an_answer_is_given_up() -> None:
    async def nothing(visit: Visit, message: FromClient) -> None: ...

    async def scene() -> None:
        async with hub(nothing) as (base, _), connect(Login(base, "c")) as client:
            with pytest.raises(Unanswered, match=r"pause within 0\.05 s"):
                await client.control("s1", Action.PAUSE, within_s=0.05)
            assert len(client.core.commands) == 0

    run(scene)


def test_a_caller_that_is_slow_gets_every_event_in_order() -> None:
    """More than wait: reading stops, and goes on as the caller takes some."""
    count = 3 * WAITING_MAX

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            begin = 1 if message.resume is None else message.resume.offset + 1
            if begin == 1:
                await visit.say(Snapshot(CHANNEL, "e", 0, VIEW))
            await visit.say(*(lap(number) for number in range(begin, count + 1)))

    async def scene() -> None:
        async with hub(answer) as (base, _), connect(Login(base, "c")) as client:
            await client.subscribe(CHANNEL)
            offsets: list[int] = []
            async for told in client:
                if isinstance(told, Event):
                    offsets.append(told.offset)
                    if told.offset == count:
                        break
            assert offsets == list(range(1, count + 1))

    run(scene)


def test_a_token_is_fetched_for_each_connection() -> None:
    given: list[str] = []

    async def token() -> str:
        given.append(f"token-{len(given) + 1}")
        return given[-1]

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Hello) and visit.number == 0:
            visit.ws.transport.abort()
        if isinstance(message, Control):
            await visit.say(Reply(message.key, True))

    async def scene() -> None:
        async with hub(answer) as (base, visits), connect(base, token=token) as client:
            await client.control("s1", Action.LAP, within_s=WAIT_S)
            hellos = [
                one.token for visit in visits for one in visit.heard if isinstance(one, Hello)
            ]
            assert hellos[:2] == ["token-1", "token-2"]
            assert visits[0].ws.request is not None and "Cookie" not in visits[0].ws.request.headers

    run(scene)


def test_a_token_that_ends_is_refreshed_within_the_connection() -> None:
    """The hub's first word of its end lies in the past; then it is far away."""
    given: list[str] = []
    refreshed = asyncio.Event()

    async def token() -> str:
        given.append(f"token-{len(given) + 1}")
        return given[-1]

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Refresh):
            assert message.token == "token-2"
            await visit.say(Refreshed(round(NOON_MS + local_ms()) + 900_000))
            refreshed.set()

    async def scene() -> None:
        async with hub(answer) as (base, visits), connect(base, token=token) as client:
            await refreshed.wait()
            await until(lambda: not client.core.wants_token(local_ms()))
            assert len(visits) == 1 and given == ["token-1", "token-2"]

    run(scene)


def test_who_can_get_no_token_any_more_is_refused() -> None:
    async def token() -> str:
        raise Refused("signed out")

    async def nothing(visit: Visit, message: FromClient) -> None: ...

    async def scene() -> None:
        async with hub(nothing) as (base, _), connect(base, token=token) as client:
            with pytest.raises(Refused, match="signed out"):
                async for _ in client:
                    pass

    run(scene)


def test_a_fault_of_the_callback_is_raised_where_the_caller_is() -> None:
    async def token() -> str:
        raise KeyError("no such file")

    async def nothing(visit: Visit, message: FromClient) -> None: ...

    async def scene() -> None:
        async with hub(nothing) as (base, _), connect(base, token=token) as client:
            with pytest.raises(KeyError):
                async for _ in client:
                    pass

    run(scene)


def test_the_same_key_twice_at_once_is_one_command() -> None:
    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Control):
            await visit.say(Reply(message.key, True))

    async def scene() -> None:
        async with hub(answer) as (base, visits), connect(Login(base, "c")) as client:
            asked = (client.control("s1", Action.LAP, key="k", within_s=WAIT_S) for _ in range(2))
            assert [reply.key for reply in await asyncio.gather(*asked)] == ["k", "k"]
            assert len([one for one in visits[0].heard if isinstance(one, Control)]) == 1

    run(scene)


def test_a_class_of_two_hundred_fits_into_a_frame() -> None:
    lane = LaneView("x" * 26, "running", 1, 0, None, 0, 0, 0, (), ())
    names = tuple(replace(lane, lane=f"{number:026}" + "x" * 8_000) for number in range(200))

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            await visit.say(Snapshot(CHANNEL, "e", 1, replace(VIEW, lanes=names)))

    async def scene() -> None:
        async with hub(answer) as (base, _), connect(Login(base, "c")) as client:
            channel = await client.subscribe(CHANNEL)
            async for told in client:
                if isinstance(told, Snapshot):
                    break
            assert channel.session is not None and len(channel.session.lanes) == 200

    run(scene)


def test_a_bell_rings_at_its_instant_or_after_and_never_before() -> None:
    fired: list[tuple[Rung, float]] = []

    async def answer(visit: Visit, message: FromClient) -> None:
        if isinstance(message, Subscribe):
            now = round(NOON_MS + local_ms())
            cues = tuple(Cue(i, CueKind.COUNTDOWN, now + 100 * i, str(i), 0) for i in (1, 2, 3))
            lane = LaneView("group", "running", 1, now, None, 0, now, 0, (), cues)
            view = SessionView("s1", "Class", "", "running", (lane,), ())
            await visit.say(Snapshot(CHANNEL, "e", 1, view))

    async def scene() -> None:
        async with hub(answer) as (base, _), connect(Login(base, "c")) as client:
            rung = asyncio.Event()

            def note(one: Rung) -> None:
                fired.append((one, client.hub_ms()))
                if len(fired) == 3:
                    rung.set()

            client.ring(await client.subscribe(CHANNEL), note)
            await rung.wait()

    run(scene)
    assert [one.cue.i for one, _ in fired] == [1, 2, 3]
    assert all(one.late_ms >= 0 and at_ms >= one.cue.at_ms for one, at_ms in fired)


def test_a_secret_is_in_no_traceback_and_a_link_without_one_is_none() -> None:
    assert "secret" not in repr(Login("http://127.0.0.1:1", "derny=secret"))

    async def scene() -> None:
        for link in ("http://127.0.0.1:1/", "derny", "ftp://x/#token=a"):
            with pytest.raises(Refused, match="no one-time link"):
                await log_in(link)

    run(scene)
