"""Structured logs: one JSON object a line on stderr, quiet by default, no personal data.

Events are written as ``log.info("routing_applied", extra={"fields": {"generation": 12}})``: a fixed word and fields
of ours. Values that clients send are never logged, so nothing they write can forge a line. A library's messages may
hold such values; of them, only their place is told.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Final, TextIO

LOGGER = logging.getLogger("contender.serving")
_LOUD = ("kserve", "kserve.trace", "uvicorn", "uvicorn.error", "uvicorn.access")

_SPEAKERS: Final = ("contender", "uvicorn.error")
"""Loggers whose messages are fixed words: ours, and the web server's (which also names an address it cannot bind)."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON. Of an exception it tells kind and place, never its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line: dict[str, Any] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _where(record.exc_info[2])
        return json.dumps(line, default=str)


def configure(level: int = logging.WARNING, stream: TextIO | None = None) -> None:
    """Send every logger of a server process to `stream` (stderr) as JSON lines, from `level` up."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # A library's deprecation warnings are for whoever updates it, not for whoever runs a server.
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    for name in _LOUD:
        logger = logging.getLogger(name)
        # kserve configures its own logging only where it finds no handler.
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(max(level, logging.WARNING))
    # kserve logs an error for every request that a client got wrong; its own faults reach uvicorn, which logs them.
    logging.getLogger("kserve").setLevel(logging.CRITICAL)
    # uvicorn writes an access line per request as soon as this logger has a handler.
    logging.getLogger("uvicorn.access").handlers = []


def _event(record: logging.LogRecord) -> str:
    if record.name.startswith(_SPEAKERS):
        return record.getMessage().strip()
    return f"{record.module}:{record.lineno}"


def _where(traceback: Any) -> str:
    if traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}"
