"""Two pages, a terminal and a simulated watch fire the same cues: how far apart, by one clock.

All run on this machine, so its boot clock says when each of them did. No bound on the spread is
asserted: this machine may stop any of them for seconds. What must hold is what each says of itself:
it fires no earlier than its clock's error bound allows, and, where it knows how late it noticed,
just so late.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
from house import PATIENCE_S, House, house, wait_until
from playwright.sync_api import Browser, Page

from firmware_sim.clients.device import Device
from firmware_sim.clients.profiles import PROFILES
from firmware_sim.clients.swarm import Swarm
from hub.client.cues import Rung
from hub.client.opening import local_ms

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vendor")]

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "live-data.md"
STEP_S, STEPS = 4, 3
WORKOUT = (
    "<workout_file><name>Short</name><workout>"
    + f'<SteadyState Duration="{STEP_S}" Power="0.5"/>' * STEPS
    + "</workout></workout_file>"
)
TONES = 4 * (STEPS - 1) + 1  # 3-2-1 and the change, and the end
PAIRS = 30  # looks at both clocks: the quickest counts
RIDE_S = 120.0

# Notes each tone as it is laid, and what the audio clock showed when; `perf` is the page's clock.
NOTE_TONES = """
window.tones = [];
window.outputs = [];
const start = OscillatorNode.prototype.start, stop = OscillatorNode.prototype.stop;
OscillatorNode.prototype.start = function (when) {
  window.tones.push({ node: this, context: this.context, begins_s: when });
  window.outputs.push(this.context.getOutputTimestamp());
  return start.call(this, when);
};
OscillatorNode.prototype.stop = function (when) {
  if (when === undefined) window.tones = window.tones.filter((tone) => tone.node !== this);
  return stop.call(this, when);
};
window.bound_ms = 0;
setInterval(() => {
  const context = window.tones[0]?.context;
  if (context) window.outputs.push(context.getOutputTimestamp());
  const clock = document.querySelector("derny-app")?.hub.clock;
  window.bound_ms = Math.max(window.bound_ms, clock?.error_ms ?? 0);
}, 100);
"""
# When each was heard, by the page's clock: from the look at the audio clock next to it.
HEARD = """() => window.tones.map(({ begins_s }) => {
  const near = window.outputs.reduce((a, b) =>
    Math.abs(b.contextTime - begins_s) < Math.abs(a.contextTime - begins_s) ? b : a);
  return near.performanceTime + (begins_s - near.contextTime) * 1000;
})"""
# How far the audio clock went against the page's own, to and fro.
WOBBLE = """() => {
  const lines = window.outputs.map((one) => one.performanceTime - one.contextTime * 1000);
  return Math.max(...lines) - Math.min(...lines);
}"""
HUB = "document.querySelector('derny-app').hub"


@dataclass
class Fired:
    """What one device did, by the boot clock. Cues are told from each other by their hub time."""

    at_ms: dict[int, float] = field(default_factory=dict)
    # How late it noticed, by its own idea of hub time; a page leaves that to the audio clock.
    late_ms: dict[int, float] = field(default_factory=dict)
    bound_ms: float = 0.0  # of that idea's error, the worst that it said
    look_ms: float = 0.0  # how well the test knows `at_ms`


class Watch(Swarm):
    """One device of the watch profile, on a loop and in a thread of its own."""

    def __init__(self, home: House, session: str) -> None:
        address = urlsplit(home.base)
        assert address.hostname is not None and address.port is not None
        super().__init__(address.hostname, address.port)
        self.fired = Fired()
        wishes = PROFILES["watch"].wishes(session, "")
        self._device = Device(self, wishes, address.netloc, home.cookie)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._truth = (math.inf, 0.0)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._live()])

    def rang(self, device: Device, rung: Rung) -> None:
        super().rang(device, rung)
        now_ms, cue_ms = local_ms(), rung.cue.at_ms
        self.fired.at_ms[cue_ms] = now_ms
        self.fired.late_ms[cue_ms] = device.clock.now_ms(now_ms) - cue_ms
        self.fired.bound_ms = max(self.fired.bound_ms, device.clock.error_ms(now_ms) or 0.0)

    async def _live(self) -> None:
        await self.enter([self._device], 100)
        while not self._stop.is_set():
            clock = self._device.clock
            if clock.count and clock.offset_ms is not None:
                bound_ms = clock.error_ms(local_ms()) or math.inf
                self._truth = min(self._truth, (bound_ms, clock.offset_ms))
            await asyncio.sleep(0.1)
        await self.leave()

    def hub_ahead_ms(self) -> tuple[float, float]:
        """Hub time less the boot clock, and how well that is known: the best of all exchanges."""
        return self._truth[1], self._truth[0]

    @property
    def ready(self) -> bool:
        return self._device.live and self._device.clock.count > 2

    @contextmanager
    def worn(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE_S)
            self._loop.close()


@contextmanager
def terminal(home: House, session: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", "watch", session, "--plain", "--log-cues", str(log)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=home.environment(), cwd=home.data,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@contextmanager
def program_of_the_page(home: House) -> Iterator[list[str]]:
    """The program that the page shows, fed as it says, once it runs; its lines, at the end."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", HOWTO.read_text("utf-8"), re.M | re.S)
    process = subprocess.Popen(
        [sys.executable, "-c", code], text=True, env=home.environment(), cwd=home.data,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(home.derny("link").stdout)
    process.stdin.flush()
    assert process.stdout is not None
    lines = [process.stdout.readline().rstrip()]
    assert lines == ["hub live"]
    try:
        yield lines
    finally:
        process.terminate()
        lines += process.communicate(timeout=PATIENCE_S)[0].splitlines()


def terminal_fired(log: Path) -> Fired:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return Fired(
        {row["cue_at_ms"]: row["local_ms"] for row in rows},
        {row["cue_at_ms"]: row["fired_at_ms"] - row["cue_at_ms"] for row in rows},
        max((row["bound_ms"] or 0.0 for row in rows), default=0.0),
    )


def page_fired(page: Page, cues: set[int], hub_ahead_ms: float) -> Fired:
    pairs = []
    for _ in range(PAIRS):
        before_ms = local_ms()
        perf_ms = page.evaluate("performance.now()")
        after_ms = local_ms()
        pairs.append(((after_ms - before_ms) / 2, (before_ms + after_ms) / 2 - perf_ms))
    half_ms, ahead_ms = min(pairs)
    fired = Fired(bound_ms=page.evaluate("window.bound_ms"))
    fired.look_ms = half_ms + page.evaluate(WOBBLE)
    for perf_ms in page.evaluate(HEARD):
        at_ms = perf_ms + ahead_ms
        cue = min(cues, key=lambda one: abs(one - hub_ahead_ms - at_ms))
        if abs(cue - hub_ahead_ms - at_ms) < 500:  # they are a second apart
            fired.at_ms[cue] = at_ms
    return fired


def test_the_same_cue_on_two_pages_a_terminal_and_a_watch(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "workouts").mkdir(parents=True)
    data.chmod(0o700)
    (data / "workouts" / "short.zwo").write_text(WORKOUT)
    cues = tmp_path / "cues.jsonl"
    with house(data, "--no-demo") as home:
        home.call("PUT", "/api/me", {"name": "Ada", "ftp_w": 200})
        session = home.call("POST", "/api/sessions", {"workout": "short"})["session"]
        watch = Watch(home, session)
        pages = [ride_page(browser, home, session) for _ in range(2)]
        program, wall = program_of_the_page(home), terminal(home, session, cues)
        with watch.worn(), program as lines, wall as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "hub live" in line, line
            wait_until(lambda: watch.ready, PATIENCE_S, "the watch is connected")
            home.call("POST", f"/api/sessions/{session}/start", {"key": "go"})
            process.wait(RIDE_S)  # it ends with the session
        for what in (
            r"hub live$",
            r"cue Interval|cue \d \d",
            r"event \d+ Timeline$",
            r"none 0 ms old$",
        ):
            assert any(re.search(what, line) for line in lines), (what, lines)
        hub_ahead_ms, known_ms = watch.hub_ahead_ms()
        fired = {"terminal": terminal_fired(cues), "watch": watch.fired}
        known = {cue for one in fired.values() for cue in one.at_ms}
        for number, page in enumerate(pages, 1):
            fired[f"page {number}"] = page_fired(page, known, hub_ahead_ms)
            page.context.close()
    common = sorted(set.intersection(*(set(one.at_ms) for one in fired.values())))
    assert common, {name: len(one.at_ms) for name, one in fired.items()}
    print(told(fired, common, hub_ahead_ms))
    for name, one in fired.items():
        slack_ms = one.bound_ms + one.look_ms + known_ms
        for cue, at_ms in one.at_ms.items():
            error_ms = at_ms - (cue - hub_ahead_ms)
            assert error_ms >= -slack_ms, (name, cue, error_ms, slack_ms)
            if cue in one.late_ms:
                assert abs(error_ms - one.late_ms[cue]) <= slack_ms, (name, cue, error_ms, one)


def told(fired: dict[str, Fired], common: list[int], hub_ahead_ms: float) -> str:
    """The table of one run: ms from the instant that the hub meant, and from first to last."""
    lines = [f"{len(common)} cues of {TONES} fired by all"]
    for name, one in fired.items():
        errors = sorted(one.at_ms[cue] - (cue - hub_ahead_ms) for cue in common)
        lines.append(
            f"{name:9} median {median(errors):6.2f}, {errors[0]:6.2f} to {errors[-1]:6.2f} ms; "
            f"clock ± {one.bound_ms:.2f}, known to {one.look_ms:.2f} ms"
        )
    spreads = [
        max(one.at_ms[cue] for one in fired.values())
        - min(one.at_ms[cue] for one in fired.values())
        for cue in common
    ]
    lines.append(f"{'spread':9} median {median(spreads):6.2f}, at most {max(spreads):6.2f} ms")
    return "\n".join(lines)


def ride_page(browser: Browser, home: House, session: str) -> Page:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    name, _, value = home.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": home.base}])
    page = context.new_page()
    page.add_init_script(NOTE_TONES)
    page.goto(f"{home.base}/#/ride/{session}")
    page.wait_for_function(f"() => {HUB}?.clock.samples.length >= 8")
    page.mouse.click(5, 5)  # browsers let a page sound only after a tap
    return page
