"""What the covariate saves: on real people by the baseline model's score of them, and on simulated ones.

Half of the real people train champion, challenger (on a third of that half) and baseline; the other half are dealt to
two arms as an experiment would deal them, and rewarded as the task rewards, reviews included. Simulated people have a
value before the experiment that correlates with the one in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from contender.experiment.data import Sample, Stratum
from contender.experiment.plan import Plan, units_needed
from contender.experiment.statistics.effect import difference
from contender.experiment.statistics.moments import mean_of
from contender.experiment.statistics.strata import Stratified, adjust_by_strata
from contender.experiment.unit_values import BINS
from contender.tasks.catalog import task_named
from contender.tasks.task import Encoder, Estimator, Task
from contender.values import REVIEW_LABEL, Row
from pipelines.steps.ingest import read_csv
from pipelines.steps.split import LIVE, TEST, TRAIN, divide
from pipelines.steps.validate import check_rows

SPLITS: Final = 200
"""How often the people are dealt to arms anew: what adjustment does to the effect's spread is measured on these."""

CORRELATION: Final = 0.6
PEOPLE: Final = 4_000
LEAST_SAVING: Final = 0.3
NOISE: Final = 0.01
"""A covariate that knows nothing may cost this part of the variance: what it takes to learn that it knows nothing."""

Floats = NDArray[np.float64]
Figures = dict[str, dict[str, Any]]


class Valued(NamedTuple):
    """Values of the same people in both arms, what was known of them before, and whether either answer is a review."""

    champion: Floats
    challenger: Floats
    covariate: Floats
    reviewed: tuple[NDArray[np.bool_], NDArray[np.bool_]]


class Deals(NamedTuple):
    """The effect plain and adjusted, and the saving claimed, by deal."""

    plain: Floats
    adjusted: Floats
    savings: Floats

    @property
    def spread_saved(self) -> float:
        """The part of the effect's variance over the deals that adjustment takes away."""
        return 1.0 - float(self.adjusted.var() / self.plain.var())

    @property
    def spread_error(self) -> float:
        """The standard error of `spread_saved`: of the ratio of two variances whose effects correlate."""
        shared = float(np.corrcoef(self.plain, self.adjusted)[0, 1])
        return float((1.0 - self.spread_saved) * (4.0 * (1.0 - shared**2) / len(self.plain)) ** 0.5)


def saving(file: Path, task_name: str = "job-change", seed: int = 0) -> Figures:
    """Units that the experiment on these people needs, plain and adjusted, and whether both find the same effect."""
    task = task_named(task_name)
    parts = divide(task, check_rows(task, read_csv(file)).good, {TRAIN: 0.5, TEST: 0.0, LIVE: 0.5})
    train, live = parts[TRAIN], parts[LIVE]
    encoder, recipe = task.fit_features(train, _labels(task, train)), task.recipe()
    champion, challenger = (
        _fitted(task, encoder, recipe.build(recipe.defaults(), seed), rows) for rows in (train, train[::3])
    )
    baseline = _fitted(task, encoder, recipe.baseline(seed), train)
    answers = [_rewards(task, encoder, model, live) for model in (champion, challenger)]
    people = Valued(
        answers[0][0], answers[1][0], _scores(task, encoder, baseline, live), (answers[0][1], answers[1][1])
    )
    return _figures(people, np.random.default_rng(seed))


def simulated_saving(*, quick: bool, seed: int = 0) -> Figures:
    """What a covariate saves that correlates with the value, and what one costs that does not."""
    rng = np.random.default_rng(seed)
    deals = 1_000 if quick else 4_000
    nobody = np.zeros(PEOPLE, bool)
    found: Figures = {}
    for name, correlation, least in (("correlated", CORRELATION, LEAST_SAVING), ("useless", 0.0, -NOISE)):
        before = rng.standard_normal(PEOPLE)
        value = correlation * before + (1.0 - correlation**2) ** 0.5 * rng.standard_normal(PEOPLE)
        value = np.clip(0.5 + 0.125 * value, 0.0, 1.0)
        seen = deal(Valued(value, value, ndtr(before), (nobody, nobody)), rng, deals)
        for kind, part, noise in (
            ("claimed", float(seen.savings.mean()), 0.0),
            ("shown", seen.spread_saved, 3.0 * seen.spread_error),
        ):
            goal = f">= {100 * least:g}" + (f" (- {100 * noise:.1f} of simulation)" if noise else "")
            value = round(100 * part, 1)
            found[f"units_saved_{kind} {name}"] = {
                "value": value,
                "unit": "%",
                "goal": goal,
                "ok": part >= least - noise,
            }
    return found


def deal(people: Valued, rng: np.random.Generator, deals: int) -> Deals:
    """The people dealt to two arms of equal shares, again and again."""
    found = []
    for _ in range(deals):
        other, fold = rng.random(len(people.covariate)) < 0.5, rng.random(len(people.covariate)) < 0.5
        arms = (people.champion, ~other, people.reviewed[0]), (people.challenger, other, people.reviewed[1])
        samples = [_sample(values[inside]) for values, inside, _ in arms]
        strata = [
            stratified(values[inside], people.covariate[inside], fold[inside], reviewed[inside])
            for values, inside, reviewed in arms
        ]
        change = adjust_by_strata(*strata)
        plain = difference(*map(mean_of, samples)).estimate
        found.append((plain, difference(change.champion, change.challenger).estimate, change.saving))
    plain, adjusted, savings = np.array(found).T
    return Deals(plain, adjusted, savings)


def stratified(values: Floats, covariate: Floats, fold: NDArray[np.bool_], reviewed: NDArray[np.bool_]) -> Stratified:
    """The values by fold, bin of the covariate, and whether a person decided."""
    bins = np.minimum((covariate * BINS).astype(np.int64), BINS - 1)
    place = (fold * BINS + bins) * 2 + reviewed
    sums = [np.bincount(place, weights, 4 * BINS) for weights in (None, values, np.square(values))]
    strata = {
        Stratum(number // (2 * BINS), number // 2 % BINS, bool(number % 2)): Sample(
            int(n), float(total), float(squares)
        )
        for number, (n, total, squares) in enumerate(zip(*sums, strict=True))
        if n
    }
    return Stratified(strata)


def _labels(task: Task, rows: Sequence[Row]) -> list[str]:
    return [task.label_of(row[task.target]) for row in rows]


def _fitted(task: Task, encoder: Encoder, model: Estimator, rows: Sequence[Row]) -> Estimator:
    model.fit(encoder.encode(rows), np.array(_labels(task, rows)))
    return model


def _rewards(task: Task, encoder: Encoder, model: Estimator, rows: Sequence[Row]) -> tuple[Floats, NDArray[np.bool_]]:
    """Each person's reward, and whether an unsure answer became a person's work, as the transformer has it."""
    told = task.decide(model.predict_proba(encoder.encode(rows)), [str(name) for name in model.classes_])
    unsure = np.array([one.confidence < task.policy.min_confidence for one in told])
    answers = [replace(one, label=REVIEW_LABEL) if review else one for one, review in zip(told, unsure, strict=True)]
    return np.array([task.reward(one, row[task.target]) for one, row in zip(answers, rows, strict=True)]), unsure


def _scores(task: Task, encoder: Encoder, model: Estimator, rows: Sequence[Row]) -> Floats:
    """The baseline's score of each person: it was fixed before anybody was answered."""
    told = task.decide(model.predict_proba(encoder.encode(rows)), [str(name) for name in model.classes_])
    return np.array([one.score for one in told])


def _figures(people: Valued, rng: np.random.Generator) -> Figures:
    seen = deal(people, rng, SPLITS)
    part, variance = float(seen.savings.mean()), float(people.champion.var())
    before, after = (units_needed(Plan(), variance * left).units for left in (1.0, 1.0 - part))
    shift = abs(float(seen.adjusted.mean()) - float((people.challenger - people.champion).mean()))
    allowed = 3.0 * float(seen.adjusted.std()) / SPLITS**0.5
    return {
        "covariate_variance_saved": _figure(100 * part, "%", part > -NOISE),
        "covariate_spread_of_effect_saved": _figure(100 * seen.spread_saved, "%", True),
        "covariate_units_plain": _figure(before, "units", True),
        "covariate_units_adjusted": _figure(after, "units", part > -NOISE),
        "covariate_units_saved": _figure(100 * (1 - after / before), "%", part > -NOISE),
        "covariate_bias": {
            "value": round(shift, 5),
            "unit": "reward",
            "goal": f"< {allowed:.5f}",
            "ok": shift < allowed,
        },
    }


def _sample(values: Floats) -> Sample:
    return Sample(len(values), float(values.sum()), float(np.square(values).sum()))


def _figure(value: float, unit: str, ok: bool) -> dict[str, Any]:
    return {"value": round(float(value), 1), "unit": unit, "goal": "stated", "ok": bool(ok)}
