"""Follows a job of the cluster until it ends: its words as they come, its result, its exit code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from cli.framing import unframed
from cli.output import note
from contender.adapters.kubernetes_api import Forbidden
from contender.adapters.kubernetes_jobs import JobRequest, JobView
from contender.errors import ContenderError, DeadlineExceeded, Unavailable

POLL_S: Final = 1.0
START_S: Final = 60.0
"""How long an API that is away is asked to make a job."""

_LATE_READS: Final = 5
"""How often the log of a container that has ended is read again for its last lines."""


class Jobs(Protocol):
    """The jobs of one namespace; see `KubernetesJobs`."""

    def start(self, request: JobRequest) -> None:
        """Make a job, once however often it is called."""
        ...

    def look(self, name: str) -> JobView:
        """Where a job stands now."""
        ...

    def log(self, pod: str) -> str:
        """All that a pod's command has written so far."""
        ...


class Ended(NamedTuple):
    """How a job ended: what its command printed on stdout, and its exit code."""

    document: bytes
    exit_code: int


@dataclass(frozen=True, slots=True)
class Clock:
    """The seconds that pass, and how they are let pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def how_to_follow(name: str) -> str:
    """What a person types to see how a job ends."""
    return f"contender cluster follow {name}"


def begin(jobs: Jobs, request: JobRequest, clock: Clock) -> None:
    """Make a job, asking an API that is away again for `START_S`.

    Raises:
        NotFound, Refused, Unavailable: as `KubernetesJobs.start` says.
    """
    end, told = clock.now() + START_S, False
    while True:
        try:
            return jobs.start(request)
        except Unavailable as error:
            if isinstance(error, Forbidden) or clock.now() >= end:
                raise
            if not told:
                note(f"asking again: {error.message}")
            told = True
        clock.sleep(POLL_S)


@dataclass
class Following:
    """One job that is followed."""

    jobs: Jobs
    name: str
    clock: Clock = field(default_factory=Clock)
    _shown: int = 0
    _said: str = ""
    _late: int = 0

    def until_it_ends(self, wait_s: float) -> Ended:
        """How the job ended, its words shown on stderr until then.

        An API that is away does not end this: the job goes on.

        Raises:
            NotFound: the job was deleted.
            DeadlineExceeded: it has not ended after `wait_s`; it goes on.
            Unavailable: the API forbids it, or the job ended before its command started.
            ContenderError: it ended, and its result cannot be read.
        """
        end = self.clock.now() + wait_s
        while True:
            if (ended := self._looked()) is not None:
                return ended
            if self.clock.now() >= end:
                words = f"{self.name} has not ended within {wait_s:g} s and goes on"
                raise DeadlineExceeded(f"{words}{self._last()}", remedy=how_to_follow(self.name))
            self.clock.sleep(POLL_S)

    def _looked(self) -> Ended | None:
        try:
            view = self.jobs.look(self.name)
            log = self.jobs.log(view.pod) if view.pod and view.phase != "pending" else ""
        except Forbidden:
            raise
        except Unavailable as error:
            self._say(f"the job goes on; asking again: {error.message}")
            return None
        self._say(f"pending: {view.trouble or 'its pod has not started'}" if view.phase == "pending" else view.phase)
        words, document = unframed(log, view.frame)
        self._show(words, whole=view.phase == "ended")
        return self._ended(view, document) if view.phase == "ended" else None

    def _ended(self, view: JobView, document: bytes | None) -> Ended | None:
        if view.exit_code is None:
            raise Unavailable(f"{self.name} ended before its command did: {view.reason}", remedy=self._why(view))
        if document is not None:
            return Ended(document, view.exit_code)
        self._late += 1
        if self._late < _LATE_READS:
            return None
        if view.exit_code == 0:
            raise ContenderError(f"{self.name} ended well, and its log holds no result", remedy=self._why(view))
        reason = f" ({view.reason})" if view.reason else ""
        note(f"{self.name} ended with code {view.exit_code}{reason}, and its log holds no result")
        return Ended(b"", view.exit_code)

    def _why(self, view: JobView) -> str:
        return f"kubectl describe {f'pod {view.pod}' if view.pod else f'job {self.name}'}"

    def _show(self, words: list[str], *, whole: bool) -> None:
        """Show the lines that are new; the last may be half a line until the log is whole."""
        there = len(words) if whole else max(len(words) - 1, 0)
        for line in words[self._shown : there]:
            note(line)
        self._shown = max(self._shown, there)

    def _say(self, words: str) -> None:
        if words != self._said:
            note(f"{self.name}: {words}")
        self._said = words

    def _last(self) -> str:
        return f" ({self._said})" if self._said else ""
