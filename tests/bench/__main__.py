"""`make bench`: every bench, one table. `--markdown FILE` writes the table there as well."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from bench import (
    bench_decode,
    bench_fanout,
    bench_formats,
    bench_heart_control,
    bench_heartbeat,
    bench_ingest,
    bench_radio,
    bench_room,
    bench_stadium,
    bench_stress,
    bench_wall,
)
from bench.table import Row, later, render

BENCHES: dict[str, Callable[[], list[Row]]] = {
    "heartbeat": bench_heartbeat.rows,
    "decode": bench_decode.rows,
    "formats": bench_formats.rows,
    "ingest": bench_ingest.rows,
    "fanout": bench_fanout.rows,
    "room": bench_room.rows,
    "wall": bench_wall.rows,
    "radio": bench_radio.rows,
    "heart-rate": bench_heart_control.rows,
}

# Only when asked for by name: ten minutes of twenty riders, and a crowd of a thousand.
LONG: dict[str, Callable[[], list[Row]]] = {
    "studio": partial(bench_heartbeat.rows, bench_heartbeat.TWENTY),
    "stress": bench_stress.rows,
    "stadium": bench_stadium.rows,
}

# Rows of the targets that need what is not built yet.
LATER = (
    later("loss / duplicates over 20 kills of hub and gateway", "0 / 0"),
    later("web wall, 100 tiles at 4 Hz, 4× CPU throttle", "≥ 57 fps"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"any of: {', '.join(BENCHES | LONG)}")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    known = BENCHES | LONG
    unknown = set(options.only) - set(known)
    if unknown:
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows: list[Row] = []
    for name in options.only or BENCHES:
        began_s = time.monotonic()
        rows += known[name]()
        print(f"{name}: {time.monotonic() - began_s:.0f} s", flush=True)
    if not options.only:
        rows += LATER
    print()
    print(render(rows))
    if options.markdown:
        options.markdown.write_text(render(rows, markdown=True) + "\n")


if __name__ == "__main__":
    main()
