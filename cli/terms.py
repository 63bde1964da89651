"""An experiment's terms on the command line: a plan, the units and days it asks for, a ramp."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group

from cli.compose import workplace
from cli.output import JsonFlag, TaskOption, note, pairs, show
from contender.errors import InvalidInput
from contender.experiment.analysis import from_document
from contender.experiment.plan import Plan, Step, from_json, units_needed
from contender.experiment.statistics.cuped import adjust
from contender.experiment.statistics.moments import mean_of
from contender.experiment.statistics.power import Duration
from contender.values import CHAMPION

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store

DEFAULT_RAMP: Final = "0.1:100,0.5"
USUAL_DEVIATION: Final = 0.2
"""Of one unit's reward, where no experiment has measured it yet."""


def plan(
    task: TaskOption = "job-change",
    smallest_effect: Annotated[float, typer.Option(help="The smallest effect on reward worth having.")] = 0.02,
    deviation: Annotated[
        float, typer.Option(min=0, help="Standard deviation of one unit's reward; 0: as the last experiment saw it.")
    ] = 0,
    terms: Annotated[list[str] | None, typer.Option("--set", help="Another term, as NAME=VALUE; repeatable.")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="Write the plan here, for `experiment start`.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """State an experiment's terms, how many units they ask for, and how many days those take at today's traffic.

    The sequential answer is simulated. Today's traffic is that of the last seven days.

    Terms are the fields of `Plan`: alpha, power, margins of the guardrails, group_units, favourable_label and others.

    Example: contender experiment plan --smallest-effect 0.01 --set alpha=0.01 --out plan.json
    """
    planned = from_json(json.dumps(dict(map(term, terms or [])) | {"smallest_effect": smallest_effect}))
    store = workplace(task).store
    spread, source = (deviation, "as told") if deviation else spread_seen(store, task, planned)
    needed = needed_for(units_needed(planned, spread**2), store.daily_units(task))
    needed |= {"deviation": round(spread, 4), "deviation_source": source}
    document = {"task": task, "plan": json.loads(planned.to_json()), "digest": planned.digest, "needed": needed}
    if file is not None:
        file.write_text(planned.to_json() + "\n")
        note(f"written: {file}")
    show(document, as_json, _render)
    return 0


def term(words: str) -> tuple[str, object]:
    """A term's name and value, of NAME=VALUE.

    Raises:
        InvalidInput: anything else.
    """
    name, equals, value = words.partition("=")
    if not equals:
        raise InvalidInput("--set", f"{words!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def spread_seen(store: Store, task: str, planned: Plan) -> tuple[float, str]:
    """The standard deviation of one unit's reward, adjusted where the plan adjusts, and where it was seen."""
    for document in reversed(store.experiments(task)):
        arm = store.experiment_data(from_document(document).id).arms.get(CHAMPION)
        if arm is None or arm.reward.n < planned.min_units:
            continue
        spread = math.sqrt(mean_of(arm.reward).variance)
        if not planned.covariate:
            return spread, f"champion's units of {document['id']}"
        if arm.baseline.first.n >= planned.min_units:
            left = math.sqrt(1.0 - adjust(arm.baseline, arm.baseline).saving)
            return spread * left, f"champion's units of {document['id']}, adjusted by the {planned.covariate}"
    return USUAL_DEVIATION, "assumed: no experiment has seen enough units"


def needed_for(duration: Duration, units_per_day: float) -> dict[str, float | str | None]:
    """Units for the planned power, on average until a verdict, and for a fixed horizon; and the days they take."""
    units = duration._asdict()
    days = {
        name.replace("units", "days"): round(count / units_per_day, 1) if units_per_day else None
        for name, count in units.items()
    }
    return {**units, "units_per_day": round(units_per_day, 1), **days}


def steps(ramp: str) -> tuple[Step, ...]:
    """The steps of a ramp written as shares, each with the least units of its challenger: ``0.01:100,0.1:250,0.5``.

    Raises:
        InvalidInput: anything else.
    """
    try:
        parts = (part.partition(":") for part in ramp.split(","))
        return tuple(Step(float(share), int(units or 0)) for share, _, units in parts)
    except ValueError as error:
        problem = f"{ramp!r} is not a list of shares, each with its least units"
        raise InvalidInput("--ramp", problem, remedy=f"for example {DEFAULT_RAMP}") from error


def terms_of(file: Path | None, ramp: str, challengers: int) -> Plan:
    """The plan in `file`, or the usual one, with the ramp that was asked for: its own, or the usual one.

    Several challengers divide the last share from the start.

    Raises:
        InvalidInput: no plan, or no ramp.
    """
    found = _read(file)
    wanted = steps(ramp or DEFAULT_RAMP) if ramp or not found.ramp else found.ramp
    if challengers > 1 and not ramp:
        wanted = wanted[-1:]
    return replace(found, challenger_share=wanted[-1].share, ramp=wanted)


def _read(file: Path | None) -> Plan:
    if file is None:
        return Plan()
    try:
        return from_json(file.read_text())
    except OSError as error:
        raise InvalidInput("--plan", f"cannot be read: {error.strerror}", remedy="contender experiment plan") from error


def _render(document: Mapping[str, Any]) -> Group:
    note("the sequential answer is simulated; the fixed one is for comparison and must not be looked at early")
    if not document["needed"]["units_per_day"]:
        note("nobody asked in the last seven days: how many days it takes cannot be told")
    return Group(pairs(document["needed"], "units needed"), pairs(document["plan"], "plan"))
