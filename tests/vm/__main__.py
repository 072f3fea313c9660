"""`make test-vm`: the radio's contract against the real bluetoothd, in a virtual machine.

    python -m vm [CASE ...] [--page FILE]

Names of cases run only these. `--page` writes the tables into the page of the reference.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from vm.machine import NotPrepared, prepared
from vm.report import Report

LIMIT_S = 30 * 60.0
HEADING = "## The last run"  # of the page: what follows is written anew


def main() -> int:
    parser = argparse.ArgumentParser(prog="vm", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="CASE")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    if options.page and not options.page.is_file():
        parser.error(f"{options.page} is not there: name the page to write the tables into")
    try:
        machine = prepared()
    except NotPrepared:
        return 2
    began_s = time.monotonic()
    report = Report()
    for line in machine.lines(LIMIT_S, options.only):
        result = report.take(line)
        if result is not None:
            print(f"{result.took_s:6.1f} s  {result.case}: {result.outcome}", flush=True)
    took_s = time.monotonic() - began_s
    print(f"\n{report.verdict} in {took_s:.0f} s; the guest's console: {machine.console}")
    if options.page:
        report.facts["the whole run, without KVM"] = f"{took_s:.0f} s"
        report.facts["day"] = date.today().isoformat()
        kept, heading, _ = options.page.read_text("utf-8").partition(HEADING)
        options.page.write_text(f"{kept}{heading}\n\n{report.tables()}", "utf-8")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
