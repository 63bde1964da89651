"""`contender audit`: the hash-chained record of every change."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.compose import workplace
from cli.output import JsonFlag, TaskOption, show, table
from contender.errors import FaultFound, InvalidInput
from contender.release import audit
from contender.release.trail import Trail

app = typer.Typer(
    no_args_is_help=True, help="The audit record: show it, verify that nobody edited it, prune what is old."
)

SHORT = 12


@app.command("show")
def show_(
    task: TaskOption = "job-change",
    last: Annotated[int, typer.Option(min=1, help="How many of the newest records.")] = 50,
    as_json: JsonFlag = False,
) -> int:
    """Every change of a task's release: when, who, what, why.

    Example: contender audit show --last 10
    """
    records = list(workplace(task).store.audit(task))[-last:]
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
    place = workplace(task)
    records = list(place.store.audit(task))
    kept = [*place.anchors.kept(task), *_anchor(anchor)]
    problems = audit.verify(records, kept)
    if records and not kept:
        problems.append(f"no anchor is kept in {place.settings.anchor_place}: a cut cannot be ruled out")
    last = audit.anchor(records) or {"sequence": 0, "hash": audit.ORIGIN}
    document = {"task": task, "records": len(records), "ok": not problems, "problems": problems, **last}
    show(document | {"anchors": len(kept)}, as_json, _verified)
    if problems:
        raise FaultFound(f"the audit record of {task} is broken: {problems[0]}", remedy="contender audit show")
    return 0


@app.command()
def prune(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Delete records older than CONTENDER_RETENTION_MONTHS; a sealed record keeps the rest verifiable.

    Example: contender audit prune
    """
    place = workplace(task)
    months = place.settings.retention_months
    trail = Trail(task, place.store, place.anchors)
    count = trail.prune(at=time.time(), actor=place.settings.actor, retention_s=months * audit.MONTH_S)
    show({"task": task, "pruned": count, "retention_months": months}, as_json, _pruned)
    return 0


def _anchor(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        document = json.loads(path.read_text())
        return [{"sequence": int(document["sequence"]), "hash": str(document["hash"])}]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput("--anchor", f"cannot be read: {error}") from error


def _render(document: Mapping[str, Any]) -> Table:
    grid = table("#", "when", "who", "what", "detail", "hash", title=f"audit of {document['task']}")
    for record in document["records"]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record["at"]))
        detail = ", ".join(f"{name} {value}" for name, value in record["detail"].items() if value not in (None, "", []))
        grid.add_row(str(record["sequence"]), when, record["actor"], record["event"], detail, record["hash"][:SHORT])
    return grid


def _verified(document: Mapping[str, Any]) -> str:
    state = "the chain holds" if document["ok"] else "the chain is broken"
    return f"{document['records']} records, {document['anchors']} anchors, {state}"


def _pruned(document: Mapping[str, Any]) -> str:
    return f"{document['pruned']} records older than {document['retention_months']} months were pruned"


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="audit")
