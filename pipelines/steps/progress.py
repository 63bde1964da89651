"""Steps say how far they are: one JSON line per event, appended to the file that the local runner follows."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, ParamSpec, TypeVar

from contender.errors import ContenderError, InvalidInput
from pipelines import settings

State = Literal["started", "advanced", "finished", "failed"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Progress:
    """A step started, advanced, finished (after `seconds`) or failed; `detail` is the step's own, plain JSON.

    Training advances with ``{"doing"}`` and, after a trial, ``{"trial", "trials", "metric", "score", "best"}``. A
    failure carries ``{"kind", "message", "remedy"}`` and, for an InvalidInput, ``{"field", "problem"}``.
    """

    step: str
    state: State
    seconds: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


def emit(event: Progress) -> None:
    """Append `event` to the progress file, if somebody listens."""
    path = settings.progress_file()
    if path is not None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(event)) + "\n")


def parse(line: str) -> Progress:
    """The event that `emit` wrote as `line`."""
    raw = json.loads(line)
    return Progress(raw["step"], raw["state"], raw["seconds"], raw["detail"])


def reported(step: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a step so that its start, end and failure are events; a mapping it returns is the end's detail.

    A step that runs twice in a graph tells its runs apart by a `role` argument: ``train`` and ``train-baseline``.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return _observed(step_name(step, str(kwargs.get("role", ""))), lambda: function(*args, **kwargs))

        return run

    return decorate


def step_name(step: str, role: str) -> str:
    """The name of a step in its events: with its role, where it has one."""
    return f"{step}-{role}" if role else step


def problem_of(error: InvalidInput) -> str:
    """What is wrong with the field, without its name."""
    return error.message.removeprefix(f"{error.field}: ")


def _observed(step: str, work: Callable[[], R]) -> R:
    began = time.perf_counter()
    emit(Progress(step, "started"))
    try:
        result = work()
    except Exception as error:
        emit(Progress(step, "failed", time.perf_counter() - began, _failure(error)))
        raise
    detail = result if isinstance(result, Mapping) else {}
    emit(Progress(step, "finished", time.perf_counter() - began, detail))
    return result


def _failure(error: Exception) -> dict[str, str]:
    kind = type(error).__name__
    if not isinstance(error, ContenderError):
        return {"kind": kind, "message": f"{kind}: {error}", "remedy": ""}
    failure = {"kind": kind, "message": error.message, "remedy": error.remedy}
    if isinstance(error, InvalidInput):
        failure |= {"field": error.field, "problem": problem_of(error)}
    return failure
