"""A screen with the tiles of a whole class, in a Chromium that is slowed down.

`python -m bench.wall_page BASE COOKIE TILES` waits until so many ride, has their rows four times a
second, and says how many frames a second the screen drew.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from browser.conftest import ARGS
from needs import chromium_path
from playwright.sync_api import Page, sync_playwright

from bench.peers import say

SLOWER = 4
SCREEN = {"width": 1920, "height": 1080}
WAIT_MS = 90_000
SETTLE_MS = 3_000
MEASURE_MS = 10_000
HZ = 4

TILE = '[data-testid="demo-class"] [data-testid="rider"]'
DRAWN = """(ms) => new Promise((done) => {
  const at = [];
  const began = performance.now();
  const draw = (now) => {
    at.push(now);
    if (now - began < ms) requestAnimationFrame(draw);
    else done(at);
  };
  requestAnimationFrame(draw);
})"""
FASTER = """(hz) => {
  const { hub, watched } = document.querySelector("derny-start");
  const channel = `session:${watched}`;
  hub.wire.unsubscribe(channel);
  hub.wire.subscribe(channel, hz);
}"""


def measured(page: Page, tiles: int) -> dict[str, Any]:
    states = []

    def count(payload: str | bytes) -> None:
        if json.loads(payload)["t"] == "state":
            states.append(len(payload))

    page.on("websocket", lambda socket: socket.on("framereceived", count))
    page.goto("/")
    page.wait_for_function(
        "([tile, count]) => document.querySelectorAll(tile).length === count",
        arg=[TILE, tiles],
        timeout=WAIT_MS,
    )
    page.evaluate(FASTER, HZ)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.wait_for_timeout(SETTLE_MS)
    before = len(states)
    drawn: list[float] = page.evaluate(DRAWN, MEASURE_MS)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    took_s = (drawn[-1] - drawn[0]) / 1_000
    gaps = sorted(after - at for at, after in zip(drawn, drawn[1:], strict=False))
    return {
        "fps": (len(drawn) - 1) / took_s,
        "gap_p99_ms": gaps[len(gaps) * 99 // 100],
        "states_per_s": (len(states) - before) / took_s,
    }


def main() -> None:
    base, cookie, tiles = sys.argv[1], sys.argv[2], int(sys.argv[3])
    name, _, value = cookie.partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        context = browser.new_context(base_url=base, viewport=SCREEN)
        context.add_cookies([{"name": name, "value": value, "url": base}])
        said = measured(context.new_page(), tiles)
        browser.close()
    say(**said)


if __name__ == "__main__":
    main()
