"""Breaks the challenger on purpose: kills its process once, and stops every one that comes after."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contender.adapters.supervisor.control import observed

PAUSE_S = 0.2


@contextmanager
def sabotage(home: Path, task: str, slot: str) -> Iterator[None]:
    """For as long as the block runs: SIGKILL the process in `slot` once ready, and SIGSTOP its successors."""
    over = threading.Event()
    thread = threading.Thread(target=_break, args=(home, task, slot, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _break(home: Path, task: str, slot: str, over: threading.Event) -> None:
    weapon, last = signal.SIGKILL, None
    while not over.wait(PAUSE_S):
        seen = observed(home, task)
        process = seen.process(slot) if seen else None
        if process is None or process.pid is None or not process.ready or process.pid == last:
            continue
        with suppress(ProcessLookupError):
            os.kill(process.pid, weapon)
        weapon, last = signal.SIGSTOP, process.pid
