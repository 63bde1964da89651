"""`contender pipeline`: compile the graphs for a cluster, run one here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import train
from cli.output import JsonFlag, TaskOption, note, print_json
from contender.errors import FaultFound

app = typer.Typer(no_args_is_help=True, help="Kubeflow pipelines: compile for a cluster, run on this machine.")


@app.command("compile")
def compile_(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is out of date.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Write pipelines/generated/*.yaml from the graphs.

    Example: contender pipeline compile --check
    """
    from pipelines.compile import GENERATED, compile_all, drifted

    if check:
        _report({"out_of_date": [path.name for path in drifted()]}, as_json)
        return 0
    _report({"written": [str(path.relative_to(GENERATED.parents[1])) for path in compile_all()]}, as_json)
    return 0


@app.command()
def run(
    task: TaskOption = "job-change",
    data: train.DataOption = None,
    trials: Annotated[int, typer.Option(help="Points of the search space to try; 0 takes the defaults.")] = 8,
    seed: Annotated[int, typer.Option(help="Fixes synthetic rows, split, search and fit.")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Run the training pipeline on this machine; the same as `contender train`.

    Example: contender pipeline run --task job-role --json
    """
    return train.train(task=task, data=data, trials=trials, seed=seed, as_json=as_json)


def _report(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    for name in document.get("written", ()):
        note(f"written: {name}")
    if stale := document.get("out_of_date"):
        raise FaultFound(f"out of date: {', '.join(stale)}", remedy="contender pipeline compile")


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="pipeline")
