"""Effects and margins on arrays: what `contender.experiment.inference` says of every look at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import Values
from benchmarks.peeking_statistics import (
    Bools,
    Floats,
    Means,
    always_valid,
    difference,
    excess_p,
    mean_of,
    one_sided_p,
)
from contender.experiment.inference import EXACT_PART, FEW, review_value
from contender.experiment.plan import Plan


class Primary(NamedTuple):
    """The effect on the primary metric at every look; `futile` where its interval's upper end is too low.

    `low` and `high` are of the asymptotic interval.
    """

    effect: Floats
    p_value: Floats
    futile: Bools
    low: Floats
    high: Floats


def means_of(values: Values, arm: int, cell: Cell, plan: Plan, *, event: bool = False) -> Means:
    """The arm's mean, reviewed units at their price, in the proportion that was answered; NaN while it is unknown."""
    matured, reviewed, n = (array[..., arm] for array in (values.matured, values.reviewed, values.n))
    total = values.total[..., arm]
    mean, variance = mean_of(n, total, values.squares[..., arm])
    answered = matured - reviewed
    unknown = ((answered > 0) & (n == 0)) | (matured == 0)
    counts = total if event or cell.proportion else np.full(total.shape, np.nan)
    if event or not cell.observed:
        return Means(n, np.where(unknown, np.nan, mean), variance, counts)
    price = review_value(plan)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(matured > 0, answered / matured, 0.0)
        own = np.where(n > 0, part * part * variance / n, 0.0)
        between = np.where(n > 0, (mean - price) ** 2 * part * (1.0 - part) / matured, 0.0)
    units = n + reviewed
    whole = (1.0 - part) * price + part * mean
    return Means(units, np.where(unknown, np.nan, whole), (own + between) * units, counts)


def compare(arms: tuple[Means, Means], change: tuple[Means, Means] | None, plan: Plan) -> Primary:
    """The effect against none: exact while a proportion's events are few, adjusted by `change` where it is not."""
    few = arms[0].few(FEW) | arms[1].few(FEW)
    part = _part(arms)
    used = change or arms
    estimate, error = difference(*used)
    found = always_valid(estimate, error, used[0].n + used[1].n, (part * plan.level, plan.tuning_units), 0.0)
    smallest = plan.primary.smallest_effect
    p_value = np.minimum(1.0, found.p_value / part)
    exact_p, under = _exact(arms, smallest, few)
    known = arms[0].known & arms[1].known
    return Primary(
        np.where(known, np.where(few, arms[1].mean - arms[0].mean, estimate), np.nan),
        np.where(known, np.where(few, np.minimum(1.0, exact_p / EXACT_PART), p_value), 1.0),
        known & np.where(few, under <= EXACT_PART * plan.level, found.high < smallest),
        found.low,
        found.high,
    )


def _part(arms: tuple[Means, Means]) -> float:
    """The asymptotic sequence's part of the level: of a proportion the exact test has the rest."""
    return 1.0 if np.isnan(arms[0].events).all() else 1.0 - EXACT_PART


def _exact(arms: tuple[Means, Means], smallest: float, few: Bools) -> tuple[Floats, Floats]:
    """The exact p-values against no effect, and against at least the smallest one worth having; 1 where not `few`."""
    first, second = ((arm.events, arm.n) for arm in arms)
    either = np.minimum(excess_p(first, second, 0.0, few), excess_p(second, first, 0.0, few))
    return either, excess_p(second, first, -smallest, few)


def harm_p(arms: tuple[Means, Means], margin: float, plan: Plan, level: float) -> Floats:
    """Against the challenger being worse by at most the margin, of a metric of which more is good."""
    return _one_sided(arms, -margin, plan, level, harm=True)


def safe_p(arms: tuple[Means, Means], margin: float, plan: Plan, level: float) -> Floats:
    """Against the challenger being worse by at least the margin."""
    return _one_sided(arms, -margin, plan, level, harm=False)


def _one_sided(arms: tuple[Means, Means], null: float, plan: Plan, level: float, *, harm: bool) -> Floats:
    part = _part(arms)
    estimate, error = difference(*arms)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (estimate - null) / error
    p_value = one_sided_p(-score if harm else score, arms[0].n + arms[1].n, error, (part * level, plan.tuning_units))
    p_value = np.minimum(1.0, p_value / part)
    few = arms[0].few(FEW) | arms[1].few(FEW)
    champion, challenger = ((arm.events, arm.n) for arm in arms)
    exact = excess_p(challenger, champion, -null, few) if harm else excess_p(champion, challenger, null, few)
    p_value = np.where(few, np.minimum(1.0, exact / EXACT_PART), p_value)
    return np.where(arms[0].known & arms[1].known, p_value, 1.0)
