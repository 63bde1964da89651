"""`contender promote`, `undo`, `abort`, `finish`, `suspend`, `resume`: what changes who is served by whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import approval, experiment, holdout
from cli.baking import baked
from cli.compose import Workplace
from cli.documents import object_of
from cli.exit_codes import REFUSED
from cli.home import at_home
from cli.looking import look_at
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.turn import turn, turn_if_free
from contender.errors import NotFound, Refused
from contender.experiment.analysis import Experiment, from_document
from contender.experiment.decision import Verdict
from contender.release.bake import Baked
from contender.release.machine import Kind
from contender.release.state import Phase, ReleaseState

ReasonOption = Annotated[str, typer.Option(help="Why, for the audit record.")]


def promote(
    task: TaskOption = "job-change",
    override: Annotated[str, typer.Option(help="A reason to promote although the verdict is another.")] = "",
    bake: Annotated[float, typer.Option(min=0, help="Seconds to watch the new champion; undone on a breach.")] = 0,
    approved: Annotated[Path | None, typer.Option("--approval", help="What `contender approve` wrote.")] = None,
    arm: Annotated[str, typer.Option(help="With --override and several challengers: which one.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Let the challenger serve everyone, by one routing write; the old champion stays warm.

    With --bake its guardrails are watched before it is champion: a breach undoes the promotion by itself. Called again
    while a promotion bakes (its process died), the bake begins anew. Exit code 3 when the verdict is not promote and
    no --override gives a reason, when an approval is missing or does not hold, and after a breach.

    Example: contender promote --bake 60
    """
    place = at_home(task)
    wish = _Wish(override, approved, bake > 0, arm if override else "")
    with turn(place):
        ended = _promoted_and_baked(place, wish, bake)
    _decided(place, ended.state, as_json, breach=ended.breach)
    return REFUSED if ended.breach else 0


def undo(task: TaskOption = "job-change", reason: ReasonOption = "undone by hand", as_json: JsonFlag = False) -> int:
    """Bring the version before back, by one routing write; during an experiment: end it.

    Example: contender undo --reason "complaints from Berlin"
    """
    place = at_home(task)
    before = place.release.state()
    with turn_if_free(place):
        state = place.release.undo(reason)
    _close(place, before)
    return _decided(place, state, as_json)


def abort(task: TaskOption = "job-change", reason: ReasonOption = "aborted by hand", as_json: JsonFlag = False) -> int:
    """Give the challenger up: the champion serves everyone, the other slot is emptied.

    Example: contender abort --reason "wrong data"
    """
    place = at_home(task)
    before = place.release.state()
    with turn_if_free(place):
        state = place.release.abort(reason)
    _close(place, before)
    return _decided(place, state, as_json)


def finish(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """End the rollback window: the old champion's slot is emptied and free for the next challenger.

    Whoever was held out on the old champion is served by the new one before that.

    Example: contender finish
    """
    place = at_home(task)
    holdout.end(place)
    return _changed(place, place.release.finish(), as_json)


def suspend(task: TaskOption = "job-change", reason: ReasonOption = "by hand", as_json: JsonFlag = False) -> int:
    """Pull the kill switch: every answer is Review_Required until `contender resume`; models stay where they are.

    Example: contender suspend --reason "the data feed is poisoned"
    """
    place = at_home(task)
    return _changed(place, place.release.suspend(reason), as_json)


def resume(task: TaskOption = "job-change", reason: ReasonOption = "by hand", as_json: JsonFlag = False) -> int:
    """Let the models answer again after `suspend`; finish what a crash left unfinished.

    Example: contender resume --reason "the feed is clean"
    """
    place = at_home(task)
    unfinished = place.release.state().change is not None
    state = place.release.resume()
    if state.suspended or not unfinished:
        state = place.release.lift(reason)
    return _changed(place, state, as_json)


class _Wish:
    """How a promotion was asked for."""

    def __init__(self, override: str, approved: Path | None, bake: bool, arm: str) -> None:
        self.override, self.bake, self.arm = override, bake, arm
        self.approval = object_of("--approval", approved, remedy="contender approve") if approved else None


def _promoted_and_baked(place: Workplace, wish: _Wish, bake_s: float) -> Baked:
    state = place.release.state()
    # Where one bakes already, its process died: what it left undone comes first.
    state = place.release.resume() if state.phase is Phase.PROMOTING else _promoted(place, state, wish)
    if state.phase is not Phase.PROMOTING:
        return Baked(state, "")
    note(f"baking for {bake_s:g} s")
    ended = baked(place, state, bake_s)
    holdout.close(place, state.holdout)
    return ended


def _promoted(place: Workplace, seen: ReleaseState, wish: _Wish) -> ReleaseState:
    try:
        running, verdict = _judged(place, wish)
    except (NotFound, Refused) as error:
        place.release.refuse(Kind.PROMOTE, error)
        raise
    reason = f"overridden: {wish.override}; the verdict was: {verdict.reason}" if wish.override else verdict.reason
    state = place.release.promote(
        approval.evidence(place, running, verdict, wish.approval),
        reason,
        bake=wish.bake,
        generation=seen.generation,
        approval=wish.approval,
        arm=wish.arm or verdict.arm,
    )
    experiment.close(place, running)
    holdout.current(place)
    return state


def _judged(place: Workplace, wish: _Wish) -> tuple[Experiment, Verdict]:
    running = experiment.current(place)
    verdict = look_at(place, running)
    if verdict.decision != "promote" and not wish.override:
        raise Refused(f"the verdict is not promote: {verdict.reason}", remedy="contender experiment status")
    return running, verdict


def _close(place: Workplace, before: ReleaseState) -> None:
    if before.ramp is not None:
        experiment.close(place, from_document(place.store.experiment(before.ramp.experiment_id)))
    holdout.close(place, before.holdout)


def _decided(place: Workplace, state: ReleaseState, as_json: bool, breach: str = "") -> int:
    """Say what changed, and only then keep the dossier with the version: nobody waits for the registry."""
    from cli.dossier.attach import attach_or_say

    _changed(place, state, as_json, breach)
    attach_or_say(place)
    return 0


def _changed(place: Workplace, state: ReleaseState, as_json: bool, breach: str = "") -> int:
    document = {"task": place.task.name, **state.to_document(), "breach": breach or None}
    show(document, as_json, _render)
    return 0


def _render(document: Mapping[str, Any]) -> Table:
    lines: dict[str, object] = {"phase": document["phase"], "generation": document["generation"]}
    for role in ("champion", "challenger", "previous"):
        placed = document[role]
        lines[role] = f"version {placed['model']['version']} in {placed['slot']}" if placed else None
    if held := document.get("holdout"):
        lines["held out"] = f"{held['share']:.2%} of the people, on version {document['previous']['model']['version']}"
    if document["suspended"]:
        lines["suspended"] = "every answer is Review_Required; contender resume"
    if document["breach"]:
        lines["undone"] = document["breach"]
    return pairs(lines, f"{document['task']} is now")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (promote, undo, abort, finish, suspend, resume):
        app.command()(command)
    approval.register(app)
