"""The client's pure modules, called on a page without the app."""

from __future__ import annotations

from typing import Any

from browser.staged_ride import Lane, Step
from msgspec import to_builtins
from playwright.sync_api import Page


def call(page: Page, module: str, code: str, argument: Any = None) -> Any:
    """`code` is an arrow function of the module's exports and one argument."""
    return page.evaluate(
        f"async (argument) => ({code})(await import('/web/{module}.js'), argument)", argument
    )


def position(page: Page, lane: Lane, later_ms: int = 0) -> dict[str, Any]:
    view = lane.view()
    return call(
        page,
        "timeline",
        "(m, [lane, now]) => m.position(lane, now)",
        [to_builtins(view), view.as_of_ms + later_ms],
    )


def running(steps: list[Step], ridden_ms: int, status: str = "running") -> Lane:
    lane = Lane(steps)
    lane.anchor(0, "ready")
    view_ms = lane.view().as_of_ms
    lane.ridden_ms, lane.as_of_ms, lane.status = ridden_ms, view_ms, status
    return lane
