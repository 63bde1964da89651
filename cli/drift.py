"""`contender drift`: check, report, watch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.table import Table

from cli.compose import Workplace, workplace
from cli.exit_codes import FAILED, FAULT
from cli.output import JsonFlag, TaskOption, figure, note, pairs, show, table
from cli.pages import writable, writing
from cli.progress import Progress
from cli.retraining import LIMITS as RETRAINING
from cli.retraining import RowsOption, Terms, WaitOption, retrain_if_due
from cli.watching import champion_reference, checked, look, tell
from contender.errors import ContenderError, InvalidInput
from monitoring.drift.check import Span, seconds
from monitoring.drift.verdict import State, Verdict

app = typer.Typer(no_args_is_help=True, help="Who asks now against who was learnt from: check, report, watch.")

WindowOption = Annotated[str, typer.Option("--window", help="Rows of the last so long: 90s, 5m, 2h, 7d.")]
OutcomesOption = Annotated[str, typer.Option("--outcomes", help="Outcomes of the last so long.")]

EXIT_CODES: Final[Mapping[State, int]] = {"drift": FAULT, "error": FAILED}


@app.command()
def check(
    task: TaskOption = "job-change",
    window: WindowOption = "5m",
    outcomes: OutcomesOption = "7d",
    as_json: JsonFlag = False,
) -> int:
    """Hold the last rows, answers and outcomes against the champion's training reference.

    Exit code 4 on drift. What cannot be measured is an error, never "no drift".

    Example: contender drift check --task job-role --window 1h --json
    """
    place = workplace(task)
    verdict, _ = checked(place, _span(window, outcomes))
    show(verdict.to_document(), as_json, _render)
    return _code(verdict)


@app.command()
def report(
    task: TaskOption = "job-change",
    window: WindowOption = "1h",
    outcomes: OutcomesOption = "7d",
    html: Annotated[Path, typer.Option("--html", help="Where the page is written.")] = Path("drift.html"),
    as_json: JsonFlag = False,
) -> int:
    """The same check with evidently's page of pictures: shares and histograms, no row of anybody.

    Exit code 4 on drift; the page is written all the same.

    Example: contender drift report --window 1h --html drift.html
    """
    from monitoring.drift.report import write_report

    writable("--html", html)
    place = workplace(task)
    verdict, seen = checked(place, _span(window, outcomes))
    if not seen.seen:
        remedy = "a longer --window; if nobody asks: contender status; if nothing is kept: CONTENDER_INPUTS_PER_SECOND"
        raise InvalidInput("--window", f"no rows were kept in the last {window}", remedy=remedy)
    progress = Progress()
    with progress.running(), progress.step("draw the report"), writing("--html"):
        distances = write_report(place.task, champion_reference(place), seen, verdict, html)
    show(verdict.to_document() | {"html": str(html), "evidently": distances}, as_json, _render)
    return _code(verdict)


@app.command(hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def inject() -> int:
    """Say what became of the command."""
    raise InvalidInput(
        "drift inject", "is now an option of rehearse", remedy="contender rehearse --shift COLUMN --for 5m"
    )


@app.command()
def watch(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    every: Annotated[str, typer.Option(help="How often to look.")] = "1m",
    window: WindowOption = "5m",
    outcomes: OutcomesOption = "7d",
    looks: Annotated[int, typer.Option(help="Stop after so many looks; 0 goes on until Ctrl-C.")] = 0,
    retrain: Annotated[bool, typer.Option("--retrain/--no-retrain", help="Begin a training run when due.")] = False,
    data: RowsOption = "",
    trials: Annotated[int, typer.Option(help="Points of the search space that a training run tries.", min=0)] = 8,
    wait: WaitOption = RETRAINING.longest_s,
) -> int:
    """Check again and again; record every verdict, announce what changes, and begin a training run when it is due.

    A look that fails is recorded as an error, and the next one comes. One JSON object a look on stdout.

    Example: contender drift watch --every 1m --retrain --data newest.csv
    """
    place, pause = workplace(task), seconds(every, "--every")
    before, count = "", 0
    while not looks or count < looks:
        if count:
            time.sleep(pause)
        count += 1
        verdict = look(place, _span(window, outcomes))
        if verdict.state != before:
            tell(verdict)
        before = verdict.state
        _say(verdict)
        if retrain:
            _retrain(place, Terms(data, trials, wait), stop=count in (1, looks))
    return 0


def _retrain(place: Workplace, terms: Terms, *, stop: bool) -> None:
    """Retrain if it is due. Where that cannot be told a watch goes on, unless it has just begun or ends anyway."""
    try:
        retrain_if_due(place, terms)
    except ContenderError as error:
        if stop:
            raise
        note(f"{place.task.name}: no retraining: {error}")


def _span(window: str, outcomes: str) -> Span:
    return Span(time.time(), seconds(window, "--window"), seconds(outcomes, "--outcomes"))


def _code(verdict: Verdict) -> int:
    if verdict.state == "drift":
        note(f"drift: {', '.join(verdict.drifted)}; next: contender retrain --task {verdict.task}")
    return EXIT_CODES.get(verdict.state, 0)


def _say(verdict: Verdict) -> None:
    line = {name: value for name, value in verdict.to_document().items() if name != "signals"}
    typer.echo(json.dumps(line))


def _render(document: Mapping[str, Any]) -> Group:
    facts = {name: document[name] for name in ("state", "reason", "version", "rows", "outcomes")}
    facts["counted as"] = f"{document['size']:.0f} rows of different people"
    facts |= {name: document[name] for name in ("html",) if name in document}
    head = pairs(facts, f"drift of {document['task']}")
    return Group(head, _signals(document["signals"])) if document["signals"] else Group(head)


def _signals(signals: Sequence[Mapping[str, Any]]) -> Table:
    grid = table("signal", "state", "distance", "p", "what was measured")
    for one in sorted(signals, key=lambda one: -one["distance"]):
        measured = f"{one['what']} {figure(one['reference'])} → {figure(one['window'])}"
        grid.add_row(one["name"], one["state"], f"{one['distance']:.2f}", f"{one['p']:.1g}", one["problem"] or measured)
    return grid


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="drift")
