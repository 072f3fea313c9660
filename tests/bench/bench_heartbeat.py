"""The way of one heartbeat, hop by hop, through a whole house of real processes.

`derny up --demo` with six riders and their sixteen sensors; one client watches the guest's session
and the demo class. Simulator, gateway, hub and client all stamp with the machine's boot clock, so
hops of different processes are told apart without any synchronisation.
"""

from __future__ import annotations

import json
import os
import select
import socket
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from house import House, house, wait_until

from bench.crowd import READ_BYTES, boot_ms, connect, frames_in, hub_offset_ms, masked
from bench.figures import cpu_s, p50_p99, quantile, waited_s
from bench.table import Row
from hub.wire.live_rows import ROW_FIELDS

GUEST = ("Polar H10 1F2A3B", "KICKR CORE 4A2C", "Wahoo RPM 77D1")
TRIM_EVERY_S = 0.5
LIVE_S_MAX = 40.0
BUDGET_DECODE_MS = 0.05
BUDGET_UPLINK_MS = 50.0
BUDGET_FUSE_MS = 0.1
BUDGET_PUSH_MS = 2.0
SHOWN_BY = {  # which column of a row tells when the reading was made that it shows
    "2a37": ROW_FIELDS.index("heart_rate_bpm.at_ms"),
    "2a63": ROW_FIELDS.index("power_w.at_ms"),
    "2ad2": ROW_FIELDS.index("power_w.at_ms"),
}
Shares = dict[str, tuple[float, float]]  # of a core: used, and waited for
NAMES = {"firmware_sim": "simulator", "gateway": "gateway", "hub": "hub"}


@dataclass
class Watcher:
    """A client that does nothing but look; every `TRIM_EVERY_S` it asks for an event."""

    sock: socket.socket
    guest: str
    session: str
    states: list[tuple[float, bytes]] = field(default_factory=list)
    asked_ms: dict[int, float] = field(default_factory=dict)
    event_ms: list[float] = field(default_factory=list)
    _rest: bytes = b""
    _acked_s: float = 0.0

    def watch(self, until_s: float) -> None:
        ask_s = time.monotonic()
        trim_pct = 100
        while (now_s := time.monotonic()) < until_s:
            if now_s >= ask_s:
                ask_s += TRIM_EVERY_S
                trim_pct = trim_pct % 110 + 1 if trim_pct < 110 else 90
                self._ask(trim_pct)
            wait_s = max(min(ask_s, until_s) - now_s, 0)
            if select.select([self.sock], [], [], wait_s)[0]:
                self._read()

    def _ask(self, trim_pct: int) -> None:
        self.asked_ms[trim_pct] = boot_ms()
        command = {
            "t": "control",
            "key": f"trim-{time.monotonic_ns()}",
            "session": self.session,
            "action": "trim",
            "athlete": self.guest,
            "trim_pct": trim_pct,
        }
        self.sock.sendall(masked(command))

    def _read(self) -> None:
        data = self.sock.recv(READ_BYTES)
        now_ms = boot_ms()
        if not data:
            raise ConnectionError("the hub hung up")
        payloads, self._rest = frames_in(self._rest + data)
        for payload in payloads:
            if payload.startswith(b'{"t":"state"'):
                self.states.append((now_ms, payload))
            elif b'"e":"trim"' in payload:
                asked_ms = self.asked_ms.pop(json.loads(payload)["body"]["trim_pct"], None)
                if asked_ms is not None:
                    self.event_ms.append(now_ms - asked_ms)
        if self.states and time.monotonic() - self._acked_s >= 1:
            self._acked_s = time.monotonic()
            self.sock.sendall(masked({"t": "ack", "n": json.loads(self.states[-1][1])["n"]}))


@dataclass(frozen=True)
class Traces:
    """What simulator, gateway and hub wrote down."""

    sent_ms: dict[tuple[str, str], list[float]]  # (sensor's name, characteristic): when sent
    gateway: list[dict[str, Any]]
    hub: list[dict[str, Any]]


@contextmanager
def traced(folder: Path) -> Iterator[None]:
    """For the processes that start within."""
    wanted = {"DERNY_TRACE": str(folder / "trace"), "DERNY_SIM_LOG": str(folder / "sent")}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]


def read_traces(folder: Path) -> Traces:
    sent: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in (folder / "sent").read_text().splitlines():
        record = json.loads(line)
        sent[record["sensor"], record["char"]].append(record["at_ms"])
    records = [json.loads(line) for line in (folder / "trace").read_text().splitlines()]
    by_hop = defaultdict(list)
    for record in records:
        by_hop[record["hop"]].append(record)
    return Traces(sent, by_hop["gateway"], by_hop["hub"])


def hops_ms(traces: Traces, names: dict[str, str], from_us: float) -> dict[str, list[float]]:
    """Every hop but the last, of readings that arrived after `from_us`."""
    found: dict[str, list[float]] = {"air": [], "gateway": [], "uplink": [], "fusion": []}
    handed_us: dict[tuple[str, str, int], int] = {}
    for record in traces.gateway:
        rx_us = record["rx_boot_us"]
        key = (record["sensor"], record["char"], rx_us // 1_000)
        handed_us[key] = record["sent_boot_us"]
        if rx_us < from_us:
            continue
        found["gateway"].append((record["sent_boot_us"] - rx_us) / 1e3)
        sent_ms = traces.sent_ms.get((names.get(record["sensor"], ""), record["char"]), [])
        before = bisect_right(sent_ms, rx_us / 1e3)
        if before:
            found["air"].append(rx_us / 1e3 - sent_ms[before - 1])
    for record in traces.hub:
        left_us = handed_us.get((record["sensor"], record["char"], record["at_boot_ms"]))
        if left_us is not None and left_us >= from_us:
            found["uplink"].append((record["rx_boot_us"] - left_us) / 1e3)
            found["fusion"].append((record["fused_boot_us"] - record["rx_boot_us"]) / 1e3)
    return found


def frames_ms(
    watcher: Watcher, traces: Traces, offset_ms: int, athletes: dict[str, str]
) -> tuple[list[float], list[float]]:
    """From the tick, and from the bytes at the gateway, to the frame at the client."""
    heard_ms: dict[tuple[str, int, int], int] = {}  # (athlete, column, hub ms): boot ms at gateway
    for record in traces.hub:
        column, athlete = SHOWN_BY.get(record["char"]), athletes.get(record["sensor"])
        if column is not None and athlete:
            heard_ms[athlete, column, record["at_ms"]] = record["at_boot_ms"]
    from_tick, from_bytes = [], []
    for received_ms, payload in watcher.states:
        frame = json.loads(payload)
        if not frame["whole"]:
            from_tick.append(received_ms + offset_ms - frame["at_ms"])
        for row in frame["rows"]:
            for column in set(SHOWN_BY.values()):
                # Popped: the first frame that shows a reading is the one that brings it.
                shown_ms = heard_ms.pop((row[0], column, row[column]), None)
                if shown_ms is not None:
                    from_bytes.append(received_ms - shown_ms)
    return from_tick, from_bytes


@dataclass(frozen=True)
class Studio:
    """Who rides, with how many sensors, and for how long it is looked at."""

    scenario: str
    sensors: int
    seconds: float


SIX = Studio("studio-6", 16, 20.0)
TWENTY = Studio("studio-20", 43, 600.0)


def mount(home: House, sensors: int) -> str:
    """The guest takes her sensors; the athlete's id."""
    athlete: str = home.call("PUT", "/api/me", {"name": "Bench", "ftp_w": 230})["athlete"]
    wait_until(lambda: len(live(home)) >= sensors, LIVE_S_MAX, f"{sensors} sensors are live")
    for name in GUEST:
        sensor = live(home)[name]["sensor"]
        home.call("PUT", f"/api/assignments/{sensor}", {"athlete": athlete})
    return athlete


def live(home: House) -> dict[str, dict[str, Any]]:
    sensors = home.call("GET", "/api/sensors")["sensors"]
    return {s["name"]: s for s in sensors if s["link"] == "live" and s.get("last")}


def sessions(home: House) -> tuple[str, str]:
    """The guest's, started, and the demo class."""
    own = home.call("POST", "/api/sessions", {"workout": "first-ride"})["session"]
    home.call("POST", f"/api/sessions/{own}/start", {"key": "start"})
    open_ones = home.call("GET", "/api/sessions")
    return own, next(one["session"] for one in open_ones if one.get("demo"))


def ride(
    home: House, studio: Studio
) -> tuple[Watcher, int, Shares, dict[str, dict[str, Any]], float]:
    """What a client saw, hub time less boot time, CPU of each process, sensors, and since when."""
    guest = mount(home, studio.sensors)
    own, demo = sessions(home)
    pids = {NAMES[module]: pid for module, pid in home.children().items()}
    with connect(home.port, home.cookie) as sock:
        sock.sendall(masked({"t": "hello", "v": 1, "client": "bench"}))
        offset_ms = hub_offset_ms(sock)
        for session in (own, demo):
            wish = {"t": "subscribe", "channel": f"session:{session}", "rate_hz": 4}
            sock.sendall(masked(wish))
        watcher = Watcher(sock, guest, own)
        watcher.watch(time.monotonic() + 1.0)  # what starting sets off is over
        watcher.states.clear()
        watcher.event_ms.clear()
        before = {name: (cpu_s(pid), waited_s(pid)) for name, pid in pids.items()}
        from_ms, began_s = boot_ms(), time.monotonic()
        watcher.watch(began_s + studio.seconds)
        spent_s = time.monotonic() - began_s
        cpu = {
            name: (
                (cpu_s(pid) - before[name][0]) / spent_s,
                (waited_s(pid) - before[name][1]) / spent_s,
            )
            for name, pid in pids.items()
        }
        return watcher, offset_ms, cpu, live(home), from_ms * 1e3


def rows(studio: Studio = SIX) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="derny-bench-") as name:
        folder = Path(name)
        with traced(folder), house(folder, "--demo", "--scenario", studio.scenario) as home:
            watcher, offset_ms, cpu, sensors, from_us = ride(home, studio)
        traces = read_traces(folder)
    names = {sensor["sensor"]: sensor["name"] for sensor in sensors.values()}
    athletes = {s["sensor"]: s.get("athlete", "") for s in sensors.values()}
    hops = hops_ms(traces, names, from_us)
    from_tick, from_bytes = frames_ms(watcher, traces, offset_ms, athletes)
    return [
        *(hop_row(what, hops[hop], budget_ms) for hop, what, budget_ms in HOPS),
        hop_row("heartbeat: hub's tick → state frame at the client", from_tick, BUDGET_PUSH_MS),
        hop_row("heartbeat: bytes at the gateway → client, with the tick's wait", from_bytes, None),
        hop_row("event: command → durable → event at the client", watcher.event_ms, None),
        *(
            Row(
                f"CPU of the {name}, {len(sensors)} sensors; time it waited for a core",
                f"{share:.1%}; {waited:.1%}",
            )
            for name, (share, waited) in cpu.items()
        ),
    ]


HOPS = (
    ("air", "heartbeat: sent by the simulator → bytes at the gateway", None),
    ("gateway", "heartbeat: bytes → decoded, handed to the uplink", BUDGET_DECODE_MS),
    ("uplink", "heartbeat: uplink → taken by the hub (batch interval 50 ms)", BUDGET_UPLINK_MS),
    ("fusion", "heartbeat: taken → fused, a batch", BUDGET_FUSE_MS),
)


def hop_row(what: str, values_ms: list[float], budget_ms: float | None) -> Row:
    what = f"{what} ({len(values_ms)})"
    measured = p50_p99(values_ms)
    if budget_ms is None or not values_ms:
        return Row(what, measured)
    met = quantile(values_ms, 0.99 if budget_ms >= 1 else 0.5) <= budget_ms
    return Row(what, measured, f"{'p99' if budget_ms >= 1 else 'p50'} ≤ {budget_ms:g} ms", met)
