"""Needs: in CI a missing piece fails the test; elsewhere the test is left out, and said so.

Also the order of the files, and what a busy machine is allowed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from needs import NEEDS

LONG_FIRST = ("tests/journeys/", "tests/browser/")
IN_CI = bool(os.environ.get("CI"))

# A run of the tests looks at the same examples each time, so that what is red stays red until it is
# mended; `make fuzz` looks for new ones. A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("tests", patient, derandomize=True)
settings.register_profile("fuzz", patient, max_examples=5_000)
settings.load_profile("fuzz" if os.environ.get("FUZZ") else "tests")
missing = pytest.StashKey[dict[str, int]]()


def _missing_of(item: pytest.Item) -> str | None:
    names = [name for mark in item.iter_markers("needs") for name in mark.args]
    return next((name for name in names if not NEEDS[name].present()), None)


def _rank(item: pytest.Item) -> int:
    """Long files come first, or the run ends with one worker at one of them."""
    return next(
        (rank for rank, path in enumerate(LONG_FIRST) if item.nodeid.startswith(path)),
        len(LONG_FIRST),
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_rank)
    counts: dict[str, int] = {}
    kept, dropped = [], []
    for item in items:
        name = None if IN_CI else _missing_of(item)
        (kept if name is None else dropped).append(item)
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    config.stash[missing] = counts
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if IN_CI and (name := _missing_of(item)) is not None:
        pytest.fail(f"needs {name}, which is not here: {NEEDS[name].install}", pytrace=False)


@pytest.fixture(scope="module")
def system_bus() -> Iterator[str]:
    """Address of a D-Bus of the module's own, which clients take for the system's.

    For tests that need "dbus".
    """
    from firmware_sim.fake_bluez.bus import ADDRESS_VARIABLE, PrivateBus

    with tempfile.TemporaryDirectory(prefix="derny-") as folder:
        bus = PrivateBus(Path(folder) / "bus.sock")
        bus.start()
        before = os.environ.get(ADDRESS_VARIABLE)
        os.environ[ADDRESS_VARIABLE] = bus.address
        yield bus.address
        bus.stop()
        if before is None:
            del os.environ[ADDRESS_VARIABLE]
        else:
            os.environ[ADDRESS_VARIABLE] = before


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command line under test sets logging up for its own process."""
    yield
    structlog.reset_defaults()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist hands its counts to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["missing"] = session.config.stash.get(missing, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects the same tests, so their counts are the same."""
    node.config.stash.setdefault(missing, {}).update(getattr(node, "workeroutput", {})["missing"])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The very last line, after pytest's own summary."""
    for name, count in config.stash.get(missing, {}).items():
        print(f"{count} tests left out, they need {name}: {NEEDS[name].install}")
