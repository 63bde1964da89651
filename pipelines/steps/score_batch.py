"""Score batch: the good files that were not scored yet, batch by batch, once each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

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
from pipelines.steps.outbox import FileFailed, FileScored, Outbox
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

_PLACE: Final = re.compile(r"instances\[(?P<index>\d+)\]\.?(?P<field>[^:]*): ")
"""How the transformer names what it refuses: by its place in the batch."""

_REMEDY: Final = "mend the row in the source, and check that again: contender quality check FILE"


@reported("score_batch")
def score_batch(
    task: str, good: Path, scoring: ScoringParams, registry: RegistryParams, predictions: Path, report: Path
) -> dict[str, Any]:
    """Write predictions of every good file not scored yet into the folder `predictions`, and what was done.

    The `report`'s ``status`` is ``skipped`` when nothing was new.

    Raises:
        InvalidInput: a file holds a row that is refused; the other files are scored all the same.
        Unavailable: the transformer or the registry does not answer; doing it again goes on from there.
    """
    document = score_pending(task_named(task), good, scoring, registry, predictions)
    write_document(report, document)
    if document["failed"]:
        first = document["failed"][0]
        raise InvalidInput(first["file"], first["problem"])
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

    A file with a row that is refused is named among the ``failed``, and stops no other.

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
            scored: list[FileScored] = []
            failed: list[FileFailed] = []
            for one in pending:
                try:
                    scored.append(score_file(task, one, answerer, outbox, rows, on_rows))
                except InvalidInput as error:
                    failed.append(FileFailed(one[0].name, str(error)))
            return document_of(task.name, scored, failed)


def document_of(task: str, scored: Sequence[FileScored], failed: Sequence[FileFailed] = ()) -> dict[str, Any]:
    """What was scored; ``status`` is ``failed`` when a file could not be, ``skipped`` when there was nothing new."""
    return {
        "task": task,
        "status": "failed" if failed else "scored" if scored else "skipped",
        "rows": sum(one.rows for one in scored),
        "files": [one.to_document() for one in scored],
        "failed": [one.to_document() for one in failed],
    }


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
        yield lambda key=key, lines=lines, first=first: _score(  # type: ignore[misc]
            answerer, key, reader, lines, first
        )


def _score(answerer: Answerer, key: str, reader: Reader, lines: Sequence[Sequence[str]], first: int) -> Sequence[Any]:
    """The predictions for the lines of one batch; what is refused is named by its number in the file."""
    units, rows = reader.ids(lines, first), reader.rows(lines, first)
    try:
        return answerer.score(key, units, rows)
    except InvalidInput as error:
        place = _PLACE.match(error.message)
        if place is None:
            raise
        row = f"row {first + int(place['index'])}, {place['field']}"
        raise InvalidInput(row, error.message[place.end() :], remedy=_REMEDY) from error


if __name__ == "__main__":
    main(score_batch)
