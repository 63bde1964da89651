"""`contender experiment`: plan, start, look, step, run, stop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from cli import completion, holdout, terms
from cli.compose import Workplace
from cli.exit_codes import REFUSED
from cli.home import at_home
from cli.looking import look_at, rehearsals
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from cli.turn import turn, turn_if_free
from cli.verdicts import experiment_parts, facts, told, verdict_lines
from contender.errors import ContenderError, InvalidInput, NotFound, Refused
from contender.experiment.analysis import RUNNING, Experiment, from_document, observe
from contender.experiment.decision import Verdict
from contender.experiment.plan import RESTART_DAYS, Plan
from contender.experiment.ramp import Progress as Standing
from contender.experiment.ramp import progress as ramp_standing
from contender.moments import DAY_S
from contender.release.machine import Kind
from contender.release.state import Phase, ReleaseState
from contender.values import CHALLENGER

app = typer.Typer(no_args_is_help=True, help="Experiments: challenger beside champion, split by person.")


app.command()(terms.plan)


@app.command()
def start(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    challengers: Annotated[
        list[str] | None,
        typer.Option(
            "--challenger",
            "--version",
            help="A version number or an alias; repeatable, one slot each.",
            autocompletion=completion.versions,
        ),
    ] = None,
    shadow_of: Annotated[
        str,
        typer.Option(
            "--shadow",
            help="A version that is asked too, while nobody is told what it says.",
            autocompletion=completion.versions,
        ),
    ] = "",
    ramp: Annotated[
        str, typer.Option(help="Shares, growing, each with the challenger's least units: 0.01:100,0.1:250,0.5")
    ] = "",
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Terms written by `experiment plan`.")] = None,
    window: Annotated[str, typer.Option(help="How long outcomes of a person count: 14d, 36h, 90s.")] = "",
    undivided_alpha: Annotated[
        bool, typer.Option(help="Spend all of alpha, though earlier experiments compared the same versions.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Serve the challenger in the idle slot and give it the first share of the people.

    The last share of the ramp divides people between the arms for good; earlier steps cover fewer of them, in the same
    proportions. `contender experiment step` takes the next step, `run` does so by itself. The plan cannot change any
    more. Several challengers divide the share and need a slot each: CONTENDER_SLOTS names them.

    Example: contender experiment start --ramp 0.1:100,0.5 --plan plan.json
    """
    stated = terms.within(terms.terms_of(plan_file, ramp), window)
    planned = replace(stated, divide_alpha=stated.divide_alpha and not undivided_alpha)
    return _started(task, planned, tuple(challengers or [CHALLENGER]), shadow_of, as_json)


@app.command()
def shadow(
    task: TaskOption = "job-change",
    version: Annotated[
        str, typer.Option(help="A version number or an alias.", autocompletion=completion.versions)
    ] = CHALLENGER,
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Terms written by `experiment plan`.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Ask a version too, in the idle slot, without telling anybody what it says; compare it on the same people.

    Fewer people are needed than with two arms, and none takes a risk. A shadow is never promoted: when it looks better,
    stop it and start an experiment.

    Example: contender experiment shadow --version challenger
    """
    return _started(task, replace(terms.terms_of(plan_file, ""), ramp=()), (), version, as_json)


def _started(task: str, planned: Plan, challengers: tuple[str, ...], mirrored: str, as_json: bool) -> int:
    place = at_home(task)
    progress = Progress()
    names = ", ".join((*challengers, *([f"{mirrored} as shadow"] if mirrored else [])))
    with turn(place), progress.running(), progress.step(f"prepare {names} and start") as step:
        experiment = begin(place, planned, challengers, mirrored)
        share = f"{experiment.shares[-1][1]:.0%} of the people" if experiment.versions else "answers are not returned"
        step.detail = f"experiment {experiment.id}, {share}"
    show(experiment.to_document(), as_json, lambda document: pairs(facts(document), "experiment"))
    return 0


@app.command()
def step(
    task: TaskOption = "job-change",
    override: Annotated[str, typer.Option(help="A reason not to wait for the step's least units.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Give the challenger the next share of its ramp, unless too few units were seen or the verdict speaks against it.

    Example: contender experiment step
    """
    place = at_home(task)
    experiment = current(place)
    verdict = look_at(place, experiment)
    at = standing(place, experiment, verdict)
    if at.against and not (override and at.units < at.needed and verdict.decision == "hold" and not verdict.health):
        raise Refused(f"the ramp stays where it is: {at.against}", remedy="contender experiment status")
    if at.against:
        note(f"continuing without waiting: {at.against}; {override}")
    grown = advance(place, experiment)
    show(grown.to_document(), as_json, lambda document: pairs(facts(document), "experiment"))
    return 0


@app.command()
def status(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Look at the running experiment: effect, always-valid interval, health, guardrails, ramp, verdict.

    After a promotion that keeps a holdout: at the holdout, who are compared with everybody else. Looking often is free
    of charge. Exit code 0 when the verdict is promote, 3 otherwise.

    Example: contender experiment status --json
    """
    place = at_home(task)
    experiment = watched(place)
    verdict = look_at(place, experiment)
    ramped = experiment.versions and not experiment.holdout
    ramp = standing(place, experiment, verdict).to_document() if ramped else None
    looks = len(place.store.looks(experiment.id))
    document = told(experiment.to_document(), verdict.to_document(), looks, ramp)
    document["rehearsals"] = played = rehearsals(place, experiment.id)
    if played:
        times = f"{played} rehearsal{'s' if played > 1 else ''}"
        note(f"played people: {times} sent them; the audit trail says with what effect")
    show(document, as_json, _render)
    return 0 if verdict.decision == "promote" else REFUSED


@app.command()
def run(
    task: TaskOption = "job-change",
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10,
    as_json: JsonFlag = False,
) -> int:
    """Look at the running experiment again and again, and take the steps of its ramp, until it is decided.

    A verdict against the challenger is carried out: everyone is served by the champion. A verdict for it is not: that
    is `contender promote`. Exit code 0 when the verdict is promote, 3 otherwise.

    Example: contender experiment run --every 30 && contender promote
    """
    from cli.dossier.attach import attach_or_say
    from cli.steering import steer

    place = at_home(task)
    verdict = steer(place, every, time.sleep)
    phase = place.release.state().phase
    show({"task": task, "phase": phase, "verdict": verdict.to_document()}, as_json, _render_end)
    if verdict.decision == "roll back":
        attach_or_say(place)
    return 0 if verdict.decision == "promote" else REFUSED


@app.command()
def stop(
    task: TaskOption = "job-change",
    reason: Annotated[str, typer.Option(help="Why, for the audit record.")] = "stopped by hand",
    as_json: JsonFlag = False,
) -> int:
    """End the experiment without promoting: everyone is served by the champion, the challenger stays prepared.

    Example: contender experiment stop --reason "the question changed"
    """
    place = at_home(task)
    experiment = current(place)
    with turn_if_free(place):
        state = place.release.undo(reason)
    close(place, experiment)
    show({"experiment": experiment.id, "phase": state.phase}, as_json, lambda d: f"stopped {d['experiment']}")
    return 0


def begin(place: Workplace, planned: Plan, challengers: Sequence[str], mirrored: str = "") -> Experiment:
    """Prepare challengers and shadow, keep the plan, and give the challengers the first share of its ramp.

    Raises:
        InvalidInput: nobody to compare, or the same version twice.
        NotFound: there is no champion.
        Refused: an experiment is running already, or the release is not where one can begin.
    """
    refs = (*challengers, *([mirrored] if mirrored else []))
    if not refs:
        raise InvalidInput("--challenger", "there is none")
    _refuse_a_second(place)
    prepared = place.release.prepare(*refs)
    if prepared.champion is None or prepared.challenger is None:
        raise NotFound("there is no champion to compare with", remedy=f"contender up --task {place.task.name}")
    versions = [placed.version for placed in prepared.candidates]
    if len(set(versions)) < len(versions):
        raise InvalidInput("--challenger", f"the same version twice: {', '.join(versions)}")
    name = "-vs-".join((f"{place.task.name}-{prepared.champion.version}", *versions)) + f"-r{prepared.revision}"
    now = time.time()
    planned = _completed(place, planned, prepared.champion.version, versions[: len(challengers)], now)
    shares = [step.share for step in planned.ramp] or [planned.challenger_share]
    experiment = Experiment(
        name,
        place.task.name,
        name,
        planned,
        prepared.champion.version,
        versions[0],
        started_at=now,
        shares=(),
        rivals=tuple(versions[1 : len(challengers)]),
        shadow=versions[-1] if mirrored else "",
    )
    place.store.save_experiment(experiment.to_document())
    state = _split(place, experiment, shares if challengers else ())
    return kept(place, experiment.stepped(state.generation, state.ramp.share if state.ramp else 0.0))


def _completed(place: Workplace, planned: Plan, champion: str, challengers: Sequence[str], now: float) -> Plan:
    """The plan with what the task states, and the part of alpha that earlier experiments of the same pair leave it."""
    since = now - RESTART_DAYS * DAY_S
    earlier = terms.earlier_of_pair(place.store, place.task.name, champion, challengers, since)
    planned = replace(terms.with_task_terms(planned, place.task), restarts=len(earlier))
    if earlier:
        part = f"this one has alpha {planned.level:.3g}" if planned.divide_alpha else "alpha is not divided"
        note(f"compared before within {RESTART_DAYS:g} days: {', '.join(earlier)}; {part}")
    return planned


def _split(place: Workplace, experiment: Experiment, shares: Sequence[float]) -> ReleaseState:
    try:
        mirrored, held = bool(experiment.shadow), experiment.plan.holdout
        return place.release.start(experiment.id, experiment.id, shares, shadow=mirrored, holdout=held)
    except ContenderError:
        if place.release.state().ramp is None:
            close(place, experiment)  # else whoever resumes the release goes on with it
        raise


def end_forgotten(place: Workplace) -> None:
    """End experiments that the release knows nothing of: whoever ended them died before it was noted.

    Only for whoever has the turn: an experiment that just begins is kept before the release knows it.
    """
    state = place.release.state()
    alive = {one.experiment_id for one in (state.ramp, state.holdout) if one}
    for document in place.store.experiments(place.task.name):
        if document["status"] == RUNNING and document["id"] not in alive:
            close(place, from_document(document))


def _refuse_a_second(place: Workplace) -> None:
    state = place.release.state()
    if (running := state.ramp or state.holdout) is None:
        end_forgotten(place)
        return
    remedy = "contender experiment stop" if state.ramp else "contender finish"
    error = Refused(f"experiment {running.experiment_id} is running", remedy=remedy)
    place.release.refuse(Kind.START, error)
    raise error


def standing(place: Workplace, experiment: Experiment, verdict: Verdict) -> Standing:
    """How far the experiment's ramp is, given its newest verdict."""
    return ramp_standing(experiment, observe(place.store, experiment), verdict)


def advance(place: Workplace, experiment: Experiment) -> Experiment:
    """Give the challenger the next share."""
    state = place.release.step()
    return kept(place, experiment.stepped(state.generation, state.ramp.share if state.ramp else 0.0))


def close(place: Workplace, experiment: Experiment) -> None:
    """Mark the experiment as ended."""
    kept(place, experiment.stopped())


def current(place: Workplace) -> Experiment:
    """The running experiment.

    Raises:
        NotFound: none is running.
    """
    state = place.release.state()
    ramp, generation = state.ramp, state.generation
    document = place.store.experiment(ramp.experiment_id) if ramp else None
    if ramp is None or document is None:
        raise NotFound(f"no experiment of {place.task.name} is running", remedy=_next(state))
    # The release is what counts: a command that died after the routing write had no time to note the share.
    return kept(place, from_document(document).stepped(generation, ramp.share))


def _next(state: ReleaseState) -> str:
    """What comes next where no experiment runs."""
    if state.champion is None:
        return f"contender up --task {state.task}"
    if state.phase in (Phase.PROMOTING, Phase.PROMOTED):
        return f"the release is {state.phase}: contender finish --task {state.task}, or contender undo"
    return f"contender experiment start --task {state.task}"


def watched(place: Workplace) -> Experiment:
    """The running experiment, or that of the holdout after a promotion.

    Raises:
        NotFound: there is neither.
    """
    return holdout.current(place) or current(place)


def kept(place: Workplace, experiment: Experiment) -> Experiment:
    """The experiment, as it is kept from now on."""
    place.store.save_experiment(experiment.to_document())
    return experiment


def _render(document: Mapping[str, Any]) -> Group:
    return Group(*experiment_parts(document))


def _render_end(document: Mapping[str, Any]) -> Group:
    return Group(pairs({"release": document["phase"], **verdict_lines(document["verdict"])}))


def register(root: typer.Typer) -> None:
    """Add the command group to `root`."""
    root.add_typer(app, name="experiment")
