"""`contender audit`: the hash-chained record of every change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.documents import object_of
from cli.exit_codes import FAULT
from cli.home import at_home
from cli.output import JsonFlag, TaskOption, note, show, table
from contender.errors import InvalidInput
from contender.plain_text import one_line
from contender.release import audit
from contender.release.trail import Trail

app = typer.Typer(
    no_args_is_help=True, help="The audit record: show it, verify that nobody edited it, prune what is old."
)

SHORT = 12
_ANCHOR: Final = "contender audit verify --json > anchor.json"


@app.command("show")
def show_(
    task: TaskOption = "job-change",
    last: Annotated[int, typer.Option(min=1, help="How many of the newest records.")] = 50,
    as_json: JsonFlag = False,
) -> int:
    """Every change of a task's release: when, who, what, why.

    Example: contender audit show --last 10
    """
    records = list(at_home(task).store.audit(task))[-last:]
    show({"task": task, "records": records}, as_json, _render)
    return 0


@app.command()
def verify(
    task: TaskOption = "job-change",
    anchor: Annotated[Path | None, typer.Option(help="An earlier --json output, kept elsewhere.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Verify the chain against the anchors that every change leaves, and one more that you kept: cuts are found too.

    Example: contender audit verify --json > anchor.json   (later: contender audit verify --anchor anchor.json)
    """
    place = at_home(task)
    records = list(place.store.audit(task))
    kept = [*place.anchors.kept(task), *_anchor(anchor)]
    problems = audit.verify(records, kept, now=time.time())
    if records and not kept:
        problems.append(f"no anchor is kept in {place.settings.anchor_place}: a cut cannot be ruled out")
    last = audit.anchor(records) or {"sequence": 0, "hash": audit.ORIGIN}
    document = {"task": task, "records": len(records), "ok": not problems, "problems": problems, **last}
    show(document | {"anchors": len(kept)}, as_json, _verified)
    for problem in problems:
        note(f"the audit record of {task} is broken: {problem}")
    return FAULT if problems else 0


@app.command()
def prune(
    task: TaskOption = "job-change",
    override: Annotated[
        str, typer.Option(help="A reason to believe the clock although the records contradict it: the house slept.")
    ] = "",
    as_json: JsonFlag = False,
) -> int:
    """Delete records older than CONTENDER_RETENTION_MONTHS; a sealed record keeps the rest verifiable.

    Refused (exit code 3) while the clock contradicts the records, their anchors and the newest answer: it lies before
    them, or more than a month after all of them.

    Example: contender audit prune
    """
    place = at_home(task)
    months = place.settings.retention_months
    trail = Trail(task, place.store, place.anchors)
    answered = place.store.last_answer_at(task)
    count = trail.prune(
        at=time.time(),
        actor=place.settings.actor,
        retention_s=months * audit.MONTH_S,
        written=[] if answered is None else [answered],
        despite=override,
    )
    show({"task": task, "pruned": count, "retention_months": months}, as_json, _pruned)
    return 0


def _anchor(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        document = object_of("--anchor", path, remedy=_ANCHOR)
        return [{"sequence": int(document["sequence"]), "hash": str(document["hash"])}]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InvalidInput("--anchor", f"{path} holds no anchor", remedy=_ANCHOR) from error


def _render(document: Mapping[str, Any]) -> Table:
    """A line for each record, and its detail below over the whole width: a column of its own would be too narrow."""
    grid = table("", title=f"audit of {document['task']}")
    grid.show_header = False
    for record in document["records"]:
        for line in _lines(record):
            grid.add_row(line)
    return grid


def _lines(record: Mapping[str, Any]) -> tuple[Text, Padding]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record["at"]))
    head = Text.assemble(
        f"{record['sequence']:>4}  {when}  {one_line(str(record['actor']))}  ",
        (one_line(str(record["event"])), "bold"),
        (f"  {record['hash'][:SHORT]}", "dim"),
    )
    kept = {name: value for name, value in record["detail"].items() if value not in (None, "", [])}
    told = (one_line(f"{name} {value}") for name, value in kept.items())
    return head, Padding(Text(", ".join(told)), (0, 0, 0, 6))


def _verified(document: Mapping[str, Any]) -> str:
    state = "the chain holds" if document["ok"] else "the chain is broken"
    return f"{document['records']} records, {document['anchors']} anchors, {state}"


def _pruned(document: Mapping[str, Any]) -> str:
    return f"{document['pruned']} records older than {document['retention_months']} months were pruned"


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="audit")
