"""The words that every room shares: predictions, versions, exposures, outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

REVIEW_LABEL: Final = "Review_Required"
"""The label that hands a person's case to a person."""

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
LIVE: Final = "live"
REHEARSAL: Final = "rehearsal"
"""Where a request came from: a person who waits, or one who is played. Both are counted; exposures say which it was."""

BASELINE: Final = "baseline"
PREVIOUS: Final = "previous"
REVIEW: Final = "review"
"""`served_by` of an answer made in-process because nobody else could answer."""
HOLDOUT: Final = "holdout"
"""The arm of the few who stay on the version before after a promotion."""
SHADOW: Final = "shadow"
"""`assigned_to` of a mirrored request: nobody was told its answer."""
UNASSIGNED: Final = "unassigned"
"""`assigned_to` of a request without a unit id; it takes no part in analysis."""

SLOTS: Final = ("blue", "green")

REWARD: Final = "reward"
"""The metric that every task has: what an answer earns by the truth, which comes as an outcome of this metric."""

Row = Mapping[str, object]
"""One person (or pair) as the task's schema describes it: field name to plain value, `None` for missing."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model version says about one row, before any policy is applied to it.

    `label` is the best answer, `confidence` its calibrated probability in [0, 1]. `score` is the number that the
    task's reward judges, in [0, 1]: the probability of the positive class for binary tasks, else `confidence`.
    `ranking` lists (label, score) best first, for tasks that answer with an order; it may be cut to the top few.
    """

    label: str
    confidence: float
    score: float
    ranking: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """When an answer is given up: the request's deadline, the least confidence that passes, the label for a person."""

    deadline_ms: int = 150
    min_confidence: float = 0.6
    label: str = REVIEW_LABEL


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One immutable registered version of a task's model.

    `artifact` is the folder or URI of its serving artifact and `digest` the sha256 (hex) of that artifact's
    ``manifest.json``: together they name exactly what may be served. `semver` is derived from lineage.
    """

    task: str
    version: str
    semver: str
    artifact: str
    digest: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exposure:
    """The record that a unit was answered.

    `assigned_to` is the arm that the hash chose (analysis is by it: intention to treat), `served_by` who really
    answered: an arm's name, ``baseline`` or ``review``. `label` is what the client was told; `score` and
    `confidence` are the answering model's own, `None` when no model answered. `at` is seconds since the epoch,
    `latency_ms` the time inside the transformer.

    `groups` are the unit's protected attributes as far as they are known, such as ``{"gender": "Female"}``; the store
    keeps them apart. `baseline_label` and `baseline_score` are what the baseline model says of the same row, where it
    was asked at once; what it says later comes as a `Covariate`. A shadow's exposure is named by `shadow_of` the
    exposure that it mirrors. `features` is the row as the schema describes it, for the sampled share that is kept for
    drift; the store keeps it apart. `counted` is false for whoever the experiment does not cover (yet): served by the
    champion, and no part of the comparison.
    """

    prediction_id: str
    task: str
    experiment_id: str | None
    generation: int
    unit_id: str | None
    assigned_to: str
    served_by: str
    model_version: str | None
    label: str
    score: float | None
    confidence: float | None
    fallback_reason: str | None
    latency_ms: float
    at: float
    source: str = LIVE
    groups: Mapping[str, str] = field(default_factory=dict)
    baseline_label: str | None = None
    baseline_score: float | None = None
    features: Mapping[str, object] | None = None
    counted: bool = True


_PREDICTION_ID: Final = re.compile(r"[0-9a-f]{32}")


def is_prediction_id(text: str) -> bool:
    """Whether an answer of ours can have that id: 32 hex digits, the only form that the transformer makes.

    >>> is_prediction_id("01a3185c500000000000000000000000"), is_prediction_id("01a3185c…")
    (True, False)
    """
    return _PREDICTION_ID.fullmatch(text) is not None


def shadow_of(prediction_id: str) -> str:
    """The prediction id of the shadow's answer to the same request: the outcome of one is the outcome of both.

    >>> shadow_of("p1")
    'p1~shadow'
    """
    return f"{prediction_id}~{SHADOW}"


def holdout_of(experiment_id: str) -> str:
    """The id of the experiment of those who stay on the version before, when that experiment has led to a promotion.

    >>> holdout_of("job-change-7-vs-8")
    'job-change-7-vs-8-holdout'
    """
    return f"{experiment_id}-{HOLDOUT}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened later to an answered unit, joined to its exposure by `prediction_id`.

    Idempotent by task, prediction, metric and `event_id`. `metric` says what it is an event of: ``reward``, whose
    `value` is the truth in the task's own words (for job-change 0 or 1, for job-role the role), or another such as
    ``acceptance``, whose `value` is a number of at least 0. `at` is when it happened, in seconds since the epoch.
    """

    event_id: str
    prediction_id: str
    task: str
    value: str | int | float
    at: float
    metric: str = REWARD


@dataclass(frozen=True, slots=True)
class Covariate:
    """What the baseline model says of the row behind an exposure, found by `prediction_id`.

    `label` and `score` (in [0, 1]) are the baseline's own, whoever answered: its reward on the same outcome takes
    noise out of the comparison of the arms.
    """

    prediction_id: str
    task: str
    label: str
    score: float
