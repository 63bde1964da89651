"""The frame around a server process: logs, lifeline, and one readable line when it cannot start."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import NoReturn, TypeVar

from contender.errors import ContenderError
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from serving import lifeline, logs
from serving.settings import ServerSettings

Kind = TypeVar("Kind", bound=ServerSettings)


def main(read: Callable[[], Kind], serve: Callable[[Kind, Task], None]) -> NoReturn:
    """Serve until told to stop, then leave with exit code 0; with 1 when it cannot start, the reason on stderr."""
    code = run(read, serve)
    logging.shutdown()
    # Everything is flushed and closed. Taking the interpreter apart would take a second in which nobody serves.
    os._exit(code)


def run(read: Callable[[], Kind], serve: Callable[[Kind, Task], None]) -> int:
    """Serve until told to stop; return the exit code."""
    logs.configure()
    try:
        settings = read()
        lifeline.hold(settings.lifeline_fd)
        serve(settings, task_named(settings.task))
    except ContenderError as error:
        logs.LOGGER.error("refused_to_start", extra={"fields": {"reason": str(error)}})
        return 1
    return 0
