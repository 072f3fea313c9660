"""What a hub says of itself at /metrics: over a span, from two looks."""

from __future__ import annotations

import http.client
import ipaddress
import math
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 10.0
BYTES_MAX = 1024 * 1024

Buckets = tuple[tuple[float, float], ...]  # upper bound in s, how many up to there


class FiguresError(Exception):
    """The hub says nothing of itself; the message says why."""


def is_this_machine(host: str) -> bool:
    """Whether `host` is loopback, without asking anybody."""
    try:
        return host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Look:
    """`at_s` on the monotonic clock."""

    at_s: float
    values: Mapping[str, float]
    buckets: Mapping[str, Buckets]


def look(url: str) -> Look:
    """Blocks. Raises FiguresError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_this_machine(parts.hostname or ""):
        raise FiguresError(f"{url} is not on this machine; want http://127.0.0.1:PORT/metrics")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            text = answer.read(BYTES_MAX).decode()
        return look_of(text, time.monotonic())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FiguresError(f"{url}: {error}") from None


def look_of(text: str, at_s: float) -> Look:
    """Raises ValueError when it is not Prometheus' text format."""
    values: dict[str, float] = {}
    buckets: dict[str, list[tuple[float, float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound_s = float(sample.labels["le"])
                buckets.setdefault(family.name, []).append((bound_s, sample.value))
            else:
                values[sample.name] = sample.value
    return Look(at_s, values, {name: tuple(found) for name, found in buckets.items()})


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles in ms, each the upper bound of the bucket it lies in: it is no more than that.

    Infinite: beyond the last bucket, so of seconds.
    """

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    def __str__(self) -> str:
        return (
            f"p50 {_at_most(self.p50_ms)}, p99 {_at_most(self.p99_ms)}, "
            f"max {_at_most(self.max_ms)} ms"
        )


@dataclass(frozen=True, slots=True)
class HubFigures:
    """`cpu_share` of one core and `rss_mb` are None where the hub's platform does not tell."""

    accepted: int
    backfill: int
    acknowledged: int
    fused: int
    cpu_share: float | None
    rss_mb: float | None
    commit: Spread
    lag: Spread

    def __str__(self) -> str:
        cpu = "unknown" if self.cpu_share is None else f"{self.cpu_share:.1%} of a core"
        memory = "" if self.rss_mb is None else f", {self.rss_mb:.0f} MB"
        return (
            f"the hub took {self.accepted} readings live and {self.backfill} late, fused "
            f"{self.fused}, acknowledged {self.acknowledged}; CPU {cpu}{memory}; "
            f"{self.commit.count} journal commits {self.commit}; loop lag {self.lag}"
        )


def between(before: Look, after: Look) -> HubFigures:
    """Raises FiguresError when the hub is not one that tells, or was started anew meanwhile."""
    grown = {name: value - before.values.get(name, 0.0) for name, value in after.values.items()}
    try:
        live, backfill, acknowledged, fused = (
            round(grown[f"derny_readings_{name}_total"])
            for name in ("live", "backfill", "acknowledged", "fused")
        )
        commit, lag = (
            _spread(before.buckets[name], after.buckets[name])
            for name in ("derny_journal_commit_seconds", "derny_loop_lag_seconds")
        )
    except KeyError as error:
        raise FiguresError(f"no {error.args[0]} there: is it a hub of this version?") from None
    if min(live, backfill, acknowledged, fused) < 0:
        raise FiguresError("the hub was started anew meanwhile")
    cpu_s = grown.get("process_cpu_seconds_total")
    rss_bytes = after.values.get("process_resident_memory_bytes")
    return HubFigures(
        live,
        backfill,
        acknowledged,
        fused,
        None if cpu_s is None else cpu_s / max(after.at_s - before.at_s, 1e-3),
        None if rss_bytes is None else rss_bytes / 1e6,
        commit,
        lag,
    )


def _at_most(bound_ms: float) -> str:
    return f"≤ {bound_ms:.3g}" if math.isfinite(bound_ms) else "beyond measure"


def _spread(before: Buckets, after: Buckets) -> Spread:
    counts = [
        (bound_s, late - early) for (bound_s, late), (_, early) in zip(after, before, strict=True)
    ]
    total = counts[-1][1] if counts else 0.0
    p50, p99, most = (1e3 * _bound_s(counts, share * total) for share in (0.50, 0.99, 1.0))
    return Spread(round(total), p50, p99, most)


def _bound_s(counts: Sequence[tuple[float, float]], rank: float) -> float:
    """The least bound up to which `rank` of them lie; 0 when there are none."""
    return next((bound_s for bound_s, count in counts if count >= rank > 0), 0.0)
