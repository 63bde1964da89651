"""Score batch: the good files that were not scored yet, batch by batch, once each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contender.errors import InvalidInput, NotFound
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from contender.values import CHAMPION
from monitoring.quality.place import Shelf, alone
from monitoring.quality.report import Report
from monitoring.quality.tabular import chunks_of, header_of
from pipelines.params import RegistryParams
from pipelines.steps.answerers import Answerer, InProcess, Pace, Served
from pipelines.steps.command import main
from pipelines.steps.files import write_document
from pipelines.steps.outbox import FileScored, Outbox
from pipelines.steps.progress import Progress, emit, reported
from pipelines.steps.scoring import load
from pipelines.steps.typed import Reader


class ScoringParams(BaseModel):
    """How files are scored: by the transformer at `url`, or in this process by `version` where there is no `url`.

    The transformer gets `batch_rows` at a time and at most `rows_per_second`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    url: str = ""
    version: str = CHAMPION
    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 200
    rows_per_second: Annotated[float, Field(gt=0.0)] = 500.0
    form: Literal["csv", "parquet"] = "csv"


IN_PROCESS_ROWS = 20_000
"""Rows of a batch in this process: they cost nobody else anything."""

OnRows = Callable[[int], None]


@reported("score_batch")
def score_batch(
    task: str, good: Path, scoring: ScoringParams, registry: RegistryParams, predictions: Path, report: Path
) -> dict[str, Any]:
    """Write predictions of every good file not scored yet into the folder `predictions`, and what was done.

    The `report`'s ``status`` is ``skipped`` when nothing was new.

    Raises:
        Unavailable: the transformer or the registry does not answer; doing it again goes on from there.
    """
    document = score_pending(task_named(task), good, scoring, registry, predictions)
    write_document(report, document)
    return document


def score_pending(
    task: Task,
    good: Path,
    scoring: ScoringParams,
    registry: RegistryParams,
    predictions: Path,
    on_rows: OnRows = lambda _: None,
) -> dict[str, Any]:
    """Score what is pending as nobody else does in the folder `predictions`; `on_rows` hears of each file's rows.

    Raises:
        Conflict: another scoring is at work there.
        Unavailable: the transformer or the registry does not answer.
    """
    outbox = Outbox(predictions, scoring.form)
    with alone(predictions):
        pending = pending_files(good, outbox)
        if not pending:
            return document_of(task.name, [])
        with answering(task, scoring, registry, outbox) as (answerer, rows):
            return document_of(task.name, [score_file(task, one, answerer, outbox, rows, on_rows) for one in pending])


def document_of(task: str, scored: Sequence[FileScored]) -> dict[str, Any]:
    """What was scored; ``status`` is ``skipped`` when there was nothing new."""
    files = [one.to_document() for one in scored]
    rows = sum(one.rows for one in scored)
    return {"task": task, "status": "scored" if scored else "skipped", "rows": rows, "files": files}


def pending_files(good: Path, outbox: Outbox) -> list[tuple[Path, Report]]:
    """The files of the folder `good` (or that one file) that are not scored yet; `outbox` is tidied.

    Raises:
        NotFound: no such file or folder.
        InvalidInput: a file whose check is not in the journal beside it.
    """
    if not good.exists():
        raise NotFound(f"there is no file and no folder {good}", remedy="contender quality check FILE")
    outbox.sweep()
    folder = good if good.is_dir() else good.parent
    passed = Shelf(folder, folder).passed()
    if not good.is_dir():
        passed = [one for one in passed if one[0].name == good.name]
        if not passed:
            remedy = f"contender quality check {good}, then contender score without a file"
            raise InvalidInput(str(good), "is not a file of good rows: none came of a check", remedy=remedy)
    return [(path, report) for path, report in passed if not outbox.is_done(report.digest)]


@contextmanager
def answering(
    task: Task, scoring: ScoringParams, registry: RegistryParams, outbox: Outbox
) -> Iterator[tuple[Answerer, int]]:
    """Who scores, and how many rows at a time.

    Raises:
        NotFound: no such version.
    """
    if scoring.url:
        pace = Pace(scoring.rows_per_second, time.monotonic, time.sleep)
        with Served(task.name, scoring.url, pace, outbox.run()) as served:
            yield served, scoring.batch_rows
        return
    from contender.adapters.registry_mlflow import MlflowRegistry

    records = MlflowRegistry(registry.tracking_uri, registry.artifact_root)
    version = records.version(task.name, scoring.version)
    scorer = load(task, records.fetch(version, outbox.folder / ".artifact"))
    yield InProcess(task, scorer, version.version), IN_PROCESS_ROWS


def score_file(
    task: Task,
    pending: tuple[Path, Report],
    answerer: Answerer,
    outbox: Outbox,
    batch_rows: int,
    on_rows: OnRows = lambda _: None,
) -> FileScored:
    """Score one file of good rows; batches that are there from an earlier try are kept."""
    path, report = pending
    began, rows, batches = time.perf_counter(), 0, 0
    outbox = replace(outbox, variant=f"{answerer.name}-{batch_rows}")
    reader = Reader(task, header_of(path))
    for number, score in enumerate(_batches(path, report, reader, answerer, batch_rows)):
        rows, batches = rows + outbox.batch(report.digest, number, score), number + 1
        on_rows(rows)
        emit(Progress("score_batch", "advanced", detail={"rows": rows}))
    outbox.finish(report.digest, f"{path.stem}-predictions", batches, {"task": task.name, "rows": rows})
    return FileScored(path.name, rows, round(time.perf_counter() - began, 3))


def _batches(
    path: Path, report: Report, reader: Reader, answerer: Answerer, batch_rows: int
) -> Iterator[Callable[[], Sequence[Any]]]:
    for number, chunk in enumerate(chunks_of(path, batch_rows)):
        key = f"{report.digest}-{batch_rows}-{number}"
        lines, first = chunk.lines, chunk.numbers[0]
        yield lambda key=key, lines=lines, first=first: answerer.score(  # type: ignore[misc]
            key, reader.ids(lines), reader.rows(lines, first)
        )


if __name__ == "__main__":
    main(score_batch)
