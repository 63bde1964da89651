"""`contender drift`: check, report, inject, watch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Group
from rich.table import Table

from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, figure, note, pairs, show, table
from cli.pages import writable, writing
from cli.progress import Progress
from cli.retraining import LIMITS as RETRAINING
from cli.retraining import RowsOption, Terms, WaitOption, retrain_if_due
from cli.watching import champion_reference, checked, look, tell
from contender.errors import ContenderError, InvalidInput
from monitoring.drift.check import Span, seconds
from monitoring.drift.shift import Shift, shifted
from monitoring.drift.verdict import State, Verdict

app = typer.Typer(
    no_args_is_help=True, help="Who asks now against who was learnt from: check, report, rehearse, watch."
)

WindowOption = Annotated[str, typer.Option("--window", help="Rows of the last so long: 90s, 5m, 2h, 7d.")]
OutcomesOption = Annotated[str, typer.Option("--outcomes", help="Outcomes of the last so long.")]

EXIT_CODES: Final[Mapping[State, int]] = {"drift": 4, "error": 1}

SYNTHETIC_ROWS: Final = 5_000
BATCH_S: Final = 0.5


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


@app.command()
def inject(  # noqa: PLR0913, PLR0917 - every option is a parameter
    column: Annotated[str, typer.Option("--column", "-c", help="The column that is moved.")],
    task: TaskOption = "job-change",
    share: Annotated[float, typer.Option(help="The share of rows that are moved.")] = 1.0,
    amount: Annotated[float, typer.Option(help="Numbers are multiplied by 1 + this; levels become one level.")] = 1.0,
    data: Annotated[Path | None, typer.Option("--data", "-d", help="Rows to send; synthetic without it.")] = None,
    rate: Annotated[float, typer.Option(help="Rows a second.")] = 10.0,
    duration: Annotated[str, typer.Option("--for", help="For how long: 90s, 5m.")] = "5m",
    as_json: JsonFlag = False,
) -> int:
    """Send people through the running transformer of whom one column has shifted: a rehearsal of drift.

    These are real requests: they are answered, recorded and counted. Do it where nobody is hired.

    Example: contender drift inject --column city_development_index --amount -0.3 --for 5m
    """
    if not 0.0 < rate <= 1_000.0:
        raise InvalidInput("--rate", "must lie above 0 and at most at 1000")
    place, lasting = workplace(task), seconds(duration, "--for")
    rng = np.random.default_rng(int(time.time()))
    rows = shifted(place.task, rows_of(place, data), Shift(column, share, amount), rng)
    progress = Progress()
    with progress.running(), progress.step(f"send people for {duration}"):
        sent = _send(place, rows, rate, lasting, lambda sent: progress.say(f"{sent:,} answered"))
    show({"task": task, "column": column, "share": share, "amount": amount, "sent": sent}, as_json, pairs)
    return 0


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


def rows_of(place: Workplace, data: Path | None) -> list[dict[str, object]]:
    """Rows of the task's schema: those of a file, or synthetic people.

    Raises:
        InvalidInput: there is no such file, or no row of it obeys the schema.
    """
    names = place.task.schema.model_fields
    if data is None:
        drawn = place.task.generate(SYNTHETIC_ROWS, seed=int(time.time()))
        return [{name: row[name] for name in names} for row in drawn]
    from pipelines.steps.ingest import read_csv
    from pipelines.steps.validate import check_rows

    good = check_rows(place.task, read_csv(data)).good
    if not good:
        raise InvalidInput("--data", f"no row of {data} obeys the schema", remedy="contender quality check")
    return [{name: row[name] for name in names} for row in good]


def _span(window: str, outcomes: str) -> Span:
    return Span(time.time(), seconds(window, "--window"), seconds(outcomes, "--outcomes"))


def _send(
    place: Workplace,
    rows: Sequence[Mapping[str, object]],
    rate: float,
    lasting: float,
    on_sent: Callable[[int], None],
) -> int:
    """Send rows at `rate` a second, several a request; how many were answered."""
    sent, began = 0, time.monotonic()
    run = f"{int(time.time())}"
    people = cycle(rows)
    with place.endpoint() as endpoint:
        while (elapsed := time.monotonic() - began) < lasting:
            due = int((elapsed + BATCH_S) * rate) - sent
            if due > 0:
                batch = [{**next(people), "unit_id": f"rehearsal-{run}-{sent + n}"} for n in range(due)]
                endpoint.predict(batch)
                sent += due
                on_sent(sent)
            time.sleep(BATCH_S / 2)
    return sent


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
