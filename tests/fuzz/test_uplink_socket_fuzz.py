"""Rubbish on `/uplink`, before and after a key is proven: one clear end, nothing kept or lost.

150 connections in every run; `FUZZ=1` (make fuzz) makes it 3,000. A gateway rides along all the
time, and the one that is abused has had readings acknowledged before.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from random_messages import BOMBS, Messages, spoiled
from uplink_site import WS, Site, at_site, reading, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.keys import GatewayKey
from hub.wire.uplink import DOWN, UP, Ack, Batch, Hello, StreamHeader, Up
from hub.wire.uplink_proof import NONCE_BYTES, GatewayProof

CONNECTIONS = 3_000 if os.environ.get("FUZZ") else 150
FRAMES_MAX = 8
# Ended with a word of the uplink, or by WebSocket: protocol, text, policy, size (RFC 6455 7.4.1).
CODES = {1000, 1002, 1007, 1008, 1009}


class Abuser:
    """A gateway that goes mad at some point of each connection."""

    def __init__(self, site: Site, random: Random) -> None:
        self._site = site
        self._key: GatewayKey = site.key("mad")
        self._random = random
        self._messages = Messages(Up)
        self.acked: list[str] = []
        self.codes: dict[int, int] = {}

    async def connect(self, number: int) -> None:
        url = f"ws://127.0.0.1:{self._site.web_port}/uplink"
        async with connect(url, compression=None, proxy=None, close_timeout=60) as ws:
            try:
                stage = self._random.randrange(4)
                if stage >= 1:
                    await self._prove(ws)
                if stage >= 2:
                    await self._ride(ws, number)
                torn = await self._rave(ws)
                if stage < 2:
                    await ws.wait_closed()  # whoever is not welcome is not kept
                elif torn:  # the hub may wait for the rest of a frame, and hears no goodbye
                    ws.transport.abort()
            except ConnectionClosed:
                pass
            code = ws.close_code
        if code is not None and code != 1006:
            self.codes[code] = self.codes.get(code, 0) + 1

    async def _prove(self, ws: ClientConnection) -> None:
        key = self._key
        proof = GatewayProof(key.public, key.hub, secrets.token_bytes(NONCE_BYTES), key.shared())
        while not proof.proven:
            answer = proof.receive(await ws.recv(decode=False))
            if answer is not None:
                await ws.send(answer, text=True)

    async def _ride(self, ws: ClientConnection, number: int) -> None:
        """Says Hello, and has three readings acknowledged."""
        epoch, names = f"e{number}", [f"mad-{number}-{i}" for i in range(3)]
        header = StreamHeader(epoch, "boot", 1, 1, 1, 1, False)
        hello = Hello(1, "mad", f"i{number}", "test", "boot", (header,))
        await ws.send(UP.encode(hello), text=True)
        batch = Batch(epoch, 1, tuple(reading(name) for name in names))
        await ws.send(UP.encode(batch), text=True)
        while True:
            said = DOWN.decode(await ws.recv(decode=False))
            if isinstance(said, Ack) and said.durable_seq == 3:
                self.acked += names
                return

    async def _rave(self, ws: ClientConnection) -> bool:
        """Whether it sent bytes that are no frame."""
        random, torn = self._random, False
        for _ in range(random.randint(1, FRAMES_MAX)):
            match random.randrange(5):
                case 0:
                    torn = True
                    with suppress(RuntimeError):  # our own end has said goodbye
                        ws.transport.write(random.randbytes(random.randint(1, 200)))
                case 1:
                    await ws.send(random.choice(BOMBS))
                case 2:
                    await ws.send(spoiled(random, self._messages.make(random)))
                case 3:
                    frame = msgspec.json.encode(self._messages.make(random)).decode()
                    await ws.send([frame[:5], frame[5:]])
                case 4:
                    await ws.send(random.randbytes(random.randint(0, 5_000)))
        return torn


def test_rubbish_ends_its_own_connection_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(site: Site) -> None:
        abuser = Abuser(site, Random(1))
        appended: list[str] = []
        async with site.gateway(WS, site.key("hall")) as hall:
            await until(lambda: hall.uplink.link_up)
            monkeypatch.setattr("hub.http.uplink_line.GREETING_S", 1.0)
            for number in range(CONNECTIONS):
                appended.append(f"r{number}")
                hall.uplink.append(reading(appended[-1]))
                await abuser.connect(number)
            await until(
                lambda: len(site.ingest.lines) == 1 and not hall.uplink._session._spool.kept
            )
            assert [up for up, _ in hall.links] == [True]
        stored = [name for name in site.journal.names() if name[0] == "r"]
        assert stored == appended
        assert [name for name in site.journal.names() if name[0] == "m"] == abuser.acked
        assert len(abuser.acked) > CONNECTIONS // 2
        assert set(abuser.codes) <= CODES and len(abuser.codes) >= 3
        assert not site.web.site._waiting

    at_site(tmp_path, scene)
