"""`contender score`: predictions for files of people, on schedule, beside those who ask one by one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import typer
from rich.console import Group
from rich.text import Text

from cli.completion import versions
from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from cli.quality import shelf_of
from contender.errors import FaultFound, InvalidInput

Good = Annotated[
    Path | None, typer.Argument(help="A folder of good files, or one; HOME/quality/TASK/good if left out.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Where predictions go; HOME/predictions/TASK if left out.")]


def score(  # noqa: PLR0913, PLR0917 - options of a command
    good: Good = None,
    task: TaskOption = "job-change",
    out: Out = None,
    in_process: Annotated[bool, typer.Option("--in-process", help="By the artifact itself: no server.")] = False,
    version: Annotated[
        str, typer.Option(help="The version or alias that scores in-process.", autocompletion=versions)
    ] = "champion",
    batch: Annotated[int, typer.Option(help="Rows of one request.", min=1, max=10_000)] = 200,
    rate: Annotated[float, typer.Option(help="Rows a second at most, through the server.", min=0.1)] = 500.0,
    form: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="Of the predictions.")] = "csv",
    as_json: JsonFlag = False,
) -> int:
    """Score every good file that was not scored yet; with nothing new it says skipped.

    Through the running transformer, at a pace that leaves room for people, or with --in-process, for large files. What
    breaks off goes on where it was when the command is given again.

    Example: contender quality check raw/ && contender score --in-process --format parquet
    """
    from pipelines.params import RegistryParams
    from pipelines.steps.score_batch import ScoringParams, score_pending

    place, progress = workplace(task), Progress()
    url = "" if in_process else _url(place)
    scoring = ScoringParams(url=url, version=version, batch_rows=batch, rows_per_second=rate, form=form)
    settings = place.settings
    registry = RegistryParams(tracking_uri=settings.tracking_uri, artifact_root=str(settings.artifacts))
    usual = shelf_of(place)[0]
    usual.mkdir(parents=True, exist_ok=True)
    target = out or settings.home / "predictions" / place.task.name
    _look_at(good, usual, place.task.name)
    with progress.running(), progress.step(f"score {task}"):
        document = score_pending(
            place.task,
            good or usual,
            scoring,
            registry,
            target,
            on_rows=lambda rows: progress.say(f"{rows:,} rows of this file"),
        )
    show({**document, "folder": str(target)}, as_json, _render)
    if failed := document["failed"]:
        problem = f"{len(failed)} of {len(failed) + len(document['files'])} files could not be scored"
        raise FaultFound(problem, remedy="mend the rows that are named, and contender quality check the file again")
    return 0


def _look_at(good: Path | None, usual: Path, task: str) -> None:
    """Say what will not be scored of what lies there; refuse a folder in which no check put anything."""
    from monitoring.quality.place import Shelf, holds_checks
    from monitoring.quality.sources import named

    folder = good or usual
    if not holds_checks(folder):
        remedy = f"contender quality check FILE --task {task}"
        if good is not None and good.is_dir():
            raise InvalidInput(str(good), "holds no file of good rows: none came of a check", remedy=remedy)
        note(f"no file was checked into {folder}: {remedy}")
    elif folder.is_dir() and (strays := Shelf(folder, folder).strays()):
        note(f"passed over, since no check put them there: {named(strays)}")


def _url(place: Workplace) -> str:
    with place.endpoint() as endpoint:
        return f"http://{urlsplit(endpoint.url).netloc}"


def _render(document: Mapping[str, Any]) -> Group:
    head = {name: document[name] for name in ("status", "rows", "folder")}
    lines = [f"{one['file']}: {one['rows']:,} rows in {one['seconds']:.1f} s" for one in document["files"]]
    lines += [f"{one['file']}: not scored: {one['problem']}" for one in document["failed"]]
    return Group(pairs(head), *map(Text, lines))


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(score)
