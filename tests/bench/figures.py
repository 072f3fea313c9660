"""What is measured from outside a process, and how it is summed up."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path


def cpu_s(pid: int) -> float:
    """CPU of all threads. schedstat counts in ns and leaves out when a neighbour had the core."""
    return _schedstat_s(pid, 0)


def waited_s(pid: int) -> float:
    """How long the threads were ready to run and had no core: what neighbours did to a latency."""
    return _schedstat_s(pid, 1)


def _schedstat_s(pid: int, column: int) -> float:
    total_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total_ns += int((task / "schedstat").read_text().split()[column])
        except FileNotFoundError:
            continue  # the thread ended meanwhile
    return total_ns / 1e9


def rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no VmRSS")


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)]


def p50_p99(values: Sequence[float], unit: str = "ms", digits: int = 2) -> str:
    if not values:
        return "nothing measured"
    low, high = quantile(values, 0.50), quantile(values, 0.99)
    return f"{low:.{digits}f} / {high:.{digits}f} {unit}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
