"""An experiment's terms on the command line: a plan, the units and days it asks for, a ramp."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group

from cli.compose import workplace
from cli.documents import object_of
from cli.output import JsonFlag, TaskOption, note, pairs, show
from contender.errors import InvalidInput
from contender.experiment.analysis import from_document
from contender.experiment.evidence import adjusted
from contender.experiment.inference import arm_mean, review_value
from contender.experiment.plan import Plan, Step, from_json, units_needed
from contender.experiment.statistics.power import Duration
from contender.metrics import PlannedMetric
from contender.moments import DAY_S
from contender.tasks.task import Task
from contender.values import CHAMPION

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store

DEFAULT_RAMP: Final = "0.1:100,0.5"
USUAL_DEVIATION: Final = 0.2
"""Of one unit's reward, where no experiment has measured it yet."""


def plan(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    smallest_effect: Annotated[float, typer.Option(help="The smallest effect on reward worth having.")] = 0.02,
    deviation: Annotated[
        float, typer.Option(min=0, help="Standard deviation of one unit's reward; 0: as the last experiment saw it.")
    ] = 0,
    terms: Annotated[list[str] | None, typer.Option("--set", help="Another term, as NAME=VALUE; repeatable.")] = None,
    window: Annotated[str, typer.Option(help="How long outcomes of a person count: 14d, 36h, 90s.")] = "",
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", help="A metric of the task that informs; repeatable.")
    ] = None,
    guarded: Annotated[
        list[str] | None,
        typer.Option("--guardrail", help="A metric of the task that may not get worse by more, as NAME=MARGIN."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--out", help="Write the plan here, for `experiment start`.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """State an experiment's terms, how many units they ask for, and how many days those take at today's traffic.

    The sequential answer is simulated. Today's traffic is that of the last seven days, once there is a day of it. A
    person's value is final when the window has closed: the days hold that of the last one.

    Terms are the fields of `Plan`: alpha, power, margins of the guardrails, group_units, favourable_label and others.

    Example: contender experiment plan --smallest-effect 0.01 --window 7d --metric acceptance --out plan.json
    """
    place = workplace(task)
    stated: dict[str, object] = dict(map(term, terms or [])) | {"smallest_effect": smallest_effect}
    chosen = measured(place.task, metrics or [], guarded or [], window)
    if chosen:
        stated["metrics"] = [metric.to_document() for metric in chosen]
    planned = with_task_terms(within(from_json(json.dumps(stated)), window), place.task)
    store = place.store
    spread, source = (deviation, "as told") if deviation else spread_seen(store, task, planned)
    needed = needed_for(units_needed(planned, spread**2), store.daily_units(task), planned.window_s / DAY_S)
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


_UNITS_S: Final[Mapping[str, float]] = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}


def seconds_of(duration: str) -> float:
    """The seconds of a duration such as 14d, 36h, 10m or 90s.

    Raises:
        InvalidInput: anything else.
    """
    try:
        return float(duration[:-1]) * _UNITS_S[duration[-1:]]
    except (ValueError, KeyError) as error:
        problem = f"{duration!r} is not a number with s, m, h or d"
        raise InvalidInput("--window", problem, remedy="for example 14d") from error


def within(planned: Plan, window: str) -> Plan:
    """The plan with that window, such as 14d, and a grace that is no longer; as it is where `window` is empty."""
    if not window:
        return planned
    window_s = seconds_of(window)
    return replace(planned, window_s=window_s, grace_s=min(planned.grace_s, window_s))


def measured(task: Task, names: Sequence[str], guarded: Sequence[str], window: str) -> list[PlannedMetric]:
    """The task's metrics that were asked for: `names` inform, `guarded` (NAME=MARGIN) guard; in `window` if stated.

    Raises:
        InvalidInput: a metric that the task does not measure, or a margin that is none.
    """
    found = [_measure(task, name, "--metric").as_role("secondary") for name in names]
    for words in guarded:
        name, margin = term(words)
        if isinstance(margin, bool) or not isinstance(margin, int | float):
            raise InvalidInput("--guardrail", f"{words!r} is not NAME=MARGIN")
        found.append(replace(_measure(task, name, "--guardrail").as_role("guardrail"), margin=float(margin)))
    return [replace(metric, window_s=seconds_of(window)) for metric in found] if window else found


def _measure(task: Task, name: str, option: str) -> PlannedMetric:
    for metric in task.measures:
        if metric.name == name:
            return metric
    known = ", ".join(metric.name for metric in task.measures) or "none"
    raise InvalidInput(option, f"{task.name} does not measure {name!r}", remedy=f"choose one of: {known}")


def with_task_terms(planned: Plan, task: Task) -> Plan:
    """The plan with the price of a review and the threshold of one that the task states, where it leaves them out."""
    return replace(
        planned,
        review_value=task.review_value if planned.review_value is None else planned.review_value,
        min_confidence=task.policy.min_confidence if planned.min_confidence is None else planned.min_confidence,
        outcomes_ignore_answers=planned.outcomes_ignore_answers or task.outcomes_ignore_answers,
    )


def earlier_of_pair(store: Store, task: str, champion: str, challengers: Sequence[str], since: float) -> list[str]:
    """The ids of the experiments, begun after `since`, that compared one of `challengers` with that champion.

    Whichever of the two was champion then. Where one was only a shadow of the other nothing could be promoted.
    """
    wanted = {frozenset((champion, challenger)) for challenger in challengers}
    recent = (one for one in map(from_document, store.experiments(task)) if one.started_at >= since)
    return [one.id for one in recent if wanted & {frozenset((one.champion, old)) for old in one.versions.values()}]


def spread_seen(store: Store, task: str, planned: Plan) -> tuple[float, str]:
    """The standard deviation of one unit's primary value, adjusted where the plan adjusts, and where it was seen."""
    primary = planned.primary
    for document in reversed(store.experiments(task)):
        experiment = from_document(document)
        arm = store.experiment_data(experiment.id).arms.get(CHAMPION)
        if arm is None or arm.metric(primary.name).value.n < planned.min_units:
            continue
        mean = arm_mean(primary, arm.metric(primary.name), review_value(experiment.plan))
        if mean is None:
            continue
        spread, source = math.sqrt(mean.estimate.variance), f"champion's units of {document['id']}"
        found = adjusted((arm, arm), planned) if experiment.plan.covariate == planned.covariate else None
        if found is None:
            return spread, source
        return spread * math.sqrt(1.0 - max(0.0, found.saving)), f"{source}, adjusted by the {planned.covariate}"
    return USUAL_DEVIATION, "assumed: no experiment has seen enough units"


def needed_for(duration: Duration, units_per_day: float, window_days: float) -> dict[str, float | str | None]:
    """Units for the planned power, on average until a verdict, and for a fixed horizon; and the days they take.

    The last of them has a value once its window has closed: the days hold it.
    """
    units = duration._asdict()
    days = {
        name.replace("units", "days"): round(count / units_per_day + window_days, 1) if units_per_day else None
        for name, count in units.items()
    }
    return {**units, "units_per_day": round(units_per_day, 1), **days, "window_days": round(window_days, 2)}


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


def terms_of(file: Path | None, ramp: str) -> Plan:
    """The plan in `file`, or the usual one, with the ramp that was asked for: its own, or the usual one.

    Raises:
        InvalidInput: no plan, or no ramp.
    """
    found = _read(file)
    wanted = steps(ramp or DEFAULT_RAMP) if ramp or not found.ramp else found.ramp
    return replace(found, challenger_share=wanted[-1].share, ramp=wanted)


def _read(file: Path | None) -> Plan:
    if file is None:
        return Plan()
    document = object_of("--plan", file, remedy="contender experiment plan --out plan.json")
    return from_json(json.dumps(document))


def _render(document: Mapping[str, Any]) -> Group:
    note("the sequential answer is simulated; the fixed one is for comparison and must not be looked at early")
    if not document["needed"]["units_per_day"]:
        note("not enough traffic yet to estimate the duration: that takes a day of it within the last seven")
    return Group(pairs(document["needed"], "units needed"), pairs(document["plan"], "plan"))
