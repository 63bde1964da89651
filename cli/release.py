"""`contender promote`, `undo`, `abort`: what changes who is served by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import experiment
from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, pairs, show
from contender.errors import Refused
from contender.experiment.analysis import from_document, look
from contender.release.state import ReleaseState

ReasonOption = Annotated[str, typer.Option(help="Why, for the audit record.")]


def promote(
    task: TaskOption = "job-change",
    override: Annotated[str, typer.Option(help="A reason to promote although the verdict is another.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Let the challenger serve everyone, by one routing write; the old champion stays warm.

    Exit code 3 when the verdict is not promote and no --override gives a reason.

    Example: contender promote
    """
    place = workplace(task)
    place.store.settle(task, place.task.reward)
    running = experiment.current(place)
    verdict = look(place.store, running)
    if verdict.decision != "promote" and not override:
        raise Refused(f"the verdict is not promote: {verdict.reason}", remedy="contender experiment status")
    reason = f"overridden: {override}; the verdict was: {verdict.reason}" if override else verdict.reason
    state = place.release.promote(experiment.evidence_digest(verdict), reason)
    experiment.close(place, running)
    return _changed(place, state, as_json)


def undo(task: TaskOption = "job-change", reason: ReasonOption = "undone by hand", as_json: JsonFlag = False) -> int:
    """Bring the version before back, by one routing write; during an experiment: end it.

    Example: contender undo --reason "complaints from Berlin"
    """
    place = workplace(task)
    ramp = place.release.state().ramp
    state = place.release.undo(reason)
    _close(place, ramp.experiment_id if ramp else None)
    return _changed(place, state, as_json)


def abort(task: TaskOption = "job-change", reason: ReasonOption = "aborted by hand", as_json: JsonFlag = False) -> int:
    """Give the challenger up: the champion serves everyone, the other slot is emptied.

    Example: contender abort --reason "wrong data"
    """
    place = workplace(task)
    ramp = place.release.state().ramp
    state = place.release.abort(reason)
    _close(place, ramp.experiment_id if ramp else None)
    return _changed(place, state, as_json)


def finish(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """End the rollback window: the old champion's slot is emptied and free for the next challenger.

    Example: contender finish
    """
    place = workplace(task)
    return _changed(place, place.release.finish(), as_json)


def _close(place: Workplace, experiment_id: str | None) -> None:
    if experiment_id is not None:
        experiment.close(place, from_document(place.store.experiment(experiment_id)))


def _changed(place: Workplace, state: ReleaseState, as_json: bool) -> int:
    document = {"task": place.task.name, **state.to_document()}
    show(document, as_json, _render)
    return 0


def _render(document: Mapping[str, Any]) -> Table:
    lines: dict[str, object] = {"phase": document["phase"], "generation": document["generation"]}
    for role in ("champion", "challenger", "previous"):
        placed = document[role]
        lines[role] = f"version {placed['model']['version']} in {placed['slot']}" if placed else None
    return pairs(lines, f"{document['task']} is now")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (promote, undo, abort, finish):
        app.command()(command)
