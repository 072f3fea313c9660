"""When a daemon of the simulator is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading


def stop_event(exit_with_parent: bool) -> asyncio.Event:
    """Set by SIGTERM, SIGINT and, if asked for, the end of stdin. Call it in the loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no signal handlers on a loop: there Ctrl-C ends asyncio.run.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    return stop


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A supervisor holds the other end of the pipe; when it dies, so does the pipe."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(stop.set)
