"""The supervisor's own process: makes a task's desired state true, again and again, until told to stop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import Final

from contender.adapters.supervisor.child import Nursery
from contender.adapters.supervisor.commands import Commands
from contender.adapters.supervisor.documents import (
    PLACES,
    TRANSFORMER,
    Desired,
    Observed,
    RunFolder,
    observed_bytes,
    parse_desired,
)
from contender.adapters.supervisor.files import replace_file, try_lock
from contender.adapters.supervisor.fleet import Fleet
from contender.adapters.supervisor.identity import started_at
from contender.adapters.supervisor.lifeline import LIFELINE_VARIABLE, watch_lifeline
from contender.adapters.supervisor.patience import Patience
from contender.errors import InvalidInput, Refused

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Keeps one task's servers under one home folder.

    `environment` is what the servers inherit; a lifeline named in it ends the supervisor with its parent. `chance`
    draws from [0, 1) and spreads restarts.
    """

    def __init__(
        self,
        folder: RunFolder,
        commands: Commands,
        *,
        environment: Mapping[str, str],
        chance: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        self._folder, self._environment, self._chance = folder, environment, chance
        self._patience = patience or Patience()
        self._nursery = Nursery(folder.home, folder.logs, environment, self._patience)
        self._fleet = Fleet(folder, commands, self._nursery, self._patience)
        self._pid, self._started_at = os.getpid(), started_at(os.getpid())
        self._stops = 0
        self._desired = Desired()
        self._seen: tuple[int, int, int] | None = None
        self._problem: str | None = None
        self._written: Observed | None = None

    def run(self, port: int) -> None:
        """Serve, the transformer on `port` (0: any), until SIGTERM, SIGINT, SIGHUP or the lifeline's end.

        Then stop what was started, and only that; a second signal cuts the orderly stop short. Runs in the main
        thread, once.

        Raises:
            Refused: this task is already up under this home folder, or the port is taken.
        """
        with ExitStack() as stack:
            stack.enter_context(closing(self._nursery))
            stack.enter_context(_only_supervisor(self._folder))
            stack.enter_context(self._told_to_stop())
            stack.enter_context(closing(self._fleet))
            self._fleet.open(port)
            stack.callback(self._shut)
            while not self._stops:
                self._read_desired()
                self._fleet.want(self._desired)
                self._turn()

    @contextmanager
    def _told_to_stop(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in _STOPPING}
        lifeline = self._environment.get(LIFELINE_VARIABLE)
        if lifeline is not None:
            watch_lifeline(int(lifeline), self._stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int = 0, frame: FrameType | None = None) -> None:  # noqa: ARG002 - a signal handler's shape
        # A counter and no threading.Event: setting one inside a handler can deadlock with the wait it interrupts.
        self._stops += 1

    def _turn(self) -> None:
        self._fleet.tick(time.monotonic(), self._chance)
        self._report()
        time.sleep(self._patience.poll)

    def _read_desired(self) -> None:
        try:
            stat = self._folder.desired.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen == self._seen:
                return
            self._seen = seen
            self._desired, self._problem = parse_desired(self._folder.desired.read_bytes()), None
        except FileNotFoundError:
            return
        except (OSError, InvalidInput) as error:
            self._problem = str(error)

    def _report(self) -> None:
        observed = Observed(
            task=self._folder.task,
            pid=self._pid,
            started_at=self._started_at,
            generation=self._desired.generation,
            ports=self._fleet.ports,
            processes=self._fleet.states(),
            refused=self._fleet.refusals(),
            problem=self._problem,
        )
        if observed == self._written:
            return
        try:
            replace_file(self._folder.observed, observed_bytes(observed), durable=False)
        except OSError:
            return  # a full disk must not end serving: the next turn tries again
        self._written = observed

    def _shut(self) -> None:
        """The front door first, so that requests in flight still find their predictors."""
        half = self._patience.grace / 2
        self._empty([TRANSFORMER], half)
        self._empty(PLACES, half)
        self._folder.observed.unlink(missing_ok=True)

    def _empty(self, names: Collection[str], seconds: float) -> None:
        deadline, impatient = time.monotonic() + seconds, self._stops + 1
        self._fleet.release(names)
        while not self._fleet.is_empty(names):
            if time.monotonic() >= deadline or self._stops >= impatient:
                self._fleet.kill(names)
            self._turn()


@contextmanager
def _only_supervisor(folder: RunFolder) -> Iterator[None]:
    lock = _patient_lock(folder)
    if lock is None:
        raise Refused(f"{folder.task} is already up under {folder.home}", remedy="`contender down` stops it")
    try:
        folder.observed.unlink(missing_ok=True)
        yield
    finally:
        os.close(lock)


def _patient_lock(folder: RunFolder) -> int | None:
    """The lock, or None if it is held for longer than it takes a client to ask whether it is."""
    for _ in range(10):
        if (lock := try_lock(folder.supervisor_lock)) is not None:
            return lock
        time.sleep(0.02)
    return None
