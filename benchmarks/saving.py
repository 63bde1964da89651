"""What CUPED saves on real people: the baseline model's reward on the same person as covariate.

Half of the people train champion, challenger (on a third of that half) and baseline; the other half are dealt to two
arms as an experiment would deal them, and rewarded as the task rewards, reviews included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.experiment.data import PairedSample, Sample
from contender.experiment.plan import Plan, units_needed
from contender.experiment.statistics.cuped import adjust
from contender.experiment.statistics.effect import difference
from contender.experiment.statistics.moments import mean_of
from contender.tasks.catalog import task_named
from contender.tasks.task import Encoder, Estimator, Task
from contender.values import REVIEW_LABEL, Row
from pipelines.steps.ingest import read_csv
from pipelines.steps.split import divide
from pipelines.steps.validate import check_rows

SPLITS = 200
"""How often the people are dealt to arms anew: what adjustment does to the effect's spread is measured on these."""

Floats = NDArray[np.float64]


def saving(file: Path, task_name: str = "job-change", seed: int = 0) -> dict[str, dict[str, Any]]:
    """Units that the experiment on these people needs, plain and adjusted, and whether both find the same effect."""
    task = task_named(task_name)
    parts = divide(task, check_rows(task, read_csv(file)).good, {"train": 0.5, "live": 0.5}, seed)
    train, live = parts["train"], parts["live"]
    encoder, recipe = task.fit_features(train, _labels(task, train)), task.recipe()
    models = (
        (recipe.build(recipe.defaults(), seed), train),
        (recipe.build(recipe.defaults(), seed), train[::3]),
        (recipe.baseline(seed), train),
    )
    fitted = [_fitted(task, encoder, model, rows) for model, rows in models]
    champion, challenger, baseline = (
        _rewards(task, encoder, model, live, reviews=model is not fitted[-1]) for model in fitted
    )
    return _figures(champion, challenger, baseline, np.random.default_rng(seed))


def _labels(task: Task, rows: Sequence[Row]) -> list[str]:
    return [task.label_of(row[task.target]) for row in rows]


def _fitted(task: Task, encoder: Encoder, model: Estimator, rows: Sequence[Row]) -> Estimator:
    model.fit(encoder.encode(rows), np.array(_labels(task, rows)))
    return model


def _rewards(task: Task, encoder: Encoder, model: Estimator, rows: Sequence[Row], *, reviews: bool) -> Floats:
    """Each person's reward; with `reviews` an unsure answer becomes a person's work, as the transformer has it."""
    told = task.decide(model.predict_proba(encoder.encode(rows)), [str(name) for name in model.classes_])
    least = task.policy.min_confidence if reviews else 0.0
    answers = [replace(one, label=REVIEW_LABEL) if one.confidence < least else one for one in told]
    return np.array([task.reward(one, row[task.target]) for one, row in zip(answers, rows, strict=True)])


def _figures(champion: Floats, challenger: Floats, baseline: Floats, rng: np.random.Generator) -> dict[str, Any]:
    plain, adjusted, savings = [], [], []
    for _ in range(SPLITS):
        other = rng.random(len(baseline)) < 0.5
        arms = _pairs(champion[~other], baseline[~other]), _pairs(challenger[other], baseline[other])
        found = adjust(*arms)
        plain.append(difference(*(mean_of(arm.first) for arm in arms)).estimate)
        adjusted.append(difference(found.champion, found.challenger).estimate)
        savings.append(found.saving)
    part, variance = float(np.mean(savings)), float(champion.var())
    before, after = (units_needed(Plan(), variance * left).units for left in (1.0, 1.0 - part))
    shift = abs(float(np.mean(adjusted)) - float((challenger - champion).mean()))
    allowed = 3.0 * float(np.std(adjusted)) / SPLITS**0.5
    return {
        "cuped_variance_saved": _figure(100 * part, "%", part > 0.0),
        "cuped_spread_of_effect_saved": _figure(100 * (1 - float(np.var(adjusted) / np.var(plain))), "%", True),
        "cuped_units_plain": _figure(before, "units", True),
        "cuped_units_adjusted": _figure(after, "units", after < before),
        "cuped_units_saved": _figure(100 * (1 - after / before), "%", after < before),
        "cuped_bias": {"value": round(shift, 5), "unit": "reward", "goal": f"< {allowed:.5f}", "ok": shift < allowed},
    }


def _pairs(first: Floats, second: Floats) -> PairedSample:
    one, two = (Sample(len(x), float(x.sum()), float(np.square(x).sum())) for x in (first, second))
    return PairedSample(one, two, float(first @ second))


def _figure(value: float, unit: str, ok: bool) -> dict[str, Any]:
    return {"value": round(float(value), 1), "unit": unit, "goal": "stated", "ok": bool(ok)}
