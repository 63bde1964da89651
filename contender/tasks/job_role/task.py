"""The task job-role: which role fits this candidate's skills?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import BaseModel

from contender.errors import InvalidInput
from contender.metrics import PlannedMetric
from contender.tasks.hiring import HIRING_MEASURES
from contender.tasks.job_role import features, synthetic
from contender.tasks.job_role.metric import CEILING, MACRO_F1, REVIEW_VALUE, role_reward
from contender.tasks.job_role.phrases import phrases
from contender.tasks.job_role.schema import ROLES, JobRoleRow
from contender.tasks.task import AnswerKind, Metric, Probabilities
from contender.values import FallbackPolicy, Prediction, Row

if TYPE_CHECKING:
    from contender.tasks.job_role.estimator import JobRoleRecipe

RANKED: Final = 5
"""How many roles a ranking names."""

_KNOWN: Final = frozenset(ROLES)


class JobRole:
    """Which of 45 roles fits this candidate? Many classes of very different sizes, from skills as free text.

    Protected attributes are no part of the schema. When a training file carries them beside it, fairness is audited
    by them and no model sees them.
    """

    name: str = "job-role"
    kind: AnswerKind = "label"
    schema: type[BaseModel] = JobRoleRow
    id_column: str = "candidate_id"
    target: str = "job_role"
    protected: tuple[str, ...] = ("gender", "age_group")
    metric: Metric = MACRO_F1
    ceiling: float = CEILING
    review_value: float = REVIEW_VALUE
    measures: tuple[PlannedMetric, ...] = HIRING_MEASURES
    outcomes_ignore_answers: bool = False
    """A candidate is often placed in the role that was proposed."""
    policy: FallbackPolicy = FallbackPolicy(deadline_ms=150, min_confidence=REVIEW_VALUE)
    features_version: int = 1

    def group_keys(self, row: Row) -> tuple[str, ...]:
        """The candidate, and the digest of what the model would see: neither the same id nor a copy can straddle.

        Two spellings of the same profile are one: other order, case or punctuation of the skills.
        """
        seen = [phrases(str(row["skills"])), row.get("qualification"), row.get("experience_level")]
        content = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
        return (f"id:{row[self.id_column]}", f"row:{content}")

    def label_of(self, value: object) -> str:
        """The role that `value` names, exactly as spelt in the classification.

        Raises:
            InvalidInput: anything else.
        """
        if not isinstance(value, str) or value not in _KNOWN:
            raise InvalidInput(self.target, f"must be one of the {len(ROLES)} known roles, not {value!r}")
        return value

    def fit_features(self, rows: Sequence[Row], labels: Sequence[str]) -> features.JobRoleEncoder:  # noqa: ARG002 - the protocol's; no statistic of the target is a feature
        """An encoder fitted on training rows (and only those)."""
        return features.fit(rows)

    def load_features(self, document: Mapping[str, Any]) -> features.JobRoleEncoder:
        """The encoder that `to_document` described.

        Raises:
            InvalidArtifact: a document this task did not write.
        """
        return features.load(document)

    def decide(self, probabilities: Probabilities, classes: Sequence[str]) -> list[Prediction]:
        """The most probable role of each row with its probability as confidence and score, and the `RANKED` best.

        A tie goes to the class that comes first in `classes`.
        """
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :RANKED]
        best = np.take_along_axis(probabilities, order, axis=1)
        return [
            _prediction([classes[place] for place in places], scores)
            for places, scores in zip(order.tolist(), best.tolist(), strict=True)
        ]

    def reward(self, prediction: Prediction, outcome: object) -> float:
        """1 for the right role, 0 for a wrong one, `REVIEW_VALUE` for a review; see `role_reward`.

        Raises:
            InvalidInput: an outcome that is not a known role.
        """
        return role_reward(prediction, self.label_of(outcome))

    def generate(self, count: int, seed: int) -> list[dict[str, object]]:
        """`count` synthetic training rows; see `synthetic.generate`."""
        return synthetic.generate(count, seed)

    def recipe(self) -> JobRoleRecipe:
        """The training half; imports scikit-learn."""
        from contender.tasks.job_role.estimator import JobRoleRecipe

        return JobRoleRecipe()


def _prediction(labels: Sequence[str], scores: Sequence[float]) -> Prediction:
    return Prediction(labels[0], scores[0], scores[0], tuple(zip(labels, scores, strict=True)))
