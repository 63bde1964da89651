"""One place and the process in it: what to do next, given what is wanted and how the process is.

Knows no operating system: processes come from a `Launch` and time is an argument, so that every path can be walked
in a test.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from contender.adapters.supervisor.documents import ProcessState, Refusal, RefusalKind, Role, Wanted
from contender.adapters.supervisor.patience import Patience
from contender.adapters.supervisor.probe import Health
from contender.errors import InvalidArtifact


class Running(Protocol):
    """A process that was started, until it is known to have ended."""

    @property
    def pid(self) -> int:
        """Its process id, which stays its own until `ended` has told of its end."""
        ...

    @property
    def started_at(self) -> float:
        """When it started, in seconds after the machine's boot."""
        ...

    def health(self) -> Health:
        """The latest word on it."""
        ...

    def ended(self) -> int | None:
        """None while it lives, then its exit code, or minus the signal that killed it."""
        ...

    def terminate(self) -> None:
        """Ask it to stop in good order, even if it is frozen."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def last_words(self) -> str:
        """The last line of its log."""
        ...


Launch = Callable[[Wanted], Running]
"""Starts the process that serves what is wanted. Raises OSError when it cannot."""

Verify = Callable[[Wanted], None]
"""Returns quietly when the artifact is the one that is wanted, else raises InvalidArtifact."""


@dataclass(slots=True)
class _Attempt:
    """A process in a place: what it was started to serve and when, and what has been decided about it since."""

    process: Running
    serves: Wanted
    began: float
    was_ready: bool = False
    kill_due: float | None = None
    fault: str | None = None


class Place:
    """At most one process at a time, started, watched, restarted and stopped.

    A version that cannot be served is refused: before the process in place is touched when its artifact is wrong,
    by going back to the last version that was ready when it does not start. Without such a version it keeps trying.
    """

    def __init__(self, name: str, role: Role, port: int, launch: Launch, patience: Patience) -> None:
        self.name, self.port = name, port
        self.refusal: Refusal | None = None
        self._role, self._launch, self._patience = role, launch, patience
        self._wanted: Wanted | None = None
        self._goal: Wanted | None = None
        self._proven: Wanted | None = None
        self._attempt: _Attempt | None = None
        self._failures = self._restarts = 0
        self._due = 0.0
        self._last_exit: str | None = None
        self._reason: str | None = None

    def want(self, wanted: Wanted | None, verify: Verify) -> None:
        """Serve `wanted` from now on, None for nothing; `tick` makes it so."""
        if wanted == self._wanted:
            return
        self._wanted, self.refusal = wanted, None
        if wanted is None:
            self._goal = self._proven = None
            return
        try:
            verify(wanted)
        except InvalidArtifact as error:
            self._refuse(wanted, "artifact", str(error).removeprefix(f"{error.field}: "), error.field)
        else:
            self._goal, self._failures, self._due = wanted, 0, 0.0

    def tick(self, now: float, chance: float) -> None:
        """Do what is next to be done at `now`, in the supervisor's seconds; `chance` in [0, 1) spreads restarts."""
        attempt = self._attempt
        if attempt is None:
            self._start_when_due(now, chance)
        elif (status := attempt.process.ended()) is not None:
            self._bury(attempt, status, now, chance)
        elif self._is_obsolete(attempt):
            self._stop(attempt, now)
        elif self._is_ready(attempt):
            self._prove(attempt, now)
        else:
            self._doubt(attempt, now)

    def kill(self) -> None:
        """End the process at once; `tick` notices."""
        if self._attempt is not None:
            self._attempt.process.kill()

    @property
    def is_idle(self) -> bool:
        """Whether no process is there."""
        return self._attempt is None

    def state(self) -> ProcessState | None:
        """The process as it is now, None when nothing runs and nothing should."""
        attempt = self._attempt
        shown = attempt.serves if attempt else self._goal
        if shown is None:
            return None
        return ProcessState(
            name=self.name,
            role=self._role,
            slot=self.name if self._role == "predictor" else None,
            pid=attempt.process.pid if attempt else None,
            port=self.port,
            ready=attempt is not None and self._is_ready(attempt),
            restarts=self._restarts,
            version=shown.version or None,
            digest=shown.digest or None,
            started_at=attempt.process.started_at if attempt else None,
            last_exit=self._last_exit,
            reason=self._reason or self._complaint(),
        )

    def _complaint(self) -> str | None:
        attempt = self._attempt
        if attempt is None or self._is_ready(attempt):
            return None
        if self._is_obsolete(attempt):
            return "is being stopped"
        health = attempt.process.health()
        if health.answer is None:
            return "does not answer" if health.has_answered else "is starting"
        return f"answers as version {health.answer.version}" if health.answer.ready else "answers that it is not ready"

    def _start_when_due(self, now: float, chance: float) -> None:
        if self._goal is None or now < self._due:
            return
        try:
            self._attempt = _Attempt(self._launch(self._goal), self._goal, now)
        except OSError as error:
            self._failed(f"cannot be started: {error}", now, chance)

    def _bury(self, attempt: _Attempt, status: int, now: float, chance: float) -> None:
        planned = self._is_obsolete(attempt)
        self._attempt = None
        if planned:
            self._last_exit = self._reason = None
            return
        self._last_exit = exit_name(status)
        words = attempt.process.last_words()
        self._failed(attempt.fault or ": ".join(filter(None, (self._last_exit, words))), now, chance)

    def _failed(self, reason: str, now: float, chance: float) -> None:
        self._reason = reason
        if self._goal is not None and not self._goal.same(self._proven):
            self._refuse(self._goal, "start", reason)
            if self._proven is not None:
                self._goal, self._due = self._proven, now
                return
        self._failures += 1
        self._restarts += 1
        self._due = now + self._patience.delay(self._failures, chance)

    def _refuse(self, refused: Wanted, kind: RefusalKind, reason: str, field: str = "") -> None:
        if refused.same(self._wanted):
            self.refusal = Refusal(refused.version, refused.digest, refused.generation, kind, reason, field)

    def _is_obsolete(self, attempt: _Attempt) -> bool:
        return attempt.kill_due is not None or not attempt.serves.same(self._goal)

    def _is_ready(self, attempt: _Attempt) -> bool:
        answer = attempt.process.health().answer
        if answer is None or not answer.ready or self._is_obsolete(attempt):
            return False
        serves = (answer.version, answer.digest) == (attempt.serves.version, attempt.serves.digest)
        return serves or self._role == "transformer"

    def _stop(self, attempt: _Attempt, now: float) -> None:
        if attempt.kill_due is None:
            attempt.kill_due = now + self._patience.grace
            attempt.process.terminate()
        elif now >= attempt.kill_due:
            attempt.process.kill()

    def _prove(self, attempt: _Attempt, now: float) -> None:
        attempt.was_ready = True
        self._proven = attempt.serves
        if attempt.serves.same(self._wanted):
            self.refusal = None
        if now - attempt.began >= self._patience.stable:
            self._failures, self._reason = 0, None

    def _doubt(self, attempt: _Attempt, now: float) -> None:
        attempt.fault = attempt.fault or self._fault(attempt, now)
        if attempt.fault is not None:
            attempt.process.kill()

    def _fault(self, attempt: _Attempt, now: float) -> str | None:
        health = attempt.process.health()
        silence = health.silent_for(now)
        if health.has_answered and silence >= self._patience.hung:
            return f"gave no answer for {silence:.0f} s"
        # A transformer without routing answers "not ready" for as long as there is none: that is no fault of its own.
        waiting = not attempt.was_ready and not (health.has_answered and self._role == "transformer")
        if waiting and now - attempt.began >= self._patience.start:
            return f"was not ready within {self._patience.start:.0f} s"
        return None


def exit_name(status: int) -> str:
    """How a process ended, in words: ``exit 1``, ``SIGKILL``."""
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
