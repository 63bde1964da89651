"""`contender retrain`: begins a training run when one is due, here or on Kubeflow, and records what came of it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.compose import Workplace, server_environment, workplace
from cli.exit_codes import FAILED, REFUSED, USAGE
from cli.kubeflow import Training, elsewhere
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from cli.train import existing
from contender.adapters.process_environment import python
from contender.values import CHALLENGER
from monitoring.retraining import ledger
from monitoring.retraining.triggers import Limits, Result, Run, budget_left

LIMITS: Final = Limits()

_COMMAND: Final = "import sys; from cli.main import run; sys.exit(run(sys.argv[1:]))"
_EXIT_CODES: Final[Mapping[str | None, int]] = {"failed": FAILED, "untrained": USAGE}

RowsOption = Annotated[
    str,
    typer.Option("--data", "-d", help="A CSV file, synthetic rows without it; on a cluster s3://BUCKET/KEY.csv."),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for a run on Kubeflow; a later call learns its end.")
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run learns from and how long its search is; `wait_s` is how long one on Kubeflow is waited for."""

    data: str = ""
    trials: int = 8
    wait_s: float = LIMITS.longest_s


def retrain(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    data: RowsOption = "",
    trials: Annotated[int, typer.Option(help="Points of the search space to try; 0 takes the defaults.", min=0)] = 8,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only when drift, decay or the calendar ask for it.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "a person asked",
    wait: WaitOption = LIMITS.longest_s,
    as_json: JsonFlag = False,
) -> int:
    """Begin a training run, within cooldown and budget; what passes the gate awaits its experiment.

    With CONTENDER_PIPELINES_URL it runs on Kubeflow Pipelines. A run that ends before it has rows to train on costs
    nothing of the budget. Exit code 1 when the run failed, 2 when it had no rows to train on, 3 when none may begin or
    the gate refuses the model. With --if-due these last two are a round that did its work: exit code 0.

    Examples:
      contender retrain --if-due --data newest.csv     # from cron, every hour
      contender retrain --reason "new market"
    """
    place = workplace(task)
    document = retrain_if_due(place, Terms(data, trials, wait), asked="" if if_due else reason)
    show(document, as_json, lambda d: pairs({k: v for k, v in d.items() if v is not None}, f"retraining of {task}"))
    return _EXIT_CODES.get(document["result"], 0) if if_due else _asked_code(document)


def _asked_code(document: Mapping[str, Any]) -> int:
    """What a person asked for and did not get is no success."""
    turned_away = not document["due"] or document["result"] == "refused"
    return REFUSED if turned_away else _EXIT_CODES.get(document["result"], 0)


def retrain_if_due(place: Workplace, terms: Terms, *, asked: str = "") -> dict[str, Any]:
    """Decide, run to the end if a run is due, and return what was decided and what came of it.

    The run is a process of its own, or Kubeflow's: whatever happens to it, this one records it. Of one that is left to
    Kubeflow, the next call learns the end before it decides anything.

    Raises:
        InvalidInput: what a run would learn from is not there; nothing was begun.
        Unavailable: the store, or what training on Kubeflow needs, does not answer.
    """
    task, store = place.task.name, place.store
    train = _on_kubeflow(place, terms) if elsewhere(place) else _here(place, terms)
    since = ledger.champion_since(store.audit(task))
    found = ledger.signs(store, task, since, LIMITS, asked)
    decision, run = ledger.begin(store, task, found, time.time(), LIMITS)
    told: dict[str, Any] = {"task": task, "due": decision.due, "reason": decision.reason, "why": decision.why}
    if run is None:
        return told | {"result": None, "version": None, "run": None}
    note(f"{task}: retraining ({decision.reason}): {decision.why}")
    ended = train(run)
    note(f"{task}: {_ending(ended, task)}")
    return told | {"result": ended.result, "version": ended.version, "run": ended.run_id, "message": ended.message}


def retraining_document(place: Workplace, now: float) -> dict[str, Any]:
    """The runs of the budget's span, newest first, and what is left of the budget."""
    found = ledger.runs(place.store, place.task.name, now, LIMITS)
    return {"budget_left": budget_left(found, now, LIMITS), "runs": [run.to_document() for run in found]}


def _on_kubeflow(place: Workplace, terms: Terms) -> Callable[[Run], Run]:
    """How a run is trained there, once the ends are known of those that were left to it."""
    training = Training(place, lambda run: ledger.record(place.store, place.task.name, run), LIMITS)
    job = training.job(terms.data, terms.trials)
    for left in ledger.elsewhere(place.store, place.task.name, time.time(), LIMITS):
        note(f"{place.task.name}: {_ending(training.followed(left, terms.wait_s), place.task.name)}")

    def train(run: Run) -> Run:
        begun = training.begun(run, job)
        return training.followed(begun, terms.wait_s) if begun.result == "running" else begun

    return train


def _here(place: Workplace, terms: Terms) -> Callable[[Run], Run]:
    """How a run is trained by a process of this machine."""
    task = place.task.name
    arguments = _arguments(task, existing(Path(terms.data)) if terms.data else "", terms.trials)

    def train(run: Run) -> Run:
        progress = Progress()
        try:
            with progress.running(), progress.step(f"retrain {task}"):
                ended = _train(run, arguments, progress.say)
        except KeyboardInterrupt:
            ledger.record(place.store, task, run.ended(time.time(), "failed", message="interrupted by a person"))
            raise
        ledger.record(place.store, task, ended)
        return ended

    return train


def _arguments(task: str, data: str, trials: int) -> list[str]:
    source = ["--data", data] if data else []
    return ["train", "--task", task, *source, "--trials", str(trials), "--json"]


def _train(run: Run, arguments: Sequence[str], say: Callable[[str], None]) -> Run:
    code, told = _heard(python("-c", _COMMAND, *arguments), say)
    try:
        document: dict[str, Any] = json.loads(told)
    except ValueError:
        # What a crash says may repeat a cell of the file: the record says where to look instead.
        message = f"it broke off (exit code {code}); contender {' '.join(arguments[:-1])} shows why"
        return run.ended(time.time(), "failed", message=message)
    if "error" in document:
        # Whatever a step refuses of what it was given is refused before anything is searched or fitted.
        broken: Result = "untrained" if code == USAGE else "failed"
        return run.ended(time.time(), broken, message=str(document["error"]))
    result: Result = "refused" if code == REFUSED else "challenger"
    return run.ended(time.time(), result, version=document["version"], message=str(document["gate"]["reason"]))


def _heard(command: Sequence[str], say: Callable[[str], None]) -> tuple[int, str]:
    """The exit code and the output of `command`; its messages are passed on as they come."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=server_environment(),
        )
        with child:
            for line in child.stderr or ():
                say(line.strip())
        output.seek(0)
        return child.returncode, output.read()


def _ending(run: Run, task: str) -> str:
    if run.result == CHALLENGER:
        return f"version {run.version} awaits its experiment: contender experiment start --task {task}"
    return f"retraining {run.result}: {run.message}"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(retrain)
