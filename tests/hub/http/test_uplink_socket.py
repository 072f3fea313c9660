"""`/uplink` on loopback: what strangers, rubbish, floods and stalled readers come to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from uplink_site import SILENCE_MS, WS, Site, at_site, hub_us, reading, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.keys import GatewayKey
from hub.wire.codec import FRAME_BYTES_MAX
from hub.wire.uplink import (
    DOWN,
    UP,
    DownBye,
    Hello,
    Plan,
    PlanStep,
    Refuse,
    UpBeat,
    Welcome,
)
from hub.wire.uplink_proof import NONCE_BYTES, PROOF, GatewayProof, Proven
from hub.wire.values import PowerTarget


@asynccontextmanager
async def stranger(
    site: Site, path: str = "/uplink", **more: object
) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{site.web_port}{path}"
    async with connect(url, compression=None, proxy=None, **more) as ws:  # type: ignore[arg-type]
        yield ws


async def prove(ws: ClientConnection, key: GatewayKey) -> None:
    proof = GatewayProof(key.public, key.hub, secrets.token_bytes(NONCE_BYTES), key.shared())
    while not proof.proven:
        answer = proof.receive(await ws.recv(decode=False))
        if answer is not None:
            await ws.send(answer, text=True)


async def greet(ws: ClientConnection, key: GatewayKey, instance: str = "i1") -> None:
    await prove(ws, key)
    await ws.send(UP.encode(Hello(1, "x", instance, "test", "boot", ())), text=True)
    assert isinstance(DOWN.decode(await ws.recv(decode=False)), Welcome)


async def end_of(ws: ClientConnection) -> tuple[list[bytes], int]:
    """What it still said, and the close code."""
    said: list[bytes] = []
    try:
        while True:
            said.append(await ws.recv(decode=False))
    except ConnectionClosed as closed:
        return said, closed.rcvd.code if closed.rcvd is not None else 1006


# Before the key is proven


def test_who_says_nothing_is_told_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.http.uplink_line.GREETING_S", 0.05)

    async def scene(site: Site) -> None:
        async with stranger(site) as silent:
            (challenge, refuse), code = await end_of(silent)
            PROOF.decode(challenge)
            told = DOWN.decode(refuse)
            assert isinstance(told, Refuse) and told.code == "too_late" and code == 1008
        assert site.ingest.counts["line_too_late"] == 1

    at_site(tmp_path, scene)


def test_a_key_alone_is_no_gateway(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with stranger(site) as ws:
            await prove(ws, site.key("hall"))
            (line,) = site.web.site._waiting
            line.give_up("too_late", "its time is over")
            (refuse,), code = await end_of(ws)
            assert isinstance(DOWN.decode(refuse), Refuse) and code == 1008
        await until(lambda: len(site.ingest.lines) == 0)

    at_site(tmp_path, scene)


def test_many_strangers_crowd_out_the_oldest_and_no_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.http.uplink_line.WAITING_MAX", 3)
    monkeypatch.setattr("hub.http.uplink_line.GREETING_S", 600)

    async def scene(site: Site) -> None:
        async with (
            stranger(site) as first,
            stranger(site),
            stranger(site),
            stranger(site),
            site.gateway(WS, site.key("hall")) as hall,
        ):
            _, code = await end_of(first)
            assert code == 1008
            hall.uplink.append(reading("strap"))
            await until(lambda: site.heard() == [("hall", "strap")])
            assert len(site.web.site._waiting) <= 3

    at_site(tmp_path, scene)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\x00",
        b'{"t":"nonsense"}',
        UP.encode(UpBeat(1)),
        UP.encode(Hello(1, "hall", "i", "test", "boot", ())),
        PROOF.encode(Proven("0" * 64)),
        b"x" * 2_000,
    ],
)
def test_rubbish_of_a_stranger_is_one_refusal(frame: bytes, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with stranger(site) as ws:
            await ws.send(frame)
            (_, refuse), code = await end_of(ws)
            told = DOWN.decode(refuse)
            assert isinstance(told, Refuse) and told.code == "malformed" and code == 1008
        assert site.ingest.counts["line_malformed"] == 1

    at_site(tmp_path, scene)


def test_a_page_of_another_site_and_another_path_have_no_uplink(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        with pytest.raises(InvalidStatus) as foreign:
            async with stranger(site, origin="https://elsewhere.example"):
                pass
        assert foreign.value.response.status_code == 403
        with pytest.raises(InvalidStatus):
            async with stranger(site, "/uplinks"):
                pass

    at_site(tmp_path, scene)


# After it


@pytest.mark.parametrize("frame", [b"", b"\xff", b"[" * 1_000, b'{"t":"batch","epoch":1}'])
def test_rubbish_of_a_gateway_is_one_bye_and_costs_no_reading(frame: bytes, tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(WS, site.key("hall")) as hall, stranger(site) as ws:
            hall.uplink.append(reading("r0"))
            await greet(ws, site.key("garage"))
            await ws.send(frame)
            said, code = await end_of(ws)
            bye = DOWN.decode(said[-1])
            assert isinstance(bye, DownBye) and bye.reason == "malformed" and code == 1000
            hall.uplink.append(reading("r1"))
            await until(lambda: sorted(site.journal.names()) == ["r0", "r1"])
            assert site.ingest.gateways_up == ("hall",)

    at_site(tmp_path, scene)


@pytest.mark.parametrize("known", [False, True])
def test_a_frame_too_large_ends_its_connection_and_nobody_elses(
    known: bool, tmp_path: Path
) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(WS, site.key("hall")) as hall, stranger(site) as ws:
            await until(lambda: hall.uplink.link_up)
            if known:
                await greet(ws, site.key("garage"))
            await ws.send(b"x" * (FRAME_BYTES_MAX + 1))
            _, code = await end_of(ws)
            assert code == 1009
            hall.uplink.append(reading("r0"))
            await until(lambda: site.journal.names() == ["r0"])
            await until(lambda: site.ingest.gateways_up == ("hall",))

    at_site(tmp_path, scene)


def test_fragments_are_one_frame(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with stranger(site) as ws:
            await prove(ws, site.key("hall"))
            hello = UP.encode(Hello(1, "x", "i1", "test", "boot", ())).decode()
            await ws.send([hello[:10], hello[10:30], hello[30:]])
            assert isinstance(DOWN.decode(await ws.recv(decode=False)), Welcome)

    at_site(tmp_path, scene)


def test_a_gateway_that_reads_nothing_is_given_up_and_holds_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.http.uplink_line.SEND_BYTES_MAX", 64 * 1024)
    step = PlanStep(hub_us() // 1_000, PowerTarget(100))

    async def scene(site: Site) -> None:
        async with site.gateway(WS, site.key("hall")) as hall, stranger(site) as ws:
            await until(lambda: hall.uplink.link_up)
            await greet(ws, site.key("garage"))
            ws.transport.pause_reading()
            rev = 0
            while "garage" in site.ingest.gateways_up:
                rev += 1
                plan = Plan("kickr", 1, rev, 2**50, 300, (step,) * 500)
                site.ingest.send_plan("garage", plan)
                await asyncio.sleep(0)
            assert site.ingest.counts["send_full"] == 1
            assert ("down", "stalled") in site.told
            hall.uplink.append(reading("r0"))
            await until(lambda: site.journal.names() == ["r0"])
            await until(lambda: len(site.ingest.lines) == 1)
            ws.transport.abort()

    at_site(tmp_path, scene)


def test_a_flood_does_not_keep_the_others(tmp_path: Path) -> None:
    async def scene(site: Site) -> None:
        async with site.gateway(WS, site.key("hall")) as hall, stranger(site) as ws:
            await until(lambda: hall.uplink.link_up)
            await greet(ws, site.key("garage"))
            beat = UP.encode(UpBeat(1)).decode()

            async def flood() -> None:
                while True:
                    await ws.send(beat)

            flooding = asyncio.create_task(flood())
            for number in range(3):
                hall.uplink.append(reading(f"r{number}"))
                await until(lambda number=number: len(site.journal.names()) == number + 1)
            flooding.cancel()
            assert site.ingest.gateways_up == ("hall", "garage")

    at_site(tmp_path, scene)


# Silence


class Spoken:
    """A line that keeps what was said."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended = False

    def send(self, frame: bytes) -> str:
        self.frames.append(frame)
        return ""

    def end(self) -> None:
        self.ended = True


def test_a_hub_that_was_stopped_hears_its_lines_before_it_judges_them(tmp_path: Path) -> None:
    """ZeroMQ's socket can be asked at once what came meanwhile; a line is read by the loop."""

    async def scene(site: Site) -> None:
        ingest, now_us = site.ingest, hub_us()
        assert ingest._timer is not None
        ingest._timer.cancel()
        ingest._hub_us = lambda: now_us
        line = Spoken()
        peer = ingest.lines.open(line, site.key("hall").public)

        def tick(after_ms: int) -> None:
            nonlocal now_us
            now_us += after_ms * 1_000
            ingest._tick()
            assert ingest._timer is not None
            ingest._timer.cancel()

        tick(100)
        assert ingest.lines.heard(peer, UP.encode(Hello(1, "x", "i", "t", "b", ())))
        tick(100)
        tick(SILENCE_MS + 1_000)
        assert ingest.gateways_up == ("hall",)
        ingest.lines.heard(peer, UP.encode(UpBeat(1)))  # what had come meanwhile
        tick(100)
        assert ingest.gateways_up == ("hall",) and not line.ended
        tick(SILENCE_MS + 1_000)
        tick(100)  # nothing had come
        assert site.downs() == ["silent"] and line.ended and len(ingest.lines) == 0

    at_site(tmp_path, scene)
