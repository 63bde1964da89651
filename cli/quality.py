"""`contender quality`: files judged at the door, and faults planted for rehearsals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from cli.compose import Workplace, workplace
from cli.exit_codes import FAULT, OK, USAGE
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.pages import writable, writing
from cli.progress import Progress
from contender.tasks.catalog import task_named
from contender.tasks.rules import Issue

if TYPE_CHECKING:
    from monitoring.quality.check import Checked
    from monitoring.quality.place import Shelf
    from monitoring.quality.report import Report

EXIT_CODES: Mapping[str, int] = {"good": OK, "nothing": USAGE, "faults": FAULT}
"""By the verdict on all files."""

WORDS: Mapping[str, str] = {"hold": "held", "row": "set aside", "alert": "look at it", "warning": "good to know"}
"""What follows from a finding, by its severity."""

app = typer.Typer(no_args_is_help=True, help="Files of rows: check them at the door, plant faults for rehearsals.")

Source = Annotated[str, typer.Argument(help="A CSV file, a folder of them, or s3://bucket/prefix.")]
Good = Annotated[Path | None, typer.Option("--good", help="Where good rows go; HOME/quality/TASK/good if left out.")]
Bad = Annotated[Path | None, typer.Option("--bad", help="Where rows set aside go; HOME/quality/TASK/bad if left out.")]
Like = Annotated[Path | None, typer.Option("--reference", help="A file to compare with, such as the rows trained on.")]


@app.command()
def check(  # noqa: PLR0913, PLR0917 - options of a command
    source: Source,
    task: TaskOption = "job-change",
    good: Good = None,
    bad: Bad = None,
    reference: Like = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="The files may come without the target.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write one HTML page with pictures.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Judge files, split their rows into good and bad ones with reasons, record and announce what is wrong.

    A file that was checked before is not taken again and keeps its verdict. Exit code 4 when there are faults, 2 when
    nothing was read.

    Example: contender quality check raw/ --task job-change --report quality.html
    """
    from monitoring.quality.check import check_files, terms_for
    from monitoring.quality.sources import READ, files_of, named
    from pipelines.steps.ingest_files import keep, tell

    writable("--report", report)
    place = workplace(task)
    shelf = _shelf(place, good, bad)
    progress, checked = Progress(), list[Any]()
    with files_of(source) as found, progress.running(), progress.step(f"check {_counted(len(found.files), 'file')}"):
        terms = terms_for(place.task, like=reference, labelled=not unlabelled)
        begun = check_files(
            found.files, terms, shelf, lambda rows: progress.say(f"{len(checked)} done, {rows:,} rows so far")
        )
        for one in begun:
            checked.append(one)
            progress.say(f"{len(checked)} of {len(found.files)}, {one.report.rows:,} rows in the last")
    if not checked:
        note(f"nothing in {source} was read: no file there ends in {', '.join(READ)}")
    if found.passed_over:
        note(f"passed over: {named(found.passed_over)}")
    keep(place.settings.store_url, task, checked)
    _write_page(report, [one.report for one in checked], found.passed_over)
    announced = tell([one.report for one in checked if one.new])
    document = _document(task, checked, found.passed_over, report) | {"announced": announced}
    show({**document, "good_folder": str(shelf.good), "bad_folder": str(shelf.bad)}, as_json, _render)
    return EXIT_CODES[document["verdict"]]


@app.command()
def corrupt(  # noqa: PLR0913, PLR0917 - options of a command
    file: Annotated[Path, typer.Argument(help="A CSV file without faults; it is left as it is.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    issue: Annotated[Issue, typer.Option("--type", help="The type of fault.")],
    task: TaskOption = "job-change",
    share: Annotated[float, typer.Option(help="The share of rows that get a fault.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Fixes which rows, and what is planted.")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Copy a file and plant faults of one type in a share of its rows, to see that they are found.

    Example: contender quality corrupt rows.csv --type out_of_range --share 0.01 --out spoilt.csv
    """
    import numpy as np

    from monitoring.quality.corrupt import corrupt as plant

    planted = plant(file, out, task_named(task), issue, share, np.random.default_rng(seed))
    document = {"task": task, "type": str(issue), "file": str(out), "planted": len(planted.rows), "rows": planted.rows}
    show(document, as_json, _render_planted)
    return 0


def shelf_of(place: Workplace) -> tuple[Path, Path]:
    """The folders of good and of bad rows of the workplace's task."""
    folder = place.settings.home / "quality" / place.task.name
    return folder / "good", folder / "bad"


def _shelf(place: Workplace, good: Path | None, bad: Path | None) -> Shelf:
    from monitoring.quality.place import Shelf

    usual_good, usual_bad = shelf_of(place)
    return Shelf(good or usual_good, bad or usual_bad)


def _write_page(file: Path | None, told: Sequence[Report], passed_over: Sequence[str]) -> None:
    from monitoring.quality.page import page

    if file is None:
        return
    with writing("--report"):
        file.write_text(page(told, passed_over), encoding="utf-8")


def _document(task: str, checked: Sequence[Checked], passed_over: Sequence[str], page: Path | None) -> dict[str, Any]:
    """All files that lie there: what was judged before keeps its verdict."""
    from pipelines.steps.ingest_files import counts

    new = sum(one.new for one in checked)
    return {
        "task": task,
        **counts([one.report for one in checked]),
        "checked": new,
        "skipped": len(checked) - new,
        "passed_over": list(passed_over),
        "files": [one.report.to_document() | {"new": one.new} for one in checked],
        "report": str(page) if page else None,
    }


def _render(document: Mapping[str, Any]) -> Group:
    head = {name: document[name] for name in ("verdict", "checked", "skipped", "rows", "good", "bad", "report")}
    lines = [_line(file, one) for file in document["files"] for one in file["findings"]]
    return Group(pairs(head | {"good rows in": document["good_folder"]}), *map(Text, lines))


def _line(file: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    case = " ".join(filter(None, [f"{one['type']}/{one['code']}", one["column"]]))
    known = "" if file["new"] else " (judged before)"
    rows = f", {_counted(one['count'], 'column' if one['severity'] == 'hold' else 'row')}" if one["count"] else ""
    return f"{file['file']}{known}: {WORDS[one['severity']]}: {case}{rows}" + (
        f" ({one['note']})" if one["note"] else ""
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _render_planted(document: Mapping[str, Any]) -> str:
    note(f"written: {document['file']}; check it with --good and --bad of its own: where its original was checked,")
    note("all its people are known")
    where = _counted(document["planted"], "row") if document["planted"] else "the file as a whole"
    return f"{document['type']} in {where}"


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="quality")
