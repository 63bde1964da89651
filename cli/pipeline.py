"""`contender pipeline`: compile the graphs for a cluster, run one here, submit and schedule them there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import train
from cli.compose import Workplace, git_sha, workplace
from cli.exit_codes import FAILED, REFUSED
from cli.output import JsonFlag, TaskOption, note, pairs, print_json, show
from cli.progress import Progress
from contender.errors import FaultFound, InvalidInput, Unavailable

if TYPE_CHECKING:
    from pipelines.remote import Job, Pipelines, Run
    from pipelines.runner import Runner


GraphOption = Annotated[str, typer.Option(help="The compiled graph: a name in pipelines/generated.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A parameter, as GROUP.NAME=VALUE or NAME=VALUE; repeatable.")
]

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


@app.command()
def submit(
    task: TaskOption = "job-change",
    graph: GraphOption = "training",
    settings: SetOption = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for its end; 0 does not wait.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Reuse no step of an earlier run.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Run a compiled graph on Kubeflow Pipelines, at CONTENDER_PIPELINES_URL and in CONTENDER_PIPELINES_IMAGE.

    Without that address the training graph runs on this machine, and is waited for. With --wait the exit code is 3 when
    the gate refused the model, 1 when the run failed.

    Example: contender pipeline submit --set data.file=s3://bucket/rows.csv --wait 3600
    """
    place = workplace(task)
    job = job_for(place, graph, settings or [], fresh=fresh)
    runner = _runner(place)
    run_id = runner.submit(job)
    note(f"submitted: {run_id}")
    # A run on this machine ends with this process.
    seconds = wait if place.settings.pipelines_url else math.inf
    run = followed(runner, run_id, seconds) if seconds else None
    show({"task": task, "graph": graph, "run": run_id, **_ended(run)}, as_json, lambda d: pairs(d, "pipeline run"))
    return _code(run)


@app.command()
def schedule(
    task: TaskOption = "job-change",
    graph: GraphOption = "training",
    settings: SetOption = None,
    cron: Annotated[str, typer.Option(help="When: six fields, seconds first; by default Mondays at three.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Run a compiled graph on Kubeflow Pipelines again and again; the schedule of the same name is replaced.

    Every run reads its rows anew: Kubeflow knows a file by its address only, and would take last week's.

    Example: contender pipeline schedule --cron "0 0 3 * * 1"
    """
    from pipelines.remote import WEEKLY

    place = workplace(task)
    when = cron or WEEKLY
    if len(when.split()) != 6:
        raise InvalidInput("--cron", f"{when!r} has not six fields", remedy=f"for example {WEEKLY}")
    made = api(place).schedule(job_for(place, graph, settings or [], fresh=True), when)
    show({"task": task, "graph": graph, "schedule": made, "cron": when}, as_json, lambda d: pairs(d, "schedule"))
    return 0


def _runner(place: Workplace) -> Runner:
    from pipelines.runner import LocalRunner

    if place.settings.pipelines_url or place.settings.backend != "local":
        return api(place)
    return LocalRunner(place.settings.home / "pipeline")


def api(place: Workplace) -> Pipelines:
    """The Kubeflow Pipelines API that the environment names.

    Raises:
        Unavailable: it names none.
    """
    from pipelines.remote import Pipelines

    settings = place.settings
    if not settings.pipelines_url:
        raise Unavailable("no Kubeflow Pipelines API is configured", remedy="set CONTENDER_PIPELINES_URL")
    token = settings.pipelines_token.get_secret_value()
    return Pipelines(settings.pipelines_url, token=token, namespace=settings.pipelines_namespace)


def job_for(place: Workplace, graph: str, terms: list[str], *, fresh: bool = False) -> Job:
    """A run of `graph` as the environment and `terms` (NAME=VALUE) say; `fresh` reuses nothing of an earlier one.

    Raises:
        InvalidInput: there is no such graph or parameter, or a pod would not find the registry.
    """
    from pipelines.compile import GENERATED
    from pipelines.remote import Job

    known = sorted(path.stem for path in GENERATED.glob("*.yaml"))
    if graph not in known:
        raise InvalidInput("--graph", f"there is no {graph!r}", remedy=f"choose one of: {', '.join(known)}")
    parameters = _typed(graph, _usual(place, graph), _given(terms))
    if place.settings.pipelines_url and str(parameters.get("registry", {}).get("tracking_uri")).startswith("sqlite:"):
        remedy = "the address that a pod finds MLflow at, such as http://mlflow.mlflow:5000"
        raise InvalidInput("CONTENDER_TRACKING_URI", "Kubeflow does not see a file of this machine", remedy=remedy)
    images = {"pipelines": place.settings.pipelines_image, "monitoring": place.settings.monitoring_image}
    return Job(
        f"{place.task.name}-{graph}",
        GENERATED / f"{graph}.yaml",
        parameters,
        place.task.name,
        images,
        caching=False if fresh else None,
    )


def _usual(place: Workplace, graph: str) -> dict[str, Any]:
    """What the environment says of the graph's parameters."""
    where = {"tracking_uri": place.settings.tracking_uri, "artifact_root": place.settings.artifacts}
    rows = f"{place.settings.pipelines_rows}/{place.task.name}"
    good = f"{rows}/good"
    told: dict[str, dict[str, Any]] = {
        "drift": {"registry": where},
        "ingestion": {"ingestion": {"source": f"{rows}/raw", "good": good, "bad": f"{rows}/bad"}},
        "scoring": {"good": good, "predictions": f"{rows}/predictions", "registry": where},
        "training": {"registry": {**where, "git_sha": git_sha()}},
    }
    return {"task": place.task.name, **told.get(graph, {})}


def _given(terms: list[str]) -> dict[str, Any]:
    """What a person says of them."""
    given: dict[str, Any] = {}
    for words in terms:
        name, equals, value = words.partition("=")
        if not equals:
            raise InvalidInput("--set", f"{words!r} is not NAME=VALUE")
        group, dot, key = name.partition(".")
        if key == "store_url":
            remedy = "put it under the key pipelines into Kubeflow's Secret contender-store"
            raise InvalidInput(f"--set {name}", "would show a password to whoever sees the run", remedy=remedy)
        if dot:
            given.setdefault(group, {})[key] = _value(value)
        else:
            given[name] = _value(value)
    return given


def _typed(graph: str, usual: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    from pipelines.steps.progress import problem_of
    from pipelines.terms import checked

    groups = {name: {**usual[name], **value} for name, value in given.items() if isinstance(usual.get(name), dict)}
    try:
        return checked(graph, {**usual, **given, **groups})
    except InvalidInput as error:
        raise InvalidInput(f"--set {error.field}", problem_of(error)) from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def followed(runner: Runner, run_id: str, seconds: float) -> Run:
    """The run once it has ended, shown while it is waited for; raises what `Runner.wait` raises."""
    progress = Progress()
    with progress.running(), progress.step(f"run {run_id}") as step:
        run = runner.wait(run_id, deadline_s=seconds, seen=lambda seen: progress.say(_standing(seen)))
        step.detail = f"{run.state.lower()}, gate {run.gate}"
    return run


def _standing(run: Run) -> str:
    done = sum(state == "SUCCEEDED" for state in run.tasks.values())
    active = ", ".join(name for name, state in run.tasks.items() if state == "RUNNING")
    return f"{run.state.lower()}, {done} of {len(run.tasks)} tasks done" + (f", now {active}" if active else "")


def _ended(run: Run | None) -> dict[str, Any]:
    return {"state": run.state, "gate": run.gate, "error": run.error or None} if run else {"state": "submitted"}


def _code(run: Run | None) -> int:
    if run is None:
        return 0
    if run.state != "SUCCEEDED":
        note(f"the run ended as {run.state.lower()}: {run.error or 'see Kubeflow for its logs'}")
        return FAILED
    return REFUSED if run.gate == "refused" else 0


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
