"""What the kills came to, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from journeys.kills import KINDS, Kill, Report


def rank(values: Sequence[int], share: float) -> int:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share) - 1)] if ordered else 0


def blind_p95_ms(reports: Iterable[Report]) -> int:
    """Over every kill -9 at full speed, from the kill to the first new reading."""
    fair = [report for report in reports if not report.slowed]
    times = [kill.blind_ms for report in fair for kill in report.kills if is_death(kill)]
    return rank(times, 0.95)


def is_death(kill: Kill) -> bool:
    return kill.kind in ("gateway", "gateway_unacked", "hub", "both")


def table(reports: Sequence[Report]) -> str:
    """Markdown: a row per kind of trouble, then the sums."""
    kills = [kill for report in reports for kill in report.kills]
    rows = [
        "| what went wrong | times | blind p50 ms | p95 ms | longest ms | died with the gateway |",
        "|---|---|---|---|---|---|",
    ]
    for name, kind in KINDS.items():
        chosen = [kill for kill in kills if kill.kind == name]
        if not chosen:
            continue
        fair = [kill for report in reports if not report.slowed for kill in report.kills]
        times = [kill.blind_ms for kill in fair if kill.kind == name]
        worst = max(kill.unspooled for kill in chosen)
        died = f"at most {worst}" if any(kill.gateway_died for kill in chosen) else "-"
        blind = "- | - | -"
        if times and name != "client_stop":
            blind = f"{rank(times, 0.5)} | {rank(times, 0.95)} | {max(times)}"
        rows.append(f"| {kind.what} | {len(chosen)} | {blind} | {died} |")
    return "\n".join([*rows, "", *sums(reports)])


def sums(reports: Sequence[Report]) -> list[str]:
    kills = [kill for report in reports for kill in report.kills]
    stored = sum(report.verdict.stored for report in reports)
    return [
        f"{len(kills)} kills, seeds {', '.join(str(report.seed) for report in reports)}",
        f"{sum(report.sent for report in reports)} notifications sent, {stored} readings stored",
        f"{sum(len(report.lost) for report in reports)} lost, "
        f"{sum(len(report.verdict.doubled) for report in reports)} doubled, "
        f"{sum(len(report.verdict.invented) for report in reports)} that nobody sent",
        f"{sum(kill.unspooled for kill in kills)} died with a gateway before they were in its "
        f"spool, at most {max((kill.unspooled for kill in kills), default=0)} in one kill; "
        f"{sum(kill.unheard for kill in kills)} were sent to one that was dead",
        f"{sum(report.spooled for report in reports)} readings lay in spools of killed gateways: "
        f"{sum(len(report.spool_lost) for report in reports)} of them lost",
        f"{sum(report.unacked for report in reports)} kills fell between send and ack; "
        f"{sum(report.counts['duplicate'] for report in reports)} batches came twice and were "
        "discarded",
        f"{sum(report.laps for report in reports)} laps, each heard once by the killed client",
        f"blind after kill -9 of hub or gateway: p95 {blind_p95_ms(reports)} ms",
    ]
