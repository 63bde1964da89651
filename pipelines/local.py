"""Training on this machine: the kfp graph through kfp's local runner, with progress while it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from contender import errors
from contender.adapters.addresses import whole_sqlite_url
from contender.adapters.process_environment import python
from contender.errors import ContenderError, InvalidInput
from pipelines import settings
from pipelines.params import RunParams
from pipelines.steps.files import write_document
from pipelines.steps.progress import Progress, parse

OnProgress = Callable[[Progress], None]

_POLL_S: Final = 0.1
_STOP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run made.

    `version`, `semver` and `alias` name the registered challenger (or first champion), None when the gate refused;
    `baseline` is the baseline's version if this run registered one. `metrics` holds every model's metrics on the
    held-out rows, by role. `gate` is the decision: outcome, reason, override. `parts` is the folder with
    ``train.jsonl``, ``test.jsonl`` and ``live.jsonl``. `refit` says whether the registered model learnt from the test
    rows as well, after it was judged on them. `seconds` is the whole run, `steps` each step's seconds.
    """

    run_id: str
    seconds: float
    steps: Mapping[str, float]
    synthetic: bool
    rows: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    gate: Mapping[str, str]
    version: str | None
    semver: str | None
    alias: str | None
    baseline: str | None
    parts: Path
    refit: bool


def run_training(params: RunParams, work_dir: Path, on_progress: OnProgress) -> RunResult:
    """Train and register one task's models; `on_progress` is called while it runs, from this thread.

    Everything is kept under a new folder of `work_dir`: parameters, events, the log of the runner, all outputs. A gate
    that refuses is a result, not an error. Whatever ends this call early ends the run too.

    Raises:
        ContenderError: a step failed; of the kind it failed with, and naming the step.
    """
    folder = _new_folder(work_dir, params.task)
    write_document(folder / "run.json", _whole(_with_commit(params)).model_dump())
    began = time.perf_counter()
    done: dict[str, Progress] = {}
    with _runner(folder) as process:
        for event in _events(folder / "events.jsonl", process):
            on_progress(event)
            done[event.step] = event
            if event.state == "failed":
                break  # a cluster's steps are tried again, minutes apart; here that would only withhold the reason
    failed = next((event for event in done.values() if event.state == "failed"), None)
    if failed is not None:
        raise _error(failed)
    if process.returncode != 0:
        raise ContenderError(_crash(done, process.returncode), remedy=f"see {folder / 'runner.log'}")
    return _result(folder.name, time.perf_counter() - began, done)


def _with_commit(params: RunParams) -> RunParams:
    if params.registry.git_sha != settings.UNKNOWN:
        return params
    registry = params.registry.model_copy(update={"git_sha": settings.code_version()})
    return params.model_copy(update={"registry": registry})


def _whole(params: RunParams) -> RunParams:
    """The same with whole paths: the run works in a folder of its own."""
    stated, file = params.registry, params.data.file
    root = stated.artifact_root
    where = {
        "tracking_uri": whole_sqlite_url(stated.tracking_uri),
        "artifact_root": root if "://" in root else str(Path(root).absolute()),
    }
    rows = {"file": file if not file or "://" in file else str(Path(file).absolute())}
    return params.model_copy(
        update={"registry": stated.model_copy(update=where), "data": params.data.model_copy(update=rows)}
    )


def _new_folder(work_dir: Path, task: str) -> Path:
    """A folder that nobody else has: the first free number, taken by making it."""
    work_dir.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = work_dir.resolve() / f"{task}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def _runner(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The runner's process, ended with its whole process group however the block ends.

    It works in the run's folder, and what it and its libraries leave in their folder of temporary files goes with it.
    """
    events = folder / "events.jsonl"
    events.touch()
    places = (folder / "run.json", folder / "outputs")
    with tempfile.TemporaryDirectory(prefix="contender-", ignore_cleanup_errors=True) as scratch, _log(folder) as log:
        environment = settings.step_environment(events, threads=_threads(), scratch=Path(scratch))
        process = subprocess.Popen(
            python("-m", "pipelines.graphs.local_run", *map(str, places), scratch),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _log(folder: Path) -> BinaryIO:
    return (folder / "runner.log").open("wb")


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_S)
    if process.stdin is not None:
        process.stdin.close()


def _events(path: Path, process: subprocess.Popen[bytes]) -> Iterator[Progress]:
    """Every event as it is written, until the process has ended and nothing is left to read."""
    with path.open(encoding="utf-8") as stream:
        pending = ""
        while True:
            ended = process.poll() is not None
            for chunk in stream:
                pending += chunk
                if pending.endswith("\n"):
                    yield parse(pending)
                    pending = ""
            if ended:
                return
            time.sleep(_POLL_S)


def _error(event: Progress) -> ContenderError:
    detail = event.detail
    kind: type[ContenderError] = getattr(errors, detail["kind"], ContenderError)
    if issubclass(kind, InvalidInput):
        return kind(detail["field"], f"{detail['problem']} (step {event.step})", remedy=detail["remedy"])
    return kind(f"step {event.step}: {detail['message']}", remedy=detail["remedy"])


def _crash(done: Mapping[str, Progress], code: int) -> str:
    running = [event.step for event in done.values() if event.state in {"started", "advanced"}]
    where = f"step {running[-1]} ended without a word" if running else "the pipeline runner failed"
    return f"{where} (exit code {code})"


def _result(run_id: str, seconds: float, done: Mapping[str, Progress]) -> RunResult:
    detail: dict[str, Mapping[str, Any]] = {step: event.detail for step, event in done.items()}
    registered = detail.get("register", {})
    return RunResult(
        run_id=run_id,
        seconds=seconds,
        steps={step: event.seconds for step, event in done.items()},
        synthetic=detail["ingest"]["synthetic"],
        rows={name: detail["split"][name] for name in ("train", "test", "live")},
        metrics=detail["evaluate"]["metrics"],
        gate=detail["gate"],
        version=registered.get("version"),
        semver=registered.get("semver"),
        alias=registered.get("alias"),
        baseline=registered.get("baseline"),
        parts=Path(detail["split"]["parts"]),
        refit=detail.get("refit", {}).get("refit", False),
    )


def describe(event: Progress) -> str:
    """One line about an event, for a terminal.

    >>> describe(Progress("train", "advanced", 2.0, {"trial": 3, "trials": 8, "metric": "roc_auc", "score": 0.8,
    ...                                              "best": 0.81}))
    'train: trial 3 of 8, roc_auc 0.8000 (best 0.8100)'
    >>> describe(Progress("split", "finished", 2.04)), describe(Progress("gate", "started"))
    ('split: finished in 2.0 s', 'gate: started')
    >>> describe(Progress("train", "advanced", detail={"doing": "fitting on 900 rows"}))
    'train: fitting on 900 rows'
    >>> describe(Progress("validate", "failed", 1.0, {"kind": "NotFound", "message": "no file", "remedy": ""}))
    'validate: no file'
    """
    if event.state == "advanced" and "doing" in event.detail:
        return f"{event.step}: {event.detail['doing']}"
    if event.state == "advanced":
        detail = event.detail
        scores = f"{detail['metric']} {detail['score']:.4f} (best {detail['best']:.4f})"
        return f"{event.step}: trial {detail['trial']} of {detail['trials']}, {scores}"
    if event.state == "failed":
        return f"{event.step}: {event.detail['message']}"
    return f"{event.step}: {event.state}" + (f" in {event.seconds:.1f} s" if event.state == "finished" else "")
