"""How a trainer's control point misbehaves: what real ones were seen to do, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.devices.gatt import Emission

LATE_MS = 2_500
VERY_LATE_MS = 6_000  # after the 4 s that a client gives it


@dataclass(frozen=True, slots=True)
class Manners:
    """`late_ms`: answers come so much after the write. Every n-th procedure is not answered
    (`deaf_every`) or answered "failed" (`fails_every`); 0: none. `one_byte_level`: resistance is
    taken in one byte alone. `takes`: power, grade and resistance, as far as it takes them.
    `says_features`: its feature bits tell of its targets.
    """

    late_ms: int = 0
    deaf_every: int = 0
    fails_every: int = 0
    one_byte_level: bool = False
    takes: frozenset[str] = frozenset({"power", "grade", "resistance"})
    says_features: bool = True


MANNERS: dict[str, Manners] = {
    "good": Manners(),
    "late": Manners(late_ms=LATE_MS),
    "very_late": Manners(late_ms=VERY_LATE_MS),
    "deaf": Manners(deaf_every=4),
    "failing": Manners(fails_every=3),
    "one_byte_level": Manners(one_byte_level=True),
    "power_only": Manners(takes=frozenset({"power"})),
    "no_grade": Manners(takes=frozenset({"power", "resistance"})),
    "no_features": Manners(says_features=False),
}


class Answers:
    """What is said in answer to procedures, with the trainer's manners."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._count = 0
        self._late: list[tuple[int, Emission]] = []

    @property
    def fails_now(self) -> bool:
        """Whether the procedure last begun fails."""
        every = self._manners.fails_every
        return every > 0 and self._count % every == 0

    def begin(self) -> None:
        self._count += 1

    def give(self, answer: Emission, now_ms: int) -> list[Emission]:
        """What of it is sent at once."""
        every = self._manners.deaf_every
        if every > 0 and self._count % every == 0:
            return []
        if not self._manners.late_ms:
            return [answer]
        self._late.append((now_ms + self._manners.late_ms, answer))
        return []

    def due(self, now_ms: int) -> list[Emission]:
        due = [answer for at_ms, answer in self._late if at_ms <= now_ms]
        self._late = [(at_ms, answer) for at_ms, answer in self._late if at_ms > now_ms]
        return due

    def forget(self) -> None:
        self._late.clear()
