"""A gateway as the process's one work: its event loop, and what tells it to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable

from gateway.app import Gateway


def run_until_told(
    gateway: Gateway,
    *,
    exit_with_parent: bool = False,
    stop_after_s: float | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Until SIGINT, SIGTERM, the end of stdin or of the time, or a failure: then its exception."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_told(gateway, exit_with_parent, stop_after_s, on_ready))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        # ZeroMQ's descriptors need a selector; Windows' default loop has none.
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop


def stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


async def _until_told(
    gateway: Gateway,
    exit_with_parent: bool,
    stop_after_s: float | None,
    on_ready: Callable[[], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop_on_signals(stop)
    if exit_with_parent:
        _watch_stdin(lambda: loop.call_soon_threadsafe(stop.set))
    if stop_after_s is not None:
        loop.call_later(stop_after_s, stop.set)
    await gateway.run(stop, on_ready)


def _watch_stdin(on_end: Callable[[], object]) -> None:
    """In a thread: not every event loop can wait for every kind of stdin."""

    def watch() -> None:
        # The file descriptor, not sys.stdin: its lock would be missed when the process ends.
        with contextlib.suppress(OSError):  # closed: that is an end too
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            on_end()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
