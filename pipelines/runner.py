"""Where a compiled graph runs: on Kubeflow (`pipelines.remote`), or on this machine. Both keep to one protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from contender.errors import ContenderError, DeadlineExceeded, InvalidInput, NotFound
from pipelines.local import run_training
from pipelines.params import RunParams
from pipelines.remote import Job, Run
from pipelines.steps.progress import Progress
from pipelines.terms import checked

_POLL_S: Final = 0.1
_HERE: Final = "training"
_STATES: Final = MappingProxyType(
    {"started": "RUNNING", "advanced": "RUNNING", "finished": "SUCCEEDED", "failed": "FAILED"}
)
_INSTEAD: Final = MappingProxyType(
    {
        "analysis": "contender experiment status",
        "drift": "contender drift check",
        "ingestion": "contender quality check",
        "scoring": "contender score",
    }
)
"""What does on this machine, without a graph, what the graph of that name does on a cluster."""


class Runner(Protocol):
    """Runs jobs: what a caller may rely on wherever they run."""

    def submit(self, job: Job) -> str:
        """The id of a run of `job` that has begun.

        Raises:
            InvalidInput: a parameter that the graph does not have, or of another type; nothing has begun.
            NotFound: there is no such graph.
            Unavailable: what runs it does not answer.
        """
        ...

    def wait(self, run_id: str, *, deadline_s: float, seen: Callable[[Run], None]) -> Run:
        """The run once it has ended, well or with its `error`; `seen` gets what it looks like meanwhile.

        Raises:
            NotFound: there is no such run.
            DeadlineExceeded: it still runs after `deadline_s`; it goes on.
        """
        ...


@dataclass(slots=True)
class _Begun:
    """A run on this machine: what its steps said so far, how it ended, and the thread that follows it."""

    states: dict[str, str] = field(default_factory=dict)
    error: str = ""
    thread: threading.Thread | None = None

    def follow(self, params: RunParams, folder: Path) -> None:
        try:
            run_training(params, folder, self._note)
        except ContenderError as error:
            self.error = str(error)

    def standing(self, run_id: str) -> Run:
        going = self.thread is not None and self.thread.is_alive()
        state = "RUNNING" if going else "FAILED" if self.error else "SUCCEEDED"
        return Run(run_id, state, dict(self.states), self.error)

    def _note(self, event: Progress) -> None:
        self.states[event.step] = _STATES[event.state]


class LocalRunner:
    """Runs the training graph in processes of this machine, everything of a run under `folder`.

    A run ends with the process that submitted it, so that process has to wait. `clock` and `sleep` are waiting's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._clock, self._sleep = folder, clock, sleep
        self._begun: dict[str, _Begun] = {}

    def submit(self, job: Job) -> str:
        """The id of a run of `job` that has begun; see `Runner`."""
        graph = job.graph.stem
        params = checked(graph, job.parameters)
        if graph != _HERE:
            raise InvalidInput("--graph", f"{graph} runs on Kubeflow only", remedy=f"here: {_INSTEAD[graph]}")
        run_id, begun = f"{job.name}-{len(self._begun) + 1}", _Begun()
        told = RunParams.model_validate(params)
        begun.thread = threading.Thread(target=begun.follow, args=(told, self._folder), daemon=True, name=run_id)
        begun.thread.start()
        self._begun[run_id] = begun
        return run_id

    def wait(self, run_id: str, *, deadline_s: float, seen: Callable[[Run], None]) -> Run:
        """The run once it has ended; see `Runner`."""
        if run_id not in self._begun:
            raise NotFound(f"there is no run {run_id} here")
        end = self._clock() + deadline_s
        while True:
            run = self._begun[run_id].standing(run_id)
            seen(run)
            if run.ended:
                return run
            if self._clock() >= end:
                raise DeadlineExceeded(f"run {run_id} has not ended after {deadline_s:g} s; it goes on")
            self._sleep(_POLL_S)
