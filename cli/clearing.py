"""`contender experiment faults` and `clear`: units whose records cannot be right, and going on without them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import experiment
from cli.compose import Workplace
from cli.home import at_home
from cli.looking import trail_of
from cli.output import JsonFlag, TaskOption, pairs, show
from contender.errors import InvalidInput, Refused
from contender.experiment.analysis import Clearance, Experiment, observe
from contender.experiment.health import CLEARABLE, uneven_p
from contender.release.approval import initiators
from contender.units import normal

CLEARED = "clear"
"""The event of the audit record that says that units were left out."""


def faults(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """List the units whose records cannot be right: with contradictory records, or seen in two arms.

    Example: contender experiment faults
    """
    place = at_home(task)
    running = experiment.watched(place)
    document = {"experiment": running.id, "faults": _faulty(place, running), "left_out": sorted(running.left_out)}
    show(document, as_json, _render)
    return 0


def clear(
    reason: Annotated[str, typer.Option(help="Why the experiment may go on without these units.")],
    task: TaskOption = "job-change",
    fault: Annotated[str, typer.Option(help="The fault to clear.")] = "contradictory",
    units: Annotated[
        list[str] | None,
        typer.Option("--unit", help="A unit to leave out; repeatable. All with the fault if none, at most 1,000."),
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Leave units whose records cannot be right out of both arms, with a reason, in the audit record.

    The verdict is shown with and without them from then on. A fault of more units than the plan allows holds the
    experiment again. Units that are mostly in one arm cannot be left out, a sample ratio mismatch and crossed arms
    cannot be cleared. Where promotions need an approval, whoever prepared the
    challenger or started the experiment cannot clear it.

    Example: contender experiment clear --reason "one test client sent random outcomes"
    """
    grown = leave_out(at_home(task), fault, units or [], reason)
    words = f"{len(grown.cleared[-1].units)} units left out of {grown.id}; contender experiment status"
    show(grown.to_document(), as_json, lambda _: words)
    return 0


def leave_out(place: Workplace, fault: str, units: Sequence[str], reason: str) -> Experiment:
    """The experiment without those units, or all that have the fault, in either arm; the audit trail says why.

    Raises:
        InvalidInput: no reason, or a unit that has not that fault.
        Refused: nobody has it, it is none of single units, the units are not spread over the arms as people are, or
            who asks brought the experiment about and may not clear it.
    """
    if not reason.strip():
        raise InvalidInput("--reason", "must say why")
    running = experiment.watched(place)
    chosen = chosen_units(_faulty(place, running), fault, units)
    actor = place.settings.actor
    check_actor(place, actor, "clear it")
    clearance = Clearance(fault, chosen, reason, actor, time.time())
    cleared = replace(running, cleared=(*running.cleared, clearance))
    _check_even(place, running, cleared)
    detail = {"experiment": running.id, "fault": fault, "units": len(chosen), "reason": reason}
    trail_of(place).append(CLEARED, at=clearance.at, actor=actor, detail=detail)
    return experiment.kept(place, cleared)


def chosen_units(faulty: Mapping[str, Sequence[str]], fault: str, units: Sequence[str]) -> tuple[str, ...]:
    """The units to leave out: those named, or all with that fault.

    Raises:
        Refused: the fault is one of the experiment, not of single units, or nobody has it.
        InvalidInput: a unit that has not that fault.
    """
    if fault not in CLEARABLE:
        remedy = "contender experiment stop, then start it again"
        raise Refused(f"{fault!r} cannot be cleared: it is no fault of single units", remedy=remedy)
    known = faulty.get(fault, ())
    if not known:
        raise Refused(f"no unit has {fault} records", remedy="contender experiment faults")
    # By the form that the experiment knows the unit in: as it was sent, or the normal one.
    named = [unit if unit in known else normal(unit) for unit in units]
    if not set(named) <= set(known):
        raise InvalidInput("--unit", f"names a unit without {fault} records", remedy="contender experiment faults")
    return tuple(named or known)


def _faulty(place: Workplace, running: Experiment) -> dict[str, list[str]]:
    place.store.settle(place.task.name, place.task.reward)
    observe(place.store, running)  # counts what waits
    found = place.store.faulty_units(running.id)
    return {kind: [unit for unit in units if unit not in running.left_out] for kind, units in found.items()}


def _check_even(place: Workplace, running: Experiment, cleared: Experiment) -> None:
    before, after = observe(place.store, running), observe(place.store, cleared)
    left = {arm: data.assigned - after.arms[arm].assigned for arm, data in before.arms.items()}
    shares = before.phases[-1].shares
    if uneven_p([left[arm] for arm in shares], list(shares.values())) <= running.plan.ratio_alpha:
        counts = ", ".join(f"{arm} {left[arm]}" for arm in shares)
        problem = f"these units are not spread over the arms as people are ({counts}): the fault is an arm's"
        raise Refused(problem, remedy="contender experiment stop, mend it, then start again")


def check_actor(place: Workplace, actor: str, act: str) -> None:
    """Return quietly if `actor` may decide what counts in the experiment.

    Raises:
        Refused: promotions need an approval, and the actor prepared the challenger or started the experiment.
    """
    if place.approvals.required and actor in initiators(place.release.records()):
        raise Refused(f"{actor} brought the experiment about and cannot {act}", remedy="ask somebody else")


def _render(document: Mapping[str, Any]) -> Table:
    lines: dict[str, object] = {kind: ", ".join(units) or "none" for kind, units in document["faults"].items()}
    return pairs(lines | {"left out": ", ".join(document["left_out"]) or "none"}, document["experiment"])


def register(root: typer.Typer) -> None:
    """Add the commands to the group `experiment`, which `root` holds already."""
    del root
    experiment.app.command()(faults)
    experiment.app.command()(clear)
