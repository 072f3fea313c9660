"""Log lines on stderr: `key=value`, without addresses and without anybody's measurements."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from gateway.identity import without_addresses

# Nothing that a body measures belongs in a log, whatever a caller passes.
BODY_KEYS = frozenset({"reading", "measurement", "m", "data", "frame"})
BODY_PREFIXES = ("heart_rate", "rr_", "power_w", "cadence", "energy")

Event = MutableMapping[str, Any]


def scrub(_logger: object, _method: str, event: Event) -> Event:
    """structlog processor: the last before rendering, so that it sees exception texts too."""
    for key, value in list(event.items()):
        if key in BODY_KEYS or key.startswith(BODY_PREFIXES):
            event[key] = "[withheld]"
        elif isinstance(value, str):
            event[key] = without_addresses(value)
        elif not isinstance(value, (int, float, type(None))):
            event[key] = without_addresses(str(value))
    return event


class Libraries(logging.Handler):
    """What bleak and the event loop say, as lines of this log: some of it names addresses."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # its arguments do not fit its text
            text = str(record.msg)
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, text, logger=record.name, **told)


def configure() -> None:
    """Sets up this process's log: its own lines, and the warnings of libraries."""
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        # Whole lines: hub and simulator write to the same terminal.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def silence() -> None:
    """Nothing is logged: the terminal shows something else."""
    logging.disable(logging.CRITICAL)
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False
    )
