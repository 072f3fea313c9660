"""`make bench`: every bench, and its tables in docs/reference/performance.md (`--write`)."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from functools import partial

import structlog

from bench import (
    bench_decode,
    bench_fanout,
    bench_formats,
    bench_heart_control,
    bench_heartbeat,
    bench_ingest,
    bench_kills,
    bench_radio,
    bench_room,
    bench_stadium,
    bench_stress,
    bench_wall,
    bench_web_wall,
)
from bench.machine import described, load
from bench.page import PAGE, put
from bench.table import Row, render

BENCHES: dict[str, Callable[[], list[Row]]] = {
    "heartbeat": bench_heartbeat.rows,
    "decode": bench_decode.rows,
    "formats": bench_formats.rows,
    "ingest": bench_ingest.rows,
    "fanout": bench_fanout.rows,
    "room": bench_room.rows,
    "wall": bench_wall.rows,
    "kills": bench_kills.rows,
    "web-wall": bench_web_wall.rows,
    "radio": bench_radio.rows,
    "heart-rate": bench_heart_control.rows,
}

# Only when asked for by name: ten minutes of twenty riders, and a crowd of a thousand.
LONG: dict[str, Callable[[], list[Row]]] = {
    "studio": partial(bench_heartbeat.rows, bench_heartbeat.TWENTY),
    "stress": bench_stress.rows,
    "stadium": bench_stadium.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"any of: {', '.join(BENCHES | LONG)}")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args()
    known = BENCHES | LONG
    unknown = set(options.only) - set(known)
    if unknown:
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for name in options.only or BENCHES:
        began_s, load_before = time.monotonic(), load()
        rows = known[name]()
        took = f"{time.monotonic() - began_s:.0f} s, load {load_before} before and {load()} after"
        print(f"\n{name}: {took}\n\n{render(rows)}", flush=True)
        if options.write:
            write(name, f"{render(rows, markdown=True)}\n\n({took})")
    if options.write:
        write("machine", described())


def write(name: str, block: str) -> None:
    PAGE.write_text(put(PAGE.read_text(), name, block))


if __name__ == "__main__":
    main()
