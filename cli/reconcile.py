"""`contender release reconcile`: one round of what a release needs while nobody looks; a cluster runs it by clock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli import experiment, holdout
from cli.approval import evidence, group
from cli.baking import baked
from cli.compose import Workplace
from cli.exit_codes import REFUSED
from cli.filling import fill, stop_empty
from cli.home import at_home
from cli.looking import look_at
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.turn import turn
from contender.errors import Conflict, ContenderError
from contender.experiment.analysis import Experiment
from contender.experiment.decision import Verdict
from contender.release.clock import doubt
from contender.release.state import Phase
from contender.values import BASELINE, CHAMPION

_HOUR_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a round may do by itself: promote on the verdict, and for how many seconds a promotion is watched.

    Which moment it is, `now`, in seconds since the epoch, decides whether a rollback window is over.
    """

    promote: bool
    bake_s: float
    now: float


@dataclass(slots=True)
class Round:
    """What one round did, in order; what it waits for; and whether it took people away from a challenger.

    A `busy` one did nothing, because another process has the turn: what that one leaves is not known yet.
    """

    did: list[str] = field(default_factory=list)
    waits_for: str = ""
    busy: bool = False
    rolled_back: bool = False
    verdict: Verdict | None = None


def reconcile(
    task: TaskOption = "job-change",
    promote: Annotated[bool, typer.Option("--promote", help="Promote when the verdict says so.")] = False,
    bake: Annotated[float, typer.Option(min=0, help="Seconds to watch a promotion; undone on a breach.")] = 60,
    as_json: JsonFlag = False,
) -> int:
    """Install, finish what a crash left, take the ramp's next step, judge, roll back or promote, bake, tidy; then end.

    The first champion and the baseline are installed once the registry has both. CONTENDER_ROLLBACK_HOURS after a
    promotion the slot of the version before is freed. One process at a time does this, by a lease: a second one says so
    and does nothing. Where approvals are required, or without --promote, a promotion waits for `contender promote`.
    Exit code 3 after a roll back, else 0.

    Example: contender release reconcile --promote --bake 600
    """
    document = played(task, Terms(promote, bake, time.time()), tell=lambda found: show(found, as_json, _render))
    return REFUSED if document["rolled_back"] else 0


def played(task: str, terms: Terms, *, tell: Callable[[Mapping[str, Any]], None] | None = None) -> dict[str, Any]:
    """The document of one round, which `tell` gets before the dossier of a roll back is kept with its version."""
    place = at_home(task)
    done = _round_with_lease(place, terms)
    document = {
        "task": task,
        "phase": place.release.state().phase.value,
        "did": done.did,
        "waits_for": done.waits_for,
        "busy": done.busy,
        "rolled_back": done.rolled_back,
        "verdict": done.verdict.to_document() if done.verdict else None,
    }
    if tell is not None:
        tell(document)
    if done.rolled_back:
        from cli.dossier.attach import attach_or_say

        attach_or_say(place)
    return document


def _round_with_lease(place: Workplace, terms: Terms) -> Round:
    with contextlib.ExitStack() as stack:
        try:
            lost = stack.enter_context(turn(place, patience_s=0.0))
        except Conflict as error:
            note(f"nothing done: {error}")
            return Round(waits_for=error.message, busy=True)
        return round_of(place, terms, lost)


def round_of(place: Workplace, terms: Terms, lost: threading.Event) -> Round:
    """What one round did, by the phase that the release is in; it ends early once the lease is `lost`."""
    done = Round()
    # First of all, since a day's outcomes take minutes to judge, and people wait for what a crash left.
    if change := place.release.state().change:
        place.release.resume()
        done.did.append(f"finished {change.event}")
    # In every phase: on a cluster nobody else judges outcomes as they come, and decay is seen by rewards.
    place.store.settle(place.task.name, place.task.reward)
    experiment.end_forgotten(place)
    while not lost.is_set():
        act = _BY_PHASE.get(place.release.state().phase, _nothing)
        if not act(place, terms, done):
            break
    _tidied(place, lost)
    return done


def _tidied(place: Workplace, lost: threading.Event) -> None:
    """Stop slots that stand empty, last of all; that one does not stop takes nothing from what the round did."""
    if lost.is_set() or place.release.state().champion is None:
        return
    try:
        stop_empty(place)
    except ContenderError as error:
        note(f"{error}; the next round tries again")


def _nothing(place: Workplace, terms: Terms, done: Round) -> bool:  # noqa: ARG001 - the table's shape
    """Nothing is to be done in this phase by itself."""
    done.waits_for = done.waits_for or f"a person, in the phase {place.release.state().phase}"
    return False


def _experimenting(place: Workplace, terms: Terms, done: Round) -> bool:
    """Judge, and act on the verdict; whether there may be more to do."""
    if place.release.state().suspended:
        done.waits_for = "contender resume: the task is suspended"
        return False
    running = experiment.current(place)
    done.verdict = verdict = look_at(place, running)
    if verdict.decision == "roll back":
        return _roll_back(place, running, done)
    if verdict.decision == "promote":
        return _promote(place, running, terms, done)
    at = experiment.standing(place, running, verdict)
    if not at.ready:
        done.waits_for = at.against or verdict.reason
        return False
    grown = experiment.advance(place, running)
    done.did.append(f"gave the challenger {grown.shares[-1][1]:.0%}")
    return True


def _roll_back(place: Workplace, running: Experiment, done: Round) -> bool:
    reason = done.verdict.reason if done.verdict else ""
    place.release.undo(f"by the verdict: {reason}")
    experiment.close(place, running)
    done.did.append(f"rolled back: {reason}")
    done.rolled_back = True
    return False


def _promote(place: Workplace, running: Experiment, terms: Terms, done: Round) -> bool:
    verdict = done.verdict
    if verdict is None or not terms.promote or place.approvals.required:
        done.waits_for = "contender promote: the verdict is promote"
        return False
    generation = place.release.state().generation
    place.release.promote(
        evidence(place, running, verdict, None), verdict.reason, bake=terms.bake_s > 0, generation=generation
    )
    experiment.close(place, running)
    holdout.current(place)
    done.did.append("promoted the challenger")
    return True


def _baking(place: Workplace, terms: Terms, done: Round) -> bool:
    state = place.release.state()
    ended = baked(place, state, terms.bake_s)
    holdout.close(place, state.holdout)
    done.did.append(f"undone while baking: {ended.breach}" if ended.breach else "baked")
    done.rolled_back = bool(ended.breach)
    return not ended.breach


def _idle(place: Workplace, terms: Terms, done: Round) -> bool:
    """Install the first champion and its baseline, once a training has registered both."""
    if place.release.state().champion is not None:
        return _nothing(place, terms, done)
    if missing := {CHAMPION, BASELINE} - set(place.registry.aliases(place.task.name)):
        done.waits_for = f"contender train: there is no {' and no '.join(sorted(missing))} yet"
        return False
    fill(place)
    champion = place.release.state().champion
    done.did.append(f"installed version {champion.version if champion else '?'}")
    return True


def _promoted(place: Workplace, terms: Terms, done: Round) -> bool:
    """End the rollback window in its time: the slot of the version before is needed for the next challenger."""
    if place.release.state().suspended:
        return _nothing(place, terms, done)
    records = place.store.audit(place.task.name)
    since = _promoted_at(records)
    answered = place.store.last_answer_at(place.task.name)
    written = [float(records[-1]["at"]), *([] if answered is None else [answered])]
    if doubted := doubt(terms.now, written):
        done.waits_for = f"a clock that can be believed, or contender finish: {doubted}"
        return False
    left_s = since + place.settings.rollback_hours * _HOUR_S - terms.now
    held_s, advice = _held_out(place, terms, done)
    if max(left_s, held_s) > 0:
        what, least_s = ("holdout", held_s) if held_s > left_s else ("rollback window", left_s)
        done.waits_for = f"the end of the {what} in {least_s / _HOUR_S:.1f} h, or contender finish{advice}"
        return False
    holdout.end(place)
    place.release.finish()
    done.did.append("ended the rollback window")
    return True


def _held_out(place: Workplace, terms: Terms, done: Round) -> tuple[float, str]:
    """Look at the holdout, if there is one: for how many seconds it stays, and what it advises."""
    held = holdout.current(place)
    if held is None:
        return 0.0, ""
    done.verdict = verdict = look_at(place, held)
    # A verdict against the promoted version is told and not carried out: it is the champion by now.
    advice = f"; the holdout advises contender undo: {verdict.reason}" if verdict.decision == "roll back" else ""
    return held.started_at + held.plan.holdout_s - terms.now, advice


def _promoted_at(records: Sequence[Mapping[str, Any]]) -> float:
    """The moment at which the newest champion came to stay; that of the newest record where it is not told any more.

    A suspension since, which leads from this phase to itself, does not begin the rollback window anew.
    """
    told = ((one["at"], one["detail"]) for one in reversed(records))
    came = (at for at, detail in told if detail.get("to") == Phase.PROMOTED != detail.get("from"))
    return float(next(came, records[-1]["at"]))


_BY_PHASE: Final[Mapping[Phase, Callable[[Workplace, Terms, Round], bool]]] = {
    Phase.IDLE: _idle,
    Phase.EXPERIMENTING: _experimenting,
    Phase.PROMOTING: _baking,
    Phase.PROMOTED: _promoted,
}


def _render(document: Mapping[str, Any]) -> Table:
    lines = {"phase": document["phase"], "did": "; ".join(document["did"]) or "nothing"}
    if document["waits_for"]:
        lines["waits for"] = document["waits_for"]
    return pairs(lines, f"release of {document['task']}")


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is registered with the approvals
    """Add the command to the group `contender release`."""
    group.command()(reconcile)
