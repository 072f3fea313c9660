"""Log lines on stderr: `key=value`. Nobody here is handed a measurement or an address to log."""

from __future__ import annotations

import logging
import sys

import structlog


class Libraries(logging.Handler):
    """What uvicorn, SQLAlchemy and the event loop warn of, as lines of this log."""

    def emit(self, record: logging.LogRecord) -> None:
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **told)


def configure() -> None:
    """Sets up this process's log: its own lines, and the warnings of libraries."""
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        # Whole lines: gateway and simulator write to the same terminal.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
