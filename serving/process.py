"""The frame around a server process: logs, lifeline, and one readable line when it cannot start."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn, TypeVar

from contender.errors import ContenderError
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from serving import lifeline, logs, memory
from serving.settings import ServerSettings

Kind = TypeVar("Kind", bound=ServerSettings)

_PRIVATE: Final = 0o077
"""What a server writes holds people's data: it is for the server's account, and no other."""


def main(read: Callable[[], Kind], serve: Callable[[Kind, Task], None]) -> NoReturn:
    """Serve until told to stop, then leave with exit code 0; with 1 when it cannot start, the reason on stderr."""
    signal.signal(signal.SIGTERM, _leave)
    os.umask(_PRIVATE)
    code = run(read, serve)
    logging.shutdown()
    # Everything is flushed and closed. Taking the interpreter apart would take a second in which nobody serves.
    os._exit(code)


def run(read: Callable[[], Kind], serve: Callable[[Kind, Task], None]) -> int:
    """Serve until told to stop; return the exit code."""
    memory.give_back()
    logs.configure()
    try:
        settings = read()
        lifeline.hold(settings.lifeline_fd)
        serve(settings, task_named(settings.task))
    except ContenderError as error:
        logs.LOGGER.error("refused_to_start", extra={"fields": {"reason": str(error)}})
        return 1
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's shape
    """Told to stop before there is a server: nothing was accepted yet, so there is nothing to finish."""
    raise SystemExit(0)
