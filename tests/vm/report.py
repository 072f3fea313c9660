"""What the guest tells the host, a line of JSON each over its second serial port: the cases it is
going to run, facts, a result per case, the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PASSED = "passed"
NOT_RUN = "not run: the guest had ended"

# Groups of cases.
CONTRACT = "The radio's contract"
GATEWAY = "The gateway over a real bluetoothd"


@dataclass(frozen=True, slots=True)
class Result:
    group: str
    case: str
    outcome: str  # PASSED, or what went wrong in a line
    took_s: float

    @property
    def passed(self) -> bool:
        return self.outcome == PASSED


@dataclass
class Report:
    plan: list[tuple[str, str]] = field(default_factory=list)  # group, case
    facts: dict[str, str] = field(default_factory=dict)
    results: dict[tuple[str, str], Result] = field(default_factory=dict)
    ended: bool = False

    def take(self, line: str) -> Result | None:
        """One line of the guest; what is none (a message of the kernel's) is left out."""
        try:
            told = json.loads(line)
        except ValueError:
            return None
        match told:
            case {"plan": list(plan)}:
                self.plan = [(str(group), str(case)) for group, case in plan]
            case {"fact": str(name), "value": str(value)}:
                self.facts[name] = value
            case {
                "group": str(g),
                "case": str(c),
                "outcome": str(o),
                "took_s": int() | float() as s,
            }:
                return self.results.setdefault((g, c), Result(g, c, o, s))
            case {"end": True}:
                self.ended = True
        return None

    @property
    def rows(self) -> list[Result]:
        """Each planned case; one without a result has failed."""
        return [
            self.results.get((group, case)) or Result(group, case, NOT_RUN, 0.0)
            for group, case in self.plan
        ]

    @property
    def passed(self) -> bool:
        return self.ended and bool(self.plan) and all(row.passed for row in self.rows)

    @property
    def verdict(self) -> str:
        if not self.plan:
            return "The guest did not come up"
        failed = sum(not row.passed for row in self.rows)
        said = f"{len(self.plan) - failed} of {len(self.plan)} cases passed"
        return said if self.ended else f"{said}; the guest did not come to its end"

    def tables(self) -> str:
        """For the page of the reference."""
        parts = [_table([("what", "which"), ("---", "---"), *self.facts.items()])]
        for group in dict.fromkeys(group for group, _ in self.plan):
            rows = [
                (row.case.replace("_", " "), row.outcome, f"{row.took_s:.1f} s")
                for row in self.rows
                if row.group == group
            ]
            head = [("case", "result", "took"), ("---", "---", "---:")]
            parts.append(f"### {group}\n\n{_table([*head, *rows])}")
        return "\n\n".join(parts) + "\n"


def plan_line(cases: Iterable[tuple[str, str]]) -> str:
    return json.dumps({"plan": list(cases)})


def fact_line(name: str, value: str) -> str:
    return json.dumps({"fact": name, "value": value})


def result_line(result: Result) -> str:
    took_s = round(result.took_s, 1)
    return json.dumps(
        {"group": result.group, "case": result.case, "outcome": result.outcome, "took_s": took_s}
    )


END_LINE = json.dumps({"end": True})


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
