"""Dying with one's parent: a pipe whose other end only the parent holds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

LIFELINE_VARIABLE: Final = "CONTENDER_LIFELINE_FD"
"""The environment variable that names the pipe's read end in the child."""


def watch_lifeline(descriptor: int, cut: Callable[[], None]) -> None:
    """Call `cut` from a thread of its own once the pipe's write end is closed: the parent has ended or wants us to."""
    threading.Thread(target=_wait, args=(descriptor, cut), daemon=True, name="lifeline").start()


def _wait(descriptor: int, cut: Callable[[], None]) -> None:
    while os.read(descriptor, 64):
        pass
    cut()
