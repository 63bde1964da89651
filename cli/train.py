"""`contender train` and `contender evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from cli.completion import versions
from cli.compose import Workplace, git_sha, workplace
from cli.exit_codes import REFUSED
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from contender.errors import InvalidInput

if TYPE_CHECKING:
    from pipelines.local import RunResult
    from pipelines.params import DataParams, GateParams, RunParams, TrainingParams
    from pipelines.steps.progress import Progress as StepProgress

DataOption = Annotated[
    Path | None, typer.Option("--data", "-d", help="A CSV file, read as it is. Without it, synthetic rows are made.")
]


def train(
    task: TaskOption = "job-change",
    data: DataOption = None,
    trials: Annotated[int, typer.Option(help="Points of the search space to try; 0 takes the defaults.")] = 8,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Fixes synthetic rows, search and fit; new synthetic rows without it.")
    ] = None,
    override: Annotated[str, typer.Option(help="A reason to register a model that the gate refuses.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Train, evaluate, gate and register one version with the kfp pipeline, on this machine.

    The first version becomes champion, later ones challenger. The gate asks the same floor of each: people enough to
    tell, surely better than one answer for all, not surely worse than the baseline. Exit code 3 when it refuses.

    Examples:
      contender train
      contender train --task job-role --data candidates.csv --trials 12 --json
    """
    from pipelines.params import DataParams, GateParams, TrainingParams

    place = workplace(task)
    file = existing(data)
    seed = chosen_seed(place, file) if seed is None else seed
    run = run_params(
        place,
        DataParams(file=file, seed=seed),
        TrainingParams(trials=trials, seed=seed),
        GateParams(override=override),
    )
    progress = Progress()
    with progress.running():
        result = train_with_progress(place, run, progress, f"train {task}")
    show(_document(task, result), as_json, _render)
    return REFUSED if result.gate["outcome"] == "refused" else 0


def evaluate(
    data: Annotated[Path, typer.Option("--data", "-d", help="A CSV file with labelled rows.")],
    task: TaskOption = "job-change",
    alias: Annotated[str, typer.Option(help="An alias or a version number.", autocompletion=versions)] = "champion",
    as_json: JsonFlag = False,
) -> int:
    """Measure a registered version on the rows of a file.

    Rows that the version has learnt from flatter it: `contender train` measures on rows kept back, this does not know.

    Example: contender evaluate --task job-change --data rows.csv --alias champion --json
    """
    from pipelines.steps.evaluate import score_file

    place = workplace(task)
    version = place.registry.version(task, alias)
    note(f"measuring {task} version {version.version} ({version.semver}) …")
    folder = place.registry.fetch(version, place.settings.home / "fetched")
    metrics = score_file(place.task, Path(existing(data)), folder)
    document = {"task": task, "version": version.version, "semver": version.semver, "alias": alias, **metrics}
    show(document, as_json, pairs)
    return 0


def chosen_seed(place: Workplace, file: str) -> int:
    """0 for the rows of a file; for synthetic rows the first that no registered version of the task has learnt from."""
    if file:
        return 0
    from pipelines.steps.ingest import synthetic_source

    seen = {version.tags.get("data_source") for version in place.registry.versions(place.task.name)}
    seed = next(number for number in count() if synthetic_source(number) not in seen)
    note(
        f"{place.task.name}: synthetic rows of seed {seed}{', other people than any version has seen' if seed else ''}"
    )
    return seed


def run_params(place: Workplace, data: DataParams, training: TrainingParams, gate: GateParams) -> RunParams:
    """The parameters of a run in this workplace."""
    from pipelines.params import RegistryParams, RunParams

    registry = RegistryParams(
        tracking_uri=place.settings.tracking_uri, artifact_root=place.settings.artifacts, git_sha=git_sha()
    )
    return RunParams(task=place.task.name, data=data, training=training, gate=gate, registry=registry)


def train_with_progress(place: Workplace, run: RunParams, progress: Progress, title: str) -> RunResult:
    """Run the training pipeline as one step of `progress`."""
    from pipelines.local import describe, run_training

    def say(event: StepProgress) -> None:
        progress.say(describe(event))

    with progress.step(title) as step:
        result = run_training(run, place.settings.home / "pipeline", say)
        step.detail = _outcome(place.task.metric.name, result)
    return result


def existing(data: Path | None) -> str:
    """The whole path of a file that is there, or an empty text for none.

    Raises:
        InvalidInput: there is no such file.
    """
    if data is None:
        return ""
    if not data.is_file():
        raise InvalidInput("--data", f"there is no file {data}", remedy="name a CSV file, or leave --data out")
    return str(data.resolve())


def _outcome(metric: str, result: RunResult) -> str:
    measured = f"{metric} {result.metrics['challenger'][metric]:.4f}"
    if result.version is None:
        return f"{measured}, refused by the gate"
    passed = f"{measured}, version {result.version} ({result.semver}) is {result.alias}"
    overridden = result.gate["outcome"] == "overridden"
    return f"{passed}; the gate was overridden: {result.gate['reason']}" if overridden else passed


def _document(task: str, result: RunResult) -> dict[str, Any]:
    measured = dict(result.metrics["challenger"])
    named = {"task": task, "parts": str(result.parts), "metrics": measured, "metrics_by_role": result.metrics}
    return {**asdict(result), **named, **measured}


def _render(document: Mapping[str, Any]) -> Group | Table:
    source = "synthetic rows" if document["synthetic"] else "rows of the file"
    title = f"{document['task']} version {document['version'] or '– (refused)'}, on {document['rows']['test']} {source}"
    gate = document["gate"]
    facts = {"semver": document["semver"], "alias": document["alias"], "gate": gate["reason"]}
    facts |= {"overridden": gate["override"]} if gate["override"] else {}
    return Group(pairs(document["metrics"], title), pairs(facts | {"seconds": f"{document['seconds']:.0f}"}))


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("train")(train)
    app.command("evaluate")(evaluate)
