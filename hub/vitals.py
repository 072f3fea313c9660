"""The hub's own vital signs, as `/metrics` shows them: counters and histograms, of nobody's body.

Names and units are those of Prometheus: seconds, and `_total` for what only grows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.live.clock import HubClock, boot_ns
from hub.live.delivery import Delivery
from hub.live.timer import Alarm, new_alarm

# 0.1 ms … 6.6 s, each √2 times the one before: a quantile read off them is right within 40 %.
BUCKETS_S = tuple(round(1e-4 * 2 ** (step / 2), 7) for step in range(33))

_READ_AT_S = time.perf_counter()

BEAT_MS = 37  # no divisor of the fan-out's ticks: it meets each moment of them
# A machine that slept for longer has no loop that was late. The bound of one beat's work too.
LATE_MS_MAX = 20_000


class Counts(NamedTuple):
    """What is counted elsewhere, since the start; all of it readings."""

    live: int
    backfill: int
    durable: int
    fused: int


_COUNTERS = {
    "live": ("derny_readings_live", "Readings accepted as they were measured."),
    "backfill": ("derny_readings_backfill", "Readings accepted late, of sealed epochs."),
    "durable": ("derny_readings_acknowledged", "Readings committed, so acknowledged."),
    "fused": ("derny_readings_fused", "Live readings of somebody's sensor, fused."),
}

_DELIVERY_GAUGES = {
    "clients": ("derny_live_clients", "Clients of /live that are connected."),
    "late": (
        "derny_live_late",
        "Their channels that get no frames: they do not keep up.",
    ),
}
_DELIVERY_COUNTERS = {
    "came": ("derny_live_connects", "Clients of /live that came."),
    "frames": ("derny_live_frames", "State frames written to clients."),
    "conflated": ("derny_live_conflated", "State frames not written to clients that lag behind."),
    "resumed": ("derny_live_resumed", "Sessions that a client took up again without a gap."),
    "gaps": ("derny_live_gaps", "Sessions whose missed events were not to be had any more."),
}


class Vitals(Collector):
    """`counts` and `delivery` are asked whenever somebody looks."""

    def __init__(
        self, counts: Callable[[], Counts], delivery: Callable[[], Delivery] = Delivery
    ) -> None:
        self._counts = counts
        self._delivery = delivery
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # CPU, memory, open files; where there is /proc
        self._commit_s = Histogram(
            "derny_journal_commit_seconds",
            "From the end of the gathering of readings to their commit.",
            registry=self._registry,
            buckets=BUCKETS_S,
        )
        self._loop_lag_s = Histogram(
            "derny_loop_lag_seconds",
            "How late the loop runs what is due, looked at each 37 ms.",
            registry=self._registry,
            buckets=BUCKETS_S,
        )

        self._gc_pause_s = Histogram(
            "derny_gc_pause_seconds",
            "How long a pass of the garbage collector stopped the hub.",
            ("generation",),
            registry=self._registry,
            buckets=BUCKETS_S,
        )
        self._ready_s = Gauge(
            "derny_ready_seconds",
            "From the start of the process until clients and gateways could come in.",
            registry=self._registry,
        )

    def committed(self, took_s: float) -> None:
        self._commit_s.observe(took_s)

    def late(self, by_s: float) -> None:
        self._loop_lag_s.observe(by_s)

    def paused(self, generation: int, took_s: float) -> None:
        self._gc_pause_s.labels(generation).observe(took_s)

    def ready(self, after_s: float) -> None:
        self._ready_s.set(after_s)

    def collect(self) -> Iterator[Metric]:
        counts: Mapping[str, int] = self._counts()._asdict()
        for key, (name, what) in _COUNTERS.items():
            yield CounterMetricFamily(name, what, value=counts[key])
        delivery = self._delivery()
        told: Mapping[str, int] = delivery._asdict()
        for key, (name, what) in _DELIVERY_COUNTERS.items():
            yield CounterMetricFamily(name, what, value=told[key])
        for key, (name, what) in _DELIVERY_GAUGES.items():
            yield GaugeMetricFamily(name, what, value=told[key])
        yield GaugeMetricFamily(
            "derny_live_unacknowledged_seconds",
            "Age of the oldest state frame that a client has not acknowledged.",
            value=delivery.unseen_ms / 1_000,
        )

    def text(self) -> bytes:
        """All of it in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)


def process_age_s() -> float:
    """Since the process began; where there is no /proc, since this module was read."""
    try:
        # proc(5): field 22 is the start after boot in clock ticks; a name may hold spaces.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        began_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return time.perf_counter() - _READ_AT_S
    return boot_ns() / 1e9 - began_s


class LoopWatch:
    """Tells `late` how many seconds after its instant each beat came.

    The beats lie on a grid: a loop that hangs over three of them is late three times.
    """

    def __init__(
        self,
        clock: HubClock,
        late: Callable[[float], None],
        alarm: Callable[[HubClock, Callable[[], None]], Alarm] = new_alarm,
    ) -> None:
        self._clock = clock
        self._late = late
        self._alarm = alarm(clock, self._ring)
        self._due_ms = clock.now_ms() + BEAT_MS
        self._alarm.set(self._due_ms)

    def close(self) -> None:
        self._alarm.close()

    def _ring(self) -> None:
        now_us = self._clock.now_us()
        if now_us // 1_000 - self._due_ms > LATE_MS_MAX:
            self._due_ms = now_us // 1_000 + BEAT_MS
        while (by_us := now_us - self._due_ms * 1_000) >= 0:
            self._late(by_us / 1e6)
            self._due_ms += BEAT_MS
        self._alarm.set(self._due_ms)
