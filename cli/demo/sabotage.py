"""Breaks the challenger on purpose, under traffic: kills its process, and later stops the one that came after."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cli.crowd import Crowd, Person
from contender.adapters.supervisor.control import observed, wait_ready

BLOWS = (signal.SIGKILL, signal.SIGSTOP)
"""First it dies, and is restarted; then it hangs, which looks alive from outside."""

INTO_TRAFFIC_S = 0.1
RECOVERY_S = 30.0


def asker(crowd: Crowd, home: Path, task: str, slot: str) -> Callable[[Sequence[Person]], Mapping[str, Person]]:
    """Asks like `Crowd.ask`, while the process in `slot` is struck by each of `BLOWS` in turn."""

    def ask(people: Sequence[Person]) -> Mapping[str, Person]:
        answered: dict[str, Person] = {}
        for number, blow in enumerate(BLOWS):
            wait_ready(home, task, deadline_s=RECOVERY_S, names=[slot])
            timer = threading.Timer(INTO_TRAFFIC_S, _strike, (home, task, slot, blow))
            timer.start()
            answered |= crowd.ask(people[number :: len(BLOWS)])
            timer.join()
        return answered

    return ask


def _strike(home: Path, task: str, slot: str, blow: signal.Signals) -> None:
    seen = observed(home, task)
    process = seen.process(slot) if seen else None
    if process is not None and process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, blow)
