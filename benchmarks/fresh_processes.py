"""Processes that do not inherit the threads and locks of whoever starts them, and end when it does.

A process that was forked from one with threads may wait for ever: what the other threads held stays held, and a garbage
collection may join one that does not exist there. So everything forks from a server: a fresh interpreter with one
thread that has imported what is expensive, and nothing else.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, Final

PRELOADED: Final = ("contender.adapters.routing_file", "contender.adapters.store_sql", "contender.release.executor")
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PR_SET_PDEATHSIG: Final = 1


@cache
def context() -> ForkServerContext:
    """The context whose processes, locks and queues are for each other; its server is started at the first call."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(list(PRELOADED))
    with _environment(_ONE_THREAD):
        forkserver.ensure_running()
    return found


def started(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that does `work` of a module's top level, and is killed where its starter ends before it."""
    process = context().Process(target=_run, args=(work, arguments), daemon=True)
    process.start()
    return process


def exit_code(process: BaseProcess, seconds: float) -> int:
    """How the process ended, negative for a signal; it is killed where it has not by then.

    Raises:
        TimeoutError: it had to be killed.
    """
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        message = f"process {process.pid} had not ended after {seconds:g} s"
        raise TimeoutError(message)
    return process.exitcode


def end_with_server() -> None:
    """Have this process killed as soon as the server ends that it was forked from, which ends with whoever began it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    end_with_server()
    work(*arguments)


@contextmanager
def _environment(names: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
