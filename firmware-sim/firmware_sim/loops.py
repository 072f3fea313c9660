"""The event loop of those that bring load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        # ZeroMQ's descriptors need a selector; Windows' default loop has none.
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop
