"""How well each adapter hears one sensor, and what it means when none does any more. Pure.

Times are ms on one line that never goes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from gateway.radio_planner import UNKNOWN_DBM, EarView
from hub.wire.uplink import SensorKind

SMOOTHING = 0.3  # weight of the newest signal: one swing of an arm is no move
FRESH_MS = 30_000  # BlueZ forgets an unconnected device after 30 s without an advertisement
FAILURES_MS = 120_000  # failures count for so long after the last one
SETTLE_MS = 1_500  # every adapter has heard a sensor by then, if it can

# A sensor that a phone holds stops advertising from one moment to the next, at full signal, while
# others are heard as before. One that is carried away fades first; a pod that rests sleeps.
REGULAR_COUNT = 5  # heard so often,
REGULAR_MS = 10_000  # over so long,
GAP_MS_MAX = 5_000  # never missing for longer: it advertises regularly
STRONG_DBM = -85.0  # weaker than this it may just be out of reach
TAKEN_MS = 20_000  # missing for so long, four times the longest gap,
OTHERS_MS = 5_000  # while others are heard advertising
TAKEN_ALONE_MS = 60_000  # where others only notify, a scan started anew has not heard it either
VERDICT_MS = 1_800_000  # what was seen before that says nothing about now
SLEEPERS = frozenset({SensorKind.CADENCE, SensorKind.SPEED, SensorKind.RUN})


class Ear:
    """One adapter and one sensor."""

    __slots__ = ("_failed_ms", "_failures", "heard_ms", "rssi_dbm")

    def __init__(self) -> None:
        self.rssi_dbm: float | None = None
        self.heard_ms: int | None = None
        self._failures = 0
        self._failed_ms = 0

    def hear(self, rssi_dbm: int | None, now_ms: int) -> None:
        if rssi_dbm is not None:
            fresh = self.rssi_dbm is not None and self.is_fresh(now_ms)
            before = self.rssi_dbm if fresh and self.rssi_dbm is not None else rssi_dbm
            self.rssi_dbm = before + SMOOTHING * (rssi_dbm - before)
        self.heard_ms = now_ms

    def fail(self, now_ms: int) -> None:
        self._failures = self.failures(now_ms) + 1
        self._failed_ms = now_ms

    def work(self) -> None:
        self._failures = 0

    def failures(self, now_ms: int) -> int:
        return self._failures if now_ms - self._failed_ms < FAILURES_MS else 0

    def is_fresh(self, now_ms: int) -> bool:
        return self.heard_ms is not None and now_ms - self.heard_ms < FRESH_MS

    def view(self, now_ms: int) -> EarView:
        rssi_dbm = UNKNOWN_DBM if self.rssi_dbm is None else self.rssi_dbm
        return EarView(rssi_dbm, self.failures(now_ms))


class Chorus:
    """When each adapter last heard anybody, and anybody else."""

    def __init__(self, hearings: Mapping[str, Hearing]) -> None:
        heard: dict[str, list[tuple[int, str]]] = {}
        for sensor_id, hearing in hearings.items():
            for adapter_id, ear in hearing.ears.items():
                if ear.heard_ms is not None:
                    heard.setdefault(adapter_id, []).append((ear.heard_ms, sensor_id))
        self._newest = {adapter_id: sorted(voices)[-2:] for adapter_id, voices in heard.items()}

    def without(self, sensor_id: str) -> dict[str, int]:
        """When each adapter last heard another sensor than this."""
        return {
            adapter_id: heard_ms
            for adapter_id, voices in self._newest.items()
            for heard_ms, voice in voices
            if voice != sensor_id
        }


class Hearing:
    """One sensor, by all adapters. `hear` each advertisement, `hold` while it is connected."""

    __slots__ = ("_begun_ms", "_first_ms", "_heard_ms", "_recent", "_taken", "ears")

    def __init__(self) -> None:
        self.ears: dict[str, Ear] = {}
        self._first_ms: int | None = None  # first heard since it was absent: for `is_settled`
        self._heard_ms: int | None = None
        self._begun_ms = 0  # of the run of advertisements that is under way
        self._recent: deque[float] = deque(maxlen=REGULAR_COUNT)  # signals, dBm
        self._taken = False

    def hear(self, adapter_id: str, rssi_dbm: int | None, now_ms: int) -> None:
        if self._heard_ms is None or now_ms - self._heard_ms >= FRESH_MS:
            self._first_ms = now_ms
        self._continue(now_ms)
        if rssi_dbm is not None:
            self._recent.append(rssi_dbm)
        self._heard_ms = now_ms
        self._taken = False
        self.ears.setdefault(adapter_id, Ear()).hear(rssi_dbm, now_ms)

    def found_connected(self, adapter_id: str, now_ms: int) -> None:
        """The operating system holds it at this adapter: no other can have it."""
        ear = self.ears.get(adapter_id, Ear())
        self.ears = {adapter_id: ear}
        ear.hear(None, now_ms)
        self._first_ms = now_ms - SETTLE_MS
        self._recent.clear()

    def hold(self) -> None:
        """We connect: from here on, its not advertising means nothing."""
        self._heard_ms = None
        self._recent.clear()
        self._taken = False

    def fresh(self, now_ms: int) -> dict[str, EarView]:
        return {
            adapter_id: ear.view(now_ms)
            for adapter_id, ear in self.ears.items()
            if ear.is_fresh(now_ms)
        }

    def best(self, now_ms: int) -> str | None:
        """The adapter that hears it best, or did."""
        known = [
            (ear.is_fresh(now_ms), ear.view(now_ms).rssi_dbm, a) for a, ear in self.ears.items()
        ]
        return max(known)[2] if known else None

    def is_settled(self, adapters: Iterable[str], now_ms: int) -> bool:
        """Whether each of `adapters` has heard it, or has had the time to."""
        if self._first_ms is not None and now_ms - self._first_ms >= SETTLE_MS:
            return True
        return all(a in self.ears and self.ears[a].is_fresh(now_ms) for a in adapters)

    def is_taken(
        self,
        kinds: Iterable[SensorKind],
        others_heard_ms: Mapping[str, int],
        notified_ms: Mapping[str, int],
        now_ms: int,
    ) -> bool:
        """Visible lately, not advertising now: probably connected to somebody else.

        By adapter: when it last heard another sensor, and when a sensor it holds last notified.
        Once said it holds until the sensor is heard again, or for VERDICT_MS.
        """
        if self._heard_ms is None or now_ms - self._heard_ms >= VERDICT_MS:
            self._taken = False
        elif not self._taken:
            gone_ms = now_ms - self._heard_ms
            self._taken = self._was_regular(frozenset(kinds)) and (
                (gone_ms >= TAKEN_MS and self._lately(others_heard_ms, now_ms))
                or (gone_ms >= TAKEN_ALONE_MS and self._lately(notified_ms, now_ms))
            )
        return self._taken

    def _was_regular(self, kinds: frozenset[SensorKind]) -> bool:
        if self._heard_ms is None or (kinds and kinds <= SLEEPERS):
            return False
        if len(self._recent) < REGULAR_COUNT or self._heard_ms - self._begun_ms < REGULAR_MS:
            return False
        return sorted(self._recent)[REGULAR_COUNT // 2] >= STRONG_DBM

    def _lately(self, by_adapter: Mapping[str, int], now_ms: int) -> bool:
        return any(a in by_adapter and now_ms - by_adapter[a] < OTHERS_MS for a in self.ears)

    def _continue(self, now_ms: int) -> None:
        if self._heard_ms is None or now_ms - self._heard_ms > GAP_MS_MAX:
            self._begun_ms = now_ms
            self._recent.clear()
