"""A conversation over `/live`, played against a hub on virtual time.

A script is lines of JSON: `say` (a frame of the client, as text), `wait_ms`, `do` (something that
happens around the hub) and `hear`, what the hub answered to the lines before it. `SESSION` and
`EPOCH` stand for what a hub makes up.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from clock import run
from live_fakes import (
    INTERVALS,
    OWNER,
    FakeWire,
    World,
    announce,
    heart,
    let_in,
    payloads,
    power,
    same_turn,
    sensor,
)

from hub.wire.uplink import SensorKind

Line = dict[str, Any]

SENSORS = (
    sensor("meter", SensorKind.POWER, name="Assioma"),
    sensor("strap", SensorKind.HEART_RATE, name="Polar H10"),
)


def play(script: list[Line]) -> list[Line]:
    """The script with what the hub says today in place of its `hear` lines."""

    async def scene() -> list[Line]:
        world = World()
        hub = world.hub()
        await hub.start()
        announce(hub, *SENSORS)
        await hub.assign(OWNER, "meter", "ann")
        await hub.assign(OWNER, "strap", "ann")
        session = (await hub.create_session(OWNER, workout=INTERVALS, workout_id="w")).session
        epoch = hub.room(session).base.epoch
        wire = FakeWire()
        peer = hub.accept(let_in(OWNER), wire, same_turn)
        told: list[Line] = []
        for line in script:
            if "hear" in line or "closed" in line:
                continue
            told.append(line)
            now = hub.now_us() // 1000
            match line:
                case {"say": str() as text}:
                    peer.receive(text.replace("SESSION", session).replace("EPOCH", epoch).encode())
                    await asyncio.sleep(0.01)
                case {"wait_ms": int() as wait_ms}:
                    await asyncio.sleep(wait_ms / 1000)
                case {"do": "power", "power_w": int() as power_w}:
                    power(hub, "meter", power_w, now)
                case {"do": "heart", "bpm": int() as bpm}:
                    heart(hub, "strap", bpm, now, lease=2)
                case {"do": "stop"}:
                    await hub.stop()
                case _:
                    raise ValueError(line)
            data, wire.writes = b"".join(wire.writes), []
            for payload in payloads(data):
                text = payload.decode().replace(session, "SESSION").replace(epoch, "EPOCH")
                told.append({"hear": json.loads(text)})
        told.append({"closed": list(wire.closed or ())})
        return told

    return run(scene())


def read(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def write(lines: list[Line]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
