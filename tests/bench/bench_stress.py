"""A hub under `derny-sim stress`: a thousand riders, four readings a second each, with no radio.

Twice in the same run: with a rider on each sensor, so that fusion, zones, rows and plans are in it,
and with sensors that are nobody's.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from house import House, house

from bench.figures import waited_s
from bench.table import Row
from firmware_sim import stress
from firmware_sim.crowd import Load
from firmware_sim.hub_figures import HubFigures, Spread
from firmware_sim.stress import Asked, Summary

RIDING = Load(athletes=1000, hz=4.0, gateways=4, seconds=60.0)
NOBODYS = Load(athletes=1000, hz=4.0, gateways=4, seconds=30.0)


@dataclass(frozen=True)
class Run:
    summary: Summary
    waited: float  # for a core, as a share of the time

    @property
    def hub(self) -> HubFigures:
        if self.summary.hub is None:
            raise RuntimeError(self.summary.untold)
        return self.summary.hub


@contextmanager
def data_of(home: House) -> Iterator[None]:
    before = os.environ.get("DERNY_DATA")
    os.environ["DERNY_DATA"] = str(home.data)
    try:
        yield
    finally:
        if before is None:
            del os.environ["DERNY_DATA"]
        else:
            os.environ["DERNY_DATA"] = before


def bring(home: House, load: Load, keys: Path, *, assign: bool) -> Run:
    hub = home.children()["hub"]
    waited, began_s = waited_s(hub), time.monotonic()
    with data_of(home):
        asked = Asked(
            f"tcp://127.0.0.1:{home.uplink_port}",
            keys,
            assign=assign,
            metrics=f"{home.base}/metrics",
        )
        summary = stress.run(load, asked)
    return Run(summary, (waited_s(hub) - waited) / (time.monotonic() - began_s))


@contextmanager
def loaded_house(gateways: int) -> Iterator[tuple[House, Path]]:
    """A house, and the folder with the keys of so many gateways."""
    with tempfile.TemporaryDirectory(prefix="derny-bench-") as name:
        data, keys = Path(name) / "data", Path(name) / "keys"
        data.mkdir(mode=0o700)
        keys.mkdir(mode=0o700)
        with house(data, "--no-demo") as home:
            for number in range(gateways):
                gateway = f"stress-{number + 1}"
                added = home.derny("gateway", "add", gateway, "--out", str(keys / f"{gateway}.key"))
                if added.returncode:
                    raise RuntimeError(added.stderr)
            yield home, keys


def rows() -> list[Row]:
    with loaded_house(RIDING.gateways) as (home, keys):
        riding = bring(home, RIDING, keys, assign=True)
        nobodys = bring(home, NOBODYS, keys, assign=False)
    return [*told(riding, nobodys)]


def told(riding: Run, nobodys: Run) -> Iterator[Row]:
    one, hub, other = riding.summary, riding.hub, nobodys.hub
    what = f"{RIDING.athletes} riders × {RIDING.hz:g} Hz, {RIDING.gateways} gateways"
    yield Row(
        f"{what}, {one.took_s:.0f} s: readings brought; taken live + late; fused; acknowledged",
        f"{one.readings}; {hub.accepted} + {hub.backfill}; {hub.fused}; {one.acked}",
        "all; all live ones fused",
        one.readings == hub.accepted + hub.backfill == one.acked and hub.fused == hub.accepted,
    )
    yield Row(
        "lost on the way, reconnects; the crowd behind its beat at the worst",
        f"{one.dropped + one.unacked}, {one.reconnects}; {one.late_ms} ms",
    )
    yield Row(
        "CPU of the hub; time it waited for a core; memory",
        f"{share(hub.cpu_share)}; {riding.waited:.1%}; {hub.rss_mb or 0:.0f} MB",
        peer=f"sensors of nobody: {share(other.cpu_share)}{ratio(hub, other)}",
    )
    yield Row("CPU of the crowd's process", share(one.cpu_share))
    yield spread("journal commit", hub.commit, other.commit)
    yield spread("loop lag of the hub", hub.lag, other.lag)


def spread(what: str, mine: Spread, other: Spread) -> Row:
    return Row(f"{what} ({mine.count})", str(mine), peer=str(other))


def share(of_a_core: float | None) -> str:
    return "not told" if of_a_core is None else f"{of_a_core:.1%}"


def ratio(hub: HubFigures, other: HubFigures) -> str:
    if not hub.cpu_share or not other.cpu_share:
        return ""
    return f" ({other.cpu_share / hub.cpu_share:.2f} ×)"
