"""A real browser against the staged hub of `fake_hub.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.fake_hub import FakeHub
from browser.kinds import OpenPage, StageRide
from browser.stage import Stage
from browser.staged_activity import trace
from browser.staged_ride import CLOCK, Session, threshold_steps
from browser.staged_room import athlete_view, ride_session
from needs import chromium_path
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
]

# What is there is seen at once; only a failure takes so long, or a machine that has stalled.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(scope="session")
def vendor() -> None:
    """The third-party modules, as `make` puts them there."""
    subprocess.run([sys.executable, ROOT / "web" / "vendor.py", "--dev"], check=True)


@pytest.fixture(scope="module")
def browser(vendor: None) -> Iterator[Browser]:
    """For one module: while it lives, Playwright's loop is this thread's, and asyncio.run fails."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=ARGS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served() -> Iterator[FakeHub]:
    hub = FakeHub()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def hub(served: FakeHub) -> Iterator[FakeHub]:
    served.stage = Stage()
    yield served
    CLOCK.go_on()


def new_context(browser: Browser) -> BrowserContext:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture(scope="module")
def shared(browser: Browser) -> Iterator[BrowserContext]:
    """One context for all: its cache holds the modules, which halves the time of a page."""
    context = new_context(browser)
    yield context
    context.close()


@pytest.fixture(scope="module")
def blank(shared: BrowserContext, served: FakeHub) -> Iterator[Page]:
    """A page of the hub without the app: pure modules need none, and keep nothing in it."""
    page = shared.new_page()
    page.goto(f"{served.url}/web/icon.svg")
    yield page
    page.close()


@pytest.fixture
def open_page(browser: Browser, shared: BrowserContext, hub: FakeHub) -> Iterator[OpenPage]:
    """`open_page("#/ride/r1", size=(390, 844))`; fails the test on any error in the page.

    `alone` gives it a context of its own, for a test that takes the page's clock in hand.
    """
    pages: list[Page] = []
    errors: list[str] = []

    def note(kind: str, text: str) -> None:
        # A refused request is logged by the browser itself; the tests that provoke one look at
        # what the page makes of it.
        if "Failed to load resource" not in text and "WebSocket connection" not in text:
            errors.append(f"{kind}: {text}")

    def open_one(
        at: str = "",
        *,
        size: tuple[int, int] = (1280, 800),
        signed_in: bool = True,
        trace_s: int = 0,
        alone: bool = False,
    ) -> Page:
        context = new_context(browser) if alone else shared
        if signed_in:
            context.add_cookies([{"name": "derny", "value": "1", "url": hub.url}])
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        if trace_s:
            power, heart, _ = trace(trace_s)
            kept = json.dumps({"power_w": power, "heart_rate_bpm": heart})
            page.add_init_script(f"sessionStorage.setItem('derny.trace.r1.me', {json.dumps(kept)})")
        page.on("console", lambda m: m.type in ("error", "warning") and note(m.type, m.text))
        page.on("pageerror", lambda error: note("error", str(error)))
        page.goto(f"{hub.url}/{at}")
        return page

    yield open_one
    for page in pages:
        if page.context is shared:
            page.evaluate("localStorage.clear()")
            page.close()
        else:
            page.context.close()
    shared.clear_cookies()
    assert not errors, errors


@pytest.fixture
def ride(hub: FakeHub) -> StageRide:
    """Stages the viewer's own ride, 29:18 into it unless told otherwise."""

    def stage(at_s: float | None = 1758, steps: Any = None, **athlete: Any) -> Session:
        view = athlete_view(hub.stage.me["athlete"], **athlete)
        session = ride_session(view, steps or threshold_steps(), at_s=at_s)
        hub.stage.sessions[session.session] = session
        return session

    return stage
