"""A stadium on one hub: the riders of `derny-sim stress`, and three clients for each of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench.bench_stress import Run, bring, loaded_house, share
from bench.table import Row
from firmware_sim.crowd import Load

LISTEN_S = 60
LOAD = Load(athletes=1000, hz=4.0, gateways=4, seconds=LISTEN_S + 25.0)  # while the clients come
PUSH_MS_MAX = 2.0


def rows() -> list[Row]:
    with loaded_house(LOAD.gateways) as (home, keys):
        who = (home.base, home.cookie, home.children()["hub"], LOAD.athletes, LISTEN_S)
        clients = subprocess.Popen(
            [sys.executable, "-m", "bench.stadium_clients", *map(str, who)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            run = bring(home, LOAD, keys, assign=True)
            said, _ = clients.communicate(timeout=60)
        finally:
            clients.kill()
            clients.wait()
    if clients.returncode:
        raise RuntimeError("the clients could not listen: see above")
    return [*told(run, json.loads(said))]


def told(run: Run, heard: dict[str, Any]) -> Iterator[Row]:
    one, hub = run.summary, run.hub
    p50, p99, p999 = heard["late_ms"]
    due, lost, wrong = heard["events"]
    what = f"{LOAD.athletes} riders × {LOAD.hz:g} Hz and {heard['clients']} clients"
    yield Row(
        f"{what}, {heard['took_s']:.0f} s: tick → client frame, p50 / p99 / p99.9",
        f"{p50:.2f} / {p99:.2f} / {p999:.1f} ms",
        f"p99 ≤ {PUSH_MS_MAX:.0f} ms",
        p99 <= PUSH_MS_MAX,
    )
    yield Row(
        "frames delivered; CPU of the hub; time it waited for a core; memory",
        f"{heard['frames'] / heard['took_s'] / 1000:.1f} k/s; {share(heard['cpu'])}; "
        f"{heard['waited']:.1%}; {heard['rss_kb'] / 1024:.0f} MB",
    )
    yield Row(
        "events due at the watchers of five classes; lost; watchers with doubles or another order",
        f"{due}; {lost}; {wrong}",
        "0 lost",
        not lost and not wrong and due > 0,
    )
    yield Row(
        "readings brought; taken; acknowledged; lost; whole frames sent anew to who lagged",
        f"{one.readings}; {hub.accepted + hub.backfill}; {one.acked}; "
        f"{one.dropped + one.unacked}; {heard['wholes']}",
        "0 lost",
        one.whole and one.readings == hub.accepted + hub.backfill,
    )
    yield Row(
        "CPU of the riders' and of the clients' processes",
        f"{share(one.cpu_share)}; {share(heard['listeners_cpu'])}",
    )
    yield Row(f"loop lag of the hub ({hub.lag.count})", str(hub.lag))
    yield Row(f"journal commit ({hub.commit.count})", str(hub.commit))
