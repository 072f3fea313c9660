"""When one sensor's notifications have been missing for too long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE_MS_MIN = 3_000
SILENCE_PERIODS = 4
PATIENCE_STEADY_MS = 3_000  # a probe says "alive", but what must flow does not: a dead CCCD
PATIENCE_RESTING_MS = 120_000  # pods and cranks fall silent when nothing turns


@dataclass(frozen=True, slots=True)
class Stream:
    """One subscribed characteristic. `steady`: it notifies even when nothing moves."""

    char: str
    period_ms: int
    steady: bool

    @property
    def limit_ms(self) -> int:
        return max(SILENCE_MS_MIN, SILENCE_PERIODS * self.period_ms)


class Silence:
    """The silence of every characteristic of one connection.

    A steady characteristic that has spoken is judged alone. The others may have nothing to say
    (a crank at rest; a trainer's bridge to a strap that nobody wears): they count only when the
    whole sensor is silent.
    """

    __slots__ = ("_heard_ms", "_patience_ms", "_spoke", "_streams")

    def __init__(self, streams: tuple[Stream, ...], now_ms: int) -> None:
        self._streams = {stream.char: stream for stream in streams}
        self._heard_ms = dict.fromkeys(self._streams, now_ms)
        self._spoke: set[str] = set()
        steady = any(stream.steady for stream in streams)
        self._patience_ms = PATIENCE_STEADY_MS if steady else PATIENCE_RESTING_MS

    def hear(self, char: str, now_ms: int) -> None:
        """A notification of `char`; one that is not watched (a battery's) changes nothing."""
        if char in self._streams:
            self._heard_ms[char] = now_ms
            self._spoke.add(char)

    def quiet(self) -> tuple[int, int]:
        """`(at_ms, patience_ms)`: when it goes or went silent; how long that may then last."""
        due = {char: self._heard_ms[char] + s.limit_ms for char, s in self._streams.items()}
        together = max(due.values())
        alone = min((due[c] for c in self._spoke if self._streams[c].steady), default=together)
        if alone < together:
            return alone, PATIENCE_STEADY_MS
        return together, self._patience_ms


NOTHING = Silence((Stream("", 0, False),), 0)  # before the first connection
