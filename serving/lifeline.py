"""A process that must not outlive its parent holds the read end of a pipe: end of file means that the parent died."""

from __future__ import annotations

import os
import signal
import threading


def hold(descriptor: int | None) -> None:
    """Ask this process to stop (SIGTERM) once `descriptor` reaches end of file; None does nothing.

    The parent keeps the write end and never writes. A thread waits, so the event loop is not involved.
    """
    if descriptor is not None:
        threading.Thread(target=_wait, args=(descriptor,), name="lifeline", daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
