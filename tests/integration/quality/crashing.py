"""Runs that end by SIGKILL just before their Nth open or rename of a file, for every N, each then done again.

``python crashing.py check|score FOLDER``: for every N a copy of ``FOLDER/start``, which holds ``raw.csv``, is made as
``FOLDER/N``, and kept as it was left as ``FOLDER/N-killed``; ``FOLDER/whole`` is the copy that is never disturbed.
Prints how many runs were killed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contender.tasks.catalog import task_named
from monitoring.quality.check import check_files, terms_for
from monitoring.quality.place import Shelf
from pipelines.steps.outbox import Outbox, Scored
from pipelines.steps.score_batch import pending_files, score_file

TASK = task_named("job-change")


class Echo:
    """Scores a row by its number in the batch, and notes every batch it was asked for."""

    name = "echo"

    def __init__(self, log: Path) -> None:
        self._log = log

    def score(self, key: str, units: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[Scored]:
        with self._log.open("a") as log:
            log.write(f"{key}\n")
        return [
            Scored(unit, f"{key}-{place}", "looking", 0.5, 0.5, "echo", "1", None) for place, unit in enumerate(units)
        ]


def die_at(count: int, folder: Path) -> None:
    """Kill this process at the `count`th file event under `folder`."""
    seen = 0

    def hook(event: str, details: tuple[object, ...]) -> None:
        nonlocal seen
        if event in {"open", "os.rename"} and str(details[0]).startswith(str(folder)):
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def work(mode: str, folder: Path, count: int = 0) -> int:
    """Do it in a process of its own; the signal that ended it, 0 for none."""
    process = os.fork()
    if not process:
        try:
            if count:
                die_at(count, folder)
            check(folder) if mode == "check" else score(folder)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"{mode} failed at {count}")
    return os.WTERMSIG(status)


def check(folder: Path) -> None:
    list(check_files([folder / "raw.csv"], terms_for(TASK), Shelf(folder / "good", folder / "bad")))


def score(folder: Path) -> None:
    outbox = Outbox(folder / "out")
    for one in pending_files(folder / "good", outbox):
        score_file(TASK, one, Echo(folder / "asked.log"), outbox, 100)


def main(mode: str, folder: Path) -> None:
    start, whole = folder / "start", folder / "whole"
    if mode == "score":
        work("check", start)
    shutil.copytree(start, whole)
    work(mode, whole)
    for count in itertools.count(1):
        shutil.copytree(start, folder / str(count))
        if not work(mode, folder / str(count), count):
            print(count - 1)
            return
        shutil.copytree(folder / str(count), folder / f"{count}-killed")
        work(mode, folder / str(count))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
