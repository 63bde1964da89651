"""`contender experiment`: start, look, stop."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from cli.verdicts import experiment_parts, facts
from contender.errors import InvalidInput, NotFound, Refused
from contender.experiment.analysis import Experiment, from_document, look
from contender.experiment.plan import Plan, from_json, units_needed
from contender.experiment.statistics.power import Duration
from contender.values import CHALLENGER

app = typer.Typer(no_args_is_help=True, help="Experiments: challenger beside champion, split by person.")

NOT_PROMOTE = 3
DEFAULT_RAMP = "0.1,0.5"


@app.command()
def plan(
    task: TaskOption = "job-change",
    smallest_effect: Annotated[float, typer.Option(help="The smallest effect on reward worth having.")] = 0.02,
    deviation: Annotated[float, typer.Option(help="Standard deviation of one unit's reward.")] = 0.2,
    terms: Annotated[list[str] | None, typer.Option("--set", help="Another term, as NAME=VALUE; repeatable.")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="Write the plan here, for `experiment start`.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """State an experiment's terms, how many units they ask for, and how many days those take at today's traffic.

    The sequential answer is simulated. Today's traffic is that of the last seven days.

    Terms are the fields of `Plan`: alpha, power, margins of the guardrails, group_units, favourable_label and others.

    Example: contender experiment plan --smallest-effect 0.01 --set alpha=0.01 --out plan.json
    """
    planned = from_json(json.dumps(dict(map(_term, terms or [])) | {"smallest_effect": smallest_effect}))
    needed = _needed(units_needed(planned, deviation**2), workplace(task).store.daily_units(task))
    document = {"task": task, "plan": json.loads(planned.to_json()), "digest": planned.digest, "needed": needed}
    if file is not None:
        file.write_text(planned.to_json() + "\n")
        note(f"written: {file}")
    show(document, as_json, _render_plan)
    return 0


@app.command()
def start(
    task: TaskOption = "job-change",
    version: Annotated[str, typer.Option(help="The challenger: a version number or an alias.")] = CHALLENGER,
    ramp: Annotated[str, typer.Option(help="The challenger's shares, growing; the first at once.")] = DEFAULT_RAMP,
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Terms written by `experiment plan`.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Serve the challenger in the idle slot and give it the first share of the people.

    `contender experiment step` gives it the next share. The plan cannot change any more.

    Example: contender experiment start --ramp 0.1,0.5 --plan plan.json
    """
    shares = _shares(ramp)
    terms = replace(_terms(plan_file), challenger_share=shares[-1])
    place = workplace(task)
    progress = Progress()
    with progress.running(), progress.step(f"prepare {version} and start") as step:
        experiment = begin(place, version, shares, terms)
        step.detail = f"experiment {experiment.id}, the challenger has {experiment.shares[-1][1]:.0%}"
    show(experiment.to_document(), as_json, lambda document: pairs(facts(document), "experiment"))
    return 0


@app.command()
def step(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Give the challenger the next share of its ramp, unless the verdict speaks against it.

    Example: contender experiment step
    """
    place = workplace(task)
    experiment = current(place)
    verdict = look(place.store, experiment)
    if verdict.decision in ("roll back", "error") or verdict.health:
        raise Refused(f"the ramp stays where it is: {verdict.reason}", remedy="contender abort")
    grown = advance(place, experiment)
    show(grown.to_document(), as_json, lambda document: pairs(facts(document), "experiment"))
    return 0


@app.command()
def status(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Look at the running experiment: effect, always-valid interval, health, guardrails, verdict.

    Looking often is free of charge. Exit code 0 when the verdict is promote, 3 otherwise.

    Example: contender experiment status --json
    """
    place = workplace(task)
    place.store.settle(task, place.task.reward)
    experiment = current(place)
    verdict = look(place.store, experiment)
    show({**experiment.to_document(), "verdict": verdict.to_document()}, as_json, _render)
    return 0 if verdict.decision == "promote" else NOT_PROMOTE


@app.command()
def stop(
    task: TaskOption = "job-change",
    reason: Annotated[str, typer.Option(help="Why, for the audit record.")] = "stopped by hand",
    as_json: JsonFlag = False,
) -> int:
    """End the experiment without promoting: everyone is served by the champion, the challenger stays prepared.

    Example: contender experiment stop --reason "the question changed"
    """
    place = workplace(task)
    experiment = current(place)
    state = place.release.undo(reason)
    close(place, experiment)
    show({"experiment": experiment.id, "phase": state.phase}, as_json, lambda d: f"stopped {d['experiment']}")
    return 0


def _term(words: str) -> tuple[str, object]:
    name, equals, value = words.partition("=")
    if not equals:
        raise InvalidInput("--set", f"{words!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _needed(duration: Duration, units_per_day: float) -> dict[str, float | None]:
    """Units for the planned power, on average until a verdict, and for a fixed horizon; and the days they take."""
    units = duration._asdict()
    days = {
        name.replace("units", "days") if name != "units" else "days": round(count / units_per_day, 1)
        if units_per_day
        else None
        for name, count in units.items()
    }
    return {**units, "units_per_day": round(units_per_day, 1), **days}


def begin(place: Workplace, version: str, shares: tuple[float, ...], terms: Plan) -> Experiment:
    """Prepare the challenger, keep the plan, and give it the first share."""
    prepared = place.release.prepare(version)
    if prepared.champion is None or prepared.challenger is None:
        raise NotFound("there is no champion to compare with", remedy=f"contender up --task {place.task.name}")
    versions = (prepared.champion.version, prepared.challenger.version)
    name = f"{place.task.name}-{'-vs-'.join(versions)}-r{prepared.revision}"
    experiment = Experiment(name, place.task.name, name, terms, *versions, started_at=time.time(), shares=())
    place.store.save_experiment(experiment.to_document())
    state = place.release.start(name, name, shares)
    return _kept(place, experiment.stepped(state.generation, shares[0]))


def advance(place: Workplace, experiment: Experiment) -> Experiment:
    """Give the challenger the next share."""
    state = place.release.step()
    return _kept(place, experiment.stepped(state.generation, state.ramp.share if state.ramp else 0.0))


def close(place: Workplace, experiment: Experiment) -> None:
    """Mark the experiment as ended."""
    _kept(place, experiment.stopped())


def current(place: Workplace) -> Experiment:
    """The running experiment.

    Raises:
        NotFound: none is running.
    """
    ramp, generation = place.release.state().ramp, place.release.state().generation
    document = place.store.experiment(ramp.experiment_id) if ramp else None
    if ramp is None or document is None:
        raise NotFound(f"no experiment of {place.task.name} is running", remedy="contender experiment start")
    # The release is what counts: a command that died after the routing write had no time to note the share.
    return _kept(place, from_document(document).stepped(generation, ramp.share))


def _kept(place: Workplace, experiment: Experiment) -> Experiment:
    place.store.save_experiment(experiment.to_document())
    return experiment


def _terms(file: Path | None) -> Plan:
    if file is None:
        return Plan()
    try:
        return from_json(file.read_text())
    except OSError as error:
        raise InvalidInput("--plan", f"cannot be read: {error.strerror}", remedy="contender experiment plan") from error


def _shares(ramp: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in ramp.split(","))
    except ValueError as error:
        raise InvalidInput(
            "--ramp", f"{ramp!r} is not a list of shares", remedy=f"for example {DEFAULT_RAMP}"
        ) from error


def _render(document: Mapping[str, Any]) -> Group:
    return Group(*experiment_parts(document))


def _render_plan(document: Mapping[str, Any]) -> Group:
    note("the sequential answer is simulated; the fixed one is for comparison and must not be looked at early")
    if not document["needed"]["units_per_day"]:
        note("nobody asked in the last seven days: how many days it takes cannot be told")
    return Group(pairs(document["needed"], "units needed"), pairs(document["plan"], "plan"))


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="experiment")
